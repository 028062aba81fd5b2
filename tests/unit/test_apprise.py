"""Apprise: what a channel may be configured by, what is told of it, and what comes of a message."""

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from infra.apprise_library.library import AppriseLibrary, LibraryFailed
from infra.apprise_library.messages import MOST, Answer, Call, HttpRequest, Verdict, length_of, packed
from processors.sender.channels import apprise as sending
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.lanes import Secrets
from processors.sender.notice_body import render_body
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.base import SECOND
from schemas.channels.apprise import Apprise, address_of, service_title
from schemas.channels.apprise_services import OTHERS, SERVICES
from schemas.channels.kind import InvalidChannelField
from schemas.definitions import Channel
from schemas.deliveries import Delivery, Endpoint
from tests.source_tree import ROOT

APPRISE = Apprise()
TABLE = ROOT / "schemas" / "channels" / "apprise_services.py"
AT = 1_750_000_000 * SECOND
TOKEN = "AbCdEfGhIjKlMnO"
URL = f"gotifys://push.example.org/{TOKEN}"
NOBODY = "nothing was sent: the URL names nobody whom Gotify could reach"


def channel(**fields: Any) -> Channel:
    known: dict[str, Any] = {"url": "gotifys://push.example.org", "secret": "sealed"}
    return Channel(id="c", project="p", kind="apprise", created=0, **known | fields)


# ---- the configuration


def test_the_table_of_the_services_is_that_of_the_library() -> None:
    # In a process of its own: all plugins of the library are loaded for it.
    source = "from tests.apprise_services import table; print(table(), end='')"
    found = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert found.returncode == 0, found.stderr
    assert found.stdout == TABLE.read_text(), "make docs"
    assert len(SERVICES) > 150
    assert not OTHERS & set(SERVICES)
    # What goes other ways than HTTP, or to this machine.
    assert {"mailto", "mqtt", "syslog", "dbus", "gnome", "macosx", "windows", "xmpp", "amqp", "irc"} <= OTHERS
    assert not {"file", "http", "https", "vapid", "fcm"} & set(SERVICES)


@pytest.mark.parametrize(
    ("url", "address", "service"),
    [
        (URL, "gotifys://push.example.org", "Gotify"),
        (f"GOTIFY://Push.Example.org:8443/a/{TOKEN}?priority=high", "gotify://push.example.org:8443", "Gotify"),
        (f"json://me:{TOKEN}@[fd00::1]:80/x", "json://[fd00::1]:80", "JSON"),
        (f"slack://{TOKEN}/BBBBBBBBB/{TOKEN}/#general", "slack://", "Slack"),
        (f"tgram://123456789:{TOKEN}/12315544/", "tgram://", "Telegram"),
        # Neither host nor port: more than that may stand there.
        (f"gotify://push.example.org:{TOKEN}/x", "gotify://", "Gotify"),
        ("gotify://push.example.org:99999/x", "gotify://", "Gotify"),
        ("gotify://[::::]/x", "gotify://", "Gotify"),
        ("json://", "json://", "JSON"),
    ],
)
def test_the_url_is_the_secret_and_its_beginning_is_shown(url: str, address: str, service: str) -> None:
    assert APPRISE.validate({"apprise_url": url}, None) == {"url": address, "secret": url}
    shown = msgspec.to_builtins(APPRISE.show_config(channel(url=address)))
    assert shown == {"apprise_service": service, "apprise_address": address}
    assert APPRISE.target(shown) == address
    assert TOKEN.lower() not in f"{shown} {APPRISE.redact(channel(url=address))}".lower()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with the name of a service"),
        ("gotify.example.org", "must begin with the name of a service"),
        (f" gotify://x/{TOKEN}", "must begin with the name of a service"),
        (f"pigeon://x/{TOKEN}", "Apprise knows no pigeon://"),
        (f"file:///etc/{TOKEN}", "Apprise knows no file://"),
        (f"https://hooks.slack.com/services/{TOKEN}", "for https:// there are webhooks"),
        (f"mailto://me:{TOKEN}@mail.example.org", "which mailto:// is not"),
        (f"mqtt://me:{TOKEN}@broker.example.org/topic", "which mqtt:// is not"),
        (f"syslog://{TOKEN}", "which syslog:// is not"),
        (f"gotify://push.example.org/{TOKEN}\r\nX: y", "must not hold control characters"),
        (f"slack://{TOKEN}/B/C/?template=/etc/passwd", "no files are read here"),
        (f"discord://4174216298/{TOKEN}/?Template=https://x.example/", "no files are read here"),
    ],
)
def test_what_is_no_channel(url: str, words: str) -> None:
    with pytest.raises(InvalidChannelField) as error:
        APPRISE.validate({"apprise_url": url}, None)
    assert error.value.field == "apprise_url"
    assert words in error.value.problem
    assert TOKEN not in error.value.problem


