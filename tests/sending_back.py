"""What a GET gave is sent back to the API that gave it."""

from typing import Any

import httpx
import msgspec

from tests.harness import POP_KEY, Harness

SETTINGS: dict[str, Any] = {
    "private_targets": "192.0.2.0/24",
    "smtp_host": "mail.example.org",
    "smtp_from": "a@b.example",
    "mail_confirmation": "off",
    "regions": "local,far",
}


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    body = answer.json()
    return body["data"] if isinstance(body, dict) and "data" in body else body


def but(thing: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in thing.items() if name not in names}


class Api:
    """One API: where things are, and the verb that changes them."""

    def __init__(self, harness: Harness, key: str, verb: str = "PATCH") -> None:
        self._harness, self._verb = harness, verb
        self._headers = {"Authorization": f"Bearer {key}"} if key == POP_KEY else {"X-Api-Key": key}

    async def call(self, verb: str, path: str, body: Any = None) -> httpx.Response:
        return await self._harness.client.request(verb, path, json=body, headers=self._headers)

    async def made(self, path: str, body: Any) -> dict[str, Any]:
        made: dict[str, Any] = data(await self.call("POST", path, body), 201)
        return made

    async def read(self, path: str) -> dict[str, Any]:
        read: dict[str, Any] = data(await self.call("GET", path))
        return read

    async def change(self, path: str, body: Any) -> httpx.Response:
        return await self.call(self._verb, path, body)

    async def sent_back(self, path: str, *moving: str) -> dict[str, Any]:
        """A thing is the same after it was sent back, but for the fields that move."""
        read = await self.read(path)
        data(await self.change(path, read))
        assert but(await self.read(path), *moving) == but(read, *moving)
        return read

    async def read_only(self, path: str, settable: type[msgspec.Struct], *drifting: str) -> None:
        """Each field that cannot be set is refused with a word when it is changed, alone and in a copy."""
        read = await self.read(path)
        for name in read.keys() - set(settable.__struct_fields__):
            other = not read[name] if isinstance(read[name], bool) else "2001-01-01T00:00:00+00:00"
            alone = await self.change(path, {name: other})
            assert (alone.status_code, f"'{name}' cannot be set" in alone.text) == (400, True), alone.text
            if name not in drifting:
                data(await self.change(path, {name: read[name]}))
            if name not in drifting and not name.endswith(("_at", "_until")):
                assert (await self.change(path, await self.read(path) | {name: other})).status_code == 400
