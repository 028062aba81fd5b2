"""What a create or update request may say, and what it comes to. Pure.

`read` judges a JSON object by the table `RULES`, in the order of Healthchecks, and gives up at the first error, whose
text is that of Healthchecks (docs/compatibility/management.md). `wanted` turns what was said into the fields of a
request to the `projects` fold; for that it must know the check as it is now, because a schedule without a time zone
keeps the one it has, and so on. Unknown fields are ignored; `null` is an error where it has no meaning.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

from msgspec import UNSET, UnsetType

from query_api.healthchecks.slugs import MAX_SLUG, slugify
from schemas.definitions import Check
from schemas.requests import CheckFields, UniqueField
from schemas.schedules import (
    MAX_EXPRESSION,
    BadSchedule,
    BadTimezone,
    Schedule,
    Simple,
    canonical_tz,
    parse_schedule,
)

SHORTEST, LONGEST = 60, 31_536_000
UNIQUE_FIELDS: tuple[str, ...] = get_args(UniqueField)
_SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class Invalid(Exception):
    """The request is refused; the text is that of the answer."""


class _Wrong(Exception):
    """A value breaks its rule; the text completes "<field> ..."."""


def _text(value: object, longest: int | None = None) -> str:
    if not isinstance(value, str):
        raise _Wrong("is not a string")
    if longest is not None and len(value) > longest:
        raise _Wrong("is too long")
    if "\0" in value:
        raise _Wrong("has unexpected value")
    return value


def _slug(value: object) -> str:
    slug = _text(value, MAX_SLUG)
    if not _SLUG_CHARACTERS.issuperset(slug):
        raise _Wrong("does not match pattern")
    return slug


def _seconds(value: object) -> int:
    # As with Healthchecks, `true` is an integer; as one, it is too small.
    if not isinstance(value, int):
        raise _Wrong("is not a number")
    if value < SHORTEST:
        raise _Wrong("is too small")
    if value > LONGEST:
        raise _Wrong("is too large")
    return value


def _seconds_or_none(value: object) -> int | None:
    return None if value is None else _seconds(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is not a boolean")
    return value


def _methods(value: object) -> str:
    if not isinstance(value, str) or value not in ("", "POST"):
        raise _Wrong("has unexpected value")
    return value


def _schedule(value: object) -> str:
    expression = _text(value, MAX_EXPRESSION)
    try:
        parse_schedule(expression, "UTC")
    except BadSchedule:
        raise _Wrong("is not a valid cron or OnCalendar expression") from None
    return expression


def _tz(value: object) -> str:
    try:
        return canonical_tz(_text(value))
    except BadTimezone:
        raise _Wrong("is not a valid timezone") from None


def _unique(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong("is not an array")
    if any(item not in UNIQUE_FIELDS for item in value):
        raise Invalid("json validation error: an item in 'unique' has unexpected value")
    return tuple(dict.fromkeys(value))


_keywords = partial(_text, longest=200)
# Healthchecks.io names no limit. Lists show all descriptions of a project, so one is needed.
LONGEST_DESCRIPTION = 20_000

RULES: Mapping[str, Callable[[object], Any]] = {
    "channels": _text,
    "desc": partial(_text, longest=LONGEST_DESCRIPTION),
    "failure_kw": _keywords,
    "filter_subject": _flag,
    "filter_body": _flag,
    "filter_http_body": _flag,
    "filter_default_fail": _flag,
    "grace": _seconds,
    "late_limit": _seconds_or_none,
    "manual_resume": _flag,
    "methods": _methods,
    "name": partial(_text, longest=100),
    "run_limit": _seconds_or_none,
    "schedule": _schedule,
    "slug": _slug,
    "start_kw": _keywords,
    "subject": _keywords,
    "subject_fail": _keywords,
    "success_kw": _keywords,
    "tags": partial(_text, longest=500),
    "timeout": _seconds,
    "tz": _tz,
    "unique": _unique,
}

_SAME_IN_FIELDS = tuple(name for name in RULES if name in CheckFields.__struct_fields__ and name != "schedule")


def read(body: Mapping[str, object]) -> dict[str, Any]:
    """The known fields of a request, checked. Raises `Invalid`."""
    said: dict[str, Any] = {}
    for name, rule in RULES.items():
        if name in body:
            try:
                said[name] = rule(body[name])
            except _Wrong as wrong:
                raise Invalid(f"json validation error: {name} {wrong}") from None
    return said


def unique_fields(said: Mapping[str, Any]) -> tuple[UniqueField, ...]:
    """The fields in which an existing check must agree; none when one of them is missing in the request."""
    unique = said.get("unique", ())
    return unique if all(name in said for name in unique) else ()


def wanted(said: Mapping[str, Any], current: Check | None, name_sets_slug: bool) -> CheckFields:
    """What the fold is asked for. `current`: the check that is changed, None when one is made.

    `name_sets_slug`: versions 1 and 2 of the API make the slug from a new name, unless one is given beside it.
    """
    fields: dict[str, Any] = {name: said[name] for name in _SAME_IN_FIELDS if name in said}
    fields["schedule"] = _wanted_schedule(said, current)
    fields |= _subjects(said, current)
    renamed = "name" in said and (current is None or current.name != said["name"])
    if name_sets_slug and renamed and "slug" not in said:
        fields["slug"] = slugify(said["name"])
    return CheckFields(**fields)


def _wanted_schedule(said: Mapping[str, Any], current: Check | None) -> Schedule | UnsetType:
    now = None if current is None or isinstance(current.schedule, Simple) else current.schedule
    expression = said.get("schedule")
    if expression is None:
        if "timeout" in said:
            return Simple(said["timeout"])
        if "tz" not in said or now is None:
            return UNSET
        expression = now.expression
    try:
        return parse_schedule(expression, said.get("tz", "UTC" if now is None else now.tz))
    except BadSchedule:  # it has runs in UTC, but none in this time zone
        raise Invalid("json validation error: schedule is not a valid cron or OnCalendar expression") from None


def _subjects(said: Mapping[str, Any], current: Check | None) -> dict[str, Any]:
    """The deprecated aliases: they set a keyword and turn the filter on while there is any keyword.

    As with Healthchecks: what is also said by its own name wins.
    """
    if "subject" not in said and "subject_fail" not in said:
        return {}
    success = said.get("subject", "" if current is None else current.success_kw)
    failure = said.get("subject_fail", "" if current is None else current.failure_kw)
    fields: dict[str, Any] = {"filter_subject": bool(success or failure)}
    if "subject" in said:
        fields["success_kw"] = success
    if "subject_fail" in said:
        fields["failure_kw"] = failure
    return fields | {name: said[name] for name in fields if name in said}


def with_derived_slug(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, where slugs are always made from names: a given slug does not count."""
    derived = {name: value for name, value in said.items() if name != "slug"}
    if "name" in said:
        derived["slug"] = slugify(said["name"])
    return derived


def agrees(check: Check, said: Mapping[str, Any], unique: tuple[UniqueField, ...]) -> bool:
    """Whether a check is the one that an upsert means; the fold decides by the same rule."""
    period = check.schedule.period if isinstance(check.schedule, Simple) else None
    return all((period if name == "timeout" else getattr(check, name)) == said[name] for name in unique)
