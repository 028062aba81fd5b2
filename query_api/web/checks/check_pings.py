"""The ping log of a check, as its page shows it: pings with what they brought, and gaps between them. Pure.

A gap is a span in which a ping may have been refused or lost, so that nobody can say that none came.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from query_api.history.checks import PingRow
from query_api.web.shown.plots import Bar, Point
from query_api.web.shown.shown_times import ShownTimes
from schemas.base import SECOND, Micros
from schemas.duration_words import duration_words

# So many bytes of a body stand in the log.
BODY_START = 300
_LOOKS = {"success": "up", "fail": "down"}

Gap = tuple[Micros, Micros | None]


def ping_rows(
    pings: Sequence[PingRow], starts: Mapping[int, bytes], gaps: Sequence[Gap], times: ShownTimes
) -> list[dict[str, Any]]:
    """Rows of the log, newest first. starts: how bodies begin, by the serials of their pings."""
    rows = [(ping.at, ping.n, _row(ping, starts.get(ping.n), times)) for ping in pings]
    if pings:
        oldest = pings[-1].at
        newest = max(times.now, pings[0].at)
        rows += [(start, 0, _gap(start, end, times)) for start, end in gaps if start <= newest and start >= oldest]
    return [row for *_, row in sorted(rows, key=lambda one: one[:2], reverse=True)]


def _row(ping: PingRow, start: bytes | None, times: ShownTimes) -> dict[str, Any]:
    text = "" if start is None else start.decode(errors="replace")
    return {
        "gap": "",
        "n": ping.n,
        "at": times.at(ping.at),
        "kind": ping.kind,
        "look": _LOOKS.get(ping.kind, "new"),
        "exitstatus": "" if ping.exitstatus is None else str(ping.exitstatus),
        "duration": "" if ping.duration is None else duration_words(ping.duration / SECOND),
        "client": ping.ua,
        "from": f"{ping.scheme} {ping.method} {ping.remote_addr}".strip(),
        "rid": ping.rid or "",
        "size": ping.body_size,
        "body": text,
        "is_cut": ping.body_size > len(start or b""),
    }


def _gap(start: Micros, end: Micros | None, times: ShownTimes) -> dict[str, Any]:
    lasted = "until now" if end is None else f"for {duration_words(max(0, end - start) / SECOND)}"
    return {"gap": f"Not observed from {times.clock(start)} on, {lasted}: a ping may have been lost."}


def run_bars(pings: Sequence[PingRow], limit: Micros, times: ShownTimes) -> list[Bar]:
    """A bar for each run that ended, oldest first; its height is how long it took, of the limit."""
    found = []
    for ping in reversed(pings):
        if ping.kind not in _LOOKS:
            continue
        share = 1.0 if ping.duration is None or not limit else max(0.1, min(1.0, ping.duration / limit))
        took = "" if ping.duration is None else f", took {duration_words(ping.duration / SECOND)}"
        found.append(Bar(_LOOKS[ping.kind], f"{times.clock(ping.at)}: {ping.kind}{took}", share))
    return found


def duration_points(pings: Sequence[PingRow], times: ShownTimes) -> list[Point]:
    """How long runs took, in seconds, oldest first."""
    return [
        Point(ping.at / SECOND, ping.duration / SECOND, f"{times.clock(ping.at)}: {ping.duration / SECOND:.2f} s")
        for ping in reversed(pings)
        if ping.duration is not None
    ]
