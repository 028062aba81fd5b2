"""`pingfold status`: what it asks, what it counts and lists, and its exit statuses."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from pingfold import credentials, first_project
from pingfold.cli import app

READY = {"status": "ready", "problems": [], "warnings": [{"part": "public address", "reason": "is away"}]}


def check(name: str, status: str, **more: Any) -> dict[str, Any]:
    last = "2026-11-28T02:00:07+00:00"
    return {"uuid": f"id of {name}", "name": name, "slug": "", "status": status, "last_ping": last} | more


def monitor(name: str, status: str, error: str | None = None) -> dict[str, Any]:
    last = "2026-11-28T07:30:00Z"
    return {"id": f"id of {name}", "name": name, "current_status": status, "last_checked_at": last, "last_error": error}


class Server:
    """Answers what a Pingfold would; `asked`: path and the key that was shown."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.ready: dict[str, Any] = READY
        self.checks: list[dict[str, Any]] = []
        self.monitors: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **what: Any) -> httpx.Response:
        asked, headers = httpx.URL(url), what.get("headers") or {}
        self.asked.append((asked.path, headers.get("X-Api-Key") or headers.get("Authorization", "")))
        match asked.path:
            case "/readyz":
                return httpx.Response(200 if self.ready["status"] == "ready" else 503, json=self.ready)
            case "/api/v3/checks/":
                return httpx.Response(200, json={"checks": self.checks})
            case "/api/v1/monitors":
                page, size = int(asked.params["page"]), int(asked.params["per_page"])
                return httpx.Response(200, json={"data": self.monitors[(page - 1) * size : page * size]})
        return httpx.Response(404, json={"error": {"code": "not_found", "message": "no such page"}})


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> credentials.Credentials:
    url = "http://127.0.0.1:1"
    made = first_project.new_credentials(url, "127.0.0.1:2", url)
    (tmp_path / "metrics.key").write_text("key-of-metrics\n")
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    for name in ("PINGFOLD_URL", "PINGFOLD_KEY", "PINGFOLD_PORT", "PINGFOLD_HOST", "PINGFOLD_METRICS_KEY"):
        monkeypatch.delenv(name, raising=False)
    return credentials.save_once(tmp_path / "credentials.json", made)


@pytest.fixture
def server(known: credentials.Credentials, monkeypatch: pytest.MonkeyPatch) -> Server:
    one = Server()
    monkeypatch.setattr(httpx, "request", one.request)
    return one


def status(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["status", *options])
    return result.exit_code, result.stdout


def test_what_is_well_is_counted(server: Server, known: credentials.Credentials) -> None:
    server.checks = [check("a", "up"), check("b", "new"), check("c", "up"), check("d", "paused")]
    server.monitors = [monitor(f"m{number}", "up") for number in range(250)]
    code, told = status()
    assert code == 0
    assert told.splitlines() == [
        "Pingfold at http://127.0.0.1:1: ready",
        "  warning: public address: is away",
        "checks: 4 (1 new, 1 paused, 2 up)",
        "monitors: 250 (250 up)",
    ]
    pages = [("/api/v1/monitors", f"Bearer {known.poppaping_key}")] * 3
    assert server.asked == [
        *(("/readyz", "Bearer key-of-metrics"), ("/api/v3/checks/", known.healthchecks_key)),
        *pages,
    ]


def test_what_is_not_up_is_listed_the_worst_first(server: Server) -> None:
    server.checks = [check("late", "grace"), check("gap", "grace", not_observed=True), check("lost", "down")]
    server.monitors = [monitor("site", "down", "connection refused"), monitor("blind", "unknown")]
    code, told = status()
    assert code == 3
    rows = [line.split() for line in told.split("\n\n")[1].splitlines()]
    assert rows[0][:3] == ["state", "what", "name"]
    assert [row[:3] for row in rows[1:]] == [
        *(["down", "check", "lost"], ["down", "monitor", "site"], ["late", "check", "gap"]),
        *(["late", "check", "late"], ["unknown", "monitor", "blind"]),
    ]
    assert " ".join(rows[2][3:]) == "2026-11-28 07:30 id of site connection refused"
    code, told = status("--json")
    found = json.loads(told)
    assert code == 3
    assert found["checks"] == {"down": 1, "late": 2}
    assert found["monitors"] == {"down": 1, "unknown": 1}
    assert found["not_up"][2]["why"] == "not observed: Pingfold could not be reached"


def test_late_is_no_reason_to_fail(server: Server) -> None:
    server.checks = [check("late", "grace")]
    assert status()[0] == 0


def test_a_pingfold_that_is_not_ready_says_why(server: Server) -> None:
    server.ready = {"status": "not ready", "problems": [{"part": "clickhouse", "reason": "does not answer"}]}
    code, told = status()
    assert code == 3
    assert told.startswith("Pingfold at http://127.0.0.1:1: not ready\n  problem: clickhouse: does not answer\n")
    server.ready = {"status": "starting"}
    assert "metrics key" in status()[1]


def test_no_key_of_the_data_folder_is_shown_when_another_is_given(
    server: Server, known: credentials.Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINGFOLD_URL", "https://elsewhere.example")
    for key, line in (("hcr_given", "monitors: not shown"), ("pp_live_given", "checks: not shown")):
        server.asked.clear()
        monkeypatch.setenv("PINGFOLD_KEY", key)
        assert line in status()[1]
        assert {shown for _, shown in server.asked} <= {"", key, f"Bearer {key}"}


def test_another_program_at_the_address_is_no_pingfold(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "request", lambda *_, **__: httpx.Response(200, text="<html>"))
    result = CliRunner().invoke(app, ["status"])
    assert "is not Pingfold" in str(result.exception)


def test_a_refusal_is_told_in_the_words_of_the_api(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(method: str, url: str, **what: Any) -> httpx.Response:
        if "/readyz" in url or "/v3/" in url:
            return server.request(method, url, **what)
        return httpx.Response(401, json={"error": {"code": "unauthorized", "message": "no such key"}})

    monkeypatch.setattr(httpx, "request", refuse)
    result = CliRunner().invoke(app, ["status"])
    assert str(result.exception) == "401 no such key"


def test_a_key_of_metrics_that_cannot_be_read_costs_only_details(server: Server, tmp_path: Path) -> None:
    (tmp_path / "metrics.key").write_bytes(b"\xff")
    code, shown = status()
    assert (code, "/readyz" in dict(server.asked)) == (0, True), shown
    assert dict(server.asked)["/readyz"] == ""
