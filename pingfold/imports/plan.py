"""What an import would do: all that was found, compared with all that is there. Pure.

`plan` gives a step for each thing, in an order in which it can be done: channels, checks, monitors, windows, pages.
Only what the source says is compared: a field that it does not tell stays as it is, and a channel that somebody has put
on a check or a monitor stays on it. A channel that is neither there nor made by this import is no difference. A thing
that is there is found by its UUID, else by its slug, else by its name; of several with one name the first in the source
is the oldest that is there, and so on. So what an interrupted import has made is there for the next one, which does the
rest.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from pingfold.imports.things import (
    Found,
    WantedChannel,
    WantedCheck,
    WantedMonitor,
    WantedPage,
    WantedWindow,
)
from query_api.slugs import slugify
from schemas.schedules import BadTimezone, canonical_tz
from schemas.times import read_iso

# The last: it would be refused.
Sign: TypeAlias = Literal["+", "=", "~", "x"]
Kind: TypeAlias = Literal["channel", "check", "monitor", "window", "page"]
Wanted: TypeAlias = WantedChannel | WantedCheck | WantedMonitor | WantedWindow | WantedPage
# An object of a REST API, as it was answered.
Shown: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Present:
    """What the project has, as the REST APIs answer it, each oldest first.

    others: UUIDs that new checks are to have, and that checks of other projects have.
    """

    channels: Sequence[Shown] = ()
    checks: Sequence[Shown] = ()
    monitors: Sequence[Shown] = ()
    windows: Sequence[Shown] = ()
    pages: Sequence[Shown] = ()
    others: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is to be another: as it is shown now, and as the source has it."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing. id: of what is there. changes: the fields that differ; of what is new, none. why: it would be
    refused."""

    sign: Sign
    kind: Kind
    wanted: Wanted
    id: str | None = None
    changes: tuple[Change, ...] = ()
    why: str = ""


@dataclass(slots=True)
class Names:
    """The ids of things by their names, of those that are there or will be. The first of a name counts."""

    channel: dict[str, str] = field(default_factory=dict)
    check: dict[str, str] = field(default_factory=dict)
    monitor: dict[str, str] = field(default_factory=dict)

    def ids(self, kind: Literal["channel", "check", "monitor"], names: Iterable[str]) -> list[str]:
        """The ids of those that are known, in order."""
        known: dict[str, str] = getattr(self, kind)
        return [known[name] for name in names if name in known]


def names_in(present: Present) -> Names:
    """The names of what is there."""
    names = Names()
    for channel in present.channels:
        names.channel.setdefault(channel["name"], channel["id"])
    for monitor in present.monitors:
        names.monitor.setdefault(monitor["name"], monitor["id"])
    for check in present.checks:
        names.check.setdefault(check["name"], check["uuid"])
    return names


def plan(found: Found, present: Present) -> list[Step]:
    """The steps that make the project hold what was found."""
    names = names_in(present)
    for channel in found.channels:  # those to be made have no id yet
        names.channel.setdefault(channel.name, "")
    steps: list[Step] = []
    steps += _steps("channel", found.channels, present.channels, _is_channel, lambda wanted, shown: [], "id")
    steps += _steps(
        "check", found.checks, present.checks, _is_check, lambda one, shown: _check_changes(one, shown, names), "uuid"
    )
    steps = [_or_refused(step, present) for step in steps]
    for step in steps:
        if step.kind == "check" and step.id is not None:
            names.check[step.wanted.name] = step.id
    steps += _steps(
        *("monitor", found.monitors, present.monitors, _has_name),
        lambda one, shown: _monitor_changes(one, shown, names),
        "id",
    )
    for step in steps:
        if step.kind == "monitor" and step.id is not None:
            names.monitor[step.wanted.name] = step.id
    steps += _steps(
        *("window", found.windows, present.windows, _has_name),
        lambda one, shown: _window_changes(one, shown, names),
        "id",
    )
    steps += _steps(
        *("page", found.pages, present.pages, lambda one, shown: bool(shown["slug"] == one.slug)),
        lambda one, shown: _page_changes(one, shown, names),
        "id",
    )
    return steps


def of_another(uuid: str) -> str:
    """Why a check cannot have a UUID, and what to do."""
    return (
        f"another project of this Pingfold has, or had, the UUID {uuid}: import into that one, or without --keep-uuids"
    )


def _or_refused(step: Step, present: Present) -> Step:
    wanted = step.wanted
    if step.sign != "+" or not isinstance(wanted, WantedCheck) or wanted.uuid not in present.others:
        return step
    return replace(step, sign="x", why=of_another(wanted.uuid or ""))


