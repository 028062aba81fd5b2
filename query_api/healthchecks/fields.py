"""What a create or update request may say, and what it comes to. Pure.

`read` judges a JSON object by the types of `CreateCheckBody`, in the order of Healthchecks, and gives up at the first
error, whose text is that of Healthchecks (docs/compatibility/management.md). `wanted` turns what was said into the
fields of a request to the `projects` fold, which knows the check that they are for. Unknown fields are ignored; `null`
is an error where it has no meaning.
"""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any, TypeAlias, get_args

from msgspec import inspect

from query_api.errors import ValidationError
from query_api.healthchecks.check_bodies import CreateCheckBody
from query_api.mutes import InvalidMute, read_mute
from query_api.slugs import MAX_SLUG, slugify
from schemas.mutes import MuteUntil
from schemas.requests import CheckFields, UniqueField
from schemas.schedules import (
    MAX_EXPRESSION,
    BadSchedule,
    BadTimezone,
    Simple,
    canonical_tz,
    parse_schedule,
)

Rule: TypeAlias = Callable[[object], Any]

UNIQUE_FIELDS: tuple[str, ...] = get_args(UniqueField)
NO_SCHEDULE = "json validation error: schedule is not a valid cron or OnCalendar expression"
_SLUG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class InvalidBody(ValidationError):
    """The request is refused; the text is that of the answer."""


class _Wrong(ValidationError):
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


def _number(value: object, least: int, most: int) -> int:
    # As with Healthchecks, `true` is an integer; as one, it is too small.
    if not isinstance(value, int):
        raise _Wrong("is not a number")
    if value < least or isinstance(value, bool):
        raise _Wrong("is too small")
    if value > most:
        raise _Wrong("is too large")
    return value


def _or_none(rule: Rule, value: object) -> Any:
    return None if value is None else rule(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is not a boolean")
    return value


def _one_of(value: object, words: Container[object]) -> str:
    if not isinstance(value, str) or value not in words:
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
        raise InvalidBody("json validation error: an item in 'unique' has unexpected value")
    return tuple(dict.fromkeys(value))


def _mute(value: object) -> MuteUntil:
    try:
        return read_mute(None if value is None else _text(value))
    except InvalidMute as invalid:
        raise _Wrong(str(invalid)) from None


# What is more than its type says.
_SPECIAL: dict[str, Rule] = {
    "slug": _slug,
    "managed_by": _slug,
    "schedule": _schedule,
    "tz": _tz,
    "unique": _unique,
    "mute_until": _mute,
}


def _rule_of(type: inspect.Type) -> Rule:
    """How a value of this type is judged."""
    match type:
        case inspect.Metadata(type=inner):
            return _rule_of(inner)
        case inspect.UnionType(types=types):
            [inner] = [each for each in types if not isinstance(each, inspect.NoneType)]
            return partial(_or_none, _rule_of(inner))
        case inspect.StrType(max_length=longest):
            return partial(_text, longest=longest)
        case inspect.IntType(ge=int(least), le=int(most)):
            return partial(_number, least=least, most=most)
        case inspect.BoolType():
            return _flag
        case inspect.LiteralType(values=words):
            return partial(_one_of, words=words)
        case _:
            raise TypeError(f"no rule for {type}")


def _rules() -> dict[str, Rule]:
    body = inspect.type_info(CreateCheckBody)
    assert isinstance(body, inspect.StructType)
    # The key is not a field of the check; `query_api.healthchecks.auth` reads it.
    return {one.name: _SPECIAL.get(one.name) or _rule_of(one.type) for one in body.fields if one.name != "api_key"}


RULES: Mapping[str, Rule] = _rules()

_SAME_IN_FIELDS = tuple(name for name in RULES if name in CheckFields.__struct_fields__ and name != "schedule")


def read(body: Mapping[str, object]) -> dict[str, Any]:
    """The known fields of a request, checked. Raises `InvalidBody`."""
    said: dict[str, Any] = {}
    for name, rule in RULES.items():
        if name in body:
            try:
                said[name] = rule(body[name])
            except _Wrong as wrong:
                raise InvalidBody(f"json validation error: {name} {wrong}") from None
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
        raise InvalidBody(NO_SCHEDULE) from None


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
