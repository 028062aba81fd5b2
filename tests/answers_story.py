"""A story that asks for every operation of both APIs, and the answers to it, byte for byte.

The same story gives the same bytes: ids come from a seed, time from the harness. What stays random (new secrets and
ping keys) is replaced. `python -m tests.answers_story` writes the recorded answers anew; look at what changed before it
is committed: clients read these bytes.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID

from schemas.base import encode
from schemas.deliveries import DeliveryAttempted
from schemas.ids import new_id
from schemas.page_subscribers import PageSubscribe, subscriber_id
from schemas.topics import DELIVERIES
from tests.harness import POP_KEY, READ_KEY, Harness

RECORDED = Path(__file__).parent / "fixtures" / "answers"
V1, V3 = "/api/v1", "/api/v3"
_UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"
_RANDOM = re.compile(r'(?<="secret":")whsec_[^"]+|(?<="ping_key":")[^"]+')


class Answer(NamedTuple):
    """What was asked (`route` as the document names it) and what was answered."""

    api: str
    verb: str
    route: str
    path: str
    status: int
    content_type: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.verb} {self.path}\n{self.status} {self.content_type}\n{self.body}\n"


class Story:
    """Asks, and keeps the answers in order."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.answers: list[Answer] = []

    async def ask(self, verb: str, route: str, body: Any = None, query: str = "", key: str = "", **ids: str) -> Any:
        """The JSON of an answer, None without any."""
        poppaping = route.startswith(V1)
        headers = {"Authorization": f"Bearer {POP_KEY}"} if poppaping else {}
        path = route.format(**ids) + query
        answer = await self.harness.client.request(
            verb, path, json=body, headers=headers | ({"X-Api-Key": key} if key else {})
        )
        text = _RANDOM.sub("NEW", answer.text)
        content_type = answer.headers.get("content-type", "")
        api = "poppaping" if poppaping else "management"
        self.answers.append(Answer(api, verb, route, path, answer.status_code, content_type, text))
        self.harness.log.tick(1)  # no two things are made at the same moment
        return answer.json() if content_type == "application/json" and answer.content else None

    async def data(self, verb: str, route: str, body: Any = None, query: str = "", **ids: str) -> Any:
        """The `data` of an answer of the PoppaPing API."""
        return (await self.ask(verb, route, body, query, **ids))["data"]


@contextmanager
def _same_ids() -> Iterator[None]:
    random = Random(20_251_128)
    with patch("schemas.ids.uuid4", lambda: UUID(int=random.getrandbits(128), version=4)):
        yield


async def answers() -> list[Answer]:
    """The answers of the whole story."""
    # What is made once in a process takes its ids before.
    await Harness().client.get(f"{V3}/checks/")
    with _same_ids():
        harness = Harness(smtp_host="mail.example.org", smtp_from="a@example.org")
        story = Story(harness)
        await _checks(story)
        await _channels(story)
        await _monitors(story)
        await _around_monitors(story)
        await _alerts(story)
        await _deliveries(story)
        await _keys(story)
        await _audit(story)
        await _incidents(story)
        await _reports(story)
        await _on_call(story)
        await _templates(story)
        await _what_if(story)
        await _badges(story)
        await _before_saving(story)
    return story.answers


