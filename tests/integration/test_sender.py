"""The sender against real HTTP receivers on the loopback, with a fold of its own instead of Kafka."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook

from infra.egress.guard import Guard
from processors.sender import attempts, dispatcher
from processors.sender.sender import Sender
from processors.sender.signatures import poppaping_signature
from processors.sender.slots import Kind
from processors.sender.webhooks import DeliveryResult, WebhookClient
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    Endpoint,
    EndpointRemoved,
)
from schemas.notices import NOTICES
from tests.sender_bench import LOOPBACK, SECRET, Bench, Receiver, bench, receiver, self_signed


@contextlib.asynccontextmanager
async def raw_receiver(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that says what it likes after a request's head."""

    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            talks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)


async def test_a_webhook_is_signed_and_sent_once() -> None:
    got = Receiver(204)
    async with receiver(got) as url, bench() as run:
        run.define("c", url)
        run.request("c", "t1")
        await run.until(lambda: bool(run.finished))
        await asyncio.sleep(0.05)
    [(headers, body)] = got.requests
    assert Webhook(SECRET).verify(body, headers)["event"] == "monitor.down"
    assert headers["X-PoppaPing-Signature"] == poppaping_signature(SECRET, body)
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Pingfold/")
    assert run.finished[0].outcome == "delivered"


async def test_a_failure_is_tried_again_with_the_same_id_and_bytes() -> None:
    got = Receiver(500, 503, 200)
    async with receiver(got) as url, bench() as run:
        run.define("c", url)
        run.request("c", "t1")
        for attempts in (1, 2):
            await run.until(lambda attempts=attempts: len(run.reports) == attempts)  # type: ignore[misc]
            await asyncio.sleep(0.02)
            assert len(got.requests) == attempts
            run.tick(3600)
        await run.until(lambda: bool(run.finished))
    assert (run.finished[0].outcome, run.finished[0].attempts) == ("delivered", 3)
    assert len({headers["webhook-id"] for headers, _ in got.requests}) == 1
    assert len({body for _, body in got.requests}) == 1


async def test_410_ends_it() -> None:
    got = Receiver(410)
    async with receiver(got) as url, bench() as run:
        run.define("c", url)
        run.request("c", "t1")
        await run.until(lambda: bool(run.finished))
        run.request("c", "t2")
        await asyncio.sleep(0.05)
    assert [finished.outcome for finished in run.finished] == ["gone", "removed"]
    assert len(got.requests) == 1


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("9", 9, 9),
        (" 9 ", 9, 9),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 10**9, 10**9),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0),
        ("9" * 50, 10**9, 10**9),
        ("soon", None, None),
        ("-1", None, None),
    ],
)
async def test_retry_after_is_reported_in_seconds(header: str, low: int | None, high: int | None) -> None:
    got = Receiver(503, headers={"Retry-After": header})
    async with receiver(got) as url, bench() as run:
        report = await run.attempt(url)
    assert report.retry_after in (low, high)


async def test_a_redirect_is_not_followed() -> None:
    inner = Receiver()
    async with receiver(inner) as secret_url, bench() as run:
        outer = Receiver(307, headers={"Location": secret_url})
        async with receiver(outer) as url:
            report = await run.attempt(url)
    assert report.status == 307
    assert inner.requests == []
    assert not run.finished
    [waiting] = [each for _, each in run.view.items() if isinstance(each, Delivery)]
    assert waiting.error == "HTTP 307: a redirect, and none is followed; give the URL that it leads to"


class NoNames(AbstractResolver):
    """Knows no name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


async def test_a_name_that_is_not_known_is_a_failure_like_any_other() -> None:
    async with bench(resolver=NoNames()) as run:
        report = await run.attempt("http://nowhere.example/")
    assert report.error == "the host name cannot be resolved"


class Rebinding(AbstractResolver):
    """The first answer is harmless, later ones are not; `asked` counts."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ResolveResult(hostname=host, host=answer, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_the_checked_address_is_the_one_that_is_dialled() -> None:
    got = Receiver()
    names = Rebinding("127.0.0.1", "169.254.169.254")
    async with receiver(got) as url, bench(resolver=names) as run:
        report = await run.attempt(url.replace("127.0.0.1", "hooks.example"))
    assert report.status == 200
    assert got.requests[0][0]["Host"].startswith("hooks.example:")
    assert names.asked == 1


