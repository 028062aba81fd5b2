"""The definitions of each project, by owner, name and slug: an index of the view of the `projects` fold.

It is not state. The index is built from the view and follows it through listeners, so it reverts when an event is
undone, and a restart rebuilds it. Its order does not depend on the order of loading: checks come oldest first by
(created, id), channels by id.
"""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET

from processors.errors import ProcessorError
from processors.fold.contract import InvalidEvent
from processors.fold.view import View
from processors.projects.packed_records import part_of_check
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import ApiKey, Channel, Check, Definition, Project, RevokedKey, definition_key
from schemas.escalations import EscalationPolicy
from schemas.ids import is_uuid
from schemas.maintenance import Maintenance
from schemas.message_templates import MessageTemplate
from schemas.monitors import Monitor
from schemas.on_call import OnCallRotation
from schemas.page_subscribers import PageSubscriber
from schemas.recipients import Recipient, normalized
from schemas.rejections import Rejection, RejectionCode
from schemas.requests import CheckFields, UniqueField
from schemas.schedules import Simple
from schemas.status_pages import StatusPage
from schemas.status_posts import StatusPost
from schemas.targets import place_of

Age = tuple[Micros, str]
E = TypeVar("E", str, Age)
Owned = TypeVar(
    "Owned",
    ApiKey,
    Channel,
    Check,
    Monitor,
    StatusPage,
    StatusPost,
    PageSubscriber,
    Maintenance,
    Recipient,
    EscalationPolicy,
    MessageTemplate,
    OnCallRotation,
)


class RequestRejected(ProcessorError):
    """A request is understood and rejected; raised before any change. Its decision tells the rejection."""

    def __init__(self, code: RejectionCode, detail: str = "") -> None:
        self.rejection = Rejection(code, detail)
        super().__init__(self.rejection.reason)


class Groups(Generic[E]):
    """Sorted entries under a key. A key without entries is not kept, so equal contents are equal groups.

    One entry, as most names and slugs have, stands without a list.
    """

    def __init__(self) -> None:
        self._groups: dict[Hashable, E | list[E]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Groups) and self._groups == other._groups

    def get(self, key: Hashable) -> Sequence[E]:
        """The entries under `key`, in order; to be read only."""
        group = self._groups.get(key, [])
        return group if isinstance(group, list) else (group,)

    def add(self, key: Hashable, entry: E) -> None:
        """Put an entry, not there yet, under `key`."""
        group = self._groups.get(key)
        if group is None:
            self._groups[key] = entry
        elif isinstance(group, list):
            insort(group, entry)
        else:
            self._groups[key] = sorted((group, entry))

    def remove(self, key: Hashable, entry: E) -> None:
        """Take an entry, which is there, from `key`."""
        group = self._groups[key]
        if not isinstance(group, list):
            del self._groups[key]
            return
        # Not list.remove: 200,000 checks may share one empty slug.
        del group[bisect_left(group, entry)]
        if len(group) == 1:
            self._groups[key] = group[0]


class _Created(msgspec.Struct, gc=False):
    created: Micros


_created = part_of_check(_Created)


