"""Every path that the application serves, filled in with something that is there, and the keys that open it."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from fastapi.routing import APIRoute

from infra.clock_skew.reports import ClockReports
from infra.disk import Disk
from infra.log.progress import FoldProgress
from infra.secrets.metrics_key import bearer
from query_api.app import APIS
from query_api.http.route_index import include
from query_api.ops.operations import router
from query_api.ops.readiness import Report
from tests.given_settings import settings_of
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.raw_request import RawAnswer, ask
from tests.updown_client import UPDOWN_KEY, with_updown_keys

METRICS_KEY = "a key for figures alone"
NOBODY = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
KEYS = {
    "management": {"x-api-key": WRITE_KEY},
    "poppaping": {"authorization": f"Bearer {POP_KEY}"},
    "updown": {"x-api-key": UPDOWN_KEY},
}
# Of each answer anew.
_VOLATILE = {"x-request-id", "x-runtime", "x-ratelimit-remaining", "x-ratelimit-reset", "age"}


class Place(NamedTuple):
    """A path of the application, filled in, and the verbs that its routes take."""

    path: str
    verbs: set[str]

    @property
    def api(self) -> str | None:
        """The API that the path is of."""
        return next((api.name for api in APIS if api.speaks(self.path)), None)

    @property
    def key(self) -> dict[str, str]:
        """The headers that open it."""
        return KEYS[self.api] if self.api else bearer(METRICS_KEY) if self.path == "/metrics" else {}


class World:
    """The whole application, the routes for operators among it, with something of each kind in it."""

    def __init__(self) -> None:
        self.harness = with_updown_keys(Harness())
        self.app = self.harness.app
        report = Report()

        async def look() -> Report:
            return report

        readiness: Any = SimpleNamespace(look=look, report=report)
        disk, clock = Disk(settings_of()), cast(Any, SimpleNamespace(now=lambda: 0))
        told = router(readiness, FoldProgress(1), ClockReports(), "127.0.0.1:1", clock, disk, None, METRICS_KEY)
        include(self.app, told)
        self._ids: dict[str, str] = {}
        self._badges: dict[str, str] = {}

    async def fill(self) -> "World":
        """Make what paths name."""
        check = await self.made("/api/v3/checks/", "management", {"name": "backup", "timeout": 60})
        monitor = await self.made("/api/v1/monitors", "poppaping", {"name": "shop", "url": "https://shop.example/"})
        page = await self.made("/api/v1/status-pages", "poppaping", {"title": "Status"})
        token = (await self.made("/api/checks", "updown", {"url": "https://other.example/"}))["token"]
        badge = check["badge_url"].rpartition("/")[2].partition(".")[0]
        self._ids = {
            "/api/v1/monitors/{id}": monitor["data"]["id"],
            "/api/v1/status-pages/{id}": page["data"]["id"],
            "/api/checks/{token}": token,
            "/status/{ref}": page["data"]["id"],
            "/b/{states}/{key}": badge,
            **{f"/api/v{version}/checks/{{code}}": check["uuid"] for version in (1, 2, 3)},
        }
        links, project = self.harness.badge_links, self.harness.project
        self._badges = {
            "/badge/{key}/{signature}.{form}": links.path(project, "*", "svg", 3),
            "/badge/{key}/{signature}/{tag:path}.{form}": links.path(project, "prod", "svg", 2),
        }
        return self

    async def made(self, path: str, api: str, body: dict[str, Any]) -> Any:
        answer = await ask(self.app, "POST", path, KEYS[api], json.dumps(body).encode())
        assert answer.status == 201, answer.body
        return json.loads(answer.body)

    def places(self) -> Iterator[Place]:
        """Each path once."""
        routes = [route for route in self.app.routes if isinstance(route, APIRoute)]
        for form in dict.fromkeys(route.path for route in routes):
            path = form.replace("{states}", "3").replace("{form}", "svg")
            beginning = next((one for one in self._ids if form.startswith(one)), None)
            if beginning is not None:
                path = re.sub(r"{(id|token|code|ref|key)}", self._ids[beginning], path, count=1)
            path = self._badges.get(form) or re.sub(r"{\w+}", NOBODY, path)
            verbs = {verb for route in routes if route.path_regex.match(path) for verb in route.methods or ()}
            yield Place(path, verbs)


def lasting(answer: RawAnswer) -> dict[str, str]:
    """The headers that the same request gets each time."""
    return {name: value for name, value in answer.headers.items() if name not in _VOLATILE}


def names(header: str) -> set[str]:
    """The members of a header that is a list."""
    return {name.strip() for name in header.split(",")}
