"""Random histories of checks and monitors, and random settings to imagine them with."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.checks.fold import Checks
from processors.fold.contract import Fold, Record
from processors.monitors.fold import Monitors
from processors.what_if.alerts import AlertLog, Span
from processors.what_if.overlay import Overlay
from processors.what_if.refold import MANY, Refold, Start
from processors.what_if.selection import Selection
from schemas.base import SECOND, encode
from schemas.definitions import Check
from schemas.maintenance import Maintenance, MaintenanceDefined, MaintenanceRemoved, Once
from schemas.monitors import Monitor
from schemas.notices import NOTICES
from schemas.pings import CheckDefined
from schemas.probes import DependencyChanged, MonitorDefined
from schemas.schedules import Simple
from schemas.tag_mutes import TagMute, TagMuted, TagUnmuted, tag_mute_id
from schemas.what_if.settings import Change, Changes
from tests import check_courses as of_checks
from tests import monitor_courses as of_monitors
from tests.check_story import MIDNIGHT
from tests.folding import Folding

SPAN = Span(0, 2**62)
TAKES = {channel: NOTICES for channel in ("hook", "pager", "chat")}
WINDOW, MUTE = "window-1", tag_mute_id("p", "night")

windows = st.tuples(st.sampled_from(["window", "no window", "mute tag", "unmute tag", "own mute"]), of_checks.checks)
courses_of_checks = of_checks.courses(
    of_checks.pings, of_checks.pings, of_checks.ticks, of_checks.troubles, of_checks.decisions, of_checks.oddities,
    windows,
)  # fmt: skip

seconds = st.sampled_from([60, 90, 120, 600, 3_600])
check_changes: st.SearchStrategy[Changes] = st.lists(
    st.one_of(
        st.builds(Change, st.just("grace"), seconds),
        st.builds(Change, st.just("late_limit"), st.none() | st.just(0) | seconds),
        st.builds(Change, st.just("run_limit"), st.none() | seconds),
        st.builds(Change, st.just("period"), seconds),
        st.builds(Change, st.just("schedule"), st.sampled_from(["*/7 * * * *", "2024-01-01 00:10"])),
        st.builds(Change, st.just("tz"), st.sampled_from(["UTC", "America/New_York"])),
        st.builds(Change, st.just("manual_resume"), st.booleans()),
        st.builds(Change, st.just("failure_kw"), st.sampled_from(["", "bad"])),
        st.builds(Change, st.just("filter_body"), st.booleans()),
        st.builds(Change, st.just("filter_default_fail"), st.booleans()),
        st.builds(Change, st.just("channels"), st.sampled_from([(), ("pager",), ("chat", "hook")])),
        st.builds(Change, st.sampled_from(["maintenance", "mute"]), st.just("none")),
    ),
    max_size=4,
    unique_by=lambda change: change.name,
).map(tuple)
monitor_changes: st.SearchStrategy[Changes] = st.lists(
    st.one_of(
        st.builds(Change, st.just("confirmations"), st.integers(1, 4)),
        st.builds(Change, st.just("recoveries"), st.integers(1, 4)),
        st.builds(Change, st.just("dependency_wait"), st.sampled_from([0, 10, 300])),
        st.builds(Change, st.just("depends_on"), st.sampled_from([(), of_monitors.MONITORS[:1], of_monitors.MONITORS])),
        st.builds(Change, st.just("channels"), st.sampled_from([(), ("pager",)])),
    ),
    max_size=3,
    unique_by=lambda change: change.name,
).map(tuple)


class ChecksWriter(of_checks.Writer):
    """With windows of maintenance, tags and mutes."""

    def step(self, what: str, of: str, *more: Any) -> None:
        now, add = self.now, self.journal.add
        if what == "window":
            window = Once(now + 30 * SECOND, now + 2_000 * SECOND)
            maintenance = Maintenance(
                id=WINDOW, project="p", version=len(self.journal), created=now, revised=now, name="w", window=window,
                everything=True,
            )  # fmt: skip
            add(WINDOW, MaintenanceDefined(at=now, maintenance=maintenance), now)
        elif what == "no window":
            add(WINDOW, MaintenanceRemoved(at=now, id=WINDOW), now)
        elif what == "mute tag":
            add(MUTE, TagMuted(at=now, mute=TagMute(id=MUTE, project="p", version=1, created=now, label="night")), now)
        elif what == "unmute tag":
            add(MUTE, TagUnmuted(at=now, id=MUTE), now)
        elif what == "own mute":
            self.versions[of] += 1
            check = Check(
                id=of, project="p", version=self.versions[of], created=MIDNIGHT, schedule=Simple(60), grace=120,
                tags="night", channels=("hook",), mute_until=now + 500 * SECOND,
            )  # fmt: skip
            add(of, CheckDefined(at=now, check=check), now)
        else:
            super().step(what, of, *more)


def what_if(
    fold: Fold, records: list[Record], cases: list[Changes], chosen: frozenset[str], span: Span = SPAN, many: int = MANY
) -> list[AlertLog]:
    """What was, and each case, in one pass."""
    overlays = [Overlay(changes, chosen) for changes in cases]
    refold = Refold(fold, 3, Selection(chosen), overlays, span, Start({}), takes=TAKES, many=many)
    refold.feed(records)
    refold.finish()
    return [course.log for course in refold.courses]


def with_own_words(records: Iterable[Record]) -> list[Record]:
    """The journal as it stands when the fold of monitors has told what depends on what is down."""
    folding, journal = Folding(Monitors()), list[Record]()
    for first in records:
        waiting = [first]
        while waiting:
            record = waiting.pop(0)._replace(offset=len(journal))
            journal.append(record)
            for effect in folding.feed([record]):
                if isinstance(effect.value, DependencyChanged):
                    word = Record(0, record.timestamp, effect.key.encode(), encode(effect.value))
                    waiting.append(word)
    return journal


def monitors_redefined(records: Iterable[Record], change: Callable[[Monitor], Monitor]) -> list[Record]:
    heard = []
    for record in records:
        value = record.value or b""
        if b'"monitor.defined"' in value[:26]:
            event = msgspec.json.decode(value, type=MonitorDefined)
            value = encode(replace(event, monitor=change(event.monitor)))
        heard.append(record._replace(value=value))
    return heard


def related(monitor: Monitor) -> Monitor:
    """The second monitor depends on the first."""
    first, second = of_monitors.MONITORS[:2]
    if monitor.id == first:
        return replace(monitor, depended_on=True)
    return replace(monitor, depends_on=(first,)) if monitor.id == second else monitor


class Story(NamedTuple):
    """A history of one partition, and settings to imagine its things with."""

    fold: Fold
    records: list[Record]
    changes: Changes
    ids: frozenset[str]

    def logs(self, span: Span = SPAN, many: int = MANY) -> list[AlertLog]:
        """What was, and what would have been."""
        return what_if(self.fold, self.records, [self.changes], self.ids, span, many)


def _of_checks(course: list[tuple[float, Any]], changes: Changes) -> Story:
    return Story(Checks(), list(ChecksWriter().write(course)), changes, frozenset(of_checks.CHECKS))


def _of_monitors(course: list[tuple[float, Any]], changes: Changes) -> Story:
    records = with_own_words(monitors_redefined(of_monitors.Writer().write(course), related))
    return Story(Monitors(), records, changes, frozenset(of_monitors.MONITORS))


stories = st.one_of(
    st.builds(_of_checks, courses_of_checks, check_changes),
    st.builds(_of_monitors, of_monitors.anything, monitor_changes),
)
