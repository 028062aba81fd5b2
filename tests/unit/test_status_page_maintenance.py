"""What a status page tells of maintenance, in every form."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from query_api.history.status_pages import DAY
from query_api.pages.maintenance import AHEAD, planned
from query_api.pages.status import HOLD
from schemas.base import SECOND
from schemas.definitions import Check
from schemas.maintenance import Maintenance, Once, Recurring
from schemas.monitors import Monitor
from schemas.schedules import Cron
from tests.harness import Harness
from tests.public_pages import (
    PAGES,
    ask,
    make_full,
    shown,
)

HOSTILE = "<script>alert(1)</script>\"'&\x0b\x00]]>"


@pytest.fixture
def harness() -> Harness:
    return Harness()


def moment(harness: Harness, seconds: int) -> str:
    return datetime.fromtimestamp(harness.log.now() // SECOND + seconds, UTC).isoformat()


async def announce(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await ask(harness, "POST", "/api/v1/maintenance-windows", fields)
    assert answer.status_code == 201, answer.text
    window: dict[str, Any] = answer.json()["data"]
    return window


async def test_a_page_tells_of_maintenance_in_every_form(harness: Harness) -> None:
    page, monitor, _ = await make_full(harness)
    starts, ends = moment(harness, 600), moment(harness, 1_200)
    await announce(harness, name=f"Upgrade {HOSTILE}"[:40], starts_at=starts, ends_at=ends, monitor_ids=[monitor])

    told = (await shown(harness, page, ".json")).json()
    assert (told["status"], told["status_text"]) == ("operational", "All systems operational")
    (planned,) = told["maintenance"]
    assert (planned["status"], planned["starts_at"], planned["ends_at"]) == ("planned", starts, ends)
    assert planned["component_ids"] == [one["id"] for one in told["components"] if one["name"] == "Website"]
    assert "is planned" in (await shown(harness, page)).text
    assert monitor not in (await shown(harness, page, ".json")).text

    harness.log.tick(601)
    for suffix in ("", ".json", ".atom", "/badge.svg"):
        assert (await shown(harness, page, suffix)).status_code == 200, suffix
    told = (await shown(harness, page, ".json")).json()
    assert (told["status"], told["status_text"]) == ("maintenance", "Under maintenance")
    assert [one["status"] for one in told["maintenance"]] == ["active"]
    text = (await shown(harness, page)).text
    assert "Under maintenance" in text
    assert "is under way" in text
    assert HOSTILE not in text
    assert "maintenance" in (await shown(harness, page, "/badge.svg")).text
    assert (await ask(harness, "GET", f"{PAGES}/{page['id']}")).json()["data"]["status"] == "maintenance"

    harness.log.tick(600 + HOLD / SECOND)
    assert (await shown(harness, page, ".json")).json()["maintenance"] == []


async def test_what_is_down_beside_maintenance_is_an_outage(harness: Harness) -> None:
    page, monitor, check = await make_full(harness)
    await announce(
        harness, name="Upgrade", starts_at=moment(harness, 10), ends_at=moment(harness, 900), monitor_ids=[monitor]
    )
    harness.log.tick(11)
    harness.log.ping(check, "fail")
    assert (await shown(harness, page, ".json")).json()["status"] == "major_outage"


MONITOR: list[tuple[Monitor | Check, str]] = [
    (Monitor(id="m", project="p", version=1, created=0, revised=0, name="m"), "public")
]


def test_a_window_over_a_tag_is_announced_with_the_checks_that_have_it() -> None:
    checks: list[tuple[Monitor | Check, str]] = [
        (Check(id=tag, project="p", version=1, created=0, tags=f"eu {tag}"), tag) for tag in ("web", "db")
    ]
    window = Maintenance(
        id="w", project="p", version=1, created=0, revised=0, name="n", window=Once(10, 20), tags=("web",)
    )
    (found,) = planned([window], MONITOR + checks, 0)
    assert found.components == ("web",)
    all_of_it = msgspec.structs.replace(window, tags=(), everything=True)
    assert planned([all_of_it], MONITOR + checks, 0)[0].components == ("public", "web", "db")


async def test_a_check_in_maintenance_is_shown_so(harness: Harness) -> None:
    page, _, check = await make_full(harness)
    harness.log.ping(check)
    await announce(harness, name="Deploy", duration="30m", check_ids=[check])
    told = (await shown(harness, page, ".json")).json()
    assert [one["status"] for one in told["maintenance"]] == ["active"]
    assert "maintenance" in [one["status"] for one in told["components"]]
    for suffix in ("", ".atom", "/badge.svg"):
        assert (await shown(harness, page, suffix)).status_code == 200, suffix


def test_a_window_that_recurs_is_announced_for_its_next_time() -> None:
    window = Maintenance("w", "p", 1, 0, 0, "Weekly", Recurring(Cron("0 2 * * 0", "UTC"), 3_600))
    sunday = 3 * DAY + 2 * 3_600 * SECOND  # 1970-01-04 02:00
    (before,) = planned([window], MONITOR, 0)
    assert (before.starts, before.ends, before.active) == (sunday, sunday + 3_600 * SECOND, False)
    (during,) = planned([window], MONITOR, sunday + SECOND)
    assert (during.starts, during.active, during.components) == (sunday, True, ("public",))
    assert planned([window], [], 0) == ()
    far = msgspec.structs.replace(window, window=Once(AHEAD + 10, AHEAD + 20))
    assert planned([far], MONITOR, 0) == ()
    assert len(planned([far], MONITOR, 10)) == 1