class ProjectIndex:
    """The things of each project in one partition. Looks up slugs, names and ids without a scan."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._checks: Groups[Age] = Groups()
        self._names: Groups[Age] = Groups()
        self._slugs: Groups[Age] = Groups()
        self._monitors: Groups[Age] = Groups()
        self._dependents: Groups[str] = Groups()
        self._targets: Groups[str] = Groups()
        self._channels_with: Groups[str] = Groups()
        self._asked: Groups[Age] = Groups()
        self._channels: Groups[str] = Groups()
        self._channel_names: Groups[str] = Groups()
        self._revoked: Groups[Age] = Groups()
        # Oldest first: each entry then goes to the end of its groups, whatever the order of the state topic.
        for _, key in sorted((_created(packed).created, key) for key, packed in view.packed_items(Check)):
            self._add_check(view.get(key))
        for _, record in view.items_but_packed():
            if isinstance(record, Channel):
                self._add_channel(record)
            elif isinstance(record, Monitor):
                self._add_monitor(record)
            elif isinstance(record, Recipient):
                self._add_recipient(record)
            elif isinstance(record, RevokedKey):
                self._revoked.add(record.project, (record.revoked, record.id))
        view.listeners.append(self._changed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProjectIndex) and self._groups() == other._groups()

    def _groups(self) -> tuple[object, ...]:
        return (
            self._checks,
            self._names,
            self._slugs,
            self._monitors,
            self._dependents,
            self._targets,
            self._channels,
            self._channel_names,
            self._channels_with,
            self._asked,
            self._revoked,
        )

    def _changed(self, _key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, Check):
            if isinstance(new, Check) and _places(old) == _places(new):
                return
            self._remove_check(old)
        elif isinstance(old, Channel):
            self._channels.remove(old.project, old.id)
            self._channel_names.remove((old.project, old.name), old.id)
            for address in _addresses(old):
                self._channels_with.remove((old.project, address), old.id)
        elif isinstance(old, Monitor):
            self._monitors.remove(old.project, (old.created, old.id))
            self._targets.remove((old.project, place_of(old.kind, old.target)), old.id)
            for id in old.depends_on:
                self._dependents.remove(id, old.id)
        elif isinstance(old, Recipient) and _is_open(old):
            self._asked.remove(old.project, (_last_mailed(old), old.id))
        elif isinstance(old, RevokedKey):
            self._revoked.remove(old.project, (old.revoked, old.id))
        if isinstance(new, Check):
            self._add_check(new)
        elif isinstance(new, Channel):
            self._add_channel(new)
        elif isinstance(new, Monitor):
            self._add_monitor(new)
        elif isinstance(new, Recipient):
            self._add_recipient(new)
        elif isinstance(new, RevokedKey):
            self._revoked.add(new.project, (new.revoked, new.id))

    def _add_check(self, check: Check) -> None:
        age, project = (check.created, check.id), self._view.get(f"project/{check.project}")
        # The same text for all of them, not that of each check.
        owner = project.id if isinstance(project, Project) else check.project
        self._checks.add(owner, age)
        self._names.add((owner, check.name), age)
        self._slugs.add((owner, check.slug), age)

    def _remove_check(self, check: Check) -> None:
        age = (check.created, check.id)
        self._checks.remove(check.project, age)
        self._names.remove((check.project, check.name), age)
        self._slugs.remove((check.project, check.slug), age)

    def _add_monitor(self, monitor: Monitor) -> None:
        self._monitors.add(monitor.project, (monitor.created, monitor.id))
        self._targets.add((monitor.project, place_of(monitor.kind, monitor.target)), monitor.id)
        for id in monitor.depends_on:
            self._dependents.add(id, monitor.id)

    def _add_channel(self, channel: Channel) -> None:
        self._channels.add(channel.project, channel.id)
        self._channel_names.add((channel.project, channel.name), channel.id)
        for address in _addresses(channel):
            self._channels_with.add((channel.project, address), channel.id)

    def _add_recipient(self, recipient: Recipient) -> None:
        if _is_open(recipient):
            self._asked.add(recipient.project, (_last_mailed(recipient), recipient.id))

    def project(self, id: str) -> Project:
        """The project with this id."""
        project = self._view.get(f"project/{id}")
        if project is None:
            raise RequestRejected(RejectionCode.PROJECT_NOT_FOUND)
        assert isinstance(project, Project)
        return project

    def key(self, project: str, id: str) -> ApiKey:
        """The project's API key with this id."""
        return self._owned(ApiKey, project, id, RejectionCode.KEY_NOT_FOUND)

    def revoked_keys(self, project: str) -> list[str]:
        """Ids of the project's API keys that were revoked, in the order of their revocation."""
        return [id for _, id in self._revoked.get(project)]

    def channel(self, project: str, id: str) -> Channel:
        """The project's channel with this id."""
        return self._owned(Channel, project, id, RejectionCode.CHANNEL_NOT_FOUND)

    def check(self, project: str, id: str) -> Check:
        """The project's check with this id."""
        return self._owned(Check, project, id, RejectionCode.CHECK_NOT_FOUND)

    def monitor(self, project: str, id: str) -> Monitor:
        """The project's monitor with this id."""
        return self._owned(Monitor, project, id, RejectionCode.MONITOR_NOT_FOUND)

    def page(self, project: str, id: str) -> StatusPage:
        """The project's status page with this id."""
        return self._owned(StatusPage, project, id, RejectionCode.STATUS_PAGE_NOT_FOUND)

    def post(self, project: str, id: str) -> StatusPost:
        """The post with this id, of one of the project's status pages."""
        return self._owned(StatusPost, project, id, RejectionCode.STATUS_POST_NOT_FOUND)

    def subscriber(self, project: str, id: str) -> PageSubscriber:
        """The subscriber with this id, of one of the project's status pages."""
        return self._owned(PageSubscriber, project, id, RejectionCode.SUBSCRIBER_NOT_FOUND)

    def window(self, project: str, id: str) -> Maintenance:
        """The project's window of maintenance with this id."""
        return self._owned(Maintenance, project, id, RejectionCode.MAINTENANCE_NOT_FOUND)

    def policy(self, project: str, id: str) -> EscalationPolicy:
        """The project's escalation policy with this id."""
        return self._owned(EscalationPolicy, project, id, RejectionCode.ESCALATION_NOT_FOUND)

    def template(self, project: str, id: str) -> MessageTemplate:
        """The project's message template with this id."""
        return self._owned(MessageTemplate, project, id, RejectionCode.TEMPLATE_NOT_FOUND)

    def rotation(self, project: str, id: str) -> OnCallRotation:
        """The project's on-call rotation with this id."""
        return self._owned(OnCallRotation, project, id, RejectionCode.ON_CALL_NOT_FOUND)

    def recipient(self, project: str, id: str) -> Recipient:
        """The project's recipient of mail with this id."""
        return self._owned(Recipient, project, id, RejectionCode.RECIPIENT_NOT_FOUND)

    def _owned(self, kind: type[Owned], project: str, id: str, missing: RejectionCode) -> Owned:
        record = self._view.get(f"{kind.__struct_config__.tag}/{id}")
        if record is None or record.project != project:
            raise RequestRejected(missing)
        assert isinstance(record, kind)
        return record

    def monitors(self, project: str) -> list[Monitor]:
        """The project's monitors, oldest first."""
        return [self._view.get(f"monitor/{id}") for _, id in self._monitors.get(project)]

    def with_target(self, project: str, place: str) -> Sequence[str]:
        """Ids of the project's monitors with a target (`schemas.targets.place_of`), in order."""
        return self._targets.get((project, place))

    def dependents(self, monitor: str) -> list[Monitor]:
        """The monitors that depend on one, in the order of their ids."""
        return [self._view.get(f"monitor/{id}") for id in self._dependents.get(monitor)]

    def is_there(self, candidate: Owned) -> bool:
        """Whether its owner has it already: the request came twice. Ids are random: no other project may take one."""
        there = self._view.get(definition_key(candidate))
        if there is None:
            must_have_uuid(candidate)
            return False
        if there.project != candidate.project:
            raise RequestRejected(RejectionCode.ALREADY_EXISTS)
        return True

    def count_monitors(self, project: str) -> int:
        """How many monitors the project has, paused ones too."""
        return len(self._monitors.get(project))

    def count(self, project: str) -> int:
        """How many checks the project has."""
        return len(self._checks.get(project))

    def checks(self, project: str) -> list[Check]:
        """The project's checks, oldest first."""
        return list(self._these(self._checks.get(project)))

    def with_slug(self, project: str, slug: str) -> Sequence[Age]:
        """(created, id) of the project's checks with this slug, oldest first."""
        return self._slugs.get((project, slug))

    def oldest(self, project: str, fields: CheckFields, unique: Sequence[UniqueField]) -> Check | None:
        """The project's oldest check that agrees with `fields` in all of `unique`; none when one of them is not set."""
        # A check and the fields of a request name their attributes alike, so one getter reads both.
        attributes = ["schedule" if field == "timeout" else field for field in unique]
        if not unique or any(getattr(fields, attribute) is UNSET for attribute in attributes):
            return None
        if "timeout" in unique and not isinstance(fields.schedule, Simple):
            return None
        candidates = self._checks.get(project)
        if "name" in unique:
            candidates = self._names.get((project, fields.name))
        if "slug" in unique:
            candidates = min(candidates, self._slugs.get((project, fields.slug)), key=len)
        values = attrgetter(*attributes)
        wanted = values(fields)
        return next((check for check in self._these(candidates) if values(check) == wanted), None)

    def channels(self, project: str) -> tuple[str, ...]:
        """Ids of the project's channels, in order."""
        return tuple(self._channels.get(project))

    def channels_with(self, project: str, address: str) -> tuple[str, ...]:
        """Ids of the project's channels that have an address, however it is spelled, in order."""
        return tuple(self._channels_with.get((project, normalized(address))))

    def asked_between(self, project: str, start: Micros, end: Micros) -> set[str]:
        """Ids of the recipients asked or invited after `start`, at the latest at `end`, but for those that have
        confirmed."""
        asked = self._asked.get(project)
        return {id for _, id in asked[bisect_left(asked, (start + 1, "")) : bisect_left(asked, (end + 1, ""))]}

    def named_channels(self, project: str, text: str) -> tuple[str, ...]:
        """Ids of the channels that a request's text means: `*`, nothing, or a comma list of ids or exact names."""
        if text == "*":
            return self.channels(project)
        if text == "":
            return ()
        return tuple(sorted({self._named_channel(project, identifier) for identifier in text.split(",")}))

    def _named_channel(self, project: str, identifier: str) -> str:
        if identifier == "":
            raise RequestRejected(RejectionCode.CHANNEL_IDENTIFIER_EMPTY)
        matches = set(self._channel_names.get((project, identifier)))
        channel = self._view.get(f"channel/{identifier}")
        if channel is not None and channel.project == project:
            matches.add(identifier)
        if not matches:
            raise RequestRejected(RejectionCode.CHANNEL_IDENTIFIER_INVALID, identifier)
        if len(matches) > 1:
            raise RequestRejected(RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS, identifier)
        return matches.pop()

    def _these(self, ages: Sequence[Age]) -> Iterator[Check]:
        get = self._view.get
        return (get(f"check/{id}") for _, id in ages)


def must_have_uuid(candidate: Definition) -> None:
    """Candidate ids come from outside."""
    if not is_uuid(candidate.id):
        raise InvalidEvent(f"the candidate id of a {candidate.__struct_config__.tag} is not a UUID")


def _addresses(channel: Channel) -> set[str]:
    return set(map(normalized, channel.addresses)) if CHANNEL_KINDS[channel.kind].by_mail else set()


def _is_open(recipient: Recipient) -> bool:
    return bool(recipient.asked or recipient.invited) and recipient.confirmed_at is None


def _last_mailed(recipient: Recipient) -> Micros:
    return max(recipient.asked[-1:] + recipient.invited[-1:])


def _places(check: Check) -> tuple[object, ...]:
    return check.project, check.created, check.name, check.slug
