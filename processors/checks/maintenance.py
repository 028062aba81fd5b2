"""What maintenance does to the checks of a partition: while a window over a check is open, no deadline of it is judged.

The contract:

- Windows reach every partition as broadcast events; each keeps a copy. Whether one is open follows from its definition
  and the time, so a copy says nothing more, and no tick rewrites it. One that is over is dropped.
- A check is shown as in maintenance from the opening on, and as what it is from the close on. Pings count as ever: a
  success is a success, and a check that was down comes back. That a job reported a failure is kept; when that is still
  the newest that it said at the close, the check goes down then, and people are told.
- A check that is down when a window opens stays down. Nobody is told of it again meanwhile (`is_open`).
- What the window touched is not judged after it either: `processors.checks.forgiveness`.
- One tick may pass several openings and closes. What was due before each is judged as it stood then, for
  `MOST_AT_ONCE` of them: a longer jump is a gap, or a test clock.
- A ping may count at a time that no tick has passed yet. Then its check is taken to that time first (`advance`).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from processors.checks.places import CheckPlaces
from processors.checks.transitions import enter_maintenance, leave_maintenance, tell_down
from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.partition_time import counts_at, time_of
from processors.fold.view import View
from schemas.base import Micros
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check
from schemas.maintenance import (
    Maintenance,
    MaintenanceCopy,
    MaintenanceDefined,
    MaintenanceRemoved,
    changes_after,
    fault_of,
    is_over,
    maintenance_key,
    names_nothing,
    open_until,
)
from schemas.ticks import NEVER

# So many openings and closes one tick passes one by one.
MOST_AT_ONCE = 200


class _Window(NamedTuple):
    """A copy, with what it names as sets, which may be large."""

    maintenance: Maintenance
    everything: bool
    checks: frozenset[str]
    tags: frozenset[str]

    def covers(self, check: Check) -> bool:
        """Of a check of its project."""
        return (
            self.everything
            or check.id in self.checks
            or (bool(self.tags) and not self.tags.isdisjoint(check.tags.split()))
        )

    # A window whose schedule cannot be followed any more, as when a time zone is gone, is not open: it stops no tick.

    def is_open(self, at: Micros) -> bool:
        try:
            return open_until(self.maintenance.window, at) is not None
        except Exception:
            return False

    def is_over(self, at: Micros) -> bool:
        try:
            return is_over(self.maintenance.window, at)
        except Exception:
            return False

    def changes_after(self, at: Micros) -> Micros:
        try:
            return changes_after(self.maintenance.window, at) or NEVER
        except Exception:
            return NEVER


class CheckMaintenance:
    """The windows of a partition. look_at: a tick from then on looks at the deadlines of a check."""

    def __init__(
        self,
        view: View,
        places: CheckPlaces,
        look_at: Callable[[str, Micros], None],
        look_at_all: Callable[[], object],
    ) -> None:
        self._view, self._places, self._look_at, self._look_at_all = view, places, look_at, look_at_all
        # The copies, by project and key: an index that follows the view.
        self._known: dict[str, dict[str, _Window]] = {}
        # When a tick may have something to open or close, at the earliest: a hint.
        self._next: Micros = NEVER
        # Those of each project that are open at a moment: of the moment asked for last.
        self._open: tuple[Micros, dict[str, list[_Window]]] = (0, {})
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: object, new: object) -> None:
        if not isinstance(old, MaintenanceCopy) and not isinstance(new, MaintenanceCopy):
            return
        self._next, self._open = 0, (0, {})
        if isinstance(old, MaintenanceCopy):
            windows = self._known[old.maintenance.project]
            windows.pop(key, None)
            if not windows:
                del self._known[old.maintenance.project]
        if isinstance(new, MaintenanceCopy):
            told = new.maintenance
            everything = names_nothing(told) and told.everything
            window = _Window(told, everything, frozenset(told.checks), frozenset(told.tags))
            self._known.setdefault(told.project, {})[key] = window

    # ---- what is asked

    def due(self) -> Micros:
        """When a tick may have a window to open or to close."""
        return self._next

    def is_open(self, check: Check, at: Micros) -> bool:
        """Whether a window over a check is open at a moment."""
        if check.project not in self._known:
            return False
        moment, known = self._open
        if moment != at:
            known = {}
            self._open = at, known
        windows = known.get(check.project)
        if windows is None:
            windows = [window for window in self._known[check.project].values() if window.is_open(at)]
            known[check.project] = windows
        return any(window.covers(check) for window in windows)

    # ---- what happens

    def tick(self, before: Micros, time: Micros, judge: Callable[[Micros], list[Effect]]) -> list[Effect]:
        """The time goes on from `before` to `time`; `judge` judges what is due up to a moment, which it is told."""
        if time < self._next:
            return judge(time)
        effects: list[Effect] = []
        try:
            at = before or time
            if not before:  # what came before the first tick opened nothing but at its own time
                effects += self._refresh(self._covered(self._windows()), time)
            for _ in range(MOST_AT_ONCE):
                at, changing = self._next_change(at)
                if at > time:
                    break
                effects += judge(at - 1)
                effects += self._refresh(self._covered(changing), at)
            else:
                effects += self._refresh(self._covered(self._windows()), time)
            effects += judge(time)
            for window in self._windows():
                if window.is_over(time):
                    self._view.delete(maintenance_key(window.maintenance.id))
            self._next, _ = self._next_change(time)
        except BaseException:  # the session undoes what the tick changed, of which the wheel knows only the last part
            self._next = 0
            self._look_at_all()
            raise
        return effects

    def heard(self, event: MaintenanceDefined | MaintenanceRemoved, context: Context) -> list[Effect]:
        """A window was made, changed or removed. Raises `InvalidEvent`.

        A dead letter that is put back counts for a window that is known: without a copy nothing tells whether it has
        been removed since.
        """
        key = context.key
        at = counts_at(self._view, event.at)
        id = event.id if isinstance(event, MaintenanceRemoved) else event.maintenance.id
        if key != id:
            raise InvalidEvent("the key of a window of maintenance must be its id")
        known = self._view.get(maintenance_key(id))
        if context.retried and not isinstance(known, MaintenanceCopy):
            return []
        touched = set[str]()
        if isinstance(known, MaintenanceCopy):
            touched = self._covered(self._those_of(known.maintenance))
        if isinstance(event, MaintenanceDefined):
            if fault := fault_of(event.maintenance.window):
                raise InvalidEvent(fault)
            if isinstance(known, MaintenanceCopy) and known.maintenance.version >= event.maintenance.version:
                return []
            self._view.put(maintenance_key(id), MaintenanceCopy(maintenance=event.maintenance))
            touched |= self._covered(self._those_of(event.maintenance))
        else:
            self._view.delete(maintenance_key(id))
        return self._refresh(touched, at)

    def settle(self, state: CheckState, check: Check, at: Micros) -> list[Effect]:
        """What follows for a check, whose state is the caller's own copy, from the windows that are open at `at`."""
        moment = max(at, state.since)
        inside = self.is_open(check, moment)
        if not _is_to_move(state, inside):
            return []
        time = max(time_of(self._view), moment)
        if inside:
            return enter_maintenance(state, check, moment, time)
        return leave_maintenance(state, check, moment, time) if state.maintained else tell_down(state, check, time)

    def advance(self, state: CheckState, check: Check, at: Micros) -> list[Effect]:
        """A check, whose state is the caller's own copy, is taken to a time that the partition has not reached yet."""
        windows = [window for window in self._known.get(check.project, {}).values() if window.covers(check)]
        moment, effects = time_of(self._view) or at - 1, list[Effect]()
        for _ in range(MOST_AT_ONCE):
            moment = min((window.changes_after(moment) for window in windows), default=NEVER)
            if moment > at:
                break
            effects += self.settle(state, check, moment)
        return effects

    def corrected(self, time: Micros) -> list[Effect]:
        """The time was taken back."""
        self._next = 0
        keys = {key for key, state in self._view.items_of(CheckState) if state.maintained}
        return self._refresh(keys | self._covered(self._windows()), time)

    # ---- which

    def _windows(self) -> list[_Window]:
        return [window for windows in self._known.values() for window in windows.values()]

    def _those_of(self, maintenance: Maintenance) -> list[_Window]:
        window = self._known.get(maintenance.project, {}).get(maintenance_key(maintenance.id))
        return [] if window is None else [window]

    def _next_change(self, at: Micros) -> tuple[Micros, list[_Window]]:
        """When the next window opens or closes, and which do so then."""
        moment, changing = NEVER, list[_Window]()
        for window in self._windows():
            change = window.changes_after(at)
            if change < moment:
                moment, changing = change, [window]
            elif change == moment:
                changing.append(window)
        return moment, changing

    def _covered(self, windows: Iterable[_Window]) -> set[str]:
        """The ids of what windows cover; some that are not there may be among them."""
        found = set[str]()
        for window in windows:
            project = window.maintenance.project
            if window.everything:
                found |= self._places.of_project(project)
            found |= window.checks
            for tag in window.tags:
                found |= self._places.tagged(project, tag)
        return found

    def _refresh(self, keys: Iterable[str], at: Micros) -> list[Effect]:
        effects: list[Effect] = []
        for key in sorted(keys):
            known, copy = self._view.get(key), self._view.get("definition/" + key)
            if not isinstance(known, CheckState) or not isinstance(copy, DefinitionCopy):
                continue
            check = copy.check
            if _is_to_move(known, self.is_open(check, max(at, known.since))):
                effects += self.settle(self._view.edit(CheckState, key), check, at)
            elif known.status != "down":  # of one that is down people may be told again
                continue
            self._look_at(key, min(at, time_of(self._view)))
        return effects


def _is_to_move(state: CheckState, inside: bool) -> bool:
    """Whether something follows from being in a window, or in none."""
    if state.maintained or (not inside and state.status == "down"):
        return not inside and (state.maintained or (state.silenced and not state.muted))
    return inside and state.status in ("new", "up")