async def _checks(story: Story) -> None:
    ask, log = story.ask, story.harness.log
    await ask("GET", f"{V3}/checks/")
    simple = {
        "name": "Backup <&> \u00fc",
        "tags": "a b",
        "desc": "nightly",
        "timeout": 60,
        "grace": 60,
        "methods": "POST",
    }
    simple |= {"start_kw": "go", "success_kw": "ok", "failure_kw": "bad", "filter_subject": True}
    check = (await ask("POST", f"{V3}/checks/", simple))["uuid"]
    cron = {"name": "Report", "slug": "report", "schedule": "0 2 * * *", "tz": "Europe/Riga", "late_limit": 90}
    other = (await ask("POST", f"{V3}/checks/", cron | {"run_limit": 120, "manual_resume": True}))["uuid"]
    await ask("POST", f"{V3}/checks/", {"name": "Report", "unique": ["name"], "grace": 300})
    log.ping(check, "start", method="POST", scheme="https", remote_addr="203.0.113.5", ua="curl", rid=_UNKNOWN)
    log.tick(3)
    log.ping(check, exitstatus=0, body="all is well", remote_addr="2001:db8::1", rid=_UNKNOWN)
    log.tick(1)
    log.ping(check, "log", body="a line")
    await ask("GET", f"{V3}/checks/{{code}}", code=check)
    log.ping(check, "fail", exitstatus=3)
    log.ping(other)
    for code in (check, other):
        await ask("GET", f"{V3}/checks/{{code}}", code=code)
        await ask("GET", f"{V3}/checks/{{code}}/pings/", code=code)
        await ask("GET", f"{V3}/checks/{{code}}/flips/", code=code)
    await ask("GET", f"{V3}/checks/{{code}}/pings/{{n}}/body", code=check, n="2")
    await ask("GET", f"{V3}/checks/{{code}}/pings/{{n}}/body", code=check, n="99")
    await ask("GET", f"{V3}/checks/", query="?tag=a&slug=backup")
    read = await ask("GET", f"{V3}/checks/", key=READ_KEY)
    await ask("GET", f"{V3}/checks/{{code}}", key=READ_KEY, code=read["checks"][0]["unique_key"])
    await ask("POST", f"{V3}/checks/{{code}}", {"channels": "", "grace": 120, "timeout": 3600}, code=other)
    await ask("POST", f"{V3}/checks/{{code}}/pause", code=check)
    await ask("POST", f"{V3}/checks/{{code}}/resume", code=check)
    await ask("POST", f"{V3}/checks/{{code}}/resume", code=check)
    await ask("POST", f"{V3}/checks/", {"grace": 1})
    await ask("GET", f"{V3}/checks/{{code}}", code=_UNKNOWN)
    await ask("GET", f"{V3}/checks/{{code}}", key="w" * 32, code=check)
    await ask("DELETE", f"{V3}/checks/{{code}}", code=other)


async def _badges(story: Story) -> None:
    await story.ask("GET", f"{V3}/badges/")
    await story.ask("GET", f"{V3}/status/")


async def _channels(story: Story) -> None:
    ask = story.ask
    hook = {"url": "https://hooks.example/x", "name": "Hook", "on_every_check": True, "events": ["monitor.down"]}
    channel = (await ask("POST", f"{V3}/channels/", hook))["id"]
    mail = {"kind": "email", "email": "ops@example.org, dev@example.org", "name": "Mail"}
    mailed = (await ask("POST", f"{V3}/channels/", mail))["id"]
    await ask("GET", f"{V3}/channels/")
    await ask("GET", f"{V3}/channels/", query="?details=1")
    await ask("POST", f"{V3}/channels/{{code}}/confirmation", code=mailed)
    await ask("POST", f"{V3}/channels/{{code}}/confirmation", code=channel)
    await ask("POST", f"{V3}/channels/{{code}}/rotate-secret", {}, code=channel)
    await ask("POST", f"{V3}/channels/{{code}}/rotate-secret", {"overlap": 0, "secret": "8 letters"}, code=channel)
    await ask("POST", f"{V3}/channels/", {"url": "gopher://x"})
    await ask("DELETE", f"{V3}/channels/{{code}}", code=mailed)


