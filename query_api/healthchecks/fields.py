"""What a create or update request may say, and what it comes to. Pure.

`read` judges a JSON object by the table `RULES`, in the order of Healthchecks, and gives up at the first error, whose
text is that of Healthchecks (docs/compatibility/management.md). `wanted` turns what was said into the fields of a
request to the `projects` fold, which knows the check that they are for. Unknown fields are ignored; `null` is an error
where it has no meaning.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

from query_api.healthchecks.slugs import MAX_SLUG, slugify
from schemas.requests import CheckFields, UniqueField
from schemas.schedules import (
    MAX_EXPRESSION,
    BadSchedule,
    BadTimezone,
    Simple,
    canonical_tz,
    parse_schedule,
)

SHORTEST, LONGEST = 60, 31_536_000
UNIQUE_FIELDS: tuple[str, ...] = get_args(UniqueField)
NO_SCHEDULE = "json validation error: schedule is not a valid cron or OnCalendar expression"
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


def wanted(said: Mapping[str, Any], makes: bool, name_sets_slug: bool) -> CheckFields:
    """What the fold is asked for. `makes`: a new check in any case, so nothing depends on one that is there.

    `name_sets_slug`: versions 1 and 2 of the API make the slug from a new name, unless one is given beside it.
    """
    fields: dict[str, Any] = {name: said[name] for name in _SAME_IN_FIELDS if name in said}
    fields |= _schedule_fields(said, makes)
    fields |= _subjects(said, makes)
    if name_sets_slug and "name" in said and "slug" not in said:
        fields["slug" if makes else "slug_when_renamed"] = slugify(said["name"])
    return CheckFields(**fields)


def _schedule_fields(said: Mapping[str, Any], makes: bool) -> dict[str, Any]:
    expression = said.get("schedule")
    if expression is None:
        if "timeout" in said:
            return {"schedule": Simple(said["timeout"])}
        return {"tz": said["tz"]} if "tz" in said and not makes else {}
    if "tz" not in said and not makes:
        return {"expression": expression}
    try:
        return {"schedule": parse_schedule(expression, said.get("tz", "UTC"))}
    except BadSchedule:  # it has runs in UTC, but none in this time zone
        raise Invalid(NO_SCHEDULE) from None


def _subjects(said: Mapping[str, Any], makes: bool) -> dict[str, Any]:
    """The deprecated aliases: they set a keyword and turn the filter on while there is any keyword.

    As with Healthchecks: what is also said by its own name wins.
    """
    success, failure = said.get("subject"), said.get("subject_fail")
    if success is None and failure is None:
        return {}
    fields: dict[str, Any] = {}
    if success is not None:
        fields["success_kw"] = success
    if failure is not None:
        fields["failure_kw"] = failure
    other = "success_kw" if success is None else "failure_kw" if failure is None else None
    if success or failure or other is None or makes:
        fields["filter_subject"] = bool(success or failure)
    elif "filter_subject" not in said:
        fields["filter_subject_while"] = other
    return fields | {name: said[name] for name in fields if name in said}


def with_derived_slug(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, where slugs are always made from names: a given slug does not count."""
    derived = {name: value for name, value in said.items() if name != "slug"}
    if "name" in said:
        derived["slug"] = slugify(said["name"])
    return derived
