"""Every page that Pingfold shows to people, as a browser gets it: of one small story, told to a Pingfold in memory.

A page is an answer in HTML. `Pages` keeps each with its address and the route that made it, and `templates`: the names
of the templates that were rendered meanwhile. So tests see which routes and templates nobody has looked at.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx
import jinja2
import pyotp

from infra.secrets.confirmation_links import PATH as RECIPIENT_PATH
from infra.secrets.confirmation_links import SUBSCRIPTIONS_PATH
from infra.secrets.incident_links import LIST_PATH
from infra.secrets.incident_links import PATH as INCIDENT_PATH
from query_api.pages.status import HOLD
from schemas.base import SECOND
from schemas.page_subscribers import CONFIRM_WITHIN, subscriber_id
from schemas.recipients import recipient_id
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.people_world import ANN, PASSWORD, invited, joined, owner
from tests.web_browser import Browser, form_of

V1 = "/api/v1"
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_LOGO = f"data:image/png;base64,{_PIXEL}"


class Shown(NamedTuple):
    """A page as it was answered. path: that of its address, with the query."""

    path: str
    answer: httpx.Response


class Pages:
    """The story, and the pages of it. `shown` in the order in which they were asked for."""

    def __init__(self) -> None:
        self.harness = Harness(smtp_host="mail.example.org", smtp_from="Pingfold <pingfold@example.org>")
        self.shown: list[Shown] = []
        self.templates: set[str] = set()

    async def look(self) -> "Pages":
        """Ask for every page."""
        with self._noting():
            boss, nobody = await owner(self.harness), Browser(self.harness)
            things = await self._make()
            await self._of_things(boss, things)
            await self._of_the_project(boss)
            await self._of_status_pages(boss, nobody, things)
            await self._of_links(nobody, things)
            await self._of_people(boss, nobody, things)
            for path in ("/docs", "/docs/updown"):
                await self._see(nobody, path)
        return self

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        get = jinja2.Environment.get_template

        def noted(environment: jinja2.Environment, name: Any, *more: Any, **options: Any) -> jinja2.Template:
            self.templates.add(str(name))
            return get(environment, name, *more, **options)

        with patch.object(jinja2.Environment, "get_template", noted):
            yield

    async def _see(self, browser: Browser, path: str, status: int = 200) -> httpx.Response:
        return self._keep(path, await browser.get(path), status)

    def _keep(self, path: str, answer: httpx.Response, status: int) -> httpx.Response:
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"].startswith("text/html"), path
        self.shown.append(Shown(path, answer))
        return answer

    async def _sent(self, browser: Browser, path: str, status: int, action: str = "", **fields: Any) -> httpx.Response:
        """Fill in the form of a page; the page that answers it."""
        to, _ = form_of((await browser.get(path)).text, action or path.partition("?")[0])
        return self._keep(to, await browser.send_form(path, fields, action or path.partition("?")[0]), status)

    async def _api(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {POP_KEY}"}
        answer = await self.harness.client.request(method, f"{V1}/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json().get("data")

    async def _make(self) -> dict[str, str]:
        """A check and a monitor that are down, others that are well, and who is told."""
        harness, log = self.harness, self.harness.log
        channel = harness.make_channel("Pager")
        body = {"name": "Nightly backup", "desc": "Copies it", "tags": "prod db", "timeout": 60, "channels": "*"}
        check = (await harness.client.post("/api/v3/checks/", json=body | {"grace": 60})).json()["uuid"]
        well = (await harness.client.post("/api/v3/checks/", json={"name": "Report", "timeout": 86_400})).json()["uuid"]
        site = {"url": "https://shop.example/", "confirmations": 1, "name": "Shop"}
        monitor = (await self._api("POST", "monitors", site))["id"]
        harness.app.state.streams.most = 0
        log.ping(well)
        for kind in ("start", "success", "start", "fail"):
            log.ping(check, kind, body="rsync: 3 files", exitstatus=3 if kind == "fail" else None)
            log.tick(30)
        for ok in (True, False, True, False):
            log.probe_next(monitor, ok, detail="" if ok else "The server answered 503.")
        states = log.states.state(check), log.monitor_states.state(monitor)
        incidents = [one.incident for one in states if one is not None]
        for id in incidents[1:]:
            await self._api("POST", f"incidents/{id}/comments", {"by": "Bob", "comment": "On it"})
        return {"channel": channel, "check": check, "well": well, "monitor": monitor} | dict(
            zip(("first", "second"), map(str, incidents), strict=True)
        )

    async def _of_things(self, boss: Browser, things: dict[str, str]) -> None:
        check, monitor, second = things["check"], things["monitor"], things["second"]
        for path in (
            "/", "/?status=down&q=back", "/?wall=1", "/past", f"/past?q={check}", "/incidents", "/incidents?status=all",
            f"/checks/{check}", f"/checks/{things['well']}", f"/checks/{check}/why", f"/checks/{check}/edit",
            f"/checks/{check}/delete", f"/checks/{check}/what-if?grace=10m",
            f"/checks/new?project={self.harness.project}", "/checks/new", f"/checks/new?copy={check}",
            f"/monitors/{monitor}", f"/monitors/{monitor}/why",
            f"/monitors/{monitor}/edit", f"/monitors/{monitor}/delete", f"/monitors/{monitor}/what-if?days=7",
            f"/monitors/new?copy={monitor}",
            f"/monitors/new?type=http&project={self.harness.project}", f"/monitors/new?project={self.harness.project}",
            f"/incidents/{things['first']}", f"/incidents/{second}", f"/downtimes/{second.replace('-', '')[:24]}",
        ):  # fmt: skip
            await self._see(boss, path)
        await self._see(boss, "/checks/unknown", 404)
        new = f"/checks/new?project={self.harness.project}"
        await self._sent(boss, new, 400, "/checks/new", name="x", timeout="soon")

    async def _of_the_project(self, boss: Browser) -> None:
        project = self.harness.project
        [channel] = [one.id for one in self.harness.log.directory.channels_of(project)]
        times = {"starts_at": "2025-06-16T00:00:00+00:00", "ends_at": "2025-06-17T00:00:00+00:00"}
        window = (await self._api("POST", "maintenance-windows", {"name": "Move", "tags": ["db"], **times}))["id"]
        steps = [{"after_minutes": 5, "alert_channel_ids": [channel]}]
        policy = (await self._api("POST", "escalation-policies", {"name": "Night", "steps": steps}))["id"]
        turns = [{"name": "Ada", "alert_channel_ids": [channel]}, {"name": "Bob", "alert_channel_ids": [channel]}]
        rotation = (await self._api("POST", "on-call", {"name": "Primary", "turns": turns}))["id"]
        await self._api("POST", "tag-mutes", {"tag": "db", "mute_until": "2025-06-16T00:00:00Z"})
        template = {"name": "Short", "title": "Look here", "events": ["monitor.down"]}
        template = (await self._api("POST", "message-templates", template))["id"]
        key = self.harness.log.directory.keys_of(project)[0].id
        for path in (
            "/channels", f"/channels/{channel}", f"/channels/{channel}/edit", f"/channels/{channel}/remove",
            f"/channels/new?project={project}", f"/channels/new?kind=webhook&project={project}",
            f"/channels/new?kind=email&project={project}", "/keys", f"/keys/{project}/new",
            f"/keys/{project}/{key}/revoke", "/maintenance", f"/maintenance/{window}", f"/maintenance/{window}/edit",
            f"/maintenance/{window}/remove", f"/maintenance/new?project={project}", "/escalations",
            f"/escalations/new?project={project}", f"/escalations/{policy}/edit", f"/escalations/{policy}/remove",
            "/rotations", f"/rotations/new?project={project}", f"/rotations/{rotation}", f"/rotations/{rotation}/edit",
            f"/rotations/{rotation}/override", f"/rotations/{rotation}/remove", "/mutes", "/templates",
            f"/templates/new?project={project}", f"/templates/{template}/edit", f"/templates/{template}/remove",
            f"/rotations/{rotation}/calendar", f"/maintenance/new?copy={window}",
            f"/projects/{project}/reports", "/projects", f"/projects/{project}",
            "/audit", f"/audit?project={project}",
        ):  # fmt: skip
            await self._see(boss, path)
        kind = "healthchecks"
        await self._sent(boss, f"/keys/{project}/new", 200, "/new", kind=kind, name="grafana", days="30")
        await self._sent(boss, "/mutes", 400, f"/mutes/{project}", tag="two words", minutes="60")
        new = f"/channels/new?kind=webhook&project={project}"
        await self._sent(boss, new, 400, "&kind=webhook", url="gopher://x")

    async def _of_status_pages(self, boss: Browser, nobody: Browser, things: dict[str, str]) -> None:
        """The editor, and what the public sees: with everything on it, empty, of one check, and refused."""
        components = [
            {"type": "monitor", "id": things["monitor"], "name": "The shop", "group": "Public"},
            {"type": "check", "id": things["check"], "group": "Public"},
            {"type": "check", "id": things["well"]},
        ]
        look = {"logo": _LOGO, "accent": "#1a5fb4", "description": "All that we run"}
        sections = [{"title": "Public", "description": "What customers use", "collapsed": True}]
        page = {"title": "Example", "components": components, "sections": sections, **look}
        full = (await self._api("POST", "status-pages", page))["id"]
        bare = (await self._api("POST", "status-pages", {"title": "Empty", "accent": "#ffe000"}))["id"]
        posts = f"status-pages/{full}/posts"
        post = {"title": "Payments fail", "text": "We look into it.", "affected": [things["check"]]}
        id = (await self._api("POST", posts, post))["id"]
        await self._api("POST", f"{posts}/{id}/updates", {"text": "All well again.", "status": "resolved"})
        await self._api("PATCH", f"{posts}/{id}/updates/1", {"text": "We look into payments."})
        await self._api("POST", posts, post | {"title": "Slow again", "status": "identified"})
        self.harness.log.tick(HOLD / SECOND)
        for path in (f"/status/{full}", f"/status/{full}?reload=1", f"/status/{full}/history", f"/status/{bare}"):
            await self._see(nobody, path)
        await self._sent(nobody, f"/status/{full}", 200, "/subscribe", address=ANN)
        await self._sent(nobody, f"/status/{full}", 400, "/subscribe", address="nobody")
        subscriber = subscriber_id(full, ANN)
        way = self.harness.subscription_links.token(subscriber, self.harness.log.time + CONFIRM_WITHIN)
        way = f"{SUBSCRIPTIONS_PATH}{way}"
        await self._see(nobody, way)
        for answer in ("confirm", "end"):
            self._keep(way, await nobody.post(way, data={"answer": answer}), 200)
        await self._see(nobody, way, 410)
        edit, new = f"/status-pages/{full}", f"/status-pages/new/{self.harness.project}"
        for path in ("/status-pages", new, edit, f"{edit}/posts", f"{edit}/subscribers"):
            await self._see(boss, path)
        await self._sent(boss, new, 400, new, title="", do="save")

    async def _of_links(self, nobody: Browser, things: dict[str, str]) -> None:
        """Those that stand in notices."""
        harness, now = self.harness, self.harness.log.time
        channel = {"kind": "email", "email": "ops@example.org", "name": "Mail"}
        assert (await harness.client.post("/api/v3/channels/", json=channel)).status_code == 201
        recipient = harness.links.token(recipient_id(harness.project, "ops@example.org"), now + 3_600 * SECOND)
        incident = harness.incident_links.token(things["monitor"], things["second"], things["channel"])
        every = harness.incident_links.list_token(things["channel"], now - 86_400 * SECOND, now)
        for path in (f"{RECIPIENT_PATH}{recipient}", f"{INCIDENT_PATH}{incident}", f"{LIST_PATH}{every}"):
            await self._see(nobody, path)
            await self._see(nobody, f"{path}x", 404)
        self._keep(
            f"{INCIDENT_PATH}{incident}", await nobody.post(f"{INCIDENT_PATH}{incident}", data={"by": "Ada"}), 200
        )
        self._keep(f"{LIST_PATH}{every}", await nobody.post(f"{LIST_PATH}{every}", data={"by": "Ada"}), 200)

    async def _of_people(self, boss: Browser, nobody: Browser, things: dict[str, str]) -> None:
        project = self.harness.project
        await self._see(nobody, "/sign-in")
        to_join = await invited(boss, project)
        await self._see(nobody, to_join)
        await self._see(nobody, "/invitations/nothing", 404)
        for path in ("/people", f"/people/{project}", "/account", "/account/codes", "/sign-out"):
            await self._see(boss, path)
        ann = await joined(self.harness, to_join)
        await self._see(ann, "/account")
        await self._see(ann, f"/people/{project}")
        asked = await ann.get("/account/codes")
        key = asked.text.partition("<code>")[2].partition("</code>")[0].replace(" ", "")
        codes = pyotp.TOTP(key).at(self.harness.log.time // SECOND)
        told = await ann.send_form_of(asked, {"code": codes, "password": PASSWORD}, "/codes")
        self._keep("/account/codes", told, 200)
        fields = {"name": ANN, "password": PASSWORD}
        self._keep("/sign-in", await Browser(self.harness).send_form("/sign-in", fields), 200)
        self._keep("/sign-in", await Browser(self.harness).send_form("/sign-in", fields | {"password": "no"}), 403)
        await self._lost(boss, things["check"])

    async def _lost(self, boss: Browser, check: str) -> None:
        """A form that was sent after its session had ended, and many things of which some are gone."""
        delete = {"do": "delete", "thing": check}
        self._keep("/dashboard/bulk", await boss.send_form("/", delete, "/dashboard/bulk"), 200)
        bulk = {"do": "pause", "thing": "unknown"}
        self._keep("/dashboard/bulk", await boss.send_form("/", bulk, "/dashboard/bulk"), 409)
        late = Browser(self.harness)
        ended = self._keep("/projects", await late.post("/projects", data={"name": "Blog"}), 403)
        again = await late.send_form_of(ended, {"name": "admin", "password": ADMIN_PASSWORD}, "/sign-in")
        self._keep("/sign-in", again, 200)