async def _monitors(story: Story) -> None:
    ask, data, log = story.ask, story.data, story.harness.log
    await ask("GET", f"{V1}/monitors")
    site: dict[str, Any] = {
        "name": "Site \u00fc",
        "url": "https://site.example/",
        "headers": {"X-Token": "hush"},
        "body": "x",
    }
    site |= {"method": "POST", "expected_statuses": [200, 204], "keyword": "ok", "confirmations": 1}
    monitor = (await data("POST", f"{V1}/monitors", site))["id"]
    name = {"name": "Name", "type": "dns", "host": "site.example", "dns_record": "A", "dns_resolver": "9.9.9.9"}
    other = (await data("POST", f"{V1}/monitors", name | {"depends_on": [monitor], "dns_expected": "9.9.9.10"}))["id"]
    tcp = {"name": "Port", "type": "tcp", "host": "site.example", "port": 5432, "interval_seconds": 30}
    port = (await data("POST", f"{V1}/monitors", tcp))["id"]
    log.tick(120)
    log.probe(monitor, status=204, expires=1_800_000_000_000_000)
    log.tick(60)
    log.probe(monitor, ok=False, status=500, failure="status", detail="the status is 500", address="192.0.2.7")
    await ask("GET", f"{V1}/monitors/{{id}}", id=monitor)
    await ask("GET", f"{V1}/monitors/{{id}}", id=port)
    log.tick(60)
    log.probe(monitor, took=1_234_567, status=200)
    log.tick(60)
    log.probe(monitor, ok=False)
    await ask("GET", f"{V1}/monitors")
    await ask("GET", f"{V1}/monitors", query="?page=2&per_page=2")
    for period in ("24h", "30d"):
        await ask("GET", f"{V1}/monitors/{{id}}/uptime", query=f"?period={period}", id=monitor)
    await ask("GET", f"{V1}/monitors/{{id}}/uptime", id=port)
    await ask("GET", f"{V1}/monitors/{{id}}/checks", id=monitor)
    await ask("GET", f"{V1}/monitors/{{id}}/validity-events", id=monitor)
    incidents = await data("GET", f"{V1}/incidents")
    await ask("GET", f"{V1}/incidents", query="?status=open")
    for incident in incidents:
        await ask("GET", f"{V1}/incidents/{{id}}", id=incident["id"])
    await ask("PATCH", f"{V1}/monitors/{{id}}", {"interval_seconds": 90, "keyword_absent": True}, id=monitor)
    await ask("POST", f"{V1}/monitors/{{id}}/pause", id=monitor)
    await ask("POST", f"{V1}/monitors/{{id}}/resume", id=monitor)
    await ask("POST", f"{V1}/monitors", {"name": "x", "urll": "https://site.example/"})
    await ask("POST", f"{V1}/monitors", {"url": "https://site.example/"})
    await ask("GET", f"{V1}/monitors/{{id}}", id=_UNKNOWN)
    await ask("DELETE", f"{V1}/monitors/{{id}}", id=other)


async def _around_monitors(story: Story) -> None:
    ask, data = story.ask, story.data
    [monitor, *_] = await data("GET", f"{V1}/monitors")
    [check] = (await ask("GET", f"{V3}/checks/"))["checks"]
    once = {"name": "Move", "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-01T01:00:00Z"}
    nightly = {"name": "Nightly", "schedule": "0 2 * * *", "duration_minutes": 30, "timezone": "Europe/Riga"}
    window = (await data("POST", f"{V1}/maintenance-windows", once | {"monitor_ids": [monitor["id"]]}))["id"]
    other = (await data("POST", f"{V1}/maintenance-windows", nightly))["id"]
    await ask("GET", f"{V1}/maintenance-windows")
    await ask("GET", f"{V1}/maintenance-windows/{{id}}", id=window)
    await ask("PATCH", f"{V1}/maintenance-windows/{{id}}", {"name": "Moved"}, id=window)
    await ask("DELETE", f"{V1}/maintenance-windows/{{id}}", id=other)
    now = {"name": "Deploy", "duration": "30m", "tags": ["web"], "key": "pipeline-4711"}
    begun = (await data("POST", f"{V1}/maintenance-windows", now))["id"]
    await ask("POST", f"{V1}/maintenance-windows", now)
    await ask("POST", f"{V1}/maintenance-windows/{{id}}/extend", {"minutes": 15}, id=begun)
    await ask("POST", f"{V1}/maintenance-windows/{{id}}/extend", {"minutes": 15}, id=window)
    await ask("POST", f"{V1}/maintenance-windows/{{id}}/end", id=begun)
    components = [
        {"type": "monitor", "id": monitor["id"], "name": "The shop", "group": "Shops"},
        {"type": "check", "id": check["uuid"]},
    ]
    page = (await data("POST", f"{V1}/status-pages", {"title": "Status of all", "components": components}))["id"]
    await ask("GET", f"{V1}/status-pages")
    await ask("GET", f"{V1}/status-pages/{{id}}", id=page)
    await ask("PATCH", f"{V1}/status-pages/{{id}}", {"description": "All we have", "slug": "all"}, id=page)
    await ask("POST", f"{V1}/status-pages", {"title": "x", "components": components[:1] * 2})
    await _posts(story, page, check["uuid"])
    await ask("DELETE", f"{V1}/status-pages/{{id}}", id=page)


