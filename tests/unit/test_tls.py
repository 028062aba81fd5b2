"""HTTPS: which protocol is spoken, what happens before the handshake is done, and certificates that change."""

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from infra.http_server.bounds import BOUNDS, Bounds
from infra.http_server.tls import CannotServeTls, ServerCertificates
from infra.settings.settings import Settings
from tests.certificates import Authority, nameless
from tests.http_client import HttpServer, answer_of, is_closed, wait_until, whole_body

PATIENT = BOUNDS._replace(head_time=600.0, body_time=600.0, idle_time=600.0, answer_time=600.0, linger=600.0)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    came = await whole_body(receive)
    if came is None:
        return
    body = f"{scope['http_version']} {scope['scheme']} ".encode() + came
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Path:
    """A copy of a pair: key and certificate in one file."""
    file = tmp_path / "pair.pem"
    shutil.copy(authority.pair("localhost", "localhost", "127.0.0.1"), file)
    return file


def serve(files: Path, bounds: Bounds = PATIENT) -> HttpServer:
    return HttpServer(app, bounds, certificate=ServerCertificates((files, files)))


@pytest.fixture
def server(files: Path) -> Iterator[HttpServer]:
    with serve(files) as server:
        yield server


def connect(server: HttpServer) -> socket.socket:
    return server.connect(tls=True)


def secured(server: HttpServer, authority: Authority, *alpn: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority.file))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(connect(server), server_hostname="localhost")


def serial(connection: ssl.SSLSocket) -> int:
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_alpn_chooses_the_protocol(server: HttpServer, authority: Authority) -> None:
    trust = ssl.create_default_context(cafile=str(authority.file))
    for http2, version in ((True, "2"), (False, "1.1")):
        with httpx.Client(http2=http2, verify=trust, trust_env=False, timeout=30.0) as client:
            for text in ("one", "x" * 300_000):
                answer = client.post(f"https://localhost:{server.tls_port}/", content=text)
                assert answer.text == f"{version} https {text}"
    with secured(server, authority) as connection:  # names no protocol
        connection.sendall(GET)
        assert answer_of(connection).endswith(b"1.1 https ")
    assert server.ask(GET).endswith(b"1.1 http ")  # the plain port is there, too


def test_a_request_counts_whose_client_ends_tls_behind_it(files: Path, authority: Authority) -> None:
    """It gets no answer: the event loop has no TLS of which one side is closed. What it asked for is done."""
    taken: list[str] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        taken.append(scope["path"])
        await app(scope, receive, send)

    certificates = ServerCertificates((files, files))
    with HttpServer(noting, PATIENT, certificate=certificates) as server:
        for number in range(5):
            with secured(server, authority, "http/1.1") as connection:
                connection.sendall(GET.replace(b"/ ", b"/%d " % number))
                with contextlib.suppress(OSError):
                    connection.unwrap().close()
        wait_until(lambda: len(taken) == 5)
    assert sorted(taken) == [f"/{number}" for number in range(5)]


def test_an_offer_to_upgrade_is_not_taken_over_tls(server: HttpServer, authority: Authority) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    with secured(server, authority, "http/1.1") as connection:
        connection.sendall(GET[:-2] + offer + b"\r\n")
        assert answer_of(connection).endswith(b"1.1 https ")


def test_plain_http_is_told_to_use_https(server: HttpServer) -> None:
    with connect(server) as connection:
        connection.sendall(GET)
        answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"plain HTTP was seen on a port that speaks TLS; use https://" in answer
        assert is_closed(connection)
    wait_until(lambda: server.limiter.refused.total() == 1)


def test_whoever_says_nothing_is_counted_and_cut_off(files: Path) -> None:
    with serve(files, PATIENT._replace(head_time=1.0)) as server:
        silent = [connect(server) for _ in range(5)]
        assert all(is_closed(one) for one in silent)
        wait_until(lambda: not server.limiter.members)


def test_handshakes_make_room(files: Path, authority: Authority) -> None:
    with serve(files, PATIENT._replace(most=3, most_per_peer=3)) as server:
        silent = [connect(server) for _ in range(3)]
        wait_until(lambda: len(server.limiter.members) == 3)
        with secured(server, authority) as connection:
            connection.sendall(GET)
            assert answer_of(connection).startswith(b"HTTP/1.1 200 ")
        assert is_closed(silent[0])


