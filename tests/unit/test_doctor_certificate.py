"""`pingfold doctor` on HTTPS: what it says of a certificate, its key, its names, and of the ports that show it."""

import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.ports import free_port
from infra.http_server.bounds import BOUNDS
from infra.http_server.tls import ServerCertificates
from infra.settings.settings import Settings
from pingfold.doctor import servers
from pingfold.doctor.certificate import https
from pingfold.doctor.findings import Finding
from tests.certificates import Authority, nameless
from tests.http_client import HttpServer

HOST = "up.example.org"
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this machine trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def settings(pair: Path, url: str | None = f"https://{HOST}:8443", **given: Any) -> Settings:
    pair.chmod(0o600)
    return Settings(_env_file=None, data=pair.parent / "data", tls_certificate=(pair,), PINGFOLD_BASE_URL=url, **given)


def told(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    found = list(findings)
    assert all(bool(one.do) == (one.level != "ok") for one in found)
    return [(one.level, one.found) for one in found]


def test_without_a_certificate_nothing_is_said(tmp_path: Path) -> None:
    assert not list(https(Settings(_env_file=None, data=tmp_path), is_running=True))


def test_one_with_names_that_nobody_can_read(authority: Authority, tmp_path: Path) -> None:
    found = told(https(settings(nameless(tmp_path)), is_running=False))
    assert any(level == "problem" and words.endswith("but for no name") for level, words in found)


def test_one_that_is_well(authority: Authority) -> None:
    pair = authority.pair("a", HOST, "192.0.2.1", "*.example.net")
    [(level, words)] = told(https(settings(pair), is_running=False))
    assert level == "ok"
    assert f"for {HOST}, 192.0.2.1, *.example.net, until 20" in words
    for url in ("https://192.0.2.1:8443", "https://ping.example.net:8443/up"):
        assert told(https(settings(pair, url), is_running=False))[0][0] == "ok"


@pytest.mark.parametrize(
    ("left", "level", "words"),
    [
        (-DAY, "problem", "ended on 20"),
        (timedelta(hours=30), "warning", "ends in 30 hours"),
        (10 * DAY, "warning", ", in 10 days"),
        (15 * DAY, "ok", ""),
        (5_000 * DAY, "problem", "is valid from 20"),
    ],
)
def test_when_it_ends(authority: Authority, left: timedelta, level: str, words: str) -> None:
    ends = datetime(2027, 5, 1, tzinfo=UTC)  # and it begins 4,000 days before
    [(found, said)] = told(https(settings(authority.pair("a", HOST, expires=ends)), False, now=ends - left))
    assert found == level
    assert words in said


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://other.example.org:8443", "problem"),  # clients come to this very port
        ("https://other.example.org", "warning"),  # a proxy with its own certificate may stand in front
        ("http://other.example.org", "warning"),
        (None, "warning"),
    ],
)
def test_addresses_that_it_is_not_for(authority: Authority, url: str | None, level: str) -> None:
    [(found, words)] = told(https(settings(authority.pair("a", HOST), url), is_running=False))
    assert found == level
    assert ("there is none for other.example.org of PINGFOLD_BASE_URL" in words) == bool(
        url and url.startswith("https")
    )


def test_the_ping_endpoint_counts_too(authority: Authority) -> None:
    given = settings(authority.pair("a", HOST), ping_endpoint="https://ping.example.org:8443/")
    [(level, words)] = told(https(given, is_running=False))
    assert level == "problem"
    assert "there is none for ping.example.org of PINGFOLD_PING_ENDPOINT (Hostname mismatch" in words
    assert words.endswith(f"but for {HOST}")


def test_one_that_this_machine_does_not_trust(authority: Authority, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    for pair in (Authority(stranger).pair("a", HOST), authority.pair("a", HOST, self_signed=True)):
        [(level, words)] = told(https(settings(pair), is_running=False))
        assert level == "warning"
        assert "is not trusted by this machine (" in words


def test_a_key_that_everybody_may_read(authority: Authority) -> None:
    pair = authority.pair("a", HOST)
    given = settings(pair)
    pair.chmod(0o644)
    [found] = https(given, is_running=False)
    assert found.level == "warning"
    assert found.do == f"chmod o= {pair}"


def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    pair, other = authority.pair("a", HOST), authority.pair("b", HOST)
    encrypted = authority.pair("c", HOST, password="secret")
    for certificate, key, words in (
        (tmp_path / "none.pem", pair, "cannot read"),
        (pair, other, "does not belong to the certificate"),
        (encrypted, encrypted, "needs a passphrase"),
    ):
        given = Settings(_env_file=None, data=tmp_path, tls_certificate=(certificate,), tls_key=(key,))
        [found] = https(given, is_running=False)
        assert found.level == "problem"
        assert words in found.found


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nobody sends a request")


def test_what_the_ports_of_a_running_pingfold_show(authority: Authority, tmp_path: Path) -> None:
    files = tmp_path / "pair.pem"
    shutil.copy(authority.pair("a", HOST), files)
    with HttpServer(nothing, BOUNDS, certificate=ServerCertificates((files, files))) as server:
        here = ("127.0.0.1", server.tls_port)
        given = settings(files, f"https://{HOST}", tls_listen=(here,))
        assert told(https(given, True))[-1] == ("ok", f"answers at 127.0.0.1:{server.tls_port}")
        shutil.copy(authority.pair("b", HOST), files)  # and it is not read yet
        level, words = told(https(given, True))[-1]
        assert level == "warning"
        assert "another certificate than that of the file is shown" in words
        plain = settings(files, f"https://{HOST}", tls_listen=(("127.0.0.1", server.port),))
        assert told(https(plain, True))[-1][0] == "problem"  # no TLS is spoken there
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = settings(files, f"https://{HOST}", tls_listen=(taken.getsockname(),))
        assert told(https(dead, True))[-1][0] == "problem"


def test_its_ports_and_those_of_the_dns_server_are_looked_at_before_a_start(
    authority: Authority,
) -> None:
    pair = authority.pair("a", HOST)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        here = taken.getsockname()
        own: dict[str, Any] = {"port": free_port(), "tls_listen": (("127.0.0.1", 0),)}
        dns: dict[str, Any] = {
            "dns_zone": "nodes.example.org",
            "dns_nameservers": ("ns.example.com",),
            "dns_listen": (here,),
        }
        for given in (settings(pair, **own | {"tls_listen": (here,)}), settings(pair, **own | dns)):
            [found] = servers.ports(given)
            assert found.level == "problem"
            assert f"port {here[1]} on 127.0.0.1 is taken by another program" in found.found
