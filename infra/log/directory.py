"""The directory: a replica of `definitions` in memory, indexed by id, token, ping key and slug, and by API key.

Its tables are in modules of their own: checks, people, status pages and their posts.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from infra.log.checks_table import ChecksTable
from infra.log.names import Names
from infra.log.page_news_table import PageNewsTable
from infra.log.pages_table import PagesTable
from infra.log.people_table import PeopleTable
from schemas.base import Micros
from schemas.calendar_feeds import CalendarFeed
from schemas.definitions import ApiKey, Channel, Check, Definition, Project
from schemas.escalations import EscalationPolicy
from schemas.maintenance import Maintenance
from schemas.message_templates import MessageTemplate
from schemas.monitors import Monitor
from schemas.on_call import OnCallRotation
from schemas.recipients import Recipient
from schemas.reports import PendingReport, ReportSettings, ReportState
from schemas.status_pages import StatusPage
from schemas.tag_mutes import TagMute

_decode = msgspec.json.Decoder(Definition).decode
_decode_report_state = msgspec.json.Decoder(ReportState).decode
# Kinds of definitions, besides checks, that are kept.
_KINDS = frozenset(
    {
        "calendar-feed",
        "project",
        "key",
        "channel",
        "monitor",
        "maintenance",
        "status-page",
        "recipient",
        "escalation",
        "template",
        "reports",
        "on-call",
        "tag-mute",
        "status-post",
        "page-subscriber",
    }
)
_NOBODYS: tuple[None, None] = (None, None)


class _Owned(Protocol):
    """What a project has."""

    @property
    def id(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def created(self) -> Micros: ...


_O = TypeVar("_O", bound=_Owned)


def _oldest_first(definitions: Iterable[_O], project: str) -> list[_O]:
    """Those of a project."""
    found = (definition for definition in definitions if definition.project == project)
    return sorted(found, key=lambda definition: (definition.created, definition.id))


class Directory:
    """Fed by a replica's thread, read by the event loop. Every write is one atomic change of one dictionary."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self._ping_keys: dict[str, tuple[str, Micros | None]] = {}  # the project, and until when
        self._checks = ChecksTable()
        self._monitors: dict[str, Monitor] = {}
        self._windows: dict[str, Maintenance] = {}
        self._policies: dict[str, EscalationPolicy] = {}
        self._templates: dict[str, MessageTemplate] = {}
        self._reports: dict[str, ReportSettings] = {}
        self._pending_reports: dict[str, tuple[PendingReport, ...]] = {}
        self._rotations: dict[str, OnCallRotation] = {}
        self._calendars: dict[str, CalendarFeed] = {}
        self._tag_mutes: dict[str, TagMute] = {}
        self._channels: dict[str, Channel] = {}
        self._recipients: dict[str, Recipient] = {}
        self._pages = PagesTable()
        self.page_news = PageNewsTable()
        self.people = PeopleTable()
        self._keys: dict[str, ApiKey] = {}
        self._keys_by_hash: dict[str, ApiKey] = {}
        self._names = Names()
        # Those that are looked up by their id alone, by the kind of their key.
        self._plain: dict[str, dict[str, Any]] = {
            "monitor": self._monitors,
            "maintenance": self._windows,
            "escalation": self._policies,
            "reports": self._reports,
            "template": self._templates,
            "on-call": self._rotations,
            "calendar-feed": self._calendars,
            "tag-mute": self._tag_mutes,
            "recipient": self._recipients,
            "channel": self._channels,
        }

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """Take one record of `definitions`."""
        kind, _, id = key.partition("/")
        if kind == "check":
            self._apply_check(partition, id, value)
        elif kind == "report-state":
            pending = () if value is None else _decode_report_state(value).pending
            if pending:
                self._pending_reports[id] = pending
            else:
                self._pending_reports.pop(id, None)
        elif kind in ("person", "member"):
            self.people.apply(kind, id, None if value is None else _decode(value))
        elif kind in _KINDS:
            self._apply_other(kind, id, None if value is None else _decode(value))

    def _apply_check(self, partition: int, id: str, value: bytes | None) -> None:
        before, check = self._checks.check(id), None if value is None else _decode(value)
        after = check if isinstance(check, Check) else None
        if self._checks.apply(partition, id, after):
            self._names.change(id, before, after)

    def _apply_other(self, kind: str, id: str, definition: Definition | None) -> None:
        before = self._named(kind, id)
        self._set_other(kind, id, definition)
        self._names.change(id, before, definition)

    def _named(self, kind: str, id: str) -> Definition | None:
        """What is known of something that may have a short name."""
        match kind:
            case "monitor":
                return self._monitors.get(id)
            case "status-page":
                return self._pages.page(id)
            case "channel":
                return self._channels.get(id)
            case _:
                return None

    def _set_other(self, kind: str, id: str, definition: Definition | None) -> None:
        match definition:
            case Project():
                self._apply_project(definition)
            case _ if kind in PageNewsTable.KINDS:
                self.page_news.apply(kind, id, definition)
            case ApiKey():
                self._keys[id] = definition
                self._keys_by_hash[definition.hash] = definition
            case None if kind == "key" and id in self._keys:
                self._keys_by_hash.pop(self._keys.pop(id).hash, None)
            case StatusPage():
                self._pages.set(id, definition)
                self.page_news.set_domain(id, definition.domain)
            case None if kind == "status-page":
                self._pages.set(id, None)
                self.page_news.set_domain(id, "")
            case _ if (table := self._plain.get(kind)) is not None:
                if definition is None:
                    table.pop(id, None)
                else:
                    table[id] = definition
            case _:
                pass

    def _apply_project(self, project: Project) -> None:
        before = self.projects.get(project.id)
        self.projects[project.id] = project
        keys: dict[str, Micros | None] = {former.key: former.until for former in project.former_ping_keys}
        keys[project.ping_key] = None
        for key, until in keys.items():
            self._ping_keys[key] = project.id, until
        if before is not None:
            for key in {before.ping_key, *(former.key for former in before.former_ping_keys)} - keys.keys():
                self._ping_keys.pop(key, None)

    def project_of_ping_key(self, key: str, moment: Micros) -> str | None:
        """The project whose ping key this is at that moment: its newest one, or one whose overlap has not ended."""
        project, until = self._ping_keys.get(key, _NOBODYS)
        return project if until is None or moment < until else None

    def __contains__(self, check_id: str) -> bool:
        return check_id in self._checks

    def __len__(self) -> int:
        return len(self._checks)

    @property
    def newest_check(self) -> str | None:
        """The id of the check that came to be known last."""
        return self._checks.newest

    def check_ids(self) -> list[str]:
        """The ids of all checks, in the order in which they came to be known."""
        return self._checks.ids()

    def check(self, id: str) -> Check | None:
        """The check with this id."""
        return self._checks.check(id)

    def id_of_token(self, token: str) -> str | None:
        """The id of the check or monitor with this token."""
        return self._names.things.get(token)

    def by_token(self, token: str) -> Check | Monitor | None:
        """The check or monitor with this token."""
        id = self.id_of_token(token)
        return None if id is None else self.check(id) or self.monitor(id)

    def page_by_token(self, token: str) -> StatusPage | None:
        """The status page with this token."""
        return self._pages.page(self._names.pages.get(token, ""))

    def channel_by_number(self, number: int) -> Channel | None:
        """The channel with this number."""
        return self._channels.get(self._names.channels.get(number, ""))

    def by_slug(self, project: str, slug: str) -> tuple[str, ...]:
        """Ids of the checks of a project with this slug, oldest position first; more than one is ambiguous."""
        return self._checks.by_slug(project, slug)

    def checks_of(self, project: str) -> Iterator[Check]:
        """All checks of a project, in the order of their making."""
        return self._checks.of_project(project)

    def monitor(self, id: str) -> Monitor | None:
        """The monitor with this id."""
        return self._monitors.get(id)

    @property
    def has_monitors(self) -> bool:
        """Whether there is any monitor."""
        return bool(self._monitors)

    def monitors(self) -> list[Monitor]:
        """All monitors of all projects."""
        return list(self._monitors.values())

    def monitors_of(self, project: str) -> list[Monitor]:
        """All monitors of a project, oldest first."""
        return _oldest_first(list(self._monitors.values()), project)

    def window(self, id: str) -> Maintenance | None:
        """The window of maintenance with this id."""
        return self._windows.get(id)

    def windows_of(self, project: str) -> list[Maintenance]:
        """All windows of a project, oldest first."""
        return _oldest_first(list(self._windows.values()), project)

    def policy(self, id: str) -> EscalationPolicy | None:
        """The escalation policy with this id."""
        return self._policies.get(id)

    def policies_of(self, project: str) -> list[EscalationPolicy]:
        """All escalation policies of a project, oldest first."""
        return _oldest_first(list(self._policies.values()), project)

    def template(self, id: str) -> MessageTemplate | None:
        """The message template with this id."""
        return self._templates.get(id)

    def templates_of(self, project: str) -> list[MessageTemplate]:
        """All message templates of a project, oldest first."""
        return _oldest_first(list(self._templates.values()), project)

    def report_settings(self, project: str) -> ReportSettings | None:
        """Which reports a project is sent; None: nobody has set that."""
        return self._reports.get(project)

    def pending_reports(self) -> list[tuple[str, PendingReport]]:
        """Every report that is due and not made yet, with its project."""
        return [(project, each) for project, some in list(self._pending_reports.items()) for each in some]

    def rotation(self, id: str) -> OnCallRotation | None:
        """The on-call rotation with this id."""
        return self._rotations.get(id)

    def rotations_of(self, project: str) -> list[OnCallRotation]:
        """All on-call rotations of a project, oldest first."""
        return _oldest_first(list(self._rotations.values()), project)

    def calendar(self, rotation: str) -> CalendarFeed | None:
        """The calendar that is fetched for an on-call rotation."""
        return self._calendars.get(rotation)

    def calendars(self) -> list[CalendarFeed]:
        """All calendars that are fetched, of every project."""
        return list(self._calendars.values())

    def tag_mute(self, id: str) -> TagMute | None:
        """The mute of a tag with this id; its time may have passed."""
        return self._tag_mutes.get(id)

    def tag_mutes_of(self, project: str) -> list[TagMute]:
        """All mutes of tags of a project, by their tags."""
        found = (mute for mute in list(self._tag_mutes.values()) if mute.project == project)
        return sorted(found, key=lambda mute: mute.label)

    def channel(self, id: str) -> Channel | None:
        """The channel with this id."""
        return self._channels.get(id)

    def channels_of(self, project: str) -> list[Channel]:
        """All channels of a project, oldest first."""
        return _oldest_first(list(self._channels.values()), project)

    def recipient(self, id: str) -> Recipient | None:
        """The recipient of mail with this id."""
        return self._recipients.get(id)

    def secrets(self) -> Iterator[str]:
        """Everything that is stored encrypted. May be called in another thread."""
        yield from [project.webhook_secret for project in list(self.projects.values())]
        yield from [channel.secret for channel in list(self._channels.values()) if channel.secret is not None]
        yield from [monitor.target.sealed for monitor in list(self._monitors.values()) if monitor.target.sealed]
        yield from [feed.url for feed in list(self._calendars.values())]
        yield from [page.access_key for page in self._pages.all() if page.access_key]
        yield from self.people.secrets()

    def page(self, id: str) -> StatusPage | None:
        """The status page with this id."""
        return self._pages.page(id)

    def page_of_domain(self, domain: str) -> StatusPage | None:
        """The status page that is shown at a host name: of those that have it, the first to have had it."""
        found = (self._pages.page(id) for id in self.page_news.pages_with(domain))
        pages = [page for page in found if page is not None and page.domain == domain]
        return min(pages, key=lambda page: (page.domain_since, page.id), default=None)

    def pages_at(self, start: str) -> list[StatusPage]:
        """All status pages whose id begins with these 8 characters, oldest first."""
        return self._pages.starting(start)

    def pages_of(self, project: str) -> list[StatusPage]:
        """All status pages of a project, oldest first."""
        return _oldest_first(self._pages.all(), project)

    def api_key(self, hash: str) -> ApiKey | None:
        """The API key with this SHA-256."""
        return self._keys_by_hash.get(hash)

    def keys_of(self, project: str) -> list[ApiKey]:
        """All API keys of a project."""
        return [key for key in list(self._keys.values()) if key.project == project]
