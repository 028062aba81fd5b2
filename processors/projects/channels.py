"""What a channel is to its deliveries. Pure."""

from collections.abc import Iterable

from processors.fold.contract import Effect
from processors.fold.view import View
from schemas.base import Micros
from schemas.channels.kind import STORED_BY_KIND
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import Endpoint, EndpointDefined
from schemas.notice_choices import NoticesChosen
from schemas.topics import DELIVERIES

# Of what a channel is called that has no name of its own.
LONGEST_CALLED = 100


def define_channel(view: View, channel: Channel, project: Project, at: Micros, *, secret_only: bool = False) -> Effect:
    """Put the definition into the view; its deliveries are told by the effect. secret_only: they go on as they were."""
    view.put(definition_key(channel), channel)
    defined = EndpointDefined(at=at, endpoint=endpoint_of(channel, project), secret_only=secret_only)
    return Effect(DELIVERIES, channel.id, defined)


def endpoint_of(channel: Channel, project: Project) -> Endpoint:
    """The endpoint that the definition of a channel stands for; one that signs has its project's secret without its
    own."""
    kind = CHANNEL_KINDS[channel.kind]
    secret, formers = channel.secret, channel.former_secrets
    if secret is None and kind.signs:
        secret, formers = project.webhook_secret, project.former_webhook_secrets
    return Endpoint(
        id=channel.id,
        project=project.id,
        url=channel.url,
        notices=channel.notices,
        secret=secret or "" if "secret" in kind.stored else "",
        site=channel.site,
        kind=channel.kind,
        addresses=channel.addresses,
        unconfirmed=channel.unconfirmed,
        former_secrets=formers if kind.signs else (),
        options=channel.options,
        number=channel.number if kind.body == "push event" else 0,
        digest=channel.digest,
        quiet_hours=channel.quiet_hours,
        mute_until=channel.mute_until,
    )


def name_of(channel: Channel) -> str:
    """What people call a channel: its name, else its kind and where it leads, as far as that is no secret; empty: it is
    sent nothing, since it was disabled or nobody has confirmed an address of it."""
    if channel.disabled_at is not None or (channel.addresses and set(channel.addresses) <= set(channel.unconfirmed)):
        return ""
    kind = CHANNEL_KINDS[channel.kind]
    return channel.name or f"{kind.name} {kind.redact(channel)}".strip()[:LONGEST_CALLED]


def note_of(channel: Channel, at: Micros) -> NoticesChosen:
    """What the folds of checks and monitors are to know of a channel. at: when that was decided."""
    name = name_of(channel)
    if not name:
        return NoticesChosen(at=at)
    takes = CHANNEL_KINDS[channel.kind].takes
    return NoticesChosen(
        at=at,
        notices=tuple(notice for notice in channel.notices if notice in takes),
        name=name,
        repeat=channel.repeat_minutes,
        mute_until=channel.mute_until,
    )


def of_other_kinds(channel: Channel, fields: Iterable[str]) -> bool:
    """Whether any of these fields of a definition is one that only other kinds of channels use."""
    kind = CHANNEL_KINDS[channel.kind]
    # Every kind that people read has a language and a time zone there.
    stored = kind.stored | {"options"} if kind.read_by_people else kind.stored
    return not (STORED_BY_KIND & frozenset(fields)) <= stored
