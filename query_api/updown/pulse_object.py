"""A pulse check as the updown API shows it: a heartbeat check, with the fields of every check. Pure."""

from query_api.updown.check_object import UpdownCheck
from query_api.updown.mute_words import shown_mute
from query_api.updown.recipient_ids import recipient_id
from query_api.updown.responses import time
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Channel, Check
from schemas.schedules import next_after
from schemas.tokens import pulse_key
from schemas.updown_checks import HIDDEN, shown_period

_APDEX = 0.5


def pulse_url(base: str, check: Check, key: bool) -> str:
    """Where pulses go; without its key for those who only look."""
    return f"{base}{check.token}/{pulse_key(check.id) if key else HIDDEN}"


def pulse_object(
    check: Check, state: CheckState | None, channels: dict[str, Channel], uptime: float | None, url: str
) -> UpdownCheck:
    """The check as it is now. channels: of the project, by id."""
    state = state or CheckState(version=0)
    down = state.status == "down"
    return UpdownCheck(
        token=check.token,
        url=url,
        type="pulse",
        alias=check.name or None,
        last_status=None,
        uptime=uptime,
        down=down,
        down_since=time(state.down_since) if down else None,
        up_since=time(state.since) if state.status == "up" and not (state.late or state.unobserved) else None,
        error=state.cause if down else None,
        period=shown_period(check),
        apdex_t=_APDEX,
        string_match=None,
        enabled=state.status != "paused",
        published=False,
        disabled_locations=[],
        recipients=[recipient_id(channels[id]) for id in check.channels if id in channels],
        last_check_at=time(state.last_ping),
        next_check_at=time(_expected(check, state)),
        created_at=str(time(check.created)),
        mute_until=shown_mute(check.mute_until),
        favicon_url=None,
        custom_headers={},
        http_verb="GET/HEAD",
        http_body="",
    )


def _expected(check: Check, state: CheckState) -> Micros | None:
    """By when a pulse must come."""
    if state.status != "up" or state.base is None:
        return None
    expected = next_after(check.schedule, state.base)
    late = check.grace if check.late_limit is None else check.late_limit
    return None if expected is None else expected + late * SECOND
