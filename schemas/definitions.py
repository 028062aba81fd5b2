"""Definitions: what people decided. The records of the `definitions` topic, written only by the `projects` fold.

Keys are `project/<id>`, `key/<id>`, `revoked-key/<id>`, `channel/<id>`, `check/<id>`, `monitor/<id>`,
`maintenance/<id>`, `status-page/<id>`, `recipient/<id>`.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.base import Fact, Micros
from schemas.channels.kind import Options
from schemas.channels.kinds import KindName
from schemas.maintenance import Maintenance
from schemas.monitors import Monitor
from schemas.notices import NOTICES, Notice
from schemas.recipients import Addresses, Recipient
from schemas.schedules import Schedule, Simple
from schemas.status_pages import StatusPage

DEFAULT_PERIOD = 86_400
DEFAULT_GRACE = 3_600

KeyKind = Literal["healthchecks", "healthchecks-readonly", "updown", "updown-readonly", "poppaping"]


# PoppaPing's, and two of our own for what PoppaPing lets nobody change.
KeyScope = Literal[
    "monitors:read",
    "monitors:write",
    "incidents:read",
    "status-pages:read",
    "status-pages:write",
    "alerts:read",
    "alerts:write",
]


class FormerPingKey(Fact, tag=False, frozen=True):
    """A ping key that was replaced: pings received before `until` are accepted under it."""

    key: str
    until: Micros


class FormerSecret(Fact, tag=False, frozen=True):
    """A webhook secret that was replaced, encrypted: attempts made before `until` are signed with it, too."""

    secret: str
    until: Micros


class Project(Fact, tag="project", frozen=True):
    """The tenant. `webhook_secret` is encrypted; it signs every channel that has no secret of its own.

    former_ping_keys, former_webhook_secrets: what was rotated out, oldest first; some may have ended.
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
    """An API key: only the SHA-256 of the key is kept, with its first characters to tell keys apart.

    scopes: of a `poppaping` key; empty: all of them. expires: from then on it opens nothing.
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
    """An API key that was revoked, for people who look back. It opens nothing: even its hash is gone."""

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
    """Where notices go: to its `url`, or to every one of its `addresses` (`url` is ""), as its kind has it.

    secret: signs webhooks (None means the project's), or is sent along; encrypted.
    site: where this Pingfold was reached when the channel was made; pages named in notices are found below it.
    disabled_at: when it was given up; None again with every change. Its deliveries know why.
    unconfirmed: those of the addresses that get nothing, since their owners have not confirmed that they want it.
    former_secrets: what `secret` was before it was rotated, oldest first; some may have ended.
    options: what else its kind is configured by, as the module of the kind names it.
    """

    id: str
    project: str
    kind: KindName
    url: str
    created: Micros
    name: str = ""
    notices: tuple[Notice, ...] = NOTICES
    secret: str | None = None
    site: str = ""
    addresses: Addresses = ()
    disabled_at: Micros | None = None
    unconfirmed: Addresses = ()
    former_secrets: tuple[FormerSecret, ...] = ()
    options: Options = field(default_factory=dict)


class Check(Fact, tag="check", frozen=True):
    """A heartbeat check. Limits in seconds; `late_limit` and `run_limit` default to `grace`.

    Field names and rules: docs/compatibility/management.md; `version` grows by one with each change.
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


Definition = Project | ApiKey | RevokedKey | Channel | Check | Monitor | StatusPage | Maintenance | Recipient


def definition_key(definition: Definition) -> str:
    """The key of a definition's record: its type and id."""
    return f"{definition.__struct_config__.tag}/{definition.id}"
