"""The `projects` fold: decides all requests to create, change or delete something. One writer per project, so no races.

Journal `projects`, keyed by project, claims on ids by the id, people by their ids; states `definitions`. Every request
gets exactly one decision in `decisions`, also one that becomes a dead letter. Each change goes as an effect to the
journal that uses it: checks to `pings`, monitors to `probe-results`, channels to `deliveries`; and, with its actor, to
`transitions` (`processors/fold/audit.py`). A request counts at its own time or the partition's time, whichever is
later. A request dated more than `AHEAD` after both the partition's time and the time of its Kafka record is a dead
letter. A retried dead letter is decided like any other request.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from processors.deliveries.channel_news import tell_of_disabled, warn_of_failing
from processors.fold.audit import changes_of, command_of, entry_without_changes
from processors.fold.contract import Context, Effect, Fold, InvalidEvent
from processors.fold.partition_time import fold_plain_tick, time_of, vouched
from processors.fold.time_correction import correct_time
from processors.fold.told_together import with_others
from processors.fold.view import View
from processors.projects.calendar_feeds import ProjectCalendarFeeds
from processors.projects.channel_notes import ProjectChannelNotes
from processors.projects.checks import ProjectChecks
from processors.projects.claims import IdClaims, must_be_in_time, not_made
from processors.projects.decisions import decision, rejected
from processors.projects.declared_names import DeclaredNames
from processors.projects.escalations import ProjectEscalations
from processors.projects.incidents import pass_on
from processors.projects.index import ProjectIndex, RequestRejected, must_have_uuid
from processors.projects.keys import ProjectKeys
from processors.projects.maintenance import ProjectMaintenance
from processors.projects.members import ProjectMembers
from processors.projects.message_templates import ProjectTemplates
from processors.projects.monitors import ProjectMonitors
from processors.projects.on_call import ProjectOnCall
from processors.projects.outages import ProjectOutageNews
from processors.projects.packed_records import PACKER
from processors.projects.people import People
from processors.projects.project_channels import ProjectChannels
from processors.projects.recipients import ProjectRecipients
from processors.projects.reports import ProjectReports
from processors.projects.rotations import ProjectRotations
from processors.projects.sent_forms import TakenForms
from processors.projects.status_pages import ProjectPages
from processors.projects.tag_mutes import ProjectTagMutes
from processors.projects.tokens import ProjectTokens
from processors.projects.versions import must_be_as_read
from schemas.actors import SYSTEM
from schemas.base import SECOND, Micros
from schemas.calendar_feeds import CalendarFailed, CalendarRead, CalendarSet
from schemas.decisions import Decision
from schemas.definitions import Channel, Definition, Project, definition_key
from schemas.on_call_requests import OnCallRequest
from schemas.people import CodeUse, MemberRequest, PersonRequest
from schemas.rejections import Rejection, RejectionCode
from schemas.reports import ReportMade, ReportSchedule
from schemas.requests import (
    ChannelDisabled,
    ChannelFailing,
    CheckClaim,
    CheckClaimed,
    CheckCreate,
    CheckDelete,
    CheckUpdate,
    ClaimReleased,
    EscalationCreate,
    EscalationDelete,
    EscalationUpdate,
    IncidentAcknowledge,
    IncidentComment,
    IncidentRelease,
    KeyCreate,
    KeyRevoke,
    KeyRotate,
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceEnd,
    MaintenanceExtend,
    MaintenanceUpdate,
    MonitorCreate,
    MonitorDelete,
    MonitorUpdate,
    MuteEnded,
    OutageEnded,
    PageRequest,
    ProjectCreate,
    ProjectRename,
    ProjectRotatePingKey,
    ProjectRotateWebhookSecret,
    ProjectsEvent,
    ProjectsRequest,
    TagMuteSet,
    ThingsUnobserved,
)
from schemas.ticks import PROGRESS_KEY, Progress, Tick, TimeCorrected
from schemas.topics import DEFINITIONS, PROJECTS
from schemas.transitions import JournalTruncated

_News = ChannelDisabled | ChannelFailing | MuteEnded | OutageEnded | ThingsUnobserved

AHEAD = 60 * SECOND

# A time that no clock tells (the year 2255): it would stop the partition's time for ever, or not fit in JSON.
_BEYOND: Micros = 9_000_000_000 * SECOND


class Projects:
    """The fold itself (see processors.fold.contract.Fold)."""

    name = "projects"
    version = 8
    journal = PROJECTS
    states = DEFINITIONS
    packer = PACKER
    events: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ProjectsEvent | Tick | TimeCorrected)
    records: msgspec.json.Decoder[Any] = msgspec.json.Decoder(DEFINITIONS.carries)

    def owner(self, view: View, key: str) -> str:
        return key if isinstance(view.get(f"project/{key}"), Project) else ""

    def open(self, view: View, partition: int) -> "ProjectsPartition":
        """Begin work on the definitions in `view`."""
        return ProjectsPartition(view, partition)


class ProjectsPartition:
    """The projects of one partition."""

    def __init__(self, view: View, partition: int) -> None:
        self._view = view
        self.index = ProjectIndex(view)
        self._names = DeclaredNames(view, self.index)
        self._tokens = ProjectTokens(view, partition)
        self._checks = ProjectChecks(view, self.index, self._tokens)
        self._claims, self._forms = IdClaims(view), TakenForms(view)
        self._people, self._members = People(view), ProjectMembers(view, ProjectRecipients(view, self.index))
        self._monitors = ProjectMonitors(view, self.index, self._tokens)
        self._maintenance = ProjectMaintenance(view, self.index)
        self._escalations = ProjectEscalations(view, self.index)
        templates = self._templates = ProjectTemplates(view, self.index)
        self._on_call = ProjectOnCall(view, self.index, self._escalations)
        self._calendars = ProjectCalendarFeeds(view, self.index, self._on_call)
        self._tag_mutes = ProjectTagMutes(view)
        self._pages = ProjectPages(view, self.index, self._tokens)
        self._keys = ProjectKeys(view, self.index)
        self._rotations = ProjectRotations(view, self.index)
        self._outages, self._reports = ProjectOutageNews(view), ProjectReports(view)
        self._notes = ProjectChannelNotes(view)
        self._channels = ProjectChannels(
            view,
            self.index,
            tokens=self._tokens,
            things=(self._checks, self._monitors),
            rotations=self._rotations,
            templates=templates,
            naming=(self._escalations, templates, self._reports, self._on_call),
        )

    def truncated(self, event: JournalTruncated) -> Iterable[Effect]:
        """Nothing: a request is answered only when it has been folded, and the states are kept."""
        return ()

    def apply(self, event: ProjectsEvent | Tick | TimeCorrected, context: Context) -> Iterable[Effect]:
        """Decide one request, or take the time from a tick."""
        effects = [*self._apply(event, context), *self._notes.told(time_of(self._view))]
        return effects if len(effects) < 2 else with_others(effects, self._notes.name_of)

    def _apply(self, event: ProjectsEvent | Tick | TimeCorrected, context: Context) -> Iterable[Effect]:
        if isinstance(event, Tick):
            return self._tick(event, context)
        if isinstance(event, TimeCorrected):
            if (corrected := correct_time(self._view, context)) is not None:
                self._outages.correct(corrected)
                self._reports.correct(corrected)
                self._pages.subscribers.correct(corrected)
            return []
        if isinstance(event, ChannelDisabled | ChannelFailing | MuteEnded | OutageEnded | ThingsUnobserved):
            return self._told(event, context)
        if isinstance(event, ClaimReleased):
            return self._claims.release(event, context.key)
        try:
            at = self._time_of(event, context)
        except InvalidEvent as refused:
            raise self._answered(event, context, RejectionCode.WRONG_TIME, refused) from refused
        self._tokens.learn(event.partition_count)
        try:
            must_be_in_time(event, context)
            effects = self._forms.before(event, context.key) or self._decide(event, context.key, at)
        except RequestRejected as error:
            return [rejected(event, error.rejection), *not_made(event, self._view, context.key, at)]
        except InvalidEvent as refused:
            raise self._answered(event, context, RejectionCode.INVALID_REQUEST, refused) from refused
        self._forms.remember(event, context.key, effects)
        if isinstance(
            event,
            (CheckClaim | CodeUse | IncidentAcknowledge | IncidentRelease | IncidentComment)
            | (ReportMade | CalendarFailed),
        ):
            # Whether it counts, and so the audit trail, is for the fold that is sent it; that a feed fails, or a
            # code is used, changes nothing.
            return effects
        command = command_of(event, event.actor, _decided(effects), at)
        told = changes_of(self._view, command, context)
        if not told and len(effects) > 1:  # no definition changed, but what another journal works with
            told = [entry_without_changes(command, context, getattr(event, "address", ""))]
        return [*effects, *told]

    def _answered(
        self, request: ProjectsRequest, context: Context, code: RejectionCode, refused: InvalidEvent
    ) -> InvalidEvent:
        """The dead letter of a request that nobody waits for in vain: its decision goes out with it."""
        answer = rejected(request, Rejection(code, str(refused)))
        follows = not_made(request, self._view, context.key, request.at)
        return InvalidEvent(str(refused), [answer, *follows])

    def due(self) -> Micros:
        dues = self._maintenance, self._tag_mutes, self._tokens, self._outages, self._reports, self._notes
        return min(self._pages.subscribers.due(), *(each.due() for each in dues))

    def _told(self, event: _News, context: Context) -> list[Effect]:
        """Another fold tells of a channel that fails or was given up, of a mute that it has ended, or of an outage."""
        if not 0 <= event.at <= _BEYOND:
            raise InvalidEvent("its time is not a time")
        if isinstance(event, OutageEnded | ThingsUnobserved):
            progress: Progress = self._view.get(PROGRESS_KEY)
            self._outages.heard(event, context.key, max(event.at, progress.time))
            return []
        if isinstance(event, MuteEnded):
            things = self._checks if event.kind == "check" else self._monitors
            thing, effects = event.id, things.end_mute(event, context.key)
        else:
            thing, effects = event.channel, self._channel_news(event, context.key)
        command = command_of(event, SYSTEM, thing, event.at)
        return [*effects, *changes_of(self._view, command, context)]

    def _channel_news(self, event: ChannelDisabled | ChannelFailing, project: str) -> list[Effect]:
        if isinstance(event, ChannelFailing):
            return warn_of_failing(self._view, self.index, project, event)
        if ended := self._pages.subscribers.given_up(event.channel, project, event.at):
            return ended
        effects = tell_of_disabled(self._view, self.index, project, event)
        channel = self._view.get(f"channel/{event.channel}")
        if event.removed and isinstance(channel, Channel) and channel.project == project:
            effects += self._channels.remove(channel, event.at)
        return effects

    def _tick(self, tick: Tick, context: Context) -> list[Effect]:
        if tick.now > _BEYOND:
            raise InvalidEvent("a tick of a time that no clock tells")
        before: Progress = self._view.get(PROGRESS_KEY)
        after = fold_plain_tick(before, tick, context.at)
        self._view.put(PROGRESS_KEY, after)
        if after.time > before.time:
            self._maintenance.tick(after.time)
        self._tokens.learn(tick.partition_count)
        self._notes.tick()
        return [
            *self._tag_mutes.tick(after.time),
            *self._tokens.tick(after.time),
            *self._outages.tick(after.time),
            *self._reports.tick(after.time),
            *self._pages.subscribers.tick(after.time),
        ]

    def _time_of(self, request: ProjectsRequest, context: Context) -> Micros:
        """When a request counts. After a stop the first requests come before the first tick: their records vouch."""
        progress: Progress = self._view.get(PROGRESS_KEY)
        time = progress.time
        if request.at < 0:
            raise InvalidEvent("dated before 1970")
        if request.at > (min(vouched(progress, context.at) + AHEAD, _BEYOND) if time else _BEYOND):
            raise InvalidEvent(f"dated more than {AHEAD // SECOND} s ahead")
        return max(request.at, time)

    def _decide(self, request: ProjectsRequest, owner: str, at: Micros) -> list[Effect]:
        if isinstance(request, ProjectCreate):
            return self._create_project(request, owner, at)
        if isinstance(request, CheckClaim):
            return self._claims.claim(request, owner, at)
        if isinstance(request, PersonRequest):
            return self._people.decide(request, owner, at)
        project = self.index.project(owner)
        if isinstance(request, MemberRequest):
            return self._members.decide(request, project, at)
        must_be_as_read(self._view, request, owner)
        self._names.must_be_free(request, owner)
        match request:
            case CheckCreate():
                return self._checks.create(request, project, at)
            case CheckClaimed():
                return self._checks.create_claimed(request, project, at)
            case CheckUpdate():
                return self._checks.change(request, self.index.check(owner, request.id), at)
            case CheckDelete():
                return self._checks.delete(request, self.index.check(owner, request.id), at)
            case MonitorCreate():
                return self._monitors.create(request, project, at)
            case MonitorUpdate():
                return self._monitors.change(request, self.index.monitor(owner, request.id), at)
            case MonitorDelete():
                return self._monitors.delete(request, self.index.monitor(owner, request.id), at)
            case _ if isinstance(request, PageRequest):
                return self._pages.decide(request, project, at)
            case (
                MaintenanceCreate() | MaintenanceUpdate() | MaintenanceExtend() | MaintenanceEnd() | MaintenanceDelete()
            ):
                return self._maintenance.decide(request, project, at)
            case EscalationCreate() | EscalationUpdate() | EscalationDelete():
                return self._escalations.decide(request, project, at)
            case CalendarSet() | CalendarRead() | CalendarFailed():
                return self._calendars.decide(request, project, at)
            case _ if isinstance(request, OnCallRequest):
                return self._on_call.decide(request, project, at)
            case TagMuteSet():
                return self._tag_mutes.set(request, project, at)
            case IncidentAcknowledge() | IncidentRelease() | IncidentComment():
                return pass_on(request, self.index, owner, at)
            case ReportSchedule() | ReportMade():
                return self._reports.decide(request, project, at)
            case KeyCreate() | KeyRotate() | KeyRevoke():
                return self._keys.decide(request, project, at)
            case ProjectRename():
                return self._rename_project(request, project, at)
            case ProjectRotatePingKey():
                return self._rotations.ping_key(request, project, at)
            case ProjectRotateWebhookSecret():
                return self._rotations.webhook_secret(request, project, at)
            case _:
                return self._channels.decide(request, project, at)

    def _create_project(self, request: ProjectCreate, owner: str, at: Micros) -> list[Effect]:
        made: list[Definition] = [request.project, *request.keys]
        if request.project.id != owner or any(key.project != owner for key in request.keys):
            raise InvalidEvent("keyed by another project")
        for definition in made:
            must_have_uuid(definition)
            if self._view.get(definition_key(definition)) is not None:
                raise RequestRejected(RejectionCode.ALREADY_EXISTS)
        for definition in made:
            self._view.put(definition_key(definition), replace(definition, created=at))
        return [decision(request, "made", owner)]

    def _rename_project(self, request: ProjectRename, project: Project, at: Micros) -> list[Effect]:
        updated = decision(request, "updated", project.id)
        if request.name == project.name:
            return [updated]
        project = replace(project, name=request.name)
        self._view.put(definition_key(project), project)
        return [*self._templates.renamed(project, at), updated]


def _decided(effects: Iterable[Effect]) -> str:
    """The id of the thing that a decision names."""
    return next((effect.value.id for effect in effects if isinstance(effect.value, Decision)), "")


FOLD: Fold = Projects()