def test_a_change_sets_what_it_gives() -> None:
    assert APPRISE.validate({}, channel()) == {}
    changed = APPRISE.validate({"apprise_url": "ntfy://other.example/topic"}, channel())
    assert changed == {"url": "ntfy://", "secret": "ntfy://other.example/topic"}
    with pytest.raises(InvalidChannelField):
        APPRISE.validate({}, None)


def test_a_definition_that_leads_nowhere_is_none() -> None:
    assert APPRISE.problem(channel()) == ""
    assert APPRISE.problem(channel(url="of-a-later-version://")) != ""
    assert APPRISE.problem(channel(url="later1://")) == ""
    assert "without a secret" in APPRISE.problem(channel(secret=None))
    assert "does not begin" in APPRISE.problem(channel(url="https://x.example/secret"))
    assert service_title("later1://") == "later1"


def test_a_url_is_given_as_a_target() -> None:
    assert APPRISE.of_target(URL) == {"apprise_url": URL}
    assert address_of(URL) == "gotifys://push.example.org"


# ---- the message


MONITOR = {"id": "m", "name": "Web", "url": "https://web.example/", "kind": "http"}
INCIDENT = {"id": "i", "started_at": "2025-06-15T15:06:40+00:00", "resolved_at": None, "cause": "timed out"}


def outgoing(notice: str = "monitor.down", body: str | None = None) -> Outgoing:
    rendered = render_body(notice, AT, {"monitor": MONITOR, "incident": INCIDENT}, "https://pingfold.example")
    endpoint = Endpoint(
        id="c", project="p", url="gotifys://push.example.org", notices=(), secret="", kind="apprise",
        site="https://pingfold.example",
    )  # fmt: skip
    delivery = Delivery(
        id="d", event="e", channel="c", notice=notice, body=rendered if body is None else body, first_due=0  # type: ignore[arg-type]
    )  # fmt: skip
    return Outgoing(endpoint, delivery, Secrets(URL), AT, False)


def test_a_notice_is_a_message() -> None:
    call = sending.call_of(outgoing())
    assert (call.url, call.title, call.mood, call.answers) == (URL, "Web is down", "failure", ())
    assert call.text.splitlines() == [
        "timed out",
        "https://web.example/",
        "Since: 2025-06-15 15:06:40 UTC",
        "https://pingfold.example/",
    ]
    assert sending.call_of(outgoing("monitor.recovered")).mood == "success"
    assert sending.call_of(outgoing("monitor.not_observed")).mood == "warning"


class Library:
    """Wants so many requests, and then says something."""

    def __init__(self, wanted: int, said: Verdict) -> None:
        self.wanted, self.said = wanted, said
        self.calls: list[Call] = []

    async def ask(self, call: Call) -> Verdict:
        self.calls.append(call)
        if len(call.answers) == self.wanted:
            return self.said
        return Verdict(HttpRequest("POST", f"https://push.example.org/{len(call.answers)}", (("A", "b"),), b"x"))


async def sent(library: Library, *results: DeliveryResult) -> DeliveryResult:
    rest = iter(results)

    async def exchange(*_: Any, **__: Any) -> Exchange:
        return Exchange(next(rest), (("X", "y"),), b"said")

    async def post(*_: Any) -> DeliveryResult:
        raise AssertionError

    return await sending.send(outgoing(), Clients(post, None, services=Services(exchange, library.ask)))


@pytest.mark.parametrize(
    ("said", "results", "expected"),
    [
        (Verdict(taken=True), [DeliveryResult(204)], DeliveryResult(204)),
        # A request before the message may fail.
        (Verdict(taken=True), [DeliveryResult(404), DeliveryResult(201)], DeliveryResult(201)),
        (Verdict(), [DeliveryResult(429, retry_after=30)], DeliveryResult(429, retry_after=30)),
        (Verdict(), [DeliveryResult(200), DeliveryResult(503)], DeliveryResult(503)),
        (Verdict(), [DeliveryResult(503), DeliveryResult(200)], DeliveryResult(503)),
        (Verdict(), [DeliveryResult(302)], DeliveryResult(302)),
        (Verdict(), [DeliveryResult(error="refused")], DeliveryResult(error="refused")),
        (Verdict(), [DeliveryResult(200)], DeliveryResult(error="Gotify answered 200, and did not take the message")),
        (Verdict(problem="it is no URL"), [], DeliveryResult(error="it is no URL")),
        (Verdict(taken=True), [], DeliveryResult(error=NOBODY)),
    ],
)  # fmt: skip
async def test_the_status_is_that_of_the_request_that_decided(
    said: Verdict, results: list[DeliveryResult], expected: DeliveryResult
) -> None:
    library = Library(len(results), said)
    assert await sent(library, *results) == expected
    # The library knows every answer so far.
    assert [len(call.answers) for call in library.calls] == list(range(len(results) + 1))


