"""URLs of channels reach a raw socket byte for byte, as curl sends them, whatever the kind of the channel.

Of characters outside ASCII that holds in the query; in the path they are escaped, by curl, too.
"""

import asyncio
import contextlib
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.sender.attempts import SENDS
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.lanes import Secrets
from processors.sender.request_urls import request_url
from processors.sender.webhooks import WebhookClient
from schemas.channels.kind import InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import MessageKind
from schemas.deliveries import Delivery, Endpoint
from tests.sender_bench import LOOPBACK, SECRET, bench

BODY = '{"event":"monitor.down","timestamp":"2025-02-21T14:32:00+00:00","data":{}}'
OWN_URLS = [
    name for name, kind in CHANNEL_KINDS.items() if kind.url_field == "url" and not isinstance(kind, MessageKind)
]
# What stands behind host and port of a URL. curl sends each of them as it is.
TARGETS = [
    "/?sp=%2Fa&x=%28%29",
    "/hook?a=%3A&b=%zz&c=%",
    "/a/../b/./c//d/..",
    "/%2e%2E/%2f",
    "/a?",
    "/a%20b+c?d=e%20f+g",
    "/a;b=1;c?d;e=1;f",
    "/a|b?c|d",
    "/a\"b'c`d<e>f^g{h}i\\j",
    "/?größe=日本&ключ=значение&🙂",
    "/a?b?c=/../d&&e==f",
    "/a[0]?b[]=1&c[x]=2",
    "/a@b:c",
    "/*!$&'(),~_-.",
    "/http://other.example/x",
]


