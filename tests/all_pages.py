"""Every page for people, filled in with something that is there, and what has to be made for that."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from fastapi.routing import APIRoute

from tests.harness import Harness

_V1 = "/api/v1"
# What is made for pages to show, in this order: its name, the path of the API that makes it, and its body, in which
# {name} stands for the id of what was made before.
_MAKES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("monitor", f"{_V1}/monitors", {"name": "shop of pages", "url": "https://shop.invalid/", "paused": True}),
    ("page", f"{_V1}/status-pages", {"title": "Status of pages"}),
    (
        "window",
        f"{_V1}/maintenance-windows",
        {"name": "Move", "starts_at": "2026-01-01T00:00:00+00:00", "ends_at": "2026-01-02T00:00:00+00:00",
         "monitor_ids": ["{monitor}"]},
    ),
    (
        "policy",
        f"{_V1}/escalation-policies",
        {"name": "Night", "steps": [{"after_minutes": 600, "alert_channel_ids": ["{channel}"]}]},
    ),
    ("rotation", f"{_V1}/on-call", {"name": "Primary", "turns": [{"name": "Ann", "alert_channel_ids": ["{channel}"]}]}),
    ("template", f"{_V1}/message-templates", {"name": "Short", "title": "[[name]]", "text": "[[name]]"}),
)  # fmt: skip
# Whose id stands in a path, by its first part.
_OF = {
    "checks": "check", "monitors": "monitor", "channels": "channel", "maintenance": "window", "escalations": "policy",
    "rotations": "rotation", "templates": "template", "projects": "project", "status-pages": "page",
    "incidents": "incident", "downtimes": "downtime", "people": "project", "keys": "project",
}  # fmt: skip
# What is no page: a stream that stays open, and files.
_NO_PAGES = ("/live", "/assets/")
# Addresses of pages that a path alone does not open.
_MORE = ("/?wall=1", "/?q=pages", "/?page=2", "/past?at=2026-01-01T00:00:00Z", "/channels/new?kind=webhook",
         "/monitors/new?type=http", "/incidents?thing={check}", "/checks/{check}/what-if?grace=10m")  # fmt: skip


def things_to_make(ids: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What to make so that there is something of each kind: its name, a path of the PoppaPing API, and a body.

    ids: of a `check` with an incident, that `incident`, a `channel` and the `project`; whoever makes a thing adds its
    id by its name before he takes the next.
    """
    ids["downtime"] = ids["incident"].replace("-", "")[:24]
    for name, path, body in _MAKES:
        yield name, path, _filled(body, ids)


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, ids) for one in value]
    known = re.fullmatch(r"{(\w+)}", value) if isinstance(value, str) else None
    return value if known is None else ids[known[1]]


@cache
def _forms() -> tuple[str, ...]:
    """The path of each page as its route has it."""
    routes: Iterable[APIRoute] = (one for one in Harness().app.routes if isinstance(one, APIRoute))
    ours = [
        one for one in routes if one.endpoint.__module__.startswith("query_api.web.") and "GET" in (one.methods or ())
    ]
    return tuple(dict.fromkeys(one.path for one in ours if not one.path.startswith(_NO_PAGES)))


def page_paths(ids: Mapping[str, str]) -> list[str]:
    """The path of every page of these things (`things_to_make`)."""
    found = []
    for form in _forms():
        first = form.split("/")[1]
        path = re.sub(r"{[^}]+}", ids[_OF[first]], form, count=1) if first in _OF and "{" in form else form
        found.append(re.sub(r"{[^}]+}", "1", path))
    return found + [path.format(**ids) for path in _MORE]