@pytest.mark.parametrize("host", ["hooks.example", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0x7f.1"])
async def test_a_private_target_is_refused_before_a_connection_is_made(host: str) -> None:
    got = Receiver()
    names = Rebinding("127.0.0.1") if host == "hooks.example" else None
    async with receiver(got) as url, bench(guard=Guard(), resolver=names) as run:
        report = await run.attempt(url.replace("127.0.0.1", host))
    assert got.requests == []
    assert report.status is None
    assert "PINGFOLD_PRIVATE_TARGETS" in report.error


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", "the URL is not valid"),
        ("no url", "the URL is not valid"),
        ("ftp://127.0.0.1/", "the URL is not valid"),
        ("http://127.0.0.1:99999/", "the URL is not valid"),
        ("http://[::1/", "the URL is not valid"),
        ("http://127.1/", "the URL is not valid"),
        ("http://127.0.0.1./", "the URL is not valid"),
        ("http://" + "x" * 300 + ".example/", "the URL is not valid"),
        ("http://127.0.0.1:1/", "connection refused"),
    ],
)
async def test_targets_that_cannot_be_reached_are_failures_like_any_other(url: str, error: str) -> None:
    async with bench() as run:
        report = await run.attempt(url)
    assert report.status is None
    assert error in report.error
    assert not report.timed_out


async def _endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()


async def _stalled_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    await asyncio.sleep(30)


async def _huge_header(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5_000_000 + b"\r\n\r\n")
    await writer.drain()


async def _garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 10)


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    ("talk", "status", "error"),
    [
        (_endless_body, 200, ""),
        (_stalled_body, 200, ""),
        (_huge_header, None, "the answer is not valid HTTP"),
        (_garbage, None, "the answer is not valid HTTP"),
        (_reset, None, "the connection was closed without an answer"),
        (_silence, None, "no answer within 1.5 s"),
    ],
)
async def test_answers_of_any_kind(talk: Any, status: int | None, error: str) -> None:
    async with raw_receiver(talk) as url, bench(seconds=1.5) as run:
        begin = time.perf_counter()
        report = await run.attempt(url)
        assert time.perf_counter() - begin < 10  # much of it is for a slow machine; else it would be 30 or for ever
    assert (report.status, report.error) == (status, error)
    assert report.timed_out is (talk is _silence)


async def test_tls_to_a_server_without_it_is_an_ordinary_failure() -> None:
    async with receiver(Receiver()) as url, bench() as run:
        report = await run.attempt(url.replace("http:", "https:"))
    assert report.error == "the TLS handshake failed"


async def test_a_certificate_is_checked_for_the_name_of_the_url(tmp_path: Path) -> None:
    asked_for: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(self_signed(tmp_path))
    server_side.sni_callback = lambda _, name, __: asked_for.append(name)
    got = Receiver()
    async with receiver(got, server_side) as url, bench(resolver=Rebinding("127.0.0.1")) as run:
        report = await run.attempt(url.replace("127.0.0.1", "hooks.example"))
    assert report.error.startswith("TLS certificate refused: self")
    assert asked_for == ["hooks.example"]
    assert got.requests == []


async def test_slow_receivers_hold_up_nobody_else() -> None:
    """Few slots, all that one project may have of them taken: the order of events tells, not how long they took."""
    slow, healthy = Receiver(delay=100), Receiver()
    async with receiver(slow) as slow_url, receiver(healthy) as url, bench(seconds=50, pool=16, ceiling=64) as run:
        for n in range(10):
            run.define(f"slow{n}", slow_url)
            run.request(f"slow{n}", *(f"t{i}" for i in range(200)))
        run.define("healthy", url)
        dispatcher = run.sender._dispatcher
        dead = dispatcher._pools[Kind.DEAD]
        # Three quarters of the slots of the dead; what is beyond is given up early.
        await run.until(lambda: dead.used == 12, 20)
        run.request("healthy", "alert")
        await run.until(lambda: bool(run.finished), 20)
        run.request("healthy", *(f"t{i}" for i in range(300)))
        await run.until(lambda: len(run.finished) == 301, 20)
        # Those that hold a slot still hold it: nobody has waited until one of them was free.
        ended = {report.error for report in run.reports if report.status is None}
        assert ended <= {"no answer within 1 s, while too many others did not answer"}
        assert dead.used == 12
        assert dispatcher._running <= 64 - 64 // 8
    assert {finished.channel for finished in run.finished} == {"healthy"}


