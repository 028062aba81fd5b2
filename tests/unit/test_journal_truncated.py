"""A journal that has lost its end: what each fold makes of it."""

from schemas.ids import derived_id
from schemas.pings import Ping
from schemas.probes import DependencyChanged
from schemas.schedules import Simple
from schemas.ticks import Gap
from schemas.transitions import JournalTruncated
from tests import monitor_story
from tests.check_story import Story, changes, gaps, moves, notices, seconds, t
from tests.folding import of_type


def truncate(story: Story | monitor_story.Story, lost: int) -> None:
    """The newest records of the journal are gone, those that were folded and one that was not."""
    end = len(story.journal) - lost
    del story.journal.records[end:]
    story.folding.truncated(end)


def test_a_ping_at_an_offset_that_was_folded_counts() -> None:
    story = Story()
    for second in range(1, 6):
        story.ping(second)
    before = story.state.pings
    truncate(story, 3)
    story.tell(Ping(kind="success", at=t(20)), 20)
    story.tick(20)
    assert story.state.pings == before + 1
    assert seconds(story.state.last_ping or 0) == 20


def test_what_was_due_since_then_is_not_observed() -> None:
    """A ping may have been acknowledged and lost: no accusation, and no silence."""
    story = Story(schedule=Simple(60), grace=60)
    story.ping(0.5)
    story.tick(100)
    truncate(story, 2)
    assert gaps(story.effects) == [("journal truncated", 100, None)]
    [told] = of_type(story.effects, JournalTruncated)
    assert (seconds(told.since), told.applied - told.end) == (100, 1)
    story.tick(104)
    assert gaps(story.effects)[1:] == [("journal truncated", 100, 104)]
    assert story.folding.state(Gap, f"gap/{t(100)}/journal truncated").end == t(104)
    story.tick(130)
    assert changes(story.effects)[-1] == ("late", "not_observed", "gap", 120.5)
    story.tick(300)
    assert changes(story.effects)[-1] == ("not_observed", "down", "deadline", 224)
    assert notices(story.effects) == ["monitor.not_observed", "monitor.down", "incident.created"]


def test_it_is_told_once_and_found_again_by_nobody() -> None:
    story = Story()
    story.ping(1)
    truncate(story, 2)
    story.folding.restart()
    story.tell(Ping(kind="success", at=t(9)), 9)
    story.tick(9)
    story.folding.restart()
    assert len(of_type(story.effects, JournalTruncated)) == 1
    assert story.folding.progress.gaps == ()
    assert story.state.pings == 2


def test_a_second_loss_before_the_first_tick_is_the_same_gap() -> None:
    story = Story()
    for second in range(1, 6):
        story.ping(second)
    truncate(story, 2)
    truncate(story, 1)
    assert [cause for cause, _, end in gaps(story.effects) if end is None] == ["journal truncated"]
    story.tick(9)
    assert story.folding.progress.gaps == ()


def test_a_dependency_is_not_down_for_ever() -> None:
    """That it is back may be what was lost: what depends on it is told of."""
    router = derived_id("test", "router")
    story = monitor_story.Story(depends_on=(router,), dependency_wait=60)
    for n in range(2):
        story.probe(n)
    story.tell(DependencyChanged(at=t(story.time), monitor=router, down=True), story.time, key=router)
    story.probe(2, ok=False)
    assert notices(story.tick(story.time + 300)) == []
    truncate(story, 1)
    assert notices(story.tick(story.time + 60)) == ["monitor.down", "incident.created"]


def test_empty_slots_of_monitors_accuse_nobody() -> None:
    story = monitor_story.Story()
    for n in range(4):
        story.probe(n)
    truncate(story, 2)
    assert moves(story.tick(story.time + 600)) == ["up>not_observed"]
    assert story.state.status == "up"
