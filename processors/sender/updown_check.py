"""The check object of updown.io's Push API, as the check was at an event. Pure.

It is that of the REST API without `ssl`, `domain` and `metrics`, in the same order. What is encrypted in the log
(headers and body of a probe) is left empty. `recipients` names the one that the event goes to.

The id of a pulse check is secret, since its ping URL is made of it, and stands nowhere here. In place of a token that
such a check does not have yet stands a text derived from the id, always the same, and too long to be another's token.
"""

from collections.abc import Mapping
from typing import Any

from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.updown import SAMPLE_TOKEN
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.deliveries import About, Endpoint
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.mutes import MuteUntil
from schemas.times import zulu
from schemas.updown_checks import HIDDEN, shown_period, type_of, url_of
from schemas.updown_errors import error_words

# What the share of time is taken of, at least.
_WINDOW: Micros = 30 * 86_400 * SECOND
# Nobody sees 100 where there was an outage.
_MOST_WITH_OUTAGE = 99.999

_SAMPLE_URL = "https://updown.io"


def check_object(about: About | None, data: Mapping[str, Any], endpoint: Endpoint, at: Micros) -> dict[str, Any]:
    """The check that an event at `at` is about. about: None in requests of older versions, which tell less."""
    if about is None:
        return _unknown(data, endpoint)
    definition, state = about.definition, about.state
    if isinstance(definition, Monitor) and isinstance(state, MonitorState):
        return _of_monitor(definition, state, endpoint, at)
    assert isinstance(definition, Check)
    assert isinstance(state, CheckState)
    return _of_heartbeat(definition, state, endpoint, at)


def sample_check(at: Micros, down: bool) -> dict[str, Any]:
    """The check of tests."""
    return _object(
        token=SAMPLE_TOKEN,
        url=_SAMPLE_URL,
        type="https",
        alias="",
        last_status=418 if down else 200,
        uptime=100.0,
        down=down,
        down_since=zulu(at) if down else None,
        up_since=None if down else zulu(at),
        error="418 I'm a teapot" if down else None,
        period=30,
        apdex_t=0.25,
        last_check_at=zulu(at),
        next_check_at=zulu(at + 30 * SECOND),
        favicon_url=f"{_SAMPLE_URL}/favicon.png",
    )


def recipient_id(endpoint: Endpoint) -> str:
    """The id of a channel in updown.io's API."""
    return f"{CHANNEL_KINDS[endpoint.kind].recipient_type or endpoint.kind}:{endpoint.number or endpoint.id}"


def _of_monitor(monitor: Monitor, state: MonitorState, endpoint: Endpoint, at: Micros) -> dict[str, Any]:
    target, down = monitor.target, state.status == "down"
    return _object(
        token=monitor.token or monitor.id,
        url=url_of(monitor.kind, target),
        type=type_of(monitor.kind, target),
        alias=None if monitor.name_derived else monitor.name,
        last_status=state.last_status,
        uptime=_uptime(state, monitor.created, at),
        down=down,
        down_since=_time(state.down_since),
        up_since=zulu(state.since) if state.status == "up" else None,
        error=error_words(state.cause) if down else None,
        period=monitor.interval,
        apdex_t=monitor.apdex_threshold / 1_000,
        string_match=target.keyword or None,
        enabled=not monitor.paused,
        published=monitor.published,
        disabled_locations=list(monitor.excluded_regions),
        recipients=[recipient_id(endpoint)],
        last_check_at=_time(state.last_at),
        next_check_at=None if monitor.paused else zulu(state.expected or at),
        created_at=zulu(monitor.created),
        mute_until=_mute(monitor.mute_until),
        http_verb="GET/HEAD" if target.method in ("GET", "HEAD", "GET/HEAD") else target.method,
    )


def _of_heartbeat(check: Check, state: CheckState, endpoint: Endpoint, at: Micros) -> dict[str, Any]:
    down = state.status == "down"
    return _object(
        token=check.token or _in_place_of_token(check.id),
        url=f"{endpoint.site}/pulse/{check.token}/{HIDDEN}",
        type="pulse",
        alias=check.name or None,
        uptime=_uptime(state, check.created, at),
        down=down,
        down_since=_time(state.down_since),
        up_since=zulu(state.since) if state.status == "up" and not (state.late or state.unobserved) else None,
        error=state.cause if down else None,
        period=shown_period(check),
        enabled=state.status != "paused",
        recipients=[recipient_id(endpoint)],
        last_check_at=_time(state.last_ping),
        created_at=zulu(check.created),
        mute_until=_mute(check.mute_until),
    )


def _unknown(data: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    monitor = data.get("monitor")
    known: Mapping[str, Any] = monitor if isinstance(monitor, dict) else {}
    id, url, kind = (str(known.get(name, "")) for name in ("id", "url", "kind"))
    if kind == "heartbeat":  # the address of its page holds its id, too
        id, url, kind = _in_place_of_token(id), "", "pulse"
    return _object(
        token=id,
        url=url,
        type=kind,
        alias=known.get("name"),
        down=known.get("current_status") == "down",
        recipients=[recipient_id(endpoint)],
    )


def _in_place_of_token(check: str) -> str:
    return derived_id(check, "token")


def _object(**known: Any) -> dict[str, Any]:
    """Every field in its order; what is not known is as of a check that was just made."""
    return {
        "token": "",
        "url": "",
        "type": "",
        "alias": None,
        "last_status": None,
        "uptime": 100.0,
        "down": False,
        "down_since": None,
        "up_since": None,
        "error": None,
        "period": 60,
        "apdex_t": 0.5,
        "string_match": None,
        "enabled": True,
        "published": False,
        "disabled_locations": [],
        "recipients": [],
        "last_check_at": None,
        "next_check_at": None,
        "created_at": None,
        "mute_until": None,
        "favicon_url": None,
        "custom_headers": {},
        "http_verb": "GET/HEAD",
        "http_body": "",
    } | known


def _uptime(state: MonitorState | CheckState, created: Micros, at: Micros) -> float:
    """Percent of the last 30 days; of an older check, of all its time."""
    down = state.down_time + (max(0, at - state.down_since) if state.down_since is not None else 0)
    share = round(100 * (1 - min(1.0, down / max(_WINDOW, at - created))), 3)
    return min(share, _MOST_WITH_OUTAGE) if down else share


def _mute(until: MuteUntil) -> str | None:
    """A time, or `recovery` or `forever`."""
    return zulu(until) if isinstance(until, int) else until


def _time(at: Micros | None) -> str | None:
    return None if at is None else zulu(at)
