"""`/checks/<id>/why` and `/monitors/<id>/why`: why a thing was as it was at a time (`at`; now without it), as a page.

The journal is folded again for the answer, so only a few are made at once; whoever comes then is told to try again.
"""

import asyncio
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.explaining import NotExplained
from query_api.http.route_index import include
from query_api.web.asking import log_answers, told
from query_api.web.checks.check_page import seen_check
from query_api.web.monitors.monitor_page import seen_monitor
from query_api.web.page import page
from query_api.web.reader import reader_of
from query_api.web.shown.changes_shown import OUTCOME_WORDS
from query_api.web.shown.notice_words import notice_words
from query_api.web.shown.reasons import in_reach, status_word
from query_api.web.shown.sentences import sentence
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing, check_thing, monitor_thing
from query_api.web.viewer import ViewerDep, viewer
from schemas.base import SECOND, Micros
from schemas.explanations import DeadlinePart, ExplainedChange, Explanation, RequestedNotice
from schemas.times import exact_iso, read_local

router = APIRouter(include_in_schema=False)

_BUSY = "This cannot be answered now, try again in a moment: "
# A reader's clock may be a little ahead of ours.
_AHEAD: Micros = 5 * SECOND


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/checks/{code}/why", dependencies=[Depends(viewer)])
async def why_check(request: Request, deps: DependenciesDep, who: ViewerDep, code: str) -> Response:
    """Why a check was as it was."""
    return await _answer(request, deps, check_thing(deps, await seen_check(deps, who, code)))


@router.get("/monitors/{id}/why", dependencies=[Depends(viewer)])
async def why_monitor(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Why a monitor was as it was."""
    return await _answer(request, deps, monitor_thing(deps, await seen_monitor(deps, who, id)))


async def _answer(request: Request, deps: Dependencies, thing: Thing) -> Response:
    times = reader_of(request, deps).times
    at, fault = read_time(request.query_params.get("at", ""), times.now, times.zone)
    found: Explanation | None = None
    if not fault:
        found, fault = await _explanation(deps, thing, at)
    sent = {} if found is None else await _sent(deps, found, times)
    return await page(
        "why.html",
        deps,
        503 if fault.startswith(_BUSY) else 200,
        request=request,
        thing=thing,
        at=at,
        at_text=times.typed(at),
        fault=fault,
        found=found,
        word="" if found is None or found.status is None else status_word(found.status),
        changes=[] if found is None else [_change(one, thing, times, sent) for one in reversed(found.changes)],
        deadline=None if found is None or found.deadline is None else in_reach(found.deadline.what, times),
        computed=[] if found is None else [_part(one, times) for one in found.parts],
        following=[] if found is None else _following(deps, found),
        notes=[] if found is None else [in_reach(note, times) for note in found.notes],
    )


def read_time(text: str, now: Micros, zone: tzinfo) -> tuple[Micros, str]:
    """The time that is asked about, and what is wrong with it; empty: nothing. zone: of a time without an offset."""
    if not text:
        return now, ""
    try:
        at = read_local(text, zone)
    except (ValueError, OverflowError):
        return now, "The time must be like 2026-02-21 03:12:00, or like 2026-02-21T03:12:00+00:00."
    if at < 0 or at > now + _AHEAD:
        return now, "The time must lie between 1970 and now."
    return at, ""


async def _explanation(deps: Dependencies, thing: Thing, at: Micros) -> tuple[Explanation | None, str]:
    if deps.explaining is None:
        return None, "Nothing can be explained here."
    if not await log_answers(deps):
        return None, f"{_BUSY}the log does not answer."
    try:
        return await deps.explaining.explain(thing.kind, thing.id, at), ""
    except NotExplained as fault:
        words = sentence(str(fault))
        return None, words if fault.why in ("unknown", "cut") else f"{_BUSY}{words}"


async def _sent(deps: Dependencies, found: Explanation, times: ShownTimes) -> dict[str, str]:
    """How each notice fared, by its delivery; of what is not known nothing."""
    requested = [each for change in found.changes for each in change.requested]
    fared: dict[str, str] = {}
    history = deps.delivery_history
    if history is not None:
        wanted: dict[str, list[str]] = {}
        for one in requested:
            wanted.setdefault(one.channel, []).append(one.delivery)
        answers = await asyncio.gather(*(told(history.outcomes(channel, its)) for channel, its in wanted.items()))
        for row in (row for rows in answers for row in rows or ()):
            fared[row.delivery] = f"{OUTCOME_WORDS.get(row.outcome, row.outcome)}, {times.clock(row.at)}"
    for one in requested:
        if (pending := deps.delivery_states.delivery(one.channel, one.delivery)) is not None:
            fared[one.delivery] = f"pending{f': {pending.error}' if pending.error else ''}"
    return {one.delivery: words for one in requested if (words := _notice(deps, found, one, fared))}


def _notice(deps: Dependencies, found: Explanation, one: RequestedNotice, fared: dict[str, str]) -> str:
    channel = deps.directory.channel(one.channel)
    if channel is None or channel.project != found.project:
        return ""
    if one.delivery not in fared and one.notice not in channel.notices:
        return ""  # it does not take it
    told = f"{channel.name or channel.kind}, that {notice_words(one.notice)}"
    return f"{told}: {fared.get(one.delivery, 'how it fared is not known')}"


def _change(one: ExplainedChange, thing: Thing, times: ShownTimes, sent: dict[str, str]) -> dict[str, Any]:
    return {
        "at": times.at(one.at),
        "detected": times.at(one.detected_at),
        "was": one.was,
        "was_word": status_word(one.was),
        "now": one.now,
        "now_word": status_word(one.now),
        "notice": one.notice and notice_words(one.notice),
        "rule": one.rule,
        "detail": in_reach(one.detail, times),
        "silent": one.silent,
        "incident": one.incident or "",
        "events": [
            {
                "at": times.at(each.at),
                "what": in_reach(each.what, times),
                "place": f"{each.topic} {each.partition} {each.offset}",
            }
            for each in one.events
        ],
        "parts": [_part(each, times) for each in one.parts],
        "sent": [sent[each.delivery] for each in one.requested if each.delivery in sent],
        "before": f"{thing.path}/why?at={quote(exact_iso(max(0, one.at - 1)))}",
    }


def _part(part: DeadlinePart, times: ShownTimes) -> dict[str, Any]:
    return {"name": part.name, "text": in_reach(part.value, times), "at": times.at(part.at)}


def _following(deps: Dependencies, found: Explanation) -> list[dict[str, Any]]:
    names = {}
    for one in found.next:
        for id in one.channels:
            channel = deps.directory.channel(id)
            if channel is not None and channel.project == found.project:
                names[id] = channel.name or channel.kind
    return [
        {
            "at": one.at,
            "status": one.status,
            "word": status_word(one.status) if one.status else "",
            "notice": one.notice and notice_words(one.notice),
            "channels": [names[id] for id in one.channels if id in names],
        }
        for one in found.next
    ]
