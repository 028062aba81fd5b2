"""Notices as messages of ntfy: the fold, the sender and the real client against a server on the loopback that takes
messages as ntfy's does (https://docs.ntfy.sh/publish/)."""

import contextlib
import json
import re
from collections.abc import AsyncIterator
from email.header import decode_header, make_header
from typing import Any

import pytest
from aiohttp import web

from infra.secrets.channel_secrets import own_place
from infra.secrets.secrets import Vault
from processors.sender.channels.sending import Services
from processors.sender.sender import Sender
from processors.sender.webhooks import WebhookClient
from schemas.base import SECOND
from schemas.deliveries import DeliveryAttempted, DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import NOTICES, Notice
from tests.sender_bench import LOOPBACK, Bench, bench

TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
PRIORITIES = {"min": 1, "low": 2, "default": 3, "high": 4, "max": 5, "urgent": 5}
MONITOR = {"id": "m", "name": "Zürich 🧨", "url": "https://web.example/", "kind": "http"}
INCIDENT = {"id": "i", "started_at": "2025-06-15T15:06:40+00:00", "resolved_at": None, "cause": "Zeit überschritten"}


class Ntfy:
    """As ntfy takes messages: topics, headers with encoded words, tokens, the limit of a message. messages: by topic.

    answers: statuses to give before it takes anything, with `Retry-After` when `wait` says how long.
    """

    def __init__(self, token: str | None = None, answers: tuple[int, ...] = (), wait: int | None = None) -> None:
        self.token, self.answers, self.wait = token, list(answers), wait
        self.messages: list[dict[str, Any]] = []
        self.shown: list[str | None] = []
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.shown.append(request.headers.get("Authorization"))
        body = await request.read()
        if self.answers:
            status = self.answers.pop(0)
            return _error(status, {"Retry-After": str(self.wait)} if self.wait is not None else {})
        if self.token is not None and self.shown[-1] != f"Bearer {self.token}":
            return _error(401 if self.shown[-1] else 403)
        topic = re.fullmatch(r"/([-_A-Za-z0-9]{1,64})", request.path)
        if request.method != "POST" or topic is None:
            return _error(404)
        raw = {name.lower(): value for name, value in request.headers.items()}
        message = {
            "topic": topic[1],
            "title": _decoded(raw.get("title", "")),
            "priority": PRIORITIES[_decoded(raw.get("priority", "default"))],
            "tags": [tag.strip() for tag in _decoded(raw.get("tags", "")).split(",") if tag.strip()],
            "click": _decoded(raw.get("click", "")),
        }
        if len(body) > 4_096:
            message |= {"message": "You received a file", "attachment": len(body)}
        else:
            message |= {"message": body.decode() or "triggered"}
        self.messages.append(message)
        return web.json_response({"id": f"m{len(self.messages)}", "event": "message", **message})


def _decoded(value: str) -> str:
    assert value.isascii(), "a header that not every server takes"
    return str(make_header(decode_header(value)))


