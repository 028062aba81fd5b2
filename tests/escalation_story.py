"""Things that are down, and an escalation policy for them: what the tests of escalations are written in."""

from collections.abc import Callable
from typing import Any

import pytest

from processors.fold.contract import Effect
from schemas.deliveries import DeliveryRequested
from schemas.escalations import (
    EscalationDefined,
    EscalationPolicy,
    EscalationRemoved,
    Step,
)
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged
from tests.check_story import Story as CheckStory
from tests.check_story import t
from tests.failing_monitor import FailingMonitor
from tests.monitor_story import Story

POLICY = derived_id("test", "policy")
ROUTER = derived_id("test", "router")
# Of the further channels, and of the thing itself.
FIRST, SECOND, OWN = "ada", "bob", "hook"
Told = list[tuple[str, str]]
AnyStory = Story | CheckStory
TWO = (Step(5, (FIRST,)), Step(15, (SECOND,), own=True))


def policy(version: int = 1, **fields: Any) -> EscalationPolicy:
    given: dict[str, Any] = {"id": POLICY, "project": "p", "name": "Night", "steps": TWO, "created": t(0)}
    return EscalationPolicy(version=version, revised=t(0), **given | fields)


def define(story: AnyStory, version: int = 1, **fields: Any) -> list[Effect]:
    made = policy(version, **fields)
    return story.tell(EscalationDefined(at=t(story.time), policy=made), story.time, key=made.id)


def remove(story: AnyStory) -> list[Effect]:
    return story.tell(EscalationRemoved(at=t(story.time), id=POLICY), story.time, key=POLICY)


def acknowledge(story: AnyStory, until: float | None = None) -> None:
    incident = story.state.incident or ""
    event = IncidentAcknowledged(
        at=t(story.time), incident=incident, request="r", by="Ada", until=None if until is None else t(until)
    )
    story.tell(event, story.time)


def told(effects: list[Effect]) -> Told:
    """(notice, channel), in order, without the other names of the same, and without reminders."""
    found = ((effect.value.notices[0], effect.key) for effect in effects if isinstance(effect.value, DeliveryRequested))
    return sorted(each for each in found if each[0] != "monitor.still_down")


class DownCheck(CheckStory):
    """A check that is down since second 100."""

    def __init__(self, **definition: Any) -> None:
        super().__init__(**definition)
        define(self)
        self.ping(100, "fail")
        self.since = self.time

    def recover(self) -> list[Effect]:
        return self.ping(self.time + 1)


class DownMonitor(FailingMonitor):
    """A monitor that is down, and keeps failing."""

    def begin(self) -> None:
        define(self)


Down = Callable[..., Any]
both = pytest.mark.parametrize("down", [DownCheck, DownMonitor])
