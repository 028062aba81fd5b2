"""What a report tells people, read from the body that webhooks get. Pure.

Whatever it holds, the facts are texts and numbers: nothing of it is taken for more. Names are lines.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from processors.sender.mail_headers import one_line
from processors.sender.notice_values import moments, object_of, text_of
from schemas.channels.messages import Row
from schemas.duration_words import duration_words
from schemas.languages.catalogues import ENGLISH, sentence
from schemas.languages.reading import ENGLISH_UTC, Reading

# More than is ever sent; a body may come from elsewhere.
_MOST_ROWS = 100
_TITLES = ("report.week", "report.month")


def report_title(name: str, reading: Reading) -> str:
    """What a report is called: the fold writes that once, in English."""
    for title in _TITLES:
        begins = sentence(ENGLISH, title, name="")
        if name.startswith(begins):
            return reading.says(title, name=name.removeprefix(begins))
    return name


def report_summary(data: Mapping[str, Any], reading: Reading = ENGLISH_UTC) -> str:
    """The report in a line. The one that is in it is English; in other languages it is what a chat is told."""
    summary = one_line(text_of(object_of(data.get("report")), "summary"))
    if reading.language == ENGLISH:
        return summary
    told = "; ".join(f"{row.label}: {row.value}" for row in _figures(report_facts(data, reading), reading))
    return told or reading.cause(summary)


def report_facts(data: Mapping[str, Any], reading: Reading = ENGLISH_UTC) -> dict[str, Any]:
    """The facts of a report for a mail: `span`, figures, and a list of rows for each section, empty without any."""
    report = object_of(data.get("report"))
    incidents = object_of(report.get("incidents"))
    return {
        "span": _days(report, reading),
        "zone": one_line(text_of(report, "timezone")),
        "uptime": _percent(report.get("uptime_percentage")),
        "before": _percent(report.get("previous_uptime_percentage")),
        "incidents": text_of(incidents, "count"),
        "incidents_before": text_of(incidents, "previous_count"),
        "longest": _duration(incidents.get("longest_seconds")),
        "down": _duration(incidents.get("total_seconds")),
        "things": [_thing(row, reading) for row in _rows(report, "monitors")],
        "things_total": _count(report, "monitors_total"),
        "slowest": [_slow(row, "ms", reading) for row in _rows(report, "slowest")],
        "slowest_runs": [_slow(row, "s", reading) for row in _rows(report, "slowest_runs")],
        "flappiest": [
            {"name": _name(row), "incidents": text_of(row, "incidents")} for row in _rows(report, "flappiest")
        ],
        "unacknowledged": [_unacknowledged(row, reading) for row in _rows(report, "unacknowledged")],
        "unacknowledged_total": _count(report, "unacknowledged_total"),
        "silent": [_name(row) for row in _rows(report, "without_channel")],
        "silent_total": _count(report, "without_channel_total"),
        "away": [_away(row, reading) for row in _rows(report, "away")],
        "away_for": _duration(report.get("away_seconds")) if report.get("away_seconds") else "",
        "incomplete": report.get("complete") is False,
    }


def report_rows(data: Mapping[str, Any], reading: Reading = ENGLISH_UTC) -> tuple[Row, ...]:
    """The report in three lines, for a chat."""
    if rows := _figures(report_facts(data, reading), reading):
        return rows
    summary = report_summary(data, reading)
    return (Row(reading.says("report.title"), summary),) if summary else ()


def _figures(facts: Mapping[str, Any], reading: Reading) -> tuple[Row, ...]:
    """Empty when it has none."""
    if not facts["uptime"] and not facts["incidents"]:
        return ()
    uptime = facts["uptime"] or reading.says("report.unobserved")
    if facts["before"]:
        uptime = reading.says("report.compared", value=uptime, before=facts["before"])
    incidents = reading.says(
        "report.compared", value=facts["incidents"] or "0", before=facts["incidents_before"] or "0"
    )
    if facts["incidents"] not in ("", "0"):
        incidents += reading.says("report.longest", longest=facts["longest"])
    noted = [
        reading.says(key, many=facts[many])
        for key, many in (
            ("report.unacknowledged_many", "unacknowledged_total"),
            ("report.silent_many", "silent_total"),
        )
        if facts[many]
    ]
    if facts["away_for"]:
        noted.append(reading.says("report.away", span=facts["away_for"]))
    rows = (Row(reading.says("report.uptime"), uptime), Row(reading.says("report.incidents"), incidents))
    return (*rows, Row(reading.says("report.look_at"), ", ".join(noted))) if noted else rows


def _rows(report: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = report.get(name)
    yield from (object_of(row) for row in found[:_MOST_ROWS]) if isinstance(found, list) else ()


def _days(report: Mapping[str, Any], reading: Reading) -> str:
    """The first and the last day, or the span in moments."""
    start, to, end = one_line(text_of(report, "days")).partition(" to ")
    if not to:
        start, end = start or reading.moment(text_of(report, "from")), reading.moment(text_of(report, "to"))
    return reading.says("report.span", start=start, end=end) if start and end else ""


def _thing(row: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    runs = row.get("p95_run_seconds") is not None
    down, unknown = row.get("down_seconds"), row.get("not_observed_seconds")
    return {
        "name": _name(row),
        "uptime": _percent(row.get("uptime_percentage")) or "-",
        "before": _percent(row.get("previous_uptime_percentage")) or "-",
        "incidents": text_of(row, "incidents"),
        "down": reading.says("report.down", span=_duration(down)) if down else "",
        "unknown": reading.says("report.not_observed", span=_duration(unknown)) if unknown else "",
        "p95": _took(row.get("p95_run_seconds"), "s", reading)
        if runs
        else _took(row.get("p95_response_time_ms"), "ms", reading),
    }


def _slow(row: Mapping[str, Any], unit: str, reading: Reading) -> dict[str, str]:
    return {"name": _name(row), **{name: _took(row.get(name), unit, reading) for name in ("p50", "p95")}}


def _unacknowledged(row: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    start, end = reading.moment(text_of(row, "started_at")), reading.moment(text_of(row, "resolved_at"))
    return {
        "name": _name(row),
        "span": reading.says("report.span", start=start, end=end or reading.says("report.now")),
        "cause": moments(reading.cause(one_line(text_of(row, "cause"))), reading),
    }


def _away(row: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    start, end = reading.moment(text_of(row, "from")), reading.moment(text_of(row, "to"))
    return {"span": reading.says("report.span", start=start, end=end), "took": _duration(row.get("seconds"))}


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


def _took(value: object, unit: str, reading: Reading) -> str:
    number = _number(value)
    if number is None:
        return ""
    return f"{reading.number(round(number))} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def _duration(value: object) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    number = _number(value)
    return "" if number is None else duration_words(number)
