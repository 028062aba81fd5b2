"""What cannot be had is told in one line, at once, before anything is started."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.embedded.ports import HOST, free_port
from infra.http_server.listening import CannotListen, bind, bind_all, check_free
from infra.http_server.tls import CannotServeTls
from infra.process.process_identity import process_identity
from infra.settings.settings import Settings
from pingfold.roles.listeners import open_listeners
from pingfold.supervisor import claim
from pingfold.supervisor.claim import CannotStart, claim_ports, data_folder, end_former_roles
from tests.certificates import Authority


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    port = free_port()
    with socket.create_server((HOST, port)):
        yield port


def pingfold(*arguments: str, **settings: str) -> tuple[int, list[str], float]:
    """Exit status, lines, seconds."""
    began = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PINGFOLD_", "KAFKA_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pingfold", *arguments],
        env=environment | settings, capture_output=True, text=True, timeout=120.0,
    )  # fmt: skip
    return (
        done.returncode,
        [line for line in (done.stdout + done.stderr).splitlines() if line],
        time.monotonic() - began,
    )


def test_the_web_process_listens_on_ipv4_and_ipv6_at_once() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    for hosts in (["127.0.0.1", "::1"], ["0.0.0.0", "::"], ["::"]):
        with contextlib.ExitStack() as opened:
            listeners = [opened.enter_context(listener) for listener in bind_all(hosts, free_port())]
            for listener in listeners:
                listener.listen()
            port = listeners[0].getsockname()[1]
            for address in ("127.0.0.1", "::1"):
                socket.create_connection((address, port), 10.0).close()


def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_started(tmp_path: Path) -> None:
    missing = Settings(data=tmp_path, port=free_port(), tls_certificate=(tmp_path / "none.pem",))
    with pytest.raises(CannotServeTls, match="set PINGFOLD_TLS_CERTIFICATE"):
        claim_ports(missing)
    with pytest.raises(CannotServeTls, match="set PINGFOLD_TLS_CERTIFICATE"):
        open_listeners(missing)


def test_tls_needs_a_port_of_its_own(tmp_path: Path, taken: int) -> None:
    pair = Authority(tmp_path).pair("localhost", "localhost")
    for port, listen, said in (
        (free_port(), taken, f"port {taken} on {HOST} is taken by another program; set PINGFOLD_TLS_LISTEN"),
        (taken, taken, "PINGFOLD_PORT and PINGFOLD_TLS_LISTEN name the same port"),
    ):
        settings = Settings(data=tmp_path, port=port, tls_certificate=(pair,), tls_listen=((HOST, listen),))
        with pytest.raises((CannotListen, CannotStart), match=said):
            claim_ports(settings)


def test_a_port_that_is_taken_ends_up_in_one_line(tmp_path: Path, taken: int) -> None:
    status, lines, took = pingfold("up", PINGFOLD_DATA=str(tmp_path), PINGFOLD_PORT=str(taken))
    assert status == 1
    assert len(lines) == 1
    assert f"port {taken} on 127.0.0.1 is taken by another program; set PINGFOLD_PORT or stop it" in lines[0]
    assert took < 60.0
    assert not (tmp_path / "kafka").exists(), "nothing was started"


@pytest.mark.parametrize("setting", ["PINGFOLD_KAFKA_PORT", "PINGFOLD_CLICKHOUSE_PORT"])
def test_a_port_of_a_server_that_is_taken(tmp_path: Path, taken: int, setting: str) -> None:
    status, lines, _ = pingfold(
        "up", PINGFOLD_DATA=str(tmp_path), PINGFOLD_PORT=str(free_port()), **{setting: str(taken)}
    )
    assert (status, len(lines)) == (1, 1)
    assert str(taken) in lines[0]
    assert setting in lines[0]
    assert not (tmp_path / "kafka").exists()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_of_the_dns_server_that_is_taken(tmp_path: Path, kind: socket.SocketKind) -> None:
    """By either protocol."""
    port = free_port()
    settings = Settings(
        _env_file=None,
        data=tmp_path,
        port=free_port(frozenset({port})),
        dns_zone="nodes.example.org",
        dns_nameservers=("ns1.example.org",),
        dns_listen=((HOST, port),),
    )
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind((HOST, port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        with pytest.raises(CannotListen, match=rf"port {port} on {HOST} is taken .* set PINGFOLD_DNS_LISTEN"):
            claim_ports(settings)
    claim_ports(settings)


def test_a_web_process_alone(tmp_path: Path, taken: int) -> None:
    status, lines, _ = pingfold(
        "web", PINGFOLD_DATA=str(tmp_path), PINGFOLD_PORT=str(taken), KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"
    )
    assert (status, len(lines)) == (1, 1)
    assert "set PINGFOLD_PORT or stop it" in lines[0]


def test_one_port_for_two(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(CannotStart, match="PINGFOLD_PORT and PINGFOLD_KAFKA_PORT name the same port"):
        claim_ports(Settings(_env_file=None, data=tmp_path, port=port, kafka_port=port))


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(CannotListen, match=r"no address 192\.0\.2\.1; set PINGFOLD_HOST"):
        bind("192.0.2.1", free_port())


def test_looking_leaves_the_port_free_and_sees_who_listens() -> None:
    port = free_port()
    check_free(HOST, port, "PINGFOLD_PORT")
    with bind(HOST, port) as listener:
        listener.listen()
        with pytest.raises(CannotListen, match="taken"):
            check_free(HOST, port, "PINGFOLD_PORT")


def test_a_data_folder_that_is_held(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    with data_folder(settings):
        status, lines, _ = pingfold("up", PINGFOLD_DATA=str(tmp_path), PINGFOLD_PORT=str(free_port()))
        assert (status, len(lines)) == (1, 1)
        assert f"another Pingfold (process {os.getpid()}) runs on {tmp_path}" in lines[0].replace("\n", "")
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"), data_folder(settings):
            pass
    with data_folder(settings):
        pass


def test_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, lines, _ = pingfold("up", PINGFOLD_DATA=str(tmp_path / "file" / "data"))
    assert (status, len(lines)) == (1, 1)
    assert "set PINGFOLD_DATA" in lines[0]


_ROLE = "import time; print('runs', flush=True); time.sleep(100)  # pingfold kafka.Kafka"


@contextmanager
def stranger(data: Path, role: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose number is written down for a role."""
    command = [sys.executable, "-c", _ROLE]
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"runs\n"
        (data / "run").mkdir(parents=True, exist_ok=True)
        (data / "run" / f"{role}.pid").write_text(f"{process.pid}\n")
        try:
            yield process
        finally:
            process.kill()


