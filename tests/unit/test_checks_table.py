"""The table of checks: what deleted checks leave behind takes no room."""

from infra.log.checks_table import ChecksTable
from schemas.definitions import Check
from schemas.ids import derived_id


def test_many_deleted_checks_leave_no_room_taken() -> None:
    table = ChecksTable()
    for number in range(1_000):
        id = derived_id("test", "left", str(number))
        table.apply(0, id, Check(id=id, project="p", version=1, created=0, slug=f"s-{number}"))
        if number >= 10:
            table.apply(0, derived_id("test", "left", str(number - 10)), None)
    assert len(table) == 10
    assert len(table._members["p"].ids) <= 21
    assert len(table._slugs["p"]) == 10
