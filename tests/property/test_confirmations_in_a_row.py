"""With a `confirm_interval` the status follows from the row of results alone, whatever comes when."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.monitor_states import MonitorState
from tests.folding import Folding
from tests.monitor_story import MONITOR, Story, t


class Row:
    """The rule, told plainly: a status, and the results since the last one that agreed with it."""

    def __init__(self, regions: str, confirmations: int, recoveries: int) -> None:
        self.status = "new"
        self.places = min(2, len(regions))
        self.needed = {True: recoveries, False: confirmations}
        self.row: list[str] = []

    def add(self, ok: bool, region: str) -> None:
        if ok and self.status == "new":
            self.status = "up"
        if ok == (self.status != "down"):
            self.row = []
            return
        self.row.append(region)
        if len(self.row) >= self.needed[ok] and len(set(self.row)) >= self.places:
            self.status, self.row = "up" if ok else "down", []


@settings(max_examples=200, deadline=None)
@given(
    regions=st.sampled_from(["a", "ab", "abc", "abcde"]),
    confirmations=st.integers(1, 4),
    recoveries=st.integers(1, 3),
    confirm_interval=st.sampled_from([0.5, 7.5, 30.0, 60.0, 90.0]),
    course=st.lists(st.booleans(), max_size=12),
    data=st.data(),
)
def test_the_row_of_results_decides(
    regions: str, confirmations: int, recoveries: int, confirm_interval: float, course: list[bool], data: st.DataObject
) -> None:
    story = Story(*regions, confirmations=confirmations, recoveries=recoveries, confirm_interval=confirm_interval)
    row = Row(regions, confirmations, recoveries)
    for n, ok in enumerate(course):
        story.probe(n, ok)
        row.add(ok, story.region(n))
        assert story.state.status == row.status
        while (change := story.state.pending_change) is not None and change.asked_at < t(story.slot(n + 1)):
            verdict = data.draw(st.sampled_from([ok, ok, not ok]))
            region = story.confirmation().region
            story.confirm(verdict)
            row.add(verdict, region)
            assert story.state.status == row.status
    again = Folding(story.folding.fold)
    cut = data.draw(st.integers(0, len(story.journal.records)))
    again.feed(story.journal.records[:cut])
    again.restart()
    again.feed(story.journal.records[cut:])
    assert again.outcome() == story.folding.outcome()
    assert again.state(MonitorState, MONITOR).status == row.status
