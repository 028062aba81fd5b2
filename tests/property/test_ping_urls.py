"""Whatever bytes come as a ping request: nothing raises, and an answer of the contract always comes."""

import asyncio
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from ingest.ping.urls import is_ping, parse
from schemas.pings import Ping
from tests.ping_world import KEY, SLUG, UNKNOWN, UUID, World

SEGMENT = st.sampled_from(
    [
        "",
        "ping",
        UUID,
        UUID.upper(),
        UNKNOWN,
        KEY,
        SLUG,
        "twin",
        "start",
        "fail",
        "log",
        "0",
        "255",
        "256",
        "Up",
        "~",
        "%0A",
    ]
) | st.text(max_size=8)
PATH = st.lists(SEGMENT, max_size=5).map(lambda parts: "/" + "/".join(parts)) | st.binary(max_size=80).map(
    lambda raw: unquote(raw.decode("latin-1"))
)
QUERY = (
    st.sampled_from([b"", b"create=1", b"create=1&rid=x", b"rid=" + UUID.encode(), b"rid=%0A", b"rid", b"&=&;"])
    | st.binary(max_size=60)
)  # fmt: skip
NAME = st.sampled_from([b"x-forwarded-for", b"x-forwarded-proto", b"user-agent", b"transfer-encoding"])
ANSWERS = {200, 201, 204, 400, 404, 405, 409}


@given(PATH, QUERY)
def test_parsing_never_raises(path: str, query: bytes) -> None:
    is_ping(path)
    target = parse(path, query)
    if target is not None:
        assert bool(target.check) is not bool(target.ping_key and target.slug)
        assert target.slug == target.slug.lower()
        assert len(target.slug) <= 100


@given(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]) | st.text(min_size=1, max_size=12),
    PATH,
    QUERY,
    st.lists(st.tuples(NAME, st.binary(max_size=40)), max_size=4),
    st.binary(max_size=200),
)
def test_an_answer_always_comes(
    method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    asyncio.run(_answers(method, path, query, headers, body))


async def _answers(method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    world = World(ping_body_limit=100)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http", "method": method, "path": path, "query_string": query, "headers": headers, "scheme": "http",
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    reply = await world.call(scope, receive)
    assert reply is not None
    assert reply.status in ANSWERS
    assert reply.headers["access-control-allow-origin"] == "*"
    if method != "HEAD" and reply.status != 204:
        assert reply.headers["content-length"] == str(len(reply.body))
    stored = reply.status in (200, 201) and reply.body in ("OK", "Created", "") and "~synthetic" not in path
    assert stored or not world.sink.pings
    for _, ping in world.sink.pings:
        assert isinstance(ping, Ping)  # it was decoded from the log, so it is a valid event
        assert ping.remote_addr
        assert len(ping.scheme) <= 10
