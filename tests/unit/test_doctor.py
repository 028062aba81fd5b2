"""`pingfold doctor`: what is found, on which level, and what it says is to be done."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from infra.disk import FreeSpace
from infra.embedded import kafka
from infra.embedded.ports import free_port
from infra.settings.settings import Settings
from pingfold import credentials, first_project
from pingfold.cli import app
from pingfold.doctor import files, machine, servers
from pingfold.doctor.findings import Finding, examined

GIB = 2**30
NOW = 1_795_000_000.0


def one(findings: Iterator[Finding]) -> Finding:
    [found] = findings
    return found


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, data=tmp_path, **given)


# ---- this machine


def test_java_that_is_missing_is_told_with_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def java() -> str:
        raise kafka.MissingPrerequisite("Java was not found", "default-jre-headless")

    monkeypatch.setattr(kafka, "java", java)
    monkeypatch.setattr(kafka, "default_cache", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    java_is, maven_is = machine.prerequisites(settings(tmp_path))
    assert java_is[:3] == ("problem", "Java", "Java was not found")
    assert java_is.do.startswith("install the Debian package default-jre-headless, or set KAFKA_BOOTSTRAP_SERVERS")
    assert maven_is[:2] == ("problem", "Kafka's jars")
    assert "package maven" in maven_is.do
    kafka.jars_folder(tmp_path).mkdir()
    assert [found.level for found in machine.prerequisites(settings(tmp_path))] == ["problem", "ok"]
    assert one(machine.prerequisites(settings(tmp_path, kafka_bootstrap_servers="h:1"))).level == "ok"


@pytest.mark.parametrize(("free", "level"), [(5 * GIB, "ok"), (3 * GIB // 2, "warning"), (GIB // 2, "problem")])
def test_room_on_the_disk_is_judged_as_the_roles_do(free: int, level: str) -> None:
    found = machine.room_found(FreeSpace(free, 100 * GIB), GIB, "so much", "make room")
    assert found.level == level
    assert found.do == ("" if level == "ok" else "make room")


def test_the_disk_is_that_of_a_data_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    assert "MiB free" in one(machine.disk(settings(tmp_path / "not" / "there"))).found
    assert not list(machine.disk(settings(tmp_path, kafka_bootstrap_servers="h:1", clickhouse_url="http://h:1")))
    assert not (tmp_path / "not").exists()


def test_memory_counts_before_a_start(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 2000000 kB\nMemAvailable:  512000 kB\n")
    assert one(machine.memory(False, meminfo))[:3] == (
        *("warning", "memory"),
        "500 MiB available; Pingfold with its embedded servers takes about 1200 MiB",
    )
    assert one(machine.memory(True, meminfo)).level == "ok"
    meminfo.write_text("MemAvailable: 5120000 kB\n")
    assert one(machine.memory(False, meminfo)).level == "ok"
    assert not list(machine.memory(False, tmp_path / "no Linux"))


@pytest.mark.parametrize(
    ("now", "written", "unsynchronized", "level"),
    [
        (NOW, NOW - 5, False, "ok"),
        (NOW, NOW - 5, True, "warning"),
        (NOW, NOW + 3_600, False, "problem"),
        (86_400.0, 0.0, False, "problem"),
    ],
)
def test_a_clock_that_cannot_be_right(
    tmp_path: Path, now: float, written: float, unsynchronized: bool, level: str
) -> None:
    (tmp_path / "credentials.json").touch()
    os.utime(tmp_path / "credentials.json", (written, written))
    found = one(machine.clock(settings(tmp_path), now, unsynchronized))
    assert found.level == level
    assert bool(found.do) == (level != "ok")


def test_the_clock_of_this_machine_can_be_asked(tmp_path: Path) -> None:
    assert one(machine.clock(settings(tmp_path), NOW)).level in ("ok", "warning")


# ---- settings and files


def test_settings_that_are_none_wrong_or_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PINGFOLD_", "KAFKA_", "CLICKHOUSE_"))]:
        monkeypatch.delenv(name)
    assert one(files.environment(os.environ)) == Finding("ok", "settings", "all have their defaults")
    monkeypatch.setenv("PINGFOLD_SMTP_HOST", "mail.example.org")
    assert one(files.environment(os.environ)).level == "warning"
    monkeypatch.setenv("PINGFOLD_WORKERS", "many")
    monkeypatch.setenv("PINGFOLD_WORKER", "2")
    levels = [(found.level, found.found.split(" ")[0]) for found in files.environment(os.environ)]
    assert levels == [("problem", "PINGFOLD_WORKER"), ("problem", "PINGFOLD_WORKERS")]
    monkeypatch.setenv("PINGFOLD_SITE_NAME", "'Pingfold'")
    assert "PINGFOLD_SITE_NAME" in {found.found.split(" ")[0] for found in files.environment(os.environ)}


def test_files_with_secrets(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "first start makes it" in one(files.secret_files(settings(data))).found
    url = "http://127.0.0.1:1"
    credentials.save_once(data / "credentials.json", first_project.new_credentials(url, "127.0.0.1:2", url))
    assert [found.level for found in files.secret_files(settings(data))] == ["ok"]
    (data / "credentials.json").chmod(0o644)
    _, told = files.secret_files(settings(data))
    assert told == Finding(
        "warning", "credentials.json", "others may read it (mode 0644)", f"chmod 600 {data}/credentials.json"
    )
    (data / "credentials.json").write_text("{")
    assert next(files.secret_files(settings(data))).level == "problem"
    (data / "credentials.json").unlink()
    assert [found.level for found in files.secret_files(settings(data))] == ["ok"]


# ---- servers


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that is taken, and on which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, dead_port: int) -> None:
    found = one(servers.ports(settings(tmp_path, port=dead_port)))
    assert found[:3] == ("problem", "ports", f"port {dead_port} on 127.0.0.1 is taken by another program")
    assert found.do == "set PINGFOLD_PORT or stop it"
    (tmp_path / "ports.json").write_text(json.dumps({"kafka-controller": dead_port}))
    found = one(servers.ports(settings(tmp_path, port=free_port())))
    assert (found.found, found.do) == (
        f"port {dead_port} of the embedded kafka-controller is taken by another program",
        "stop it",
    )
    found = next(servers.ports(settings(tmp_path, port=dead_port, kafka_port=dead_port)))
    assert "name the same port" in found.found
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ports.json"]


def test_servers_that_do_not_answer(tmp_path: Path, dead_port: int) -> None:
    existing = settings(
        tmp_path, kafka_bootstrap_servers=f"127.0.0.1:{dead_port}", clickhouse_url=f"http://127.0.0.1:{dead_port}"
    )
    for examine in (servers.kafka, servers.clickhouse):
        found = one(examine(existing, False))
        assert found.level == "problem"
        assert f"does not answer at 127.0.0.1:{dead_port}" in found.found
        assert found.do.startswith("start it, or set ")
        assert one(examine(settings(tmp_path), False)).level == "ok"
        assert one(examine(settings(tmp_path), True)).level == "problem"  # it runs, and its files are not there


@pytest.mark.parametrize(
    ("there", "here", "level"),
    [
        ({"status": "ok", "instance": "a"}, {"status": "ok", "instance": "a"}, "ok"),
        ({"status": "ok", "instance": "b"}, {"status": "ok", "instance": "a"}, "problem"),
        (["not ours"], {"status": "ok", "instance": "a"}, "problem"),
        (None, {"status": "ok", "instance": "a"}, "problem"),
    ],
)
def test_the_public_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: Any, here: Any, level: str) -> None:
    def get(url: str, trust_env: bool, **_: Any) -> httpx.Response:
        assert trust_env is (httpx.URL(url).host == "up.example.org")  # no proxy leads to this machine
        told = there if httpx.URL(url).host == "up.example.org" else here
        if told is None:
            raise httpx.ConnectError("connection refused")
        return httpx.Response(200, json=told)

    monkeypatch.setattr(httpx, "get", get)
    public = settings(tmp_path, PINGFOLD_BASE_URL="https://up.example.org/watch")
    assert one(servers.public_address(public, True)).level == level
    assert one(servers.public_address(public, False)).level == "ok"
    assert one(servers.public_address(settings(tmp_path), True)).level == "ok"


def test_what_a_running_pingfold_says_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {"status": "not ready", "problems": [{"part": "disk", "reason": "is full"}], "warnings": []}
    shown: list[Any] = []

    def get(url: str, **what: Any) -> httpx.Response:
        shown.append((what["headers"], what["trust_env"]))
        return httpx.Response(503, json=told)

    monkeypatch.setattr(httpx, "get", get)
    is_running, findings = servers.running(settings(tmp_path, metrics_key="0123456789abcdef"))
    assert is_running
    assert [(found.level, found.subject) for found in findings] == [("problem", "Pingfold"), ("problem", "disk")]
    assert shown == [({"Authorization": "Bearer 0123456789abcdef"}, False)]  # no proxy sees the key


# ---- the command


@pytest.fixture
def examine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dead_port: int) -> Callable[..., Any]:
    """Runs the command for a Pingfold that does not run."""

    def run(*options: str, **environment: str) -> Any:
        given = {"PINGFOLD_DATA": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{dead_port}"}
        for name, value in {**given, **environment}.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["doctor", *options])

    return run


def test_every_problem_has_a_line_and_the_exit_status_says_so(examine: Callable[..., Any], tmp_path: Path) -> None:
    result = examine(PINGFOLD_PORT="1")
    lines = result.stdout.splitlines()
    assert result.exit_code == 3, result.stdout
    assert any(line.startswith("problem  Kafka: does not answer") and "; start it, or set" in line for line in lines)
    assert any(line.startswith("warning  Pingfold: does not answer") for line in lines)
    assert "\x1b" not in result.stdout
    found = json.loads(examine("--json").stdout)
    assert {"level", "subject", "found", "do"} == set(found[0])
    assert not list(tmp_path.iterdir()), "it has made something"


def test_wrong_settings_end_the_examination_with_what_is_wrong(examine: Callable[..., Any]) -> None:
    result = examine(PINGFOLD_WORKERS="many", PINGFOLD_NONSENSE="1")
    assert result.exit_code == 3
    assert all(line.startswith("problem  settings: PINGFOLD_") for line in result.stdout.splitlines())


def test_an_examination_that_fails_does_not_end_the_others() -> None:
    def fail() -> Iterator[Finding]:
        yield Finding("ok", "this", "is well")
        raise ZeroDivisionError

    assert [found.level for found in examined("this", fail)] == ["ok", "problem"]


def test_a_pingfold_that_is_starting_is_not_taken_for_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(url: str, **_: Any) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    monkeypatch.setattr(httpx, "get", get)
    (tmp_path / "run").mkdir()
    for pid, runs in ((os.getpid(), True), (2**22 + 1, False)):
        (tmp_path / "run" / "supervisor.json").write_text(json.dumps({"pid": pid}))
        is_running, [found] = servers.running(settings(tmp_path))
        assert is_running == runs
        assert found.level == "warning"
        assert ("yet" in found.found) == runs


def test_roles_whose_files_cannot_be_read_are_not_called_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the examination given up: as where no file descriptor is free."""
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, json={"status": "ready"}))
    far = tmp_path / ("x" * 300)
    is_running, [found] = servers.running(settings(far))
    assert is_running
    assert found[:2] == ("problem", "Pingfold")
    assert found.found == f"whether it runs on {far} is not known: File name too long"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", "schlüssel".encode(), b"two\nlines", b"a\x00b"])
