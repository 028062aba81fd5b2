"""Decisions of the `projects` fold about reports: when one is due, and that each is sent once.

A tick past the end of a week or month makes its report *pending*: a record that every web process sees. A report needs
history, which a fold cannot query, so a web process computes it after history has caught up, and requests its sending
(`ReportMade`). The first such request counts: the delivery requests are in the same transaction as the end of the
pending report. Later requests find nothing pending, and have no effect.

If several periods have ended, for example after an outage of weeks, only the newest is sent. If a report could not be
computed for `GIVEN_UP_AFTER` after the end of its period was noted, a notice without figures is sent. Ids are derived
from project, kind and date only.
"""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import RequestRejected
from processors.projects.of_projects import must_be_channels
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.notices import REPORT
from schemas.rejections import RejectionCode
from schemas.report_periods import PERIODS, Period, PeriodKind, newest_period, period_after, period_before
from schemas.reports import (
    GIVEN_UP_AFTER,
    MOST_CONTENT,
    PendingReport,
    ReportFields,
    ReportMade,
    ReportSchedule,
    ReportSettings,
    ReportState,
    settings_key,
    state_key,
    zone_of,
)
from schemas.schedules import BadTimezone, canonical_tz
from schemas.ticks import NEVER
from schemas.topics import DELIVERIES

# So many schedules are looked at by one tick; all weeks of a time zone end at once.
AT_ONCE = 500


