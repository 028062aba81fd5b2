"""Maintenance of heartbeat checks in the fold: nothing is judged in a window, nothing alerts at its end, and nobody is
forgotten after it."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.check_states import CheckState, visible_status
from schemas.dead_letters import DeadLetter
from schemas.ids import derived_id
from schemas.maintenance import (
    Maintenance,
    MaintenanceCopy,
    MaintenanceDefined,
    MaintenanceRemoved,
    Once,
    Recurring,
    Window,
)
from schemas.pings import CheckDefined
from schemas.requests import MuteEnded
from schemas.schedules import Cron, Simple
from schemas.ticks import TimeCorrected
from schemas.transitions import StatusChanged
from tests.check_story import CHECK, DAY, HOUR, MINUTE, Story, changes, clock, moves, notices, t
from tests.folding import of_type

WINDOW = derived_id("test", "window")
NIGHTLY = Cron("0 2 * * *", "UTC")


def window(story: Story, at: float, what: Window, version: int = 1, **fields: Any) -> list[Effect]:
    made: dict[str, Any] = {"id": WINDOW, "project": "p", "created": t(0), "revised": t(at), "name": "deploy"}
    made |= {"version": version, "window": what, "everything": True}
    maintenance = Maintenance(**made | fields)
    return story.tell(MaintenanceDefined(at=t(at), maintenance=maintenance), at, key=maintenance.id)


def once(start: float, end: float) -> Once:
    return Once(t(start), t(end))


def up_story(**definition: Any) -> Story:
    story = Story(**definition)
    story.ping(0)
    return story


def test_what_is_missed_in_a_window_is_not_judged() -> None:
    """An hourly job, five minutes of grace: it is due in the window, and goes down by the first deadline after it."""
    story = up_story()
    assert window(story, 60, once(50 * MINUTE, 80 * MINUTE)) == []
    assert changes(story.tick(50 * MINUTE)) == [("up", "maintenance", "maintenance", 50 * MINUTE)]
    assert story.tick(75 * MINUTE) == []
    assert visible_status(story.state) == "maintenance"
    assert changes(story.tick(80 * MINUTE)) == [("maintenance", "up", "maintenance", 80 * MINUTE)]
    assert story.tick(139 * MINUTE) == []
    last = story.tick(146 * MINUTE)
    assert changes(last) == [("up", "late", "deadline", 140 * MINUTE), ("late", "down", "deadline", 145 * MINUTE)]
    assert notices(last) == ["monitor.down", "incident.created"]


def test_a_window_may_open_and_close_within_one_tick() -> None:
    story = up_story()
    window(story, 60, once(50 * MINUTE, 80 * MINUTE))
    assert moves(story.tick(90 * MINUTE)) == ["up>maintenance", "maintenance>up"]
    assert moves(story.tick(200 * MINUTE)) == ["up>late", "late>down"]


def test_what_was_due_before_it_in_the_same_tick_is_judged_first() -> None:
    story = up_story()
    window(story, 60, once(66 * MINUTE, 80 * MINUTE))
    assert moves(story.tick(90 * MINUTE)) == ["up>late", "late>down"]


@pytest.mark.parametrize(
    ("start", "end", "down"),
    [
        ("01:50", "02:30", "03:00 day 3"),  # due in it: the next run is judged
        ("02:30", "02:40", "03:00 day 3"),  # the job was running, perhaps, and was stopped
        ("01:30", "02:00", "03:00 day 2"),  # over when it is due
        ("01:30", "01:50", "03:00 day 2"),
        ("02:59", "04:00", "03:00 day 3"),  # its deadline is in it
        ("03:01", "04:00", "03:00 day 2"),  # it was down before
    ],
)
def test_a_nightly_job_that_does_not_come(start: str, end: str, down: str) -> None:
    story = Story(schedule=NIGHTLY, grace=HOUR)
    story.ping(clock("02:00:10"))
    window(story, clock("12:00"), once(clock(start, 2), clock(end, 2)))
    for hour in range(12, 80):
        story.tick(hour * HOUR + 5)
    [fell] = [change for change in of_type(story.effects, StatusChanged) if change.now == "down"]
    moment, day = down.split(" day ")
    assert fell.at == t(clock(moment, int(day)))


def test_windows_that_come_every_hour_hide_no_job_that_has_stopped() -> None:
    for schedule, grace in ((Cron("0 23 * * *", "UTC"), 6 * HOUR), (Simple(DAY), HOUR), (Simple(600), 6 * HOUR)):
        story = up_story(schedule=schedule, grace=grace)
        window(story, 1, Recurring(Cron("30 * * * *", "UTC"), 300))
        for half in range(1, 24 * 2 * 4):
            story.tick(half * HOUR / 2 + 7)
        assert notices(story.effects)[:2] == ["monitor.down", "incident.created"]


def test_pings_count_as_ever() -> None:
    story = up_story()
    window(story, 60, once(50 * MINUTE, 300 * MINUTE))
    story.tick(51 * MINUTE)
    assert moves(story.ping(60 * MINUTE)) == []
    assert (story.state.pings, story.state.last_success) == (2, t(60 * MINUTE))
    story.ping(298 * MINUTE)
    assert moves(story.tick(301 * MINUTE)) == ["maintenance>up"]
    assert moves(story.tick(366 * MINUTE)) == ["up>late", "late>down"]


def test_a_new_check_is_up_after_a_success_in_it() -> None:
    story = Story()
    window(story, 60, once(100, 400))
    assert moves(story.tick(101)) == ["new>maintenance"]
    assert story.ping(200) == []
    assert (story.state.status, visible_status(story.state)) == ("up", "maintenance")
    assert moves(story.tick(401)) == ["maintenance>up"]


def test_a_failure_in_it_is_told_at_its_end_if_nothing_better_came() -> None:
    story = up_story()
    window(story, 60, once(100, 400))
    story.tick(101)
    assert story.ping(200, "fail", exitstatus=3) == []
    assert (visible_status(story.state), story.state.incident, story.state.last_exitstatus) == ("maintenance", None, 3)
    ended = story.tick(401)
    assert changes(ended) == [("maintenance", "down", "fail", 400)]
    assert notices(ended) == ["monitor.down", "incident.created"]
    assert story.state.cause == "Exit status 3 at 2024-01-01T00:03:20+00:00, during maintenance"


def test_a_failure_that_was_made_good_in_it_is_never_told() -> None:
    story = up_story()
    window(story, 60, once(100, 400))
    story.tick(101)
    story.ping(200, "fail")
    story.ping(300)
    assert changes(story.tick(401)) == [("maintenance", "up", "maintenance", 400)]
    assert notices(story.effects) == []


def test_one_that_is_down_stays_down_until_it_comes_back() -> None:
    story = up_story()
    story.ping(10, "fail")
    window(story, 60, once(100, 40_000))
    assert story.tick(101) == []
    assert visible_status(story.state) == "down"
    assert notices(story.tick(30_000)) == []  # reminders are passed
    back = story.ping(30_010)
    assert moves(back) == ["down>up", "up>maintenance"]
    assert notices(back) == ["monitor.recovered", "incident.resolved"]
    assert story.ping(30_020, "fail") == []


def test_a_run_that_was_open_in_it_has_no_limit_any_more() -> None:
    story = up_story(run_limit=10 * MINUTE)
    story.ping(60, "start")
    window(story, 61, once(5 * MINUTE, 8 * MINUTE))
    story.tick(5 * MINUTE)
    story.tick(8 * MINUTE)
    assert story.tick(30 * MINUTE) == []
    assert moves(story.tick(80 * MINUTE)) == ["up>late", "late>down"]


def test_a_run_of_a_new_check_that_was_over_its_limit_in_it_has_it_once_more() -> None:
    story = Story(run_limit=10 * MINUTE)
    story.ping(60, "start")
    window(story, 61, once(5 * MINUTE, 20 * MINUTE))
    story.tick(5 * MINUTE)
    assert moves(story.tick(25 * MINUTE)) == ["maintenance>new"]
    assert changes(story.tick(31 * MINUTE)) == [("new", "down", "run limit", 30 * MINUTE)]


def test_pings_at_a_time_that_no_tick_has_passed_yet() -> None:
    """A source that is behind holds the time of the partition back; the pings of another are dated by its own."""
    story = up_story()
    window(story, 60, once(100, 200))
    story.tick(90)
    assert moves(story.ping(105, "fail")) == ["up>maintenance"]
    assert story.tick(110) == []
    story.tick(190)
    assert changes(story.ping(205, "fail")) == [("maintenance", "down", "fail", 200)]
    assert story.tick(206) == []


def test_it_is_extended_and_ended_while_it_runs() -> None:
    story = up_story()
    window(story, 60, once(50 * MINUTE, 63 * MINUTE))
    story.tick(51 * MINUTE)
    assert window(story, 62 * MINUTE, once(50 * MINUTE, 90 * MINUTE), version=2) == []
    assert story.tick(70 * MINUTE) == []
    ended = window(story, 71 * MINUTE, once(50 * MINUTE, 71 * MINUTE), version=3)
    assert changes(ended) == [("maintenance", "up", "maintenance", 71 * MINUTE)]
    assert window(story, 72 * MINUTE, once(50 * MINUTE, 90 * MINUTE), version=2) == []  # an older one comes late
    assert moves(story.tick(137 * MINUTE)) == ["up>late", "late>down"]


def test_it_is_removed_while_it_runs() -> None:
    story = up_story()
    window(story, 60, once(100, 5_000))
    story.tick(101)
    told = story.tell(MaintenanceRemoved(at=t(200), id=WINDOW), 200, key=WINDOW)
    assert changes(told) == [("maintenance", "up", "maintenance", 200)]
    assert story.tell(MaintenanceRemoved(at=t(201), id=WINDOW), 201, key=WINDOW) == []


def test_tags_cover_what_has_them_and_what_gets_them() -> None:
    story = up_story(tags="db eu")
    window(story, 60, once(100, 5_000), tags=("web",))
    assert story.tick(101) == []
    assert moves(story.define(200, tags="web eu")) == ["up>maintenance"]
    assert moves(story.define(300, tags="eu")) == ["maintenance>up"]
    window(story, 400, once(100, 5_000), version=2, tags=("eu", "us"))
    assert visible_status(story.state) == "maintenance"


@pytest.mark.parametrize(
    "fields", [{"checks": ("other",)}, {"monitors": (CHECK,)}, {"everything": False}, {"project": "q"}]
)
def test_others_are_not_covered(fields: dict[str, Any]) -> None:
    story = up_story()
    window(story, 60, once(100, 5_000), **fields)
    assert story.tick(101) == []


def test_two_windows_that_overlap_are_one() -> None:
    story = up_story()
    window(story, 60, once(100, 200))
    window(story, 60, once(150, 300), id=derived_id("test", "another"), checks=(CHECK,))
    for at in (120, 180, 250, 350):
        story.tick(at)
    assert moves(story.effects)[1:] == ["up>maintenance", "maintenance>up"]
    assert not [key for key, record in story.folding.session.view.items() if isinstance(record, MaintenanceCopy)]


def test_what_recurs_without_a_pause_is_one_window() -> None:
    story = up_story()
    window(story, 60, Recurring(Cron("* * * * *", "UTC"), 60))
    for minute in range(2, 200):
        story.tick(minute * MINUTE + 1)
    assert moves(story.effects)[1:] == ["up>maintenance"]


def test_paused_is_paused_and_resumed_is_in_maintenance() -> None:
    story = up_story()
    window(story, 60, once(100, 5_000))
    story.tick(101)
    assert moves(story.pause(200)) == ["maintenance>paused"]
    assert moves(story.resume(300)) == ["paused>new", "new>maintenance"]
    story.pause(400)
    assert moves(story.ping(410, "fail")) == ["paused>maintenance"]
    assert moves(story.tick(5_001)) == ["maintenance>down"]


def test_a_mute_that_ends_in_it_tells_after_it_what_nobody_was_told() -> None:
    story = up_story(mute_until=t(1_000))
    story.ping(10, "fail")
    window(story, 500, once(900, 1_600))
    story.tick(900)
    at_end = story.tick(1_000)
    assert (notices(at_end), len(of_type(at_end, MuteEnded))) == ([], 1)
    assert notices(story.tick(1_601)) == ["monitor.down", "incident.created"]
    assert story.tick(1_700) == []


def test_a_mute_that_ends_in_it_tells_again_after_it_what_was_told() -> None:
    story = up_story()
    story.ping(10, "fail")
    story.define(20, mute_until=t(1_000))
    window(story, 500, once(900, 1_600))
    story.tick(900)
    assert notices(story.tick(1_599)) == []
    story.folding.restart()
    assert notices(story.tick(1_601)) == ["monitor.down"]
    assert notices(story.tick(1_700)) == []


def test_what_could_not_be_observed_is_expected_after_it() -> None:
    """A gap that is still open when the window begins leaves a check without an expected moment."""
    story = up_story()
    window(story, 60, once(70 * MINUTE, 80 * MINUTE))
    story.tick(59 * MINUTE)
    story.tick(60 * MINUTE, unreachable_since=t(59 * MINUTE))
    story.tick(66 * MINUTE, unreachable_since=t(59 * MINUTE))
    assert story.state.unobserved
    story.tick(71 * MINUTE, unreachable_since=t(59 * MINUTE))
    story.tick(75 * MINUTE)
    assert moves(story.tick(81 * MINUTE)) == ["maintenance>up"]
    assert moves(story.tick(150 * MINUTE)) == ["up>late", "late>down"]


def test_the_time_is_taken_back_before_a_window_and_into_it() -> None:
    """A window that a wrong clock opened is not open; one that it closed is open again."""
    story = up_story()
    window(story, 60, once(100, 200))
    story.tick(150)
    assert moves(story.tell(TimeCorrected(), 50, key="time")) == ["maintenance>up"]
    assert moves(story.tick(101)) == ["up>maintenance"]
    story.ping(150, "fail")
    story.tick(190)
    assert moves(story.tell(TimeCorrected(), 120, key="time")) == []
    assert moves(story.tick(201)) == ["maintenance>down"]


@pytest.mark.parametrize("key", ["another", ""])
def test_a_window_under_another_key_is_refused(key: str) -> None:
    story = up_story()
    maintenance = Maintenance(
        id=WINDOW, project="p", version=1, created=t(0), revised=t(0), name="deploy", window=once(1, 2)
    )
    [letter] = of_type(story.tell(MaintenanceDefined(at=t(0), maintenance=maintenance), 10, key=key), DeadLetter)
    assert "key" in letter.reason


def test_a_window_that_makes_no_sense_is_refused() -> None:
    story = up_story()
    for what in (once(200, 100), Recurring(Cron("99 * * * *", "UTC"), 60)):
        assert len(of_type(window(story, 10, what), DeadLetter)) == 1


def test_it_is_over_before_it_is_known() -> None:
    story = up_story()
    story.tick(499)
    assert window(story, 500, once(100, 200)) == []
    assert story.tick(600) == []
    assert not [key for key, record in story.folding.session.view.items() if isinstance(record, MaintenanceCopy)]


def test_of_a_thousand_things_those_of_this_partition_are_found() -> None:
    story = up_story()
    others = [derived_id("check", str(n)) for n in range(1_000)]
    window(story, 60, once(100, 200), checks=(CHECK, *others))
    assert moves(story.tick(101)) == ["up>maintenance"]


def test_a_check_that_cannot_be_judged_stops_nothing() -> None:
    story = up_story()
    window(story, 60, once(100, 200))
    story.define(70, schedule=Cron("never * * * *", "UTC"))
    parked = [*story.tick(101), *story.tick(201), *story.tick(202)]
    assert moves(parked) == ["up>maintenance", "maintenance>up"]
    assert len(of_type(parked, DeadLetter)) == 1
    assert story.state.parked is not None
    story.define(203, schedule=Simple(HOUR))
    assert moves(story.tick(2 * HOUR)) == ["up>late", "late>down"]


def test_windows_whose_schedule_cannot_be_followed_any_more_are_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a time zone is gone with new data: ticks go on, and the others count."""
    story = up_story()
    window(story, 60, Recurring(Cron("0 * * * *", "Europe/Riga"), 60))
    window(story, 60, once(100, 200), id=derived_id("test", "another"))

    def gone(schedule: Any, _: Any) -> None:
        raise ValueError(f"no zone {schedule.tz}")

    monkeypatch.setattr("schemas.maintenance.next_after", gone)
    assert moves([*story.tick(101), *story.tick(201)]) == ["up>maintenance", "maintenance>up"]


def test_a_check_that_is_made_in_it_is_in_it() -> None:
    story = up_story()
    window(story, 60, once(100, 5_000))
    story.tick(101)
    other = derived_id("test", "other")
    check = story.folding.session.view.get("definition/" + CHECK).check
    made = type(check)(**{name: getattr(check, name) for name in check.__struct_fields__} | {"id": other, "version": 1})
    told = story.tell(CheckDefined(at=t(200), check=made), 200, key=other)
    assert moves(told) == ["new>maintenance"]
    assert story.folding.state(CheckState, other).maintained