async def test_a_lane_is_bounded_and_a_failing_one_is_narrow() -> None:
    got = Receiver(500, delay=0.02)
    async with receiver(got) as url, bench() as run:
        run.define("c", url)
        run.request("c", *(f"t{i}" for i in range(300)))
        await run.until(lambda: len(run.reports) >= 64)
        assert got.most_at_once == 64
        await asyncio.sleep(0.1)
        assert got.at_once <= 2
        got.statuses = [200]
        await run.until(lambda: len(run.finished) > 0)
        before, got.most_at_once = len(run.finished), 0
        run.request("c", *(f"u{i}" for i in range(100)))
        await run.until(lambda: len(run.finished) >= before + 100)
        assert got.most_at_once > 10


async def test_many_lanes_share_a_low_ceiling() -> None:
    got = Receiver(delay=0.001)
    async with receiver(got) as url, bench(pool=4, ceiling=5) as run:
        for n in range(20):
            run.define(f"c{n}", url)
            run.request(f"c{n}", *(f"t{i}" for i in range(10)))
        await run.until(lambda: len(run.finished) == 200)
        assert got.most_at_once <= 5


async def test_connections_are_used_again() -> None:
    got = Receiver()
    async with receiver(got) as url, bench(lane=4) as run:
        run.define("c", url)
        run.request("c", *(f"t{i}" for i in range(100)))
        await run.until(lambda: len(run.finished) == 100)
    assert len(got.connections) <= 4


async def test_a_revoked_partition_sends_no_more_and_reports_what_was_under_way() -> None:
    got = Receiver(delay=0.2)
    async with receiver(got) as url, bench(lane=3) as run:
        run.define("c", url)
        run.request("c", *(f"t{i}" for i in range(10)))
        await run.until(lambda: got.at_once == 3)
        run.sender.revoked(0)
        await run.until(lambda: len(run.reports) == 3)
        await asyncio.sleep(0.05)
        assert len(got.requests) == 3


async def test_a_new_owner_sends_what_is_outstanding_and_not_what_is_still_under_way() -> None:
    got = Receiver(delay=0.1)
    async with receiver(got) as url, bench(lane=3) as run:
        run.define("c", url)
        run.request("c", *(f"t{i}" for i in range(10)))
        await run.until(lambda: got.at_once == 3)
        run.sender.assigned(0, dict(run.view.items()))
        run.tick(1)
        await run.until(lambda: len(run.finished) == 10)
    assert len(got.requests) == 10


async def test_sending_begins_by_itself_when_nothing_is_committed() -> None:
    async with receiver(Receiver()) as url, bench(takeover=0.1) as run:
        run.define("c", url)
        run.sender.revoked(0)
        run.request("c", "t1")
        run.sender.assigned(0, dict(run.view.items()))
        assert await run.until(lambda: bool(run.finished), 20) > 0.05


async def test_a_removed_channel_is_sent_nothing_more() -> None:
    got = Receiver(delay=0.05)
    async with receiver(got) as url, bench(lane=2) as run:
        run.define("c", url)
        run.request("c", *(f"t{i}" for i in range(10)))
        await run.until(lambda: got.at_once == 2)
        run.feed(("c", EndpointRemoved(at=run.now)))
        await asyncio.sleep(0.2)
    assert len(got.requests) == 2
    assert [finished.outcome for finished in run.finished] == ["removed"] * 10


async def test_a_report_that_is_not_taken_is_tried_again_and_a_secret_that_is_lost_is_a_failure() -> None:
    taken: list[DeliveryAttempted] = []
    refusals = iter([ConnectionError(), ConnectionError()])

    async def report(_: str, attempt: DeliveryAttempted) -> None:
        for refusal in refusals:
            raise refusal
        taken.append(attempt)

    def decrypt(_: str, *places: str) -> str:
        raise ValueError("another key")

    async with WebhookClient(LOOPBACK) as client:
        sender = Sender(client.post, report, decrypt)
        delivery = Delivery(id="d", event="e", channel="c", notice="monitor.down", body="{}", first_due=0)
        endpoint = Endpoint(id="c", project="p", url="http://127.0.0.1:1/", notices=NOTICES, secret="")
        sender.assigned(0, {"delivery/d": delivery, "endpoint/c": endpoint})
        sender.committed(0, {})
        for _ in range(300):
            await asyncio.sleep(0.01)
            if taken:
                break
        await sender.close()
    assert [attempt.error for attempt in taken] == ["the secret of the channel cannot be decrypted"]


