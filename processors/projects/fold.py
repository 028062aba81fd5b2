"""The `projects` fold: decides what people ask for; one writer per project, so nothing races.

Journal `projects`, keyed by project; states `definitions`. Every request gets exactly one verdict in `decisions`. What
is made, changed or removed goes as an effect into the journal that works with it: checks into `pings`, monitors into
`probe-results`, channels into `deliveries`; and, with who asked for it, into `transitions`
(`processors/fold/audit.py`). A request counts at its own time or the partition's, whichever is later; one dated more
than `AHEAD` past both the partition's time and that of its Kafka record is a dead letter. A dead letter put back is
decided like any other
request: it is in order now.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.deliveries.channel_news import tell_of_disabled
from processors.fold.audit import changes_of, command_of, entry_without_changes
from processors.fold.contract import Context, Effect, Refused
from processors.fold.partition_time import fold_plain_tick, vouched
from processors.fold.time_correction import correct_time
from processors.fold.view import View
from processors.projects.channels import define_channel, of_other_kinds
from processors.projects.decisions import decision
from processors.projects.index import Denied, ProjectIndex, must_have_uuid
from processors.projects.keys import ProjectKeys
from processors.projects.maintenance import ProjectMaintenance
from processors.projects.monitors import ProjectMonitors
from processors.projects.recipients import ProjectRecipients
from processors.projects.rotations import ProjectRotations
from processors.projects.status_pages import ProjectPages
from schemas.actors import SYSTEM
from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Check, Definition, Project, definition_key
from schemas.deliveries import EndpointRemoved
from schemas.pings import CheckDefined, CheckRemoved
from schemas.requests import (
    ChannelCreate,
    ChannelDelete,
    ChannelDisabled,
    ChannelFields,
    ChannelRotateSecret,
    ChannelUpdate,
    CheckCreate,
    CheckDelete,
    CheckFields,
    CheckUpdate,
    ConfirmationResend,
    Decision,
    KeyCreate,
    KeyRevoke,
    KeyRotate,
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceUpdate,
    MonitorCreate,
    MonitorDelete,
    MonitorUpdate,
    ProjectCreate,
    ProjectRotatePingKey,
    ProjectRotateWebhookSecret,
    ProjectsEvent,
    ProjectsRequest,
    RecipientBlock,
    RecipientConfirm,
    RecipientUnblock,
    StatusPageCreate,
    StatusPageDelete,
    StatusPageUpdate,
)
from schemas.schedules import BadSchedule, BadTimezone, Schedule, Simple, parse_schedule
from schemas.ticks import PROGRESS_KEY, Progress, Tick, TimeCorrected
from schemas.topics import DEFINITIONS, DELIVERIES, PINGS, PROJECTS
from schemas.transitions import JournalTruncated

AHEAD = 60 * SECOND

# A time that no clock tells (the year 2255): it would stop the partition's time for ever, or not fit in JSON.
_BEYOND: Micros = 9_000_000_000 * SECOND

# A year, in seconds, as for every limit.
_LONGEST_PERIOD = 31_536_000

# Checks may come into being by pings until this many times the project's limit, as with Healthchecks.
_PROVISIONED_LIMIT = 2


class Projects:
    """The fold itself (see processors.fold.contract.Fold)."""

    name = "projects"
    version = 4
    journal = PROJECTS
    states = DEFINITIONS
    events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ProjectsEvent | Tick | TimeCorrected)
    records: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Definition | Progress)

    def owner(self, view: View, key: str) -> str:
        return key if isinstance(view.get(f"project/{key}"), Project) else ""

    def open(self, view: View, partition: int) -> "ProjectsPartition":
        """Begin work on the definitions in `view`."""
        return ProjectsPartition(view)


class ProjectsPartition:
    """The projects of one partition."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.index = ProjectIndex(view)
        self._monitors = ProjectMonitors(view, self.index)
        self._maintenance = ProjectMaintenance(view, self.index)
        self._pages = ProjectPages(view, self.index)
        self._recipients = ProjectRecipients(view, self.index)
        self._keys = ProjectKeys(view, self.index)
        self._rotations = ProjectRotations(view, self.index)

    def truncated(self, event: JournalTruncated) -> Iterable[Effect]:
        """Nothing: a request is answered only when it has been folded, and the states are kept."""
        return ()

    def apply(self, event: ProjectsEvent | Tick | TimeCorrected, context: Context) -> Iterable[Effect]:
        """Decide one request, or take the time from a tick."""
        if isinstance(event, Tick):
            self._tick(event, context)
            return []
        if isinstance(event, TimeCorrected):
            correct_time(self._view, context)
            return []
        if isinstance(event, ChannelDisabled):
            return self._channel_disabled(event, context)
        try:
            at = self._time_of(event, context)
            effects = self._decide(event, context.key, at)
        except Denied as denied:
            return [decision(event, "refused", reason=str(denied))]
        command = command_of(event, event.actor, _decided(effects), at)
        told = changes_of(self._view, command, context)
        if not told and len(effects) > 1:  # no definition changed, but what another journal works with
            told = [entry_without_changes(command, context, getattr(event, "address", ""))]
        return [*effects, *told]

    def due(self) -> Micros:
        return self._maintenance.due()

    def _channel_disabled(self, event: ChannelDisabled, context: Context) -> list[Effect]:
        if not 0 <= event.at <= _BEYOND:
            raise Refused("its time is not a time")
        effects = tell_of_disabled(self._view, self.index, context.key, event)
        command = command_of(event, SYSTEM, event.channel, event.at)
        return [*effects, *changes_of(self._view, command, context)]

    def _tick(self, tick: Tick, context: Context) -> None:
        if tick.now > _BEYOND:
            raise Refused("a tick of a time that no clock tells")
        before: Progress = self._view.get(PROGRESS_KEY)
        after = fold_plain_tick(before, tick, context.at)
        self._view.put(PROGRESS_KEY, after)
        if after.time > before.time:
            self._maintenance.tick(after.time)

    def _time_of(self, request: ProjectsRequest, context: Context) -> Micros:
        """When a request counts. After a stop the first requests come before the first tick: their records vouch."""
        progress: Progress = self._view.get(PROGRESS_KEY)
        time = progress.time
        if request.at < 0:
            raise Refused("dated before 1970")
        if request.at > (min(vouched(progress, context.at) + AHEAD, _BEYOND) if time else _BEYOND):
            raise Refused(f"dated more than {AHEAD // SECOND} s ahead")
        return max(request.at, time)

    def _decide(self, request: ProjectsRequest, owner: str, at: Micros) -> list[Effect]:
        if isinstance(request, ProjectCreate):
            return self._create_project(request, owner, at)
        project = self.index.project(owner)
        match request:
            case CheckCreate():
                return self._create_check(request, project, at)
            case CheckUpdate():
                return self._change_check(request, self.index.check(owner, request.id), at)
            case CheckDelete():
                return self._delete_check(request, self.index.check(owner, request.id), at)
            case ChannelCreate():
                return self._create_channel(request, project, at)
            case ChannelUpdate():
                return self._change_channel(request, self.index.channel(owner, request.id), project, at)
            case ChannelDelete():
                return self._delete_channel(request, self.index.channel(owner, request.id), at)
            case ConfirmationResend():
                return self._recipients.ask_again(request, self.index.channel(owner, request.id), project, at)
            case RecipientConfirm():
                return self._recipients.confirm(request, self.index.recipient(owner, request.id), project, at)
            case RecipientBlock():
                return self._recipients.block(request, self.index.recipient(owner, request.id), project, at)
            case RecipientUnblock():
                return self._recipients.unblock(request, project, at)
            case MonitorCreate():
                return self._monitors.create(request, project, at)
            case MonitorUpdate():
                return self._monitors.change(request, self.index.monitor(owner, request.id), at)
            case MonitorDelete():
                return self._monitors.delete(request, self.index.monitor(owner, request.id), at)
            case StatusPageCreate():
                return self._pages.create(request, project, at)
            case StatusPageUpdate():
                return self._pages.change(request, self.index.page(owner, request.id), at)
            case StatusPageDelete():
                return self._pages.delete(request, self.index.page(owner, request.id))
            case MaintenanceCreate():
                return self._maintenance.create(request, project, at)
            case MaintenanceUpdate():
                return self._maintenance.change(request, owner, at)
            case MaintenanceDelete():
                return self._maintenance.delete(request, owner, at)
            case KeyCreate():
                return self._keys.create(request, project, at)
            case KeyRotate():
                return self._keys.rotate(request, project, at)
            case KeyRevoke():
                return self._keys.revoke(request, self.index.key(owner, request.id), at)
            case ProjectRotatePingKey():
                return self._rotations.ping_key(request, project, at)
            case ProjectRotateWebhookSecret():
                return self._rotations.webhook_secret(request, project, at)
            case ChannelRotateSecret():
                channel = self.index.channel(owner, request.id)
                return self._rotations.channel_secret(request, channel, project, at)

    def _create_project(self, request: ProjectCreate, owner: str, at: Micros) -> list[Effect]:
        made: list[Definition] = [request.project, *request.keys]
        if request.project.id != owner or any(key.project != owner for key in request.keys):
            raise Refused("keyed by another project")
        for definition in made:
            must_have_uuid(definition)
            if self._view.get(definition_key(definition)) is not None:
                raise Denied("exists")
        for definition in made:
            self._view.put(definition_key(definition), replace(definition, created=at))
        return [decision(request, "made", owner)]

    def _create_channel(self, request: ChannelCreate, project: Project, at: Micros) -> list[Effect]:
        if request.channel.project != project.id:
            raise Refused("keyed by another project")
        if self.index.is_there(request.channel):
            return [decision(request, "found", request.channel.id)]
        if problem := CHANNEL_KINDS[request.channel.kind].problem(request.channel):
            raise Refused(problem)
        given = replace(request.channel, created=at, disabled_at=None)
        channel = self._recipients.judged(given, request.confirm)
        asked = self._recipients.ask(channel, project, at)
        effects = [define_channel(self._view, channel, project, at), *asked]
        if request.on_every_check:
            for check in self.index.checks(project.id):
                effects.append(self._redefine(check, at, channels=tuple(sorted((*check.channels, channel.id)))))
            effects += self._monitors.put_on_every(channel, at)
        return [*effects, decision(request, "made", channel.id)]

    def _change_channel(self, request: ChannelUpdate, channel: Channel, project: Project, at: Micros) -> list[Effect]:
        wanted = _chosen(request.fields)
        if of_other_kinds(channel, wanted):
            raise Denied("wrong kind of channel")
        if "secret" in wanted:
            wanted["former_secrets"] = ()
        changed = self._recipients.judged(replace(channel, disabled_at=None, **wanted), request.confirm)
        if problem := CHANNEL_KINDS[changed.kind].problem(changed):
            raise Refused(problem)
        asked = self._recipients.ask(changed, project, at)
        return [define_channel(self._view, changed, project, at), *asked, decision(request, "updated", channel.id)]

    def _delete_channel(self, request: ChannelDelete, channel: Channel, at: Micros) -> list[Effect]:
        self._view.delete(definition_key(channel))
        effects = [Effect(DELIVERIES, channel.id, EndpointRemoved(at=at))]
        for check in self.index.checks(channel.project):
            if channel.id in check.channels:
                rest = tuple(id for id in check.channels if id != channel.id)
                effects.append(self._redefine(check, at, channels=rest))
        effects += self._monitors.take_off_every(channel, at)
        return [*effects, decision(request, "removed", channel.id)]

    def _create_check(self, request: CheckCreate, project: Project, at: Micros) -> list[Effect]:
        if request.provision and not request.fields.slug:
            raise Refused("a check made by a ping needs a slug")
        new = Check(id=request.id, project=project.id, version=1, created=at)
        if self.index.is_there(new):
            return self._found(request, request.id)
        if request.provision:
            return self._provision(request, project, new)
        oldest = self.index.oldest(project.id, request.fields, request.unique)
        if oldest is not None:
            return self._change_check(request, oldest, at)
        self._must_have_room(project, 1)
        return self._define_new(request, replace(new, **self._wanted(request.fields, project.id)))

    def _provision(self, request: CheckCreate, project: Project, new: Check) -> list[Effect]:
        slug = str(request.fields.slug)
        there = self.index.with_slug(project.id, slug)
        if len(there) > 1:
            raise Denied("ambiguous slug")
        if there:
            return self._found(request, there[0][1])
        self._must_have_room(project, _PROVISIONED_LIMIT)
        return self._define_new(request, replace(new, name=slug, slug=slug, channels=self.index.channels(project.id)))

    def _found(self, request: CheckCreate, id: str) -> list[Effect]:
        return [decision(request, "found", id, self._view.get(f"check/{id}").version)]

    def _define_new(self, request: CheckCreate, check: Check) -> list[Effect]:
        self._view.put(definition_key(check), check)
        defined = Effect(PINGS, check.id, CheckDefined(at=check.created, check=check))
        return [defined, decision(request, "made", check.id, check.version)]

    def _change_check(self, request: CheckCreate | CheckUpdate, check: Check, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, check.project)
        if replace(check, **wanted) == check:
            return [decision(request, "updated", check.id, check.version)]
        return [self._redefine(check, at, **wanted), decision(request, "updated", check.id, check.version + 1)]

    def _delete_check(self, request: CheckDelete, check: Check, at: Micros) -> list[Effect]:
        self._view.delete(definition_key(check))
        return [
            Effect(PINGS, check.id, CheckRemoved(at=at)),
            decision(request, "removed", check.id, check.version),
        ]

    def _redefine(self, check: Check, at: Micros, **changes: Any) -> Effect:
        changed = replace(check, version=check.version + 1, **changes)
        self._view.put(definition_key(changed), changed)
        return Effect(PINGS, changed.id, CheckDefined(at=at, check=changed))

    def _wanted(self, fields: CheckFields, project: str) -> dict[str, Any]:
        wanted = _chosen(fields)
        if "schedule" in wanted:
            _must_run(wanted["schedule"])
        if "channels" in wanted:
            wanted["channels"] = self.index.named_channels(project, wanted["channels"])
        return wanted

    def _must_have_room(self, project: Project, times: int) -> None:
        if project.check_limit is not None and self.index.count(project.id) >= times * project.check_limit:
            raise Denied("limit reached")


def _decided(effects: Iterable[Effect]) -> str:
    """The id of the thing that a verdict names."""
    return next((effect.value.id for effect in effects if isinstance(effect.value, Decision)), "")


def _chosen(fields: CheckFields | ChannelFields) -> dict[str, Any]:
    return {name: value for name, value in asdict(fields).items() if value is not UNSET}


def _must_run(schedule: Schedule) -> None:
    """A schedule must be one that the `checks` fold can follow, whoever wrote the request."""
    if isinstance(schedule, Simple):
        if schedule.period > _LONGEST_PERIOD:
            raise Refused("the period is too long")
        return
    try:
        parse_schedule(schedule.expression, schedule.tz)
    except (BadSchedule, BadTimezone) as error:
        raise Refused(f"the schedule {error}") from error