def test_a_stop_does_not_wait_for_handshakes(files: Path) -> None:
    with serve(files) as server:
        silent = connect(server)
        wait_until(lambda: server.limiter.members)
        server.stop()
        assert is_closed(silent)


def test_a_new_certificate_is_shown_to_new_connections(files: Path, authority: Authority, tmp_path: Path) -> None:
    certificate = ServerCertificates((files, files))
    with HttpServer(app, PATIENT, certificate=certificate) as server, secured(server, authority) as old:
        first = serial(old)
        shutil.copy(authority.pair("localhost", "localhost"), files)
        assert certificate.reload()
        with secured(server, authority) as new:
            assert serial(new) != first
            second = serial(new)
        old.sendall(GET)
        assert answer_of(old).startswith(b"HTTP/1.1 200 ")
        # What cannot be used changes nothing.
        for broken in ("", "no PEM at all", files.read_text().partition("-----BEGIN CERTIFICATE")[0]):
            files.write_text(broken)
            assert not certificate.reload()
        files.unlink()
        assert not certificate.reload()
        with secured(server, authority) as new:
            assert serial(new) == second


async def test_files_are_read_when_they_have_changed(authority: Authority, tmp_path: Path) -> None:
    certificate_file, key_file = tmp_path / "chain.pem", tmp_path / "key.pem"

    def write(pair: Path) -> None:
        key, _, certificate = pair.read_text().partition("-----BEGIN CERTIFICATE")
        certificate_file.write_text(f"-----BEGIN CERTIFICATE{certificate}")
        key_file.write_text(key)

    write(authority.pair("localhost", "localhost"))
    certificate = ServerCertificates((certificate_file, key_file))
    before = certificate.context
    looking = asyncio.create_task(certificate.keep_fresh(0.01))
    write(authority.pair("localhost", "localhost"))
    os.utime(certificate_file, (1, 1))  # both may have been written within one tick of the file system's clock
    async with asyncio.timeout(30):
        while certificate.context is before:
            await asyncio.sleep(0.01)
    looking.cancel()


def test_files_that_cannot_be_used_are_refused(authority: Authority, tmp_path: Path) -> None:
    pair, other = authority.pair("a", "localhost"), authority.pair("b", "localhost")
    empty, encrypted = tmp_path / "empty.pem", authority.pair("c", "localhost", password="secret")
    empty.write_text("")
    for certificate, key, said in (
        (tmp_path / "none.pem", pair, r"cannot read .*none.pem \(No such file or directory\); set PINGFOLD_TLS_CERT"),
        (pair, tmp_path / "none.pem", r"cannot read .*none.pem .*; set PINGFOLD_TLS_KEY"),
        (empty, pair, "holds no certificate in PEM; set PINGFOLD_TLS_CERTIFICATE to the full chain"),
        (pair, empty, "holds no key in PEM; set PINGFOLD_TLS_KEY"),
        (pair, other, "does not belong to the certificate"),
        (encrypted, encrypted, "needs a passphrase"),
    ):
        with pytest.raises(CannotServeTls, match=said):
            ServerCertificates((certificate, key))


def test_an_expired_certificate_is_served_all_the_same(authority: Authority) -> None:
    pair = authority.pair("a", "localhost", expires=datetime.now(UTC) - timedelta(days=1))
    assert ServerCertificates((pair, pair)).context


def test_a_certificate_with_names_that_nobody_can_read_is_served(authority: Authority, tmp_path: Path) -> None:
    strange, other = nameless(tmp_path), authority.pair("a", "up.example.org")
    with HttpServer(app, PATIENT, certificate=ServerCertificates((strange, strange), (other, other))) as server:
        assert shown(server, authority, "up.example.org") == {"up.example.org"}


