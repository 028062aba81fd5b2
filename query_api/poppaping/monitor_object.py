"""A monitor as the PoppaPing API shows it: PoppaPing's fields, and Pingfold's own behind them."""

from typing import Any

from query_api.poppaping.responses import time
from schemas.monitor_states import MonitorState, visible_status
from schemas.monitors import Monitor, Sealed
from schemas.probe_kinds import PROBE_KINDS

# Stands for a header's value, which may be a credential; sent back, it keeps the value that is stored.
HIDDEN = "[hidden]"

_STATUS = {"new": "pending", "not_observed": "unknown"}


def monitor_object(monitor: Monitor, state: MonitorState | None, sealed: Sealed) -> dict[str, Any]:
    """`current_status`: `pending` before the first result, `up`, `down`, `paused`; `unknown`: no prober reports."""
    target = monitor.target
    state = state or MonitorState(version=0)
    status = visible_status(state)
    return {
        "id": monitor.id,
        "name": monitor.name,
        "type": monitor.kind,
        "url": target.url or None,
        "host": target.host or None,
        "port": target.port or None,
        "method": target.method,
        "headers": dict.fromkeys(sealed.headers, HIDDEN),
        "has_body": bool(sealed.body),
        "interval_seconds": monitor.interval,
        "timeout_seconds": monitor.timeout,
        "regions": list(monitor.regions),
        "expected_statuses": list(target.statuses),
        "keyword": target.keyword,
        "keyword_absent": target.keyword_absent,
        "follow_redirects": target.follow_redirects,
        "dns_resolver": target.resolver or None,
        "dns_record": target.record or None,
        "dns_expected": target.expected or None,
        "confirmations": monitor.confirmations,
        "recoveries": monitor.recoveries,
        "alert_channel_ids": list(monitor.channels),
        "depends_on": list(monitor.depends_on),
        "dependency_wait_seconds": monitor.dependency_wait,
        "paused": monitor.paused,
        "current_status": _STATUS.get(status, status),
        "response_time_ms": None if state.last_ms is None else round(state.last_ms),
        "last_checked_at": time(state.last_at),
        "last_error": (state.unprobed if state.unobserved else "") or state.last_detail or None,
        "incident_id": state.incident,
        "alert_held_back": state.incident is not None and state.notice_at is not None,
        "tls_expires_at": time(state.expires),
        "domain_expires_at": time(state.domain_expires),
        "created_at": time(monitor.created),
        "updated_at": time(monitor.revised),
        **PROBE_KINDS[monitor.kind].shown(target),
    }
