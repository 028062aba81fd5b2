"""Definitions of projects, keys, channels, checks and so on: the records of `definitions`, written by the `projects`
fold.

Keys are `project/<id>`, `key/<id>`, `revoked-key/<id>`, `channel/<id>`, `check/<id>`, `monitor/<id>`,
`maintenance/<id>`, `status-page/<id>`, `recipient/<id>`, `escalation/<id>`, `on-call/<id>`,
`calendar-feed/<rotation id>`, `tag-mute/<id>`, `template/<id>`, `person/<id>`, `member/<id>`, `reports/<project>`,
`report-state/<project>`; `tokens` for how many names a partition has given; `claim/<check>` (`schemas.claims`).
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.base import SECOND, Fact, Micros
from schemas.calendar_feeds import CalendarFeed
from schemas.channels.kind import Options
from schemas.channels.kinds import KindName
from schemas.escalations import EscalationPolicy
from schemas.maintenance import Maintenance
from schemas.managed import ManagedBy
from schemas.message_templates import MessageTemplate
from schemas.monitors import Monitor
from schemas.mutes import MuteUntil, PlainMute
from schemas.notice_choices import RepeatMinutes
from schemas.notices import FIRST_NOTICES, Notice
from schemas.on_call import OnCallRotation
from schemas.page_subscribers import PageSubscriber
from schemas.people import Member, Person
from schemas.quiet_hours import QuietHours
from schemas.recipients import Addresses, Recipient
from schemas.reports import ReportSettings
from schemas.schedules import Schedule, Simple
from schemas.status_pages import StatusPage
from schemas.status_posts import StatusPost
from schemas.tag_mutes import TagMute

DEFAULT_PERIOD = 86_400
DEFAULT_GRACE = 3_600

KeyKind = Literal["healthchecks", "healthchecks-readonly", "updown", "updown-readonly", "poppaping"]


# PoppaPing's, and three of our own for what PoppaPing lets nobody change.
KeyScope = Literal[
    "monitors:read",
    "monitors:write",
    "incidents:read",
    "incidents:write",
    "status-pages:read",
    "status-pages:write",
    "alerts:read",
    "alerts:write",
]


class FormerPingKey(Fact, tag=False, frozen=True):
    """A replaced ping key: pings with it are accepted until `until`."""

    key: str
    until: Micros


class FormerSecret(Fact, tag=False, frozen=True):
    """A replaced webhook secret, encrypted: attempts made before `until` are signed with it too."""

    secret: str
    until: Micros


class Project(Fact, tag="project", frozen=True):
    """A project, the tenant. `webhook_secret` (encrypted) signs the webhooks of channels without their own secret.

    former_ping_keys, former_webhook_secrets: replaced by rotations, oldest first; some may have expired.
    """

    id: str
    name: str
    ping_key: str
    created: Micros
    webhook_secret: str
    check_limit: Annotated[int, Meta(ge=0, le=100_000_000)] | None = None
    former_ping_keys: tuple[FormerPingKey, ...] = ()
    former_webhook_secrets: tuple[FormerSecret, ...] = ()


class ApiKey(Fact, tag="key", frozen=True):
    """An API key. Only its SHA-256 is stored, and its first characters (`prefix`) to distinguish keys.

    scopes: of a `poppaping` key; empty: all scopes. expires: time from which it is not valid.
    """

    id: str
    project: str
    kind: KeyKind
    hash: str
    prefix: str
    created: Micros
    name: str = ""
    scopes: tuple[KeyScope, ...] = ()
    expires: Micros | None = None


class RevokedKey(Fact, tag="revoked-key", frozen=True):
    """A revoked API key, kept for information, without its hash."""

    id: str
    project: str
    kind: KeyKind
    prefix: str
    created: Micros
    revoked: Micros
    name: str = ""
    scopes: tuple[KeyScope, ...] = ()
    expires: Micros | None = None


class Channel(Fact, tag="channel", frozen=True):
    """A target of notifications: a `url`, or all `addresses` (then `url` is ""), depending on its kind.

    secret: signs webhooks (None: the project's secret), or is sent with requests; encrypted.
    site: base URL of this Pingfold when the channel was created, in those of older versions. The sender puts the base
    URL of now in its place.
    disabled_at: time at which the channel was disabled after failures; None after any change. The reason is in
    `health/<id>`.
    failing_at: time of the newest warning that it fails.
    unconfirmed: those of `addresses` whose owners have not confirmed; nothing is sent to them.
    former_secrets: replaced by rotations of `secret`, oldest first; some may have expired.
    options: further settings of its kind; the module of the kind defines them.
    number: its permanent number, `<kind>:<number>` in the updown API; 0: not assigned yet.
    digest: whether many notices are sent as one digest; None: the default of its kind. quiet_hours: when notices that
    can wait are held back.
    repeat_minutes: interval of repeated alerts, until somebody acknowledges the incident.
    noted: the folds of checks and monitors know it; False: it is of an older version, and they do not know it yet.
    managed_by: the set of declarations that made it, or has taken it over; empty: none.
    version: grows by one with each change that somebody asks for.
    """

    id: str
    project: str
    kind: KindName
    url: str
    created: Micros
    name: str = ""
    notices: tuple[Notice, ...] = FIRST_NOTICES
    secret: str | None = None
    site: str = ""
    addresses: Addresses = ()
    disabled_at: Micros | None = None
    unconfirmed: Addresses = ()
    former_secrets: tuple[FormerSecret, ...] = ()
    options: Options = field(default_factory=dict)
    number: int = 0
    failing_at: Micros | None = None
    digest: bool | None = None
    quiet_hours: QuietHours | None = None
    mute_until: PlainMute = None
    repeat_minutes: RepeatMinutes | None = None
    noted: bool = False
    managed_by: ManagedBy = ""
    version: int = 0


class Check(Fact, tag="check", frozen=True):
    """A heartbeat check. Limits in seconds; `late_limit` and `run_limit` default to `grace`.

    Field names and rules: docs/compatibility/management.md; `version` grows by one with each change.
    token: its permanent short name (`schemas.tokens`); empty: not assigned yet.
    mute_until: end of the mute. managed_by: as for a channel.
    claim: the claim of a given id.
    """

    id: str
    project: str
    version: int
    created: Micros
    name: str = ""
    slug: str = ""
    tags: str = ""
    desc: str = ""
    schedule: Schedule = Simple(period=DEFAULT_PERIOD)
    grace: int = DEFAULT_GRACE
    late_limit: int | None = None
    run_limit: int | None = None
    methods: Literal["", "POST"] = ""
    manual_resume: bool = False
    start_kw: str = ""
    success_kw: str = ""
    failure_kw: str = ""
    filter_subject: bool = False
    filter_body: bool = False
    filter_http_body: bool = False
    filter_default_fail: bool = False
    channels: tuple[str, ...] = ()
    token: str = ""
    mute_until: MuteUntil = None
    managed_by: ManagedBy = ""
    claim: str = ""


Definition = (
    Project
    | ApiKey
    | RevokedKey
    | Channel
    | Check
    | Monitor
    | StatusPage
    | StatusPost
    | PageSubscriber
    | Maintenance
    | Recipient
    | EscalationPolicy
    | MessageTemplate
    | ReportSettings
    | OnCallRotation
    | CalendarFeed
    | TagMute
    | Person
    | Member
)


def changes_before(check: Check) -> int:
    """From which number on the changes of a check are counted.

    A given id may have had a check before. What is named by the numbers of its changes (incidents, deliveries, rows of
    history) must not be named so again: they go on from the milliseconds of its making.
    """
    return check.created * 1_000 // SECOND if check.claim else 0


def definition_key(definition: Definition) -> str:
    """The key of a definition's record: its type and id."""
    return f"{definition.__struct_config__.tag}/{definition.id}"