def shown(server: HttpServer, authority: Authority, name: str | None, alpn: str = "http/1.1") -> set[str]:
    """The names of the certificate that a client is shown which asks for `name`, if it trusts it for that."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    context.set_alpn_protocols([alpn])
    with context.wrap_socket(connect(server), server_hostname=name) as connection:
        assert connection.selected_alpn_protocol() == alpn
        der = connection.getpeercert(binary_form=True)
        assert der is not None
        found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(found.value.get_values_for_type(x509.DNSName))


def test_certificates_are_chosen_by_the_name_of_the_server(authority: Authority, tmp_path: Path) -> None:
    first = authority.pair("a", "up.example.org", "127.0.0.1")
    second = authority.pair("b", "ping.example.org", "*.status.example.org")
    third = authority.pair("c", "xn--bcher-kva.example", "ping.example.org")
    certificates = ServerCertificates((first, first), (second, second), (third, third))
    both = {"ping.example.org", "*.status.example.org"}
    with HttpServer(app, PATIENT, certificate=certificates) as server:
        for name, wanted in (
            ("up.example.org", {"up.example.org"}),
            ("ping.example.org", both),
            ("PING.Example.org", both),
            ("a.status.example.org", both),
            ("b.a.status.example.org", {"up.example.org"}),  # a wildcard is for one label
            ("status.example.org", {"up.example.org"}),
            ("b\u00fccher.example", {"xn--bcher-kva.example", "ping.example.org"}),
            ("other.example", {"up.example.org"}),
            ("127.0.0.1", {"up.example.org"}),  # nobody is named
            (None, {"up.example.org"}),
        ):
            for alpn in ("h2", "http/1.1"):
                assert shown(server, authority, name, alpn) == wanted, name
        # The one that has changed is read again, and one that cannot be used leaves the others alone.
        shutil.copy(authority.pair("b", "new.example.org"), second)
        third.write_text("broken")
        assert not certificates.reload()
        assert shown(server, authority, "new.example.org") == {"new.example.org"}
        assert shown(server, authority, "ping.example.org") == {"xn--bcher-kva.example", "ping.example.org"}
        shutil.copy(authority.pair("a", "first.example.org"), first)
        assert certificates.reload()
        assert shown(server, authority, "new.example.org") == {"new.example.org"}
        assert shown(server, authority, None) == {"first.example.org"}


def test_settings() -> None:
    plain = Settings(host="127.0.0.1, ::1,127.0.0.1")
    assert plain.hosts == ("127.0.0.1", "::1")
    assert plain.tls_addresses == ()
    both = Settings(host="0.0.0.0,::", tls_certificate=(Path("chain.pem"),))
    assert both.tls_addresses == (("0.0.0.0", 8443), ("::", 8443))
    assert both.local_url == "http://127.0.0.1:8000"
    for host, url in (("::", "127.0.0.1"), ("::1", "[::1]"), ("192.0.2.1,::", "[::1]"), ("192.0.2.1", "192.0.2.1")):
        assert Settings(host=host).local_url == f"http://{url}:8000"


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PINGFOLD_TLS_LISTEN", "192.0.2.1:443,[::1]:443,127.0.0.1")
    with pytest.raises(ValueError, match="PINGFOLD_TLS_CERTIFICATE is expected, too"):
        Settings()
    monkeypatch.setenv("PINGFOLD_TLS_CERTIFICATE", "chain.pem")
    assert Settings().tls_addresses == (("192.0.2.1", 443), ("::1", 443), ("127.0.0.1", 8443))
    chain, other = Path("chain.pem"), Path("other.pem")
    assert Settings().tls_pairs == ((chain, chain),)
    monkeypatch.setenv("PINGFOLD_TLS_CERTIFICATE", "chain.pem, other.pem")
    assert Settings().tls_pairs == ((chain, chain), (other, other))
    monkeypatch.setenv("PINGFOLD_TLS_KEY", "chain.key,other.key")
    assert Settings().tls_pairs == ((chain, Path("chain.key")), (other, Path("other.key")))
    monkeypatch.setenv("PINGFOLD_TLS_KEY", "chain.key")
    with pytest.raises(ValueError, match="CERTIFICATE has 2, and there are 1 keys"):
        Settings()
    monkeypatch.delenv("PINGFOLD_TLS_KEY")
    many = [f"of-example-{number}.org.pem" for number in range(200)]  # no file has a name as long as all of these
    monkeypatch.setenv("PINGFOLD_TLS_CERTIFICATE", ",".join(many))
    assert Settings().tls_certificate == tuple(map(Path, many))
    comma = tmp_path / "a,b.pem"
    comma.write_text("")
    monkeypatch.setenv("PINGFOLD_TLS_CERTIFICATE", str(comma))  # a file of this name is there
    assert Settings().tls_pairs == ((comma, comma),)
    monkeypatch.setenv("PINGFOLD_HOST", " , ")
    with pytest.raises(ValueError, match="addresses are expected, such as"):
        Settings()
