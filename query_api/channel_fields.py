"""Validation of channels that every API shares, before the `projects` fold is asked.

The module of a channel kind validates its configuration (`schemas.channels`). This module adds what depends on the
installation: allowed addresses, the mail server, the encryption of secrets.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_type_hints

import msgspec
from msgspec import UNSET, Meta

from infra.apprise_library.library import LibraryFailed
from infra.apprise_library.messages import Call
from infra.egress.guard import TargetRefused
from infra.secrets.channel_secrets import own_place
from query_api.dependencies import Dependencies
from schemas.channels.kind import ChannelKind, InvalidChannelField, enumerated
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import Style, given_type, reading_of_form, with_reading
from schemas.definitions import Channel
from schemas.ids import new_id
from schemas.notice_choices import RepeatMinutes
from schemas.notices import DIGEST, NOTICES, Notice
from schemas.origins import host_and_port, written_origin
from schemas.quiet_hours import QuietHours, fault_of
from schemas.recipients import mailbox_id, recipient_id

B = TypeVar("B", bound=msgspec.Struct)
Q = TypeVar("Q")


def body_with(name: str, base: type[B], style: Style) -> type[B]:
    """The body of a request: the fields of `base` and those of every kind of channel, each of which may be left out."""
    fields: dict[str, Any] = {}
    for kind in CHANNEL_KINDS.values():
        for field, given in get_type_hints(given_type(kind, style), include_extras=True).items():
            assert fields.setdefault(field, given) == given, f"kinds of channels differ in what '{field}' is"
    whole = msgspec.defstruct(
        name,
        [(field, given, UNSET) for field, given in fields.items()],
        bases=(base,),
        forbid_unknown_fields=True,
        kw_only=True,
        namespace={"__doc__": base.__doc__},
    )
    return cast("type[B]", whole)


class QuietHoursBody(QuietHours, frozen=True, forbid_unknown_fields=True):
    """From a time of the day to another; to the next day, when that is no later. `days`: those on which they begin."""


# Fields that the bodies of both APIs have, as their references describe them.
ChosenEvents = Annotated[tuple[Notice, ...], Meta(description="The events that the channel takes.")]
InOneList = Annotated[
    bool, Meta(description="Whether many events within a minute come as one list; null: the default of the kind.")
]
QuietHoursField = Annotated[
    QuietHoursBody,
    Meta(
        description="Hours in which notices that can wait are held back, to come as one list at their end; null: never."
    ),
]
RepeatField = Annotated[
    RepeatMinutes,
    Meta(
        description="After so many minutes the channel is told again of what is down, until somebody acknowledges it."
    ),
]


def quiet_of(given: Q) -> QuietHours | Q:
    """Quiet hours as definitions have them; what is none as it is."""
    return QuietHours(**msgspec.structs.asdict(given)) if isinstance(given, QuietHoursBody) else given


@cache
def field_names(kind: ChannelKind, style: Style) -> tuple[str, ...]:
    """The fields of a kind."""
    return given_type(kind, style).__struct_fields__


def given_of(kind: ChannelKind, body: msgspec.Struct, style: Style) -> Mapping[str, Any]:
    """Those fields of `config` that a body gives; what it gives of other kinds does not count."""
    found = {name: getattr(body, name) for name in field_names(kind, style)}
    given = {name: value for name, value in found.items() if value is not UNSET}
    return given if style == "config" else {**kind.of_form(given), **reading_of_form(given)}


async def must_be_taken(deps: Dependencies, kind: ChannelKind, given: Mapping[str, Any]) -> None:
    """Raises `InvalidChannelField` when the library that sends for a kind does not take what a request gives.

    To be asked before `new_channel` and `stored_fields`, which judge what can be judged without it.
    """
    if not kind.by_library or deps.library is None or kind.secret_field not in given:
        return
    url = kind.validate(given, None)["secret"]
    try:
        problem = (await deps.library(Call(url))).problem
    except LibraryFailed as failed:
        problem = str(failed)
    if problem:
        raise InvalidChannelField(kind.secret_field, f"cannot be used: {problem}")


def must_fit(kind: ChannelKind, given: Iterable[str]) -> None:
    """Raises `InvalidChannelField` when a field of a body is one that only other kinds have."""
    of_kinds = {name for each in CHANNEL_KINDS.values() for name in field_names(each, "config")}
    for field in given:
        if field in of_kinds and field not in field_names(kind, "config"):
            raise InvalidChannelField(field, f"is not of a channel of type '{kind.name}'")


def new_channel(
    deps: Dependencies,
    project: str,
    kind: ChannelKind,
    given: Mapping[str, Any],
    name: str,
    events: Iterable[Notice] | None,
    digest: bool | None = None,
    quiet_hours: QuietHours | None = None,
    repeat_minutes: int | None = None,
    id: str = "",
) -> Channel:
    """A new channel of a kind. id: empty: a random one. Raises `InvalidChannelField`; an e-mail channel is refused
    where no mail can be sent."""
    settings, id = deps.settings, id or new_id()
    if kind.by_mail and (missing := settings.mail_needs) is not None:
        raise InvalidChannelField(kind.name, f"channels need a mail server, and {missing} is not set")
    must_take(kind, events or ())
    must_gather(kind, digest, quiet_hours)
    fields = {"url": ""} | stored_fields(deps, project, id, kind, given)
    return Channel(
        id=id,
        project=project,
        kind=kind.name,
        created=deps.clock.now(),
        name=name,
        notices=kind.notices if events is None else in_order(events),
        digest=digest,
        quiet_hours=quiet_of(quiet_hours),
        repeat_minutes=repeat_minutes,
        **fields,
    )


def stored_fields(
    deps: Dependencies,
    project: str,
    id: str,
    kind: ChannelKind,
    given: Mapping[str, Any],
    current: Channel | None = None,
) -> dict[str, Any]:
    """The fields of a definition that a request sets, its secret encrypted. Raises `InvalidChannelField`.

    Whether an address may be reached is told at once; what a name means is seen when it is connected. A
    secret that is sent to the server must be given again when the URL names another one, even by another spelling.
    """
    fields = with_reading(kind, given, current, kind.validate(given, current))
    url: str = fields.get("url", "" if current is None else current.url)
    if "url" in fields:
        host, port = host_and_port(url)
        try:
            if host:  # of services with servers of their own, only the sender sees what they are
                deps.guard.of(project).check_host(host, port)
        except TargetRefused as error:
            raise InvalidChannelField(kind.url_field, f"may not be called: {error}") from None
        kept = current is not None and current.secret and "secret" not in fields and not kind.signs
        if current is not None and kept and written_origin(url) != written_origin(current.url):
            otherwise = "" if kind.secret_needed else ", or null"
            raise InvalidChannelField(kind.secret_field, f"was given for another server: give it again{otherwise}")
    if isinstance(secret := fields.get("secret"), str):
        if current is not None and not kind.signs:
            # It is encrypted for this origin: the two change together, whatever else is changed at the same time.
            fields.setdefault("url", current.url)
        fields["secret"] = deps.encrypt(secret, own_place(kind.name, id, url))
    return fields


def must_take(kind: ChannelKind, events: Iterable[Notice]) -> None:
    """Raises `InvalidChannelField` when one of these events is none that the kind can tell."""
    strange = sorted(set(events) - set(kind.takes))
    if strange:
        raise InvalidChannelField("events", f"of a channel of type '{kind.name}' cannot be {enumerated(strange, 'or')}")


def must_gather(kind: ChannelKind, digest: object, quiet_hours: object) -> None:
    """Raises `InvalidChannelField` when a channel is to tell lists whose kind has none, or its quiet hours are none."""
    asked = {"digest": digest is True, "quiet_hours": isinstance(quiet_hours, QuietHours)}
    for field, wanted in asked.items():
        if wanted and DIGEST not in kind.takes:
            what = "true" if field == "digest" else "set"
            raise InvalidChannelField(field, f"cannot be {what} for type '{kind.name}', which is told each notice")
    if isinstance(quiet_hours, QuietHours) and (fault := fault_of(quiet_hours)):
        raise InvalidChannelField("quiet_hours", fault)


def in_order(events: Iterable[Notice]) -> tuple[Notice, ...]:
    """Each event once, in the order in which Pingfold names them."""
    chosen = set(events)
    return tuple(notice for notice in NOTICES if notice in chosen)


def must_be_confirmed(deps: Dependencies, channel: Channel) -> bool:
    """Whether the owners of its addresses are asked before anything is sent to them."""
    return CHANNEL_KINDS[channel.kind].by_mail and deps.settings.mail_confirmation == "on"


def confirmation_error(deps: Dependencies, channel: Channel) -> str | None:
    """Why the newest request to confirm an address of a channel could not be mailed yet."""
    for address in channel.unconfirmed:
        asked = recipient_id(channel.project, address)
        for pending in deps.delivery_states.pending(mailbox_id(address)):
            delivery = pending.delivery
            if delivery.error and asked in delivery.body:  # other projects may have asked, too
                return delivery.error
    return None


def blocked_addresses(deps: Dependencies, channel: Channel) -> list[str]:
    """Those of the unconfirmed addresses of a channel whose owners want no request to confirm."""

    def is_blocked(address: str) -> bool:
        recipient = deps.directory.recipient(recipient_id(channel.project, address))
        if recipient is not None and recipient.blocked_at is not None:
            return True
        return deps.delivery_states.is_blocked(mailbox_id(address))

    return [address for address in channel.unconfirmed if is_blocked(address)]