def test_a_key_of_metrics_that_cannot_be_shown_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    shown: list[dict[str, str] | None] = []

    def get(url: str, headers: dict[str, str] | None, **_: Any) -> httpx.Response:
        shown.append(headers)
        return httpx.Response(200, json={"status": "ready", "problems": []})

    monkeypatch.setattr(httpx, "get", get)
    file = tmp_path / "metrics.key"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    assert servers.running(settings(tmp_path))[0]
    assert shown == [None]
    assert servers.running(settings(tmp_path, metrics_key="k" * 16))[0]
    assert shown[1] == {"Authorization": f"Bearer {'k' * 16}"}


def test_a_running_pingfold_is_asked_where_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(url: str, **_: Any) -> httpx.Response:
        asked.append(url)
        return httpx.Response(200, json={"status": "ready", "problems": [], "warnings": []})

    monkeypatch.setattr(httpx, "get", get)
    there = "http://127.0.0.1:8123"
    credentials.save_once(tmp_path / "credentials.json", first_project.new_credentials(there, "127.0.0.1:2", there))
    is_running, (well, other) = servers.running(settings(tmp_path))
    assert is_running
    assert well == Finding("ok", "Pingfold", f"is ready at {there}/")
    assert other[:2] == ("warning", "settings")  # this command was started with other settings
    assert there in one(servers.public_address(settings(tmp_path), True)).found
    # A setting comes first, as for all commands that ask a running Pingfold.
    assert servers.running(settings(tmp_path, port=8124))[1] == [
        Finding("ok", "Pingfold", "is ready at http://127.0.0.1:8124/")
    ]
    assert asked == [f"{there}/readyz", "http://127.0.0.1:8124/readyz"]


def test_a_pingfold_of_another_data_folder_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, json={"status": "ready"}))
    is_running, [found] = servers.running(settings(tmp_path))
    assert not is_running  # so its ports are examined
    assert found.level == "warning"
    assert "PINGFOLD_DATA" in found.do
    assert servers.running(settings(tmp_path, kafka_bootstrap_servers="h:1"))[0]  # roles that run alone
