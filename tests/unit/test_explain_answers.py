"""What an explanation tells of a check: causes, deadlines, what is to come; and the checkpoints it begins at."""

from pathlib import Path

import pytest

from processors.checks.fold import Checks
from processors.refold.begins import Cut, Kept
from processors.refold.checkpoint_keeper import DAY, HOUR, MANY_EVENTS, is_due, kept
from processors.refold.checkpoints import Checkpoint, checkpoints_in, remove_all_but, write_checkpoint
from schemas.check_states import CheckState
from schemas.explanations import Explanation
from schemas.ticks import PROGRESS_KEY, Progress
from tests.check_story import CHECK, A, Story, t
from tests.check_story import HOUR as SECONDS_OF_HOUR
from tests.explaining import explain, explainer_of
from tests.folding import Folding


def told(story: Story, at: float, kept: Kept | None = None) -> Explanation:
    explainer = explainer_of(story.folding, story.journal.records, *([kept] if kept else []))
    return explain(explainer, "checks", CHECK, t(at))


def test_a_run_that_hangs_names_its_start() -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "start", rid=A)
    start = len(story.journal) - 1
    story.tick(330)
    down = told(story, 330).changes[-1]
    assert (down.now, down.reason) == ("down", "run limit")
    assert [event.offset for event in down.events] == [start, len(story.journal) - 1]
    assert any(part.name == f"run {A} is open" and part.at == t(320) for part in down.parts)


def test_what_is_to_come_is_what_the_fold_does() -> None:
    story = Story()
    story.ping(10)
    story.tick(20)
    late, down, *_ = told(story, 20).next
    assert (late.status, late.at) == ("late", t(10 + SECONDS_OF_HOUR))
    assert (down.status, down.at, down.channels) == ("down", t(310 + SECONDS_OF_HOUR), ("hook",))
    story.tick(311 + SECONDS_OF_HOUR)
    assert [(one.now, one.at) for one in told(story, 311 + SECONDS_OF_HOUR).changes[-2:]] == [
        ("late", late.at),
        ("down", down.at),
    ]


def committed(story: Story) -> Progress:
    progress = story.folding.fold.records.decode(story.folding.committed[PROGRESS_KEY])
    assert isinstance(progress, Progress)
    return progress


def checkpoint(story: Story, folder: Path) -> Path:
    return write_checkpoint(folder, Checks(), Folding.PARTITION, committed(story), story.folding.committed)


def test_a_checkpoint_gives_back_what_concerns_a_thing(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    path = checkpoint(story, tmp_path)
    [found] = checkpoints_in(tmp_path, "checks", Folding.PARTITION, [])
    assert found.progress == committed(story)
    states = found.states_of(Checks(), CHECK)
    assert isinstance(states[CHECK], CheckState)
    assert set(states) == set(story.folding.committed)
    assert PROGRESS_KEY in found.states_of(Checks(), "another")
    assert CHECK not in found.states_of(Checks(), "another")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    whole = told(story, 60)
    path = checkpoint(story, tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    found = told(story, 60, Kept(tmp_path / "none", tmp_path))
    assert found.folded.start == "beginning"
    assert found.changes == whole.changes
    assert any("not used" in note for note in found.notes)


def test_where_the_beginning_is_gone_a_checkpoint_stands_in_and_earlier_times_are_refused(tmp_path: Path) -> None:
    story = Story()
    story.ping(10)
    story.tick(100)
    checkpoint(story, tmp_path)
    applied = committed(story).applied
    story.ping(200, "fail")
    explainer = explainer_of(story.folding, story.journal.records, Kept(tmp_path / "none", tmp_path))
    explainer.log.cut(Checks.journal, Folding.PARTITION, applied + 1)  # type: ignore[attr-defined]
    down = explain(explainer, "checks", CHECK, t(201))
    assert (down.status, down.changes[-1].reason) == ("down", "fail")
    assert down.folded.start.startswith("checkpoint")
    with pytest.raises(Cut, match=r"the journal begins at .* is gone; times from 2024-01-01T00:01:.* on can be told"):
        explain(explainer, "checks", CHECK, t(50))


def test_when_a_checkpoint_is_due_and_which_are_kept(tmp_path: Path) -> None:
    story = Story()
    made: list[Checkpoint] = []
    for number in range(4):
        story.ping(10 + number)
        made.insert(0, Checkpoint(checkpoint(story, tmp_path)))
    newest, now = made[0], made[0].progress.newest
    end = newest.progress.applied + 1
    assert is_due(None, 1, now)
    assert not is_due(None, 0, now)
    assert not is_due(newest, end, now + 2 * DAY)
    assert is_due(newest, end + 1, now + DAY)
    assert is_due(newest, end + MANY_EVENTS, now + HOUR)
    assert not is_due(newest, end + MANY_EVENTS, now + HOUR - 1)
    assert not is_due(newest, end + 1, now + DAY - 1)
    assert kept(made) == {one.progress.applied for one in made}
    remove_all_but(tmp_path, "checks", Folding.PARTITION, [newest.progress.applied])
    assert [one.name for one in checkpoints_in(tmp_path, "checks", Folding.PARTITION, [])] == [newest.name]
