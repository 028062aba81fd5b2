"""Reminders that a thing is still down (`monitor.still_down`). Pure; for monitors and checks.

The first is due `first` after the incident began, each further one when that time has doubled. Ticks pass them; of
several that are passed together, as after a stop, only the last is sent. One that is due while people are not to be
told, or somebody has acknowledged the incident, is not sent later.
"""

from typing import Any

from processors.fold.contract import Effect
from processors.fold.incident_notices import tell
from processors.fold.status_transition import HasStatus, Subject
from schemas.base import Micros
from schemas.ids import derived_id
from schemas.notices import Notice

STILL_DOWN: tuple[Notice, ...] = ("monitor.still_down",)


def reminder_due(state: HasStatus, first: Micros) -> Micros | None:
    """When the next reminder is due; None while the thing is not down."""
    return None if state.down_since is None else state.down_since + (first << state.reminders)


def pass_reminders(state: HasStatus, first: Micros, until: Micros) -> Micros:
    """Count the reminders that are due up to then; when the last of them was."""
    last = state.down_since or 0
    while (due := reminder_due(state, first)) is not None and due <= until:
        state.reminders += 1
        last = due
    return last


def remind(state: HasStatus, subject: Subject, n: int, at: Micros, data: dict[str, Any]) -> list[Effect]:
    """The reminder that was counted last. n: number of the change that took the thing down."""
    if state.acknowledged is not None:
        return []
    id = derived_id(subject.id, "still down", n, state.reminders)
    return tell(state, subject, id, "monitor.still_down", data, at=at, time=at)
