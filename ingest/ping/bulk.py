"""Many pings in one request: `POST /ping/bulk`, one JSON object per line (docs/bulk-pings.md).

`bulk_request` processes a request line by line. This module has what all requests share: the room for lines that Kafka
has not acknowledged, and the turns, which keep room for single pings and let ticks be produced in time.
"""

from infra.http_server.gunzip import CODINGS, PLAIN
from ingest.ping.bulk_body import BulkBody
from ingest.ping.bulk_request import BulkParts, BulkRequest
from ingest.ping.bulk_room import BulkRoom
from ingest.ping.bulk_turns import Turns
from ingest.ping.check_finder import CheckFinder
from ingest.ping.recorder import Recorder
from ingest.ping.request import Bodies, Events, Headers, Limits, has_body
from ingest.ping.responses import PingResponses, Receive, Scope, Send
from ingest.ping.source import Source


class BulkPings:
    """Answers bulk requests. `bodies`: holds what is unfinished in bounds, together with the bodies of single pings."""

    def __init__(
        self,
        source: Source,
        finder: CheckFinder,
        recorder: Recorder,
        events: Events,
        responses: PingResponses,
        bodies: Bodies,
        keep: int,
        limits: Limits,
    ) -> None:
        self.room = BulkRoom(limits.bulk_in_flight, limits.bulk_held)
        self._parts = BulkParts(source, finder, recorder, responses, bodies.shares, self.room, Turns(), keep, limits)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to the path of bulk pings, whatever it is."""
        parts, responses, method = self._parts, self._parts.responses, scope["method"]
        headers: Headers = dict(scope["headers"])
        coding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if method != "POST":
            refused = responses.preflight_to_post if method == "OPTIONS" else responses.post_only
        elif headers.get(b"content-type", b"").lstrip().lower().startswith(b"multipart/"):
            refused = responses.form_of_parts
        elif coding in (*CODINGS, *PLAIN):
            backlog = parts.source.backlog()
            comes = receive if has_body(headers) else _nothing
            body = BulkBody(comes, parts.limits, coding in CODINGS, responses, backlog, parts.turns)
            await BulkRequest(parts, scope, self._events.origin(scope, headers), backlog).answer(body, send)
            return
        else:
            refused = responses.unknown_coding
        await refused.send(send, method, close=has_body(headers))


async def _nothing() -> dict[str, object]:
    return {"type": "http.request", "body": b""}
