"""The form of a heartbeat check: its fields, what they hold of a check, and the body that the Management API takes."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from query_api.healthchecks.check_bodies import CreateCheckBody
from query_api.mutes import show_mute
from query_api.slugs import slugify
from query_api.updown.durations import seconds_of
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_state import Valued
from query_api.web.shown.shown_times import ShownTimes
from schemas.base import SECOND, Micros
from schemas.definitions import Channel, Check
from schemas.mutes import MuteUntil
from schemas.schedules import BadSchedule, BadTimezone, Simple, next_after, parse_schedule, zone_names
from schemas.times import iso

# Fields that say together when pings are expected.
SCHEDULE = frozenset({"schedule_kind", "timeout", "schedule", "tz"})
NEXT_RUNS = "/checks/next-runs"
# Of a mute that is to begin now.
_FOR = "for "
_NEXT = 5
_LONGEST_PERIOD = 31_536_000
_COPY, _LONGEST_NAME = " (copy)", 100

_field = partial(field_of, CreateCheckBody)


def check_groups(channels: Iterable[Channel], mute: MuteUntil, times: ShownTimes) -> tuple[Group, ...]:
    """The fields. channels: of the project; mute: of the check as it is."""
    return (
        Group(
            title="",
            fields=(
                _field("name", "Name", placeholder="Nightly backup"),
                _field("tags", "Tags", placeholder="prod db"),
                Field(name="project", label="Project", kind="hidden"),
            ),
        ),
        Group(title="When it is expected", fields=_schedule_fields(), preview=NEXT_RUNS),
        Group(title="Who is told", fields=(channels_field("channels", channels), mute_field(mute, times))),
        Group(title="Limits", fields=_limit_fields(), closed=True),
        Group(title="What counts as success or failure", fields=_filter_fields(), closed=True),
        Group(
            title="More",
            fields=(
                _field("slug", "Slug", help="Its name in ping URLs with a ping key: lower case, digits, - and _."),
                _field("desc", "Description", kind="long", help="What people should know when it is down."),
                _field("manual_resume", "A ping does not resume it while it is paused"),
                Field(
                    name="methods",
                    label="Methods",
                    kind="choice",
                    options=(Option("", "GET, HEAD and POST pings count"), Option("POST", "Only POST pings count")),
                ),
            ),
            closed=True,
        ),
    )


def channels_field(name: str, channels: Iterable[Channel]) -> Field:
    """Which channels tell of a thing."""
    options = sorted((Option(one.id, f"{one.name or one.kind} ({one.kind})") for one in channels), key=_by_words)
    return Field(
        name=name, label="Channels", kind="several", options=tuple(options), help="None chosen: nobody is told."
    )


def _by_words(option: Option) -> str:
    return option.words.casefold()


def mute_field(mute: MuteUntil, times: ShownTimes) -> Field:
    """How long nobody is told of a thing. mute: as it is; a time is one of those that may be chosen."""
    until = (Option(str(show_mute(mute)), f"not until {times.clock(mute)}"),) if isinstance(mute, int) else ()
    return Field(
        name="mute_until",
        label="Notices",
        kind="choice",
        empty=None,
        options=(
            Option("", "are sent"),
            *until,
            Option(f"{_FOR}1 hour", "not for an hour"),
            Option(f"{_FOR}1 day", "not for a day"),
            Option(f"{_FOR}1 week", "not for a week"),
            Option("recovery", "not until it is up again"),
            Option("forever", "not at all"),
        ),
    )


def muted(values: dict[str, Any], now: Micros) -> dict[str, Any]:
    """Values of fields, where a mute that begins now ends at a time."""
    until = values.get("mute_until")
    if isinstance(until, str) and until.startswith(_FOR):
        return values | {"mute_until": iso(now + (seconds_of(until.removeprefix(_FOR)) or 0) * SECOND)}
    return values


def _schedule_fields() -> tuple[Field, ...]:
    return (
        Field(
            name="schedule_kind",
            label="Pings come",
            kind="radio",
            options=(Option("period", "once in a period"), Option("calendar", "at times of a calendar")),
        ),
        _field(
            "timeout",
            "Period",
            kind="span",
            only="schedule_kind=period",
            help="Such as 5 minutes, 1 day, or 1 h 30 min: a ping is expected once in it.",
        ),
        _field(
            "schedule",
            "Schedule",
            kind="long",
            empty="",
            only="schedule_kind=calendar",
            help="A cron expression, such as 0 2 * * *, or OnCalendar expressions of systemd, such as Mon..Fri 02:00.",
        ),
        _field("tz", "Time zone of the schedule", only="schedule_kind=calendar", suggestions=zone_names()),
        _field("grace", "Grace", kind="span", help="So late a ping may be, and so long a run may take."),
    )


def _limit_fields() -> tuple[Field, ...]:
    return (
        _field("late_limit", "May be late", kind="span", help="How late a ping may be; empty: the grace."),
        _field("run_limit", "May take", kind="span", help="How long a run may take; empty: the grace."),
    )


def _filter_fields() -> tuple[Field, ...]:
    return (
        _field("start_kw", "Words of a start", help="Words with commas: a mail or body with one of them is a start."),
        _field("success_kw", "Words of success"),
        _field("failure_kw", "Words of failure"),
        _field("filter_subject", "Look for them in subjects of mails"),
        _field("filter_body", "Look for them in bodies of mails"),
        _field("filter_http_body", "Look for them in bodies of HTTP pings"),
        _field("filter_default_fail", "What has none of them is a failure"),
    )


def new_values(project: str, channels: Iterable[Channel], zone: str) -> Valued:
    """What stands in the form of a new check."""
    return {
        "project": project,
        "schedule_kind": "period",
        "timeout": 86_400,
        "tz": zone,
        "grace": 3_600,
        "channels": [one.id for one in channels],
    }


def values_of(check: Check) -> Valued:
    """What stands in the form of a check that is there."""
    simple = isinstance(check.schedule, Simple)
    return {
        "project": check.project,
        "schedule_kind": "period" if simple else "calendar",
        "timeout": check.schedule.period if isinstance(check.schedule, Simple) else None,
        "schedule": "" if isinstance(check.schedule, Simple) else check.schedule.expression,
        "tz": "UTC" if isinstance(check.schedule, Simple) else check.schedule.tz,
        "channels": list(check.channels),
        "mute_until": show_mute(check.mute_until),
        **{name: getattr(check, name) for name in _AS_THEY_ARE},
    }


def copied_values(check: Check) -> Valued:
    """What stands in the form of a new check that is like one that is there. Its ping URLs are its own."""
    return {**values_of(check), "name": copied_name(check.name or check.slug), "slug": "", "mute_until": None}


def copied_name(name: str) -> str:
    """The name of a copy, as long as a name may be."""
    return f"{name[: _LONGEST_NAME - len(_COPY)]}{_COPY}" if name else ""


_AS_THEY_ARE = (
    "name", "tags", "desc", "slug", "grace", "late_limit", "run_limit", "manual_resume", "methods", "start_kw",
    "success_kw", "failure_kw", "filter_subject", "filter_body", "filter_http_body", "filter_default_fail",
)  # fmt: skip


def body_of(values: dict[str, Any], now: Micros) -> dict[str, Any]:
    """The body of a request of what the fields say."""
    body = {name: value for name, value in muted(values, now).items() if name not in ("project", "schedule_kind")}
    kind = values.get("schedule_kind")
    unwanted = {"period": ("schedule", "tz"), "calendar": ("timeout",)}.get(str(kind), ())
    if "channels" in body:
        body["channels"] = ",".join(body["channels"])
    return {name: value for name, value in body.items() if name not in unwanted}


def new_body_of(values: dict[str, Any], now: Micros) -> dict[str, Any]:
    """The same of a new check, whose slug is made of its name when none is given."""
    body = body_of(values, now)
    return body if body.get("slug") else body | {"slug": slugify(str(body.get("name", "")))}


class NextRuns(NamedTuple):
    """runs: times at which pings are expected; problem: why there are none. is_period: counted from a ping now."""

    runs: tuple[Micros, ...] = ()
    problem: str = ""
    is_period: bool = False


def coming_runs(typed: Mapping[str, str], now: Micros) -> NextRuns:
    """The next five runs of the schedule that stands in a form. typed: its inputs by name."""
    if typed.get("schedule_kind") != "calendar":
        seconds = seconds_of(typed.get("timeout", ""))
        if seconds is None or not 60 <= seconds <= _LONGEST_PERIOD:
            return NextRuns(problem="A period is from 1 minute to 365 days, such as 5 minutes or 1 day.")
        return NextRuns(tuple(now + each * seconds * SECOND for each in range(1, _NEXT + 1)), is_period=True)
    try:
        schedule = parse_schedule(typed.get("schedule", ""), typed.get("tz", "").strip() or "UTC")
    except BadTimezone:
        return NextRuns(problem="This is no time zone: one such as Europe/Berlin is expected.")
    except BadSchedule as bad:
        return NextRuns(problem=f"This is no schedule yet: {bad}.")
    runs: list[Micros] = []
    at: Micros | None = now
    while len(runs) < _NEXT and at is not None and (at := next_after(schedule, at)) is not None:
        runs.append(at)
    return NextRuns(tuple(runs), "" if runs else "It has no run any more.")
