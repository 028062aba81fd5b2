"""The changes of a monitor's shown status: each moves a state that is the caller's own copy, and tells it.

Notices go out when a monitor goes down or comes back; an incident begins with the first failing result, not with the
one that confirmed it. Pausing and removing end an incident without a word.
"""

from typing import Any

from processors.fold import Effect
from processors.monitor_rules import begin, expect_after, unseen
from processors.telling import Teller, Told, iso, settle
from schemas.base import Micros
from schemas.definitions import Notice
from schemas.monitor_states import Doubt, MonitorState, shown
from schemas.monitors import Monitor

_DOWN: tuple[Notice, ...] = ("monitor.down", "incident.created")
_RECOVERED: tuple[Notice, ...] = ("monitor.recovered", "incident.resolved")


def _teller(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> Teller:
    return Teller(state, Told(monitor.id, monitor.project, monitor.channels), shown(state), at, time)


def notice_data(state: MonitorState, monitor: Monitor, incident: dict[str, Any] | None) -> dict[str, Any]:
    """The `data` of a notice, reference/poppaping-api.md section 6."""
    target = monitor.target
    return {
        "monitor": {
            "id": monitor.id,
            "name": monitor.name,
            "url": target.url or f"{target.host}:{target.port}".removesuffix(":0"),
            "kind": monitor.kind,
            "current_status": state.status,
            "response_time_ms": state.last_ms,
        },
        "incident": incident,
    }


def down_data(state: MonitorState, monitor: Monitor, incident: dict[str, Any], doubt: Doubt) -> dict[str, Any]:
    """The `data` of the notices of a going down: `monitor` tells what each region saw last, too."""
    data = notice_data(state, monitor, incident)
    data["monitor"]["last_results"] = [
        {"checked_at": iso(vote.slot), "status": "up" if vote.ok else "down", "region": vote.region}
        for vote in sorted(doubt.votes, key=lambda vote: (vote.slot, vote.region))
    ]
    return data


def go_up(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The monitor is well, for the first time or again; ends an incident when there is one."""
    teller = _teller(state, monitor, at, time)
    settle(state)
    state.status, state.doubt, state.unobserved = "up", None, False
    incident = teller.resolved_incident()
    if incident is None:
        return teller.tell("up", "probe")
    return teller.tell("up", "probe", "", _RECOVERED, lambda: notice_data(state, monitor, incident))


def go_down(state: MonitorState, monitor: Monitor, doubt: Doubt, at: Micros, time: Micros) -> list[Effect]:
    """The doubt was right: an incident opens."""
    teller = _teller(state, monitor, at, time)
    settle(state)
    state.status, state.doubt, state.unobserved = "down", None, False
    incident = teller.open_incident(state, doubt.cause)
    return teller.tell("down", "probe", doubt.cause, _DOWN, lambda: down_data(state, monitor, incident, doubt))


def go_unobserved(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """A slot stayed empty: nothing is known, and nobody is accused. While it is down, it stays shown as down."""
    if state.status == "down":
        state.unobserved = True
        return []
    teller = _teller(state, monitor, at, time)
    state.unobserved = True
    return teller.tell("not_observed", "gap", unseen(state))


def go_observed(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """Results come again."""
    was = shown(state)
    if was == "down":
        state.unobserved = False
        return []
    teller = _teller(state, monitor, at, time)
    state.unobserved = False
    return teller.tell(state.status, "probe")


def tell_empty(state: MonitorState, monitor: Monitor, time: Micros) -> list[Effect]:
    """The slot that was expected stayed empty: nothing is known until the next one of which there is a result."""
    effects = go_unobserved(state, monitor, state.expected, time)
    if state.early:
        back = state.early[0]
        effects += go_observed(state, monitor, back, time)
        expect_after(state, monitor, back)
    return effects


def pause(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    teller = _teller(state, monitor, at, time)
    settle(state)
    state.status, state.doubt, state.unobserved, state.maintained = "paused", None, False, False
    return teller.tell("paused", "paused")


def resume(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    teller = _teller(state, monitor, at, time)
    state.status = "new"
    return teller.tell("new", "resumed")


def enter_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """A window opens: nothing is judged until it closes."""
    teller = _teller(state, monitor, at, time)
    state.maintained, state.doubt, state.unobserved = True, None, False
    return teller.tell("maintenance", "maintenance")


def leave_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last window closes: results count anew, from one that is made at once."""
    teller = _teller(state, monitor, at, time)
    state.maintained = False
    begin(state, monitor, max(at, time))
    return teller.tell(state.status, "maintenance")


def remove(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a monitor."""
    return _teller(state, monitor, at, time).tell("removed", "removed")
