"""Windows of maintenance over heartbeat checks together with gaps, mutes, runs and escalations."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.ids import derived_id
from schemas.maintenance import Maintenance, MaintenanceDefined, Once, Window
from schemas.schedules import Cron, Schedule, Simple
from tests.check_story import HOUR, MINUTE, Story, changes, moves, t

WINDOW, POLICY = derived_id("test", "window"), derived_id("test", "policy")
HOURLY = Cron("0 * * * *", "UTC")


def window(story: Story, what: Window, version: int = 1, **fields: Any) -> list[Effect]:
    made: dict[str, Any] = {"project": "p", "created": t(0), "revised": t(story.time), "name": "w", "everything": True}
    maintenance = Maintenance(id=WINDOW, version=version, window=what, **made | fields)
    return story.tell(MaintenanceDefined(at=t(story.time), maintenance=maintenance), story.time, key=WINDOW)


def once(start: float, end: float) -> Once:
    return Once(t(start), t(end))


def up_story(**definition: Any) -> Story:
    story = Story(**definition)
    story.ping(0)
    return story


# ---- gaps


@pytest.mark.parametrize(("schedule", "verdict"), [(Simple(HOUR), "not_observed"), (HOURLY, "down")])
def test_after_a_window_a_simple_period_may_have_lost_its_ping_in_any_gap(schedule: Schedule, verdict: str) -> None:
    """As after a gap: a job that runs at twenty to pings in the gap, though nothing is expected then."""
    story = up_story(schedule=schedule)
    window(story, once(50 * MINUTE, 80 * MINUTE))
    story.tick(81 * MINUTE)
    story.gap(100 * MINUTE, 101 * MINUTE)
    assert moves(story.tick(146 * MINUTE)) == ["up>late", f"late>{verdict}"]


def test_a_window_anywhere_in_a_simple_period_after_a_gap_forgives_its_run() -> None:
    story = up_story()
    story.gap(HOUR, HOUR + MINUTE)
    story.tick(66 * MINUTE)
    assert story.state.unobserved
    window(story, once(75 * MINUTE, 85 * MINUTE))
    story.tick(86 * MINUTE)
    assert "down" not in "".join(moves(story.tick(149 * MINUTE)))
    assert changes(story.tick(151 * MINUTE)) == [("late", "down", "deadline", 150 * MINUTE)]
