"""The fields of a form of a channel, by its kind: those of the kind's own module, then those that all have. Pure.

What a kind is configured by, and what is secret of it, its object says (`schemas.channels.kind`): a new kind has a form
without a line here. A secret is never filled in; left empty, what is stored stays.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET

from query_api.poppaping.alerts import CreateAlertChannelBody
from query_api.web.channels.channel_words import NOTICE_WORDS, field_words
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from schemas.channels.kind import ChannelKind
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import given_type, shown
from schemas.definitions import Channel
from schemas.languages.catalogues import LANGUAGES
from schemas.notices import DIGEST, NOTICES
from schemas.quiet_hours import DAYS

_QUIET = ("quiet_from", "quiet_to", "quiet_days", "quiet_zone")
_DIGEST = {"yes": True, "no": False, "": None}
_STAYS = "Stored already, and never shown. Left empty, it stays as it is."
_DAY_WORDS = dict(
    zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)

# `email` is the short form of `addresses`.
_SHORT_FORMS = frozenset({"email"})


def groups_of(kind: ChannelKind, channel: Channel | None = None) -> tuple[Group, ...]:
    """The form of a channel of a kind; channel: that is there already."""
    own = (*_own(kind, channel), _name())
    more = () if channel is not None else (_everywhere(),)
    found = [Group(title="Where it leads", fields=own), Group(title="What it is told", fields=(_events(kind), *more))]
    if kind.read_by_people:
        found.append(Group(title="How it is worded", fields=_reading(kind), closed=True))
    found.append(Group(title="Told again, and in lists", fields=_gathering(kind), closed=True))
    if DIGEST in kind.takes:
        found.append(_quiet())
    return tuple(found)


def new_values(kind: ChannelKind) -> dict[str, Any]:
    """What stands in the form of a new channel."""
    return {"events": kind.notices, "digest": "", "quiet_days": DAYS, "on_every_monitor": True}


def values_of(channel: Channel) -> dict[str, Any]:
    """What stands in the form of a channel that is there."""
    kind, quiet = CHANNEL_KINDS[channel.kind], channel.quiet_hours
    told = msgspec.structs.asdict(shown(kind, channel, "config"))
    config = {name: value for name, value in told.items() if value is not UNSET}
    digest = {True: "yes", False: "no", None: ""}[channel.digest]
    values = config | {"name": channel.name, "events": channel.notices, "digest": digest, "quiet_days": DAYS}
    values["repeat_minutes"] = channel.repeat_minutes
    if quiet is not None:
        values |= dict(zip(_QUIET, (quiet.start, quiet.end, quiet.days, quiet.time_zone), strict=True))
    return values


def sent_with(changed: frozenset[str]) -> frozenset[str]:
    """The fields that are sent when these have changed: quiet hours are sent as a whole."""
    return changed | frozenset(_QUIET) if changed & frozenset(_QUIET) else changed


def body_of_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request by what the fields say."""
    body = {name: value for name, value in values.items() if name not in _QUIET}
    if "digest" in body:
        body["digest"] = _DIGEST.get(body["digest"])
    if any(name in values for name in _QUIET):
        start, end, days, zone = (values.get(name) for name in _QUIET)
        body["quiet_hours"] = None
        if start or end:
            body["quiet_hours"] = {"from": start or "", "to": end or "", "days": days or [], "time_zone": zone or "UTC"}
    return body


def _own(kind: ChannelKind, channel: Channel | None) -> tuple[Field, ...]:
    given = given_type(kind, "config")
    names = [name for name in kind.config.__struct_fields__ if not (kind.by_mail and name in _SHORT_FORMS)]
    found = []
    for name in names:
        field = field_of(given, name, field_words(name))
        if name == kind.secret_field:
            help = field.help if channel is None or not channel.secret else f"{field.help} {_STAYS}"
            more: dict[str, Any] = {"kind": "secret", "empty": UNSET, "help": help.strip()}
            field = replace(field, **more)
        elif channel is None and field.kind == "text":  # an empty one says: as is usual
            field = replace(field, empty=UNSET)
        found.append(field)
    return tuple(found)


def _name() -> Field:
    return field_of(CreateAlertChannelBody, "name", "Name", help="What people call it.")


def _events(kind: ChannelKind) -> Field:
    options = tuple(Option(notice, NOTICE_WORDS[notice]) for notice in NOTICES if notice in kind.takes)
    return Field(name="events", label="Tell it that", kind="several", options=options)


def _everywhere() -> Field:
    words = "Put it on every monitor and check that exists"
    return field_of(CreateAlertChannelBody, "on_every_monitor", words, help="Those that are made later name it or not.")


def _reading(kind: ChannelKind) -> tuple[Field, ...]:
    given = given_type(kind, "config")
    options = (Option("", "English"), *(Option(tag, name) for tag, name in LANGUAGES.items() if tag != "en"))
    language = Field(name="language", label="Language", kind="choice", options=options)
    return (language, field_of(given, "timezone", "Time zone of the messages"))


def _gathering(kind: ChannelKind) -> tuple[Field, ...]:
    repeat = field_of(CreateAlertChannelBody, "repeat_minutes", "Minutes until it is told again")
    if DIGEST not in kind.takes:
        return (repeat,)
    usual = "in one list" if kind.digest else "each by itself"
    options = (
        Option("", f"as is usual for this kind: {usual}"),
        Option("yes", "in one list"),
        Option("no", "each by itself"),
    )
    digest = Field(name="digest", label="Many events within a minute", kind="choice", options=options)
    return (repeat, digest)


def _quiet() -> Group:
    days = tuple(Option(day, _DAY_WORDS[day]) for day in DAYS)
    fields = (
        Field(name="quiet_from", label="From", placeholder="22:00", longest=5, help="By the clock, such as 22:00."),
        Field(name="quiet_to", label="To", placeholder="07:00", longest=5, help="Not after From: on the next day."),
        Field(name="quiet_days", label="Days on which they begin", kind="several", options=days),
        Field(name="quiet_zone", label="Time zone of the quiet hours", placeholder="Europe/Paris", longest=64),
    )
    return Group(title="Quiet hours", fields=fields, closed=True, help="When what can wait waits; empty: never.")
