"""The uptime and the run times of things in any span of time: Pingfold's own, in the style of the API."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from query_api.dependencies import Dependencies
from query_api.history.uptime import Span
from query_api.history.uptime_sums import Part
from query_api.poppaping.auth import MonitorsReader
from query_api.poppaping.history import HistoryTurns, known_history
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from query_api.poppaping.time_ranges import From, To, Zone, moment_of, timezone_of, whole_seconds
from query_api.poppaping.uptime_object import (
    RunTimesObject,
    RunTimesOfCheck,
    UptimeOfThing,
    UptimesObject,
    UptimeTogether,
    run_times_parts,
    together,
    uptime_fields,
    uptime_parts,
)
from query_api.poppaping.uptimes import PERIODS, Period
from schemas import check_states, monitor_states
from schemas.base import Micros
from schemas.check_states import CheckStanding
from schemas.definitions import ApiKey, Check
from schemas.monitor_states import MonitorStanding
from schemas.monitors import Monitor
from schemas.time_bins import BinKind, borders
from schemas.times import iso

T = TypeVar("T", Monitor, Check, Monitor | Check)

router = APIRouter(tags=["uptime"], responses=ERRORS)

_LONGEST_DAYS = 3_660
# Of one thing or of all, so many figures at most; and so many things.
_MOST_PARTS, MOST_FIGURES = 10_000, 100_000
MOST_NAMED = 1_000
_AT_ONCE, _WITHIN_SECONDS = 4, 30.0

_Things = Annotated[
    list[str] | None,
    Query(alias="thing", description="Only the monitor or heartbeat check with this id; may be repeated."),
]
_Tags = Annotated[
    list[str] | None,
    Query(alias="tag", description="Only heartbeat checks with this tag; if repeated, with all of the tags."),
]
_By = Annotated[BinKind | None, Query(description="Also return the parts of the time range; weeks begin on Monday.")]
_PeriodQuery = Annotated[Period | None, Query(description="The time range up to now. Default: `30d`.")]


class Range(NamedTuple):
    """A span of time, cut into parts."""

    borders: list[Micros]
    tz: str
    is_cut: bool

    @property
    def start(self) -> Micros:
        return self.borders[0]

    @property
    def end(self) -> Micros:
        return self.borders[-1]


def history_turns() -> HistoryTurns:
    """What the routes of this module take turns at."""
    return HistoryTurns(_AT_ONCE, _WITHIN_SECONDS, "History did not answer in time; ask for less.")


async def _turns(request: Request) -> HistoryTurns:
    turns: HistoryTurns = request.app.state.history_turns
    return turns


TurnsDep = Annotated[HistoryTurns, Depends(_turns)]


async def _range(
    service: ServiceDep,
    period: _PeriodQuery = None,
    start: From = None,
    to: To = None,
    timezone: Zone = None,
    by: _By = None,
) -> Range:
    tz, now = timezone_of(timezone), service.deps.clock.now()
    if start is None and to is None:
        begin, end = whole_seconds(now - PERIODS[period or "30d"], now, now, _LONGEST_DAYS, "A span is")
    elif period is not None:
        raise PoppaPingApiError(400, "Give either 'period', or 'from' and 'to'.")
    elif start is None:
        raise PoppaPingApiError(400, "Field 'from' is required with 'to'.")
    else:
        begin, end = moment_of("from", start, tz), now if to is None else moment_of("to", to, tz)
        begin, end = whole_seconds(begin, end, now, _LONGEST_DAYS, "A span is")
    try:
        return Range(borders(by, tz, begin, end, _MOST_PARTS), tz, by is not None)
    except ValueError:
        raise PoppaPingApiError(400, f"Field 'by' cuts the span into more than {_MOST_PARTS} parts.") from None


class Question(NamedTuple):
    """What both routes are asked about: things, in the order of names, in a span of time."""

    range: Range
    things: list[Monitor | Check]


async def _question(
    service: ServiceDep,
    key: MonitorsReader,
    range: Annotated[Range, Depends(_range)],
    thing: _Things = None,
    tag: _Tags = None,
) -> Question:
    return Question(range, _things(service.deps, key, range, thing, tag))


QuestionDep = Annotated[Question, Depends(_question)]


@router.get(
    "/uptime",
    summary="Read the uptime of monitors and checks (Pingfold's own)",
    responses=one_of(UptimesObject, "The uptime of the things, and of all of them together.") | errors(400, 404),
)
async def read_uptimes(service: ServiceDep, turns: TurnsDep, question: QuestionDep) -> Response:
    """Read the uptime of monitors and heartbeat checks in a time range, by time and by count."""
    deps, range = service.deps, question.range
    history = known_history(deps.uptime_history)
    asked = _within_bounds(question.things, range)
    async with turns.turn():
        written = await history.is_written()
        current = dict(_current(deps, asked))
        told = await history.read([one.id for one in asked], range.borders, current)
    complete = written and range.end <= deps.clock.now()
    return one(await asyncio.to_thread(_uptimes, range, asked, told.parts, told.counted_until, complete))


def _uptimes(
    range: Range,
    asked: Sequence[Monitor | Check],
    parts: Mapping[str, list[Part]],
    counted_until: Micros,
    complete: bool,
) -> UptimesObject:
    wholes = {id: together(its) for id, its in parts.items()}
    columns = [together(column) for column in zip(*parts.values(), strict=True)] if range.is_cut else []
    return UptimesObject(
        start=iso(range.start),
        end=iso(range.end),
        timezone=range.tz,
        complete=complete,
        counted_until=iso(counted_until),
        together=UptimeTogether(
            **uptime_fields(together(list(wholes.values()))),
            parts=uptime_parts(columns, range.borders) if columns else ([] if range.is_cut else None),
        ),
        things_total=len(asked),
        things=[
            UptimeOfThing(
                monitor_id=thing.id,
                name=_name(thing),
                kind="heartbeat" if isinstance(thing, Check) else thing.kind,
                parts=uptime_parts(parts[thing.id], range.borders) if range.is_cut else None,
                **uptime_fields(wholes[thing.id]),
            )
            for thing in asked
        ],
    )


@router.get(
    "/run-times",
    summary="Read the run times of heartbeat checks (Pingfold's own)",
    responses=one_of(RunTimesObject, "How long the runs of the checks took.") | errors(400, 404),
)
async def read_run_times(service: ServiceDep, turns: TurnsDep, question: QuestionDep) -> Response:
    """Read the run times of heartbeat checks, with percentiles."""
    range = question.range
    history = known_history(service.deps.uptime_history)
    asked = _within_bounds([one for one in question.things if isinstance(one, Check)], range)
    async with turns.turn():
        told = await history.run_times.read([one.id for one in asked], range.borders)
    answer = RunTimesObject(
        start=iso(range.start),
        end=iso(range.end),
        timezone=range.tz,
        counted_until=iso(told.counted_until),
        checks_total=len(asked),
        checks=[
            RunTimesOfCheck(
                monitor_id=check.id, name=_name(check), parts=run_times_parts(told.parts[check.id], range.borders)
            )
            for check in asked
        ],
    )
    return one(answer)


def _things(
    deps: Dependencies, key: ApiKey, range: Range, ids: list[str] | None, tags: list[str] | None
) -> list[Monitor | Check]:
    """What was asked about, in the order of names. Raises `PoppaPingApiError` 400 and 404."""
    found: list[Monitor | Check]
    if ids is not None:
        if len(ids) > MOST_NAMED:
            raise PoppaPingApiError(400, f"Field 'thing' can be given {MOST_NAMED} times; leave it out for all things.")
        found = [_thing(deps, key, id) for id in dict.fromkeys(ids)]
    else:
        found = [*deps.directory.monitors_of(key.project), *deps.directory.checks_of(key.project)]
    if tags:
        wanted = set(tags)
        found = [one for one in found if isinstance(one, Check) and wanted <= set(one.tags.split())]
    return sorted((one for one in found if one.created <= range.end), key=lambda one: (_name(one), one.id))


def _thing(deps: Dependencies, key: ApiKey, id: str) -> Monitor | Check:
    found = deps.directory.monitor(id) or deps.directory.check(id)
    if found is None or found.project != key.project:
        raise PoppaPingApiError(404, f"Field 'thing': there is no monitor or heartbeat check {id[:100]!r}.")
    return found


def _within_bounds(things: list[T], range: Range) -> list[T]:
    if len(things) * (len(range.borders) - 1) > MOST_FIGURES:
        raise PoppaPingApiError(
            400, f"These are more than {MOST_FIGURES} figures; ask for fewer things, a shorter span, or longer parts."
        )
    return things


def _current(deps: Dependencies, things: list[Monitor | Check]) -> Iterator[tuple[str, Span]]:
    """The open span of each thing."""
    now = deps.clock.now()
    for thing in things:
        if isinstance(thing, Monitor):
            running = deps.monitor_states.part(thing.id, MonitorStanding)
            if running is not None:
                yield thing.id, Span(running.since, now, monitor_states.visible_status(running))
        elif (standing := deps.states.part(thing.id, CheckStanding)) is not None:
            yield thing.id, Span(standing.since, now, check_states.visible_status(standing))


def _name(thing: Monitor | Check) -> str:
    return thing.name or (thing.slug if isinstance(thing, Check) else "") or thing.id
