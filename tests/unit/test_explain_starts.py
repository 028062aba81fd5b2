"""Explanations that begin at a checkpoint tell what the beginning tells, and what of it they leave out."""

from pathlib import Path

import pytest

from infra.log.reading import NotRead
from processors.explain import explainer as explainer_module
from processors.explain.explainer import LEFT_OUT, Explainer, TooLong, Unknown
from processors.refold.begins import Kept
from processors.refold.checkpoints import write_checkpoint
from schemas.explanations import Explanation
from schemas.ids import derived_id
from schemas.ticks import PROGRESS_KEY, Progress
from tests import monitor_story
from tests.check_story import CHECK, DAY, HOUR, Story, t
from tests.explaining import NOTHING, explain, explainer_of
from tests.folding import Folding
from tests.monitor_story import MONITOR


def checkpoint(folding: Folding, folder: Path) -> int:
    """Put the states aside as they are; the offset of the first event after that."""
    progress = folding.fold.records.decode(folding.committed[PROGRESS_KEY])
    assert isinstance(progress, Progress)
    write_checkpoint(folder, folding.fold, Folding.PARTITION, progress, folding.committed)
    return progress.applied + 1


def near(story: Story | monitor_story.Story, folder: Path) -> Explainer:
    return explainer_of(story.folding, story.journal.records, Kept(folder / "none", folder))


def both(story: Story, folder: Path, at: float) -> tuple[Explanation, Explanation]:
    far = explainer_of(story.folding, story.journal.records, NOTHING)
    return explain(near(story, folder), "checks", CHECK, t(at)), explain(far, "checks", CHECK, t(at))


