"""What null means in the body of a request about a monitor: the default. Pure."""

from typing import Any

from msgspec import Struct

from query_api.plans import Plan
from schemas.monitors import (
    DEFAULT_APDEX_THRESHOLD,
    DEFAULT_CONFIRMATIONS,
    DEFAULT_DEPENDENCY_WAIT,
    DEFAULT_INTERVAL,
    DEFAULT_TIMEOUT,
)
from schemas.probe_kinds import PROBE_KINDS, MonitorKind

# Fields whose null nothing else reads; that of the others (lists, headers, times) is their empty value.
_DEFAULTS: dict[str, Any] = {
    "url": "",
    "host": "",
    "port": 0,
    "method": "GET",
    "head_first": False,
    "body": "",
    "keyword": "",
    "keyword_absent": False,
    "follow_redirects": True,
    "families": "any",
    "verify_certificate": True,
    "confirmations": DEFAULT_CONFIRMATIONS,
    "recoveries": 1,
    "paused": False,
    "apdex_threshold_ms": DEFAULT_APDEX_THRESHOLD,
    "published": False,
    "dependency_wait_seconds": DEFAULT_DEPENDENCY_WAIT,
}


def defaults_of(kind: MonitorKind, plan: Plan) -> dict[str, Any]:
    """The default of each field of a monitor of this type."""
    return _DEFAULTS | {
        "interval_seconds": max(DEFAULT_INTERVAL, plan.interval),
        "timeout_seconds": PROBE_KINDS[kind].default_timeout or DEFAULT_TIMEOUT,
    }


def put_defaults(wanted: Struct, kind: MonitorKind, plan: Plan) -> None:
    """Put the default of a monitor of this type in place of each null."""
    for name, default in defaults_of(kind, plan).items():
        if getattr(wanted, name) is None:
            setattr(wanted, name, default)
