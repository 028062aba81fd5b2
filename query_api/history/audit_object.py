"""An entry of the audit trail as people see it, by REST and on the command line. Pure."""

from typing import Any

from query_api.history.audit import AuditRow, Place
from query_api.history.checks import FOREVER
from schemas.times import exact_iso
from schemas.transitions import FieldChange


def audit_object(row: AuditRow) -> dict[str, Any]:
    """`changes` tells old and new values; `hidden`: the field holds a secret, or a part that may be one."""
    return {
        "id": row.id,
        "date": exact_iso(row.place.at),
        "action": row.action,
        "kind": row.kind,
        "thing": row.thing,
        "name": row.name,
        "actor": {
            "kind": row.actor,
            "key": row.key_id or None,
            "user": row.user or None,
            "address": row.address or None,
        },
        "command": row.command,
        "changes": [_change(change) for change in row.changes],
        "others": row.others,
        "retried": row.retried,
    }


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


def _change(change: FieldChange) -> dict[str, Any]:
    return {"field": change.field, "old": change.old, "new": change.new, "hidden": change.hidden}
