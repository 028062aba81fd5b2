"""The audit trail from the real ClickHouse: newest first, in pages, filtered, each entry once however often written."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate
from processors.history.rows import AUDIT, Row, transition_row
from query_api.history.audit import AuditHistory, AuditRow, Place, Which
from schemas.actors import Actor, ActorKind
from schemas.base import SECOND, Micros, encode
from schemas.transitions import FieldChange, ThingChanged

pytestmark = pytest.mark.stack

T0: Micros = 1_770_000_000 * SECOND
CHANGES = (
    FieldChange(field="name", old="a'; DROP TABLE audit; --", new="é\n\\"),
    FieldChange(field="url", hidden=True),
    FieldChange(field="channels", old=["x"], new=[]),
)


def row(n: int, at: int = 0, project: str = "p", part: int = 0, who: ActorKind = "api_key", key: str = "k") -> Row:
    """The row of entry `n`, so many seconds after the beginning; it stands at offset `n`."""
    entry = ThingChanged(
        id=f"e{n}", project=project, at=T0 + at * SECOND, command="check.update", action="updated", kind="check",
        actor=Actor(kind=who, key=key, user="root", address="203.0.113.9"), thing=f"t{n}", name=f"n{n}",
        changes=CHANGES, others=n, retried=n == 1,
    )  # fmt: skip
    found = transition_row(part, n, encode(entry))
    assert found is not None
    assert found[0] is AUDIT
    return found[1]


class Trail:
    """A database of its own, and the history over it."""

    def __init__(self, url: str, clickhouse: ClickHouse) -> None:
        self.url, self.history = url, AuditHistory(clickhouse)

    def write(self, *rows: Row) -> None:
        """Twice, as a writer may."""
        with contextlib.closing(connect(Address.parse(self.url))) as client:
            for _ in range(2):
                client.insert(AUDIT.name, rows, AUDIT.columns, column_type_names=AUDIT.types)

    async def ids(self, **which: Any) -> list[str]:
        return [found.id for found in await self.history.entries(Which("p")._replace(**which))]


@pytest.fixture
async def trail(clickhouse_url: str) -> AsyncIterator[Trail]:
    url = f"{clickhouse_url.rstrip('/')}/audit{uuid4().hex[:8]}"
    migrate(url)
    clickhouse = ClickHouse(Address.parse(url))
    yield Trail(url, clickhouse)
    await clickhouse.close()


async def test_an_entry_comes_back_as_it_was_told(trail: Trail) -> None:
    trail.write(row(1))
    assert await trail.history.caught_up()
    assert await trail.history.entries(Which("p")) == [
        AuditRow(
            Place(T0, 0, 1), "e1", "check.update", "updated", "check", "t1", "n1", "api_key", "k", "root",
            "203.0.113.9", CHANGES, 1, True,
        )
    ]  # fmt: skip


async def test_entries_come_newest_first_in_pages_and_each_once(trail: Trail) -> None:
    # Of one moment, those that were told later come first.
    trail.write(*(row(n, at=n // 3) for n in range(7)), row(9, part=1), row(20, project="other"))
    expected = ["e6", "e5", "e4", "e3", "e9", "e2", "e1", "e0"]
    assert await trail.ids() == expected
    pages: list[list[AuditRow]] = []
    before: Place | None = None
    while page := await trail.history.entries(Which("p", before=before, limit=3)):
        pages.append(page)
        before = page[-1].place
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [found.id for page in pages for found in page] == expected


async def test_many_copies_hide_no_entry(trail: Trail) -> None:
    rows = [row(n, at=n) for n in range(4)]
    for _ in range(10):  # each writes two
        trail.write(*rows[1:], *rows[1:3])
    trail.write(rows[0])
    assert await trail.ids(limit=4) == ["e3", "e2", "e1", "e0"]
    assert await trail.ids(limit=2) == ["e3", "e2"]


async def test_filters(trail: Trail) -> None:
    trail.write(*(row(n, at=n) for n in range(4)), row(4, at=4, who="cli", key=""))
    assert await trail.ids(start=T0 + SECOND, end=T0 + 3 * SECOND) == ["e2", "e1"]
    assert await trail.ids(thing="t2") == ["e2"]
    assert await trail.ids(kind="monitor") == []
    assert await trail.ids(kind="check", limit=2) == ["e4", "e3"]
    assert await trail.ids(actor="cli") == ["e4"]
    assert await trail.ids(actor="k") == ["e3", "e2", "e1", "e0"]
    assert await trail.ids(actor="root", limit=1) == ["e4"]
    assert await trail.ids(actor="203.0.113.9", limit=1) == ["e4"]
    assert await trail.ids(actor="' OR 1 = 1 --") == []
    assert await trail.ids(project="'p' OR 1 = 1 --") == []
