"""What the installed curl takes, a probe takes, with the same status and the same body.

Only that is compared, since curl's versions differ in what else they refuse, and browsers take more than curl.
"""

import asyncio
import shutil
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.prober.probes.connection import tls_context
from tests.probe_targets import V4, answering, connecting, probed, seen, serving

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="not run: there is no curl")

# Many times what any of it takes.
PATIENCE = 60.0
TLS = tls_context()  # made once: it takes longer than what is compared
# curl's words for a transfer that ended before its end.
CUT_OFF = 18
BODY = b"all is well"

ENDS = st.sampled_from([b"\r\n", b"\n"])
FIRST = st.sampled_from(
    [
        b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1  200 OK",
        b"HTTP/2 200 OK", b"HTTP/2.0 200", b"HTTP/1.1 200OK", b"http/1.1 200 ok", b"HTTP/1.1 404 No",
        b"HTTP/1.1 999 X",
        b"HTTP/1.1 299 \xc3\xbc", b"HTTP/1.1 204 No", b"HTTP/1.1 304 Same", b"HTTP/1.1 099 X", b"HTTP/1.1 20 X",
        b"HTTP/1.1 2000 X", b"HTTP/1.2 200 OK", b"HTTP/3 200", b"ICY 200 OK", b"SSH-2.0-x", b"<html>", b"",
    ]
)  # fmt: skip
FIELDS = st.sampled_from(
    [
        b"X: y", b"X:y", b"X : y", b"X:", b"X: a\x01\x7f\xff", b"X: a\rb", b": x", b"no colon", b"X: a\r\n b",
        b"X: a\n\tb", b"Content-Length: 11", b"Content-Length: 11, 11", b"content-length:11", b"Content-Length: 5",
        b"Content-Length: 99",
        b"Content-Length: 0", b"Content-Length: 11x", b"Content-Length: -1", b"Content-Length:", b"X : 11",
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Connection: close", b"Connection: keep-alive",
        b"Set-Cookie: a=b", b"Location: /elsewhere", b"Content-Type: text/plain", b"Upgrade: h2c", b"X: a\0b",
    ]
)  # fmt: skip


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """The body in chunks, more or less."""
    made, at = bytearray(), 0
    while at < len(BODY):
        size = draw(st.integers(1, len(BODY) - at))
        line = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%x;a=b", b"%x  ", b"%x;"])) % size
        made += line + draw(ENDS) + BODY[at : at + size] + draw(ENDS)
        at += size
    last = draw(st.sampled_from([b"0\r\n\r\n", b"0\n\n", b"000\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0;a\r\n\r\n", b""]))
    return bytes(made) + last


def _topic(field: bytes) -> bytes:
    """Of fields that say the same thing only one is taken."""
    name = field.partition(b":")[0].strip().lower()
    return name if name.startswith((b"content-length", b"transfer")) else field


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.sampled_from([b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early\r\nX: y"]), max_size=2))
    made = b"".join(line + draw(ENDS) + draw(ENDS) for line in lines)
    made += draw(FIRST) + draw(ENDS)
    fields = draw(st.lists(FIELDS, max_size=4, unique_by=_topic))
    # What curl's versions do not agree on is left out: chunks in other versions than 1.1, lengths that contradict.
    if b"/1.1" not in made.splitlines()[-1]:
        fields = [field for field in fields if not _topic(field).startswith(b"transfer")]
    made += b"".join(field + draw(ENDS) for field in fields) + draw(ENDS)
    is_chunked = any(field.lower().startswith(b"transfer-encoding") for field in fields)
    return made + draw(chunks() if is_chunked else st.sampled_from([BODY, BODY, b""]))


async def by_curl(url: str) -> tuple[int, int, bytes]:
    """curl's exit status, the status of the answer and its body."""
    asked = ("-q", "-sS", "--noproxy", "*", "--max-time", str(PATIENCE), "-w", "\n%{http_code}", url)
    process = await asyncio.create_subprocess_exec(
        str(CURL), *asked, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    body, _, status = out.rpartition(b"\n")
    return process.returncode or 0, int(status), body


async def compared(answer: bytes) -> None:
    wanted: dict[str, Any] = {"statuses": tuple(range(100, 1000)), "follow_redirects": False}
    async with asyncio.timeout(2 * PATIENCE), connecting(verify=TLS) as connector, serving(answering(answer)) as server:
        url = f"http://{V4}:{server.port}/"
        ended, status, body = await by_curl(url)
        if ended not in (0, CUT_OFF) or not status:
            return
        head = await probed(connector, timeout=int(PATIENCE), url=url, **wanted)
        assert (seen(head), head.status) == ("ok", status), (answer, head)
        if b"well" in body:
            page = await probed(connector, timeout=int(PATIENCE), url=url, keyword="well", **wanted)
            # What was seen counts, unless the server said how much there is.
            assert page.ok or (ended == CUT_OFF and page.failure == "closed"), (answer, page)
        absent = await probed(connector, timeout=int(PATIENCE), url=url, keyword="well", keyword_absent=True, **wanted)
        assert absent.ok is (b"well" not in body and not ended), (answer, absent)


@settings(max_examples=60)
@given(answers())
def test_what_curl_takes_is_taken(answer: bytes) -> None:
    uvloop.run(compared(answer))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\n\r\nHTTP/1.1 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\nContent-Length: 11\n\n" + BODY,
        b"HTTP/2 200 OK\r\nX: a\r\n b\r\n\r\n" + BODY,
        b"HTTP/1.1 200\r\nX : \x01\r\nContent-Length: 11, 11\r\n\r\n" + BODY,
        b"HTTP/1.1 999 X\r\nTransfer-Encoding: chunked\r\n\r\nb\n" + BODY + b"\n0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY,
        b"HTTP/1.1 204 No\r\nContent-Length: 11\r\n\r\n" + BODY,
    ],
)
def test_what_curl_takes_is_taken_always(answer: bytes) -> None:
    uvloop.run(compared(answer))
