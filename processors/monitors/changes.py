"""The changes of a monitor's shown status: each moves a state that is the caller's own copy, and tells it.

Notices go out when a monitor goes down or comes back; an incident begins with the first failing result, not with the
one that confirmed it. Pausing and removing end an incident without a word. Two notices are held back: that a monitor is
down that depends on others (`dependencies`), and that one is not observed, which is told only when it lasts.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from processors.fold.contract import EVERY, Effect
from processors.fold.telling import (
    DOWN,
    NOT_OBSERVED,
    RECOVERED,
    Teller,
    Told,
    incident_again,
    incident_data,
    iso,
    notices_of,
    notify,
    settle,
)
from processors.monitors.rules import begin, expect_after, unseen
from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryRequested
from schemas.monitor_states import Doubt, MonitorState, Seen, visible_status
from schemas.monitors import Monitor
from schemas.probe_kinds import PROBE_KINDS
from schemas.probes import DependencyChanged
from schemas.topics import PROBE_RESULTS
from schemas.transitions import StatusChanged

# So long nothing must be known of a monitor before people are told: a prober that is started anew is no news.
BLIND: Micros = 300 * SECOND


def _told(monitor: Monitor) -> Told:
    return Told(monitor.id, monitor.project, monitor.channels)


def _teller(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> Teller:
    return Teller(state, _told(monitor), visible_status(state), at, time)


def notice_data(state: MonitorState, monitor: Monitor, incident: dict[str, Any] | None) -> dict[str, Any]:
    """The `data` of a notice (docs/compatibility/poppaping.md, "Webhooks")."""
    return {
        "monitor": {
            "id": monitor.id,
            "name": monitor.name,
            "url": PROBE_KINDS[monitor.kind].address(monitor.target),
            "kind": monitor.kind,
            "current_status": state.status,
            "response_time_ms": state.last_ms,
        },
        "incident": incident,
    }


def down_data(
    state: MonitorState, monitor: Monitor, incident: dict[str, Any], seen: tuple[Seen, ...]
) -> dict[str, Any]:
    """The `data` of the notices of a going down: `monitor` tells what each region saw last, too."""
    data = notice_data(state, monitor, incident)
    data["monitor"]["last_results"] = [
        {"checked_at": iso(one.slot), "status": "up" if one.ok else "down", "region": one.region}
        for one in sorted(seen, key=lambda one: (one.slot, one.region))
    ]
    return data


def _to_dependents(monitor: Monitor, down: bool, at: Micros) -> list[Effect]:
    if not monitor.depended_on:
        return []
    return [Effect(PROBE_RESULTS, monitor.id, DependencyChanged(at=at, monitor=monitor.id, down=down), EVERY)]


def go_up(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The monitor is well, for the first time or again; ends an incident when there is one."""
    teller, nobody_knows = _teller(state, monitor, at, time), state.notice_at is not None
    settle(state)
    state.status, state.doubt, state.unobserved, state.notice_at = "up", None, False, None
    incident = teller.resolved_incident()
    if incident is None:
        return teller.tell("up", "probe")
    notices = () if nobody_knows else RECOVERED
    told = teller.tell("up", "probe", "", notices, lambda: notice_data(state, monitor, incident))
    return told + _to_dependents(monitor, False, teller.at)


def go_down(
    state: MonitorState, monitor: Monitor, doubt: Doubt, at: Micros, believed: Micros, time: Micros
) -> list[Effect]:
    """The doubt was right, says a result that was made at `believed`: an incident opens."""
    teller = _teller(state, monitor, at, time)
    settle(state)
    state.status, state.doubt, state.unobserved, state.notice_at = "down", None, False, None
    incident = teller.open_incident(state, doubt.cause)
    notices = DOWN
    if monitor.depends_on:
        notices, state.notice_at = (), believed + monitor.dependency_wait * SECOND
    told = teller.tell("down", "probe", doubt.cause, notices, lambda: down_data(state, monitor, incident, doubt.votes))
    return told + _to_dependents(monitor, True, teller.at)


