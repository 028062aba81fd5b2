"""Repeats per channel: whoever asked for it is told again until somebody acknowledges; over both kinds of things."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.choices import Repeat
from processors.fold.repeats import pass_repeats, repeat_due
from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryRequested
from schemas.escalations import MINUTE as MICRO_MINUTE
from schemas.escalations import Escalating, Step
from schemas.incidents import IncidentReleased
from schemas.notice_choices import NoticesChosen
from schemas.notices import Notice
from tests.check_story import MINUTE, t
from tests.escalation_story import FIRST, OWN, AnyStory, Down, DownCheck, acknowledge, both, define, remove, told
from tests.folding import of_type

DOWN: tuple[Notice, ...] = ("monitor.down",)


def choose(story: AnyStory, repeat: int | None, channel: str = OWN, notices: tuple[Notice, ...] = DOWN) -> None:
    chosen = NoticesChosen(at=t(story.time), notices=notices, name=channel, repeat=repeat)
    story.tell(chosen, story.time, key=channel)


def repeating(down: Down, minutes: int = 10) -> Any:
    """Something that is down, without a policy, and its channel, which repeats."""
    story = down()
    remove(story)
    choose(story, minutes)
    return story


@both
def test_the_channel_is_told_again_until_somebody_acknowledges(down: Down) -> None:
    story = repeating(down)
    for number in (1, 2, 3):
        assert told(story.tick(story.since + number * 10 * MINUTE - 2)) == []
        effects = story.tick(story.since + number * 10 * MINUTE + 2)
        assert told(effects) == [("monitor.down", OWN)]
    [request] = of_type(effects, DeliveryRequested)
    assert (request.data["repeat"], request.anyway) == ({"after_minutes": 10}, False)
    assert request.data["incident"]["id"] == story.state.incident
    acknowledge(story)
    assert told(story.tick(story.since + 90 * MINUTE)) == []


@both
def test_it_counts_from_when_people_are_told_again(down: Down) -> None:
    story = repeating(down)
    acknowledge(story, until=story.since + 14 * MINUTE)
    assert told(story.tick(story.since + 13 * MINUTE)) == []
    assert told(story.tick(story.since + 14 * MINUTE + 1)) == [("monitor.down", OWN)]  # the snooze is over
    assert told(story.tick(story.since + 23 * MINUTE)) == []
    assert told(story.tick(story.since + 24 * MINUTE + 2)) == [("monitor.down", OWN)]
    acknowledge(story)
    story.tick(story.since + 50 * MINUTE)
    story.tell(IncidentReleased(at=t(story.time), incident=story.state.incident or "", by="Ada"), story.time)
    since = story.time
    assert told(story.tick(since + 9 * MINUTE)) == []
    assert told(story.tick(since + 10 * MINUTE + 2)) == [("monitor.down", OWN)]


def test_after_an_outage_it_is_told_once_and_keeps_its_distance() -> None:
    story = repeating(DownCheck)
    late = story.tick(story.since + 65 * MINUTE)
    assert told(late) == [("monitor.down", OWN)]
    assert told(story.tick(story.since + 74 * MINUTE)) == []
    assert told(story.tick(story.since + 75 * MINUTE + 2)) == [("monitor.down", OWN)]


@both
def test_what_a_channel_says_from_now_on_counts_for_what_is_open(down: Down) -> None:
    story = repeating(down, 30)
    story.tick(story.since + 12 * MINUTE)
    choose(story, 5)
    assert told(story.tick(story.since + 17 * MINUTE - 2)) == []
    assert told(story.tick(story.since + 17 * MINUTE + 2)) == [("monitor.down", OWN)]
    choose(story, None)
    assert told(story.tick(story.since + 90 * MINUTE)) == []
    assert story.folding.session.due() > 0


@both
def test_a_channel_that_takes_no_such_notice_is_not_told(down: Down) -> None:
    story = repeating(down)
    choose(story, 10, notices=("monitor.recovered",))
    assert told(story.tick(story.since + 30 * MINUTE)) == []


def test_a_step_and_a_repeat_at_one_time_are_told_once() -> None:
    story = repeating(DownCheck, 5)
    define(story, 3, steps=(Step(10, (), own=True),), repeat=0)
    since = story.since
    story.tick(since + 5 * MINUTE + 2)
    effects = story.tick(since + 10 * MINUTE + 4)
    assert told(effects) == [("monitor.down", OWN)]
    assert told(story.tick(since + 15 * MINUTE + 2)) == [("monitor.down", OWN)]


@both
def test_who_was_called_is_told_again_whatever_it_has_chosen(down: Down) -> None:
    story = down()
    choose(story, 4, FIRST, notices=())
    assert told(story.tick(story.since + 4 * MINUTE + 2)) == []  # nobody has called it yet
    assert told(story.tick(story.since + 5 * MINUTE + 2)) == [("monitor.down", FIRST)]
    effects = story.tick(story.since + 8 * MINUTE + 2)
    assert told(effects) == [("monitor.down", FIRST)]
    assert [each.anyway for each in of_type(effects, DeliveryRequested)] == [True]


@both
def test_a_repeat_that_is_set_on_an_old_incident_counts_from_then(down: Down) -> None:
    story = repeating(down, 60)
    choose(story, None)
    story.tick(story.since + 300 * MINUTE)
    set_at = story.time
    choose(story, 10)
    story.folding.restart()
    assert told(story.tick(set_at + 2)) == []
    choose(story, 10, notices=("monitor.down", "monitor.recovered"))  # the same repeat goes on
    assert told(story.tick(set_at + 10 * MINUTE - 1)) == []
    assert told(story.tick(set_at + 10 * MINUTE + 2)) == [("monitor.down", OWN)]
    choose(story, 4)
    changed_at = story.time
    assert told(story.tick(changed_at + 4 * MINUTE - 1)) == []
    assert told(story.tick(changed_at + 4 * MINUTE + 2)) == [("monitor.down", OWN)]


@both
def test_a_restart_and_a_changed_policy_move_no_repeat(down: Down) -> None:
    story = repeating(down)
    story.tick(story.since + 10 * MINUTE + 2)
    define(story, 4, steps=(Step(60, (FIRST,)),))
    story.folding.restart()
    assert told(story.tick(story.since + 20 * MINUTE - 2)) == []
    assert told(story.tick(story.since + 20 * MINUTE + 2)) == [("monitor.down", OWN)]


@both
def test_what_went_down_before_a_version_noted_when(down: Down) -> None:
    story = repeating(down)
    state = story.state
    old = replace(state, escalation=Escalating(last=state.escalation.last))
    assert old.escalation is not None
    assert repeat_due(old.escalation, (OWN,), _Ten()) == state.escalation.last + 10 * MICRO_MINUTE


class _Ten:
    """Every channel repeats after ten minutes."""

    def repeating(self, own: Iterable[str], called: Iterable[str]) -> dict[str, Repeat]:
        return dict.fromkeys((*own, *called), Repeat(10))


class _Minutes:
    def __init__(self, minutes: dict[str, int], since: Micros = 0) -> None:
        self.minutes = {channel: Repeat(number, since) for channel, number in minutes.items()}

    def repeating(self, own: Iterable[str], called: Iterable[str]) -> dict[str, Repeat]:
        return {channel: self.minutes[channel] for channel in (*own, *called) if channel in self.minutes}


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 50), min_size=1),
    st.lists(st.integers(1, 59), min_size=1, max_size=200),
    st.integers(-5, 100),
)
def test_ticks_that_come_in_time_tell_each_channel_at_each_multiple(
    minutes: dict[str, int], waits: list[int], set_after: int
) -> None:
    began: Micros = 1_000 * MICRO_MINUTE
    stands, time, told = Escalating(last=began, began=began), began, dict.fromkeys(minutes, 0)
    since = began + set_after * MICRO_MINUTE
    choices = _Minutes(minutes, since)
    for wait in waits:
        time += wait * SECOND
        due = repeat_due(stands, tuple(minutes), choices)
        stands, channels, at = pass_repeats(stands, tuple(minutes), choices, time)
        assert (due is not None and due <= time) == bool(channels)
        assert not channels or (at == due and at <= time)
        for channel in channels:
            told[channel] += 1
        again = repeat_due(stands, tuple(minutes), choices)
        assert again is not None
        assert again > time
    passed = max(0, time - max(began, since)) // MICRO_MINUTE
    assert told == {channel: passed // each for channel, each in minutes.items()}


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 50), min_size=1),
    st.lists(st.integers(1, 500), min_size=1, max_size=40),
)
def test_however_late_a_tick_comes_each_channel_is_told_once(minutes: dict[str, int], waits: list[int]) -> None:
    began: Micros = 1_000 * MICRO_MINUTE
    stands, time, before = Escalating(last=began, began=began), began, began
    choices = _Minutes(minutes)
    for wait in waits:
        time += wait * MICRO_MINUTE
        stands, channels, at = pass_repeats(stands, tuple(minutes), choices, time)
        assert before < at <= time or not channels
        assert (time - before >= max(minutes.values()) * MICRO_MINUTE) <= (set(channels) == set(minutes))
        before = time
