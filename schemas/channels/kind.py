"""What a kind of channel is. Pure.

The APIs, the fold of projects, the sender, the audit trail, the command line and the pages of documentation know no
kind by its name: they ask the object that `schemas.channels.kinds` has under it. What sends to a kind is the module of
the same name in `processors/sender/channels/`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import msgspec

from schemas.errors import SchemaError
from schemas.notices import DEFAULT_NOTICES, DIGEST, NOTICES, REPORT, UNCHOSEN, AnyNotice, Notice

# Without user, password and port.
_HOST = re.compile(r"[a-z]+://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/:?#]*)", re.IGNORECASE)

# What a kind tells whose receiver calls somebody: alerts, which are opened and closed one by one; no lists and reports.
ALERTS: tuple[AnyNotice, ...] = tuple(notice for notice in (*NOTICES, *UNCHOSEN) if notice not in (DIGEST, REPORT))

# Fields of a definition that not all kinds use.
STORED_BY_KIND = frozenset({"url", "secret", "addresses", "options"})

# What else a channel is configured by: texts, numbers and flags by the names that its kind gives them.
Options = dict[str, str | int | bool]


class InvalidChannelField(SchemaError):
    """A field that cannot be taken: `field`, and what is wrong with it in words that follow its name."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


class Stored(Protocol):
    """What a definition and its copy for the sender (`schemas.deliveries.Endpoint`) tell of where a channel leads."""

    @property
    def url(self) -> str: ...

    @property
    def secret(self) -> str | None: ...

    @property
    def addresses(self) -> tuple[str, ...]: ...

    @property
    def unconfirmed(self) -> tuple[str, ...]: ...

    @property
    def options(self) -> Options: ...


class Limits(NamedTuple):
    """What the sender allows. slots: whose slots attempts use, a receiver's or the mail server's of all channels.

    text: the most bytes of a message for people; a longer one is cut. None: the whole notice is sent.
    """

    slots: Literal["receiver", "mail server"] = "receiver"
    text: int | None = None


class ChannelKind(ABC):
    """The base of the kinds. Each module beside this one has one, and makes one object of it.

    name: as events, APIs and the command line have it. title: as sentences have it.
    config: the fields by which a request makes or changes a channel; each may be left out. form: the same where fields
    are text only (the Management API, the command line). config_shown, form_shown: what of it is shown.
    stored: the fields of a definition that the kind uses, of those that not all kinds have. told: fields whose values
    the audit trail tells, beside the origin of `url`; of others it tells only that they changed.
    url_field, secret_field: the field of `config` that the URL and the secret come from; "": it has none.
    signs: the secret signs what is sent: the project's does without one, and it can be rotated. The secret of another
    kind is sent, and only to the origin that it was given for.
    by_mail: it is sent to `addresses`, whose owners are asked first.
    by_library: the library of Apprise makes its messages, and judges its secret, which is a URL.
    read_by_people: it is sent messages in words. They have a language and a time zone, and a project can
    word them itself (`schemas.channels.reading`).
    keeps_alerts: it keeps alerts, which are opened, acknowledged and closed: so it is told that somebody acknowledged
    an incident whenever it was told of that incident, chosen or not.
    notices: what it takes when nothing is chosen. takes: all that it can tell; nothing else may be chosen, or is sent.
    body: the form of what is stored to be sent. policy: when it is tried again, and when it is given up.
    listed_as: what Healthchecks calls such a channel, in lists of the Management API; empty: as `name`.
    recipient_type: what updown.io's API calls it; empty: as `name`, and it makes none of this kind.
    by_value: that API makes one by where it leads alone.
    secret_needed: a channel cannot be without its secret.
    digest: many notices are told in one list, unless a channel says otherwise. Whether one can, `takes` tells.
    target_help: what `of_target` takes, for people at a command line.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config: ClassVar[type[msgspec.Struct]]
    form: ClassVar[type[msgspec.Struct]]
    config_shown: ClassVar[type[msgspec.Struct]]
    form_shown: ClassVar[type[msgspec.Struct]]
    stored: ClassVar[frozenset[str]]
    told: ClassVar[frozenset[str]] = frozenset()
    url_field: ClassVar[str] = ""
    secret_field: ClassVar[str] = ""
    signs: ClassVar[bool] = False
    by_mail: ClassVar[bool] = False
    by_library: ClassVar[bool] = False
    read_by_people: ClassVar[bool] = True
    keeps_alerts: ClassVar[bool] = False
    notices: ClassVar[tuple[Notice, ...]] = DEFAULT_NOTICES
    takes: ClassVar[tuple[AnyNotice, ...]] = (*NOTICES, *UNCHOSEN)
    body: ClassVar[Literal["notice", "push event"]] = "notice"
    policy: ClassVar[Literal["standard", "push"]] = "standard"
    listed_as: ClassVar[str] = ""
    recipient_type: ClassVar[str] = ""
    by_value: ClassVar[bool] = True
    secret_needed: ClassVar[bool] = False
    digest: ClassVar[bool] = True
    target_help: ClassVar[str]
    limits: ClassVar[Limits] = Limits()

    @abstractmethod
    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        """The fields of the definition that a request sets, by the fields of `config` that it gives.

        current: None for a new channel. `secret` is the text itself, None none of its own. Raises
        `InvalidChannelField`. Whether a URL may be called is for others to say: that depends on the installation.
        """

    def of_form(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields of `config` by those of `form`."""
        return given

    def gathers(self, digest: bool | None) -> bool:
        """Whether many notices are told in one list. digest: what the channel says."""
        return DIGEST in self.takes and (self.digest if digest is None else digest)

    def problem(self, channel: Stored) -> str:
        """Why a definition, whoever wrote it, is no channel of this kind; empty when it is one."""
        return ""

    @abstractmethod
    def show_config(self, channel: Stored) -> msgspec.Struct:
        """A `config_shown`."""

    @abstractmethod
    def show_form(self, channel: Stored) -> msgspec.Struct:
        """A `form_shown`."""

    def redact(self, channel: Stored) -> str:
        """Of where it leads what anybody in the project may read: the host. The rest of a URL may be a secret."""
        found = _HOST.match(channel.url)
        return "" if found is None else found[1]

    @abstractmethod
    def of_target(self, target: str) -> dict[str, Any]:
        """The fields of `form` by one text: where it leads, as it is given on a command line."""

    @abstractmethod
    def target(self, shown: Mapping[str, Any]) -> str:
        """Where it leads in one line, by what was shown of `form_shown`."""

    def is_private(self, channel: Stored) -> bool:
        """Whether only those read it who were asked in. Others are not told what a job or a probe has said."""
        return True

    def is_success(self, status: int) -> bool:
        """Whether this answer says that the receiver has taken it."""
        return 200 <= status < 300


def enumerated(names: Iterable[str], last: str) -> str:
    """`a, b or c`; `last`: the word between the last two."""
    *rest, final = names
    return f"{', '.join(rest)} {last} {final}" if rest else final