def go_unobserved(
    state: MonitorState, monitor: Monitor, at: Micros, time: Micros, disregarded: AbstractSet[str]
) -> list[Effect]:
    """A slot stayed empty: nothing is known, and nobody is accused. While it is down, it stays shown as down."""
    if state.status == "down":
        state.unobserved = True
        return []
    teller = _teller(state, monitor, at, time)
    state.unobserved, state.notice_at = True, time + BLIND
    return teller.tell("not_observed", "gap", unseen(state, monitor, disregarded))


def go_observed(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """Results come again."""
    was = visible_status(state)
    if was == "down":
        state.unobserved = False
        return []
    teller = _teller(state, monitor, at, time)
    state.unobserved, state.notice_at = False, None
    return teller.tell(state.status, "probe")


def tell_held_back(state: MonitorState, monitor: Monitor, disregarded: AbstractSet[str]) -> list[Effect]:
    """The notice of what the monitor is now, which was held back, goes out."""
    state.notice_at = None
    if state.incident is None or state.down_since is None:
        data = notice_data(state, monitor, None) | {"detail": unseen(state, monitor, disregarded)}
        return notify(_told(monitor), state.changes, state.since, NOT_OBSERVED, data)
    incident = incident_data(state.incident, state.down_since, None, state.cause)
    data = down_data(state, monitor, incident, state.seen)
    return notify(_told(monitor), state.changes, state.since, DOWN, data)


def tell_empty(state: MonitorState, monitor: Monitor, time: Micros, disregarded: AbstractSet[str]) -> list[Effect]:
    """The slot that was expected stayed empty: nothing is known until the next one of which there is a result."""
    effects = go_unobserved(state, monitor, state.expected, time, disregarded)
    if state.early:
        back = state.early[0]
        effects += go_observed(state, monitor, back, time)
        expect_after(state, monitor, back)
    return effects


def pause(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    teller, told = _teller(state, monitor, at, time), end_as_dependency(state, monitor, at)
    settle(state)
    state.status, state.doubt, state.unobserved, state.maintained = "paused", None, False, False
    state.notice_at = None
    return teller.tell("paused", "paused") + told


def resume(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    teller = _teller(state, monitor, at, time)
    state.status = "new"
    return teller.tell("new", "resumed")


def enter_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """A window opens: nothing is judged until it closes."""
    teller = _teller(state, monitor, at, time)
    state.maintained, state.doubt, state.unobserved, state.notice_at = True, None, False, None
    return teller.tell("maintenance", "maintenance")


def leave_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last window closes: results count anew, from one that is made at once."""
    teller = _teller(state, monitor, at, time)
    state.maintained = False
    begin(state, monitor, max(at, time))
    return teller.tell(state.status, "maintenance")


def remove(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a monitor."""
    return _teller(state, monitor, at, time).tell("removed", "removed") + end_as_dependency(state, monitor, at)


def begin_as_dependency(state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
    """Others depend on the monitor from now on."""
    return _to_dependents(monitor, True, at) if state.status == "down" else []


def end_as_dependency(state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
    """It can no more be what explains that others are down."""
    return _to_dependents(monitor, False, at) if state.status == "down" else []


def request_again(change: StatusChanged, cause: str, state: MonitorState, monitor: Monitor) -> DeliveryRequested | None:
    """The request that went to the channels with a change that was told; None when there was none, or none for certain.

    `cause`: of the incident that the change ended. What the notice says beside the incident is as it is now.
    """
    incident = incident_again(change, cause)
    if incident is None or monitor.depends_on:
        return None
    down = change.now == "down"
    data = down_data(state, monitor, incident, state.seen) if down else notice_data(state, monitor, incident)
    return DeliveryRequested(transition=change.id, at=change.at, notices=notices_of(change), data=data)
