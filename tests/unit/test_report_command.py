"""`pingfold report`: what it asks of the API, and what it says of the answers."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import poppaping
from schemas.ids import new_id
from tests.harness import Harness
from tests.poppaping_client import V1, with_key

CHANNEL = new_id()


class Asked:
    """Answers as the API did, and keeps what was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, path: str, headers: dict[str, str], body: Any = None, timeout: float = 0) -> Any:
        assert timeout > 30  # the API takes up to 30 s
        assert headers["Authorization"] == "Bearer k"
        self.calls.append((method, path, body))
        return {"data": self.answer}


def run(monkeypatch: pytest.MonkeyPatch, answer: Any, *arguments: str, exit_code: int = 0) -> tuple[Asked, str]:
    asked = Asked(answer)
    monkeypatch.setenv("PINGFOLD_KEY", "k")
    monkeypatch.setattr(poppaping, "ask_api", asked)
    result = CliRunner().invoke(app, ["report", *arguments])
    assert result.exit_code == exit_code, result.output
    return asked, result.stdout


async def report_of_a_project() -> Any:
    harness = with_key(Harness())
    await harness.client.post(f"{V1}/monitors", json={"name": "shop", "url": "https://shop.example/"})
    harness.log.tick(5)
    return (await harness.client.get(f"{V1}/reports?from=2025-06-15")).json()["data"]


async def test_a_report_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await report_of_a_project()
    asked, said = run(monkeypatch, answer, "show", "--from", "2025-06-15T00:00+03:00", "--timezone", "Europe/Riga")
    query = "from=2025-06-15T00%3A00%2B03%3A00&timezone=Europe%2FRiga"
    assert asked.calls == [("GET", f"/api/v1/reports?{query}", None)]
    for line in ("2025-06-15 00:00 to 2025-06-15", "uptime: -, - before", "incidents: 0, 0 before", "shop", "http"):
        assert line in said
    asked, said = run(monkeypatch, answer, "show", "--period", "month", "--json")
    assert asked.calls[0][1] == "/api/v1/reports?period=month"
    assert json.loads(said) == answer


def test_a_report_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"period": "week", "alert_channel_ids": [CHANNEL], "deliveries": 1}
    asked, said = run(monkeypatch, answer, "send", "--channel", CHANNEL)
    assert asked.calls == [
        ("POST", "/api/v1/reports/send", {"period": "week", "alert_channel_ids": [CHANNEL]}),
    ]
    assert said == "sent to 1 of 1 channels\n"
    run(monkeypatch, answer | {"alert_channel_ids": [], "deliveries": 0}, "send", exit_code=1)


def test_the_schedule_is_shown_and_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "weekly": True, "monthly": False, "timezone": "UTC", "alert_channel_ids": [CHANNEL],
        "next_weekly_at": "2025-06-16T00:00:00+00:00", "next_monthly_at": None,
    }  # fmt: skip
    asked, said = run(monkeypatch, answer, "schedule")
    assert asked.calls == [("GET", "/api/v1/reports/schedule", None)]
    assert said == f"weekly: the next after 2025-06-16 00:00 UTC\nmonthly: no\ntime zone: UTC\nchannels: {CHANNEL}\n"
    asked, _ = run(monkeypatch, answer, "schedule", "--weekly", "--no-monthly", "--channel", CHANNEL)
    body = {"weekly": True, "monthly": False, "alert_channel_ids": [CHANNEL]}
    assert asked.calls == [("PATCH", "/api/v1/reports/schedule", body)]
