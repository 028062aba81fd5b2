"""Stories of monitors with mutes: what is told, and how a mute ended."""

from typing import Any

from processors.fold.contract import Effect
from schemas.base import SECOND
from schemas.deliveries import DeliveryRequested
from schemas.mutes import MuteUntil
from schemas.requests import MuteEnded
from tests.folding import of_type
from tests.monitor_story import Story, t

DOWN = ["monitor.down", "incident.created"]
RECOVERED = ["monitor.recovered", "incident.resolved"]


def up(**definition: Any) -> Story:
    """A monitor that is up."""
    story = Story(**definition)
    story.probe(0)
    story.probe(1)
    return story


def ended(effects: list[Effect]) -> list[tuple[MuteUntil, float]]:
    return [(each.until, (each.at - t(0)) / SECOND) for each in of_type(effects, MuteEnded)]


def requests(effects: list[Effect]) -> list[DeliveryRequested]:
    return of_type(effects, DeliveryRequested)
