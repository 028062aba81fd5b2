"""Mutes of heartbeat checks, and mutes of a channel that end within that of a thing."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.deliveries import DeliveryRequested
from schemas.incidents import IncidentToTell
from schemas.mutes import MuteUntil
from schemas.requests import MuteEnded
from schemas.schedules import Simple
from schemas.transitions import StatusChanged
from tests.check_story import CHECK, HOUR
from tests.check_story import Story as CheckStory
from tests.folding import of_type
from tests.monitor_story import notices, t
from tests.mute_story import DOWN, RECOVERED, ended, requests, up

# ---- heartbeat checks


def running(**definition: Any) -> CheckStory:
    """A check that pings every hour, since 0:00."""
    story = CheckStory(schedule=Simple(HOUR), grace=300, **definition)
    story.ping(0)
    return story


def mute_check(story: CheckStory, until: MuteUntil) -> list[Effect]:
    return story.define(story.time, mute_until=until)


def test_a_check_that_is_muted_goes_down_in_silence() -> None:
    story = running(mute_until="recovery")
    down = story.tick(2 * HOUR)
    assert story.state.status == "down"
    assert story.state.incident is not None
    assert of_type(down, StatusChanged)[-1].silent
    back = story.ping(2 * HOUR + 10)
    assert ended(back) == [("recovery", 2 * HOUR + 10)]
    assert notices(story.effects) == []
    assert notices(story.tick(4 * HOUR)) == DOWN


def test_a_check_that_is_down_when_its_mute_ends() -> None:
    story = running(mute_until=t(5 * HOUR))
    story.ping(60, "fail")
    assert story.state.status == "down"
    told = story.tick(5 * HOUR)
    assert (notices(told), ended(told)) == (DOWN, [(t(5 * HOUR), 5 * HOUR)])
    assert requests(told)[0].data["incident"]["cause"] == "Reported failure"
    assert notices(story.ping(5 * HOUR + 60)) == RECOVERED


def test_a_check_that_was_known_to_be_down_is_told_again() -> None:
    story = running()
    assert notices(story.ping(60, "fail")) == DOWN
    mute_check(story, t(5 * HOUR))
    assert notices(story.tick(5 * HOUR)) == ["monitor.down"]
    assert notices(story.ping(5 * HOUR + 60)) == RECOVERED


def test_a_recovery_of_a_check_that_was_told_is_told_when_the_mute_ends() -> None:
    story = running()
    story.ping(60, "fail")
    mute_check(story, "forever")
    assert notices(story.ping(120)) == []
    story.folding.restart()
    assert notices(mute_check(story, None)) == RECOVERED
    assert notices(story.tick(300)) == []


def test_a_check_that_was_not_observed_is_told_when_the_mute_ends() -> None:
    story = running(mute_until=t(3 * HOUR))
    assert notices(story.gap(HOUR - 10, HOUR + 400)) == []
    story.tick(HOUR + 500)
    assert story.state.unobserved
    story.define(story.time, mute_until=None)
    [request] = requests(story.effects)
    assert request.notices == ("monitor.not_observed",)
    assert request.data["detail"] == (
        "no ping since 2024-01-01T00:00:00+00:00; a run was due while Pingfold could not be reached"
    )


def test_a_pause_ends_the_mute_of_a_check_with_its_incident() -> None:
    story = running(mute_until="recovery")
    story.ping(60, "fail")
    assert ended(story.pause(120)) == [("recovery", 120)]
    assert not story.state.muted


def test_a_new_check_may_be_muted() -> None:
    story = CheckStory(mute_until=t(5_000))
    assert story.state.muted
    story.folding.restart()
    [event] = of_type(story.tick(5_000), MuteEnded)
    assert (event.kind, event.id, event.until) == ("check", CHECK, t(5_000))
    assert not story.state.muted


# ---- the mute of a channel that ends within that of a thing


def ask(story: Any, channel: str) -> list[Effect]:
    """The mute of a channel is over."""
    event = IncidentToTell(at=t(story.time), incident=story.state.incident or "", channel=channel)
    effects: list[Effect] = story.tell(event, story.time)
    return effects


@pytest.mark.parametrize("kind", ["check", "monitor"])
def test_a_channel_whose_mute_ends_within_that_of_the_thing_is_told_after_it(kind: str) -> None:
    story: Any
    if kind == "check":
        story = running(channels=("hook", "mail"))
        story.ping(60, "fail")
    else:
        story = up(channels=("hook", "mail"))
        story.probe(2, ok=False)
        story.probe(3, ok=False)
    assert story.state.status == "down"
    story.define(story.time, mute_until="forever")
    assert notices(ask(story, "mail")) == []
    story.folding.restart()
    lifted = story.define(story.time, mute_until=None)
    assert [(each.key, each.value.notices) for each in lifted if isinstance(each.value, DeliveryRequested)] == [
        ("mail", tuple(DOWN))
    ]
    assert story.state.untold == ()


def test_what_ended_meanwhile_is_told_to_nobody() -> None:
    story = running(channels=("hook", "mail"))
    story.ping(60, "fail")
    mute_check(story, "forever")
    ask(story, "mail")
    story.ping(120)
    assert story.state.untold == ()
    assert DOWN not in [list(each.notices) for each in requests(mute_check(story, None))]
