"""Changes of a thing's status as its page lists them, each with what was sent of it, and how that fared."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from query_api.dependencies import Dependencies
from query_api.history.checks import Transition
from query_api.history.deliveries import FinishedRow
from query_api.web.asking import told
from query_api.web.shown.notice_words import notice_words
from query_api.web.shown.reasons import in_reach, status_word
from query_api.web.shown.shown_times import ShownTimes
from schemas.base import SECOND
from schemas.definitions import Channel, Check
from schemas.deliveries import Delivery, delivery_id, event_id
from schemas.duration_words import duration_words
from schemas.monitors import Monitor
from schemas.notices import Notice
from schemas.times import exact_iso

# So many channels are asked for what they were sent.
_MOST_CHANNELS = 20
OUTCOME_WORDS = {
    "delivered": "delivered",
    "exhausted": "given up after all retries",
    "gone": "given up: the receiver is gone",
    "removed": "given up: the channel was removed or disabled",
    "unconfirmed": "not sent: nobody has confirmed the address",
    "gathered": "told in a list",
    "muted": "not sent: the channel was muted",
}
REASON_WORDS = {
    "ping": "a ping came",
    "probe": "results said so",
    "fail": "the job reported a failure",
    "deadline": "no ping came in time",
    "run limit": "a run took too long",
    "gap": "nobody could observe it",
    "paused": "it was paused",
    "resumed": "it was resumed",
    "maintenance": "a window of maintenance opened or closed",
    "defined": "it was defined otherwise",
    "removed": "it was removed",
}


def change_rows(
    changes: Iterable[Transition], path: str, times: ShownTimes, sent: Mapping[str, Sequence[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Rows, newest first. path: of the page that explains, below the site's root. sent: by transition."""
    return [
        {
            "at": times.at(one.at),
            "was": one.was,
            "was_word": status_word(one.was),
            "now": one.now,
            "now_word": status_word(one.now),
            "lasted": duration_words(max(0, one.at - one.since) / SECOND) if one.since else "",
            "reason": REASON_WORDS.get(one.reason, one.reason),
            "detail": in_reach(one.detail, times),
            "why": f"{path}?at={quote(exact_iso(max(one.at, one.detected_at)))}",
            "incident": one.incident or "",
            "sent": sent.get(one.id, ()),
        }
        for one in changes
    ]


def notices_of(change: Transition) -> tuple[Notice, ...]:
    """What people may have been told of a change."""
    match change.was, change.now:
        case _, "down":
            return ("monitor.down", "incident.created")
        case "down", _:
            return ("monitor.recovered", "incident.resolved")
        case _, "not_observed":
            return ("monitor.not_observed",)
        case _, "late":
            return ("monitor.late",)
        case _:
            return ()


async def sent_of(
    deps: Dependencies, thing: Check | Monitor, changes: Sequence[Transition], times: ShownTimes
) -> dict[str, list[dict[str, Any]]] | None:
    """What was sent of each change, by its id; None: history does not tell."""
    all_of = deps.directory.channels_of(thing.project)
    # Those of the thing first; others may have been called by an escalation.
    channels = sorted(all_of, key=lambda one: one.id not in thing.channels)[:_MOST_CHANNELS]
    asked = await asyncio.gather(*(_sent_to(deps, channel, changes, times) for channel in channels))
    found: dict[str, list[dict[str, Any]]] = {}
    for some in asked:
        if some is None:
            return None
        for transition, row in some:
            found.setdefault(transition, []).append(row)
    return found


async def _sent_to(
    deps: Dependencies, channel: Channel, changes: Sequence[Transition], times: ShownTimes
) -> list[tuple[str, dict[str, Any]]] | None:
    wanted = {
        delivery_id(event_id(change.id, notice), channel.id): (change.id, notice)
        for change in changes
        for notice in notices_of(change)
    }
    if not wanted:
        return []
    finished: dict[str, FinishedRow] = {}
    if deps.delivery_history is not None:
        rows = await told(deps.delivery_history.outcomes(channel.id, list(wanted)))
        if rows is None:
            return None
        finished = {row.delivery: row for row in rows}
    found = []
    for delivery, (transition, notice) in wanted.items():
        pending = deps.delivery_states.delivery(channel.id, delivery)
        row = finished.get(delivery)
        if pending is not None or row is not None:
            found.append((transition, _sent(channel, notice, pending, row, times)))
    return found


def _sent(
    channel: Channel, notice: str, pending: Delivery | None, row: FinishedRow | None, times: ShownTimes
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "channel": channel.name or channel.kind,
        "kind": channel.kind,
        "notice": notice_words(notice),
    }
    if pending is not None:
        following = "an attempt is under way" if pending.due is None else f"next attempt {times.clock(pending.due)}"
        return shown | {"fared": f"pending, {following}", "error": pending.error or "", "when": None, "is_well": True}
    assert row is not None
    tries = f" after {row.attempts} attempts" if row.attempts > 1 else ""
    words = f"{OUTCOME_WORDS.get(row.outcome, row.outcome)}{tries}, {times.clock(row.at)}"
    is_well = row.outcome in ("delivered", "gathered", "muted")
    return shown | {
        "fared": words,
        "error": "" if row.outcome == "gathered" else row.detail,
        "when": row.at,
        "is_well": is_well,
    }
