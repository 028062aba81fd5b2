"""Sample notices for previews of message templates: like real ones, about objects that do not exist. Pure.

A sample has every field that a notice of its kind can have, so that a preview shows the effect of each variable.
"""

from typing import Any

from query_api.test_sends import data_of_test
from schemas.base import SECOND, Micros
from schemas.notices import ACKNOWLEDGED, UNCHOSEN, VALIDITY_NOTICES, AnyNotice, Notice
from schemas.times import iso

_THING = "00000000-0000-4000-8000-000000000001"
_INCIDENT = "00000000-0000-4000-8000-000000000002"
_CHANNEL = "00000000-0000-4000-8000-000000000003"
# Told as they are in a test.
_AS_TESTED: tuple[Notice, ...] = ("monitor.performance_drop", "monitor.run_time_drift", "system.outage")
_SAID = "copying 3 of 7\nrsync: write failed: No space left on device (28)"


def preview_sample(notice: AnyNotice, now: Micros) -> dict[str, Any]:
    """The `data` of a notice."""
    began = max(0, now - 3_723 * SECOND)
    if notice in UNCHOSEN:
        monitor = {"id": _THING, "name": "Alert channel ops", "url": "/", "kind": "channel", "current_status": "down"}
        return {"monitor": monitor, "incident": None, "detail": "the last 50 requests failed; the newest: HTTP 500"}
    if notice in VALIDITY_NOTICES or notice in _AS_TESTED:
        data = {name: value for name, value in data_of_test(notice, now).items() if name != "test"}
        if notice == "system.outage":
            return data
        return data | {"monitor": _heartbeat("up", now) if notice == "monitor.run_time_drift" else _monitor("up")}
    if notice == "monitor.late":
        last, expected = iso(max(0, now - 90_000 * SECOND)), iso(max(0, now - 60 * SECOND))
        detail = f"no ping since {last}; expected at {expected}, down at {iso(now + 240 * SECOND)} if none comes"
        return {"monitor": _heartbeat("late", now), "incident": None, "detail": detail}
    over = notice in ("monitor.recovered", "incident.resolved")
    incident: dict[str, Any] = {
        "id": _INCIDENT,
        "started_at": iso(began),
        "resolved_at": iso(now) if over else None,
        "cause": "Exit status 23",
        "status": "resolved" if over else "open",
    }
    if notice == ACKNOWLEDGED:
        incident["acknowledgement"] = {"by": "Ada", "acknowledged_at": iso(now), "comment": "on it", "until": None}
    elif not over:
        incident["acknowledge_url"] = "https://pingfold.example/acknowledge/TOKEN"
    if over:
        return {"monitor": _heartbeat("up", now), "incident": incident}
    if notice == "monitor.not_observed":
        detail = f"no ping since {iso(began)}; a run was due while Pingfold could not be reached"
        return {"monitor": _heartbeat("late", now), "incident": None, "detail": detail}
    results = [
        {
            "checked_at": iso(max(0, now - seconds * SECOND)),
            "status": "down",
            "region": region,
            "response_time_ms": 412.0,
            "status_code": 503,
            "error": "Unexpected status: 503",
        }
        for seconds, region in ((70, "fra"), (40, "nyc"))
    ]
    output = {"text": _SAID, "kind": "fail", "received_at": iso(began), "exit_status": 23, "rid": None, "left_out": 0}
    monitor = _heartbeat("down", now) | {"last_output": output, "last_results": results}
    notified = {"channels": [{"id": _CHANNEL, "name": "Ops"}], "more": 0}
    return {"monitor": monitor, "incident": incident, "notified": notified}


def _heartbeat(status: str, now: Micros) -> dict[str, Any]:
    return {
        "id": _THING,
        "name": "Nightly backup",
        "url": f"/checks/{_THING}",
        "kind": "heartbeat",
        "current_status": status,
        "slug": "nightly-backup",
        "tags": "prod backup",
        "last_ping": iso(max(0, now - 90_000 * SECOND)),
    }


def _monitor(status: str) -> dict[str, Any]:
    return {
        "id": _THING,
        "name": "Shop",
        "url": "https://shop.example.org/",
        "kind": "http",
        "current_status": status,
    }
