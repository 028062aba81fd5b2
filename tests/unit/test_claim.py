"""What cannot be had is told in one line, at once, before anything is started."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.ports import HOST, free_port
from infra.listening import CannotListen, bind, check_free
from infra.settings import Settings
from pingfold.claim import CannotStart, claim_ports, data_folder


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
        env=environment | settings, capture_output=True, text=True, timeout=60.0,
    )  # fmt: skip
    return (
        done.returncode,
        [line for line in (done.stdout + done.stderr).splitlines() if line],
        time.monotonic() - began,
    )


def test_a_port_that_is_taken_ends_up_in_one_line(tmp_path: Path, taken: int) -> None:
    status, lines, took = pingfold("up", PINGFOLD_DATA=str(tmp_path), PINGFOLD_PORT=str(taken))
    assert status == 1
    assert len(lines) == 1
    assert f"port {taken} on 127.0.0.1 is taken by another program; set PINGFOLD_PORT or stop it" in lines[0]
    assert took < 20.0
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
