"""What a report tells people, read from the body that webhooks get. Pure.

Whatever it holds, the facts are texts and numbers: nothing of it is taken for more. Names are lines.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from processors.sender.mail_headers import one_line
from processors.sender.notice_facts import moment_of
from processors.sender.notice_values import object_of, text_of
from schemas.channels.messages import Row
from schemas.duration_words import duration_words

# More than is ever sent; a body may come from elsewhere.
_MOST_ROWS = 100


def report_facts(data: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a report for a mail: `summary`, `span`, and a list of rows for each section, empty without any."""
    report = object_of(data.get("report"))
    start, end = moment_of(text_of(report, "from")), moment_of(text_of(report, "to"))
    incidents = object_of(report.get("incidents"))
    return {
        "summary": one_line(text_of(report, "summary")),
        "span": one_line(text_of(report, "days")) or (f"{start} to {end}" if start and end else ""),
        "zone": one_line(text_of(report, "timezone")),
        "uptime": _percent(report.get("uptime_percentage")),
        "before": _percent(report.get("previous_uptime_percentage")),
        "incidents": text_of(incidents, "count"),
        "incidents_before": text_of(incidents, "previous_count"),
        "longest": _duration(incidents.get("longest_seconds")),
        "down": _duration(incidents.get("total_seconds")),
        "things": [_thing(row) for row in _rows(report, "monitors")],
        "things_total": _count(report, "monitors_total"),
        "slowest": [_slow(row, "ms") for row in _rows(report, "slowest")],
        "slowest_runs": [_slow(row, "s") for row in _rows(report, "slowest_runs")],
        "flappiest": [
            {"name": _name(row), "incidents": text_of(row, "incidents")} for row in _rows(report, "flappiest")
        ],
        "unacknowledged": [_unacknowledged(row) for row in _rows(report, "unacknowledged")],
        "unacknowledged_total": _count(report, "unacknowledged_total"),
        "silent": [_name(row) for row in _rows(report, "without_channel")],
        "silent_total": _count(report, "without_channel_total"),
        "away": [_away(row) for row in _rows(report, "away")],
        "away_for": _duration(report.get("away_seconds")) if report.get("away_seconds") else "",
        "incomplete": report.get("complete") is False,
    }


def report_rows(data: Mapping[str, Any]) -> tuple[Row, ...]:
    """The report in three lines, for a chat."""
    facts = report_facts(data)
    if not facts["uptime"] and not facts["incidents"]:
        return (Row("Report", facts["summary"]),) if facts["summary"] else ()
    before = f" ({facts['before']} before)" if facts["before"] else ""
    longest = f", the longest {facts['longest']}" if facts["incidents"] not in ("", "0") else ""
    noted = [
        (facts["unacknowledged_total"], "incidents that nobody acknowledged"),
        (facts["silent_total"], "things that would tell nobody"),
    ]
    look = ", ".join(f"{many} {what}" for many, what in noted if many)
    if facts["away_for"]:
        look = ", ".join(filter(None, (look, f"Pingfold was away for {facts['away_for']}")))
    rows = [
        Row("Uptime", f"{facts['uptime'] or 'nothing was observed'}{before}"),
        Row("Incidents", f"{facts['incidents'] or '0'} ({facts['incidents_before'] or '0'} before){longest}"),
    ]
    return (*rows, Row("Look at", look)) if look else tuple(rows)


def _rows(report: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = report.get(name)
    yield from (object_of(row) for row in found[:_MOST_ROWS]) if isinstance(found, list) else ()


def _thing(row: Mapping[str, Any]) -> dict[str, str]:
    runs = row.get("p95_run_seconds") is not None
    return {
        "name": _name(row),
        "uptime": _percent(row.get("uptime_percentage")) or "-",
        "before": _percent(row.get("previous_uptime_percentage")) or "-",
        "incidents": text_of(row, "incidents"),
        "down": _duration(row.get("down_seconds")) if row.get("down_seconds") else "",
        "unknown": _duration(row.get("not_observed_seconds")) if row.get("not_observed_seconds") else "",
        "p95": _took(row.get("p95_run_seconds"), "s") if runs else _took(row.get("p95_response_time_ms"), "ms"),
    }


def _slow(row: Mapping[str, Any], unit: str) -> dict[str, str]:
    return {"name": _name(row), "p50": _took(row.get("p50"), unit), "p95": _took(row.get("p95"), unit)}


def _unacknowledged(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": _name(row),
        "started": moment_of(text_of(row, "started_at")),
        "resolved": moment_of(text_of(row, "resolved_at")),
        "cause": one_line(text_of(row, "cause")),
    }


def _away(row: Mapping[str, Any]) -> dict[str, str]:
    start, end = moment_of(text_of(row, "from")), moment_of(text_of(row, "to"))
    return {"start": start, "end": end, "took": _duration(row.get("seconds"))}


def _name(row: Mapping[str, Any]) -> str:
    return one_line(text_of(row, "name")) or text_of(row, "monitor_id")


def _count(report: Mapping[str, Any], name: str) -> int:
    value = report.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**15:
        return None
    return float(value)


def _percent(value: object) -> str:
    number = _number(value)
    return "" if number is None else f"{number:.5g} %" if number < 100 else "100 %"


def _took(value: object, unit: str) -> str:
    number = _number(value)
    return "" if number is None else f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def _duration(value: object) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    number = _number(value)
    return "" if number is None else duration_words(number)
