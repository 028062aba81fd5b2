"""Reports by schedule: what a project has set, where its schedule stands, and the requests about both. Pure.

`processors.projects.reports` has the rules; `schemas.report_periods` the periods.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from schemas.base import SECOND, Fact, Micros, Value
from schemas.report_periods import PeriodKind
from schemas.request_base import Request
from schemas.schedules import BadTimezone, canonical_tz

# A report that could not be made for so long is given up, and that is told.
GIVEN_UP_AFTER: Micros = 3 * 86_400 * SECOND
MOST_CHANNELS = 20
# Of a report that is sent, in bytes of JSON: it stands in the journal, and in the body of each delivery.
MOST_CONTENT = 64 * 1024

ReportChannels = Annotated[tuple[str, ...], Meta(max_length=MOST_CHANNELS)]
TimezoneName = Annotated[str, Meta(min_length=1, max_length=100)]


class ReportSettings(Fact, tag="reports", frozen=True):
    """The report settings of a project. Its id is that of the project.

    timezone: defines the end of weeks and months. channels: ids.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    weekly: bool = False
    monthly: bool = False
    timezone: TimezoneName = "UTC"
    channels: ReportChannels = ()


class PendingReport(Struct, frozen=True, omit_defaults=True, gc=False):
    """A period has ended, and its report is not made yet. label: the date on which it ended, which names it.

    before: start of the period before it. timezone: by whose calendar it ended. noted: when a tick found that it had
    ended; long after its end, if Pingfold was away.
    """

    kind: PeriodKind
    label: str
    before: Micros
    start: Micros
    end: Micros
    timezone: str
    noted: Micros = 0

    @property
    def since(self) -> Micros:
        """Since when it could be made."""
        return max(self.end, self.noted)


class ReportState(Value, tag="report-state"):
    """Where the schedule of a project stands. told: label of the newest period of each kind that is dealt with, or that
    ended before anybody wanted reports. pending: at most one of each kind. Its id is that of the project."""

    id: str
    project: str
    told: dict[str, str] = field(default_factory=dict)
    pending: tuple[PendingReport, ...] = ()


class ReportFields(Fact, tag=False, frozen=True):
    """The fields of the settings that a request sets; fields that are left out keep their value or default."""

    weekly: bool | UnsetType = UNSET
    monthly: bool | UnsetType = UNSET
    timezone: TimezoneName | UnsetType = UNSET
    channels: ReportChannels | UnsetType = UNSET


class ReportSchedule(Request, tag="report.schedule", frozen=True):
    """Sets the report settings of the project."""

    fields: ReportFields


class ReportMade(Request, tag="report.made", frozen=True):
    """A report was computed from history: it is sent to the channels of the settings.

    kind, label: the pending report that it is; of one that is not pending any more nothing is sent. Empty label: it was
    asked for, and is sent to `channels` whatever is pending. content: what it says.
    """

    kind: PeriodKind
    label: str
    content: dict[str, Any]
    channels: ReportChannels = ()


def zone_of(settings: ReportSettings) -> str:
    """The time zone of the settings; UTC where this version of the tz database does not have it."""
    try:
        return canonical_tz(settings.timezone)
    except BadTimezone:
        return "UTC"


def settings_key(project: str) -> str:
    """The key of the settings of a project."""
    return f"reports/{project}"


def state_key(project: str) -> str:
    """The key of where the schedule of a project stands."""
    return f"report-state/{project}"