def _error(status: int, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps({"code": status * 100 + 1, "http": status, "error": "no"})
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


@contextlib.asynccontextmanager
async def serving(server: Ntfy) -> AsyncIterator[Ntfy]:
    runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def endpoint(url: str, secret: str = "", topic: str = "alerts", id: str = "c") -> Endpoint:
    return Endpoint(
        id=id, project="p", url=url, notices=NOTICES, secret=secret, kind="ntfy", options={"topic": topic},
        site="https://pingfold.example", digest=False,
    )  # fmt: skip


def define(run: Bench, endpoint: Endpoint) -> None:
    run.feed((endpoint.id, EndpointDefined(at=run.now, endpoint=endpoint)))


def request(run: Bench, transition: str, notice: Notice, data: dict[str, Any] | None = None, id: str = "c") -> None:
    known = {"monitor": MONITOR, "incident": INCIDENT}
    run.feed((id, DeliveryRequested(transition=transition, at=run.now, notices=(notice,), data=data or known)))


async def reported(run: Bench, count: int) -> DeliveryAttempted:
    await run.until(lambda: len(run.reports) >= count)
    return run.reports[count - 1]


async def test_notices_arrive_as_messages() -> None:
    async with serving(Ntfy()) as server, bench() as run:
        define(run, endpoint(server.url))
        for number, notice in enumerate(("monitor.down", "monitor.recovered", "monitor.not_observed"), 1):
            request(run, f"t{number}", notice)  # type: ignore[arg-type]
            await run.until(lambda number=number: len(run.finished) == number)  # type: ignore[misc]
    assert [finished.outcome for finished in run.finished] == ["delivered"] * 3
    down, recovered, unknown = server.messages
    assert down == {
        "topic": "alerts",
        "title": "Zürich 🧨 is down",
        "priority": 4,
        "tags": ["rotating_light"],
        "click": "https://pingfold.example/",
        "message": "Zeit überschritten\nhttps://web.example/\nSince: 2025-06-15 15:06:40 UTC",
    }
    assert (recovered["title"], recovered["priority"]) == ("Zürich 🧨 has recovered", 3)
    assert (recovered["tags"], unknown["tags"]) == (["heavy_check_mark"], ["warning"])
    assert server.shown == [None] * 3


async def test_a_long_notice_is_a_message_and_no_file() -> None:
    async with serving(Ntfy()) as server, bench() as run:
        define(run, endpoint(server.url))
        request(run, "t", "monitor.down", {"monitor": MONITOR, "incident": INCIDENT | {"cause": "é" * 20_000}})
        await run.until(lambda: bool(run.finished))
    assert "attachment" not in server.messages[0]
    assert server.messages[0]["message"].endswith("é…")


async def test_a_protected_topic_wants_the_token() -> None:
    async with serving(Ntfy(token=TOKEN)) as server, bench() as run:
        define(run, endpoint(server.url, TOKEN))
        request(run, "t", "monitor.down")
        await run.until(lambda: bool(run.finished))
        assert run.finished[0].outcome == "delivered"
        define(run, endpoint(server.url, "tk_wrong"))
        request(run, "t2", "monitor.down")
        await run.until(lambda: len(run.finished) == 2)
        # What somebody must mend is not tried again; whoever gives another token enables the channel.
        assert (run.finished[1].outcome, "give one that is" in run.finished[1].detail) == ("gone", True)
        define(run, endpoint(server.url, TOKEN))
        request(run, "t3", "monitor.down")
        await run.until(lambda: len(run.finished) == 3)
    assert run.finished[2].outcome == "delivered"
    assert len(server.messages) == 2


async def test_one_that_is_too_busy_is_asked_again_when_it_says() -> None:
    async with serving(Ntfy(answers=(429,), wait=90)) as server, bench() as run:
        define(run, endpoint(server.url))
        request(run, "t", "monitor.down")
        report = await reported(run, 1)
        assert (report.status, report.retry_after) == (429, 90)
        begin = run.now
        run.tick(60)
        run.tick(29)
        assert len(server.shown) == 1
        run.tick(60)
        await run.until(lambda: bool(run.finished))
    assert (run.finished[0].outcome, run.finished[0].attempts) == ("delivered", 2)
    assert run.now - begin < 200 * SECOND


async def test_410_gives_the_channel_up() -> None:
    async with serving(Ntfy(answers=(410,))) as server, bench() as run:
        define(run, endpoint(server.url))
        request(run, "t", "monitor.down")
        await run.until(lambda: bool(run.finished))
    assert run.finished[0].outcome == "gone"


@pytest.mark.parametrize("where", ["elsewhere", "the same"])
async def test_a_token_is_sent_only_to_the_server_that_it_was_given_for(where: str) -> None:
    vault = Vault(b"k" * 32, "a test")
    async with serving(Ntfy(token=TOKEN)) as server, serving(Ntfy()) as other, WebhookClient(LOOPBACK) as client:
        run = Bench(client)
        await run.sender.close(0)
        run.sender = Sender(
            client.post, run.report, vault.decrypt, services=Services(client.exchange), clock=lambda: run.now
        )
        run.sender.assigned(0, {})
        run.tick(0)
        sealed = vault.encrypt(TOKEN, own_place("ntfy", "c", server.url))
        define(run, endpoint(server.url if where == "the same" else other.url, sealed))
        request(run, "t", "monitor.down")
        report = await reported(run, 1)
        await run.sender.close(0)
    if where == "the same":
        assert report.status == 200
    else:
        assert report.error == "the secret of the channel cannot be decrypted"
        assert other.shown == []


async def test_a_redirect_takes_no_token_along() -> None:
    class Redirecting(Ntfy):
        async def __call__(self, request: web.BaseRequest) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{self.url}/alerts"})

    async with serving(Ntfy()) as other, serving(Redirecting()) as server, bench() as run:
        place, server.url = server.url, other.url
        define(run, endpoint(place, TOKEN))
        request(run, "t", "monitor.down")
        assert (await reported(run, 1)).status == 307
    assert other.shown == []
