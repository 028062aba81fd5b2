"""An answer about what would have been, for people: tables on a terminal, or a sweep as one table."""

import typer

from infra.settings.durations import format_duration
from pingfold.commands.tables import minute_of, print_table, say
from query_api.what_if.objects import AlertObject, CaseObject, ComparedObject, ImaginedUptimeObject, WhatIfObject
from schemas.duration_words import duration_words
from schemas.what_if.settings import SETTINGS

_SECONDS = frozenset(name for name, setting in SETTINGS.items() if setting.form == "seconds")
_MOST_ALERTS, _MOST_THINGS = 50, 20


def show(answer: WhatIfObject, names: dict[str, str]) -> None:
    """Print it. names: of channels, by id."""
    typer.echo(f"{minute_of(answer.since)} to {minute_of(answer.until)} UTC, {answer.events:,} events")
    for note in answer.notes:
        say(f"note: {note}")
    typer.echo("")
    if len(answer.cases) > 1:
        _show_sweep(answer)
    else:
        _show_case(answer, names)


def _show_sweep(answer: WhatIfObject) -> None:
    short = duration_words(answer.short_seconds)
    later = "median later", "worst later"
    open_ones = any(case.undecided for case in answer.cases)
    verdicts = ("spared", "added", "undecided") if open_ones else ("spared", "added")
    head = ("settings", "alerts", f"under {short}", *verdicts, "long missed", *later, "uptime")
    first = answer.cases[0]
    sent, uptime = (str(first.sent), str(first.short_sent)), _percent(first.uptime.uptime_percentage)
    was = ("as it was", *sent, *("-" for _ in verdicts), f"0 of {first.long_sent}", "-", "-", uptime)
    print_table(head, [was, *(_sweep_row(case, open_ones) for case in answer.cases)])


def _sweep_row(case: CaseObject, open_ones: bool) -> tuple[str, ...]:
    return (
        *(_settings(case), str(case.imagined), str(case.short_imagined), str(case.spared), str(case.added)),
        *((str(case.undecided),) if open_ones else ()),
        *(f"{case.long_missed} of {case.long_sent}", _later(case.median_later_seconds)),
        *(_later(case.worst_later_seconds), _percent(case.uptime.imagined_uptime_percentage)),
    )


def _show_case(answer: WhatIfObject, names: dict[str, str]) -> None:
    [case] = answer.cases
    say(
        f"with {_settings(case)}: {_alerts(case.imagined)} instead of {case.sent}: {case.kept} kept, {case.spared} "
        f"spared, {case.added} added, {case.earlier} earlier, {case.later} later"
    )
    if case.undecided:
        typer.echo(f"{case.undecided} undecided: not over at the end, so that the other side may yet be told")
    if case.long_sent:
        typer.echo(
            f"of {case.long_sent} down times of {duration_words(answer.short_seconds)} or longer, {case.long_missed} "
            f"would not have been told, the others {_later(case.median_later_seconds)} later in the median, "
            f"{_later(case.worst_later_seconds)} at worst"
        )
    typer.echo(f"uptime: {_percents(case.uptime)}")
    if answer.alerts:
        typer.echo("")
        shown = answer.alerts[:_MOST_ALERTS]
        head = ("verdict", "name", "status", "sent (UTC)", "would be (UTC)", "later", "lasted", "channels")
        print_table(head, [_alert_row(one, names) for one in shown])
        if left := len(answer.alerts) - len(shown) + answer.alerts_left_out:
            typer.echo(f"and {left} more; --json shows up to 1,000")
    _show_things(answer)


def _show_things(answer: WhatIfObject) -> None:
    """The things whose uptime would be another one, the most improved first."""
    changed = [one for one in answer.things if one.imagined_down_seconds != one.down_seconds]
    if len(answer.things) < 2 or not changed:
        return
    changed.sort(key=lambda one: one.imagined_down_seconds - one.down_seconds)
    typer.echo("")
    rows = [
        (
            *(one.name or one.id, one.kind, _percent(one.uptime_percentage)),
            *(_percent(one.imagined_uptime_percentage), _lasted(one.down_seconds)),
            _lasted(one.imagined_down_seconds),
        )
        for one in changed[:_MOST_THINGS]
    ]
    print_table(("name", "kind", "uptime", "would be", "down", "would be"), rows)
    if left := len(changed) - len(rows) + answer.things_left_out:
        typer.echo(f"and {left} more; --json shows up to 1,000")


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


def _alert_row(one: ComparedObject, names: dict[str, str]) -> tuple[str, ...]:
    told = one.imagined or one.sent
    assert told is not None
    channels = ", ".join(names.get(id, id) for id in told.alert_channel_ids)
    return (
        *(one.verdict, one.name or one.id, one.status, _told(one.sent), _told(one.imagined)),
        *(_later(one.later_seconds) if one.later_seconds else "-", _length(one), channels),
    )


def _told(alert: AlertObject | None) -> str:
    return "-" if alert is None else minute_of(alert.told_at)


def _length(one: ComparedObject) -> str:
    alert = one.sent or one.imagined
    assert alert is not None
    return "still" if alert.length_seconds is None else _lasted(alert.length_seconds)


def _settings(case: CaseObject) -> str:
    words = []
    for name, value in case.settings.items():
        if isinstance(value, bool):
            shown = str(value).lower()
        elif isinstance(value, list):
            shown = ",".join(value) or "none"
        elif isinstance(value, int) and name in _SECONDS:
            shown = format_duration(value)
        else:
            shown = "none" if value is None else str(value)
        words.append(f"{name}={shown}")
    return " ".join(words) or "the same settings"


def _percents(uptime: ImaginedUptimeObject) -> str:
    return f"{_percent(uptime.uptime_percentage)}, would be {_percent(uptime.imagined_uptime_percentage)}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:g} %"


def _lasted(seconds: float) -> str:
    return duration_words(seconds) if seconds else "0 s"


def _later(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"-{duration_words(-seconds)}" if seconds < 0 else _lasted(seconds)
