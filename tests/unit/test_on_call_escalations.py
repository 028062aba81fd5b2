"""Steps of escalations that tell whoever is on call, over the folds of both kinds of things."""

from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.deliveries import DeliveryRequested
from schemas.escalations import Step
from schemas.ids import derived_id
from schemas.on_call import Handover, Hours, OnCallDefined, OnCallRemoved, OnCallRotation, Override, Turn
from schemas.on_call_times import Duty
from schemas.schedules import BadTimezone
from tests.check_story import DAY, HOUR, MINUTE, t
from tests.escalation_story import AnyStory, Down, DownCheck, both, define, told
from tests.folding import of_type

PRIMARY, SECONDARY = (derived_id("test", name) for name in ("primary", "secondary"))


def rotate(story: AnyStory, *people: str, id: str = PRIMARY, version: int = 1, **fields: Any) -> list[Effect]:
    """A rotation of a day for each, from the day on which the story begins."""
    given: dict[str, Any] = {
        "id": id, "project": "p", "version": version, "created": t(0), "revised": t(0), "name": "Primary", "tz": "UTC",
        "handover": Handover("2024-01-01", 1, 0), "turns": tuple(Turn((name,)) for name in people),
    }  # fmt: skip
    event = OnCallDefined(at=t(story.time), rotation=OnCallRotation(**given | fields))
    return story.tell(event, story.time, key=id)


def asks(story: AnyStory, *steps: Step, repeat: int | None = 0) -> float:
    """The policy has these steps from now on; since when."""
    define(story, 2, steps=steps, repeat=repeat)
    return story.time


def on_call_step(minutes: int, *channels: str, rotations: tuple[str, ...] = (PRIMARY,)) -> Step:
    return Step(minutes, channels, on_call=rotations)


@both
def test_whoever_is_on_call_is_told(down: Down) -> None:
    story = down()
    rotate(story, "ada", "bob")
    since = asks(story, on_call_step(5))
    assert told(story.tick(since + 5 * MINUTE - 3)) == []
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", "ada")]
    assert told(story.recover()) == [("monitor.recovered", "ada"), ("monitor.recovered", "hook")]


@both
def test_who_is_on_call_is_asked_when_the_step_is_passed(down: Down) -> None:
    story = down()
    since = asks(story, on_call_step(5), on_call_step(10))
    rotate(story, "ada", "bob")
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", "ada")]
    rotate(story, "bob", "ada", version=2)
    assert told(story.tick(since + 10 * MINUTE + 3)) == [("monitor.down", "bob")]


def test_it_is_asked_at_the_time_of_the_tick() -> None:
    """After an outage whoever is on call now is told, not who was."""
    story = DownCheck()
    rotate(story, "ada", "bob")
    asks(story, on_call_step(5), on_call_step(10))
    assert told(story.tick(DAY + HOUR)) == [("monitor.down", "bob")]


@both
def test_each_is_told_once_a_step_however_often_it_names_them(down: Down) -> None:
    story = down()
    rotate(story, "ada", "bob")
    rotate(story, "ada", id=SECONDARY)
    since = asks(story, on_call_step(5, "ada", "eve", rotations=(PRIMARY, SECONDARY)))
    effects = story.tick(since + 5 * MINUTE + 3)
    assert told(effects) == [("monitor.down", "ada"), ("monitor.down", "eve")]
    calls = of_type(effects, DeliveryRequested)
    assert all(call.anyway for call in calls)
    assert len({call.transition for call in calls if "escalation" in call.data}) == 1


@both
@pytest.mark.parametrize("gap", ["hours", "empty turn", "unknown rotation", "removed rotation"])
def test_when_nobody_is_on_call_the_own_channels_are_told(down: Down, gap: str) -> None:
    story = down()
    match gap:
        case "hours":
            rotate(story, "ada", hours=(Hours((0,), 600, 660),))
        case "empty turn":
            rotate(story, turns=(Turn(()),))
        case "removed rotation":
            rotate(story, "ada")
            story.tell(OnCallRemoved(at=t(story.time), id=PRIMARY), story.time, key=PRIMARY)
    since = asks(story, on_call_step(5))
    effects = story.tick(since + 5 * MINUTE + 3)
    assert told(effects) == [("monitor.down", "hook")]
    [call] = [call for call in of_type(effects, DeliveryRequested) if "escalation" in call.data]
    name = "Primary" if gap in ("hours", "empty turn") else PRIMARY
    assert call.data["escalation"] == {"policy": "Night", "step": 1, "round": 1, "nobody_on_call": [name]}


@both
def test_where_a_step_tells_somebody_else_a_gap_tells_no_further_channels(down: Down) -> None:
    story = down()
    rotate(story, "ada", hours=(Hours((0,), 600, 660),))
    rotate(story, "bob", id=SECONDARY)
    since = asks(story, on_call_step(5, "eve"), on_call_step(10, rotations=(PRIMARY, SECONDARY)))
    effects = story.tick(since + 5 * MINUTE + 3)
    assert told(effects) == [("monitor.down", "eve")]
    assert of_type(effects, DeliveryRequested)[-1].data["escalation"]["nobody_on_call"] == ["Primary"]
    # Of several rotations one is enough.
    effects = story.tick(since + 10 * MINUTE + 3)
    assert told(effects) == [("monitor.down", "bob")]
    assert "nobody_on_call" not in of_type(effects, DeliveryRequested)[-1].data["escalation"]


@both
def test_an_override_is_told(down: Down) -> None:
    story = down()
    override = Override(derived_id("test", "override"), t(story.time), t(story.time + HOUR), ("eve",))
    rotate(story, "ada", overrides=(override,))
    since = asks(story, on_call_step(5), repeat=1)
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", "eve")]


@both
def test_a_change_of_a_rotation_moves_no_step(down: Down) -> None:
    story = down()
    rotate(story, "ada")
    since = asks(story, on_call_step(5), on_call_step(10))
    story.tick(since + 5 * MINUTE + 3)
    before = story.state
    assert rotate(story, "bob", version=2) == []
    assert story.state == before
    assert told(story.tick(since + 10 * MINUTE + 3)) == [("monitor.down", "bob")]


@both
def test_an_older_version_that_comes_late_counts_for_nothing(down: Down) -> None:
    story = down()
    rotate(story, "ada", version=3)
    rotate(story, "bob", version=2)
    since = asks(story, on_call_step(5))
    story.folding.restart()
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", "ada")]


@both
def test_a_time_zone_that_disappears_stops_no_escalation(down: Down, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns cannot be told without it, overrides can; and nothing is parked."""

    def gone(*_: object) -> Duty:
        raise BadTimezone("is not known")

    story = down()
    rotate(story, "ada", "bob")
    since = asks(story, on_call_step(5), on_call_step(10))
    monkeypatch.setattr("processors.fold.on_call.on_call", gone)
    assert told(story.tick(since + 5 * MINUTE + 3)) == [("monitor.down", "hook")]
    stand_in = Override(derived_id("test", "override"), t(0), t(since + DAY), ("eve",))
    rotate(story, "ada", "bob", version=2, overrides=(stand_in,))
    assert told(story.tick(since + 10 * MINUTE + 3)) == [("monitor.down", "eve")]
    assert story.state.parked is None
