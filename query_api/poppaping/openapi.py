"""What `/openapi.json` says of the PoppaPing API: bodies as they are judged, answers as they are given."""

from typing import Any

import msgspec

from schemas.published import portable

Schema = dict[str, Any]

_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"anyOf": [_TIME, {"type": "null"}]}
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_ID: Schema = {"type": "string", "format": "uuid"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_FLAG: Schema = {"type": "boolean"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_META = _object(page=_COUNT, per_page=_COUNT, total=_COUNT, total_pages=_COUNT)

MONITOR = _object(
    id=_ID,
    name=_TEXT,
    type={"type": "string", "enum": ["http", "tcp", "tls", "icmp", "dns"]},
    url=_TEXT_OR_NULL,
    host=_TEXT_OR_NULL,
    port={"type": ["integer", "null"]},
    method=_TEXT,
    headers={"type": "object", "additionalProperties": _TEXT, "description": "Values are hidden."},
    has_body=_FLAG,
    interval_seconds=_COUNT,
    timeout_seconds=_COUNT,
    regions=_list(_TEXT),
    expected_statuses=_list(_COUNT),
    keyword=_TEXT,
    keyword_absent=_FLAG,
    follow_redirects=_FLAG,
    confirmations=_COUNT,
    recoveries=_COUNT,
    alert_channel_ids=_list(_ID),
    paused=_FLAG,
    current_status={"type": "string", "enum": ["pending", "up", "down", "paused", "maintenance", "unknown"]},
    response_time_ms={"type": ["integer", "null"]},
    last_checked_at=_TIME_OR_NULL,
    last_error=_TEXT_OR_NULL,
    incident_id=_TEXT_OR_NULL,
    tls_expires_at=_TIME_OR_NULL,
    domain_expires_at=_TIME_OR_NULL | {"description": "By RDAP, of the registered domain; Pingfold's own."},
    created_at=_TIME,
    updated_at=_TIME,
)
RESULT = _object(
    checked_at=_TIME,
    status={"type": "string", "enum": ["up", "down"]},
    region=_TEXT,
    response_time_ms={"type": "number"},
    status_code={"type": ["integer", "null"]},
    error=_TEXT_OR_NULL,
    address=_TEXT_OR_NULL,
    confirmation=_FLAG,
)
INCIDENT = _object(
    id=_ID,
    monitor_id=_ID,
    started_at=_TIME,
    resolved_at=_TIME_OR_NULL,
    cause=_TEXT,
    status={"type": "string", "enum": ["open", "resolved"]},
)
UPTIME = _object(
    monitor_id=_ID,
    period=_TEXT,
    uptime_percentage=_NUMBER_OR_NULL,
    total_checks=_COUNT,
    up_checks=_COUNT,
    down_checks=_COUNT,
    avg_response_time_ms=_NUMBER_OR_NULL,
    p50_response_time_ms=_NUMBER_OR_NULL,
    p95_response_time_ms=_NUMBER_OR_NULL,
    p99_response_time_ms=_NUMBER_OR_NULL,
    uptime_time_weighted=_NUMBER_OR_NULL,
)
USAGE = _object(
    monitors_used=_COUNT,
    monitors_active=_COUNT,
    monitors_limit={"type": ["integer", "null"]},
    checks_last_24h=_COUNT,
    plan=_TEXT,
)
DELETED = _object(id=_ID, deleted=_FLAG)


WINDOW = _object(
    id=_ID,
    name=_TEXT,
    starts_at=_TIME_OR_NULL,
    ends_at=_TIME_OR_NULL,
    schedule=_TEXT_OR_NULL,
    timezone=_TEXT_OR_NULL,
    duration_minutes={"type": ["integer", "null"]},
    monitor_ids=_list(_ID),
    active=_FLAG,
    active_until=_TIME_OR_NULL,
    next_start_at=_TIME_OR_NULL,
    created_at=_TIME,
    updated_at=_TIME,
)
INCIDENT_WHOLE = _object(**INCIDENT["properties"], timeline=_list(RESULT))
MONITOR_WHOLE = _object(**MONITOR["properties"], uptime_percentage=_NUMBER_OR_NULL)


def answers(schema: Schema, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """A bare answer."""
    return {status: {"description": "As asked.", "content": {"application/json": {"schema": schema}}}}


def one_of(schema: Schema, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """An answer with one object."""
    return answers(_object(data=schema), status)


def list_of(schema: Schema) -> dict[int | str, dict[str, Any]]:
    """An answer with a page of objects."""
    return answers(_object(data=_list(schema), meta=_META))


def body_of(wanted: type[msgspec.Struct]) -> dict[str, Any]:
    """What a request may hold: the very type that it is judged by."""
    whole = portable(msgspec.json.schema(wanted))
    schema = _inlined(whole, whole["$defs"])
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(node: Any, defined: dict[str, Any]) -> Any:
    """The schema with what it refers to in place: none of our bodies refers to itself."""
    if isinstance(node, list):
        return [_inlined(each, defined) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(name := node.get("$ref"), str):
        return _inlined(defined[name.rpartition("/")[2]], defined)
    return {key: _inlined(value, defined) for key, value in node.items() if key != "$defs"}