async def _posts(story: Story, page: str, check: str) -> None:
    ask, data, posts = story.ask, story.data, f"{V1}/status-pages/{{id}}/posts"
    said = {"title": "Payments fail", "text": "We look into it.", "affected": [check]}
    post = (await data("POST", posts, said, id=page))["id"]
    await ask("GET", posts, id=page)
    await ask("PATCH", f"{posts}/{{post}}", {"title": "Payments by card fail"}, id=page, post=post)
    update = {"text": "All well.", "status": "resolved"}
    await ask("POST", f"{posts}/{{post}}/updates", update, id=page, post=post)
    mended = {"text": "We look into payments."}
    await ask("PATCH", f"{posts}/{{post}}/updates/{{number}}", mended, id=page, post=post, number="1")
    await ask("GET", f"{posts}/{{post}}", id=page, post=post)
    await ask("DELETE", f"{posts}/{{post}}", id=page, post=post)
    harness, address = story.harness, "ann@example.org"
    subscribing = PageSubscribe(request=new_id(), at=harness.log.time, page=page, address=address)
    harness.request(harness.project, subscribing)
    subscribers, id = f"{V1}/status-pages/{{id}}/subscribers", subscriber_id(page, address)
    await ask("GET", subscribers, id=page)
    await ask("DELETE", f"{subscribers}/{{subscriber}}", id=page, subscriber=id)


async def _alerts(story: Story) -> None:
    ask, data = story.ask, story.data
    hook = {"channel_type": "webhook", "url": "https://hooks.example/y", "name": "Ops", "secret": "8 letters"}
    channel = (await data("POST", f"{V1}/alert-channels", hook))["id"]
    mail = {"channel_type": "email", "addresses": ["ops@example.org", "dev@example.org"], "events": ["monitor.down"]}
    mailed = (await data("POST", f"{V1}/alert-channels", mail))["id"]
    await ask("GET", f"{V1}/alerts")
    await ask("GET", f"{V1}/alert-channels/{{id}}", id=mailed)
    await ask("PATCH", f"{V1}/alert-channels/{{id}}", {"events": ["monitor.down", "monitor.recovered"]}, id=channel)
    await ask("POST", f"{V1}/alert-channels/{{id}}/confirmation", id=mailed)
    await ask("POST", f"{V1}/alert-channels/{{id}}/confirmation", id=channel)
    await ask("POST", f"{V1}/alert-channels/{{id}}/rotate-secret", {"overlap_seconds": 60}, id=channel)
    await ask("POST", f"{V1}/alert-channels", {"channel_type": "pigeon"})
    await ask("DELETE", f"{V1}/alert-channels/{{id}}", id=mailed)


async def _deliveries(story: Story) -> None:
    ask, data, log = story.ask, story.data, story.harness.log
    channel = (await data("POST", f"{V1}/alert-channels", {"channel_type": "webhook", "url": "https://d.example/"}))[
        "id"
    ]

    async def attempted(status: int, again: bool = False) -> str:
        """A test is sent, and its first attempt answered so; answers the delivery."""
        delivery: str = (await data("POST", f"{V1}/alert-channels/{{id}}/test", id=channel))["id"]
        log.send(
            DELIVERIES.name,
            channel,
            encode(DeliveryAttempted(delivery=delivery, attempt=1, at=log.time, status=status)),
        )
        return delivery

    delivered = await attempted(200)
    await attempted(500)
    await ask("GET", f"{V1}/alert-channels/{{id}}/deliveries", id=channel)
    again = f"{V1}/alert-channels/{{id}}/deliveries/{{delivery}}/replay"
    await ask("POST", again, id=channel, delivery=delivered)
    await ask("POST", again, id=channel, delivery=_UNKNOWN)
    span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    await ask("POST", f"{V1}/alert-channels/{{id}}/deliveries/replay", span, id=channel)
    await ask("POST", f"{V1}/alert-channels/{{id}}/deliveries/replay", {}, id=channel)
    await ask("GET", f"{V1}/alert-channels/{{id}}/deliveries", query="?per_page=1&page=2", id=channel)
    log.send(
        DELIVERIES.name, channel, encode(DeliveryAttempted(delivery=delivered, attempt=1, at=log.time, status=410))
    )
    await ask("GET", f"{V1}/alert-channels/{{id}}", id=channel)


async def _keys(story: Story) -> None:
    ask = story.ask
    await ask("GET", f"{V1}/account")
    await ask("GET", f"{V1}/account/usage")
    await ask("POST", f"{V1}/account/rotate-webhook-secret", {})
    await ask("POST", f"{V3}/project/rotate-ping-key", {"overlap": 3600})
    await ask("POST", f"{V3}/project/rotate-webhook-secret", {"overlap": 0})
    await ask("POST", f"{V3}/project/rotate-webhook-secret", {"overlap": -1})