class Wire:
    """A server that keeps the heads of requests as they came and answers 200."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            [length] = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    @property
    def target(self) -> bytes:
        """The request target of the newest request."""
        method, target, version = self.heads[-1].split(b"\r\n", 1)[0].split(b" ")
        assert (method, version) == (b"POST", b"HTTP/1.1")
        return target

    def header(self, name: str) -> str | None:
        """A header of the newest request."""
        found = [line for line in self.heads[-1].decode().split("\r\n") if line.lower().startswith(f"{name}: ")]
        return found[0].partition(": ")[2] if found else None


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[tuple[Wire, Clients]]:
    """The server, and what attempts are made with."""
    got = Wire()
    server = await asyncio.start_server(got.serve, "127.0.0.1", 0, limit=2**20)
    got.port = server.sockets[0].getsockname()[1]
    try:
        async with WebhookClient(LOOPBACK) as client:
            yield got, Clients(client.post, None, services=Services(client.exchange))
    finally:
        server.close()


async def send(clients: Clients, kind: str, url: str, **options: str) -> None:
    """One attempt of a channel of this kind, which must succeed."""
    endpoint = Endpoint(
        id="c", project="p", url=url, notices=(), secret=SECRET, kind=kind, options=dict(options), site="https://site"
    )
    delivery = Delivery(id="d", event="e", channel="c", notice="monitor.down", body=BODY, first_due=0)
    secrets = Secrets(SECRET if CHANNEL_KINDS[kind].signs else "", ())
    result = await SENDS[kind](Outgoing(endpoint, delivery, secrets, 0, False), clients)
    assert (result.status, result.error) == (200, "")


async def test_a_url_reaches_the_receiver_byte_for_byte_through_the_whole_sender() -> None:
    async with wire() as (got, _), bench() as run:
        for target in TARGETS:
            report = await run.attempt(f"http://127.0.0.1:{got.port}{target}")
            assert (report.status, got.target) == (200, target.encode())


@pytest.mark.parametrize("kind", OWN_URLS)
async def test_every_kind_with_a_url_of_its_own_sends_it_byte_for_byte(kind: str) -> None:
    async with wire() as (got, clients):
        for target in TARGETS:
            await send(clients, kind, f"http://127.0.0.1:{got.port}{target}")
            assert got.target == target.encode()


async def test_the_path_of_an_ntfy_server_is_sent_byte_for_byte() -> None:
    async with wire() as (got, clients):
        await send(clients, "ntfy", f"http://127.0.0.1:{got.port}/a%2Fb/../%zz/(c)", topic="alerts")
        assert got.target == b"/a%2Fb/../%zz/(c)/alerts"


_TEXT = st.text(st.characters(min_codepoint=33, exclude_characters="#\x7f", exclude_categories=["Cs"]), max_size=12)
_PIECES = st.one_of(
    _TEXT,
    st.sampled_from(
        ["/", "//", "/..", "/.", "?", "&", "=", "%2F", "%2f", "%", "%zz", "%00", "+", "%20", ";", "@", ":"]
    ),
)


@given(
    targets=st.lists(st.lists(_PIECES, max_size=8).map("".join), min_size=1, max_size=10), start=st.sampled_from("/?")
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_behind_the_host_is_sent_as_it_is(targets: list[str], start: str) -> None:
    async def story() -> None:
        async with wire() as (got, clients):
            for target in targets:
                await send(clients, "webhook", f"http://127.0.0.1:{got.port}{start}{target}#not-sent")
                path, mark, query = f"{'/' if start == '?' else ''}{start}{target}".partition("?")
                path = "".join(each if each.isascii() else quote(each).lower() for each in path)
                assert got.target == f"{path}{mark}{query}".encode()

    asyncio.run(story())


@pytest.mark.skipif(shutil.which("curl") is None, reason="not run: there is no curl")
async def test_curl_sends_the_same() -> None:
    async with wire() as (got, clients):
        for target in [*TARGETS, "", "?a=b", "/a#b", "?", "/größe/日本?größe"]:
            for user in ("", "jo%40e:p%3Ass%20w@", "büro:größe@", "only@", ":secret@"):
                url = f"http://{user}127.0.0.1:{got.port}{target}"
                curl = ["curl", "-q", "-s", "-S", "--noproxy", "*", "-g", "--path-as-is", "-m", "60", "-d", "x", url]
                done = await asyncio.create_subprocess_exec(*curl, stdin=asyncio.subprocess.DEVNULL)
                assert await done.wait() == 0
                by_curl = got.target, got.header("authorization"), got.header("host")
                await send(clients, "webhook", url)
                # Newer ones write escapes of their own in capitals.
                path, _, query = got.target.partition(b"?")
                assert (path.lower(), query) == (by_curl[0].partition(b"?")[0].lower(), by_curl[0].partition(b"?")[2])
                assert (got.header("authorization"), got.header("host")) == by_curl[1:]


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ("", None),
        ("@", None),
        ("joe:secret@", b"joe:secret"),
        ("jo%40e:p%3Ass%20w@", b"jo@e:p:ss w"),
        ("a@b:c@d@", b"a@b:c@d"),
        ("büro:größe@", "büro:größe".encode()),
        ("%zz:%ff@", b"%zz:\xff"),
        ("only@", b"only:"),
        (":secret@", b":secret"),
    ],
)
async def test_user_and_password_are_sent_as_basic_authentication(user: str, sent: bytes | None) -> None:
    async with wire() as (got, clients):
        await send(clients, "webhook", f"http://{user}127.0.0.1:{got.port}/x")
        authorization = got.header("authorization")
        assert got.target == b"/x"
        assert got.header("host") == f"127.0.0.1:{got.port}"
        assert (None if authorization is None else b64decode(authorization.removeprefix("Basic "))) == sent


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("HTTPS://Hooks.Example:443/A", "hooks.example", "/A"),
        ("http://hooks.example:080/a", "hooks.example", "/a"),
        ("http://hooks.example?", "hooks.example", "/?"),
        ("http://[2001:DB8::1]:8080/a", "[2001:db8::1]:8080", "/a"),
        ("https://bücher.example/bücher", "xn--bcher-kva.example", "/b%c3%bccher"),
        ("https://例え。テスト/", "xn--r8jz45g.xn--zckzah", "/"),
        ("https://b%C3%BCcher.example/h", "xn--bcher-kva.example", "/h"),
        ("https://faß.example/", "xn--fa-hia.example", "/"),
        ("https://☃.example/", "xn--n3h.example", "/"),
    ],
)
def test_only_the_host_is_rewritten(url: str, host: str, target: str) -> None:
    sent = request_url(url).url
    assert (sent.host_port_subcomponent, sent.raw_path_qs) == (host, target)


def _refusals() -> list[Callable[[str], object]]:
    def checked(kind: str) -> Callable[[str], object]:
        return lambda url: CHANNEL_KINDS[kind].validate({"url": url}, None)

    return [request_url, *(checked(kind) for kind in OWN_URLS)]


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a b", "http://h/a\tb", "http://h/a\r\nX: y", "http://h/a\x7f", "http://h/\x00", "ftp://h/", "http://",
        "http:///a", "http://h:99999/", "http://h:x/", "http://[::1/", "//h/a", "h/a", "http:/h/a", "",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused_when_it_is_given_and_never_sent(url: str) -> None:
    for refuse in _refusals():
        with pytest.raises((ValueError, InvalidChannelField)):
            refuse(url)
