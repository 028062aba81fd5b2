"""The values of an audit entry as its page tells them: names in place of ids, words in place of JSON.

Names are those of today. What is removed meanwhile, or belongs to another project, stays an id.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from infra.log.directory import Directory
from query_api.history.audit_object import AuditChange, change_words
from query_api.web.shown.notice_words import NOTICE_WORDS
from query_api.web.shown.schedule_words import schedule_words
from schemas.definitions import ApiKey
from schemas.ids import is_uuid
from schemas.schedules import Schedule

Named = Callable[[str], str]


def names_of(directory: Directory, project: str) -> Named:
    """What an id is called in a project; empty: it is none of it."""
    keys = {key.id: key_words(key) for key in directory.keys_of(project)}
    return lambda id: keys.get(id) or _thing_name(directory, project, id) if is_uuid(id) else ""


def key_words(key: ApiKey) -> str:
    """What a key is called: its name, or how it begins."""
    return key.name or f"{key.prefix}…"


def told_change(change: AuditChange, action: str, named: Named) -> str:
    """A change in words; empty: there is nothing to tell."""
    text = partial(_schedule_words if change.field == "schedule" else _value_words, named=named)
    return change_words(msgspec.structs.replace(change, field=_field_words(change.field)), action, text)


def _field_words(field: str) -> str:
    words = field.replace("_", " ").replace(".", " ").split()
    return " ".join("URL" if word == "url" else word for word in words)


def _value_words(value: Any, named: Named) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return named(value) or NOTICE_WORDS.get(value, value)  # type: ignore[call-overload]
    if isinstance(value, list):
        return ", ".join(_value_words(one, named) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{_field_words(name)} {_value_words(one, named)}" for name, one in value.items())
    return str(value)


def _schedule_words(value: Any, named: Named) -> str:
    try:
        return schedule_words(msgspec.convert(value, Schedule))
    except msgspec.ValidationError:  # none, one that was cut, or one of a version that is yet to come
        return _value_words(value, named)


def _thing_name(directory: Directory, project: str, id: str) -> str:
    for find in (directory.check, directory.monitor, directory.policy, directory.rotation, directory.template):
        if (found := find(id)) is not None:
            return found.name if found.project == project else ""
    if (window := directory.window(id)) is not None:
        return window.name if window.project == project else ""
    if (channel := directory.channel(id)) is not None:
        return (channel.name or channel.kind) if channel.project == project else ""
    if (page := directory.page(id)) is not None:
        return page.title if page.project == project else ""
    return ""
