"""The REST APIs of the running Pingfold, as declarations use them: one connection, and the keys of both APIs.

`PINGFOLD_KEY` may hold a key of each API, with a comma between them; without it the keys of `credentials.json` count. A
request that comes too early (429) is made again when the server says so, for a bounded time. Nothing else is repeated:
what was not answered may have been done, and whoever applies once more finds out.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from infra.secrets.metrics_key import bearer
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.errors import CommandFailed
from pingfold.running_place import running_place, verification

_TIMEOUT = 30.0
_MOST_WAITS, _LONGEST_WAIT = 10, 60.0
_PER_PAGE, _MOST_LOOKS = 100, 5
_PREFIXES: Mapping[str, str] = {"healthchecks": "hc", "poppaping": "pp_"}
_NAMES: Mapping[str, str] = {"healthchecks": "Management API", "poppaping": "PoppaPing API"}


class ApiRefused(CommandFailed):
    """An API has refused a request. status: of the answer; 0: there is none."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Api:
    """Both APIs. transport, wait: of tests."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url, self._origin = running_place(settings)
        self._keys = _keys(settings)
        self._client = httpx.Client(
            base_url=self.url,
            timeout=_TIMEOUT,
            trust_env=False,
            verify=verification(self.url),
            transport=transport,
        )
        self._wait = wait

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def has_key(self, api: str) -> bool:
        """Whether there is a key of this API."""
        return api in self._keys

    def key_of(self, api: str) -> str:
        """The key of an API. Raises `CommandFailed` when there is none."""
        key = self._keys.get(api)
        if key is None:
            raise CommandFailed(
                f"PINGFOLD_KEY has no key of the {_NAMES[api]} (it begins with {_PREFIXES[api]}): "
                "give the keys of both APIs, with a comma between them"
            )
        return key

    def call(self, api: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What an API answers, decoded and without its envelope. Raises `ApiRefused`."""
        told = self._whole(api, method, path, body)
        try:
            return told["data"] if api == "poppaping" else told
        except (KeyError, TypeError):
            raise self._not_ours() from None

    def open(self, path: str) -> Any:
        """What is answered to anybody. Raises `ApiRefused`."""
        return self._told("GET", path, {}, None)

    def all(self, api: str, path: str) -> list[Any]:
        """All pages of a list of the PoppaPing API, oldest first.

        When things are made or removed meanwhile, what moves from one page to the next is listed once, and the list is
        asked for again until nothing has moved away unseen, for a bounded number of times.
        """
        for _ in range(_MOST_LOOKS):
            found: dict[str, Any] = {}
            seen, page, pages = 0, 1, 1
            total = 0
            while page <= pages:
                told = self._whole(api, "GET", f"{path}?per_page={_PER_PAGE}&page={page}", None)
                try:
                    more, pages = told["data"], int(told["meta"]["total_pages"])
                    total = int(told["meta"]["total"])
                    found |= {one["id"]: one for one in more}
                except (KeyError, TypeError, ValueError):
                    raise self._not_ours() from None
                seen, page = seen + len(more), page + 1
            if seen == len(found) == total:
                break
        return list(found.values())

    def _whole(self, api: str, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        key = self.key_of(api)
        return self._told(method, path, {"X-Api-Key": key} if api == "healthchecks" else bearer(key), body)

    def _told(self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None) -> Any:
        answer = self._answer(method, path, headers, body)
        if answer.is_error:
            raise ApiRefused(answer.status_code, f"{answer.status_code} {_words(answer)}")
        try:
            return answer.json()
        except ValueError:
            raise self._not_ours() from None

    def _not_ours(self) -> CommandFailed:
        return CommandFailed(f"the server at {self.url} is not Pingfold (address from {self._origin})")

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> httpx.Response:
        for _ in range(_MOST_WAITS):
            try:
                answer = self._client.request(method, path, json=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                words = f"{self.url} does not answer ({error}): is Pingfold running there?"
                raise ApiRefused(0, f"{words} (address from {self._origin})") from error
            if answer.status_code != 429:
                break
            told = answer.headers.get("Retry-After", "")
            self._wait(min(float(told), _LONGEST_WAIT) if told.isdecimal() else 1.0)
        return answer


def _keys(settings: Settings) -> dict[str, str]:
    if settings.key is None:
        known = credentials.load(credentials.path_of(settings))
        return {"healthchecks": known.healthchecks_key, "poppaping": known.poppaping_key}
    given = [key.strip() for key in settings.key.split(",") if key.strip()]
    found = {api: key for key in given for api, prefix in _PREFIXES.items() if key.startswith(prefix)}
    strange = [key for key in given if key not in found.values()]
    # Keys that an operator has chosen begin as they like: the first is for the API that has none yet.
    return found | dict(zip((api for api in _PREFIXES if api not in found), strange, strict=False))


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        why = told["error"]
        return str(why["message"] if isinstance(why, dict) else told.get("message") or why)
    except (ValueError, KeyError, TypeError):
        return answer.text or answer.reason_phrase