async def test_what_a_server_said_is_told_to_the_library() -> None:
    library = Library(3, Verdict(taken=True))
    await sent(library, DeliveryResult(200), DeliveryResult(error="no", timed_out=True), DeliveryResult(error="no"))
    assert library.calls[-1].answers == (
        Answer(200, (("X", "y"),), b"said"),
        Answer(error="timeout"),
        Answer(error="failed"),
    )


async def test_a_message_without_end_is_given_up() -> None:
    library = Library(1_000, Verdict())
    result = await sent(library, *[DeliveryResult(200)] * 1_000)
    assert result.error == f"the message needs more than {sending.MOST_REQUESTS} requests"


async def test_a_service_that_is_never_done_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.01)

    async def never(*_: Any, **__: Any) -> Verdict:
        await asyncio.Event().wait()
        raise AssertionError

    async def none(*_: Any, **__: Any) -> Any:
        raise AssertionError

    result = await sending.send(outgoing(), Clients(none, None, services=Services(none, never)))
    assert (result.status, result.timed_out, result.ours) == (None, True, True)

    async def wants(_: Call) -> Verdict:
        return Verdict(HttpRequest("POST", "https://push.example.org/"))

    result = await sending.send(outgoing(), Clients(none, None, services=Services(never, wants)))  # type: ignore[arg-type]
    assert (result.status, result.timed_out, result.ours) == (None, True, False)


@pytest.mark.parametrize("ours", [True, False])
async def test_what_the_library_cannot_do_counts_only_when_it_is_the_urls_fault(ours: bool) -> None:
    async def fails(_: Call) -> Verdict:
        raise LibraryFailed("no", ours=ours)

    async def none(*_: Any, **__: Any) -> Any:
        raise AssertionError

    result = await sending.send(outgoing(), Clients(none, None, services=Services(none, fails)))
    assert result == DeliveryResult(error="no", timed_out=True, ours=ours)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"retry_after": 64.57}', 65),
        (b'{"parameters": {"retry_after": 35}}', 36),
        (b'{"retry_after_ms": 2000}', 3),
        (b'{"retry_after": "soon", "parameters": 5}', None),
        (b"<html>", None),
    ],
)
def test_a_wait_that_stands_in_a_body_is_kept(body: bytes, seconds: int | None) -> None:
    refused = Exchange(DeliveryResult(429), (), body)
    assert sending.result_of(Verdict(), [refused], "x") == DeliveryResult(429, retry_after=seconds)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": 5}', "no JSON"])
async def test_what_is_no_notice_is_a_failed_attempt(body: str) -> None:
    async def none(*_: Any, **__: Any) -> Any:
        raise AssertionError

    clients = Clients(none, None, services=Services(none, none))
    answer = await sending.send(outgoing(body=body), clients)
    assert answer.status is None
    assert answer.error.startswith("the notice cannot be made a message")
    nothing = await sending.send(outgoing(), Clients(none, None))
    assert nothing.status is None


class Asked(AppriseLibrary):
    """Answers when it is let, without a process."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.let = asyncio.Event()

    async def _exchange(self, call: Call) -> Verdict:
        self.urls.append(call.url)
        await self.let.wait()
        return Verdict(taken=True)


async def test_calls_of_those_who_are_gone_take_no_turn() -> None:
    library = Asked()
    calls = [asyncio.create_task(library.ask(Call(f"gotify://{number}.example"))) for number in range(10)]
    while not library.urls:
        await asyncio.sleep(0)
    for one in calls[:-1]:
        one.cancel()
    assert len(await asyncio.gather(*calls[:-1], return_exceptions=True)) == 9
    library.let.set()
    assert (await calls[-1]).taken
    # The first had begun: its answer is read, so that nobody gets it for another.
    assert library.urls == ["gotify://0.example", "gotify://9.example"]
    await library.close()


async def test_a_turn_is_waited_for_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Asked()
    first = asyncio.create_task(library.ask(Call("gotify://a.example")))
    while not library.urls:
        await asyncio.sleep(0)
    with monkeypatch.context() as patched:
        patched.setattr("infra.apprise_library.library.TURN_SECONDS", 0.001)
        with pytest.raises(LibraryFailed, match="too much to do"):
            await library.ask(Call("gotify://b.example"))
    library.let.set()
    assert (await first).taken
    assert (await library.ask(Call("gotify://c.example"))).taken
    assert library.urls == ["gotify://a.example", "gotify://c.example"]
    await library.close()


def test_records_are_whole_and_bounded() -> None:
    call = Call(URL, "title", "text", "failure", (Answer(200, (("a", "b"),), b"\xff"),))
    record = packed(call)
    assert length_of(record[:4]) == len(record) - 4
    assert msgspec.msgpack.decode(record[4:], type=Call) == call
    with pytest.raises(ValueError, match="not the head"):
        length_of((MOST + 1).to_bytes(4, "big"))
    with pytest.raises(ValueError, match="not the head"):
        length_of(b"abc")
