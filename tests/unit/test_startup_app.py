"""What a web process answers before it can serve, and how long a role waits for Kafka at its start."""

import asyncio
import json
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.clock import clock_of
from infra.log import startup_wait
from infra.log.admin import WrongPartitionCount
from infra.log.startup_wait import KafkaRefuses, StartupWait
from infra.settings.settings import Settings
from pingfold.roles.startup_app import StartupApp

KEY = "a key of figures"


def door() -> StartupApp:
    return StartupApp(clock_of(Settings()), {"instance": "this"}, KEY)


async def ask(app: Any, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "path": path, "method": method, "headers": given}, None, send)
    start, body = sent
    return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, body["body"]


async def test_nothing_is_served_and_everybody_is_told_when_to_come_again() -> None:
    one = door()
    one.why = "127.0.0.1:9092: connection refused"
    for path in ("/healthz", "/readyz", "/api/v3/checks/", "/ping/key/job", "/", "/metrics"):
        status, headers, _ = await ask(one, path)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "5", "close"), path
    status, _, body = await ask(one, "/ping/key/job", "POST")
    assert (status, body) == (503, b"not recorded: Pingfold is starting and waits for Kafka, try again later")
    assert (await ask(one, "/ping/key/job", "HEAD"))[2] == b""


async def test_health_and_readiness() -> None:
    one = door()
    one.why = "127.0.0.1:9092: connection refused"
    for path in ("/healthz", "/readyz"):
        _, headers, body = await ask(one, path)
        assert headers["content-type"] == "application/json"
        assert json.loads(body) == {"status": "starting", "instance": "this"}
    _, _, body = await ask(one, "/readyz", authorization=f"Bearer {KEY}")
    assert json.loads(body)["problems"] == [{"part": "Kafka", "reason": one.why}]


async def test_refused_pings_are_told_from_the_first_on() -> None:
    one, told = door(), list[int]()
    before = clock_of(Settings()).now()
    await ask(one, "/ping/~synthetic/web-1-7-abc")
    await ask(one, "/healthz")
    one.tell(told.append)
    assert not told, "nobody's ping was refused"
    one = door()
    await ask(one, "/ping/key/job")
    first = clock_of(Settings()).now()
    await ask(one, "/ping/key/job")
    one.tell(told.append)
    assert len(told) == 1
    assert before <= told[0] <= first
    await ask(one, "/ping/key/job")
    assert len(told) == 2
    assert told[1] >= first


async def test_preflights_are_answered_as_later() -> None:
    """A script reads that Pingfold is starting, and not that the network is out; nothing counts as refused."""
    one, told = door(), list[int]()
    for path, methods, headers in (
        ("/ping/key/job", "GET, HEAD, POST, OPTIONS", "*"),
        (
            "/api/v3/checks/",
            "GET, POST, PUT, PATCH, DELETE, OPTIONS",
            "X-Api-Key, Content-Type, If-None-Match, Idempotency-Key, Pingfold-If-Version",
        ),
        ("/api/v1/monitors", "GET, POST, PUT, PATCH, DELETE, OPTIONS", None),
        ("/api/nothing", "GET, POST, PUT, PATCH, DELETE, OPTIONS", None),
        ("/status/x.json", "GET, POST, PUT, PATCH, DELETE, OPTIONS", "Content-Type, If-None-Match"),
    ):
        status, given, body = await ask(one, path, "OPTIONS")
        assert (status, body, given["access-control-allow-origin"]) == (204, b"", "*"), path
        assert given["access-control-allow-methods"] == methods, path
        assert headers is None or given["access-control-allow-headers"] == headers, path
        assert "retry-after" not in given
    assert (await ask(one, "/", "OPTIONS"))[0] == 204
    one.tell(told.append)
    assert not told
    status, given, _ = await ask(one, "/api/v1/monitors")
    assert (status, given["access-control-allow-origin"]) == (503, "*")
    assert "Retry-After" in given["access-control-expose-headers"]


async def test_it_leads_to_the_application() -> None:
    one = door()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    one.hand_over_to(app)
    assert await ask(one, "/healthz") == (200, {}, b"/healthz")


class Kafka:
    """What it answers, one after the other: why nobody is there, an error of the question, or the count."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str | Exception | int) -> None:
        self.answers = list(answers)
        monkeypatch.setattr(startup_wait, "kafka_fault", lambda _: self.fault())
        monkeypatch.setattr(startup_wait, "partition_count", lambda _: self.count())
        monkeypatch.setattr(startup_wait, "_AGAIN_SECONDS", 0.0)

    def fault(self) -> str:
        return str(self.answers.pop(0)) if isinstance(self.answers[0], str) else ""

    def count(self) -> int:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)


async def test_a_kafka_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    away = KafkaException(KafkaError(KafkaError._TRANSPORT, "nobody is there"))
    Kafka(monkeypatch, "connection refused", "connection refused", away, 8)
    why: list[str] = []
    assert await asyncio.wait_for(StartupWait("nowhere", why.append).partitions(), 30) == 8
    assert why == ["connection refused", "connection refused", "nobody is there"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (WrongPartitionCount("topic pings is not there"), WrongPartitionCount),
        (KafkaException(KafkaError(KafkaError._AUTHENTICATION, "Invalid username")), KafkaRefuses),
    ],
)
async def test_what_does_not_pass_by_itself_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    Kafka(monkeypatch, "connection refused", error)
    with pytest.raises(raised, match=r"not there|Invalid username"):
        await asyncio.wait_for(StartupWait("nowhere").partitions(), 30)
