"""Pingfold's own fields in the `data` of a notice, as JSON Schema: clients that do not know them ignore them. Pure.

docs/compatibility/poppaping.md, "Webhooks", tells the whole of a notice.
"""

from typing import Any

_TIME = {"type": "string", "format": "date-time"}

LAST_OUTPUT: dict[str, Any] = {
    "description": "What the job of a check that is down said last, if it said anything.",
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "description": "Lines, without control characters; of a long one beginning and end.",
        },
        "kind": {"enum": ["start", "log", "fail"], "description": "Of the ping that brought it."},
        "received_at": _TIME,
        "exit_status": {"type": ["integer", "null"]},
        "rid": {"type": ["string", "null"], "description": "Id of the run."},
        "left_out": {"type": "integer", "description": "Number of characters that were left out."},
    },
    "required": ["text", "kind", "received_at", "exit_status", "rid", "left_out"],
}

LAST_RESULTS: dict[str, Any] = {
    "description": "The results that made a monitor down, at most ten. Later: what each region saw last, without more.",
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "checked_at": _TIME,
            "status": {"enum": ["up", "down"]},
            "region": {"type": "string"},
            "response_time_ms": {"type": "number", "description": "Duration of the probe."},
            "status_code": {"type": ["integer", "null"], "description": "Of the HTTP answer."},
            "error": {"type": ["string", "null"], "description": "Why it failed."},
            "confirmation": {"type": "integer", "description": "Number of the confirmation; 0: a regular probe."},
        },
        "required": ["checked_at", "status", "region"],
    },
}

NOTIFIED: dict[str, Any] = {
    "description": "The channels that are told by the same notice, if there are several; the first eleven of them.",
    "type": "object",
    "properties": {
        "channels": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
        },
        "more": {"type": "integer", "description": "How many further ones there are."},
    },
    "required": ["channels", "more"],
}

# For the field `data` of a request for a delivery.
NOTICE_DATA: dict[str, Any] = {
    "properties": {
        "monitor": {"type": "object", "properties": {"last_output": LAST_OUTPUT, "last_results": LAST_RESULTS}},
        "notified": NOTIFIED,
    }
}
