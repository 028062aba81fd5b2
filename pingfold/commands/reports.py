"""`pingfold report`: shows and schedules reports through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from pingfold.commands.options import Json
from pingfold.commands.poppaping import call
from pingfold.commands.tables import minute_of, print_table, say
from pingfold.errors import CommandFailed
from schemas.duration_words import duration_words

# So long the API takes for a report, and a moment more.
_WITHIN_SECONDS = 40.0

Period = Annotated[str, typer.Option(help="week or month.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="IANA time zone, such as Europe/Riga.")]
ChannelIds = Annotated[list[str] | None, typer.Option("--channel", help="Id of a channel; repeat for several.")]


def show(
    period: Period = "week",
    at: Annotated[str | None, typer.Option(help="The last complete period before this time. Default: now.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Start of the time range (ISO 8601), instead of a period.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="End of the time range. Default: now.")] = None,
    timezone: Zone = None,
    json: Json = False,
) -> None:
    """Show the report of a week, a month, or a time range of at most 400 days.

    Example: pingfold report show --period month
    """
    asked = {"from": start, "to": to} if start or to else {"period": period, "at": at}
    query = urlencode({name: value for name, value in (asked | {"timezone": timezone}).items() if value is not None})
    report = _call("GET", f"/api/v1/reports?{query}")
    if json:
        typer.echo(json_module.dumps(report, indent=2))
        return
    typer.echo(f"{minute_of(report['from'])} to {minute_of(report['to'])} UTC")
    told = report["incidents"]
    _say("uptime", _percent(report["uptime_percentage"]), f"{_percent(report['previous_uptime_percentage'])} before")
    lasted = f"longest {_lasted(told['longest_seconds'])}, all {_lasted(told['total_seconds'])}"
    _say("incidents", told["count"], f"{told['previous_count']} before", *([lasted] if told["count"] else []))
    _say("nobody acknowledged", report["unacknowledged_total"])
    _say("would tell nobody", report["without_channel_total"])
    _say("Pingfold was away", _lasted(report["away_seconds"]))
    if not report["complete"]:
        typer.echo("history does not have all of it yet")
    head = ("name", "kind", "uptime", "before", "incidents", "down", "95 % within")
    print_table(head, [_row(one) for one in report["monitors"]])


def send(
    period: Period = "week",
    channel: ChannelIds = None,
) -> None:
    """Send the report of the last complete week or month, as a test.

    Example: pingfold report send --period month
    """
    body: dict[str, Any] = {"period": period} | ({"alert_channel_ids": channel} if channel else {})
    sent = _call("POST", "/api/v1/reports/send", body)
    if not sent["alert_channel_ids"]:
        raise CommandFailed("not sent: no channel is set for reports; give one with --channel")
    typer.echo(f"sent to {sent['deliveries']} of {len(sent['alert_channel_ids'])} channels")


def schedule(
    weekly: Annotated[bool | None, typer.Option("--weekly/--no-weekly", help="Whether to send weekly reports.")] = None,
    monthly: Annotated[
        bool | None, typer.Option("--monthly/--no-monthly", help="Whether to send monthly reports.")
    ] = None,
    timezone: Zone = None,
    channel: ChannelIds = None,
    json: Json = False,
) -> None:
    """Show or change the schedule of reports.

    Example: pingfold report schedule --weekly --channel 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    wanted = {"weekly": weekly, "monthly": monthly, "timezone": timezone, "alert_channel_ids": channel or None}
    body = {name: value for name, value in wanted.items() if value is not None}
    shown = _call("PATCH", "/api/v1/reports/schedule", body) if body else _call("GET", "/api/v1/reports/schedule")
    if json:
        typer.echo(json_module.dumps(shown, indent=2))
        return
    for name, on, after in (
        ("weekly", shown["weekly"], shown["next_weekly_at"]),
        ("monthly", shown["monthly"], shown["next_monthly_at"]),
    ):
        typer.echo(f"{name}: {f'the next after {minute_of(after)} UTC' if on else 'no'}")
    typer.echo(f"time zone: {shown['timezone']}\nchannels: {', '.join(shown['alert_channel_ids']) or 'none'}")


def _say(what: str, *values: object) -> None:
    say(f"{what}: {', '.join(map(str, values))}")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    took = one["p95_run_seconds"], one["p95_response_time_ms"]
    within = f"{took[0]:g} s" if took[0] is not None else f"{took[1]:g} ms" if took[1] is not None else "-"
    return (
        *(one["name"], one["kind"], _percent(one["uptime_percentage"]), _percent(one["previous_uptime_percentage"])),
        *(str(one["incidents"]), _lasted(one["down_seconds"]), within),
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:g} %"


def _lasted(seconds: float) -> str:
    return duration_words(seconds) if seconds else "-"


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return call(method, path, body, timeout=_WITHIN_SECONDS)
