"""The answer to a bulk request: a JSON object a line, in the order of the lines of the request.

Its status is 200 when every line was recorded, else 207 (Multi-Status): some were not, and the lines say which.
"""

from msgspec.json import encode

from ingest.ping.responses import OF_ALL, PingResponse, PingResponses, Send

CONTENT_TYPE = b"application/x-ndjson"


class BulkAnswer:
    """What became of each line."""

    def __init__(self) -> None:
        self._told: dict[int, bytes] = {}  # the end of each line of the answer
        self._ends: dict[int, bytes] = {}  # by the identity of the response, which lives as long as the process
        self._all_recorded = True
        self._retry_after: set[int] = set()

    def expect(self, number: int) -> None:
        """A line is on its way to Kafka: it keeps its place."""
        self._told[number] = b""

    def tells_of(self, number: int) -> bool:
        """Whether it is known what became of a line, or will be."""
        return number in self._told

    def tell(self, number: int, response: PingResponse, detail: str = "") -> None:
        """What became of a line."""
        response.given += 1
        self._all_recorded &= response.status < 300
        if response.retry_after:
            self._retry_after.add(response.retry_after)
        if detail:
            self._told[number] = _end(response.status, f"{response.text}: {detail}")
            return
        end = self._ends.get(id(response))
        if end is None:
            end = self._ends[id(response)] = _end(response.status, response.text)
        self._told[number] = end

    def stop(self, number: int, response: PingResponse) -> None:
        """This line and those after it were not read."""
        self.tell(number, response, "this line and those after it were not read")

    async def send(self, send: Send, responses: PingResponses, close: bool) -> None:
        """Send it. A line that nothing is known of may be in the log or not: 503.

        `close`: end the connection, whose request has not been read to its end.
        """
        lost = responses.unavailable
        unsettled = _end(lost.status, lost.text)
        body = b"".join(b'{"line":%d,%b' % (number, end or unsettled) for number, end in self._told.items())
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