def test_a_gap_of_before_the_start_is_named(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    pinged = len(story.journal) - 1
    story.gap(HOUR - 100, HOUR - 50)
    ended = len(story.journal) - 1
    checkpoint(story.folding, tmp_path)
    story.tick(HOUR + 400)
    told, whole = both(story, tmp_path, HOUR + 400)
    change = told.changes[-1]
    assert (change.now, change.reason) == ("not_observed", "gap")
    assert [event.offset for event in change.events] == [pinged, ended, len(story.journal) - 1]
    assert told.changes == whole.changes


def test_a_gap_that_does_not_touch_the_time_of_the_ping_is_not_named() -> None:
    story = Story()
    story.ping(10)
    story.gap(100, 110)  # the period is counted from the ping, and may end five minutes early
    story.gap(HOUR - 100, HOUR - 50)
    ended = len(story.journal) - 1
    story.tick(HOUR + 400)
    told = explain(explainer_of(story.folding, story.journal.records), "checks", CHECK, t(HOUR + 400))
    assert told.changes[-1].now == "not_observed"
    assert [event.offset for event in told.changes[-1].events][1:] == [ended, len(story.journal) - 1]


def test_a_definition_of_before_the_start_that_is_newer_than_the_ping_is_named(tmp_path: Path) -> None:
    story = Story()
    checkpoint(story.folding, tmp_path)
    story.ping(10)
    story.define(20, grace=60)
    defined = len(story.journal) - 1
    checkpoint(story.folding, tmp_path)
    story.tick(2 * HOUR)
    told, whole = both(story, tmp_path, 2 * HOUR)
    assert defined in [event.offset for event in told.changes[-1].events]
    assert told.changes == whole.changes[-len(told.changes) :]


def test_a_ping_of_before_the_start_is_looked_up_when_the_definition_is_older(tmp_path: Path) -> None:
    story = Story()
    checkpoint(story.folding, tmp_path)
    story.ping(10)
    pinged = len(story.journal) - 1
    first = checkpoint(story.folding, tmp_path)
    story.tick(2 * HOUR)
    told, whole = both(story, tmp_path, 2 * HOUR)
    assert told.folded.offset == first  # nothing before it was folded
    assert told.changes[-1].events[0].offset == pinged
    assert told.changes == whole.changes[-len(told.changes) :]


def test_what_was_made_again_has_a_past_of_its_own(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "fail")
    story.remove(30)
    story.define(40)
    checkpoint(story.folding, tmp_path)
    story.tick(50)
    told, whole = both(story, tmp_path, 50)
    assert (told.status, told.changes, whole.changes) == ("new", (), ())
    assert [
        note for note in whole.notes if note.startswith("Another one with this id was removed at 2024-01-01 00:00:30")
    ]
    before = explain(near(story, tmp_path), "checks", CHECK, t(35))
    assert (before.status, before.changes[-1].now) == ("removed", "removed")


def test_what_is_gone_is_looked_for_where_it_was(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    first = checkpoint(story.folding, tmp_path)
    story.remove(20)
    for number in range(3):
        story.tick(30 + number)
        checkpoint(story.folding, tmp_path)
    told = explain(near(story, tmp_path), "checks", CHECK, t(100))
    assert (told.status, told.folded.offset) == ("removed", first)
    with pytest.raises(Unknown, match="nothing is known of it in pings/"):
        explain(near(story, tmp_path), "checks", derived_id("never", "made"), t(100))


def test_a_notice_since_the_start_does_not_stand_for_the_change(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "fail")
    checkpoint(story.folding, tmp_path)
    story.tick(DAY)
    told, whole = both(story, tmp_path, DAY)
    assert [each.notice for each in told.changes if each.notice]
    assert told.changes == whole.changes
    assert LEFT_OUT not in told.notes


def test_an_incident_that_is_open_for_too_long_is_told_by_its_change_and_newest_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "fail")
    story.tick(2 * HOUR)
    checkpoint(story.folding, tmp_path)
    story.tick(DAY)
    monkeypatch.setattr(explainer_module, "_MOST_BETWEEN", 0)
    told, whole = both(story, tmp_path, DAY)
    assert [each for each in whole.changes if each in told.changes] == list(told.changes)
    assert [each.now for each in told.changes if not each.notice] == ["up", "down"]
    assert told.changes[-1].notice
    assert LEFT_OUT in told.notes


def test_it_gives_up_in_time() -> None:
    story = Story()
    for number in range(1_200):
        story.ping(10 + number)
    asked = explainer_of(story.folding, story.journal.records)
    with pytest.raises(TooLong):
        asked.explain("checks", CHECK, Folding.PARTITION, t(5_000), -1.0)


class Counted:
    """How often a place is read."""

    def __init__(self, explainer: Explainer) -> None:
        self.starts: list[int] = []
        read = explainer.log.read

        def counting(topic, partition, start, end, asked=None):  # type: ignore[no-untyped-def]
            self.starts.append(start)
            return read(topic, partition, start, end, asked)

        explainer.log.read = counting  # type: ignore[method-assign]


def test_starts_are_at_least_twice_as_far(tmp_path: Path) -> None:
    story = Story()
    story.ping(10, "start", rid=derived_id("a", "run"))
    for number in range(64):
        story.tick(20 + number)
        checkpoint(story.folding, tmp_path)
    story.tick(HOUR)  # the run that hangs is of before all of them
    asked = near(story, tmp_path)
    counted = Counted(asked)
    assert explain(asked, "checks", CHECK, t(HOUR)).changes[-1].reason == "run limit"
    assert 3 <= len(counted.starts) <= 9


def confirmed_monitor() -> monitor_story.Story:
    story = monitor_story.Story(confirmations=2)
    story.probe(0)
    story.probe(1, ok=False)
    return story


def test_a_result_that_moves_no_slot_is_not_named() -> None:
    story = confirmed_monitor()
    regular = len(story.journal) - 1
    story.confirm(ok=True)
    story.tick(story.time + 600)
    told = explain(explainer_of(story.folding, story.journal.records), "monitors", MONITOR, t(story.time))
    assert told.changes[-1].now == "not_observed"
    assert [event.offset for event in told.changes[-1].events] == [regular, len(story.journal) - 1]


def test_a_change_that_is_not_confirmed_yet_is_told() -> None:
    story = confirmed_monitor()
    at = story.time
    assert story.state.pending_change is not None
    asked = explainer_of(story.folding, story.journal.records)
    waiting = explain(asked, "monitors", MONITOR, t(at))
    assert waiting.status == "up"
    assert [note for note in waiting.notes if "not confirmed yet at that time" in note]
    story.confirm(ok=False)
    down = explain(explainer_of(story.folding, story.journal.records), "monitors", MONITOR, t(story.time + 1))
    assert down.status == "down"
    assert not [note for note in down.notes if "not confirmed yet" in note]


def test_a_monitor_that_was_removed_while_nobody_saw_it() -> None:
    story = monitor_story.Story()
    story.probe(0)
    story.tick(story.time + 600)
    story.remove(story.time + 1)
    told = explain(explainer_of(story.folding, story.journal.records), "monitors", MONITOR, t(story.time + 2))
    assert (told.status, told.changes[-1].was, told.changes[-1].now) == ("removed", "not_observed", "removed")
    assert [event.type for event in told.changes[-1].events] == ["monitor.removed"]


def test_a_journal_that_is_cut_while_it_is_read_gives_no_answer(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    first = checkpoint(story.folding, tmp_path)
    story.ping(20, "fail")
    asked = near(story, tmp_path)
    asked.log.when_read = lambda topic: asked.log.cut(topic, Folding.PARTITION, first + 1)  # type: ignore[attr-defined]
    with pytest.raises(NotRead, match=r"was cut at .* by retention while it was read: ask again"):
        explain(asked, "checks", CHECK, t(30))
    asked = near(story, tmp_path)
    asked.log.when_read = lambda topic: asked.log.cut(topic, Folding.PARTITION, 1)  # type: ignore[attr-defined]
    asked.log.cut(asked.folds[0].journal, Folding.PARTITION, 1)  # type: ignore[attr-defined]
    assert explain(asked, "checks", CHECK, t(30)).status == "down"
