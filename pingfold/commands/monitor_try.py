"""`pingfold monitor try`: one probe of a target, over the API of the running Pingfold. Nothing is made or kept."""

import json as json_module
from typing import Annotated, Any

import typer

from infra.secrets.metrics_key import bearer
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.commands.client import ask_api
from pingfold.commands.options import Json
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from schemas.ids import is_uuid
from schemas.probe_kinds import PROBE_KINDS

# A try waits 30 s at most, and the answer takes a moment more.
_WITHIN_SECONDS = 40.0
# Exit status of what is not up.
_NOT_UP = 3
_PHASES = ("redirects", "lookup", "connect", "tls", "first_byte")


def try_monitor(
    target: Annotated[str, typer.Argument(help="A URL; HOST or HOST:PORT with --type; or the id of a monitor.")],
    type: Annotated[str | None, typer.Option(help=f"Kind of probe: {', '.join(PROBE_KINDS)}. Default: http.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the API, such as keyword=Welcome; repeat for several. Values as JSON."),
    ] = None,
    json: Json = False,
) -> None:
    """Probe a target once, from the running Pingfold, as a monitor of it would; nothing is made or kept.

    Exit status: 0 up; 3 down, or nothing can be said; 1 not tried, and one line says why.

    Example: pingfold monitor try https://shop.example.com/ --set keyword=Welcome
    """
    fields = _fields(settings or [])
    path = "/api/v1/monitors/try"
    if is_uuid(target):
        path = f"/api/v1/monitors/{target}/try"
    else:
        fields = _place(target, type or "http") | fields
    own = Settings()
    key = own.key or credentials.load(credentials.path_of(own)).poppaping_key
    told = ask_api("POST", path, bearer(key), fields, timeout=_WITHIN_SECONDS)["data"]
    if json:
        typer.echo(json_module.dumps(told, indent=2))
    else:
        _show(told)
    if told["status"] != "up":
        raise typer.Exit(_NOT_UP)


def _fields(given: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise CommandFailed(f"--set {one[:60]}: a field and its value are expected, such as keyword=Welcome")
        try:
            fields[name.strip()] = json_module.loads(value)
        except ValueError:
            fields[name.strip()] = value
    return fields


def _place(target: str, kind: str) -> dict[str, Any]:
    if kind not in PROBE_KINDS:
        raise CommandFailed(f"--type {kind}: there are {', '.join(PROBE_KINDS)}")
    if kind == "http":
        return {"type": kind, "url": target}
    host, colon, port = target.rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in host or host.endswith("]")):
        return {"type": kind, "host": host.strip("[]"), "port": int(port)}
    return {"type": kind, "host": target.strip("[]")}


def _show(told: dict[str, Any]) -> None:
    code = "" if told["status_code"] is None else f" with {told['status_code']}"
    said = told["error"] or f"answered{code}"
    lines = [f"{told['status']}: {said}, {told['response_time_ms']:g} ms"]
    phases = told["phases"]
    taken = [(name.replace("_", " "), phases[f"{name}_ms"]) for name in _PHASES]
    if known := [f"{name} {took:g} ms" for name, took in taken if took is not None]:
        lines.append(f"  {', '.join(known)}")
    named = (("address", "address"), ("redirected to", "redirected_to"), ("certificate until", "tls_expires_at"))
    lines += [f"  {words}: {told[name]}" for words, name in named if told[name]]
    for one in told["families"]:
        lines.append(f"  {one['family']}: {one['status']}{': ' + one['error'] if one['error'] else ''}")
    say(*lines)