def _steps(
    kind: Kind,
    wanted: Sequence[Any],
    present: Sequence[Shown],
    is_it: Callable[[Any, Shown], bool],
    changes: Callable[[Any, Shown], list[Change]],
    id_field: str,
) -> list[Step]:
    steps: list[Step] = []
    free = list(present)
    for one in wanted:
        there = next((shown for shown in free if is_it(one, shown)), None)
        if there is None:
            steps.append(Step("+", kind, one))
            continue
        free.remove(there)
        differing = tuple(changes(one, there))
        steps.append(Step("~" if differing else "=", kind, one, there[id_field], differing))
    return steps


def _is_channel(wanted: WantedChannel, shown: Shown) -> bool:
    return bool(shown["name"] == wanted.name)


def _is_check(wanted: WantedCheck, shown: Shown) -> bool:
    if wanted.uuid is not None:
        return bool(shown["uuid"] == wanted.uuid)
    if wanted.slug and shown["slug"] == wanted.slug:
        return True
    # Without a slug of its own; or where Pingfold makes all slugs from names.
    by_name = not wanted.slug or shown["slug"] == slugify(shown["name"]) != wanted.slug
    return bool(by_name and shown["name"] == wanted.name)


def _has_name(wanted: WantedMonitor | WantedWindow, shown: Shown) -> bool:
    return bool(shown["name"] == wanted.name)


def _check_changes(wanted: WantedCheck, shown: Shown, names: Names) -> list[Change]:
    said = {**wanted.fields, **({"slug": wanted.slug} if wanted.slug else {})}
    changes = [
        Change(name, shown.get(name), value)
        for name, value in said.items()
        if _check_value(name, shown.get(name)) != _check_value(name, value)
    ]
    if wanted.channels is not None:
        changes += _missing_channels(wanted.channels, [id for id in shown["channels"].split(",") if id], names)
    # A ping resumes a paused check: what has been pinged since is not paused again.
    if wanted.paused and shown["status"] == "new" and not shown["n_pings"]:
        changes.append(Change("paused", False, True))
    return changes


def _check_value(name: str, value: Any) -> Any:
    if name == "tags" and isinstance(value, str):
        return value.split()
    if name == "tz" and isinstance(value, str):
        try:
            return canonical_tz(value)
        except BadTimezone:
            return value
    return value


def _missing_channels(wanted: Sequence[str], there: Sequence[str], names: Names) -> list[Change]:
    missing = [name for name in wanted if name in names.channel and names.channel[name] not in there]
    by_id = {id: name for name, id in names.channel.items()}
    old = [by_id.get(id, id) for id in there]
    return [Change("channels", old, [*old, *missing])] if missing else []


def _monitor_changes(wanted: WantedMonitor, shown: Shown, names: Names) -> list[Change]:
    changes = []
    for name, value in wanted.fields.items():
        old, new = _monitor_value(name, value, shown)
        if old != new:
            changes.append(Change(name, old, new))
    return changes + _missing_channels(wanted.channels, shown["alert_channel_ids"], names)


def _monitor_value(name: str, value: Any, shown: Shown) -> tuple[Any, Any]:
    """A field as it is and as it is wanted, as far as answers show it: of secrets only that they are there."""
    if name == "headers":
        return sorted(key.lower() for key in shown["headers"]), sorted(key.lower() for key in value)
    if name == "body":
        return shown["has_body"], bool(value)
    if name == "expected_statuses":
        return shown[name], sorted(set(value))
    return shown.get(name), value


def _window_changes(wanted: WantedWindow, shown: Shown, names: Names) -> list[Change]:
    said = {
        **wanted.fields,
        "monitor_ids": sorted(names.ids("monitor", wanted.monitors)),
        "check_ids": sorted(names.ids("check", wanted.checks)),
    }
    changes = []
    for name, value in said.items():
        old = shown.get(name)
        if name in {"monitor_ids", "check_ids"}:
            unknown = len(value) < len(wanted.monitors if name == "monitor_ids" else wanted.checks)
            if unknown or sorted(old or []) != value:
                changes.append(Change(name, old, value))
        elif _window_value(name, old) != _window_value(name, value):
            changes.append(Change(name, old, value))
    return changes


def _window_value(name: str, value: Any) -> Any:
    if name in {"starts_at", "ends_at"} and isinstance(value, str):
        return read_iso(value)
    return _check_value("tz" if name == "timezone" else name, value)


def _page_changes(wanted: WantedPage, shown: Shown, names: Names) -> list[Change]:
    changes = [
        Change(name, shown[name], value)
        for name, value in (("title", wanted.name), ("description", wanted.description))
        if shown[name] != value
    ]
    there = [(one["type"], one["id"], one["group"]) for one in shown["components"]]
    known: dict[str, dict[str, str]] = {"check": names.check, "monitor": names.monitor}
    asked = [(one.kind, known[one.kind].get(one.thing), one.group) for one in wanted.components]
    if there != asked:
        changes.append(Change("components", len(there), len(asked)))
    return changes
