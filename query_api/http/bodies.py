"""Request bodies of the APIs: bounds on size, time and memory before parsing. An ASGI middleware.

Clients with a known key or a session may send large bodies, others only small ones; a key in a JSON body (Healthchecks)
still fits. A body in one chunk, as nearly all are, has no overhead. The memory of incomplete bodies is bounded per
project, over all of its keys, so that incomplete bodies of one project take no room from others.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, get_args
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.log.lookup import NotCaughtUp
from infra.shares import Fit, Shares
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.http.refusals import ErrorForm, error_answer
from query_api.keys import NoSuchKey, find_key, first_values, key_text, known_key
from query_api.web.people.sessions import session_of
from query_api.wrong_keys import TooManyWrongKeys
from schemas.definitions import KeyKind

# No field of anything needs more, and one request must fit in one event.
BODY_LIMIT = 2**20


class Limits(NamedTuple):
    """Sizes in bytes, times in seconds. held: of unfinished bodies, of all, of one project (or all strangers)."""

    known: int = BODY_LIMIT
    strangers: int = 16 * 2**10
    held: int = 64 * 2**20
    held_of_one: int = 16 * 2**20
    time: float = 30.0


LIMITS = Limits()


class _BodyRejected(QueryApiError):
    def __init__(self, status: int, words: str, retry: bool = False) -> None:
        super().__init__(words)
        self.status, self.words, self.retry = status, words, retry


class BodiesInBounds:
    """`forms`: for the paths that a function takes, an API's own form of errors, as in `refusals.install`."""

    def __init__(
        self,
        app: ASGIApp,
        deps: Dependencies,
        forms: Mapping[Callable[[str], bool], ErrorForm],
        limits: Limits = LIMITS,
    ) -> None:
        self._app, self._deps, self._forms, self._limits = app, deps, forms, limits
        self._shares = Shares(limits.held, limits.held_of_one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body and hand on, or answer 408, 413, 429 or 503."""
        headers = first_values(scope) if scope["type"] == "http" else {}
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            message = await self._read(scope, headers, int(length), receive)
        except _BodyRejected as refused:
            more = {"Retry-After": "1"} if refused.retry else {}
            if b"expect" in headers:  # the client may leave the body out, or send it: what comes next is not clear
                more["Connection"] = "close"
            path = Request(scope).url.path
            form = next((form for speaks, form in self._forms.items() if speaks(path)), error_answer)
            await form(refused.status, refused.words, more or None)(scope, receive, send)
            return
        given = False

        async def giving() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return message

        await self._app(scope, giving, send)

    async def _read(self, scope: Scope, headers: Mapping[bytes, bytes], length: int, receive: Receive) -> Message:
        key = _key_of(scope, headers)
        chunked = b"transfer-encoding" in headers
        project = ""
        if chunked or length > self._limits.strangers:
            project = self._signed_in(scope) or await self._project_of(scope, key)
        known = bool(project)
        most = self._limits.known if known else self._limits.strangers
        if length > most:
            raise _too_large(known)
        try:
            async with asyncio.timeout(self._limits.time):
                message = await receive()
                body = message.get("body", b"")
                if message["type"] == "http.request" and message.get("more_body"):
                    whose = project or self._project_known_of(key)
                    return await self._read_on(bytearray(body), whose, most, known, receive)
        except TimeoutError:
            raise _BodyRejected(408, "the request body came too slowly") from None
        if len(body) > most:
            raise _too_large(known)
        return message

    async def _read_on(self, body: bytearray, whose: str, most: int, known: bool, receive: Receive) -> Message:
        held = 0
        try:
            while True:
                if len(body) > most:
                    raise _too_large(known)
                self._shares.take(whose, len(body) - held)
                held = len(body)
                fit = self._shares.fit(whose)
                if fit is not Fit.YES:
                    status = 429 if fit is Fit.TOO_MUCH_OF_ONE else 503
                    raise _BodyRejected(status, "too many unfinished request bodies, try again", retry=True)
                message = await receive()
                if message["type"] != "http.request":
                    return message
                body += message.get("body", b"")
                if not message.get("more_body"):
                    if len(body) > most:
                        raise _too_large(known)
                    return {"type": "http.request", "body": bytes(body)}
        finally:
            self._shares.take(whose, -held)

    async def _project_of(self, scope: Scope, key: str) -> str:
        """The project of a key, whatever it opens; empty: there is no such key. One made elsewhere is waited for."""
        try:
            return (await find_key(self._deps, scope, key, get_args(KeyKind))).project
        except (NoSuchKey, TooManyWrongKeys):
            return ""
        except NotCaughtUp:
            raise _BodyRejected(503, "the key cannot be looked up now", retry=True) from None

    def _signed_in(self, scope: Scope) -> str:
        """Who shows a session; empty: nobody. His forms are held in bounds as the bodies of a project are."""
        session = session_of(Request(scope), self._deps)
        return "" if session is None else f"person {session.person}"

    def _project_known_of(self, key: str) -> str:
        """The same as far as this process knows now."""
        found = known_key(self._deps, key)
        expired = found is not None and found.expires is not None and found.expires <= self._deps.clock.now()
        return "" if found is None or expired else found.project


def _key_of(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """The key in a header, else that in the query, where the updown API has it, too."""
    shown = {name: headers.get(name, b"").decode("latin-1") for name in (b"authorization", b"x-api-key")}
    query = scope.get("query_string", b"")
    in_query = dict(parse_qsl(query.decode("latin-1"))).get("api-key", "") if b"api-key=" in query else ""
    return key_text(shown[b"authorization"] or None, shown[b"x-api-key"]) or in_query


def _too_large(known: bool) -> _BodyRejected:
    return _BodyRejected(413, f"request body is too large{'' if known else ' for a request without a valid api key'}")
