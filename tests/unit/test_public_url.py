"""Synthetic pings: what passes at the public URL, and what is told about what does not."""

import asyncio
import threading
from pathlib import Path

import pytest

from infra.settings.settings import Settings
from ingest.ping import public_url as module
from ingest.ping.public_url import PublicUrl, proof_of, synthetic_name
from tests.certificates import Authority
from tests.front import Front


def public(port: int, scheme: str = "http", prefix: str = "", installation: str = "ours") -> PublicUrl:
    base = f"{scheme}://localhost:{port}{prefix}"
    return PublicUrl(Settings(PINGFOLD_BASE_URL=base, port=1), installation, "web-0-17")


@pytest.mark.parametrize("prefix", ["", "/up/pingfold"])
async def test_it_goes_to_the_public_url_and_not_to_our_own_port(unused_tcp_port: int, prefix: str) -> None:
    async with Front(unused_tcp_port, "ours") as front:
        url = public(unused_tcp_port, prefix=prefix)
        assert [await url.probe() for _ in range(2)] == ["", ""]
    assert all(path.startswith(f"{prefix}/ping/~synthetic/web-0-17-") for path in front.asked)
    assert len(set(front.asked)) == 2, "no answer can come from a cache"


async def test_it_goes_to_the_ping_endpoint_when_there_is_one(unused_tcp_port: int) -> None:
    settings = Settings(
        PINGFOLD_BASE_URL="https://pingfold.invalid", ping_endpoint=f"http://127.0.0.1:{unused_tcp_port}/"
    )
    async with Front(unused_tcp_port, "ours") as front:
        assert await PublicUrl(settings, "ours", "web-0-17").probe() == ""
    assert front.asked[0].startswith("/~synthetic/web-0-17-")


async def test_answers_that_are_not_ours(unused_tcp_port: int) -> None:
    async with Front(unused_tcp_port, "theirs") as front:
        url = public(unused_tcp_port)
        assert await url.probe() == "something else than this Pingfold answers"
        front.prove = False
        assert await url.probe() == "something else than this Pingfold answers"
        front.status = 503
        assert await url.probe() == "it answers 503"
        front.status, front.headers = 302, f"location: http://127.0.0.1:{unused_tcp_port}/ping/~synthetic/x\r\n"
        assert await url.probe() == "it answers 302"
        assert len(front.asked) == 4, "a redirect is not followed"


async def test_nothing_there_or_nothing_said(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    url = public(unused_tcp_port)
    assert "ClientConnector" in await url.probe()
    monkeypatch.setattr(module, "_PUBLIC_SECONDS", 0.2)
    async with Front(unused_tcp_port, "ours") as front:
        front.silent = True
        assert await url.probe() == "no answer within 0.2 s"


async def test_a_look_up_that_hangs_is_bounded_and_holds_up_nobody(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    free = threading.Event()

    def hang(host: str, *_: object) -> object:
        asked.append(host)
        free.wait(30)
        return []

    monkeypatch.setattr(module, "_PUBLIC_SECONDS", 0.1)
    monkeypatch.setattr(module, "_look_up", hang)
    url = public(unused_tcp_port)
    try:
        assert await url.probe() == "no answer within 0.1 s"
        assert "still hangs" in await url.probe()
        assert asked == ["localhost"], "no second thread waits"
        assert await asyncio.to_thread(lambda: "free") == "free"
    finally:
        free.set()
        url.close()


async def test_certificates_are_verified(unused_tcp_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    async with Front(unused_tcp_port, "ours", authority.server("localhost")):
        assert "certificate" in (await public(unused_tcp_port, "https").probe()).lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert await public(unused_tcp_port, "https").probe() == ""
    async with Front(unused_tcp_port, "ours", authority.server("another.invalid")):
        assert "certificate" in (await public(unused_tcp_port, "https").probe()).lower()


def test_names_and_proofs() -> None:
    assert synthetic_name("/ping/~synthetic/a") == synthetic_name("/~synthetic/a") == "a"
    assert synthetic_name("/ping/a/~synthetic/a") is None
    assert len(synthetic_name("/~synthetic/" + "x" * 10_000) or "") == 200
    assert len({proof_of("a", "b"), proof_of("b", "a"), proof_of("a", "c")}) == 3
