"""What `/openapi.json` says of the PoppaPing API: bodies as they are judged, answers as they are given."""

from typing import Any

import msgspec

from query_api.poppaping.responses import RATE_HEADERS
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.notices import NOTICES, TO_EVERY_CHANNEL
from schemas.probe_kinds import PROBE_KINDS
from schemas.published import portable

Schema = dict[str, Any]

_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"anyOf": [_TIME, {"type": "null"}]}
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_ID: Schema = {"type": "string", "format": "uuid"}
_ID_OR_NULL: Schema = {"anyOf": [_ID, {"type": "null"}]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"anyOf": [_COUNT, {"type": "null"}]}
_NOTICE: Schema = {"type": "string", "enum": list(NOTICES)}
_SENT: Schema = {"type": "string", "enum": [*NOTICES, *sorted(TO_EVERY_CHANNEL)]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_FLAG: Schema = {"type": "boolean"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _told(schema: Schema, description: str) -> Schema:
    return schema | {"description": description}


def _inlined(node: Any, defined: dict[str, Any]) -> Any:
    """The schema with what it refers to in place: none of our bodies refers to itself."""
    if isinstance(node, list):
        return [_inlined(each, defined) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(name := node.get("$ref"), str):
        return _inlined(defined[name.rpartition("/")[2]], defined)
    return {key: _inlined(value, defined) for key, value in node.items() if key != "$defs"}


def _shown(what: type[msgspec.Struct]) -> Schema:
    """The schema of a type, as it stands within another."""
    whole = portable(msgspec.json.schema(what))
    schema = _inlined(whole, whole["$defs"])
    return {name: value for name, value in schema.items() if name != "title"}


def _also(schema: Schema, **properties: Schema) -> Schema:
    more = _object(**properties)
    return _object(**schema["properties"], **properties) | {"required": [*schema["required"], *more["required"]]}


def _of_kinds() -> dict[str, Schema]:
    """The fields that only monitors of one type have."""
    found: dict[str, Schema] = {}
    for kind in PROBE_KINDS.values():
        whole = portable(msgspec.json.schema(kind.fields))
        found |= _inlined(whole, whole["$defs"])["properties"]
    return found


_META = _object(page=_COUNT, per_page=_COUNT, total=_COUNT, total_pages=_COUNT)

MONITOR = _object(
    id=_ID,
    name=_TEXT,
    type=_one_of(*PROBE_KINDS),
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
    dns_resolver=_TEXT_OR_NULL | {"description": "The resolver that is asked, null: the prober's; Pingfold's own."},
    dns_record=_TEXT_OR_NULL | {"description": "What it is asked for, null: any address; Pingfold's own."},
    dns_expected=_TEXT_OR_NULL | {"description": "What one of the records must be; Pingfold's own."},
    confirmations=_COUNT,
    recoveries=_COUNT,
    alert_channel_ids=_list(_ID),
    depends_on=_list(_ID) | {"description": "Pingfold's own: while one of them is down, nobody is told of this one."},
    dependency_wait_seconds=_COUNT | {"description": "So long the verdict on them is waited for."},
    paused=_FLAG,
    current_status={"type": "string", "enum": ["pending", "up", "down", "paused", "maintenance", "unknown"]},
    response_time_ms={"type": ["integer", "null"]},
    last_checked_at=_TIME_OR_NULL,
    last_error=_TEXT_OR_NULL,
    incident_id=_TEXT_OR_NULL,
    alert_held_back=_FLAG | {"description": "It is down, and nobody was told so far, because of what it depends on."},
    tls_expires_at=_TIME_OR_NULL,
    domain_expires_at=_TIME_OR_NULL | {"description": "By RDAP, of the registered domain; Pingfold's own."},
    created_at=_TIME,
    updated_at=_TIME,
)
MONITOR["properties"] = _of_kinds() | MONITOR["properties"]
RESULT = _object(
    checked_at=_TIME,
    status={"type": "string", "enum": ["up", "down"]},
    region=_TEXT,
    response_time_ms={"type": "number"},
    status_code={"type": ["integer", "null"]},
    error=_TEXT_OR_NULL,
    address=_TEXT_OR_NULL,
    confirmation=_FLAG,
    in_maintenance=_FLAG | {"description": "Then it counts in no uptime, and nobody was alerted."},
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
ACCOUNT = _object(
    id=_ID,
    name=_TEXT,
    plan=_TEXT,
    limits=_object(
        monitors=_told(_COUNT_OR_NULL, "Null: no limit."),
        min_interval_seconds=_COUNT,
        requests_per_minute=_told(_COUNT_OR_NULL, "Of each key; null: no limit."),
    ),
    created_at=_TIME_OR_NULL,
    key=_object(
        name=_TEXT,
        prefix=_told(_TEXT, "What the key begins with."),
        scopes=_told(_list(_TEXT), "Empty: all of them."),
        expires_at=_told(_TIME_OR_NULL, "Null: never."),
    ),
)
SECRET = _object(
    secret=_told(_TEXT, "The new one, told only now."),
    former_until=_told(_TIME_OR_NULL, "Until then the former one signs, too; null: it does not."),
)
DELETED = _object(id=_ID, deleted=_FLAG)

CHANNEL = _object(
    id=_ID,
    name=_TEXT,
    channel_type=_one_of(*CHANNEL_KINDS),
    config={"oneOf": [_shown(kind.config_shown) for kind in CHANNEL_KINDS.values()]},
    events=_told(_list(_NOTICE), "What the channel takes."),
    unconfirmed=_told(_list(_TEXT), "Addresses that get nothing: their owners have not confirmed them."),
    blocked=_told(_list(_TEXT), "Those of them whose owners want no request to confirm."),
    confirmation_error=_told(_TEXT_OR_NULL, "Why a request to confirm could not be mailed yet; it is tried again."),
    created_at=_TIME,
    disabled=_told(_FLAG, "Nothing is sent any more: it failed for too long, or said that it is gone."),
    disabled_at=_TIME_OR_NULL,
    disabled_because=_told(_TEXT_OR_NULL, "Why it was disabled."),
    failures=_told(_COUNT, "Attempts that failed since the last success."),
    last_success_at=_TIME_OR_NULL,
)
_BEGUN: dict[str, Schema] = {
    "id": _ID,
    "event": _SENT,
    "event_id": _told(_ID, "The `webhook-id`."),
    "status": _one_of("pending"),
}
TEST_SENT = _object(**_BEGUN)
REPLAYED = _object(**_BEGUN, replay_id=_told(_ID, "Of this sending again."))
REPLAYED_MANY = _object(replayed=_COUNT, more=_told(_FLAG, "There are others, which were not sent again."))
DELIVERY = _object(
    id=_ID,
    event=_SENT,
    event_id=_told(_ID_OR_NULL, "The `webhook-id`, equal over retries, replays and channels."),
    replay_id=_told(_ID_OR_NULL, "Which sending again this is; null: the first sending."),
    status=_one_of("pending", "delivered", "exhausted", "gone", "removed", "unconfirmed"),
    attempts=_COUNT,
    created_at=_told(_TIME, "When the first attempt was due."),
    finished_at=_TIME_OR_NULL,
    next_attempt_at=_told(_TIME_OR_NULL, "Null while an attempt is under way, and when it is finished."),
    last_error=_TEXT_OR_NULL,
)

PAGE = _object(
    id=_ID,
    title=_TEXT,
    slug=_TEXT,
    description=_TEXT,
    url=_TEXT,
    public=_told(_FLAG, "Without a password."),
    created_at=_TIME,
    updated_at=_TIME,
)
_COMPONENT = _object(
    type=_one_of("monitor", "check"),
    id=_ID,
    name=_told(_TEXT, "As chosen for the page; empty: as it is called itself."),
    group=_told(_TEXT, "Empty: in none."),
    shown_as=_told(_TEXT, "What it is called on the page."),
    current_status=_one_of("pending", "up", "down", "paused", "maintenance", "unknown"),
)
PAGE_WHOLE = _object(
    **PAGE["properties"],
    status=_one_of("operational", "maintenance", "partial_outage", "major_outage", "unknown"),
    components=_list(_COMPONENT),
)
WINDOW = _object(
    id=_ID,
    name=_TEXT,
    starts_at=_told(_TIME_OR_NULL, "Null: it recurs."),
    ends_at=_TIME_OR_NULL,
    schedule=_told(_TEXT_OR_NULL, "Cron or OnCalendar; null: it comes once."),
    timezone=_TEXT_OR_NULL,
    duration_minutes=_COUNT_OR_NULL,
    monitor_ids=_told(_list(_ID), "Empty: all monitors of the project."),
    active=_told(_FLAG, "It is open now, until `active_until`."),
    active_until=_TIME_OR_NULL,
    next_start_at=_told(_TIME_OR_NULL, "Null: it does not come again."),
    created_at=_TIME,
    updated_at=_TIME,
)
INCIDENT_WHOLE = _object(**INCIDENT["properties"], timeline=_list(RESULT))
MONITOR_WHOLE = _also(MONITOR, uptime_percentage=_NUMBER_OR_NULL)


def answers(schema: Schema, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """A bare answer."""
    content = {"application/json": {"schema": schema}}
    return {status: {"description": "The answer.", "headers": RATE_HEADERS, "content": content}}


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
