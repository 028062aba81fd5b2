"""Commands at everyday mistakes: one line that says what to do, exit status 1, and no traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from typer.testing import CliRunner

from infra.clickhouse.client import ClickHouseUnavailable
from infra.embedded.logins import made_login
from infra.http_server.bounds import BOUNDS
from infra.http_server.tls import ServerCertificates
from infra.log.cluster import Cluster
from infra.log.reading import NotRead
from infra.log.sink import NotStored
from infra.process import logs
from infra.secrets.secrets import SecretError
from infra.settings.settings import Settings
from pingfold import addresses, cli, credentials, first_project
from pingfold.commands import client as talk
from pingfold.errors import CommandFailed
from pingfold.faults import line_of
from pingfold.replay.outcome import COULD_NOT_RUN
from tests.certificates import Authority
from tests.http_client import HttpServer

Run = Callable[..., str]


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port on which nobody answers: bound, and never listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dead_port: int) -> Run:
    """Run a command that fails, on the data folder of a Pingfold that is stopped; gives what it says."""
    url = f"http://127.0.0.1:{dead_port}"
    known = first_project.new_credentials(url=url, kafka=f"127.0.0.1:{dead_port}", clickhouse=url)
    credentials.save_once(tmp_path / "credentials.json", known)
    for server in ("kafka", "clickhouse"):
        made_login(tmp_path, server)
    (tmp_path / "ports.json").write_text(f'{{"kafka": {dead_port}, "clickhouse": {dead_port}}}')
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "PINGFOLD_URL", "PINGFOLD_KEY"):
        monkeypatch.delenv(name, raising=False)

    def go(*arguments: str, **environment: str) -> str:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr(sys, "argv", ["pingfold", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        assert isinstance(ended.value.code, str)  # told on standard error, with status 1
        assert ended.value.code.startswith("pingfold: ")
        return ended.value.code

    return go


REACH_KAFKA = pytest.mark.parametrize(
    "arguments",
    [
        ("dead-letters", "list"),
        ("dead-letters", "retry", "all"),
        ("time", "mend"),
        ("audit",),
        ("key", "create", "healthchecks"),
        ("key", "revoke", "x"),
        ("recipient", "unblock", "ops@example.org"),
        ("key", "list"),
        ("key", "rotate", "x"),
        ("project", "list"),
        ("project", "rotate-ping-key"),
        ("project", "rotate-webhook-secret"),
        ("project", "create", "Backups"),
        ("project", "rename", "Backups"),
        ("migrate",),
    ],
)


@REACH_KAFKA
def test_while_pingfold_is_stopped_a_command_says_what_to_start(run: Run, arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert "Kafka does not answer at 127.0.0.1:" in told
    assert "start Pingfold on" in told
    assert "\n" not in told


@REACH_KAFKA
def test_a_command_refuses_another_prefix_than_that_of_its_data_folder(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "credentials.json"
    file.write_bytes(file.read_bytes().replace(b'"kafka_prefix": ""', b'"kafka_prefix": "team."'))
    for told in (run(*arguments), run(*arguments, PINGFOLD_KAFKA_PREFIX="other.")):
        assert "begin with 'team.'" in told
        assert "PINGFOLD_KAFKA_PREFIX is '" in told
        assert "migrate" not in told
        assert "\n" not in told
    assert "Kafka does not answer at 127.0.0.1:" in run(*arguments, PINGFOLD_KAFKA_PREFIX="team.")


def test_a_replay_does_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = first_project.new_credentials("http://127.0.0.1:1", Cluster("127.0.0.1:2", prefix="team."), "http://x")
    credentials.save_once(tmp_path / "credentials.json", known)
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    result = CliRunner().invoke(cli.app, ["replay"])
    assert result.exit_code == COULD_NOT_RUN
    assert "could not run: " in result.stderr
    assert "begin with 'team.'" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("ping", "backup"), ("channel", "list"), ("channel", "create", "webhook", "x"), ("channel", "rotate-secret", "x")],
)
def test_a_command_says_where_the_address_that_does_not_answer_is_from(
    run: Run, tmp_path: Path, dead_port: int, arguments: tuple[str, ...]
) -> None:
    told = run(*arguments)
    assert f"http://127.0.0.1:{dead_port} does not answer" in told
    assert f"{tmp_path}/credentials.json" in told
    assert "PINGFOLD_URL" in told
    # The address alone is heeded, too; the key is that of the file.
    told = run(*arguments, PINGFOLD_URL="http://127.0.0.1:1")
    assert "http://127.0.0.1:1 does not answer" in told
    assert "(address from PINGFOLD_URL)" in told
    assert "PINGFOLD_URL is 'nonsense://x': an address is expected" in run(*arguments, PINGFOLD_URL="nonsense://x")
    # So is another port than that of the file: where Pingfold will listen, or does already.
    told = run(*arguments, PINGFOLD_PORT="1")
    assert "http://127.0.0.1:1 does not answer" in told
    assert "(address from PINGFOLD_PORT; PINGFOLD_URL overrides it)" in told


def test_a_ping_by_id_needs_no_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "credentials.json").unlink()
    told = run("ping", "6f1c4f5e-8b9d-4c6e-9a53-2c1d1f0f4a11", PINGFOLD_URL="http://127.0.0.1:1/up/")
    assert "http://127.0.0.1:1/up does not answer" in told


@pytest.mark.parametrize(
    "arguments", [("up",), ("web",), ("worker",), ("writer",), ("migrate",), ("dead-letters", "list")]
)
def test_wrong_settings_end_every_command_before_anything_starts(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments, PINGFOLD_SECRET_KEY="abc").startswith("pingfold: PINGFOLD_SECRET_KEY: 32 bytes in base64")
    told = run(*arguments, PINGFOLD_RETENTION_PINGZ="90d", PINGFOLD_WORKER="2").splitlines()
    assert [line.partition("is no")[0] for line in told] == [
        "pingfold: PINGFOLD_RETENTION_PINGZ ",
        "pingfold: PINGFOLD_WORKER ",
    ]


def test_a_data_folder_without_pingfold_gets_no_key(run: Run, tmp_path: Path) -> None:
    run("project", "create", "Backups")
    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata")), "Failed to get metadata"),
        (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), "Kafka does not answer as it should"),
        (NotStored("queue full"), "queue full"),
        (NotRead("pings/0: nothing came"), "nothing came"),
        (TimeoutError(), "no answer in time"),
        (ClickHouseUnavailable("connection refused"), "ClickHouse does not answer (connection refused)"),
        (SecretError("secret.key is not a key"), "secret.key is not a key"),
        (PermissionError(13, "Permission denied", "data/ports.json"), "data/ports.json: Permission denied"),
        (addresses.NotRunning("no embedded kafka"), "no embedded kafka"),
    ],
)
def test_a_fault_that_people_can_mend_is_one_line(error: Exception, words: str) -> None:
    line = line_of(error, Settings(data=Path("data")))
    assert line is not None
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError(2, "No such file", "/usr/bin/java")])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    assert line_of(error, Settings(data=Path("data"))) is None


def test_channels_say_which_of_their_addresses_nobody_has_confirmed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    rest = {"name": "", "events": [], "disabled": False, "failures": 0, "last_success": None}
    mail = {"id": "c", "kind": "email", "email": "ops@example.org", "unconfirmed": ["ops@example.org"]} | rest
    hook = {"id": "w", "kind": "webhook", "url": "http://x/"} | rest

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        asked.append((method, path))
        return {"channels": [mail, hook]} if method == "GET" else mail

    monkeypatch.setattr(talk, "_call", call)
    talk.list_channels()
    assert "ops@example.org (unconfirmed)" in capsys.readouterr().out
    talk.create_channel("email", "ops@example.org")
    assert "nothing is sent to ops@example.org" in capsys.readouterr().err
    talk.request_confirmation("c")
    assert "ops@example.org" in capsys.readouterr().out
    assert asked[-1] == ("POST", "/api/v3/channels/c/confirmation")


def test_a_channel_is_made_and_listed_as_its_kind_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any] | None] = []
    rest = {"id": "c", "name": "", "events": [], "disabled": False, "failures": 0, "last_success": None}
    push = {"kind": "ntfy", "server": "https://ntfy.example", "topic": "alerts", "has_token": True}
    later = {"kind": "pigeon", "coop": "north"}

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        asked.append(body)
        return {"channels": [push | rest, later | rest]} if method == "GET" else push | rest

    monkeypatch.setattr(talk, "_call", call)
    talk.create_channel("ntfy", "https://ntfy.example/alerts", secret="tk_1")
    body = {"kind": "ntfy", "server": "https://ntfy.example", "topic": "alerts", "token": "tk_1"}
    assert asked[-1] is not None
    assert body.items() <= asked[-1].items()
    capsys.readouterr()
    talk.list_channels()
    told = capsys.readouterr().out
    assert "https://ntfy.example/alerts" in told
    assert "pigeon" in told


def test_a_key_that_cannot_be_read_ends_commands_before_kafka_is_waited_for(
    run: Run, tmp_path: Path, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pingfold.commands.creation.answering_kafka_of", lambda _: "127.0.0.1:1")
    key = tmp_path / "secret.key"
    for spoil in (lambda: key.write_text("short\n"), lambda: key.write_bytes(b"\xff\xfe"), lambda: _folder(key)):
        spoil()
        for command in (("worker",), ("project", "create", "Backups")):
            told = run(*command)
            assert str(key) in told
            assert "PINGFOLD_SECRET_KEY" in told
            assert "\n" not in told


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("role", ["web", "prober", "up"])
def test_roles_say_so_too_in_one_line_with_status_1(tmp_path: Path, dead_port: int, role: str) -> None:
    """They end their process themselves, so each has one of its own; `ingest` and `api` start as `web` does."""
    (tmp_path / "secret.key").write_text("no key at all\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PINGFOLD_", "KAFKA_"))}
    servers = (
        {} if role == "up" else {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{dead_port}", "CLICKHOUSE_URL": "http://x"}
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pingfold", role],
        env=environment | servers | {"PINGFOLD_DATA": str(tmp_path), "PINGFOLD_PORT": str(port)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1, ended
    said = ended.stdout + ended.stderr
    assert f"{tmp_path}/secret.key is not a key" in said
    assert "Traceback" not in said
    assert "no key at all" not in said


async def says_ready(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def test_the_authority_of_a_pingfold_elsewhere_is_trusted_as_this_machine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    pair = authority.pair("a", "localhost")
    with HttpServer(says_ready, BOUNDS, certificate=ServerCertificates((pair, pair))) as server:
        there = Settings(_env_file=None, url=f"https://localhost:{server.tls_port}")
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(CommandFailed, match=r"does not answer .*certificate verify failed"):
            talk.request(there, "GET", "/readyz")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert talk.request(there, "GET", "/readyz").status_code == 200
