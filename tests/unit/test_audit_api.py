"""The audit trail by REST, over the real folds, in memory: every route that changes something leaves an entry that says
who it was."""

from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from schemas.base import encode
from schemas.deliveries import DeliveryAttempted
from schemas.ids import new_id
from schemas.page_subscribers import PageSubscribe
from schemas.recipients import recipient_id
from schemas.topics import DELIVERIES
from tests.audit_trail import BEARER, CLIENT, trail
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, WRITE_KEY, Harness
from tests.updown_client import UPDOWN_KEY, with_updown_keys

KEY = {"X-Api-Key": WRITE_KEY, "X-Forwarded-For": CLIENT}
UPDOWN = {"X-Api-Key": UPDOWN_KEY, "X-Forwarded-For": CLIENT}


def api_of(path: str) -> tuple[str, dict[str, str]]:
    """The kind of the keys of an API, and the headers with one."""
    if path.startswith("/api/v3/"):
        return "healthchecks", KEY
    return ("poppaping", BEARER) if path.startswith("/api/v1/") else ("updown", UPDOWN)


@pytest.fixture
def harness() -> Harness:
    return with_updown_keys(Harness(test_sends_per_hour=0, smtp_host="mail.example.org", smtp_from="a@example.org"))


class Changes:
    """Makes changes, and knows what entry each must leave: `expected` holds (action, kind, thing), oldest first."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.calls: list[tuple[str, str]] = []
        self.secrets: list[str] = []
        self.expected: list[tuple[str, str, str]] = []

    async def call(self, verb: str, route: str, entry: str, body: Any = None, **ids: str) -> Any:
        """Ask for a change by a route of /openapi.json. entry: the action and the kind that it must leave."""
        self.harness.log.tick(1)  # entries of one moment stand in no order
        path = route.format(**ids)
        thing = ids.pop("thing", "")
        answer = await self.harness.client.request(verb, path, json=body, headers=api_of(path)[1])
        assert answer.status_code in (200, 201, 202), f"{verb} {path}: {answer.text}"
        self.calls.append((verb, route))
        told = answer.json()
        told = told.get("data", told)
        action, _, kind = entry.partition(" ")
        thing = thing or ids.get("id") or ids.get("code") or told.get("uuid") or told.get("id")
        self.expected.append((action, kind, str(thing)))
        return told

    def name_last(self, thing: str) -> None:
        """The thing of the newest entry, which the answer does not tell."""
        action, kind, _ = self.expected[-1]
        self.expected[-1] = action, kind, thing


async def all_changes(changes: Changes) -> None:
    call, v1, v3 = changes.call, "/api/v1", "/api/v3"
    check = (await call("POST", f"{v3}/checks/", "created check", {"name": "Backup"}))["uuid"]
    await call("POST", f"{v3}/checks/{{code}}", "updated check", {"grace": 120}, code=check)
    await call("POST", f"{v3}/checks/{{code}}/pause", "paused check", {}, code=check)
    await call("POST", f"{v3}/checks/{{code}}/resume", "resumed check", {}, code=check)
    await call("DELETE", f"{v3}/checks/{{code}}", "deleted check", code=check)
    hook = {"kind": "webhook", "url": "https://hooks.test/x"}
    channel = (await call("POST", f"{v3}/channels/", "created channel", hook))["id"]
    await call("DELETE", f"{v3}/channels/{{code}}", "deleted channel", code=channel)

    target = {"name": "Shop", "url": "https://shop.test/"}
    monitor = (await call("POST", f"{v1}/monitors", "created monitor", target))["id"]
    await call("PATCH", f"{v1}/monitors/{{id}}", "updated monitor", {"interval_seconds": 90}, id=monitor)
    await call("POST", f"{v1}/monitors/{{id}}/pause", "updated monitor", id=monitor)
    await call("POST", f"{v1}/monitors/{{id}}/resume", "updated monitor", id=monitor)
    window = {"name": "W", "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T01:00:00Z"}
    maintenance = (await call("POST", f"{v1}/maintenance-windows", "created maintenance", window))["id"]
    await call("PATCH", f"{v1}/maintenance-windows/{{id}}", "updated maintenance", {"name": "V"}, id=maintenance)
    await call("DELETE", f"{v1}/maintenance-windows/{{id}}", "deleted maintenance", id=maintenance)
    now, longer = {"name": "Deploy", "duration": "30m"}, {"minutes": 15}
    maintenance = (await call("POST", f"{v1}/maintenance-windows", "created maintenance", now))["id"]
    await call("POST", f"{v1}/maintenance-windows/{{id}}/extend", "updated maintenance", longer, id=maintenance)
    await call("POST", f"{v1}/maintenance-windows/{{id}}/end", "updated maintenance", id=maintenance)
    page = (await call("POST", f"{v1}/status-pages", "created status-page", {"title": "Shop"}))["id"]
    await call("PATCH", f"{v1}/status-pages/{{id}}", "updated status-page", {"title": "The shop"}, id=page)
    posts, said = f"{v1}/status-pages/{{id}}/posts", {"title": "Slow", "text": "We look into it."}
    post = (await call("POST", posts, "created status-post", said, id=page))["id"]
    changes.name_last(post)
    about = {"id": page, "post": post, "number": "1", "thing": post}
    await call("PATCH", f"{posts}/{{post}}", "updated status-post", {"title": "Very slow"}, **about)
    over = {"text": "Well again.", "status": "resolved"}
    await call("POST", f"{posts}/{{post}}/updates", "updated status-post", over, **about)
    await call("PATCH", f"{posts}/{{post}}/updates/{{number}}", "updated status-post", {"text": "Found."}, **about)
    await call("DELETE", f"{posts}/{{post}}", "deleted status-post", **about)
    harness = changes.harness
    asked = PageSubscribe(request=new_id(), at=harness.log.time, page=page, address="ann@example.org")
    harness.request(harness.project, asked)
    [subscriber] = [one.id for one in harness.log.directory.page_news.subscribers_of(page)]
    gone = {"id": page, "subscriber": subscriber, "thing": subscriber}
    await call("DELETE", f"{v1}/status-pages/{{id}}/subscribers/{{subscriber}}", "deleted page-subscriber", **gone)
    await call("DELETE", f"{v1}/status-pages/{{id}}", "deleted status-page", id=page)
    await call("DELETE", f"{v1}/monitors/{{id}}", "deleted monitor", id=monitor)

    hook = {"channel_type": "webhook", "url": "https://hooks.test/x"}
    channel = (await call("POST", f"{v1}/alert-channels", "created channel", hook))["id"]
    await call("PATCH", f"{v1}/alert-channels/{{id}}", "updated channel", {"name": "ops"}, id=channel)
    delivery = (await call("POST", f"{v1}/alert-channels/{{id}}/test", "tested channel", id=channel))["id"]
    report = DeliveryAttempted(delivery=delivery, attempt=1, at=changes.harness.log.time, status=200)
    changes.harness.log.send(DELIVERIES.name, channel, encode(report))
    again = f"{v1}/alert-channels/{{id}}/deliveries/{{delivery}}/replay"
    await call("POST", again, "replayed channel", id=channel, delivery=delivery)
    changes.harness.log.send(
        DELIVERIES.name, channel, encode(report).replace(b"}", b',"replay":"%s"}' % _replay(changes, channel))
    )
    since = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    await call("POST", f"{v1}/alert-channels/{{id}}/deliveries/replay", "replayed channel", since, id=channel)
    await call("DELETE", f"{v1}/alert-channels/{{id}}", "deleted channel", id=channel)


async def confirmations(changes: Changes) -> None:
    """Owners of addresses are asked again; the entry tells of the address."""
    mail = {"kind": "email", "email": "ops@example.org"}
    channel = (await changes.call("POST", "/api/v3/channels/", "created channel", mail))["id"]
    owner = {"thing": recipient_id(changes.harness.project, "ops@example.org")}
    await changes.call("POST", "/api/v3/channels/{code}/confirmation", "updated recipient", code=channel, **owner)
    await changes.call("POST", "/api/v1/alert-channels/{id}/confirmation", "updated recipient", id=channel, **owner)


async def rotations(changes: Changes) -> None:
    """Keys and secrets are rotated; the entry says so and tells none of them."""
    hook = {"kind": "webhook", "url": "https://hooks.test/x"}
    channel = (await changes.call("POST", "/api/v3/channels/", "created channel", hook))["id"]
    await changes.call("POST", "/api/v3/channels/{code}/rotate-secret", "updated channel", {}, code=channel)
    await changes.call("POST", "/api/v1/alert-channels/{id}/rotate-secret", "updated channel", {}, id=channel)
    routes = ("/api/v3/project/rotate-ping-key", "/api/v3/project/rotate-webhook-secret")
    for route in (*routes, "/api/v1/account/rotate-webhook-secret"):
        made = await changes.call("POST", route, "updated project", {}, thing=changes.harness.project)
        changes.secrets.append(made.get("ping_key") or made["secret"])


async def renamed(changes: Changes) -> None:
    """A project has another name; the entry tells both."""
    project = changes.harness.project
    await changes.call("POST", "/api/v3/project/rename", "updated project", {"name": "Shop"}, thing=project)


async def incidents(changes: Changes) -> None:
    """Acknowledged, commented on, and whom else to tell."""
    call, v1, log = changes.call, "/api/v1", changes.harness.log
    steps = [{"after_minutes": 5, "own_channels": True}]
    policies = f"{v1}/escalation-policies"
    policy = (await call("POST", policies, "created escalation", {"name": "Night", "steps": steps}))["id"]
    await call("PATCH", f"{policies}/{{id}}", "updated escalation", {"repeat": 3}, id=policy)
    await call("DELETE", f"{policies}/{{id}}", "deleted escalation", id=policy)
    templates = f"{v1}/message-templates"
    template = (await call("POST", templates, "created template", {"name": "Short", "text": "{{ why }}"}))["id"]
    await call("PATCH", f"{templates}/{{id}}", "updated template", {"title": "{{ what }}"}, id=template)
    await call("DELETE", f"{templates}/{{id}}", "deleted template", id=template)
    hook = {"channel_type": "webhook", "url": "https://night.test/x"}
    ada = (await call("POST", f"{v1}/alert-channels", "created channel", hook))["id"]
    rotations = f"{v1}/on-call"
    primary = {"name": "Primary", "turns": [{"name": "Ada", "alert_channel_ids": [ada]}]}
    rotation = (await call("POST", rotations, "created on-call", primary))["id"]
    await call("PATCH", f"{rotations}/{{id}}", "updated on-call", {"name": "First"}, id=rotation)
    span = {"alert_channel_ids": [ada], "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z"}
    on = {"id": rotation, "thing": rotation}
    override = (await call("POST", f"{rotations}/{{id}}/overrides", "updated on-call", span, **on))["id"]
    place = f"{rotations}/{{id}}/overrides/{{override}}"
    await call("DELETE", place, "updated on-call", override=override, **on)
    feed = f"{rotations}/{{id}}/calendar-feed"
    await call("PUT", feed, "created calendar-feed", {"url": "https://calendar.example.com/team.ics"}, id=rotation)
    await call("DELETE", feed, "deleted calendar-feed", id=rotation)
    await call("POST", f"{rotations}/{{id}}/calendar-link", "updated on-call", id=rotation)
    await call("DELETE", f"{rotations}/{{id}}", "deleted on-call", id=rotation)
    await call("DELETE", f"{v1}/alert-channels/{{id}}", "deleted channel", id=ada)
    mute = await call("POST", f"{v1}/tag-mutes", "created tag-mute", {"tag": "db"})
    await call("DELETE", f"{v1}/tag-mutes/{{id}}", "deleted tag-mute", id=mute["id"])
    site = {"name": "Down", "url": "https://down.test/", "confirmations": 1}
    monitor = (await call("POST", f"{v1}/monitors", "created monitor", site))["id"]
    log.tick(60)
    log.probe(monitor, ok=False)
    on = {"id": monitor, "thing": monitor}
    await call("POST", f"{v1}/incidents/{{id}}/acknowledge", "acknowledged monitor", {}, **on)
    await call("POST", f"{v1}/incidents/{{id}}/comments", "commented monitor", {"comment": "on it"}, **on)
    await call("DELETE", f"{v1}/incidents/{{id}}/acknowledge", "released monitor", **on)
    await call("DELETE", f"{v1}/monitors/{{id}}", "deleted monitor", id=monitor)


async def reports(changes: Changes) -> None:
    """Which are sent, and one that is sent on request."""
    call, v1, project = changes.call, "/api/v1", changes.harness.project
    hook = {"channel_type": "webhook", "url": "https://reports.test/"}
    channel = (await call("POST", f"{v1}/alert-channels", "created channel", hook))["id"]
    wanted = {"weekly": True, "alert_channel_ids": [channel]}
    await call("PATCH", f"{v1}/reports/schedule", "created reports", wanted, thing=project)
    await call("POST", f"{v1}/reports/send", "tested channel", {}, thing=channel)
    await call("DELETE", f"{v1}/alert-channels/{{id}}", "deleted channel", id=channel)


async def updown_changes(changes: Changes) -> None:
    """Those of the updown API, whose ids are tokens and numbers."""
    call, directory = changes.call, changes.harness.log.directory

    def id_of(token: str) -> str:
        return next(one.id for one in directory.monitors_of(changes.harness.project) if one.token == token)

    check = (await call("POST", "/api/checks", "created monitor", {"url": "https://shop.test/"}, thing="-"))["token"]
    monitor = id_of(check)
    changes.name_last(monitor)
    await call("PUT", "/api/checks/{token}", "updated monitor", {"period": 120}, token=check, thing=monitor)
    page = (await call("POST", "/api/status_pages", "created status-page", {"checks": [check]}, thing="-"))["token"]
    found = directory.page_by_token(page)
    assert found is not None
    changes.name_last(found.id)
    put = "/api/status_pages/{token}"
    await call("PUT", put, "updated status-page", {"name": "The shop"}, token=page, thing=found.id)
    await call("DELETE", put, "deleted status-page", token=page, thing=found.id)
    await call("DELETE", "/api/checks/{token}", "deleted monitor", token=check, thing=monitor)
    hook = "https://hooks.test/updown"
    for route, body in (("/api/recipients", {"type": "webhook", "value": hook}), ("/api/webhooks", {"url": hook})):
        number = (await call("POST", route, "created channel", body, thing="-"))["id"]
        [channel] = directory.channels_of(changes.harness.project)
        changes.name_last(channel.id)
        if route == "/api/recipients":
            await call("POST", f"{route}/{{id}}/test", "tested channel", id=number, thing=channel.id)
        await call("DELETE", f"{route}/{{id}}", "deleted channel", id=number, thing=channel.id)


def _replay(changes: Changes, channel: str) -> bytes:
    [pending] = changes.harness.log.delivery_states.pending(channel)
    return pending.delivery.replay.encode()


async def test_every_route_that_changes_something_leaves_an_entry_with_who_it_was(harness: Harness) -> None:
    changes = Changes(harness)
    await all_changes(changes)
    await incidents(changes)
    await reports(changes)
    await updown_changes(changes)
    await confirmations(changes)
    await rotations(changes)
    entries = [entry for entry in reversed(await trail(harness, limit="1000")) if entry["actor"]["kind"] != "unknown"]
    assert [(entry["action"], entry["kind"], entry["thing"]) for entry in entries] == changes.expected
    directory = harness.log.directory
    known = {key.id: key.kind for key in directory.keys_of(harness.project)}
    for entry in entries:
        by = entry["actor"]
        assert (by["kind"], by["user"], by["address"]) == ("api_key", None, CLIENT)
    routes = [route for _, route in changes.calls]
    for entry, route in zip(entries, routes, strict=True):
        assert known[entry["actor"]["key"]] == api_of(route)[0]
    text = repr(entries)
    assert len(changes.secrets) == 3
    assert [secret for secret in changes.secrets if secret in text] == []
    assert POP_KEY not in text
    assert WRITE_KEY not in text
    assert UPDOWN_KEY not in text


async def test_no_route_that_changes_something_is_forgotten(harness: Harness) -> None:
    """A new route that changes something belongs into `all_changes`."""
    changes = Changes(harness)
    await all_changes(changes)
    await incidents(changes)
    await reports(changes)
    await updown_changes(changes)
    await confirmations(changes)
    await rotations(changes)
    await renamed(changes)
    told = harness.app.openapi()["paths"]
    routes = {(verb.upper(), path) for path, verbs in told.items() for verb in verbs if verb not in ("get", "head")}
    # Versions 1 and 2 of the Management API are the same routes.
    repeated = ("/api/v1/checks", "/api/v1/channels", "/api/v1/project", "/api/v2/")
    routes = {(verb, path) for verb, path in routes if not path.startswith(repeated)}
    routes.discard(("POST", "/api/v1/what-if"))  # so does this
    routes.discard(("POST", "/api/v1/message-templates/preview"))  # it shows something, and keeps nothing
    routes -= {("POST", "/api/v1/monitors/try"), ("POST", "/api/v1/monitors/{id}/try")}  # so do these
    assert routes == set(changes.calls)


async def test_refused_and_void_requests_leave_none(harness: Harness) -> None:
    before = await trail(harness)
    client = harness.client
    check = (await client.post("/api/v3/checks/", json={"name": "x", "grace": 60})).json()["uuid"]
    refused: list[Callable[[], Coroutine[Any, Any, httpx.Response]]] = [
        lambda: client.post("/api/v3/checks/", json={"name": "x", "grace": 1}),
        lambda: client.post(f"/api/v3/checks/{check}", json={"channels": "nobody"}),
        lambda: client.post(f"/api/v3/checks/{check}", json={"grace": 61}, headers={"X-Api-Key": READ_KEY}),
        lambda: client.delete(f"/api/v3/checks/{check}", headers={"X-Api-Key": OTHER_KEY}),
        lambda: client.post(f"/api/v3/checks/{check}/resume"),
        lambda: client.post("/api/v1/monitors", json={}, headers=BEARER),
    ]
    for ask in refused:
        assert (await ask()).status_code >= 400
    assert (await client.post(f"/api/v3/checks/{check}", json={"grace": 60})).status_code == 200
    assert [entry["action"] for entry in await trail(harness)] == ["created", *(one["action"] for one in before)]
