"""A report in a line, for chats, and what is sent of it: as much as fits into a notice. Pure."""

from datetime import timedelta
from typing import Any

import msgspec

from query_api.reports.objects import ReportObject
from schemas.duration_words import duration_words
from schemas.reports import MOST_CONTENT
from schemas.schedules import zone
from schemas.times import read_moment

# So many things are told in what is sent, the worst first. All of them are in the API.
_MOST_SENT = 50
_LONGEST_NAME, _LONGEST_CAUSE = 120, 200


def summary_of(report: ReportObject) -> str:
    """`Uptime 99.982 % (99.99 % before). 3 incidents, the longest 12 min. ...`."""
    said = [_uptime(report), _incidents(report)]
    if report.unacknowledged_total:
        said.append(f"Nobody acknowledged {report.unacknowledged_total} of them.")
    if report.without_channel_total:
        things = "thing" if report.without_channel_total == 1 else "things"
        said.append(f"{report.without_channel_total} {things} would tell nobody.")
    if report.away_seconds:
        said.append(f"Pingfold itself was away for {duration_words(report.away_seconds)}.")
    if not report.complete:
        said.append("History did not have all of it.")
    return " ".join(said)


def _uptime(report: ReportObject) -> str:
    if not report.monitors_total:
        return "There is nothing to watch."
    if report.uptime_percentage is None:
        return "Nothing was observed."
    before = report.previous_uptime_percentage
    return f"Uptime {report.uptime_percentage:g} %" + ("." if before is None else f" ({before:g} % before).")


def _incidents(report: ReportObject) -> str:
    told = report.incidents
    if not told.count:
        return "No incidents."
    if told.count == 1:
        return f"1 incident of {duration_words(told.longest_seconds)}."
    longest, total = duration_words(told.longest_seconds), duration_words(told.total_seconds)
    return f"{told.count} incidents, the longest {longest}, all together {total}."


def content_of(report: ReportObject) -> dict[str, Any]:
    """What is sent: the report with short names, and with so many things that it stays within `MOST_CONTENT`."""
    content: dict[str, Any] = msgspec.to_builtins(report)
    content["summary"] = summary_of(report)
    content["days"] = _days(report)
    content["project"] = _cut(content["project"], _LONGEST_NAME)
    for name in ("monitors", "slowest", "slowest_runs", "flappiest", "unacknowledged", "without_channel"):
        for row in content[name]:
            row["name"] = _cut(row["name"], _LONGEST_NAME)
    for row in content["unacknowledged"]:
        row["cause"] = _cut(row["cause"], _LONGEST_CAUSE)
    for most in (_MOST_SENT, 20, 5, 0):
        content["monitors"] = content["monitors"][:most]
        content["without_channel"] = content["without_channel"][:most]
        if len(msgspec.json.encode(content)) <= MOST_CONTENT:
            break
    return content


def _days(report: ReportObject) -> str:
    """`2025-06-09 to 2025-06-15`: the first and the last day by the calendar of the time zone, if they are whole."""
    if report.period == "custom":
        return ""
    first, end = (read_moment(at).astimezone(zone(report.timezone)) for at in (report.start, report.end))
    return f"{first.date()} to {end.date() - timedelta(days=1)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
