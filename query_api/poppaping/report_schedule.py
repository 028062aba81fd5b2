"""Which reports the project is sent, when and where; and one that is sent on request. Pingfold's own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Count, Time, Uuid
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.reports import ReportsDep, of_period
from query_api.poppaping.responses import PoppaPingApiError, one, time
from query_api.poppaping.service import Service, ServiceDep
from query_api.poppaping.time_ranges import timezone_of
from query_api.reports.summary import content_of
from query_api.test_sends import TooManyTests
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import ApiKey, Channel
from schemas.ids import is_uuid, new_id
from schemas.mutes import is_muted
from schemas.notices import REPORT
from schemas.report_periods import newest_period, period_after
from schemas.reports import MOST_CHANNELS, ReportFields, ReportMade, ReportSchedule, ReportSettings, zone_of

router = APIRouter(tags=["reports"], responses=ERRORS)

_Channels = Annotated[list[str], Meta(max_length=MOST_CHANNELS, description="Channels that receive reports.")]
_Zone = Annotated[
    str, Meta(max_length=100, description="The IANA time zone by whose calendar weeks (from Monday) and months end.")
]


class UpdateReportScheduleBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The settings to change."""

    weekly: bool | UnsetType = UNSET
    monthly: bool | UnsetType = UNSET
    timezone: _Zone | UnsetType = UNSET
    alert_channel_ids: _Channels | UnsetType = UNSET


class ReportScheduleObject(Struct, kw_only=True, gc=False):
    """Which reports the project is sent, and where. By default none are sent."""

    weekly: bool
    monthly: bool
    timezone: str
    alert_channel_ids: list[Uuid]
    next_weekly_at: Annotated[Time | None, Meta(description="When the next week ends; its report comes soon after.")]
    next_monthly_at: Time | None
    updated_at: Time | None


class SendReportBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which report is sent now: that of the newest week or month that has ended."""

    period: Literal["week", "month"] = "week"
    alert_channel_ids: Annotated[_Channels, Meta(min_length=1)] | UnsetType = UNSET


class SentReport(Struct, kw_only=True, gc=False):
    """A report that is being sent."""

    period: Literal["week", "month"]
    alert_channel_ids: list[Uuid]
    deliveries: Count


_SCHEDULE = one_of(ReportScheduleObject, "The settings.")
_EXAMPLE = {"timezone": "Europe/Riga"}


@router.get("/reports/schedule", summary="Read the report settings (Pingfold's own)", responses=_SCHEDULE)
async def read_schedule(service: ServiceDep, key: AlertsReader) -> Response:
    """Read the report settings of the project."""
    return one(_object(service, _settings(service, key)))


@router.patch(
    "/reports/schedule",
    summary="Change the report settings (Pingfold's own)",
    responses=_SCHEDULE | errors(400),
    openapi_extra=body_of(UpdateReportScheduleBody, _EXAMPLE),
)
async def change_schedule(service: ServiceDep, key: AlertsWriter, body: JsonObject) -> Response:
    """Change the report settings. Omitted fields stay. Weeks and months that have already ended are not reported."""
    known = _settings(service, key)
    wanted = judged(
        without_read_only(
            body, _object(service, known), UpdateReportScheduleBody, ("next_weekly_at", "next_monthly_at")
        ),
        UpdateReportScheduleBody,
    )
    fields = ReportFields(
        weekly=wanted.weekly,
        monthly=wanted.monthly,
        timezone=UNSET if wanted.timezone is UNSET else timezone_of(wanted.timezone),
        channels=UNSET if wanted.alert_channel_ids is UNSET else tuple(dict.fromkeys(wanted.alert_channel_ids)),
    )
    for id in () if fields.channels is UNSET else fields.channels:
        await _channel(service, key, id)
    weekly = known.weekly if fields.weekly is UNSET else fields.weekly
    monthly = known.monthly if fields.monthly is UNSET else fields.monthly
    if (weekly or monthly) and not (known.channels if fields.channels is UNSET else fields.channels):
        raise PoppaPingApiError(400, "Field 'alert_channel_ids': reports need a channel that they are sent to.")
    request = ReportSchedule(request=new_id(), at=service.deps.clock.now(), fields=fields)
    return one(_object(service, await service.change(key, request, service.deps.directory.report_settings)))


@router.post(
    "/reports/send",
    status_code=202,
    summary="Send a report now (Pingfold's own)",
    responses=one_of(SentReport, "What is being sent.", 202) | errors(400),
    openapi_extra=body_of(SendReportBody, {"period": "week"}),
)
async def send_report(service: ServiceDep, reports: ReportsDep, key: AlertsWriter, body: JsonObject) -> Response:
    """Send the report of the last complete week or month, as a test.

    It goes to the channels that are given, or to those of the settings; without any to nobody. It counts as one test
    send for each channel that is neither disabled nor muted; to the others nothing is sent."""
    wanted, settings = judged(body, SendReportBody), _settings(service, key)
    chosen = settings.channels if wanted.alert_channel_ids is UNSET else tuple(dict.fromkeys(wanted.alert_channel_ids))
    channels = [await _channel(service, key, id) for id in chosen]
    now = service.deps.clock.now()
    sent = [each for each in channels if each.disabled_at is None and not is_muted(each.mute_until, now)]
    try:
        service.deps.test_sends.take(key.project, now, len(sent))
    except TooManyTests as limit:
        raise PoppaPingApiError(429, str(limit), headers={"Retry-After": str(limit.seconds)}) from None
    report = await reports.of(of_period(key.project, wanted.period, zone_of(settings), now))
    request = ReportMade(
        request=new_id(), at=now, kind=wanted.period, label="", content=content_of(report), channels=chosen
    )
    await service.ask(key, request)
    return one(SentReport(period=wanted.period, alert_channel_ids=list(chosen), deliveries=len(sent)), 202)


def _settings(service: Service, key: ApiKey) -> ReportSettings:
    """The settings; those of a project that has set nothing."""
    known = service.deps.directory.report_settings(key.project)
    return known or ReportSettings(id=key.project, project=key.project, version=0, created=0, revised=0)


async def _channel(service: Service, key: ApiKey, id: str) -> Channel:
    directory = service.deps.directory

    def found() -> Channel | None:
        channel = directory.channel(id)
        return channel if channel is not None and channel.project == key.project else None

    channel = await service.look_up("alert channel", found) if is_uuid(id) else None
    if channel is None:
        raise PoppaPingApiError(400, f"Field 'alert_channel_ids': there is no alert channel '{id[:60]}'.")
    kind = CHANNEL_KINDS[channel.kind]
    if REPORT not in kind.takes:
        raise PoppaPingApiError(400, f"Field 'alert_channel_ids': {kind.title} takes no reports.")
    return channel


def _object(service: Service, settings: ReportSettings) -> ReportScheduleObject:
    now, tz = service.deps.clock.now(), zone_of(settings)
    week, month = (period_after(kind, tz, newest_period(kind, tz, now).label).end for kind in ("week", "month"))
    return ReportScheduleObject(
        weekly=settings.weekly,
        monthly=settings.monthly,
        timezone=settings.timezone,
        alert_channel_ids=list(settings.channels),
        next_weekly_at=time(week) if settings.weekly else None,
        next_monthly_at=time(month) if settings.monthly else None,
        updated_at=time(settings.revised) if settings.version else None,
    )
