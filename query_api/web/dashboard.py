"""`/` lists every check and monitor that its reader may see, `/checks/<id>` shows a check: read only, for people who
are signed in (`query_api.web.viewer`).
"""

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from infra.clickhouse.client import ClickHouseUnavailable
from infra.http_server.forwarded import Forwarded
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.healthchecks.status import present_check
from query_api.http.lookup import look_up
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.pages.guessing import PasswordGuessLimiter
from query_api.state.freshness import Freshness
from query_api.web.page import page
from query_api.web.viewer import ViewerDep
from schemas import monitor_states
from schemas.base import SECOND, Micros
from schemas.check_states import visible_status
from schemas.definitions import Channel, Check
from schemas.ids import is_uuid
from schemas.incidents import Acknowledged
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.mutes import MuteUntil, is_muted
from schemas.probe_kinds import PROBE_KINDS
from schemas.schedules import Schedule, Simple
from schemas.times import to_second

router = APIRouter(include_in_schema=False)

_PINGS = 50
# So many rows are made in one go, before other requests get their turn.
_AT_ONCE = 64
# What needs attention stands on top.
_ORDER = {"down": 0, "grace": 1, "not_observed": 1, "new": 3, "maintenance": 3, "paused": 4}
_WORDS = {"new": "pending", "not_observed": "unknown"}


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    app.state.admin_guesses = PasswordGuessLimiter("dashboard", Forwarded(deps.settings.trusted_proxies))
    include(app, router)


@router.get("/")
async def dashboard(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """Every check and monitor of the projects that he sees; what needs attention comes first."""
    projects = viewer.projects
    checks: list[dict[str, Any]] = []
    for project in projects:
        for check in _checks(deps, project):
            checks.append(_row(request, deps, check))
            if len(checks) % _AT_ONCE == 0:
                await asyncio.sleep(0)
    checks.sort(key=lambda row: (_ORDER.get(row["status"], 2), row["name"]))
    monitors = [_monitor_row(deps, one) for project in projects for one in deps.directory.monitors_of(project)]
    monitors.sort(key=lambda row: (_ORDER.get(row["status"], 2), row["name"]))
    channels = (one for project in projects for one in deps.directory.channels_of(project))
    silent = [row for one in channels if (row := _channel(deps, one)) is not None]
    silent.sort(key=lambda row: row["name"])
    return await page("dashboard.html", deps, checks=checks, monitors=monitors, channels=silent)


@router.get("/checks/{code}")
async def check_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, code: str) -> Response:
    """One check: its state, its newest pings, its newest flips."""
    check = await look_up(deps, "the check", lambda: deps.directory.check(code)) if is_uuid(code) else None
    if check is None or not viewer.may_see(check.project):
        raise ApiError(404, "not found")
    freshness: Freshness = request.app.state.freshness
    await freshness.of_check(check)
    state = deps.states.state(check.id)
    pings: list[dict[str, Any]] = []
    missing = ""
    if deps.history is not None and state is not None and state.pings:
        try:
            for ping in await deps.history.pings(check.id, state.offset, state.pings, _PINGS):
                seconds = None if ping.duration is None else f"{ping.duration / SECOND:.2f} s"
                pings.append({"n": ping.n, "at": _time(ping.at), "kind": ping.kind, "duration": seconds, "ua": ping.ua})
        except ClickHouseUnavailable:  # or it is behind
            missing = "History does not answer now; the state above is current."
    return await page("check.html", deps, check=_row(request, deps, check), pings=pings, missing=missing)


def _checks(deps: Dependencies, project: str) -> list[Check]:
    return list(deps.directory.checks_of(project))


def _row(request: Request, deps: Dependencies, check: Check) -> dict[str, Any]:
    state = deps.states.state(check.id)
    freshness: Freshness = request.app.state.freshness
    now = present_check(check, state, freshness.speaks_of(check.id))
    status = "maintenance" if state is not None and visible_status(state) == "maintenance" else now.status
    return {
        "id": check.id,
        "name": check.name or check.slug or check.id,
        "tags": check.tags,
        "status": status,
        "word": "late" if status == "grace" else status,
        "running": now.started,
        "muted": _muted(check.mute_until) or ("muted by a tag" if state is not None and state.by_tag else ""),
        "acknowledged": _acknowledged(None if state is None else state.acknowledged),
        "not_observed": state is not None and state.unobserved,
        "schedule": _schedule(check.schedule),
        "grace": check.grace,
        "last_ping": _time(state.last_ping) if state is not None else "",
        "last_success": _time(state.last_success) if state is not None else "",
        "next_ping": _time(now.next_ping),
        "pings": state.pings if state is not None else 0,
        "ping_url": f"{deps.settings.ping_base}{check.id}",
    }


def _monitor_row(deps: Dependencies, monitor: Monitor) -> dict[str, Any]:
    state = deps.monitor_states.state(monitor.id) or MonitorState(version=0)
    status = monitor_states.visible_status(state)
    return {
        "name": monitor.name,
        "status": status,
        "word": _WORDS.get(status, status),
        "muted": _muted(monitor.mute_until),
        "acknowledged": _acknowledged(state.acknowledged),
        "target": PROBE_KINDS[monitor.kind].label(monitor.target),
        "interval": monitor.interval,
        "last_result": _time(state.last_at),
        "took": "" if state.last_ms is None else f"{state.last_ms:g} ms",
        "error": state.cause or (state.unprobed if state.unobserved else "") or state.last_detail,
    }


def _channel(deps: Dependencies, channel: Channel) -> dict[str, Any] | None:
    """A channel that is sent nothing now; None: it is sent what it takes."""
    is_silent = is_muted(channel.mute_until, deps.clock.now())
    told = _muted(channel.mute_until) if is_silent else ""
    if channel.disabled_at is not None:
        told = f"disabled since {_time(channel.disabled_at)}"
    return {"name": channel.name or channel.id, "kind": channel.kind, "told": told} if told else None


def _acknowledged(said: Acknowledged | None) -> str:
    """Who takes care of what is down; empty: nobody."""
    return "" if said is None else f"acknowledged by {said.by or 'somebody'}"


def _muted(until: MuteUntil) -> str:
    """What the page says of a mute; empty: there is none."""
    if until is None:
        return ""
    if isinstance(until, int):
        return f"muted until {_time(until)}"
    return "muted until it recovers" if until == "recovery" else "muted"


def _schedule(schedule: Schedule) -> str:
    if isinstance(schedule, Simple):
        return f"every {schedule.period} s"
    return f"{schedule.expression} ({schedule.tz})"


def _time(at: Micros | None) -> str:
    return "" if at is None else f"{to_second(at)} UTC"
