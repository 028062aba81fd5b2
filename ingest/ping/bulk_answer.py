"""The response to a bulk request: one JSON object per line, in the order of the lines of the request.

The status is 200 if every line was recorded, and 207 (Multi-Status) otherwise.
"""

from msgspec.json import encode

from ingest.ping.bulk_turns import Turns
from ingest.ping.responses import OF_ALL, PingResponse, PingResponses, Send

CONTENT_TYPE = b"application/x-ndjson"

# Lines of the answer that are put together in one go.
_AT_ONCE = 500
_COST = 16
# Bytes of memory that a line takes, and one more text that is told.
_OF_LINE, _OF_TEXT = 8, 150


class BulkAnswer:
    """What became of each line. held: bytes of memory that it takes."""

    def __init__(self) -> None:
        # By the number of the line, the end of its line of the answer; empty: not known yet; None: the line is blank.
        self._told: list[bytes | None] = [None]
        self._ends: dict[int, bytes] = {}  # by the identity of the response, which lives as long as the process
        self._texts: dict[bytes, bytes] = {}  # that are told of several lines, kept once
        self._all_recorded = True
        self._retry_after: set[int] = set()
        self._of_texts = 0

    @property
    def held(self) -> int:
        return _OF_LINE * (len(self._told) - 1) + self._of_texts

    def expect(self, number: int) -> None:
        """It is not known yet what becomes of a line: it keeps its place."""
        self._put(number, b"")

    def tells_of(self, number: int) -> bool:
        """Whether it is known what became of a line, or will be."""
        return number < len(self._told) and self._told[number] is not None

    def tell(self, number: int, response: PingResponse, detail: str = "") -> None:
        """What became of a line."""
        self._note(response)
        if detail:
            self._put(number, self._text(_end(response.status, f"{response.text}: {detail}")))
            return
        end = self._ends.get(id(response))
        if end is None:
            end = self._ends[id(response)] = _end(response.status, response.text)
        self._put(number, end)

    def stop(self, number: int, response: PingResponse) -> None:
        """This line and those after it were not read."""
        self._note(response)
        text = f"{response.text}: this line and those after it were not read"
        self._put(number, b'"status":%d,"answer":%b,"unread":true}\n' % (response.status, encode(text)))

    def _note(self, response: PingResponse) -> None:
        response.given += 1
        self._all_recorded &= response.status < 300
        if response.retry_after:
            self._retry_after.add(response.retry_after)

    def _put(self, number: int, end: bytes) -> None:
        told = self._told
        if number == len(told):
            told.append(end)
            return
        if number > len(told):
            told.extend([None] * (number + 1 - len(told)))
        told[number] = end

    def _text(self, end: bytes) -> bytes:
        kept = self._texts.setdefault(end, end)
        if kept is end:
            self._of_texts += len(end) + _OF_TEXT
        return kept

    async def send(self, send: Send, responses: PingResponses, turns: Turns, close: bool) -> None:
        """Send it. A line that nothing is known of may be in the log or not: 503.

        `close`: end the connection, whose request has not been read to its end.
        """
        lost = responses.unavailable
        if b"" in self._told:
            self._note(lost)
        unsettled, parts = _end(lost.status, lost.text), list[bytes]()
        for begin in range(0, len(self._told), _AT_ONCE):
            await turns.wait(_COST)
            lines = enumerate(self._told[begin : begin + _AT_ONCE], begin)
            parts += [b'{"line":%d,%b' % (number, end or unsettled) for number, end in lines if end is not None]
        body = b"".join(parts)
        headers = [
            (b"content-type", CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            *OF_ALL,
            *responses.announced,
        ]
        if self._retry_after:  # of the line that may be sent again first
            headers.append((b"retry-after", str(min(self._retry_after)).encode()))
        if close:
            headers.append((b"connection", b"close"))
        status = 200 if self._all_recorded else 207
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        except (OSError, RuntimeError):  # the client has gone away: uvloop's transport says so by RuntimeError
            return


def _end(status: int, text: str) -> bytes:
    return b'"status":%d,"answer":%b}\n' % (status, encode(text))
