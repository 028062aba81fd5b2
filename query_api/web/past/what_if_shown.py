"""What would have been, as a page shows it, from the API's answer (`query_api.what_if.objects`). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from markupsafe import Markup

from infra.settings.durations import format_duration
from query_api.web.past.what_if_form import LABELS
from query_api.web.shown.plots import Stretch, timelines
from query_api.web.shown.sentences import sentence
from query_api.web.shown.shown_times import ShownTimes
from query_api.what_if.objects import AlertObject, CaseObject, ComparedObject, WhatIfObject
from schemas.base import Micros
from schemas.duration_words import duration_words
from schemas.times import read_iso
from schemas.what_if.settings import SETTINGS

# So many alerts are listed; those that are told at the same moment are only counted.
MOST_LISTED = 200
_IN_A_ROW = " in a row"


class Shown(NamedTuple):
    """summary: in sentences. plot: how it was, and how it would have been; None: of several values. alerts: rows of
    those that differ, newest first; left_out: so many more do. cases: rows, one for each value; empty: of one."""

    summary: list[str]
    plot: Markup | None
    alerts: list[dict[str, Any]]
    left_out: int
    cases: list[dict[str, Any]]
    notes: list[str]


def shown(answer: object, is_sweep: bool, times: ShownTimes) -> Shown:
    """How an answer is shown. is_sweep: several values were asked about. Raises `msgspec.ValidationError` when it is no
    answer."""
    told = msgspec.convert(answer, WhatIfObject)
    notes = [sentence(note) for note in told.notes]
    if is_sweep:
        return Shown([], None, [], 0, [_as_it_was(told.cases[0]), *map(_case_row, told.cases)], notes)
    others = [one for one in reversed(told.alerts) if one.verdict != "kept"]
    rows = [_alert_row(one, times) for one in others[:MOST_LISTED]]
    left_out = max(0, len(others) - MOST_LISTED) + told.alerts_left_out
    return Shown(_summary(told, told.cases[0]), _plot(told, times), rows, left_out, [], notes)


def settings_words(settings: Mapping[str, Any]) -> str:
    """`grace 20m, period 1h`, `3 failing results in a row`; of none `as it is`."""
    told = [_setting_words(name, _value(name, value)) for name, value in settings.items()]
    return ", ".join(told) or "as it is"


def _setting_words(name: str, value: str) -> str:
    """By the label that the form has for it."""
    label = LABELS.get(name, name.replace("_", " "))
    if not label.endswith(_IN_A_ROW):
        return f"{label.lower()} {value}"
    results = label.removesuffix(_IN_A_ROW).lower()
    return f"{value} {results.removesuffix('s') if value == '1' else results}{_IN_A_ROW}"


def _value(name: str, value: Any) -> str:
    setting = SETTINGS.get(name)
    if setting is not None and setting.form == "seconds" and isinstance(value, int):
        return format_duration(value)
    return "none" if value is None else str(value)


def _summary(told: WhatIfObject, case: CaseObject) -> list[str]:
    counts = [(case.kept, "kept"), (case.spared, "spared"), (case.added, "added"), (case.earlier, "earlier")]
    counts += [(case.later, "later"), (case.undecided, "undecided")]
    parts = ", ".join(f"{number} {word}" for number, word in counts if number)
    alerts = f"{case.imagined} alert{'' if case.imagined == 1 else 's'} instead of {case.sent}"
    sentences = [f"With {settings_words(case.settings)}: {alerts}{f' ({parts})' if parts else ''}."]
    if case.long_sent:
        sentences.append(_long_words(told, case))
    was, would = case.uptime.uptime_percentage, case.uptime.imagined_uptime_percentage
    if was is not None and would is not None:
        sentences.append(f"It would have been up {would} % of the time, and was {was} %.")
    return sentences


def _long_words(told: WhatIfObject, case: CaseObject) -> str:
    limit = duration_words(told.short_seconds)
    missed = f"{case.long_missed} would not have been told" if case.long_missed else "none would have been missed"
    words = f"Of {case.long_sent} told down time{'' if case.long_sent == 1 else 's'} of {limit} or longer, {missed}"
    if case.median_later_seconds is None or case.worst_later_seconds is None:
        return f"{words}."
    median, worst = _later(case.median_later_seconds), _later(case.worst_later_seconds)
    return f"{words}; the others would have been told {median} in the median, {worst} at worst."


def _later(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if not seconds:
        return "at the same moment"
    return f"{duration_words(abs(seconds))} {'later' if seconds > 0 else 'earlier'}"


def _as_it_was(case: CaseObject) -> dict[str, Any]:
    was = case.uptime.uptime_percentage
    row = {"settings": "as it was", "imagined": case.sent, "missed": f"0 of {case.long_sent}"}
    return row | {"uptime": "" if was is None else f"{was} %"}


def _case_row(case: CaseObject) -> dict[str, Any]:
    would = case.uptime.imagined_uptime_percentage
    return {
        "settings": settings_words(case.settings),
        "imagined": case.imagined,
        "spared": case.spared,
        "added": case.added,
        "missed": f"{case.long_missed} of {case.long_sent}",
        "median": _later(case.median_later_seconds),
        "worst": _later(case.worst_later_seconds),
        "uptime": "" if would is None else f"{would} %",
    }


def _alert_row(one: ComparedObject, times: ShownTimes) -> dict[str, Any]:
    alert = one.sent or one.imagined
    assert alert is not None
    return {
        "verdict": one.verdict,
        "status": one.status,
        "sent": "" if one.sent is None else times.at(_at(one.sent.told_at)),
        "imagined": "" if one.imagined is None else times.at(_at(one.imagined.told_at)),
        "later": _later(one.later_seconds),
        "lasted": "" if alert.length_seconds is None else duration_words(alert.length_seconds),
    }


def _plot(told: WhatIfObject, times: ShownTimes) -> Markup:
    start, end = _at(told.since), _at(told.until)
    sides: Sequence[tuple[str, Iterable[tuple[ComparedObject, AlertObject | None]]]] = (
        ("As it was", [(one, one.sent) for one in told.alerts]),
        (f"With {settings_words(told.cases[0].settings)}", [(one, one.imagined) for one in told.alerts]),
    )
    lines = [
        (name, [_stretch(one.status, alert, start, end, times) for one, alert in alerts if alert is not None])
        for name, alerts in sides
    ]
    case = told.cases[0]
    label = f"Troubles that were told: {case.sent} as it was, {case.imagined} with {settings_words(case.settings)}"
    return timelines(lines, label, (times.clock(start), times.clock(end)))


def _stretch(status: str, alert: AlertObject, start: Micros, end: Micros, times: ShownTimes) -> Stretch:
    began, ended = _at(alert.began_at), end if alert.ended_at is None else _at(alert.ended_at)
    until = "on" if alert.ended_at is None else f"to {times.clock(ended)}"
    title = f"{status} from {times.clock(began)} {until}, told {times.clock(_at(alert.told_at))}"
    look = status if status in ("down", "late") else "not_observed"
    return Stretch(look, (began - start) / (end - start), (ended - start) / (end - start), title)


def _at(text: str) -> Micros:
    return read_iso(text)
