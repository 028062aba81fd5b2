"""Reading what a project has, and doing the steps of a plan, through the REST APIs of a running Pingfold.

Every step is one request or two, each of which may come twice: what is interrupted between them is found by the next
plan as a difference, and done then. A step that is refused ends its own thing, not the others; what was refused is
told, and is in the plan of the next import.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pingfold.errors import CommandFailed
from pingfold.imports.plan import Names, Present, Step, names_in, of_another
from pingfold.imports.things import (
    Found,
    WantedChannel,
    WantedCheck,
    WantedMonitor,
    WantedPage,
    WantedWindow,
)

_CHECKS, _CHANNELS = "/api/v3/checks/", "/api/v3/channels/"
_MONITORS, _WINDOWS, _PAGES = "/api/v1/monitors", "/api/v1/maintenance-windows", "/api/v1/status-pages"
_PER_PAGE = 100


class Api(Protocol):
    """Asks the running Pingfold; raises `CommandFailed` with its words when it refuses."""

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that was not done. why: in the words of the API."""

    step: Step
    why: str


def read_present(ask: Api, found: Found) -> Present:
    """What the project has of the kinds that were found: others need no key and no time."""
    return Present(
        channels=ask("GET", f"{_CHANNELS}?details=1")["channels"],
        checks=ask("GET", _CHECKS)["checks"],
        monitors=_all(ask, _MONITORS) if found.monitors else (),
        windows=_all(ask, _WINDOWS) if found.windows else (),
        pages=[ask("GET", f"{_PAGES}/{one['id']}")["data"] for one in _all(ask, _PAGES)] if found.pages else (),
    )


def read_others(wanted: Iterable[WantedCheck], present: Present, ask: Api) -> frozenset[str]:
    """Which of the UUIDs that new checks are to have are those of other projects: a request for each."""
    ours = {check["uuid"] for check in present.checks}
    return frozenset(
        check.uuid for check in wanted if check.uuid and check.uuid not in ours and _is_of_another(check.uuid, ask)
    )


def _is_of_another(uuid: str, ask: Api) -> bool:
    try:
        ask("GET", f"{_CHECKS}{uuid}")
    except CommandFailed as refused:
        return str(refused).startswith("403 ")
    return False


def _all(ask: Api, path: str) -> list[Any]:
    found: list[Any] = []
    page = 1
    while more := ask("GET", f"{path}?per_page={_PER_PAGE}&page={page}")["data"]:
        found += more
        if len(more) < _PER_PAGE:
            break
        page += 1
    return found


def perform(steps: Sequence[Step], present: Present, ask: Api) -> Iterator[tuple[Step, Any] | Refused]:
    """Do the steps, one after the other: each with what the API answered, or why it was refused."""
    names = names_in(present)
    checks = {check["uuid"]: check for check in present.checks}
    monitors = {monitor["id"]: monitor for monitor in present.monitors}
    for step in steps:
        if step.id is not None:
            _known(step, names, step.id)
        if step.sign == "=":
            continue
        if step.sign == "x":
            yield Refused(step, step.why)
            continue
        try:
            match step.wanted:
                case WantedChannel():
                    answer = _channel(step.wanted, ask)
                case WantedCheck():
                    answer = _check(step, step.wanted, checks.get(step.id or ""), names, ask)
                case WantedMonitor():
                    answer = _monitor(step, step.wanted, monitors.get(step.id or ""), names, ask)
                case WantedWindow():
                    answer = _window(step, step.wanted, names, ask)
                case WantedPage():
                    answer = _page(step, step.wanted, names, ask)
        except CommandFailed as refused:
            yield Refused(step, str(refused))
            continue
        _known(step, names, answer.get("uuid") or answer["id"])
        yield step, answer


def _known(step: Step, names: Names, id: str) -> None:
    if step.kind in {"channel", "check", "monitor"}:
        getattr(names, step.kind)[step.wanted.name] = id


def _channel(wanted: WantedChannel, ask: Api) -> Any:
    return ask("POST", _CHANNELS, {"kind": wanted.kind, "name": wanted.name, **wanted.fields})


def _check(step: Step, wanted: WantedCheck, there: Any, names: Names, ask: Api) -> Any:
    body: dict[str, Any] = {**wanted.fields, **({"slug": wanted.slug} if wanted.slug else {})}
    if wanted.channels is not None:
        kept = [id for id in there["channels"].split(",") if id] if there else []
        body["channels"] = ",".join(dict.fromkeys([*kept, *names.ids("channel", wanted.channels)]))
    if step.id is not None:
        answer = ask("POST", f"{_CHECKS}{step.id}", body)
        return _paused(answer, ask) if any(change.field == "paused" for change in step.changes) else answer
    body = {"name": wanted.name, **({"channels": "*"} if wanted.on_all else {}), **body}
    answer = _kept(wanted.uuid, body, ask) if wanted.uuid is not None else ask("POST", _CHECKS, body)
    return _paused(answer, ask) if wanted.paused else answer


def _kept(uuid: str, body: dict[str, Any], ask: Api) -> Any:
    """A new check with the UUID that it had."""
    try:
        return ask("POST", f"{_CHECKS}{uuid}?create=1", body)
    except CommandFailed as refused:
        if str(refused).startswith("403 "):
            raise CommandFailed(of_another(uuid)) from None
        raise


def _paused(check: Any, ask: Api) -> Any:
    return ask("POST", f"{_CHECKS}{check['uuid']}/pause", {})


def _monitor(step: Step, wanted: WantedMonitor, there: Any, names: Names, ask: Api) -> Any:
    kept = there["alert_channel_ids"] if there else []
    ids = list(dict.fromkeys([*kept, *names.ids("channel", wanted.channels)]))
    body = {"name": wanted.name, **wanted.fields, "alert_channel_ids": ids}
    return _made_or_changed(step, _MONITORS, body, ask)


def _window(step: Step, wanted: WantedWindow, names: Names, ask: Api) -> Any:
    monitors, checks = names.ids("monitor", wanted.monitors), names.ids("check", wanted.checks)
    if len(monitors) < len(wanted.monitors) or len(checks) < len(wanted.checks):
        missing = {*wanted.monitors} - {*names.monitor} | {*wanted.checks} - {*names.check}
        # Without them it would be over all of the project.
        raise CommandFailed(f"it covers monitors or checks that do not exist: {', '.join(sorted(missing))}")
    return _made_or_changed(
        step, _WINDOWS, {"name": wanted.name, **wanted.fields, "monitor_ids": monitors, "check_ids": checks}, ask
    )


def _page(step: Step, wanted: WantedPage, names: Names, ask: Api) -> Any:
    known: dict[str, Callable[[str], str | None]] = {"check": names.check.get, "monitor": names.monitor.get}
    components = [
        {"type": one.kind, "id": id, "group": one.group}
        for one in wanted.components
        if (id := known[one.kind](one.thing)) is not None
    ]
    body = {"title": wanted.name, "slug": wanted.slug, "description": wanted.description, "components": components}
    return _made_or_changed(step, _PAGES, body, ask)


def _made_or_changed(step: Step, path: str, body: dict[str, Any], ask: Api) -> Any:
    if step.id is None:
        return ask("POST", path, body)["data"]
    return ask("PATCH", f"{path}/{step.id}", body)["data"]
