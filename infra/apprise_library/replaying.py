"""Gives the library the answers that servers have given, and ends it at the first request that none has answered.

The library posts, and reads the answer, in one breath; nothing waits here. Its work is begun anew with each answer, and
the n-th request gets the n-th answer, whatever it holds: nonces and times in it may differ from those that were sent.
"""

import io
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from infra.apprise_library.messages import Answer, HttpRequest

LONGEST_BODY = 2**20
_TOO_MANY = 429
# What belongs to a connection: Pingfold has its own.
_LEFT_OUT = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "proxy-authorization", "proxy-connection"}
)


class RequestWanted(BaseException):
    """A request that is still to be made. No error, so that no plugin takes it for one."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self.request = request


class Enough(BaseException):
    """The service asks for patience, and the library would go on: when it is tried again is for Pingfold to decide."""


class Replay:
    """The answers for one message. wanted: the request that comes after them."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self._answers: Iterator[Answer] = iter(answers)
        self.wanted: HttpRequest | None = None
        self._must_wait = False

    def answer(self, request: requests.PreparedRequest, verify: bool) -> requests.Response:
        """The answer to the next request. Raises `RequestWanted` when there is none yet, `Enough` after 429."""
        known = None if self.wanted is not None else next(self._answers, None)
        if known is None:
            if self._must_wait:
                raise Enough
            self.wanted = self.wanted or _request(request, verify)
            raise RequestWanted(self.wanted)
        self._must_wait = known.status == _TOO_MANY
        if known.error:
            raise (requests.Timeout if known.error == "timeout" else requests.ConnectionError)("no answer")
        response = requests.Response()
        response.status_code = known.status
        # Without a place to go to nobody goes there: redirects are not followed.
        gone_on = 300 <= known.status < 400
        response.headers.update({name: v for name, v in known.headers if not gone_on or name.lower() != "location"})
        response.raw = io.BytesIO(known.body)
        response.url, response.request = request.url or "", request
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        return response


class ReplayAdapter(HTTPAdapter):  # type: ignore[misc]  # which has no types
    """Stands where `requests` has what opens connections. `current`: the message that is being made up."""

    current: Replay | None = None

    def send(self, request: requests.PreparedRequest, *_: Any, verify: Any = True, **__: Any) -> requests.Response:
        assert ReplayAdapter.current is not None
        return ReplayAdapter.current.answer(request, verify is not False)


def install() -> None:
    """Let every session that `requests` makes in this process replay."""
    requests.sessions.HTTPAdapter = ReplayAdapter


def _request(request: requests.PreparedRequest, verify: bool) -> HttpRequest:
    headers = ((_text(name), _text(value)) for name, value in request.headers.items())
    kept = tuple((name, value) for name, value in headers if not _is_ours(name.lower(), value))
    return HttpRequest(request.method or "POST", request.url or "", kept, _body(request.body), verify)


def _is_ours(name: str, value: str) -> bool:
    """Whether Pingfold sets a header itself."""
    return name in _LEFT_OUT or (name == "user-agent" and value.startswith("python-requests"))


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray):
        raise requests.exceptions.InvalidRequest("not a body")
    if len(body) > LONGEST_BODY:
        raise requests.exceptions.InvalidRequest("too long")
    return bytes(body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
