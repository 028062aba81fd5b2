"""What a web process answers while it waits for Kafka before it can serve: 503, and when to come again.

It listens only when Kafka is away at the start, so that a proxy in front goes to another process while this one merely
loads. `/healthz` answers 503, too: nothing is served yet. A ping that is refused here may have gone past a process that
could have taken it, so it is told as a gap, as every other.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.clock import Clock
from infra.secrets.metrics_key import shows
from ingest.ping.public_url import SYNTHETIC
from ingest.ping.responses import PingResponse, preflight
from ingest.ping.urls import is_ping
from query_api.app import APIS
from query_api.http.cors import NOBODYS, PUBLIC, Headers
from schemas.base import Micros

_RETRY = (b"retry-after", b"5")
_NOT_RECORDED = PingResponse(503, "not recorded: Pingfold is starting and waits for Kafka, try again later", _RETRY)


class StartupApp:
    """An ASGI application: that of `hand_over_to`, as soon as there is one.

    whose: what `/healthz` and `/readyz` tell of this process. key: opens the details of `/readyz`.
    """

    def __init__(self, clock: Clock, whose: Mapping[str, str], key: str) -> None:
        self._clock, self._whose, self._key = clock, whose, key
        self._app: Any = None
        self._tell: Callable[[Micros], None] | None = None
        self._refused_since: Micros | None = None
        self.why = ""  # Kafka is waited for

    def tell(self, tell: Callable[[Micros], None]) -> None:
        """Whoever is to know since when pings were refused is there: what was refused before is told now."""
        self._tell = tell
        if self._refused_since is not None:
            tell(self._refused_since)

    def hand_over_to(self, app: Any) -> None:
        """From now on this answers."""
        self._app = app

    def refuse(self) -> None:
        """A ping may have been lost."""
        now = self._clock.now()
        if self._tell is not None:
            self._tell(now)
        elif self._refused_since is None:
            self._refused_since = now

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if self._app is not None:
            answering: Awaitable[None] = self._app(scope, receive, send)
            return answering
        return self._refuse(scope, send)

    async def _refuse(self, scope: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if scope["method"] == "OPTIONS":  # which asks for nothing that would have to wait
            await _options(path).send(send, "OPTIONS", close=True)
            return
        if is_ping(path):
            if SYNTHETIC not in path:
                self.refuse()
            response = _NOT_RECORDED
        else:
            response = _json(self._status(scope) if path in ("/healthz", "/readyz") else _ERROR, *_for_scripts(path))
        await response.send(send, scope["method"], close=True)

    def _status(self, scope: Any) -> dict[str, Any]:
        told: dict[str, Any] = {"status": "starting", **self._whose}
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] == "/readyz" and shows(headers, self._key):
            told["problems"] = [{"part": "Kafka", "reason": self.why}]
        return told


_SCRIPTS = (*(api.scripts for api in APIS), PUBLIC, NOBODYS)
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ERROR = {"error": "Pingfold is starting and waits for Kafka"}


def _json(body: Mapping[str, Any], *more: tuple[bytes, bytes]) -> PingResponse:
    response = PingResponse(503, json.dumps(body), _RETRY, *more)
    response.start["headers"][0] = (b"content-type", b"application/json")
    return response


def _options(path: str) -> PingResponse:
    """As it will be answered later, but for the verbs of a path of an API: those are known then."""
    return preflight() if is_ping(path) else PingResponse(204, "", *_for_scripts(path))


def _for_scripts(path: str) -> Headers:
    """What scripts of other origins may do there, beside reading, which every answer here lets them do."""
    api = next((one for one in _SCRIPTS if one.speaks(path)), None)
    return [] if api is None else api.headers(_VERBS)[1:]
