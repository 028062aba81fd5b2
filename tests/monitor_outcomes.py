"""What the tests of the fold of monitors ask of a story: what was told, whom it asks, and what had no effect."""

from typing import Any

from processors.monitors.slots import MARGIN
from schemas.base import SECOND
from schemas.probes import ProbeCompleted
from tests.monitor_story import Story

RECOVERED = ["monitor.recovered", "incident.resolved"]
LIMIT = 30 + MARGIN / SECOND


def told_as(status: str, *regions: str, **definition: Any) -> Story:
    """A monitor with that status after its slot 2."""
    story = Story(*regions, **definition)
    if status == "paused":
        story.define(1, paused=True)
        return story
    if status != "new":
        story.probe(0)
        story.probe(1)
    if status == "down":
        story.probe(2, ok=False)
        while story.state.status != "down":
            story.confirm(ok=False)
    elif status == "up":
        story.probe(2)
    assert story.state.status == status
    return story


def asked_of(story: Story) -> str:
    """The region that is asked to confirm."""
    return story.confirmation().region


def without_effect(story: Story, event: ProbeCompleted, at: float, **more: Any) -> bool:
    """Whether a result changes nothing but the record of the partition."""
    before = dict(story.folding.committed)
    effects = story.tell(event, at, **more)
    after = dict(story.folding.committed)
    return effects == [] and before.pop("partition") != after.pop("partition") and before == after
