"""A channel as the Management API shows it: in short as Healthchecks does, and with Pingfold's own fields."""

from typing import Annotated, Any, Union, get_type_hints

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, structs

from query_api.dependencies import Dependencies
from query_api.http.field_types import Count, Time, Uuid
from query_api.mutes import PLAIN_TAKES, show_plain_mute
from schemas.channels.kinds import CHANNEL_KINDS, ListedName, listed_name
from schemas.channels.reading import shown, shown_type
from schemas.definitions import Channel
from schemas.notices import Notice
from schemas.quiet_hours import QuietHours
from schemas.times import iso, iso_or_none

_Events = Annotated[list[Notice], Meta(description="The events that the channel takes.")]
_Unconfirmed = Annotated[
    list[str],
    Meta(description="E-mail addresses that get no mail because their owners have not confirmed."),
]


class ListedChannel(Struct):
    """A channel in a list: the fields of Healthchecks."""

    id: Uuid
    name: str
    kind: ListedName
    unconfirmed: _Unconfirmed | UnsetType = UNSET


def _of_kinds() -> dict[str, Any]:
    """The fields that kinds of channels show, by name."""
    fields: dict[str, Any] = {}
    for kind in CHANNEL_KINDS.values():
        for name, told in get_type_hints(shown_type(kind, "form"), include_extras=True).items():
            assert fields.setdefault(name, told) == told, f"kinds of channels differ in what '{name}' is"
    return fields


# A channel. Which of the fields of kinds it has, its kind says.
ChannelObject: Any = defstruct(
    "ChannelObject",
    [
        ("id", Uuid),
        ("name", str),
        ("kind", ListedName),
        *((name, Union[told, UnsetType], UNSET) for name, told in _of_kinds().items()),  # noqa: UP007
        ("events", _Events),
        ("digest", Annotated[bool, Meta(description="Whether many events within a minute come as one list.")]),
        (
            "quiet_hours",
            Annotated[QuietHours | None, Meta(description="Hours in which notices that can wait are held back.")],
        ),
        ("repeat_minutes", Annotated[int | None, Meta(description="Minutes after which an alert is repeated.")]),
    ],
    kw_only=True,
    namespace={"__doc__": "A channel. Its `kind` says which fields it has."},
)
ChannelDetails: Any = defstruct(
    "ChannelDetails",
    [
        ("created", Time),
        (
            "disabled",
            Annotated[
                bool,
                Meta(description="Whether the channel is disabled: its receiver failed for too long, or is gone."),
            ],
        ),
        ("disabled_at", Time | None),
        ("disabled_because", str | None),
        ("failures", Annotated[Count, Meta(description="Failed attempts since the last success.")]),
        ("last_success", Time | None),
        ("mute_until", Annotated[str | None, Meta(description=PLAIN_TAKES)]),
    ],
    bases=(ChannelObject,),
    kw_only=True,
    namespace={"__doc__": "A channel in a list with `details=1`."},
)


class ChannelList(Struct):
    """The channels of a project."""

    channels: list[ListedChannel]


class DetailedChannelList(Struct):
    """The channels of a project, with all fields."""

    channels: list[ChannelDetails]


def listed_channel(channel: Channel) -> ListedChannel:
    """A channel as Healthchecks lists it; e-mail channels also name the addresses that nobody has confirmed."""
    unconfirmed = list(channel.unconfirmed) if CHANNEL_KINDS[channel.kind].by_mail else UNSET
    return ListedChannel(channel.id, channel.name, listed_name(channel.kind), unconfirmed)


def channel_object(channel: Channel) -> Struct:
    """A `ChannelObject`: a channel with where it leads and what it takes."""
    made: Struct = ChannelObject(**_fields(channel))
    return made


def channel_details(deps: Dependencies, channel: Channel) -> Struct:
    """A `ChannelDetails`: a channel with how it does, as this process can show it now."""
    health = deps.delivery_states.health(channel.id)
    made: Struct = ChannelDetails(
        **_fields(channel),
        created=iso(channel.created),
        disabled=health.disabled,
        disabled_at=iso_or_none(health.disabled_at),
        disabled_because=health.disabled_because or None,
        failures=health.failures,
        last_success=iso_or_none(health.last_success),
        mute_until=show_plain_mute(channel.mute_until, deps.clock.now()),
    )
    return made


def _fields(channel: Channel) -> dict[str, Any]:
    where = structs.asdict(shown(CHANNEL_KINDS[channel.kind], channel, "form"))
    kind = listed_name(channel.kind)
    told = {"events": list(channel.notices), "digest": CHANNEL_KINDS[channel.kind].gathers(channel.digest)}
    told |= {"quiet_hours": channel.quiet_hours, "repeat_minutes": channel.repeat_minutes}
    return {"id": channel.id, "name": channel.name, "kind": kind, **where, **told}
