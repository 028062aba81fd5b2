"""The load generator of bulk pings: as `bench.load`, with requests to `/ping/bulk` of so many lines each.

`python -m bench.bulk_load` reads a task (`BulkTask`) as JSON from stdin and prints what came of it, in lines: a line
that was told 200 is an answer `200 OK`, all others count by their status.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import msgspec
import uvloop
from msgspec.structs import replace

from bench.load import Connection, Generator, Outcome, Task

_RECORDED = b'"status":200,"answer":"OK"'
_STATUSES = re.compile(rb'"status":(\d+)')


class BulkTask(Task, kw_only=True):
    """`paths`: `/ping/<uuid>` each; a request pings the next `lines` of them."""

    lines: int


class BulkGenerator(Generator):
    def __init__(self, task: BulkTask) -> None:
        super().__init__(replace(task, first=task.first // task.lines))
        self._size, self._lines = task.lines, Counter[str]()
        ids = [path.removeprefix("/ping/") for path in Path(task.paths).read_text().split()]
        head = f"POST /ping/bulk HTTP/1.1\r\nHost: {task.host}:{task.port}\r\nUser-Agent: bench\r\n"
        self.requests = []
        for begin in range(0, len(ids) - task.lines + 1, task.lines):
            body = "".join(f'{{"uuid":"{id}"}}\n' for id in ids[begin : begin + task.lines])
            self.requests.append(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def answered(self, connection: Connection, began: float, answer: bytes) -> None:
        """Count the lines; the whole counts when each was recorded."""
        recorded = answer.count(_RECORDED)
        self._lines["200 OK"] += recorded
        if recorded < self._size:
            told = Counter(status.decode() for status in _STATUSES.findall(answer))
            told["200"] -= recorded
            self._lines.update(+told)
        super().answered(connection, began, b"200 OK" if recorded == self._size else b"some refused")

    def _outcome(self) -> Outcome:
        found, size = super()._outcome(), self._size
        return replace(
            found,
            answers=dict(self._lines),
            sent=found.sent * size,
            lost=found.lost * size,
            unanswered=found.unanswered * size,
            per_second=round(self._lines["200 OK"] / found.seconds, 1) if found.seconds > 0 else 0.0,
        )


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=BulkTask)

    async def work() -> Outcome:
        return await BulkGenerator(task).run()

    sys.stdout.write(msgspec.json.encode(uvloop.run(work())).decode())


if __name__ == "__main__":
    main()
