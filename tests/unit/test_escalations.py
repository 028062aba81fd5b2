"""Who else is told of what nobody acknowledges, and when: over the folds of both kinds of things."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from processors.fold.escalations import EscalationPolicies
from processors.fold.view import View
from schemas.base import encode
from schemas.deliveries import DeliveryRequested
from schemas.escalations import (
    EscalationCopy,
    EscalationDefined,
    EscalationRemoved,
    Step,
    escalation_key,
)
from schemas.ids import derived_id
from tests.check_story import CHECK, DAY, HOUR, MINUTE, t
from tests.escalation_story import (
    FIRST,
    OWN,
    POLICY,
    ROUTER,
    SECOND,
    AnyStory,
    Down,
    DownCheck,
    DownMonitor,
    acknowledge,
    both,
    define,
    policy,
    remove,
    told,
)
from tests.folding import of_type
from tests.monitor_story import Story


@both
def test_each_step_comes_at_its_time_once(down: Down) -> None:
    story = down()
    assert told(story.tick(story.since + 5 * MINUTE - 2)) == []
    assert told(story.tick(story.since + 5 * MINUTE + 2)) == [("monitor.down", FIRST)]
    assert told(story.tick(story.since + 15 * MINUTE - 2)) == []
    assert told(story.tick(story.since + 15 * MINUTE + 2)) == [("monitor.down", SECOND), ("monitor.down", OWN)]
    assert told(story.tick(story.since + 50 * MINUTE)) == []


@both
def test_what_a_step_tells(down: Down) -> None:
    story = down()
    [request] = of_type(story.tick(story.since + 5 * MINUTE + 2), DeliveryRequested)
    assert request.anyway
    assert request.data["incident"]["id"] == story.state.incident
    assert request.data["incident"]["status"] == "open"
    assert request.data["escalation"] == {"policy": "Night", "step": 1, "round": 1}
    own = [each for each in of_type(story.tick(story.since + 15 * MINUTE + 2), DeliveryRequested) if not each.anyway]
    assert [each.data["escalation"]["step"] for each in own] == [2]


@both
def test_the_rounds_follow_one_another(down: Down) -> None:
    story = down()
    define(story, 2, repeat=1)
    since = story.time
    for minutes, wanted in ((5, [FIRST]), (15, [SECOND, OWN]), (20, [FIRST]), (30, [SECOND, OWN]), (45, [])):
        before = story.tick(since + minutes * MINUTE - 3)
        assert told(before) == [], minutes
        assert [channel for _, channel in told(story.tick(since + minutes * MINUTE + 3))] == wanted, minutes


@both
def test_for_ever_is_until_it_is_acknowledged(down: Down) -> None:
    story = down()
    define(story, 2, repeat=None, steps=(Step(10, (FIRST,)),))
    since = story.time
    for number in range(1, 10):
        assert told(story.tick(since + number * 10 * MINUTE + 3)) == [("monitor.down", FIRST)]
    acknowledge(story)
    assert told(story.tick(since + 3 * HOUR)) == []


@both
def test_nothing_after_an_acknowledgement_but_the_end_and_that_to_everybody(down: Down) -> None:
    story = down()
    story.tick(story.since + 5 * MINUTE + 2)
    acknowledge(story)
    assert told(story.tick(story.since + 40 * MINUTE)) == []
    assert told(story.recover()) == [("monitor.recovered", FIRST), ("monitor.recovered", OWN)]


@both
def test_nothing_after_the_end(down: Down) -> None:
    story = down()
    assert told(story.recover()) == [("monitor.recovered", OWN)]
    assert story.state.escalation is None
    story.n = 0
    assert told(story.tick(story.time + 30)) == []
    assert told(story.tick(story.since + 15 * MINUTE)) == [] or isinstance(story, Story)


@both
def test_nothing_after_the_thing_was_removed(down: Down) -> None:
    story = down()
    story.remove(story.time)
    story.n = 0
    assert told(story.tick(story.since + HOUR)) == []


@both
def test_nothing_after_the_policy_was_removed(down: Down) -> None:
    story = down()
    story.tick(story.since + 5 * MINUTE + 2)
    remove(story)
    assert told(story.tick(story.since + 40 * MINUTE)) == []
    define(story)
    since = story.time
    assert told(story.tick(since + 5 * MINUTE - 3)) == []
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


@both
def test_a_policy_that_is_made_later_counts_from_then(down: Down) -> None:
    story = down()
    remove(story)
    story.tick(story.since + 30 * MINUTE)
    define(story)
    since = story.time
    assert told(story.tick(since + 5 * MINUTE - 3)) == []
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


@both
def test_a_policy_that_tells_fewer_goes_on(down: Down) -> None:
    story = down()
    story.tick(story.since + 5 * MINUTE + 2)
    define(story, 2, name="Renamed", managed_by="shop", steps=(Step(5), Step(15, (SECOND,))))
    assert told(story.tick(story.since + 15 * MINUTE + 2)) == [("monitor.down", SECOND)]


@both
def test_the_policy_that_names_the_thing_counts(down: Down) -> None:
    story = down()
    other = derived_id("test", "other policy")
    thing = story.folding.committed and (story.monitor.id if isinstance(story, Story) else derived_id("test", "check"))
    define(story, id=other, things=(thing,), steps=(Step(7, ("eve",)),))
    since = story.time
    assert told(story.tick(since + 6 * MINUTE)) == []
    assert told(story.tick(since + 7 * MINUTE + 3)) == [("monitor.down", "eve")]
    assert told(story.tick(since + 40 * MINUTE)) == []


@both
def test_one_of_another_project_is_of_no_consequence(down: Down) -> None:
    story = down()
    define(story, id=derived_id("test", "others"), project="q", created=t(-DAY), steps=(Step(1, ("eve",)),))
    assert told(story.tick(story.since + 5 * MINUTE + 2)) == [("monitor.down", FIRST)]


@both
def test_a_restart_repeats_none_and_loses_none(down: Down) -> None:
    story = down()
    story.folding.restart()
    assert told(story.tick(story.since + 5 * MINUTE + 2)) == [("monitor.down", FIRST)]
    story.folding.restart()
    assert told(story.tick(story.since + 15 * MINUTE + 2)) == [("monitor.down", SECOND), ("monitor.down", OWN)]
    story.folding.restart()
    assert told(story.tick(story.since + 40 * MINUTE)) == []


@both
@pytest.mark.parametrize("passes", [True, False])
def test_a_policy_that_counts_again_begins_anew_under_other_ids(down: Down, passes: bool) -> None:
    story, older = down(), derived_id("test", "older policy")
    assert told(story.tick(story.since + 5 * MINUTE + 2)) == [("monitor.down", FIRST)]
    define(story, id=older, created=t(-DAY), steps=(Step(1 if passes else 60, ("eve",)),))
    assert told(story.tick(story.time + 2 * MINUTE)) == ([("monitor.down", "eve")] if passes else [])
    story.tell(EscalationRemoved(at=t(story.time), id=older), story.time, key=older)
    since = story.time
    assert told(story.tick(since + 5 * MINUTE - 3)) == []
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]
    calls = of_type([each for each in story.effects if each.key == FIRST], DeliveryRequested)
    assert len({call.transition for call in calls}) == len(calls) == 2


def as_an_older_version_left_it(story: AnyStory) -> None:
    """The thing is down since before states told of escalations."""
    key = story.monitor.id if isinstance(story, Story) else CHECK
    story.folding.committed[key] = encode(replace(story.state, escalation=None))
    story.folding.restart()


@both
def test_what_was_down_before_there_were_escalations_has_one(down: Down) -> None:
    story = down()
    remove(story)
    as_an_older_version_left_it(story)
    define(story)
    since = story.time
    assert told(story.tick(since + 5 * MINUTE - 3)) == []
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", FIRST)]


@both
def test_a_snooze_of_what_was_down_before_ends(down: Down) -> None:
    story = down()
    remove(story)
    as_an_older_version_left_it(story)
    until = story.time + 30 * MINUTE
    acknowledge(story, until)
    assert told(story.tick(until - 3)) == []
    assert told(story.tick(until + 3)) == [("monitor.down", OWN)]
    assert story.state.acknowledged is None


@both
def test_a_policy_and_a_snooze_begin_nothing_that_nobody_was_told_of(down: Down) -> None:
    story = down(mute_until="forever")
    define(story, 2, repeat=None)
    acknowledge(story, story.time + 60)
    assert story.state.escalation is None
    waiting = DownMonitor(depends_on=(ROUTER,), dependency_wait=600)
    define(waiting, 2, repeat=None)
    acknowledge(waiting, waiting.time + 60)
    assert waiting.state.escalation is None


@both
def test_an_own_channel_that_was_called_is_told_of_the_end_whatever_it_has_chosen(down: Down) -> None:
    story = down()
    define(story, 2, steps=(Step(5, (OWN,)),))
    [call] = [each for each in of_type(story.tick(story.time + 5 * MINUTE + 3), DeliveryRequested) if each.anyway]
    assert call.notices == ("monitor.down",)
    ends = of_type(story.recover(), DeliveryRequested)
    assert [(end.notices, end.anyway) for end in ends] == [
        (("monitor.recovered",), True),
        (("incident.resolved",), False),
    ]


def test_only_so_many_channels_are_kept_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.fold.escalations.MOST_TOLD", 3)
    story = DownCheck()
    for version in (2, 3, 4):
        define(story, version, steps=(Step(1, (f"a{version}", f"b{version}")),))
        story.tick(story.time + MINUTE + 1)
    stands = story.state.escalation
    assert stands is not None
    assert stands.told == ("b3", "a4", "b4")


class Counted(str):
    """An id that counts what it is compared with."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_a_policy_is_found_however_many_things_it_names() -> None:
    view = View()
    policies = EscalationPolicies(view)
    many = policy(things=tuple(derived_id("test", "thing", number) for number in range(1_000)))
    view.put(escalation_key(POLICY), EscalationCopy(policy=many, since=0))
    found = policies.of("p", Counted(many.things[-1]))
    assert found is not None
    assert found.policy is many
    assert policies.of("p", Counted(derived_id("test", "another"))) is None
    assert Counted.compared < 10


@pytest.mark.parametrize("story", [DownCheck, DownMonitor])
def test_a_dead_letter_that_is_put_back_counts_where_the_policy_is_known(story: Callable[[], AnyStory]) -> None:
    down = story()
    newer = policy(2, steps=(Step(1, (FIRST,)),))
    put_back = EscalationDefined(at=t(0), policy=newer)
    down.tell(put_back, down.time, key=POLICY, retried=True)
    assert told(down.tick(down.time + MINUTE + 1)) == [("monitor.down", FIRST)]
    older = EscalationDefined(at=t(0), policy=policy(1))
    down.tell(older, down.time, key=POLICY, retried=True)
    assert told(down.tick(down.time + HOUR)) == []
    # One that was removed is never known again; that it was removed counts.
    down.tell(EscalationRemoved(at=t(0), id=POLICY), down.time, key=POLICY, retried=True)
    down.tell(put_back, down.time, key=POLICY, retried=True)
    assert told(down.tick(down.time + HOUR)) == []