class ProjectReports:
    """The schedules of one partition's projects."""

    def __init__(self, view: View) -> None:
        self._view = view
        # When each project may next have something to do: an index that follows the view.
        self._due: dict[str, Micros] = {}
        self._next = NEVER
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, _: object, new: object) -> None:
        kind, _slash, project = key.partition("/")
        if kind not in ("reports", "report-state"):
            return
        # Both records of a project are put one after the other: whichever comes last finds the other.
        self._due.pop(project, None)
        settings, state = self._view.get(settings_key(project)), self._view.get(state_key(project))
        if new is None or not isinstance(settings, ReportSettings) or not isinstance(state, ReportState):
            return
        if (due := _due_of(settings, state)) < NEVER:
            self._due[project] = due
            self._next = min(self._next, due)

    def due(self) -> Micros:
        """When a period ends, or a report is given up."""
        return self._next

    def tick(self, time: Micros) -> list[Effect]:
        """Note which periods have ended, and give up what could not be made."""
        if time < self._next:
            return []
        effects: list[Effect] = []
        passed = sorted(project for project, due in self._due.items() if due <= time)
        for project in passed[:AT_ONCE]:
            effects += self._look(project, time)
        self._next = min(self._due.values(), default=NEVER)
        return effects

    def decide(self, request: ReportSchedule | ReportMade, project: Project, at: Micros) -> list[Effect]:
        if isinstance(request, ReportMade):
            return self._made(request, project, at)
        return self._schedule(request, project, at)

    def _schedule(self, request: ReportSchedule, project: Project, at: Micros) -> list[Effect]:
        """Change the settings. Periods that have ended by now are not told."""
        known: ReportSettings | None = self._view.get(settings_key(project.id))
        wanted = self._wanted(request.fields, project.id)
        settings = known or ReportSettings(id=project.id, project=project.id, version=0, created=at, revised=at)
        changed = replace(settings, **wanted)
        if (changed.weekly or changed.monthly) and not changed.channels:
            raise InvalidEvent("reports need an alert channel that they are sent to")
        if known is not None and changed == known:
            return [decision(request, "updated", known.id, known.version)]
        changed = replace(changed, version=settings.version + 1, revised=at)
        state: ReportState = self._view.get(state_key(project.id)) or ReportState(id=project.id, project=project.id)
        told = dict(state.told)
        for kind in PERIODS:
            newest = newest_period(kind, zone_of(changed), at).label
            if not _wants(settings, kind):  # nobody waited for what has ended until now
                told[kind] = max(told.get(kind, ""), newest)
        pending = tuple(each for each in state.pending if _wants(changed, each.kind))
        self._put_state(project.id, told, pending)
        self._view.put(definition_key(changed), changed)
        return [decision(request, "made" if known is None else "updated", changed.id, changed.version)]

    def _made(self, request: ReportMade, project: Project, at: Micros) -> list[Effect]:
        """A report was computed: request it, if it is still pending."""
        if len(msgspec.json.encode(request.content)) > MOST_CONTENT:
            raise InvalidEvent(f"the report is larger than {MOST_CONTENT} bytes")
        if not request.label:
            transition = derived_id(project.id, "report", request.request)
            data = report_data(project, request.kind, request.content, test=True)
            asked = DeliveryRequested(transition=transition, at=at, notices=(REPORT,), data=data, actor=request.actor)
            return [*self._requests(project.id, request.channels, asked), decision(request, "made")]
        state, settings = self._view.get(state_key(project.id)), self._view.get(settings_key(project.id))
        pending = next((each for each in state.pending if _is(each, request)), None) if state is not None else None
        if pending is None or not isinstance(settings, ReportSettings):
            return [decision(request, "found")]
        data = report_data(project, pending.kind, request.content)
        return [*self._end(project.id, pending, settings, data), decision(request, "made")]

    def correct(self, time: Micros) -> None:
        """The time of the partition had run ahead, and is set back: what has not ended yet is not told yet."""
        for project in sorted(self._due):
            settings: ReportSettings = self._view.get(settings_key(project))
            state: ReportState = self._view.get(state_key(project))
            newest: dict[str, str] = {kind: newest_period(kind, zone_of(settings), time).label for kind in PERIODS}
            told = {kind: min(label, newest.get(kind, label)) for kind, label in state.told.items()}
            pending = tuple(replace(each, noted=min(each.noted, time)) for each in state.pending if each.end <= time)
            if (told, pending) != (state.told, state.pending):
                self._put_state(project, told, pending)

    def take_off(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is removed. Nobody is told but the audit trail."""
        settings = self._view.get(settings_key(channel.project))
        if isinstance(settings, ReportSettings) and channel.id in settings.channels:
            left = tuple(each for each in settings.channels if each != channel.id)
            self._view.put(
                definition_key(settings),
                replace(settings, version=settings.version + 1, revised=at, channels=left),
            )
        return []

    def _wanted(self, fields: ReportFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if "timezone" in wanted:
            try:
                wanted["timezone"] = canonical_tz(wanted["timezone"])
            except BadTimezone as error:
                raise InvalidEvent(f"the time zone {error}") from error
        must_be_channels(self._view, project, wanted.get("channels", ()))
        for id in wanted.get("channels", ()):
            channel: Channel = self._view.get(f"channel/{id}")
            if REPORT not in CHANNEL_KINDS[channel.kind].takes:
                raise RequestRejected(RejectionCode.WRONG_CHANNEL_KIND, channel.kind)
        return wanted

    def _look(self, project: str, time: Micros) -> list[Effect]:
        settings: ReportSettings = self._view.get(settings_key(project))
        state: ReportState = self._view.get(state_key(project))
        told, pending = dict(state.told), {each.kind: each for each in state.pending}
        for kind in PERIODS:
            if _wants(settings, kind) and (ended := _ended(settings, state, kind, time)) is not None:
                told[kind] = ended.label
                if settings.channels:
                    pending[kind] = _pending(ended, zone_of(settings), time)
        left = tuple(pending[kind] for kind in PERIODS if kind in pending)
        self._put_state(project, told, left)
        effects: list[Effect] = []
        owner: Project = self._view.get(f"project/{project}")
        for each in left:
            if each.since + GIVEN_UP_AFTER <= time:
                effects += self._end(project, each, settings, report_data(owner, each.kind, _without_figures(each)))
        return effects

    def _end(
        self, project: str, pending: PendingReport, settings: ReportSettings, data: dict[str, Any]
    ) -> list[Effect]:
        """It is not pending any more, and goes to each channel under an id of its own."""
        state: ReportState = self._view.get(state_key(project))
        left = tuple(each for each in state.pending if each != pending)
        self._put_state(project, state.told, left)
        transition = derived_id(project, "report", pending.kind, pending.label)
        request = DeliveryRequested(transition=transition, at=pending.end, notices=(REPORT,), data=data)
        return self._requests(project, settings.channels, request)

    def _put_state(self, project: str, told: dict[str, str], pending: tuple[PendingReport, ...]) -> None:
        self._view.put(state_key(project), ReportState(id=project, project=project, told=told, pending=pending))

    def _requests(self, project: str, channels: tuple[str, ...], request: DeliveryRequested) -> list[Effect]:
        there = (self._view.get(f"channel/{id}") for id in dict.fromkeys(channels))
        return [
            Effect(DELIVERIES, channel.id, request)
            for channel in there
            if isinstance(channel, Channel) and channel.project == project and channel.disabled_at is None
        ]


def report_data(project: Project, kind: PeriodKind, content: dict[str, Any], test: bool = False) -> dict[str, Any]:
    """The `data` of the notice. `monitor` is there for receivers that read of every notice what it is about."""
    name = f"{'Weekly' if kind == 'week' else 'Monthly'} report of {project.name or project.id}"
    monitor = {"id": project.id, "name": name, "url": "/", "kind": "project", "current_status": "up"}
    detail = str(content.get("summary", ""))
    data: dict[str, Any] = {"monitor": monitor, "incident": None, "detail": detail, "report": content}
    return {"test": True} | data if test else data


def _without_figures(pending: PendingReport) -> dict[str, Any]:
    days = GIVEN_UP_AFTER // (24 * 3_600_000_000)
    return {
        "period": pending.kind,
        "label": pending.label,
        "summary": f"The figures could not be read: history was not available for {days} days.",
    }


def _wants(settings: ReportSettings, kind: PeriodKind) -> bool:
    return settings.weekly if kind == "week" else settings.monthly


def _is(pending: PendingReport, request: ReportMade) -> bool:
    return (pending.kind, pending.label) == (request.kind, request.label)


def _pending(period: Period, tz: str, noted: Micros) -> PendingReport:
    return PendingReport(
        kind=period.kind,
        label=period.label,
        before=max(0, period_before(period, tz).start),
        start=period.start,
        end=period.end,
        timezone=tz,
        noted=noted,
    )


def _ended(settings: ReportSettings, state: ReportState, kind: PeriodKind, time: Micros) -> Period | None:
    """The newest period that has ended and is not dealt with; None: there is none."""
    newest = newest_period(kind, zone_of(settings), time)
    return newest if newest.label > state.told.get(kind, "") else None


def _due_of(settings: ReportSettings, state: ReportState) -> Micros:
    """When there is something to do for a project; may be too early."""
    dues = [each.since + GIVEN_UP_AFTER for each in state.pending]
    for kind in PERIODS:
        if _wants(settings, kind) and kind in state.told:
            dues.append(period_after(kind, zone_of(settings), state.told[kind]).end)
    return min(dues, default=NEVER)