async def _audit(story: Story) -> None:
    first = await story.ask("GET", f"{V3}/audit/", query="?limit=15")
    await story.ask("GET", f"{V3}/audit/", query=f"?limit=100&before={first['next']}")
    await story.ask("GET", f"{V3}/audit/", query="?kind=nothing")


async def _incidents(story: Story) -> None:
    ask, data, log = story.ask, story.data, story.harness.log
    channel = {"channel_type": "webhook", "url": "https://night.example/"}
    called = (await data("POST", f"{V1}/alert-channels", channel))["id"]
    steps = [{"after_minutes": 5, "own_channels": True}, {"after_minutes": 15, "alert_channel_ids": [called]}]
    policies = f"{V1}/escalation-policies"
    policy = (await data("POST", policies, {"name": "Night shift", "steps": steps, "repeat": 3}))["id"]
    await ask("GET", policies)
    await ask("GET", f"{policies}/{{id}}", id=policy)
    await ask("PATCH", f"{policies}/{{id}}", {"repeat": None}, id=policy)
    await ask("POST", policies, {"name": "x", "steps": [*steps, steps[0]]})
    mute = (await data("POST", f"{V1}/tag-mutes", {"tag": "db", "mute_until": "2025-06-15T16:00:00Z"}))["id"]
    await ask("GET", f"{V1}/tag-mutes")
    await ask("GET", f"{V1}/tag-mutes/{{id}}", id=mute)
    await ask("DELETE", f"{V1}/tag-mutes/{{id}}", id=mute)
    await ask("PATCH", f"{V1}/alert-channels/{{id}}", {"mute_until": "forever"}, id=called)
    site = {"name": "Shop", "url": "https://shop.example/", "confirmations": 1}
    monitor = (await data("POST", f"{V1}/monitors", site))["id"]
    log.tick(60)
    log.probe(monitor, ok=False)
    for by in ("Ada", "Bob"):
        await ask("POST", f"{V1}/incidents/{{id}}/acknowledge", {"by": by, "comment": "on it"}, id=monitor)
    await ask("POST", f"{V1}/incidents/{{id}}/comments", {"by": "Bob", "comment": "thanks"}, id=monitor)
    [incident] = await data("GET", f"{V1}/incidents", query=f"?monitor_id={monitor}")
    await ask("GET", f"{V1}/incidents/{{id}}", id=incident["id"])
    await ask("GET", f"{V1}/explain/{{thing}}", thing=monitor)
    await ask("GET", f"{V1}/explain/{{thing}}", query="?at=soon", thing=monitor)
    await ask("DELETE", f"{V1}/incidents/{{id}}/acknowledge", {"by": "Ada"}, id=monitor)
    await ask("GET", f"{V1}/incidents", query="?type=heartbeat")
    await ask("DELETE", f"{policies}/{{id}}", id=policy)


async def _reports(story: Story) -> None:
    ask, data = story.ask, story.data
    reports = f"{V1}/reports"
    channel = {"channel_type": "webhook", "url": "https://reports.example/"}
    to = (await data("POST", f"{V1}/alert-channels", channel))["id"]
    await ask("GET", reports)
    await ask("GET", reports, query="?from=2025-06-15&timezone=Europe/Riga")
    await ask("GET", reports, query="?from=2025-06-15&to=1975-06-15")
    await ask("GET", f"{reports}/schedule")
    await ask("PATCH", f"{reports}/schedule", {"weekly": True})
    wanted = {"weekly": True, "monthly": True, "timezone": "Europe/Riga", "alert_channel_ids": [to]}
    await ask("PATCH", f"{reports}/schedule", wanted)
    await ask("GET", f"{reports}/schedule")
    await ask("POST", f"{reports}/send", {"period": "month"})
    await ask("POST", f"{reports}/send", {"period": "year"})
    await ask("GET", f"{V1}/uptime", query="?from=2025-06-15&by=day&timezone=Europe/Riga")
    await ask("GET", f"{V1}/uptime", query="?period=1y")
    await ask("GET", f"{V1}/run-times", query="?from=2025-06-15&to=2025-06-14")
    await ask("GET", f"{V1}/run-times", query="?period=24h")