def publish_births(data: Path, **births: tuple[int, str | None]) -> None:
    roles = {role: {"pid": pid, "birth": birth} for role, (pid, birth) in births.items()}
    (data / "run" / "supervisor.json").write_text(json.dumps({"roles": roles}))


def test_only_the_roles_of_this_data_folder_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of processes that were left behind by a reboot or a kill may be anybody's by now."""
    monkeypatch.setattr(claim, "_FORMER_SECONDS", 0.3)
    data, said = tmp_path / "data", list[str]()
    mine = {"PINGFOLD_DATA": str(data.resolve()), "PINGFOLD_INSTANCE": "of-the-former-run"}
    with (
        stranger(data, "web-0", PINGFOLD_DATA=mine["PINGFOLD_DATA"], PINGFOLD_INSTANCE="") as in_a_shell,
        stranger(data, "kafka-0", PINGFOLD_DATA=str(tmp_path / "another"), PINGFOLD_INSTANCE="other") as another,
        stranger(data, "worker-0", **mine) as later,
        stranger(data, "writer-0", **mine) as left_behind,
        stranger(data, "ticker-0", **mine) as not_written_down,
    ):
        (data / "run" / "prober-0.pid").write_text(f"{os.getpid()}\n")
        monkeypatch.setenv("PINGFOLD_DATA", mine["PINGFOLD_DATA"])
        publish_births(
            data,
            **{
                "worker-0": (later.pid, "another-boot/17"),
                "writer-0": (left_behind.pid, process_identity(left_behind.pid)),
                "ticker-0": (1, "another-boot/17"),  # the supervisor was killed before it told of the newest one
            },
        )
        end_former_roles(data, lambda _, line: said.append(line))
        assert left_behind.wait(30) == -signal.SIGKILL
        assert not_written_down.wait(30) == -signal.SIGKILL
        assert [one.poll() for one in (in_a_shell, another, later)] == [None] * 3
    assert sorted(line.split()[0] for line in said) == ["ticker-0", "writer-0"]


def test_our_own_number_may_be_written_down(tmp_path: Path) -> None:
    """In a container every start has the same numbers."""
    program = (
        "import os, sys; from pathlib import Path; from pingfold.supervisor import claim; claim._FORMER_SECONDS = 0.2;"
        "data = Path(sys.argv[1]); (data / 'run').mkdir();"
        "(data / 'run' / 'web-0.pid').write_text(str(os.getpid()));"
        "claim.end_former_roles(data, print); print('lives')"
    )
    environment = os.environ | {"PINGFOLD_DATA": str(tmp_path.resolve()), "PINGFOLD_INSTANCE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=60.0
    )
    assert (done.returncode, done.stdout) == (0, "lives\n")


def test_a_report_that_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "_FORMER_SECONDS", 0.3)
    (tmp_path / "run").mkdir()
    for report in ("", "[]", "{", '{"roles": []}', '{"roles": {"web-0": 7}}', '{"roles": {"web-0": {"birth": "x"}}}'):
        (tmp_path / "run" / "supervisor.json").write_text(report)
        end_former_roles(tmp_path, lambda *_: None)


def test_a_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    """Also one that an earlier version left open."""
    for folder in (tmp_path / "new", tmp_path / "old"):
        if folder.name == "old":
            folder.mkdir(mode=0o755)
        with data_folder(Settings(_env_file=None, data=folder)):
            assert folder.stat().st_mode & 0o777 == 0o700
