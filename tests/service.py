"""A service that takes messages, imitated: what came, what is answered, and how it is put on the loopback. Without
`serving` nothing is I/O. The imitations are in tests/chats.py and tests/pagers.py.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from aiohttp import web


class Seen(NamedTuple):
    """A request as it came. path: with its escapes."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def json(self) -> Any:
        assert self.header("Content-Type").partition(";")[0] == "application/json", self.headers
        return json.loads(self.body)


class Reply(NamedTuple):
    status: int
    body: object = ""
    headers: Mapping[str, str] = {}

    def raw(self) -> bytes:
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class Service:
    """taken: what the service has shown or kept. answers: given before anything is taken. config: of a channel that
    leads here, by the URL of this server; `stored`: what a definition has of that."""

    kind: ClassVar[str]

    def __init__(self, *answers: Reply) -> None:
        self.answers = list(answers)
        self.taken: list[Any] = []
        self.requests: list[Seen] = []
        self.url = "http://127.0.0.1:1"

    def config(self) -> dict[str, Any]:
        raise NotImplementedError

    def take(self, seen: Seen) -> Reply:
        raise NotImplementedError

    def answer(self, seen: Seen) -> Reply:
        self.requests.append(seen)
        return self.answers.pop(0) if self.answers else self.take(seen)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        parts = urlsplit(request.raw_path)
        query = parse_qs(parts.query, keep_blank_values=True)
        seen = Seen(request.method, parts.path, query, dict(request.headers), await request.read())
        reply = self.answer(seen)
        return web.Response(status=reply.status, body=reply.raw(), headers=dict(reply.headers))


def balanced(markup: str) -> bool:
    """Whether every element but a line break is closed in its order, and nothing else looks like one."""
    open_names: list[str] = []
    rest = markup = markup.replace("<br>", "\n")
    for end, name in re.findall(r"<(/?)([a-z]+)(?: [a-z]+=\"[^\"<>]*\")*>", markup):
        if not end:
            open_names.append(name)
        elif not open_names or open_names.pop() != name:
            return False
    rest = re.sub(r"</?[a-z]+(?: [a-z]+=\"[^\"<>]*\")*>", "", rest)
    return not open_names and "<" not in rest and ">" not in rest


@contextlib.asynccontextmanager
async def serving(service: Any) -> AsyncIterator[Any]:
    """The service on the loopback."""
    runner = web.ServerRunner(web.Server(service), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
