"""Pages in any charset and coding, by real probes: what they say is found, and what cannot be read is no proof."""

import gzip
from typing import Any

import brotli
import pytest

from ingest.prober.probes.content_coding import zstd
from schemas.probes import ProbeCompleted
from tests.probe_targets import V4, answering, connecting, on_uvloop, probed, seen, serving, silent

GZIPPED = gzip.compress(b"all is well")

# Headers, body, keyword.
PAGES: list[tuple[str, str, bytes, str]] = [
    ("windows-1251 by header", "Content-Type: text/html; charset=windows-1251", "Ошибка".encode("cp1251"), "Ошибка"),
    ("GBK by meta", "Content-Type: text/html", '<meta charset="gbk">错误'.encode("gbk"), "错误"),
    ("Shift_JIS by meta", "Content-Type: text/html", "<meta charset=shift_jis>エラー".encode("cp932"), "エラー"),
    ("latin-1 unsaid", "Content-Type: text/plain", "Störung".encode("latin-1"), "Störung"),
    ("UTF-16 by its mark", "Content-Type: text/plain", "Störung".encode("utf-16"), "Störung"),
    ("nothing said", "X: y", "Störung".encode(), "Störung"),
    ("br", "Content-Encoding: br", brotli.compress(b"all is well"), "well"),
    ("zstd", "Content-Encoding: zstd", zstd.compress(b"all is well"), "well"),
    ("gzip twice", "Content-Encoding: gzip, gzip", gzip.compress(GZIPPED), "well"),
    ("gzip in two headers", "Content-Encoding: gzip\r\nContent-Encoding: br", brotli.compress(GZIPPED), "well"),
    ("gzip as transfer coding", "Transfer-Encoding: gzip", GZIPPED, "well"),
    ("references", "Content-Type: text/html", b"caf&eacute;", "café"),
]


async def looked_for(headers: str, body: bytes, *keywords: str) -> list[ProbeCompleted]:
    """What comes of probes for each keyword, and for each as a forbidden word."""
    answer = f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode() + body
    async with connecting() as connector, serving(answering(answer)) as server:
        target: dict[str, Any] = {"timeout": 20, "url": f"http://{V4}:{server.port}/"}
        return [
            await probed(connector, keyword=keyword, keyword_absent=absent, **target)
            for keyword in keywords
            for absent in (False, True)
        ]


@pytest.mark.parametrize(("headers", "body", "keyword"), [row[1:] for row in PAGES], ids=[row[0] for row in PAGES])
@on_uvloop
async def test_a_keyword_is_found_and_a_forbidden_word_too(headers: str, body: bytes, keyword: str) -> None:
    results = await looked_for(headers, body, keyword, "nowhere")
    said = [(seen(result), result.detail) for result in results]
    assert said == [("ok", ""), ("keyword", "found"), ("keyword", "not found"), ("ok", "")]


UNREADABLE: list[tuple[str, bytes, str]] = [
    ("Content-Encoding: compress", b"all is well", "its coding 'compress' is unknown"),
    ("Content-Encoding: gzip", b"all is well", "its coding is not valid"),
    ("Content-Encoding: gzip", gzip.compress(b"all is well" * 99)[:-9], "its gzip is cut off"),
    ("Content-Type: text/html", gzip.compress(bytes(range(256)) * 9), "it is not text"),
    ("Content-Type: text/html; charset=unheard-of", "Störung".encode("cp1252"), "its charset 'unheard-of' is unknown"),
]


@pytest.mark.parametrize("number", range(len(UNREADABLE)))
@on_uvloop
async def test_what_cannot_be_read_proves_nothing(number: int) -> None:
    headers, body, why = UNREADABLE[number]
    asked, forbidden = await looked_for(headers, body, "nowhere")
    assert (seen(asked), seen(forbidden)) == ("keyword", "keyword")
    assert asked.detail.startswith(f"not found: the body cannot be read, {why}")
    assert forbidden.detail.startswith(f"cannot be looked for: the body cannot be read, {why}")


@on_uvloop
async def test_a_packed_stream_ends_when_the_keyword_is_seen() -> None:
    packer = zstd.ZstdCompressor()
    event = packer.compress(b"data: all is well\n\n") + packer.flush(zstd.ZstdCompressor.FLUSH_BLOCK)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: zstd\r\n\r\n"
    async with connecting() as connector, serving(answering(head + event, then=silent)) as server:
        url = f"http://{V4}:{server.port}/"
        assert seen(await probed(connector, timeout=50, url=url, keyword="well")) == "ok"
        for limit in (1, 4, 20):  # this machine may be slow
            result = await probed(connector, timeout=limit, url=url, keyword="ill", keyword_absent=True)
            if result.ok:
                break
        assert (seen(result), result.status) == ("ok", 200)


@on_uvloop
async def test_an_answer_to_head_holds_no_keyword_and_no_proof() -> None:
    for absent in (False, True):
        async with connecting() as connector, serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
            url = f"http://{V4}:{server.port}/"
            result = await probed(connector, url=url, method="HEAD", keyword="ill", keyword_absent=absent)
        assert (seen(result), result.detail) == ("keyword", "not found: an answer to HEAD has no body, use GET")