async def _on_call(story: Story) -> None:
    ask, data, rotations = story.ask, story.data, f"{V1}/on-call"
    phone = {"channel_type": "webhook", "url": "https://ada.example/", "name": "Ada"}
    called = (await data("POST", f"{V1}/alert-channels", phone))["id"]
    body = {
        "name": "Primary",
        "timezone": "Europe/Berlin",
        "handover": {"every_days": 7, "time": "09:00", "starts_on": "2025-06-02"},
        "turns": [{"name": "Ada", "alert_channel_ids": [called]}],
    }
    rotation = (await data("POST", rotations, body))["id"]
    await ask("GET", rotations)
    await ask("GET", f"{rotations}/{{id}}", id=rotation, query="?at=2025-06-20T12:00:00Z")
    hours = [{"days": ["monday"], "start": "09:00", "end": "17:00"}]
    await ask("PATCH", f"{rotations}/{{id}}", {"hours": hours}, id=rotation)
    span = "?from=2025-06-16T00:00:00Z&to=2025-06-18T00:00:00Z"
    await ask("GET", f"{rotations}/{{id}}/schedule", id=rotation, query=span)
    override = {
        "alert_channel_ids": [called],
        "starts_at": "2025-06-20T00:00:00Z",
        "ends_at": "2025-06-21T00:00:00Z",
        "name": "Bob, for Ada",
    }
    overrides = f"{rotations}/{{id}}/overrides"
    made = (await data("POST", overrides, override, id=rotation))["id"]
    await ask("DELETE", f"{overrides}/{{override}}", id=rotation, override=made)
    feed = f"{rotations}/{{id}}/calendar-feed"
    await ask("PUT", feed, {"url": "https://calendar.example/team.ics"}, id=rotation)
    await ask("GET", feed, id=rotation)
    await ask("DELETE", feed, id=rotation)
    await ask("POST", f"{rotations}/{{id}}/calendar-link", id=rotation)
    await ask("DELETE", f"{rotations}/{{id}}", id=rotation)
    await ask("POST", rotations, body | {"timezone": "Mars"})


async def _templates(story: Story) -> None:
    ask, templates = story.ask, f"{V1}/message-templates"
    words = {"title": "{{ project }}: {{ what }}", "text": "{{ why }}\n{{ page }}"}
    made = (await story.data("POST", templates, {"name": "Short", "events": ["monitor.down"], **words}))["id"]
    await ask("GET", templates)
    await ask("GET", f"{templates}/{{id}}", id=made)
    await ask("PATCH", f"{templates}/{{id}}", {"text": ""}, id=made)
    await ask("POST", templates, {"name": "x", "text": "one\n{{ nothing }}"})
    await ask("POST", f"{templates}/preview", words | {"language": "es", "timezone": "America/Lima"})
    await ask("DELETE", f"{templates}/{{id}}", id=made)


async def _what_if(story: Story) -> None:
    ask, log, path = story.ask, story.harness.log, f"{V1}/what-if"
    made = await ask(
        "POST", f"{V3}/checks/", {"name": "Nightly", "tags": "night", "timeout": 60, "grace": 60, "channels": "*"}
    )
    check = str(made["uuid"])
    log.ping(check)
    log.tick(150)
    log.ping(check)
    log.tick(2)
    await ask("POST", path, {"thing": check, "set": {"grace": "20m"}, "since": "1d"})
    await ask("POST", path, {"thing": "tag:night", "sweep": "grace=1m..3m/1m", "since": "1d"})
    await ask("POST", path, {"thing": check, "set": {"interval": 5}})
    await ask("POST", path, {"thing": check, "set": {"grace": "1s"}})
    await ask("POST", path, {"thing": "tag:none"})


async def _before_saving(story: Story) -> None:
    ask, data = story.ask, story.data
    shop = {"url": "https://shop.example/", "headers": {"X-Token": "hush"}}
    await ask("POST", f"{V1}/monitors/try", shop)
    await ask("POST", f"{V1}/monitors/try", {"url": "http://127.0.0.1/"})
    monitor = (await data("POST", f"{V1}/monitors", shop | {"name": "Tried"}))["id"]
    await ask("POST", f"{V1}/monitors/{{id}}/try", {"keyword": "Welcome"}, id=monitor)
    await ask("POST", f"{V3}/project/rename", {"name": "Shop"})
    await ask("POST", f"{V3}/project/rename", {"name": ""})


def recorded(found: list[Answer]) -> dict[str, str]:
    """The content of the file of each API."""
    return {api: "\n".join(one.text for one in found if one.api == api) for api in ("management", "poppaping")}


def main() -> None:
    for api, text in recorded(asyncio.run(answers())).items():
        (RECORDED / f"{api}.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
