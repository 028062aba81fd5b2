"""What the tests of the fold of checks ask of a story: what was told, in which statuses, and when."""

from typing import Any

from tests.check_story import (
    HOUR,
    MINUTE,
    Story,
    moves,
)

# Each story ends at this time, the partition's and the ping's that follows.
NOW = 2 * HOUR
STATUSES = ["new", "up", "late", "not_observed", "down", "paused"]
DOWN = ["monitor.down", "incident.created"]


def told_as(status: str, **definition: Any) -> Story:
    """A check with that shown status at `NOW`."""
    story = Story(**definition)
    if status == "up":
        story.ping(NOW - 60)
    elif status == "late":
        story.ping(NOW - HOUR - 10)
    elif status == "not_observed":
        story.ping(NOW - HOUR - 6 * MINUTE)
        story.gap(NOW - 5 * MINUTE, NOW - 4 * MINUTE)
    elif status == "down":
        story.ping(NOW - 60, "fail")
    elif status == "paused":
        story.pause(NOW - 60)
    story.tick(NOW)
    assert (moves(story.effects) or [">new"])[-1].endswith(f">{status}")
    return story
