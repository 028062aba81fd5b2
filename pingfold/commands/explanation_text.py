"""An explanation as plain text: the status, the reason, the notices, the next deadline. Pure."""

from collections.abc import Iterator
from typing import Any

# What a change of these statuses is worth telling in full, of the newest; older ones get a line.
_IN_FULL = 3


def lines_of(told: dict[str, Any]) -> Iterator[str]:
    """The lines. told: the answer of the API."""
    name = f" “{told['name']}”" if told["name"] else ""
    since = f", since {_time(told['since'])}" if told["since"] else ""
    yield f"{told['type']}{name} ({told['id']})"
    yield f"At {_time(told['at'])} it was {_word(told['status'])}{since}."
    yield from _changes(told["changes"])
    yield from _deadline(told["deadline"])
    yield from _next(told["next"])
    folded = told["folded"]
    yield ""
    yield (
        f"Folded again: {folded['topic']}/{folded['partition']}, offsets {folded['first_offset']} to "
        f"{folded['last_offset']}, upon {folded['upon']}."
    )
    for note in told["notes"]:
        yield f"Note: {note}"


def _changes(changes: list[dict[str, Any]]) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield "What happened (UTC):"
    for change in changes[:-_IN_FULL]:
        yield f"  {_time(change['at'])}  {_headline(change)}"
    for change in changes[-_IN_FULL:]:
        yield f"  {_time(change['at'])}  {_headline(change)}"
        if change["detail"]:
            yield f"      {change['detail']}"
        yield f"      rule: {change['rule']}"
        yield from (f"      from: {_part(part)}" for part in change["computed_from"])
        yield from (f"      event: {_event(event)}" for event in change["events"])
        if change["detected_at"] != change["at"]:
            yield f"      noticed at {_time(change['detected_at'])}"
        if change["silent"]:
            yield "      nobody was told: it is muted"
        yield from (f"      told: {_sent(sent)}" for sent in change["sent"])


def _headline(change: dict[str, Any]) -> str:
    if change["notice"]:
        return f"{change['notice']} ({_word(change['now'])})"
    return f"{_word(change['was'])} → {_word(change['now'])}"


def _event(event: dict[str, Any]) -> str:
    return f"{event['topic']}/{event['partition']}@{event['offset']}  {_time(event['at'])}  {event['text']}"


def _part(part: dict[str, Any]) -> str:
    return f"{part['name']}: " + ", ".join(word for word in (part["text"], part["at"] and _time(part["at"])) if word)


def _sent(sent: dict[str, Any]) -> str:
    channel = sent["alert_channel_name"] or sent["alert_channel_id"]
    delivery = sent["delivery"]
    if delivery is None:
        return f"{channel}: {sent['event']}, how it ended is not known"
    attempts = f"{delivery['attempts']} attempt{'s' if delivery['attempts'] != 1 else ''}"
    when = delivery["finished_at"] or delivery["next_attempt_at"]
    at = "at" if delivery["finished_at"] else "and sent next at"
    words = [f"{delivery['status'].replace('_', ' ')}", f"after {attempts}", f"{at} {_time(when)}" if when else ""]
    why = f": {delivery['last_error']}" if delivery["last_error"] else ""
    listed = f", in the list {delivery['told_in']}" if delivery["told_in"] else ""
    return f"{channel}: {sent['event']}, {' '.join(word for word in words if word)}{listed}{why}"


def _deadline(deadline: dict[str, Any] | None) -> Iterator[str]:
    yield ""
    if deadline is None:
        yield "Nothing was due."
        return
    yield f"Next deadline: {_time(deadline['at'])}: {deadline['text']}."
    yield from (f"      from: {_part(part)}" for part in deadline["computed_from"])


def _next(expected: list[dict[str, Any]]) -> Iterator[str]:
    if expected:
        yield ""
        yield "If nothing came:"
    for each in expected:
        told = f", {each['notice']} to {_channels(each['alert_channel_ids'])}" if each["alert_channel_ids"] else ""
        what = _word(each["status"]) if each["status"] else "it stays as it is"
        yield f"  {_time(each['at'])}  {what}{told}"


def _channels(ids: list[str]) -> str:
    return "one channel" if len(ids) == 1 else f"{len(ids)} channels"


def _word(status: str | None) -> str:
    return "not known" if status is None else status.replace("_", " ")


def _time(text: str) -> str:
    """`2026-02-21 03:12:00.5` of `2026-02-21T03:12:00.500000+00:00`."""
    written = text.removesuffix("+00:00").replace("T", " ")
    return written.rstrip("0") if "." in written else written