async def test_a_want_of_sockets_is_not_held_against_the_receiver() -> None:
    answers = [DeliveryResult(error="Too many open files", sender_error=True), DeliveryResult(200)]
    reports: list[DeliveryAttempted] = []

    async def post(_: str, __: bytes, ___: Mapping[str, str], ____: bool = False) -> DeliveryResult:
        return answers.pop(0)

    async def report(_: str, attempt: DeliveryAttempted) -> None:
        reports.append(attempt)

    sender = Sender(post, report, lambda secret, *_: secret)
    delivery = Delivery(id="d", event="e", channel="c", notice="monitor.down", body="{}", first_due=0)
    endpoint = Endpoint(id="c", project="p", url="http://127.0.0.1:1/", notices=NOTICES, secret="s")
    sender.assigned(0, {"delivery/d": delivery, "endpoint/c": endpoint})
    sender.committed(0, {})
    await asyncio.sleep(0.2)
    await sender.close()
    assert [(attempt.status, attempt.attempt) for attempt in reports] == [(200, 1)]


async def test_an_attempt_that_fails_as_nothing_should_is_a_failure_like_any_other() -> None:
    reports: list[DeliveryAttempted] = []

    async def post(_: str, __: bytes, ___: Mapping[str, str], ____: bool = False) -> DeliveryResult:
        raise RuntimeError("a defect of ours")

    async def report(_: str, attempt: DeliveryAttempted) -> None:
        reports.append(attempt)

    sender = Sender(post, report, lambda secret, *_: secret)
    delivery = Delivery(id="d", event="e", channel="c", notice="monitor.down", body="{}", first_due=0)
    endpoint = Endpoint(id="c", project="p", url="http://127.0.0.1:1/", notices=NOTICES, secret="s")
    sender.assigned(0, {"delivery/d": delivery, "endpoint/c": endpoint})
    sender.committed(0, {})
    async with asyncio.timeout(20):
        while not reports:
            await asyncio.sleep(0.002)
    await sender.close()
    assert [(attempt.status, attempt.error) for attempt in reports] == [(None, "the attempt failed (RuntimeError)")]


async def test_a_replay_that_is_committed_together_with_the_end_before_it_is_sent() -> None:
    reports: list[DeliveryAttempted] = []

    async def report(_: str, attempt: DeliveryAttempted) -> None:
        reports.append(attempt)

    async def post(_: str, __: bytes, ___: Mapping[str, str], ____: bool = False) -> DeliveryResult:
        return DeliveryResult(200)

    sender = Sender(post, report, lambda secret, *_: secret)
    delivery = Delivery(id="d", event="e", channel="c", notice="monitor.down", body="{}", first_due=0)
    endpoint = Endpoint(id="c", project="p", url="http://127.0.0.1:1/", notices=NOTICES, secret="s")
    sender.assigned(0, {"delivery/d": delivery, "endpoint/c": endpoint})
    sender.committed(0, {})
    for number, replay in enumerate(("r1", "r2"), 2):
        # The sender sees the last record of a batch only: first attempt it was, first attempt it is.
        sender.committed(0, {"delivery/d": msgspec.structs.replace(delivery, replay=replay)})
        async with asyncio.timeout(5):
            while len(reports) < number:
                await asyncio.sleep(0.001)
    await sender.close()
    assert [(attempt.replay, attempt.attempt) for attempt in reports] == [("", 1), ("r1", 1), ("r2", 1)]


class HangingClient:
    """A request that heeds no time limit."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def post(self, *_: Any) -> DeliveryResult:
        while not self.released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.released.wait()
        return DeliveryResult(status=200)

    exchange = post


async def test_an_attempt_that_heeds_no_limit_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LONGEST", 0.05)
    monkeypatch.setattr(dispatcher, "LONGEST", 0.05)
    monkeypatch.setattr(dispatcher, "_LATE_SECONDS", 0.3)
    client: Any = HangingClient()
    world = Bench(client)
    assert world.sender.works()
    world.define("c", "http://127.0.0.1:1/")
    world.request("c", "t")
    await world.until(lambda: not world.sender.works(), 30)
    client.released.set()
    await world.until(lambda: world.sender.works(), 30)
    await world.sender.close()
