"""An entry of the audit trail as people see it, by REST and on the command line. Pure."""

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, get_args

from msgspec import Meta, Struct

from query_api.history.audit import AuditRow, Place
from query_api.history.checks import FOREVER
from query_api.http.field_types import Count, Time, Uuid, words
from schemas.actors import ActorKind
from schemas.times import exact_iso
from schemas.transitions import Action, ThingKind

# What happened to each field of a thing, by what happened to the thing; else it was changed.
_HAPPENED = {"created": "set", "deleted": "removed"}

_Value: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None


class AuditActor(Struct):
    """Who made a change."""

    kind: Annotated[str, words(get_args(ActorKind))]
    key: Annotated[str | None, Meta(description="The id of the API key (never the key), or of the `person`.")]
    user: Annotated[
        str | None, Meta(description="The user of the operating system, or the mail address of the `person`.")
    ]
    address: Annotated[str | None, Meta(description="Address of the client; for a command, the name of the host.")]


class AuditChange(Struct):
    """A field that changed."""

    field: Annotated[str, Meta(description="`target.url`: the field `url` of `target`.")]
    old: _Value
    new: _Value
    hidden: Annotated[bool, Meta(description="Whether the value is hidden because it is or may contain a secret.")]


class AuditEntry(Struct):
    """A change of a project, with who made it."""

    id: Uuid
    date: Time
    action: Annotated[str, words(get_args(Action))]
    kind: Annotated[str, Meta(description=f"What was changed: {', '.join(get_args(ThingKind))}.")]
    thing: Annotated[str, Meta(description="The id of what was changed.")]
    name: Annotated[str, Meta(description="The name at that time.")]
    actor: AuditActor
    command: Annotated[str, Meta(description="The type of the command in the log.")]
    changes: list[AuditChange]
    others: Annotated[Count, Meta(description="Number of other objects that changed with it.")]
    retried: Annotated[bool, Meta(description="Whether the command was a retried dead letter.")]


def audit_object(row: AuditRow) -> AuditEntry:
    """`changes` have old and new values; `hidden`: the field holds a secret, or a part that may be one."""
    return AuditEntry(
        id=row.id,
        date=exact_iso(row.place.at),
        action=row.action,
        kind=row.kind,
        thing=row.thing,
        name=row.name,
        actor=AuditActor(row.actor, row.key_id or None, row.user or None, row.address or None),
        command=row.command,
        changes=[AuditChange(change.field, change.old, change.new, change.hidden) for change in row.changes],
        others=row.others,
        retried=row.retried,
    )


def cursor_of(place: Place) -> str:
    """What a page ends with, as text."""
    return "-".join(map(str, place))


def place_of(cursor: str) -> Place | None:
    """The place that a text is, None when it is none."""
    parts = cursor.split("-")
    if len(parts) != len(Place._fields) or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    at, part, off = (int(text) if len(text) < 20 else -1 for text in parts)
    return Place(at, part, off) if 0 <= at <= FOREVER and 0 <= part < 2**16 and 0 <= off < 2**63 else None


def json_text(value: Any) -> str:
    """A value as it is, or as JSON; of none nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def change_words(change: AuditChange, action: str, text: Callable[[Any], str] = json_text) -> str:
    """A change in words; "" when there is nothing to tell: a field of a new thing may be there and empty. text: how
    values are told."""
    old, new = text(change.old), text(change.new)
    field, hidden = change.field, change.hidden
    if not (old or new):
        return f"{field}: {_HAPPENED.get(action, 'changed')} (secret)" if hidden else ""
    if old == new:
        return f"{field}: {new} (the rest is secret, and changed)"
    told = old or new if action in _HAPPENED else f"{old or 'nothing'} → {new or 'nothing'}"
    return f"{field}: {told}{' (the rest is secret)' if hidden else ''}"
