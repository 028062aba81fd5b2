"""Redirects as curl and browsers follow them: what goes along, what does not, where a chain ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ingest.prober.probes.connection import tls_context
from schemas.monitors import Sealed
from schemas.probes import ProbeCompleted
from tests.certificates import Authority
from tests.probe_targets import V4, connecting, head_of, on_uvloop, probed, resolving, seen, serving

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MINE = {
    "User-Agent": "mine",
    "Accept-Language": "de",
    "Authorization": "Bearer secret",
    "Cookie": "session=secret",
    "Proxy-Authorization": "secret",
    "X-Api-Key": "secret",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def to(location: str | bytes, *cookies: str, status: int = 302) -> bytes:
    location = location if isinstance(location, bytes) else location.encode()
    lines = b"".join(b"Set-Cookie: %s\r\n" % cookie.encode() for cookie in cookies)
    return b"HTTP/1.1 %d Go\r\nLocation: %s\r\n%sContent-Length: 0\r\n\r\n" % (status, location, lines)


class Site:
    """A server; heads: those of the requests it got."""

    def __init__(self, port: int, heads: list[bytes]) -> None:
        self.port, self.heads = port, heads
        self.url = f"http://{V4}:{port}"


Answers = Callable[[str, bytes], bytes]


@contextlib.asynccontextmanager
async def site(answers: Answers, tls: Any = None) -> AsyncIterator[Site]:
    """answers: what is answered to a path, with the head of the request."""
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(answers(heads[-1].split()[1].decode(), heads[-1]))

    async with serving(talk, tls=tls) as server:
        yield Site(server.port, heads)


def header(head: bytes, name: str) -> str | None:
    lines = head.decode().split("\r\n")
    return next((line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}: ")), None)


async def followed(url: str, sealed: Sealed | None = None, **target: Any) -> ProbeCompleted:
    async with connecting() as connector:
        return await probed(connector, timeout=20, sealed=sealed, url=url, **target)


# ---- cookies


@on_uvloop
async def test_a_page_that_redirects_to_itself_until_it_gets_its_cookie() -> None:
    def answer(path: str, head: bytes) -> bytes:
        return EMPTY if header(head, "Cookie") == "seen=1; b=2" else to(path, "seen=1; Path=/; HttpOnly", "b=2")

    async with site(answer) as there:
        result = await followed(f"{there.url}/")
        assert (seen(result), result.status, len(there.heads)) == ("ok", 200, 2)
        assert header(there.heads[0], "Cookie") is None
        # Another probe begins without them.
        await followed(f"{there.url}/")
        assert header(there.heads[2], "Cookie") is None


@on_uvloop
async def test_cookies_follow_their_rules() -> None:
    cookies = [
        "plain=1",
        "here=1; Path=/next",
        "elsewhere=1; Path=/other",
        "gone=1; Max-Age=0",
        "late=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "safe=1; Secure",
        "foreign=1; Domain=other.test",
        "wide=1; Domain=shop.test",
        "suffix=1; Domain=test",
    ]

    def answer(path: str, head: bytes) -> bytes:
        return {"/": to("/next", *cookies), "/next": to(f"http://www.shop.test:{there.port}/last")}.get(path, EMPTY)

    async with (
        resolving({"shop.test": [V4], "www.shop.test": [V4]}) as names,
        connecting(server=names.server) as connector,
        site(answer) as there,
    ):
        assert seen(await probed(connector, timeout=20, url=f"http://shop.test:{there.port}/")) == "ok"
        assert set((header(there.heads[1], "Cookie") or "").split("; ")) == {"plain=1", "here=1", "wide=1"}
        assert header(there.heads[2], "Cookie") == "wide=1"


@on_uvloop
async def test_cookies_of_the_chain_stand_behind_those_of_the_monitor() -> None:
    async with site(lambda path, _: EMPTY if path == "/next" else to("/next", "chain=1")) as there:
        await followed(f"{there.url}/", Sealed(headers={"cookie": "mine=1"}))
        assert header(there.heads[1], "Cookie") == "mine=1; chain=1"
        assert there.heads[1].lower().count(b"\r\ncookie:") == 1


@on_uvloop
async def test_nonsense_in_a_cookie_harms_nobody() -> None:
    odd = [
        "",
        "=",
        ";;;",
        "a",
        "a=b=c; Domain=; Path=; Expires=never",
        "\x01=\x7f",
        "é=ü",
        "x" * 9_000,
        "a=1; Max-Age=x",
    ]
    async with site(lambda path, _: EMPTY if path == "/next" else to("/next", *odd)) as there:
        assert seen(await followed(f"{there.url}/")) == "ok"


@on_uvloop
async def test_an_attribute_that_says_nothing_valid_is_left_out() -> None:
    odd = [
        "bare=1; Max-Age",
        "words=1; Max-Age=soon",
        "endless=1; Max-Age=99999999999999999999999",
        "far=1; Expires=Fri, 31-Dec-99999 23:59:59 GMT",
        "nowhere=1; Path=next; Domain=; Domain=.",
        'old=1; Version=x; Port="80"; Comment=; Discard',
        "last=1; Path=/other; Path=/",
        "gone=1; Max-Age=0; Max-Age=soon",
    ]
    async with site(lambda path, _: EMPTY if path == "/next" else to("/next", *odd)) as there:
        assert seen(await followed(f"{there.url}/")) == "ok"
    sent = set((header(there.heads[1], "Cookie") or "").split("; "))
    assert sent == {f"{name}=1" for name in ("bare", "words", "endless", "far", "nowhere", "old", "last")}


@on_uvloop
async def test_an_answer_sets_so_many_cookies_and_none_that_is_too_long() -> None:
    many = ["long=" + "x" * 4_096, *(f"c{number}=1" for number in range(17_000 // 2))]
    async with site(lambda path, _: EMPTY if path == "/next" else to("/next", *many)) as there:
        assert seen(await followed(f"{there.url}/")) == "ok"
    assert set((header(there.heads[1], "Cookie") or "").split("; ")) == {f"c{number}=1" for number in range(49)}


@on_uvloop
async def test_so_many_bytes_of_cookies_are_sent() -> None:
    many = [f"c{number}=" + "x" * 4_088 for number in range(5)]
    async with site(lambda path, _: EMPTY if path == "/next" else to("/next", *many)) as there:
        assert seen(await followed(f"{there.url}/")) == "ok"
    sent = (header(there.heads[1], "Cookie") or "").split("; ")
    assert sent == many[:2]
    assert len("; ".join(many[:2])) <= 8_190


# ---- where a chain ends


@pytest.mark.parametrize(
    ("hops", "most", "outcome"), [(10, 10, "ok"), (11, 10, "redirects"), (3, 2, "redirects"), (0, 0, "ok")]
)
@on_uvloop
async def test_so_many_redirects_are_followed(hops: int, most: int, outcome: str) -> None:
    async with site(lambda path, _: to(f"/{int(path[1:]) + 1}") if int(path[1:]) < hops else EMPTY) as there:
        result = await followed(f"{there.url}/0", max_redirects=most)
        assert (seen(result), len(there.heads)) == (outcome, min(hops, most) + 1)
        assert result.detail == ("" if outcome == "ok" else f"more than {most}, the next to {there.url}/{most + 1}")


@on_uvloop
async def test_a_loop_says_so() -> None:
    async with site(lambda path, _: to("/b" if path == "/a" else "/a")) as there:
        result = await followed(f"{there.url}/a")
    assert (seen(result), result.detail) == ("redirects", f"more than 10, in a loop to {there.url}/b")


@on_uvloop
async def test_ten_are_the_default_and_none_is_no_redirect() -> None:
    async with site(lambda path, _: EMPTY if path == "/10" else to(f"/{int(path[1:]) + 1}")) as there:
        assert seen(await followed(f"{there.url}/0")) == "ok"
        result = await followed(f"{there.url}/0", max_redirects=0)
        assert (seen(result), result.detail) == ("redirects", f"more than 0, the next to {there.url}/1")
        assert seen(await followed(f"{there.url}/0", max_redirects=0, follow_redirects=False)) == "ok"


# ---- what goes along


@on_uvloop
async def test_harmless_headers_go_along_and_credentials_do_not() -> None:
    async with site(lambda *_: EMPTY) as other:
        async with site(lambda path, _: to(f"{other.url}/there") if path == "/next" else to("/next")) as there:
            result = await followed(f"{there.url}/", Sealed(headers=MINE))
        assert seen(result) == "ok"
        assert {name: header(there.heads[1], name) for name in MINE} == MINE  # the same origin
        got = {name: header(other.heads[0], name) for name in MINE}
        assert got == {**dict.fromkeys(MINE), "User-Agent": "mine", "Accept-Language": "de"}
        assert b"secret" not in other.heads[0]
        assert header(other.heads[0], "Host") == f"{V4}:{other.port}"


@on_uvloop
async def test_credentials_do_not_come_back_once_they_were_left_behind() -> None:
    async with site(lambda *_: to(f"{first[0].url}/back")) as other:
        first: list[Site] = []
        async with site(lambda path, _: EMPTY if path == "/back" else to(f"{other.url}/there")) as there:
            first.append(there)
            assert seen(await followed(f"{there.url}/", Sealed(headers=MINE))) == "ok"
        assert b"secret" not in there.heads[1]
        assert header(there.heads[1], "User-Agent") == "mine"


@on_uvloop
async def test_credentials_do_not_go_from_https_to_http(authority: Authority) -> None:
    async with (
        site(lambda *_: EMPTY) as plain,
        site(lambda *_: to(f"{plain.url}/", "chain=secret; Secure", "open=1"), tls=authority.server(V4)) as safe,
        connecting(verify=tls_context(str(authority.file))) as connector,
    ):
        url = f"https://{V4}:{safe.port}/"
        assert seen(await probed(connector, sealed=Sealed(headers=MINE), timeout=20, url=url)) == "ok"
    assert header(safe.heads[0], "X-Api-Key") == "secret"
    assert b"secret" not in plain.heads[0]
    assert header(plain.heads[0], "Cookie") == "open=1"


@on_uvloop
async def test_credentials_of_a_location_are_sent_to_it_and_shown_to_nobody() -> None:
    async with site(
        lambda path, _: EMPTY if path == "/there" else to(f"http://user:pa%20ss@{V4}:{there.port}/there")
    ) as there:
        result = await followed(f"{there.url}/", Sealed(headers={"Authorization": "Bearer mine"}))
    assert header(there.heads[1], "Authorization") == "Basic dXNlcjpwYSBzcw=="
    assert there.heads[1].count(b"Authorization") == 1
    assert (seen(result), result.url) == ("ok", f"{there.url}/there")


# ---- where a Location leads

LOCATIONS: list[tuple[bytes, str]] = [
    (b"there", "/folder/there"),
    (b"./there", "/folder/there"),
    (b"../there", "/there"),
    (b"/there#part", "/there"),
    (b"?a=b&c", "/folder/page?a=b&c"),
    (b"there?#x", "/folder/there?"),
    (b"?", "/folder/page?"),
    (b"//HOST/there", "/there"),
    (b"//u:p@HOST/there?", "/there?"),
    (b"HTTP://HOST/there", "/there"),
    (b"http:///HOST/there", "/there"),
    (b"http://///HOST/there", "/there"),
    (b"///HOST/there", "/there"),
    (b"http:/there", "/there"),
    (b"http:there", "/folder/there"),
    (b"a//b/./c", "/folder/a//b/c"),
    (b"/a//b/../c", "/a//c"),
    (b"a?b=c//../d", "/folder/a?b=c//../d"),
    (b".", "/folder/"),
    (b"http://HOST", "/"),
    (b"http://HOST?a", "/?a"),
    (b"http://HOST?", "/?"),
    (b"/gr\xc3\xbc\xc3\x9fe", "/gr%C3%BC%C3%9Fe"),
    (b"/latin\xe9", "/latin%E9"),
    (b"/a b", "/a%20b"),
    (b"  /there\t", "/there"),
    (b"/a%20b%zz", "/a%20b%zz"),
    (b"/a'(b)*;c=d", "/a'(b)*;c=d"),
]


@pytest.mark.parametrize(("location", "path"), LOCATIONS)
@on_uvloop
async def test_a_location(location: bytes, path: str) -> None:
    place: list[Site] = []

    def answer(asked: str, _: bytes) -> bytes:
        said = location.replace(b"HOST", f"{V4}:{place[0].port}".encode())
        return to(said) if asked == "/folder/page" else EMPTY

    async with site(answer) as there:
        place.append(there)
        assert seen(await followed(f"{there.url}/folder/page")) == "ok"
    assert there.heads[1].split()[1].decode() == path


TOO_LONG = "redirected to a URL of more than 16384 characters"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (b"/" + b"a" * 16_384, TOO_LONG),
        (b"/" + b"\xff" * 6_000, TOO_LONG),
        (b"?" + b"a" * 16_370, TOO_LONG),  # only once it is joined
        ("http://{}/".format("例" * 60_000).encode(), TOO_LONG),
        ("http://{}/".format("例" * 1_500).encode(), "redirected to what is no http URL"),
    ],
)
@on_uvloop
async def test_a_location_that_is_too_long(location: bytes, words: str) -> None:
    async with site(lambda *_: to(location)) as there:
        result = await followed(f"{there.url}/")
    assert (seen(result), result.detail, len(there.heads)) == ("protocol", words, 1)


@on_uvloop
async def test_a_long_location_is_followed_and_its_beginning_told() -> None:
    path = "/" + "a" * 16_000
    async with site(lambda asked, _: to(path) if asked == "/" else EMPTY) as there:
        result = await followed(f"{there.url}/")
    assert there.heads[1].split()[1].decode() == path
    assert (seen(result), len(result.url), result.url[-4:]) == ("ok", 2_000, "a...")
    assert f"{there.url}{path}".startswith(result.url[:-3])


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("HEAD", 302, "HEAD"),
        ("HEAD", 303, "HEAD"),
        ("GET", 301, "GET"),
    ],
)
@on_uvloop
async def test_the_method_by_the_status(method: str, status: int, then: str) -> None:
    async with site(lambda path, _: EMPTY if path == "/there" else to("/there", status=status)) as there:
        assert seen(await followed(f"{there.url}/", method=method)) == "ok"
    assert there.heads[1].split()[0].decode() == then


@pytest.mark.parametrize("status", [300, 304, 305])
@on_uvloop
async def test_other_statuses_lead_nowhere(status: int) -> None:
    async with site(lambda path, _: to("/there", status=status)) as there:
        result = await followed(f"{there.url}/")
    assert (seen(result), result.status, len(there.heads)) == ("ok", status, 1)


@on_uvloop
async def test_the_first_of_two_locations() -> None:
    two = b"HTTP/1.1 302 F\nLocation: /first\nLocation: /second\n\n"
    async with site(lambda path, _: two if path == "/" else EMPTY) as there:
        assert seen(await followed(f"{there.url}/")) == "ok"
    assert there.heads[1].split()[1] == b"/first"
