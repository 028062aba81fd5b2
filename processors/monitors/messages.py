"""The texts and the `data` of notices about a monitor. Pure.

The shape of `data`: docs/compatibility/poppaping.md, "Webhooks".
"""

from collections.abc import Set as AbstractSet
from typing import Any

from msgspec.structs import replace

from schemas.deliveries import About
from schemas.monitor_states import ConfirmingResult, MonitorState, Seen
from schemas.monitors import Monitor
from schemas.probe_kinds import FAILURE_WORDS, PROBE_KINDS
from schemas.probes import ProbeCompleted
from schemas.targets import FAMILY_WORDS
from schemas.times import iso

# Maximum length of what is kept of a prober's own words.
_LONGEST_DETAIL = 200


def cause_of(result: ProbeCompleted) -> str:
    """Why a probe failed, in words."""
    cause = FAILURE_WORDS.get(result.failure, "Failed")
    if result.family_down:
        cause += f" over {FAMILY_WORDS[result.family_down]} only"
    return f"{cause}: {result.detail[:_LONGEST_DETAIL]}" if result.detail else cause


def unprobed(result: ProbeCompleted) -> str:
    """Why a prober could not probe, in words."""
    return result.detail[:_LONGEST_DETAIL]


def unseen(state: MonitorState, monitor: Monitor, disregarded: AbstractSet[str]) -> str:
    """What is known, and what is not, of a monitor whose slots stay empty."""
    known = "no result yet" if state.last_at is None else f"no result since {iso(state.last_at)}"
    out = [region for region in monitor.probed_from if region in disregarded]
    if not out:
        return f"{known}; {f'it could not be probed: {state.unprobed}' if state.unprobed else 'no prober has reported'}"
    return (
        f"{known}; nothing answers in {', '.join(out)}, control targets neither: "
        "whether this is down, or only the network there, is not known"
    )


def about(state: MonitorState, monitor: Monitor) -> About:
    """The monitor as it is now, for bodies that say more of it than `data` does. Of its state only what people see."""
    definition = replace(monitor, target=replace(monitor.target, sealed=""))
    return About(
        definition=definition,
        state=replace(state, seen=(), early=(), pending_change=None, confirmed_by=(), escalation=None),
    )


def notice_data(state: MonitorState, monitor: Monitor, incident: dict[str, Any] | None) -> dict[str, Any]:
    """The `data` of a notice."""
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
    state: MonitorState, monitor: Monitor, incident: dict[str, Any], results: tuple[ConfirmingResult, ...] = ()
) -> dict[str, Any]:
    """The `data` of the notices that a monitor is down: with the results that made it so.

    Without them, as in reminders, with what each region saw last.
    """
    data = notice_data(state, monitor, incident)
    data["monitor"]["last_results"] = (
        [_told(one) for one in sorted(results, key=lambda one: (one.at, one.region))]
        if results
        else [_seen(one) for one in sorted(state.seen, key=lambda one: (one.slot, one.region))]
    )
    return data


def _told(one: ConfirmingResult) -> dict[str, Any]:
    return {
        "checked_at": iso(one.at),
        "status": _status(one.ok),
        "region": one.region,
        "response_time_ms": round(one.took / 1_000, 1),
        "status_code": one.status,
        "error": one.cause or None,
        "confirmation": one.confirm,
    }


def _seen(one: Seen) -> dict[str, Any]:
    return {"checked_at": iso(one.slot), "status": _status(one.ok), "region": one.region}


def _status(ok: bool) -> str:
    return "up" if ok else "down"
