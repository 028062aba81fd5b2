"""Windows of maintenance over heartbeat checks together with gaps, mutes, runs and escalations."""

from typing import Any

import pytest

from processors.checks.rules import start_run
from processors.fold.contract import Effect
from query_api.healthchecks.status import present_check
from schemas.check_states import WATCHED_RUNS, CheckState, Run
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.escalations import EscalationDefined, EscalationPolicy, Step
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged
from schemas.maintenance import Maintenance, MaintenanceDefined, Once, Recurring, Window
from schemas.notice_choices import NoticesChosen
from schemas.schedules import Cron, Schedule, Simple
from schemas.transitions import StatusChanged
from tests.check_story import CHECK, DAY, HOUR, MINUTE, A, B, Story, changes, moves, notices, t
from tests.folding import of_type

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


# ---- runs that a window stopped


def test_runs_that_were_stopped_make_room_and_are_let_go() -> None:
    runs = tuple(Run(started=t(n), rid=str(n), waived=True) for n in range(WATCHED_RUNS))
    state = CheckState(version=1, status="up", runs=runs)
    start_run(state, A, t(200))
    assert (len(state.runs), state.runs[-1]) == (WATCHED_RUNS, Run(started=t(200), rid=A))
    start_run(state, B, t(4 * DAY))
    assert state.runs == (Run(started=t(200), rid=A), Run(started=t(4 * DAY), rid=B))


def test_a_run_that_was_stopped_hides_no_lateness() -> None:
    story = up_story(channels=("hook",))
    story.tell(NoticesChosen(at=t(1), notices=("monitor.late",)), 1, key="hook")
    story.ping(60, "start", rid=A)
    window(story, once(2 * MINUTE, 4 * MINUTE))
    story.tick(5 * MINUTE)
    story.ping(10 * MINUTE, rid=B)
    assert [run.waived for run in story.state.runs] == [True]
    late = story.tick(71 * MINUTE)
    assert (moves(late), notices(late)) == (["up>late"], ["monitor.late"])
    check = Check(id=CHECK, project="p", version=1, created=t(0), schedule=Simple(HOUR))
    assert present_check(check, story.state, t(71 * MINUTE)).next_ping == t(70 * MINUTE)


def test_a_paused_check_that_was_started_is_not_judged_in_it() -> None:
    story = up_story(run_limit=10 * MINUTE)
    story.pause(30)
    window(story, once(60, 30 * MINUTE))
    story.ping(120, "start")
    assert story.tick(20 * MINUTE) == []
    assert story.tick(40 * MINUTE) == []
    story.ping(41 * MINUTE, "start")
    assert moves(story.tick(52 * MINUTE)) == ["paused>down"]


# ---- escalations, in one tick over several windows


def escalating(story: Story) -> None:
    steps = (Step(3, ("ada",)),)
    policy = EscalationPolicy(
        id=POLICY, project="p", version=1, name="N", steps=steps, repeat=None, created=t(0), revised=t(0)
    )
    story.tell(EscalationDefined(at=t(story.time), policy=policy), story.time, key=POLICY)


@pytest.mark.parametrize("fields", [{}, {"project": "q"}])
def test_a_tick_that_passes_many_windows_calls_each_channel_once(fields: dict[str, Any]) -> None:
    """Be they windows of the check or those of others."""
    story = up_story()
    escalating(story)
    story.ping(10, "fail")
    window(story, Recurring(Cron("*/10 * * * *", "UTC"), 120), **fields)
    story.tick(61)
    told = of_type(story.tick(9 * HOUR - 61), DeliveryRequested)
    assert len([each for each in told if "escalation" in each.data]) == 1


@pytest.mark.parametrize("fields", [{}, {"project": "q"}])
def test_what_a_tick_finds_down_before_a_window_is_told_and_counted_from_that_tick(fields: dict[str, Any]) -> None:
    story = up_story()
    escalating(story)
    window(story, once(100 * MINUTE, 110 * MINUTE), **fields)
    late = story.tick(2 * HOUR)
    down = of_type(late, StatusChanged)[-1]
    assert (down.now, down.at, down.detected_at) == ("down", t(65 * MINUTE), t(2 * HOUR))
    assert notices(late) == ["monitor.down", "incident.created"]
    assert notices(story.tick(2 * HOUR + 179)) == []
    assert notices(story.tick(2 * HOUR + 180)) == ["monitor.down"]


# ---- acknowledgements


def acknowledge(story: Story, until: float) -> None:
    event = IncidentAcknowledged(
        at=t(story.time), incident=story.state.incident or "", request="r", by="Ada", until=t(until)
    )
    story.tell(event, story.time)


def test_a_snooze_that_ends_in_it_is_told_when_it_closes() -> None:
    story = up_story()
    story.ping(10, "fail")
    window(story, once(100, 1_000))
    story.tick(101)
    acknowledge(story, 400)
    assert notices(story.tick(500)) == []
    closed = of_type(story.tick(1_000), DeliveryRequested)
    assert [(each.notices, each.at) for each in closed] == [(("monitor.down",), t(400))]


def test_a_snooze_of_what_nobody_was_told_is_over_unseen() -> None:
    story = up_story(mute_until=t(200))
    story.ping(10, "fail")
    window(story, once(100, 1_000))
    story.tick(101)
    acknowledge(story, 400)
    assert notices(story.tick(500)) == []
    closed = of_type(story.tick(1_000), DeliveryRequested)
    assert [each.notices for each in closed] == [("monitor.down", "incident.created")]
    assert "acknowledgement" not in closed[0].data["incident"]
    assert story.state.acknowledged is None
    assert story.state.escalation is not None
    assert story.state.escalation.last == t(1_000)
