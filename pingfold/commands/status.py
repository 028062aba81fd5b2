"""`pingfold status`: the number of checks and monitors that are up, late and down, from the running Pingfold."""

import json as json_module
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import typer

from infra.secrets.metrics_key import bearer, metrics_key_at_hand
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.commands.client import ask_api, request
from pingfold.commands.options import Json
from pingfold.commands.tables import minute_of, print_table, say
from pingfold.errors import CommandFailed
from pingfold.running_place import running_place

# Exit status when something is down, or Pingfold does not work as a whole.
NOT_WELL = 3

# As people say it, of what the APIs say; the order is that in which states are counted and listed.
_STATES = ("down", "late", "unknown", "maintenance", "new", "paused", "up")
_OF_CHECKS = {"grace": "late"}
_OF_MONITORS = {"pending": "new"}
# What is listed, and not only counted.
_LISTED = ("down", "late", "unknown")
_PER_PAGE = 100
_POPPAPING = "pp_"


class Item(msgspec.Struct, kw_only=True):
    """A check or a monitor. last: when it pinged or was probed last. why: of a monitor, its last error; of a check,
    whether Pingfold could be reached when a ping was due."""

    kind: str
    id: str
    name: str
    state: str
    last: str | None
    why: str


class Overview(msgspec.Struct, kw_only=True):
    """What `--json` prints. Counts are by state; None: the key that was given is not for these."""

    url: str
    ready: bool
    problems: list[str]
    warnings: list[str]
    checks: dict[str, int] | None
    monitors: dict[str, int] | None
    not_up: list[Item]

    @property
    def is_well(self) -> bool:
        """Whether nothing is down, and Pingfold works."""
        return self.ready and not any(item.state == "down" for item in self.not_up)


def status(json: Json = False) -> None:
    """Show what is up, late and down, and whether Pingfold itself is ready.

    Exit status: 0 if nothing is down and Pingfold is ready, 3 otherwise, 1 if Pingfold does not answer.

    Example: pingfold status --json
    """
    overview = look(Settings())
    if json:
        typer.echo(json_module.dumps(msgspec.to_builtins(overview), indent=2))
    else:
        _show(overview)
    raise typer.Exit(0 if overview.is_well else NOT_WELL)


def look(settings: Settings) -> Overview:
    """Ask for everything. Raises `CommandFailed`, `NoCredentials`."""
    checks_key, monitors_key = _keys(settings)
    url, _ = running_place(settings)
    told = _readiness(settings)
    checks = monitors = None
    items: list[Item] = []
    if checks_key:
        found = ask_api("GET", "/api/v3/checks/", {"X-Api-Key": checks_key})["checks"]
        items += map(_of_check, found)
        checks = _counted(item.state for item in items)
    if monitors_key:
        of_monitors = [_of_monitor(one) for one in _monitors(monitors_key)]
        items += of_monitors
        monitors = _counted(item.state for item in of_monitors)
    listed = [item for item in items if item.state in _LISTED]
    return Overview(
        url=url,
        ready=told.get("status") == "ready",
        problems=_words(told.get("problems")) + list(map(_backlog, told.get("catching_up") or ())),
        warnings=_words(told.get("warnings")),
        checks=checks,
        monitors=monitors,
        not_up=sorted(listed, key=lambda item: (_LISTED.index(item.state), item.kind, item.name, item.id)),
    )


def _keys(settings: Settings) -> tuple[str | None, str | None]:
    """For checks, and for monitors: one that is given is of one API, and those of the file are then not shown to it."""
    if settings.key:
        is_poppaping = settings.key.startswith(_POPPAPING)
        return (None, settings.key) if is_poppaping else (settings.key, None)
    known = credentials.load(credentials.path_of(settings))
    return known.healthchecks_key, known.poppaping_key


def _readiness(settings: Settings) -> dict[str, Any]:
    """What `/readyz` tells; with details where the key for them is at hand, and is this Pingfold's."""
    key = metrics_key_at_hand(settings) if settings.url is None else settings.metrics_key
    answer = request(settings, "GET", "/readyz", headers=bearer(key) if key else None)
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or "status" not in told:
        url, origin = running_place(settings)
        raise CommandFailed(f"the server at {url} is not Pingfold (address from {origin})")
    return told


def _monitors(key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in range(1, 1_000_000):
        more = ask_api("GET", f"/api/v1/monitors?per_page={_PER_PAGE}&page={page}", bearer(key))["data"]
        found += more
        if len(more) < _PER_PAGE:
            break
    return found


def _of_check(check: Mapping[str, Any]) -> Item:
    word = check["status"]
    return Item(
        kind="check",
        id=check.get("uuid") or check.get("unique_key", ""),
        name=check["name"] or check["slug"],
        state=_OF_CHECKS.get(word, word),
        last=check["last_ping"],
        why="not observed: Pingfold could not be reached" if check.get("not_observed") else "",
    )


def _of_monitor(monitor: Mapping[str, Any]) -> Item:
    word = monitor["current_status"]
    return Item(
        kind="monitor",
        id=monitor["id"],
        name=monitor["name"],
        state=_OF_MONITORS.get(word, word),
        last=monitor["last_checked_at"],
        why=monitor["last_error"] or "",
    )


def _counted(states: Iterable[str]) -> dict[str, int]:
    found = Counter(states)
    return {state: found[state] for state in (*_STATES, *sorted(found.keys() - set(_STATES))) if found[state]}


def _words(problems: Any) -> list[str]:
    return [f"{one['part']}: {one['reason']}" for one in problems or ()]


def _backlog(of: Mapping[str, Any]) -> str:
    return f"{of['journal']}: {of['events']} events to fold"


def _show(overview: Overview) -> None:
    typer.echo(f"Pingfold at {overview.url}: {'ready' if overview.ready else 'not ready'}")
    for word, lines in (("problem", overview.problems), ("warning", overview.warnings)):
        for line in lines:
            say(f"  {word}: {line}")
    if not overview.ready and not overview.problems:
        typer.echo("  why is told only with its metrics key (PINGFOLD_METRICS_KEY)")
    for name, counts in (("checks", overview.checks), ("monitors", overview.monitors)):
        if counts is None:
            typer.echo(f"{name}: not shown, the key is not for them")
        else:
            total = sum(counts.values())
            parts = ", ".join(f"{number} {state}" for state, number in counts.items())
            typer.echo(f"{name}: {total}{f' ({parts})' if parts else ''}")
    if overview.not_up:
        typer.echo("")
        head = ("state", "what", "name", "last seen (UTC)", "id", "why")
        print_table(head, [(i.state, i.kind, i.name, minute_of(i.last), i.id, i.why or "-") for i in overview.not_up])
