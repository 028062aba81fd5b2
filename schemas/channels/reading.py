"""In which language, and in which time zone, whoever reads a channel is told something: `language` and `timezone`.

Every kind that people read has these two fields, beside those of its module; what is chosen stands in `options`. Pure.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.kind import ChannelKind, InvalidChannelField, Options, Stored
from schemas.channels.urls import Timezone, TimezoneShown
from schemas.languages.catalogues import ENGLISH, LANGUAGES
from schemas.languages.reading import UTC, Reading
from schemas.schedules import BadTimezone, canonical_tz

# How an API names the fields of a kind.
Style = Literal["config", "form"]
_NAMES = ("language", "timezone")
_KNOWN = ", ".join(f"{tag} ({name})" for tag, name in LANGUAGES.items())


class _Given(msgspec.Struct):
    language: (
        Annotated[str, Meta(max_length=35, description=f"Of the messages: {_KNOWN}. English by default.")] | UnsetType
    ) = UNSET
    timezone: Timezone | UnsetType = UNSET


class _Shown(msgspec.Struct):
    """Only what was chosen is shown."""

    language: Annotated[str, Meta(description="Of the messages.")] = UNSET  # type: ignore[assignment]
    timezone: TimezoneShown = UNSET  # type: ignore[assignment]


def reading_in(options: Options) -> Reading:
    """How whoever reads a channel with these `options` is told something."""
    return Reading(str(options.get("language") or ENGLISH), str(options.get("timezone") or UTC))


@cache
def given_type(kind: ChannelKind, style: Style) -> type[msgspec.Struct]:
    """The fields by which a request makes or changes a channel of a kind."""
    return _with(kind, getattr(kind, style), _Given)


@cache
def shown_type(kind: ChannelKind, style: Style) -> type[msgspec.Struct]:
    """What is shown of them."""
    return _with(kind, getattr(kind, f"{style}_shown"), _Shown)


def shown(kind: ChannelKind, channel: Stored, style: Style) -> msgspec.Struct:
    """What is shown of a channel: a `shown_type`."""
    told = kind.show_config(channel) if style == "config" else kind.show_form(channel)
    if not kind.read_by_people:
        return told
    reading = {name: str(value) for name in _NAMES if (value := channel.options.get(name))}
    return shown_type(kind, style)(**msgspec.structs.asdict(told), **reading)


def reading_of_form(given: Mapping[str, Any]) -> dict[str, Any]:
    """The two fields, which are the same in both styles."""
    return {name: given[name] for name in _NAMES if name in given}


def with_reading(
    kind: ChannelKind, given: Mapping[str, Any], current: Stored | None, fields: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a definition that a request sets, with the two. fields: those that `kind.validate` has made.

    A kind says which `options` of its own there are, and knows nothing of these, so they are kept here.
    """
    if not kind.read_by_people:
        return fields
    before: Options = {} if current is None else current.options
    chosen = {name: value for name, value in before.items() if name in _NAMES}
    chosen |= {name: checked_reading(name, str(value or "")) for name, value in reading_of_form(given).items()}
    own = {name: value for name, value in fields.get("options", before).items() if name not in _NAMES}
    options = own | {name: value for name, value in chosen.items() if value}
    if "options" in fields or options != before:
        fields = {**fields, "options": options}
    return fields


def checked_reading(field: str, text: str) -> str:
    """A language or a time zone as it is stored; empty: the usual one. Raises `InvalidChannelField`."""
    if not text:
        return ""
    if field == "timezone":
        try:
            return canonical_tz(text)
        except BadTimezone as bad:
            raise InvalidChannelField(field, str(bad)) from None
    tag = text.replace("_", "-").partition("-")[0].lower()
    if tag not in LANGUAGES:
        raise InvalidChannelField(field, f"must be one of {_KNOWN}")
    return tag


def _with(kind: ChannelKind, own: type[msgspec.Struct], more: type[msgspec.Struct]) -> type[msgspec.Struct]:
    if not kind.read_by_people:
        return own
    fields: list[Any] = []
    for base in (own, more):
        hints = get_type_hints(base, include_extras=True)
        for field in msgspec.structs.fields(base):
            hint = hints[field.name]
            fields.append((field.name, hint) if field.required else (field.name, hint, field.default))
    return msgspec.defstruct(own.__name__, fields, kw_only=True, namespace={"__doc__": own.__doc__})
