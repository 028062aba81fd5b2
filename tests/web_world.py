"""A Pingfold in memory with one of everything that the web application shows, and a form for each POST route of it."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi.routing import APIRoute

from infra.secrets.secrets import Vault
from schemas.ids import new_id
from schemas.page_subscribers import subscriber_id
from schemas.people import member_id, person_id
from tests.harness import POP_KEY, Harness
from tests.people_world import invited, joined, owner
from tests.ping_world import World
from tests.web_browser import Browser, fields_of, form_of

_WEB = "query_api.web."
BOB, EVE = "bob@example.org", "eve@example.org"
# Routes of who has no session yet, or that change nothing but a cookie of how pages look.
WITHOUT_SESSION = {"/sign-in", "/sign-in/code", "/invitations/{token}", "/preferences"}
# What somebody does about himself, whatever his roles.
OF_ONESELF = (
    "/account/name",
    "/account/password",
    "/account/codes",
    "/account/codes/off",
    "/account/sign-out-everywhere",
    "/sign-out",
)
# What only owners of a project do, and what only the owner of the instance does.
OF_OWNERS = ("/people/{project}", "/keys/")
OF_THE_INSTANCE = ("/projects", "/people/{person}/delete")


@dataclass(frozen=True)
class Filled:
    """A form: path of its route, the address that it is sent to, the page where it stands, what is typed into it."""

    route: str
    to: str
    page: str = ""
    typed: dict[str, Any] = field(default_factory=dict)

    async def fields(self, browser: Browser) -> dict[str, Any]:
        """What a browser sends that has opened the page."""
        if not self.page:
            return form_of((await browser.get("/sign-out")).text)[1] | self.typed
        page = await browser.get(self.page)
        assert page.status_code == 200, (self.page, page.status_code)
        return fields_of(page, self.to) | self.typed


def web_routes(harness: Harness, method: str) -> list[str]:
    """The paths of the pages that answer a method, as their routes say them."""
    return [
        route.path
        for route in harness.app.routes
        if isinstance(route, APIRoute)
        and route.endpoint.__module__.startswith(_WEB)
        and method in (route.methods or ())
    ]


def twice(path: str) -> tuple[str, str]:
    """The address of a form that stands where it is sent to."""
    return path, path


def plain(route: str) -> str:
    """A path of a route without converters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", route)


