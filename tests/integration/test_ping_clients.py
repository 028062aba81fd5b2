"""Clients that ping in their own ways, over real sockets and the real Kafka: every ping is kept, with its body."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.http_server.tls import ServerCertificates
from tests.certificates import Authority
from tests.http2_client import Http2Client
from tests.http_client import answer_of
from tests.ping_journal import Journal
from tests.ping_server import PingServer

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(kafka_bootstrap: str, authority: Authority) -> Iterator[PingServer]:
    pair = authority.pair("localhost", "localhost", "127.0.0.1")
    with PingServer(kafka_bootstrap, certificate=ServerCertificates((pair, pair))) as server:
        yield server


@pytest.fixture
def journal(kafka_bootstrap: str, server: PingServer) -> Journal:
    return Journal(kafka_bootstrap, server)


def client_of(server: PingServer) -> Http2Client:
    client = Http2Client(socket.create_connection((server.host, server.port), 30.0))
    client.flush()
    return client


def kept(journal: Journal) -> list[tuple[str, str, str]]:
    return [(ping.method, ping.scheme, ping.body or "") for ping in journal.pings()]


def test_http_2_by_prior_knowledge(server: PingServer, journal: Journal) -> None:
    client = client_of(server)
    answer = client.ask(f"/ping/{server.check}")
    assert (answer.status, answer.body, answer.headers["ping-body-limit"]) == (200, b"OK", "100000")
    streams = [client.begin(f"/ping/{server.check}", "POST", ended=False) for _ in range(5)]
    for number, stream in enumerate(streams):
        client.send(stream, b"text %d" % number)
    assert [client.answer(stream).body for stream in streams] == [b"OK"] * 5
    assert client.ask("/nothing/of/the/kind/at/all").status == 400
    client.connection.close()
    assert sorted(kept(journal)) == [("GET", "http", ""), *[("POST", "http", f"text {one}") for one in range(5)]]


def test_http_2_over_tls(server: PingServer, journal: Journal, authority: Authority) -> None:
    trust = ssl.create_default_context(cafile=str(authority.file))
    for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
        with httpx.Client(http2=http2, verify=trust, trust_env=False, timeout=30.0) as client:
            answer = client.post(f"https://127.0.0.1:{server.tls_port}/ping/{server.check}", content=b"secret")
            assert (answer.http_version, answer.text) == (version, "OK")
    assert kept(journal) == [("POST", "https", "secret")] * 2


def test_what_netcat_sends(server: PingServer, journal: Journal) -> None:
    for sent in (
        f"GET /ping/{server.check} HTTP/1.0\n\n",
        f"POST /ping/{server.check}/start HTTP/1.1\nContent-Length: 4\n\ntext",
        f"GET /ping/{server.check}\n\n",
        f"GET /ping/{server.check}/log?m=gr\u00f6\u00dfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with socket.create_connection((server.host, server.port), 30.0) as connection:
            connection.sendall(sent.encode())
            connection.shutdown(socket.SHUT_WR)
            assert answer_of(connection).endswith(b"OK"), sent
    assert [(ping.kind, ping.body or "") for ping in journal.pings()] == [
        *(("success", ""), ("start", "text"), ("success", ""), ("log", ""))
    ]


def _has_http2() -> bool:
    curl = shutil.which("curl")
    return (
        curl is not None and "HTTP2" in subprocess.run([curl, "-V"], capture_output=True, text=True, check=False).stdout
    )


@pytest.mark.skipif(not _has_http2(), reason="not run: there is no curl that speaks HTTP/2")
@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        (["--http2"], "2"),
        (["--http2", "-d", "hello"], "1.1"),
        (["--http2", "-d", "hello", "-H", "Transfer-Encoding: chunked"], "1.1"),
        (["--http2-prior-knowledge", "-d", "hello"], "2"),
        (["--http2-prior-knowledge", "-I"], "2"),
        (["--http1.1", "-d", "hello", "-H", "Expect: 100-continue"], "1.1"),
        (["--http1.0", "-d", "hello"], "1.1"),
    ],
    ids=" ".join,
)
def test_curl(server: PingServer, journal: Journal, arguments: list[str], version: str) -> None:
    _curl(server, journal, arguments, version, f"http://{server.host}:{server.port}")


@pytest.mark.skipif(not _has_http2(), reason="not run: there is no curl that speaks HTTP/2")
@pytest.mark.parametrize(
    ("arguments", "version"), [(["-d", "hello"], "2"), (["--http1.1", "-d", "hello"], "1.1")], ids=" ".join
)
def test_curl_over_tls(
    server: PingServer, journal: Journal, authority: Authority, arguments: list[str], version: str
) -> None:
    arguments = [*arguments, "--cacert", str(authority.file)]
    _curl(server, journal, arguments, version, f"https://127.0.0.1:{server.tls_port}")


def _curl(server: PingServer, journal: Journal, arguments: list[str], version: str, url: str) -> None:
    asked = ["curl", "-q", "-sS", "--noproxy", "*", "-m", "60", "-w", " %{http_code} %{http_version}", *arguments]
    run = subprocess.run([*asked, f"{url}/ping/{server.check}"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(f" 200 {version}")
    assert [ping.body or "" for ping in journal.pings()] == ["hello" if "-d" in arguments else ""]


JAVA = """
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public class Pinging {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String body : new String[] {"", "from Java", "again", ""}) {
            HttpRequest.Builder asked = HttpRequest.newBuilder(URI.create(arguments[0]))
                .timeout(Duration.ofSeconds(60));
            HttpRequest request = body.isEmpty() ? asked.build()
                : asked.POST(HttpRequest.BodyPublishers.ofString(body)).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
        HttpRequest first = HttpRequest.newBuilder(URI.create(arguments[0])).timeout(Duration.ofSeconds(60))
            .POST(HttpRequest.BodyPublishers.ofString("first")).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(first, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.body());
    }
}
"""


@pytest.mark.skipif(
    shutil.which("java") is None or shutil.which("javac") is None, reason="not run: there is no Java compiler (JDK)"
)
def test_java(server: PingServer, journal: Journal, tmp_path: Path) -> None:
    """Its HttpClient offers HTTP/2 in its first request, with a body or without."""
    source = tmp_path / "Pinging.java"
    source.write_text(JAVA)
    url = f"http://{server.host}:{server.port}/ping/{server.check}"
    run = subprocess.run(["java", str(source), url], capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["200 OK"] * 5
    assert [ping.body or "" for ping in journal.pings()] == ["", "from Java", "again", "", "first"]
