"""The fields of a form: filled from what an API shows of a thing, and read into what the API takes. Pure.

What a field may hold, and what it is for, stands once: in the type of the API's body (`field_of`). Inputs are texts, as
browsers send them, by name; what they say is judged by the API. Here only that is judged which JSON cannot say: that
something is no number, no duration and no time.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Literal, NamedTuple

from msgspec import UNSET, Struct, inspect

from query_api.errors import ValidationError
from query_api.updown.durations import seconds_of
from query_api.web.shown.schedule_words import span_text
from schemas.times import iso, local_input, micros_of, read_iso, read_moment

# span: seconds, in words (`1 day`). words: a list, with commas. pairs: a line for each, `name: value`.
# secret: never filled in; left empty it says nothing.
Kind = Literal[
    "text",
    "long",
    "number",
    "span",
    "switch",
    "choice",
    "radio",
    "several",
    "words",
    "pairs",
    "time",
    "secret",
    "hidden",
]
Inputs = Mapping[str, tuple[str, ...]]

_MARK = "on"


class Option(NamedTuple):
    """One of those that may be chosen."""

    value: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field. name: that of the API. empty: what an empty input says; `UNSET`: nothing is sent.

    only: `other=value,value`: with scripts it is shown only while another input has one of these values.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    options: tuple[Option, ...] = ()
    empty: Any = ""
    required: bool = False
    longest: int | None = None
    least: float | None = None
    most: float | None = None
    numbers: bool = False
    placeholder: str = ""
    suggestions: tuple[str, ...] = ()
    only: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields under a heading. closed: it is opened by who wants it, or when something in it is wrong.

    preview: the path, below the site's root, of a part of a page that tells of its fields what they mean: it is given
    their inputs as its query. With scripts it is shown while somebody types, without by the button of the form.
    """

    title: str
    fields: tuple[Field, ...]
    help: str = ""
    closed: bool = False
    preview: str = ""


class WrongInput(ValidationError):
    """An input says nothing that can be sent; the text completes "<label> ..."."""


def field_of(body: type[Struct], name: str, label: str, **more: Any) -> Field:
    """A field of an API's body: limits, kind and help are those of its type, as far as `more` does not say them."""
    described = inspect.type_info(body)
    assert isinstance(described, inspect.StructType)
    found = next(one for one in described.fields if one.name == name)
    facts: dict[str, Any] = {}
    _gather(found.type, facts)
    field = Field(name=name, label=label, **(facts | more))
    return field if "empty" in more else replace(field, empty=_EMPTY.get(field.kind, ""))


# An empty input of these kinds says: the default, or none.
_EMPTY: Mapping[str, Any] = {"number": None, "span": None, "time": None, "secret": UNSET}


def _gather(type: inspect.Type, facts: dict[str, Any]) -> None:
    match type:
        case inspect.Metadata(type=inner, extra_json_schema=said):
            if said and "description" in said:
                facts.setdefault("help", _plain(said["description"]))
            _gather(inner, facts)
        case inspect.UnionType(types=types):
            rest = [one for one in types if not isinstance(one, inspect.NoneType)]
            if len(rest) == 1:
                _gather(rest[0], facts)
        case inspect.StrType(max_length=longest):
            facts["longest"] = longest
        case inspect.IntType(ge=least, le=most) | inspect.FloatType(ge=least, le=most):
            facts |= {"kind": "number", "least": least, "most": most}
        case inspect.BoolType():
            facts["kind"] = "switch"
        case inspect.LiteralType(values=values):
            facts |= {"kind": "choice", "options": tuple(Option(str(one), str(one)) for one in values)}
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            facts |= {"kind": "words", "numbers": _is_number(item)}
        case inspect.DictType():
            facts["kind"] = "pairs"


def _is_number(type: inspect.Type) -> bool:
    return _is_number(type.type) if isinstance(type, inspect.Metadata) else isinstance(type, inspect.IntType)


def _plain(description: str) -> str:
    """A description as people read it beside a field."""
    return description.replace("`", "").replace(" Pingfold's own.", "")


def filled(field: Field, value: Any, zone: tzinfo) -> tuple[str, ...]:
    """The inputs of a field that holds a value of the API. Times are those of the zone's clock."""
    if value is None or value is UNSET:
        return ()
    match field.kind:
        case "switch":
            return (_MARK,) if value else ()
        case "several":
            return tuple(sorted(str(one) for one in value))
        case "words":
            return (", ".join(map(str, value)),)
        case "pairs":
            return ("\n".join(f"{name}: {content}" for name, content in value.items()),)
        case "span":
            return (span_text(int(value)),)
        case "number":
            return (f"{value:g}" if isinstance(value, float) else str(value),)
        case "time":
            return (local_input(read_iso(value), zone),)
        case "secret":
            return ()
    return (str(value),)


def value_of(field: Field, given: Sequence[str], zone: tzinfo) -> Any:
    """What the inputs of a field say to the API; `UNSET`: nothing. Raises `WrongInput`."""
    if field.kind == "switch":
        return bool(given)
    if field.kind == "several":
        return [one for one in given if one]
    text = given[0] if given else ""
    if field.kind in ("long", "secret"):
        return text or field.empty
    text = text.strip()
    if field.kind == "words":
        parts = [part for part in text.replace(",", " ").split() if part]
        return [_number(part, whole=True) for part in parts] if field.numbers else parts
    if field.kind == "pairs":
        return _pairs(text)
    if not text:
        return field.empty
    match field.kind:
        case "number":
            return _number(text, whole=False)
        case "span":
            seconds = seconds_of(text)
            if seconds is None:
                raise WrongInput("must be a duration, such as 90 seconds, 5 minutes, 1 day, or 1 h 30 min")
            return seconds
        case "time":
            return iso(micros_of(_moment(text, zone)))
    return text


def _number(text: str, whole: bool) -> int | float:
    try:
        return int(text) if whole or text.lstrip("+-").isdigit() else _finite(float(text))
    except ValueError:
        raise WrongInput("must be a number" if not whole else "must be whole numbers, with commas") from None


def _finite(number: float) -> float:
    if not abs(number) < 1e15:  # NaN, too
        raise ValueError(number)
    return number


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, content = line.partition(":")
        if not colon or not name.strip():
            raise WrongInput(f"must have a name, a colon and a value in each line; line {number} has not")
        found[name.strip()] = content.strip()
    return found


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        moment = read_moment(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        micros_of(moment)
    except (ValueError, OverflowError):
        raise WrongInput("must be a time, such as 2026-03-01T18:30") from None
    return moment


def fingerprint(given: Sequence[str]) -> str:
    """What tells whether inputs of a field are still the same. Browsers send each end of a line as two characters."""
    same = [one.replace("\r\n", "\n").strip() for one in given]
    return hashlib.sha256(json.dumps(sorted(one for one in same if one)).encode()).hexdigest()[:12]