class WebWorld:
    """All of it, in the project `harness.project`, and a project of somebody else with as much. vault: None: what is
    sealed can be read in a test."""

    def __init__(self, vault: Vault | None = None) -> None:
        self.harness = Harness(vault=vault, smtp_host="mail.example", smtp_from="watch@example.org")
        self.ids: dict[str, str] = {}

    async def fill(self) -> "WebWorld":
        """Make everything."""
        harness, log, ids = self.harness, self.harness.log, self.ids
        ids["project"] = harness.project
        ids["channel"] = harness.make_channel("chat")
        mail = await self._api("alert-channels", channel_type="email", name="mail", addresses=["x@example.net"])
        ids["mail"] = mail["id"]
        check = {"name": "job", "timeout": 60, "grace": 60, "tags": "db"}
        ids["check"] = (await harness.client.post("/api/v3/checks/", json=check)).json()["uuid"]
        pings = World()
        pings.check(ids["check"], "job")
        harness.app.state.deps = replace(harness.app.state.deps, ping_app=pings.app)
        ids["monitor"] = (await self._api("monitors", name="shop", url="https://shop.example/"))["id"]
        log.ping(ids["check"], "fail")
        state = log.states.state(ids["check"])
        assert state is not None
        ids["incident"] = str(state.incident)
        component = {"type": "check", "id": ids["check"]}
        ids["page"] = (await self._api("status-pages", title="Status", components=[component]))["id"]
        ids["post"] = (await self._api(f"status-pages/{ids['page']}/posts", title="Slow", text="We look."))["id"]
        asked = await harness.client.post(f"/status/{ids['page']}/subscribe", data={"address": BOB})
        assert asked.status_code == 200, asked.text
        ids["subscriber"] = subscriber_id(ids["page"], BOB)
        window = {"name": "deploy", "duration": "30m"}
        ids["window"] = (await self._api("maintenance-windows", **window))["id"]
        steps = [{"after_minutes": 5, "alert_channel_ids": [ids["channel"]]}]
        ids["policy"] = (await self._api("escalation-policies", name="night", steps=steps))["id"]
        turns = [{"name": "Ann", "alert_channel_ids": [ids["channel"]]}]
        ids["rotation"] = (await self._api("on-call", name="ops", turns=turns))["id"]
        ids["mute"] = (await self._api("tag-mutes", tag="db", mute_until="forever"))["id"]
        ids["template"] = (await self._api("message-templates", name="ours", title="{{ name }}"))["id"]
        spans: dict[str, object] = {"starts_at": "2026-01-01T00:00:00+00:00", "ends_at": "2026-01-02T00:00:00+00:00"}
        spans |= {"alert_channel_ids": [ids["channel"]]}
        ids["override"] = (await self._api(f"on-call/{ids['rotation']}/overrides", **spans))["id"]
        test = await self._api(f"alert-channels/{ids['channel']}/test")
        ids["delivery"] = test["id"]
        boss = await owner(harness)
        await joined(harness, await invited(boss, harness.project, BOB, "viewer"), "Bob")
        ids["person"] = person_id(BOB)
        ids["member"] = member_id(harness.project, ids["person"])
        ids["key"] = next(
            key.id for key in log.directory.keys_of(harness.project) if key.kind == "healthchecks-readonly"
        )
        return self

    def forms(self) -> list[Filled]:
        """A form for each POST route of whoever is signed in, those that remove something last."""
        return [Filled(*one) for one in (*self._of_things(), *self._of_projects(), *self._removals())]

    def _of_things(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """What is watched, who is told, and when not."""
        ids = self.ids
        project, channel, check, monitor = ids["project"], ids["channel"], ids["check"], ids["monitor"]
        incident, window, policy = ids["incident"], ids["window"], ids["policy"]
        of_channel, given = f"/channels/{channel}", {"name": "new", "project": project}
        webhook = f"/channels/new?project={project}&kind=webhook"
        return [
            ("/incidents/{id}/mute", f"/incidents/{incident}/mute", "", {"mute_until": "forever"}),
            ("/incidents/{id}/act", f"/incidents/{incident}/act", "", {"do": "comment", "comment": "a new disk"}),
            ("/account/name", "/account/name", "/account", {"name": "Other"}),
            ("/checks/new", "/checks/new", f"/checks/new?project={project}", given),
            ("/checks/{code}/edit", f"/checks/{check}/edit", f"/checks/{check}/edit", {"name": "job 2"}),
            ("/checks/{code}/ping", f"/checks/{check}/ping", "", {"signal": "log"}),
            ("/checks/{code}/pause", f"/checks/{check}/pause", "", {}),
            ("/checks/{code}/resume", f"/checks/{check}/resume", "", {}),
            ("/monitors/new", "/monitors/new", f"/monitors/new?type=http&project={project}",
             given | {"url": "https://new.example/"}),
            ("/monitors/{id}/edit", f"/monitors/{monitor}/edit", f"/monitors/{monitor}/edit", {"name": "shop 2"}),
            ("/monitors/{id}/pause", f"/monitors/{monitor}/pause", "", {}),
            ("/monitors/{id}/resume", f"/monitors/{monitor}/resume", "", {}),
            ("/dashboard/bulk", "/dashboard/bulk", "", {"do": "add-tag", "tag": "many", "thing": check}),
            ("/channels/new", webhook, webhook, {"name": "new", "url": "https://new.example/"}),
            ("/channels/{id}/edit", f"{of_channel}/edit", f"{of_channel}/edit", {"name": "chat 2"}),
            ("/channels/{id}/secret", f"{of_channel}/secret", "", {}),
            ("/channels/{id}/test", f"{of_channel}/test", "", {}),
            ("/channels/{id}/mute", f"{of_channel}/mute", "", {"minutes": "60"}),
            ("/channels/{id}/enable", f"{of_channel}/enable", "", {}),
            ("/channels/{id}/confirmation", f"/channels/{ids['mail']}/confirmation", "", {}),
            ("/channels/{id}/deliveries/{delivery}/again", f"{of_channel}/deliveries/{ids['delivery']}/again", "", {}),
            ("/escalations/new", *twice(f"/escalations/new?project={project}"), {"name": "new"}),
            ("/escalations/{id}/edit", *twice(f"/escalations/{policy}/edit"), {"name": "night 2"}),
            ("/maintenance/new", *twice(f"/maintenance/new?project={project}"), {"name": "new"}),
            ("/maintenance/{id}/edit", *twice(f"/maintenance/{window}/edit"), {"name": "deploy 2"}),
            ("/maintenance/{id}/extend", f"/maintenance/{window}/extend", "", {"minutes": "30"}),
            ("/maintenance/{id}/end", f"/maintenance/{window}/end", "", {}),
            ("/mutes/{project}", f"/mutes/{project}", "", {"tag": "web", "minutes": "60"}),
        ]  # fmt: skip

    def _of_projects(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """People, projects, rotations, templates, pages and keys."""
        ids = self.ids
        project, channel, page, post, rotation = (
            ids[one] for one in ("project", "channel", "page", "post", "rotation")
        )
        of_page, of_rotation = f"/status-pages/{page}", f"/rotations/{rotation}"
        span = {"starts_at": "2026-03-01T00:00", "ends_at": "2026-03-02T00:00"}
        return [
            ("/people/{project}/invite", f"/people/{project}/invite", "",
             {"mail": EVE, "role": "viewer", "language": "en"}),
            ("/projects", "/projects", "", {"id": new_id(), "name": "new"}),
            ("/projects/{id}/name", f"/projects/{project}/name", "", {"name": "Shop"}),
            ("/projects/{id}/ping-key", f"/projects/{project}/ping-key", "", {}),
            ("/projects/{id}/reports", *twice(f"/projects/{project}/reports"),
             {"weekly": "on", "alert_channel_ids": ids["mail"]}),
            ("/projects/{id}/webhook-secret", f"/projects/{project}/webhook-secret", "", {}),
            ("/rotations/new", *twice(f"/rotations/new?project={project}"),
             {"name": "new", "every_days": "7", "weekday": "", "time": "09:00", "turn_channels_1": channel}),
            ("/rotations/{id}/edit", f"{of_rotation}/edit", f"{of_rotation}/edit", {"name": "ops 2"}),
            ("/rotations/{id}/override", f"{of_rotation}/override", f"{of_rotation}/override",
             span | {"name": "Eve", "alert_channel_ids": channel}),
            ("/rotations/{id}/calendar", *twice(f"{of_rotation}/calendar"), {"url": "https://cal.example/on-call.ics"}),
            ("/rotations/{id}/calendar-link", f"{of_rotation}/calendar-link", "", {}),
            ("/rotations/{id}/calendar/remove", f"{of_rotation}/calendar/remove", "", {}),
            ("/templates/new", *twice(f"/templates/new?project={project}"), {"name": "new", "title": "{{ name }}"}),
            ("/templates/{id}/edit", *twice(f"/templates/{ids['template']}/edit"), {"name": "ours 2"}),
            ("/status-pages/new/{project}", f"/status-pages/new/{project}", "", {"title": "new", "do": "save"}),
            ("/status-pages/{id}", of_page, of_page, {"description": "more", "do": "save"}),
            ("/status-pages/{id}/posts", f"{of_page}/posts", "",
             {"title": "Down", "text": "We look.", "status": "investigating", "notify": "1"}),
            ("/status-pages/{id}/posts/{post}/updates", f"{of_page}/posts/{post}/updates", "",
             {"text": "Found.", "status": "identified", "version": "1"}),
            ("/status-pages/{id}/posts/{post}/updates/{number}", f"{of_page}/posts/{post}/updates/1", "",
             {"text": "We look at it."}),
            ("/keys/{project}/new", f"/keys/{project}/new", "",
             {"id": new_id(), "kind": "healthchecks", "name": "script", "days": ""}),
            ("/people/{project}/{member}/role", f"/people/{project}/{ids['member']}/role", "", {"role": "editor"}),
        ]  # fmt: skip

    def _removals(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        ids = self.ids
        project, page, rotation = ids["project"], ids["page"], ids["rotation"]
        of_page, found = f"/status-pages/{page}", self.harness.log.directory.page(page)
        assert found is not None
        return [
            ("/mutes/{id}/lift", f"/mutes/{ids['mute']}/lift", "", {}),
            ("/templates/{id}/remove", f"/templates/{ids['template']}/remove", "", {}),
            ("/keys/{project}/{id}/revoke", f"/keys/{project}/{ids['key']}/revoke", "", {}),
            ("/rotations/{id}/overrides/{override}/remove",
             f"/rotations/{rotation}/overrides/{ids['override']}/remove", "", {}),
            ("/status-pages/{id}/posts/{post}/delete", f"{of_page}/posts/{ids['post']}/delete", "", {}),
            ("/status-pages/{id}/subscribers/{subscriber}/remove",
             f"{of_page}/subscribers/{ids['subscriber']}/remove", "", {}),
            ("/status-pages/{id}/delete", f"{of_page}/delete", "",
             {"title": found.title}),
            ("/escalations/{id}/remove", f"/escalations/{ids['policy']}/remove", "", {}),
            ("/rotations/{id}/remove", f"/rotations/{rotation}/remove", "", {}),
            ("/maintenance/{id}/remove", f"/maintenance/{ids['window']}/remove", "", {}),
            ("/checks/{code}/delete", f"/checks/{ids['check']}/delete", "", {}),
            ("/monitors/{id}/delete", f"/monitors/{ids['monitor']}/delete", "", {}),
            ("/channels/{id}/remove", f"/channels/{ids['channel']}/remove", "", {}),
            ("/people/{project}/{member}/remove", f"/people/{project}/{ids['member']}/remove", "", {}),
            ("/people/{person}/delete", f"/people/{ids['person']}/delete", "", {"sure": "yes"}),
        ]  # fmt: skip

    async def _api(self, path: str, **body: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {POP_KEY}"}
        answer = await self.harness.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data
