"""`python -m tests.screenshots`: writes the pictures of docs/screenshots anew, in Chromium, of a made-up story.

The story is told to a Pingfold in memory, so each picture comes out the same but for what has changed on its page, and
for the fonts of the machine.
"""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from playwright.sync_api import Request

from tests.chromium import DESKTOP, PHONE, chromium, serve, visit
from tests.harness import POP_KEY, Harness
from tests.loop_thread import LoopThread
from tests.people_world import owner
from tests.web_browser import SITE, Browser

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
_CHECKS = (
    ("Nightly backup", "prod db", 86_400),
    ("Invoices", "prod billing", 3_600),
    ("Search index", "prod", 600),
    ("Certificates", "ops", 86_400),
    ("Weekly report", "billing", 604_800),
)
_MONITORS = (
    ("Shop", "https://shop.example/"),
    ("API", "https://api.example/health"),
    ("Blog", "https://blog.example/"),
)


class Picture(NamedTuple):
    """A file of the folder: the page that it shows, at which size and in which colours."""

    name: str
    path: str
    size: dict[str, int]
    colours: str = "light"


class Story:
    """Five jobs and three sites in a week; a job and a site are down."""

    def __init__(self) -> None:
        self.harness = Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>")

    async def tell(self) -> list[Picture]:
        """Tell it; the pictures to be taken."""
        harness, log = self.harness, self.harness.log
        harness.make_channel("On-call pager")
        checks, monitors = [], []
        for name, tags, timeout in _CHECKS:
            body = {"name": name, "tags": tags, "timeout": timeout, "grace": 600, "channels": "*"}
            checks.append((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
        for name, url in _MONITORS:
            monitors.append((await self._made("monitors", {"name": name, "url": url, "confirmations": 1}))["id"])
        for turn in range(24):
            for number, check in enumerate(checks):
                log.ping(check, "start")
                log.tick(3 + (turn * 7 + number * 5) % 6)
                log.ping(check, body="42 files, 1.3 GB")
            self._probe(monitors, turn, {monitors[0]} if turn in (11, 12) else set())
        log.ping(checks[0], "start")
        log.tick(40)
        log.ping(checks[0], "fail", body="rsync: connection refused", exitstatus=12)
        for turn in range(3):
            self._probe(monitors, turn, {monitors[1]})
        page = await self._page(checks, monitors)
        return [
            Picture("overview", "/", DESKTOP),
            Picture("overview-phone", "/", PHONE, "dark"),
            Picture("status-page", f"/status/{page}", DESKTOP),
            Picture("why", f"/checks/{checks[0]}/why", DESKTOP),
        ]

    def _probe(self, monitors: list[str], turn: int, down: set[str]) -> None:
        """A result of each, when it is due."""
        for number, monitor in enumerate(monitors):
            took = 90_000 + (turn * 3_701 + number * 911) % 70_000
            wrong: dict[str, Any] = {"failure": "status", "status": 503, "detail": "the status is 503"}
            self.harness.log.probe_next(monitor, monitor not in down, took=took, **(wrong if monitor in down else {}))

    async def _page(self, checks: list[str], monitors: list[str]) -> str:
        components = [{"type": "monitor", "id": id, "group": "Sites"} for id in monitors]
        components += [{"type": "check", "id": id, "group": "Jobs"} for id in checks[:2]]
        look = {"accent": "#1a5fb4", "description": "What our customers use"}
        page = (await self._made("status-pages", {"title": "Example Inc.", "components": components, **look}))["id"]
        post = {"title": "The API answers some requests with errors", "text": "We have found the cause."}
        affected = {"affected": [monitors[1]], "status": "identified"}
        await self._made(f"status-pages/{page}/posts", post | affected)
        return str(page)

    async def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {POP_KEY}"}
        answer = await self.harness.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(exist_ok=True)
    story = Story()
    with LoopThread() as loop:
        pictures = loop.do(asyncio.wait_for(story.tell(), 50.0))
        boss = loop.do(owner(story.harness))
        with chromium() as browser:
            for one in pictures:
                with visit(browser, None, one.size, color_scheme=one.colours, timezone_id="UTC") as page:
                    serve(page, lambda request: _answer(loop, boss, request))
                    page.goto(f"{SITE}{one.path}", wait_until="load")
                    page.screenshot(path=FOLDER / f"{one.name}.png")


def _answer(loop: LoopThread, boss: Browser, request: Request) -> httpx.Response | None:
    """What the owner sees. The stream of live pages is none of it."""
    return None if "/live" in request.url else loop.do(boss.get(request.url))


if __name__ == "__main__":
    main()
