"""The responses of the pinging API, as exact bytes, built once (docs/compatibility/pinging.md, "Answers").

Plain text without a newline, with `Content-Length` and `Access-Control-Allow-Origin: *` on every response, errors
included, so that code in browsers can read them. `Ping-Body-Limit` is sent with 200 and 201 only, and only if the
setting has a limit.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, assert_never

from infra.settings.settings import Settings
from schemas.rejections import RejectionCode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

METHODS = "GET, HEAD, POST, OPTIONS"
BULK_METHODS = "POST, OPTIONS"
_Headers = list[tuple[bytes, bytes]]

# Headers of every answer.
OF_ALL: _Headers = [(b"access-control-allow-origin", b"*"), (b"cache-control", b"no-cache")]


class PingResponse:
    """A response: a status and a text, as two ASGI messages. given: how often it was sent, or told of a line.

    retry_after: seconds, 0 without.
    """

    __slots__ = ("body", "given", "retry_after", "start", "status", "text")

    def __init__(self, status: int, text: str, *extra: tuple[bytes, bytes]) -> None:
        self.status, self.text, self.given = status, text, 0
        self.retry_after = int(dict(extra).get(b"retry-after", b"0"))
        headers: _Headers = [*OF_ALL, *extra]
        if status != 204:  # which has neither, by RFC 9110
            headers[:0] = [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(text)).encode()),
            ]
        self.start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        self.body: Message = {"type": "http.response.body", "body": text.encode()}

    async def send(self, send: Send, method: str, close: bool) -> None:
        """Answer a request. `close`: end the connection, whose request has not been read to its end."""
        self.given += 1
        start = self.start
        if close:
            start = {**start, "headers": [*start["headers"], (b"connection", b"close")]}
        try:
            await send(start)
            await send(_NO_BODY if method == "HEAD" else self.body)
        except (OSError, RuntimeError):  # the client has gone away: uvloop's transport says so by RuntimeError
            return


_NO_BODY: Message = {"type": "http.response.body", "body": b""}
_RETRY = (b"retry-after", b"1")
_ALLOW = (b"allow", METHODS.encode())


def preflight(methods: str = METHODS) -> PingResponse:
    """The answer to OPTIONS: what a browser may send."""
    return PingResponse(
        204,
        "",
        (b"allow", methods.encode()),
        (b"access-control-allow-methods", methods.encode()),
        (b"access-control-allow-headers", b"*"),
        (b"access-control-max-age", b"86400"),
    )


class PingResponses:
    """All responses, with the headers of this deployment."""

    def __init__(self, settings: Settings) -> None:
        limit = settings.ping_body_limit
        announced = () if limit is None else ((b"ping-body-limit", str(limit).encode()),)
        self.ok = PingResponse(200, "OK", *announced)
        self.created = PingResponse(201, "Created", *announced)
        # Stands for all answers to pulses, each of which has a text of its own.
        self.ok_pulse = PingResponse(200, "OK: <uuid>", *announced)
        self.announced = announced
        self.ok_not_found = PingResponse(200, "OK (not found)", *announced)
        self.ok_rate_limited = PingResponse(200, "OK (rate limited)", *announced)
        self.not_found = PingResponse(404, "not found")
        self.ambiguous = PingResponse(409, "ambiguous slug")
        self.rate_limited = PingResponse(429, "rate limit exceeded")
        self.too_many_checks = PingResponse(429, "too many new checks in this hour", (b"retry-after", b"600"))
        self.invalid_url = PingResponse(400, "invalid url format")
        self.invalid_uuid = PingResponse(400, "invalid uuid format")
        self.too_slow = PingResponse(408, "the request body came too slowly")
        self.too_many_bodies = PingResponse(429, "too many unfinished request bodies, try again", _RETRY)
        self.too_many_unknown = PingResponse(429, "too many requests for checks that are not known, try again", _RETRY)
        self.not_allowed = PingResponse(405, "method not allowed", _ALLOW)
        self.unavailable = PingResponse(503, "not recorded, try again", _RETRY)
        self.no_room = PingResponse(
            503, "not recorded: Pingfold's disk is full, try again later", (b"retry-after", b"10")
        )
        self.preflight = preflight()
        # Of requests with many pings, and of their lines.
        self.post_only = PingResponse(405, "method not allowed", (b"allow", BULK_METHODS.encode()))
        self.preflight_to_post = preflight(BULK_METHODS)
        self.unknown_coding = PingResponse(
            415, "packed by what is not read here: gzip is, or none", (b"accept-encoding", b"gzip, identity")
        )
        self.form_of_parts = PingResponse(
            415,
            "multipart/form-data is not read here: send the lines themselves, as curl does with --data-binary @FILE",
        )
        self.invalid_line = PingResponse(400, "invalid line")
        self.not_unpacked = PingResponse(400, "could not unpack the request body")
        self.line_too_long = PingResponse(413, "the line is too long")
        self.too_many_lines = PingResponse(413, "too many lines in one request")
        self.too_many_bytes = PingResponse(413, "too many bytes in one request")

    def all(self) -> list[PingResponse]:
        """Each of them."""
        return [response for response in vars(self).values() if isinstance(response, PingResponse)]

    def pulse(self, id: str) -> PingResponse:
        """The answer to a pulse, which tells its id."""
        self.ok_pulse.given += 1
        return PingResponse(200, f"OK: {id}", *self.announced)

    def rejected(self, code: RejectionCode) -> PingResponse:
        """The answer to a ping whose check the `projects` fold did not make."""
        match code:
            case RejectionCode.AMBIGUOUS_SLUG:
                return self.ambiguous
            case RejectionCode.WRONG_TIME | RejectionCode.INVALID_REQUEST | RejectionCode.UNKNOWN:
                return self.unavailable
            case (
                RejectionCode.PROJECT_NOT_FOUND
                | RejectionCode.CHECK_NOT_FOUND
                | RejectionCode.MONITOR_NOT_FOUND
                | RejectionCode.CHANNEL_NOT_FOUND
                | RejectionCode.STATUS_PAGE_NOT_FOUND
                | RejectionCode.STATUS_POST_NOT_FOUND
                | RejectionCode.SUBSCRIBER_NOT_FOUND
                | RejectionCode.MAINTENANCE_NOT_FOUND
                | RejectionCode.MAINTENANCE_NOT_OPEN
                | RejectionCode.ESCALATION_NOT_FOUND
                | RejectionCode.TEMPLATE_NOT_FOUND
                | RejectionCode.ON_CALL_NOT_FOUND
                | RejectionCode.OVERRIDE_NOT_FOUND
                | RejectionCode.KEY_NOT_FOUND
                | RejectionCode.RECIPIENT_NOT_FOUND
                | RejectionCode.PERSON_NOT_FOUND
                | RejectionCode.LAST_OWNER
                | RejectionCode.COMPONENT_NOT_FOUND
                | RejectionCode.COVERED_MONITOR_NOT_FOUND
                | RejectionCode.DEPENDENCY_NOT_FOUND
                | RejectionCode.DEPENDENCY_LOOP
                | RejectionCode.ON_CALL_IDENTIFIER_INVALID
                | RejectionCode.ON_CALL_NAMED
                | RejectionCode.TARGET_TAKEN
                | RejectionCode.NAME_TAKEN
                | RejectionCode.CHANNEL_IDENTIFIER_EMPTY
                | RejectionCode.CHANNEL_IDENTIFIER_INVALID
                | RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS
                | RejectionCode.ALREADY_EXISTS
                | RejectionCode.LIMIT_REACHED
                | RejectionCode.CHANGED_MEANWHILE
                | RejectionCode.WRONG_CHANNEL_KIND
                | RejectionCode.WRONG_KEY_KIND
                | RejectionCode.INVALID_SCHEDULE
                | RejectionCode.ROTATED_TOO_OFTEN
                | RejectionCode.TOO_MANY_CONFIRMATIONS
            ):
                return self.not_found
            case _:
                assert_never(code)
