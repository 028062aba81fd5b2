"""`pingfold escalation`: manages escalation policies through the API of the running Pingfold."""

import json as json_module
from typing import Annotated, Any
from urllib.parse import quote

import typer

from infra.settings.durations import parse_duration
from pingfold.commands.options import Json
from pingfold.commands.poppaping import all_of, call
from pingfold.commands.tables import minute_of, print_table

_PATH = "/api/v1/escalation-policies"
_OWN, _ON_CALL = "own", "on-call:"

Policy = Annotated[str, typer.Argument(help="Id of an escalation policy.")]
Steps = Annotated[
    list[str] | None,
    typer.Option(
        "--step",
        help="A step, such as `10m=own` or `15m=ID,on-call:ID`: the time since the first notice, then ids of channels, "
        "`own` for the channels of the check or monitor, or `on-call:` with the id of a rotation; repeat for several.",
    ),
]
Repeat = Annotated[
    str | None, typer.Option(help="Number of further rounds, or `forever`: until somebody acknowledges. Default: 0.")
]
Things = Annotated[
    list[str] | None,
    typer.Option(
        "--thing",
        help="Id of a check or monitor that uses the policy; repeat for several. Default: all others.",
    ),
]


def list_policies(json: Json = False) -> None:
    """List the escalation policies, oldest first.

    Example: pingfold escalation list
    """
    found = all_of(_PATH)
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    rows = [(one["id"], one["name"], _steps(one), _rounds(one), _for(one)) for one in found]
    print_table(("id", "name", "steps", "further rounds", "for"), rows)


def show_policy(id: Policy, json: Json = False) -> None:
    """Show an escalation policy.

    Example: pingfold escalation show 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _show(call("GET", _path(id)), json)


def create_policy(
    name: str, step: Steps = None, repeat: Repeat = None, thing: Things = None, json: Json = False
) -> None:
    """Create an escalation policy. Open incidents that nobody has acknowledged start at its first step now.

    Example: pingfold escalation create Night --step 10m=own --step 15m=5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    body = {"name": name, "steps": []} | _fields(None, step, repeat, thing)
    made = call("POST", _PATH, body)
    typer.echo(json_module.dumps(made) if json else f"created escalation policy {made['id']}")


def change_policy(
    id: Policy,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    step: Steps = None,
    repeat: Repeat = None,
    thing: Things = None,
    json: Json = False,
) -> None:
    """Change an escalation policy. Omitted fields stay. Open incidents start at its first step again.

    Example: pingfold escalation change 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 --repeat forever
    """
    _show(call("PATCH", _path(id), _fields(name, step, repeat, thing)), json)


def delete_policy(id: Policy) -> None:
    """Delete an escalation policy. It notifies nobody any more.

    Example: pingfold escalation delete 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    call("DELETE", _path(id))
    typer.echo(f"deleted escalation policy {id}")


def _fields(name: str | None, steps: list[str] | None, repeat: str | None, things: list[str] | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if name is not None:
        fields["name"] = name
    if steps:
        fields["steps"] = [_step(each) for each in steps]
    if repeat is not None:
        if repeat != "forever" and not repeat.isdecimal():
            raise typer.BadParameter(f"{repeat}: a number or `forever` is expected")
        fields["repeat"] = None if repeat == "forever" else int(repeat)
    if things:
        fields["monitor_ids"] = things
    return fields


def _step(text: str) -> dict[str, Any]:
    after, _, who = text.partition("=")
    try:
        seconds = parse_duration(after)
    except ValueError:
        seconds = None
    called = [each.strip() for each in who.split(",") if each.strip()]
    if not seconds or seconds % 60 or not called:
        raise typer.BadParameter(f"{text}: whole minutes and whom to tell, such as 10m=own or 15m=ID, are expected")
    rotations = [each.removeprefix(_ON_CALL) for each in called if each.startswith(_ON_CALL)]
    channels = [each for each in called if each != _OWN and not each.startswith(_ON_CALL)]
    step = {"after_minutes": seconds // 60, "alert_channel_ids": channels, "own_channels": _OWN in called}
    return step | ({"on_call": rotations} if rotations else {})


def _show(policy: dict[str, Any], json: bool) -> None:
    if json:
        typer.echo(json_module.dumps(policy, indent=2))
        return
    rows = [
        ("id", policy["id"]),
        ("name", policy["name"]),
        ("steps", _steps(policy)),
        ("further rounds", _rounds(policy)),
        ("for", ", ".join(policy["monitor_ids"]) or "all that no other policy names"),
        ("created (UTC)", minute_of(policy["created_at"])),
        ("changed (UTC)", minute_of(policy["updated_at"])),
    ]
    print_table(("what", "value"), rows)


def _steps(policy: dict[str, Any]) -> str:
    told = []
    for step in policy["steps"]:
        who = [_OWN] * step["own_channels"] + step["alert_channel_ids"] + [_ON_CALL + id for id in step["on_call"]]
        told.append(f"{step['after_minutes']}m={','.join(who) or 'nobody'}")
    return " ".join(told) or "none"


def _rounds(policy: dict[str, Any]) -> str:
    return "forever" if policy["repeat"] is None else str(policy["repeat"])


def _for(policy: dict[str, Any]) -> str:
    named = policy["monitor_ids"]
    return "all others" if not named else named[0] if len(named) == 1 else f"{len(named)} things"


def _path(id: str) -> str:
    return f"{_PATH}/{quote(id, safe='')}"
