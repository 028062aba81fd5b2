"""A mute, of a thing or of a channel, that ends while nobody is to be told: it is told after that, once."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.ids import derived_id
from schemas.incidents import IncidentReleased, IncidentToTell
from schemas.maintenance import Maintenance, MaintenanceDefined, Once
from schemas.notice_choices import NoticesChosen
from schemas.notices import Notice
from schemas.probes import DependencyChanged
from schemas.probes import MaintenanceDefined as MonitorsMaintained
from tests.check_story import MINUTE, t
from tests.escalation_story import (
    FIRST,
    AnyStory,
    Down,
    DownCheck,
    DownMonitor,
    Told,
    acknowledge,
    both,
    define,
    remove,
    told,
)

WINDOW, ROUTER = derived_id("test", "window"), derived_id("test", "router")
DOWN: tuple[Notice, ...] = ("monitor.down",)
TWICE: Told = [("monitor.down", "hook"), ("monitor.down", "mail")]


def held(down: Down, minutes: int = 60) -> Any:
    """Something that two channels know to be down, without a policy, and a window that opens after a minute."""
    story = down(channels=("hook", "mail"))
    remove(story)
    hold(story, story.since + MINUTE, story.since + minutes * MINUTE)
    story.tick(story.since + 2 * MINUTE)
    return story


def hold(story: AnyStory, start: float, end: float, version: int = 1) -> list[Effect]:
    window = Maintenance(
        id=WINDOW,
        project="p",
        version=version,
        created=t(0),
        revised=t(0),
        name="Works",
        everything=True,
        window=Once(t(start), t(end)),
    )
    kind = MaintenanceDefined if isinstance(story, DownCheck) else MonitorsMaintained
    return story.tell(kind(at=t(story.time), maintenance=window), story.time, key=WINDOW)


def mute(story: AnyStory, until: Any) -> list[Effect]:
    return story.define(story.time, mute_until=until)


def unmuted(story: AnyStory, channel: str) -> list[Effect]:
    """The mute of a channel is over."""
    return story.tell(
        IncidentToTell(at=t(story.time), incident=story.state.incident or "", channel=channel), story.time
    )


def repeat(story: AnyStory, channel: str, minutes: int) -> None:
    story.tell(NoticesChosen(at=t(0), notices=DOWN, name=channel, repeat=minutes), story.time, key=channel)


@both
def test_what_people_knew_is_told_again_once_when_the_window_closes(down: Down) -> None:
    story = held(down)
    mute(story, t(story.since + 30 * MINUTE))
    assert told(story.tick(story.since + 59 * MINUTE)) == []
    story.folding.restart()
    assert told(story.tick(story.since + 60 * MINUTE + 1)) == TWICE
    assert told(story.tick(story.since + 80 * MINUTE)) == []
    assert told(story.recover()) == [("monitor.recovered", "hook"), ("monitor.recovered", "mail")]


@both
def test_what_is_over_by_then_is_told_to_be_over_only(down: Down) -> None:
    story = held(down)
    mute(story, t(story.since + 30 * MINUTE))
    story.tick(story.since + 40 * MINUTE)
    assert told(story.recover()) == [("monitor.recovered", "hook"), ("monitor.recovered", "mail")]
    assert told(story.tick(story.since + 61 * MINUTE)) == []
    assert not story.state.again


@both
def test_what_somebody_takes_care_of_by_then_is_not_told_again(down: Down) -> None:
    story = held(down)
    mute(story, t(story.since + 30 * MINUTE))
    story.tick(story.since + 40 * MINUTE)
    acknowledge(story)
    assert told(story.tick(story.since + 61 * MINUTE)) == []
    assert not story.state.again
    back = story.tell(IncidentReleased(at=t(story.time), incident=story.state.incident or "", by="Ada"), story.time)
    assert ("monitor.down", "mail") not in told(story.tick(story.time + 1) + back)


@both
def test_another_mute_goes_on_after_it(down: Down) -> None:
    story = held(down)
    mute(story, t(story.since + 30 * MINUTE))
    story.tick(story.since + 31 * MINUTE)
    mute(story, t(story.since + 90 * MINUTE))
    assert told(story.tick(story.since + 89 * MINUTE)) == []
    assert told(story.tick(story.since + 90 * MINUTE + 1)) == TWICE


@both
def test_who_lifts_a_mute_in_it_is_not_told_a_second_time(down: Down) -> None:
    story = held(down)
    mute(story, "forever")
    story.tick(story.since + 30 * MINUTE)
    assert told(mute(story, None)) == []
    assert told(story.tick(story.since + 61 * MINUTE)) == []


@both
@pytest.mark.parametrize("muted", [False, True])
def test_a_channel_whose_mute_ends_in_it_is_told_alone_when_it_closes(down: Down, muted: bool) -> None:
    story = held(down)
    if muted:
        mute(story, "forever")
    story.tick(story.since + 20 * MINUTE)
    assert told(unmuted(story, "mail")) == []
    if muted:
        assert told(mute(story, None)) == []
    story.folding.restart()
    assert told(story.tick(story.since + 59 * MINUTE)) == []
    assert told(story.tick(story.since + 60 * MINUTE + 1)) == [("monitor.down", "mail")]
    assert told(story.tick(story.since + 80 * MINUTE)) == []


@both
def test_what_tells_it_all_the_same_does_not_tell_it_twice(down: Down) -> None:
    """The mutes of the thing and of a channel end in it, a repeat is due, and somebody is to be called."""
    story = held(down)
    repeat(story, "mail", 10)
    mute(story, t(story.since + 30 * MINUTE))
    story.tick(story.since + 40 * MINUTE)
    unmuted(story, "mail")
    define(story, 2)  # it calls somebody after 5 minutes
    assert told(story.tick(story.since + 60 * MINUTE + 1)) == TWICE
    assert told(story.tick(story.since + 65 * MINUTE + 2)) == [("monitor.down", FIRST)]
    assert told(story.tick(story.since + 70 * MINUTE + 2)) == [("monitor.down", "mail")]


@both
def test_a_repeat_that_is_due_when_it_closes_stands_for_the_end_of_the_mute(down: Down) -> None:
    story = held(down)
    repeat(story, "mail", 10)
    repeat(story, "hook", 10)
    unmuted(story, "mail")
    assert told(story.tick(story.since + 60 * MINUTE + 1)) == TWICE


@both
def test_a_window_that_is_ended_by_hand_is_over(down: Down) -> None:
    story = held(down)
    mute(story, t(story.since + 30 * MINUTE))
    story.tick(story.since + 40 * MINUTE)
    ended = hold(story, story.since + MINUTE, story.since + 40 * MINUTE, version=2)
    assert told(ended + story.tick(story.since + 40 * MINUTE + 1)) == TWICE
    assert told(story.tick(story.since + 61 * MINUTE)) == []


def test_it_is_the_same_with_what_a_monitor_depends_on() -> None:
    story = DownMonitor(channels=("hook", "mail"), depends_on=(ROUTER,), dependency_wait=60)
    remove(story)
    assert told(story.tick(story.since + 2 * MINUTE)) == TWICE
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=True), story.time, key=ROUTER)
    mute(story, t(story.since + 30 * MINUTE))
    assert told(story.tick(story.since + 40 * MINUTE)) == []
    story.tell(DependencyChanged(at=t(story.time), monitor=ROUTER, down=False), story.time, key=ROUTER)
    assert told(story.tick(story.since + 43 * MINUTE)) == TWICE
    assert told(story.tick(story.since + 60 * MINUTE)) == []
