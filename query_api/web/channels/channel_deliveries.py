"""What a channel was sent, newest first, as its page lists it: what is pending, then what history tells.

History that does not answer takes only its own part away: what is pending, this process knows itself.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from query_api.dependencies import Dependencies
from query_api.history.deliveries import FinishedRow, NewestRow
from query_api.history.ports import DeliveryHistoryReader
from query_api.web.asking import told
from query_api.web.channels.channel_words import NOTICE_WORDS
from query_api.web.shown.changes_shown import OUTCOME_WORDS
from query_api.web.shown.shown_times import ShownTimes
from schemas.definitions import Channel
from schemas.deliveries import Delivery

PER_PAGE = 25
_WELL = ("delivered", "gathered")
_MISSING = "History does not answer now: what was sent before is missing here."
LAST_MISSING = "History does not answer now: what channels were sent last is missing here."
_NONE = "History is not available here: only what is pending is shown."


class _TestData(msgspec.Struct):
    test: bool = False


class _TestBody(msgspec.Struct):
    data: _TestData


_test_body = msgspec.json.Decoder(_TestBody).decode


class Log(NamedTuple):
    """rows: of one page. missing: what is not shown, in words; more: whether there is another page."""

    rows: list[dict[str, Any]]
    missing: str
    more: bool


async def log_of(deps: Dependencies, channel: Channel, page: int, times: ShownTimes) -> Log:
    """One page of what a channel was sent. page: from 1."""
    # In this order: what finishes meanwhile is seen twice, and shown once, instead of never.
    pending, skip = deps.delivery_states.pending(channel.id), (page - 1) * PER_PAGE
    rows = [_pending(one.delivery, times) for one in pending[skip : skip + PER_PAGE]]
    if deps.delivery_history is None:
        return Log(rows, _NONE, len(pending) > skip + PER_PAGE)
    room = PER_PAGE - len(rows)
    found = await told(_finished(deps.delivery_history, channel.id, max(0, skip - len(pending)), room + 1))
    if found is None:
        return Log(rows, _MISSING, len(pending) > skip + PER_PAGE)
    known = {(one.id, one.replay) for one in pending}
    shown = [one for one in found[:room] if (one.delivery, one.replay) not in known]
    tests = await told(_tests(deps.delivery_history, channel.id, [one.delivery for one in shown])) or ()
    rows += [_row(one, times, tests) for one in shown]
    return Log(rows, "", len(found) > room)


class Last(NamedTuple):
    """What channels were sent last, by channel; of those that are not there nothing is known. missing: what is not
    shown, in words."""

    rows: dict[str, dict[str, Any]]
    missing: str = ""


async def last_of(deps: Dependencies, channels: Sequence[Channel], times: ShownTimes) -> Last:
    """What each was sent last. History is asked once for all of which nothing is pending."""
    waiting = {one.id: pending[0] for one in channels if (pending := deps.delivery_states.pending(one.id))}
    rows = {channel: _pending(one.delivery, times) for channel, one in waiting.items()}
    others = [one.id for one in channels if one.id not in waiting]
    if deps.delivery_history is None or not others:
        return Last(rows)
    found = await told(_newest(deps.delivery_history, others))
    if found is None:
        return Last(rows, LAST_MISSING)
    newest = {
        channel: _row(row, times, {row.delivery} if is_test(body) else ()) for channel, (row, body) in found.items()
    }
    return Last(rows | newest)


def is_test(body: str) -> bool:
    """Whether somebody had this body sent to see whether it arrives."""
    try:
        return _test_body(body).data.test
    except msgspec.DecodeError:  # a body of another form, or one that was not kept
        return False


async def _tests(history: DeliveryHistoryReader, channel: str, deliveries: list[str]) -> set[str]:
    """Those of the deliveries that were tests."""
    sent = await history.sent(channel, deliveries) if deliveries else {}
    return {id for id, one in sent.items() if is_test(one.body)}


async def _newest(history: DeliveryHistoryReader, channels: Sequence[str]) -> dict[str, NewestRow]:
    await history.all_caught_up()
    return await history.newest(channels)


async def _finished(history: DeliveryHistoryReader, channel: str, skip: int, limit: int) -> list[FinishedRow]:
    await history.caught_up(channel)
    return await history.log(channel, skip, limit)


def _pending(delivery: Delivery, times: ShownTimes) -> dict[str, Any]:
    following = "an attempt is under way" if delivery.due is None else f"next attempt {times.clock(delivery.due)}"
    return {
        "id": delivery.id,
        "notice": NOTICE_WORDS.get(delivery.notice, delivery.notice),
        "is_test": is_test(delivery.body),
        "look": "none" if not delivery.error else "late",
        "word": "pending",
        "outcome": following,
        "attempts": delivery.attempt - (delivery.due is None),
        "began": times.at(delivery.first_due),
        "ended": "",
        "error": delivery.error or "",
        "again": bool(delivery.replay),
    }


def _row(row: FinishedRow, times: ShownTimes, tests: Collection[str] = ()) -> dict[str, Any]:
    is_well = row.outcome in _WELL
    return {
        "id": row.delivery,
        "is_test": row.delivery in tests,
        "notice": NOTICE_WORDS.get(row.notice, row.notice),  # type: ignore[call-overload]
        "look": "up" if is_well else "none" if row.outcome == "muted" else "down",
        "word": "sent" if is_well else "not sent",
        "outcome": OUTCOME_WORDS.get(row.outcome, row.outcome),
        "attempts": row.attempts,
        "began": times.at(row.began),
        "ended": times.at(row.at),
        "error": "" if row.outcome == "gathered" else row.detail,
        "again": bool(row.replay),
    }
