"""A log that has lost what the history writer had read of it: what stands at those offsets now is written, too."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.clickhouse.migrations import migrate
from schemas.base import SECOND, encode
from schemas.pings import Ping
from tests.history_line import DISTINCT, PARTITIONS, T0, Line
from tests.log_copies import keep_logs
from tests.stack import Server, start_kafka

pytestmark = pytest.mark.stack


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Server]:
    server = start_kafka(tmp_path)
    yield server
    server.stop()


def write(line: Line, check: str, count: int, expected: int) -> None:
    """Pings of a check are written, and the writer ends when they are committed as read."""
    for n in range(count):
        line.plain.produce(line.sources.pings, encode(Ping(kind="success", at=T0 + n * SECOND)), check, 0)
    assert line.plain.flush(20) == 0
    with line.writing():
        line.until(f"{DISTINCT} WHERE check_id = '{check}'", expected)


def test_what_stands_at_the_offsets_that_were_lost(kafka: Server, clickhouse_url: str, tmp_path: Path) -> None:
    """Also when as much has been written again by the time that the writer looks, so that its offset is not beyond."""
    line = Line(kafka.address, clickhouse_url.rstrip("/"))
    migrate(line.url)
    write(line, str(uuid4()), 10, 10)
    kafka.stop()
    put_back = keep_logs(tmp_path, [line.sources.pings], PARTITIONS, tmp_path / "copy")
    kafka.start()
    lost = str(uuid4())
    write(line, lost, 40, 40)
    kafka.stop()
    put_back()
    kafka.start()
    line.connect()
    write(line, str(uuid4()), 100, 100)
    # What was lost stays in history, where it had been written.
    assert line.count(f"{DISTINCT} WHERE check_id = '{lost}'") == 40
    # From now on the log is this one.
    write(line, str(uuid4()), 5, 5)
