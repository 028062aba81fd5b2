"""What `/openapi.json` says of the Management API: requests and answers as JSON Schema.

Requests are judged by `fields.RULES`, a test compares the two tables.
"""

from typing import Any, TypeAlias, get_args

import msgspec

from query_api.healthchecks.fields import LONGEST, SHORTEST, UNIQUE_FIELDS
from query_api.healthchecks.slugs import MAX_SLUG
from schemas.actors import ActorKind
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.notices import NOTICES
from schemas.requests import DAY, LONGEST_OVERLAP
from schemas.transitions import Action, ThingKind

Schema: TypeAlias = dict[str, Any]
Responses: TypeAlias = dict[int | str, dict[str, Any]]


def _text(longest: int | None = None, **more: Any) -> Schema:
    return {"type": "string", **({} if longest is None else {"maxLength": longest}), **more}


def _null_or(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _properties_of(shown: type[msgspec.Struct]) -> dict[str, Schema]:
    properties: dict[str, Schema] = msgspec.json.schema(shown)["$defs"][shown.__name__]["properties"]
    return properties


_FLAG: Schema = {"type": "boolean"}
_SECONDS: Schema = {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME = _text(format="date-time")
_URL = _text(format="uri")
_UUID = _text(format="uuid")
_METHODS: Schema = {"type": "string", "enum": ["", "POST"]}
_SLUG = _text(MAX_SLUG, pattern="^[a-z0-9-_]*$")

# Fields that a request sets and an answer shows.
_COMMON: dict[str, Schema] = {
    "name": _text(100),
    "slug": _SLUG,
    "tags": _text(500, description="Separated by blanks."),
    "desc": _text(),
    "grace": _SECONDS,
    "manual_resume": _FLAG,
    "methods": _METHODS,
    "subject": _text(200, deprecated=True),
    "subject_fail": _text(200, deprecated=True),
    "start_kw": _text(200),
    "success_kw": _text(200),
    "failure_kw": _text(200),
    "filter_subject": _FLAG,
    "filter_body": _FLAG,
    "filter_http_body": _FLAG,
    "filter_default_fail": _FLAG,
    "timeout": _SECONDS,
    "schedule": _text(100, description="A cron or OnCalendar expression; it beats `timeout`."),
    "tz": _text(description="An IANA time zone."),
    "late_limit": _null_or(_SECONDS | {"description": "How late a ping may be; null: `grace`."}),
    "run_limit": _null_or(_SECONDS | {"description": "How long a run may take; null: `grace`."}),
    "channels": _text(description="`*`, an empty string, or a comma list of ids or exact names; shown as ids."),
}

REQUEST: Schema = {
    "type": "object",
    "properties": _COMMON
    | {
        "unique": {"type": "array", "items": {"type": "string", "enum": list(UNIQUE_FIELDS)}},
        "api_key": _text(description="Instead of the header.", writeOnly=True),
    },
}

_SHOWN: dict[str, Schema] = _COMMON | {
    "n_pings": _COUNT,
    "status": {"type": "string", "enum": ["new", "up", "grace", "down", "paused", "started"]},
    "started": _FLAG,
    "last_ping": _null_or(_TIME),
    "next_ping": _null_or(_TIME),
    "last_duration": _COUNT,
    "badge_url": _URL,
    "unique_key": _text(description="Instead of the six fields that a read-only key does not see."),
    "uuid": _UUID,
    "ping_url": _URL,
    "update_url": _URL,
    "pause_url": _URL,
    "resume_url": _URL,
    "last_success": _null_or(_TIME),
    "last_exitstatus": _null_or({"type": "integer", "minimum": 0, "maximum": 255}),
    "not_observed": _FLAG | {"description": "A run was due while Pingfold could not be reached."},
}
_SOMETIMES = {
    *("last_duration", "timeout", "schedule", "tz", "unique_key"),
    *("uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"),
}
_CHECK: Schema = {
    "type": "object",
    "properties": _SHOWN,
    "required": [name for name in _SHOWN if name not in _SOMETIMES],
}
_PING: dict[str, Schema] = {
    "type": {"type": "string", "enum": ["success", "start", "fail", "log", "ign"]},
    "date": _TIME,
    "n": _COUNT,
    "scheme": _text(),
    "remote_addr": _text(),
    "method": _text(),
    "ua": _text(),
    "rid": _null_or(_UUID),
    "body_url": _null_or(_URL),
    "exitstatus": _null_or({"type": "integer", "minimum": 0, "maximum": 255}),
    "duration": {"type": "number", "description": "Seconds; only when known."},
}
_FLIP: dict[str, Schema] = {"timestamp": _TIME, "up": {"type": "integer", "enum": [0, 1]}}
_VALUE: Schema = {"type": ["null", "boolean", "integer", "string", "array", "object"]}
_CHANGE: dict[str, Schema] = {
    "field": _text(description="`target.url`: the field `url` of `target`."),
    "old": _VALUE,
    "new": _VALUE,
    "hidden": _FLAG | {"description": "It holds a secret, or a part that may be one, which is not told."},
}
_CHANNEL: dict[str, Schema] = {
    "id": _UUID,
    "name": _text(),
    "kind": _text(),
    "unconfirmed": {
        "type": "array",
        "items": _text(),
        "description": "Of e-mail: addresses that get nothing, since their owners have not confirmed them.",
    },
}
# What is shown of the kinds of channels.
_OF_KINDS: dict[str, Schema] = {
    name: schema for kind in CHANNEL_KINDS.values() for name, schema in _properties_of(kind.form_shown).items()
}
_CHANNEL_WHOLE: dict[str, Schema] = (
    _CHANNEL
    | _OF_KINDS
    | {
        "events": {"type": "array", "items": {"type": "string", "enum": list(NOTICES)}},
    }
)


# What is told of a channel to whoever asks for details.
_CHANNEL_DETAILS: dict[str, Schema] = _CHANNEL_WHOLE | {
    "created": _TIME,
    "disabled": _FLAG | {"description": "Nothing is sent any more: it failed for too long, or said that it is gone."},
    "disabled_at": _null_or(_TIME),
    "disabled_because": _null_or(_text()),
    "failures": _COUNT | {"description": "Attempts that failed since the last success."},
    "last_success": _null_or(_TIME),
}


def _all_of(properties: dict[str, Schema], *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _list_of(name: str, item: Schema) -> Schema:
    return _all_of({name: {"type": "array", "items": item}})


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_ERROR = _all_of({"error": _text()})

ERRORS: Responses = {
    400: _json("The request is not valid; the body may be empty.", _ERROR),
    401: _json("The API key is missing or wrong.", _ERROR),
    403: {"description": "It belongs to another project, or the project has reached its limit."},
    404: _json("There is no such thing; the body may be empty.", _ERROR),
    503: _json("No answer in time; to be tried again.", _ERROR)
    | {"headers": {"Retry-After": {"schema": {"type": "integer"}}}},
    # FastAPI would announce a 422 of its own, which is never sent.
    "default": _json("Any other error.", _ERROR),
}
CHECK: Responses = {200: _json("The check.", _CHECK)}
CREATED: Responses = {
    200: _json("The check that was there, changed (`unique`).", _CHECK),
    201: _json("The check that was made.", _CHECK),
}
CHECKS: Responses = {200: _json("The checks.", _list_of("checks", _CHECK))}
CHANNEL = _json("The channel.", _all_of(_CHANNEL_WHOLE, *_OF_KINDS))
CHANNELS: Responses = {
    200: _json(
        "The channels; `details=1` tells all fields.",
        _list_of("channels", _all_of(_CHANNEL_DETAILS, *(_CHANNEL_DETAILS.keys() - {"id", "name", "kind"}))),
    )
}
_FORMER_UNTIL = _null_or(_TIME | {"description": "Until then the former one counts, too; null: it does not."})
PING_KEY: Responses = {200: _json("The new ping key.", _all_of({"ping_key": _text(), "former_until": _FORMER_UNTIL}))}
SECRET: Responses = {
    200: _json("The new secret, told only now.", _all_of({"secret": _text(), "former_until": _FORMER_UNTIL}))
}
PINGS: Responses = {200: _json("The newest pings, newest first.", _list_of("pings", _all_of(_PING, "duration")))}
PING_BODY: Responses = {
    200: {"description": "The body as it was kept.", "content": {"text/plain": {"schema": _text(format="binary")}}}
}
_ACTOR: dict[str, Schema] = {
    "kind": {"type": "string", "enum": list(get_args(ActorKind))},
    "key": _null_or(_text(description="The id of the API key, never the key.")),
    "user": _null_or(_text(description="Of the operating system.")),
    "address": _null_or(_text(description="Of the client; of a command, the name of the host.")),
}
_ENTRY: dict[str, Schema] = {
    "id": _UUID,
    "date": _TIME,
    "action": {"type": "string", "enum": list(get_args(Action))},
    "kind": _text(description=f"Of the thing: {', '.join(get_args(ThingKind))}."),
    "thing": _text(description="Its id."),
    "name": _text(description="As it was called then."),
    "actor": _all_of(_ACTOR),
    "command": _text(description="The type of the command in the log."),
    "changes": {"type": "array", "items": _all_of(_CHANGE)},
    "others": _COUNT | {"description": "So many other things changed with it."},
    "retried": _FLAG | {"description": "The command was a dead letter that was put back."},
}
AUDIT: Responses = {
    200: _json(
        "Changes, newest first.",
        _all_of(
            {
                "entries": {"type": "array", "items": _all_of(_ENTRY)},
                "next": _null_or(_text(description="`before` of the next page; null: this is the last one.")),
                "complete": _FLAG | {"description": "False: the newest changes may still be missing."},
            }
        ),
    )
}
FLIPS: Responses = {200: _json("Status changes, newest first.", _list_of("flips", _all_of(_FLIP)))}
NOT_PAUSED: Responses = {
    409: {"description": "The check is not paused.", "content": {"text/plain": {"schema": _text()}}}
}
CHECK_FIELDS: Schema = {"requestBody": {"content": {"application/json": {"schema": REQUEST}}}}

_OVERLAP: dict[str, Schema] = {
    "overlap": {
        "type": "integer",
        "minimum": 0,
        "maximum": LONGEST_OVERLAP,
        "default": DAY,
        "description": "So many seconds the former one counts, too.",
    },
    "api_key": REQUEST["properties"]["api_key"],
}
_SECRET: dict[str, Schema] = {
    "secret": _null_or({"type": "string", "minLength": 8, "maxLength": 200, "description": "Made if left out."})
}


def _body(properties: dict[str, Schema]) -> Schema:
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


OVERLAP_FIELDS = _body(_OVERLAP)
SECRET_FIELDS = _body(_OVERLAP | _SECRET)
