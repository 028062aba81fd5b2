"""Who is told what by `/healthz`, `/readyz` and `/metrics`."""

from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from infra.clock_skew.reports import ClockReports
from infra.disk import Disk
from infra.log.progress import FoldProgress
from infra.secrets.metrics_key import bearer, metrics_key
from infra.secrets.secrets import SecretError
from infra.settings.settings import Settings
from query_api.http.application import Application
from query_api.http.route_index import include
from query_api.ops.operations import router
from query_api.ops.readiness import Problem, Report

KEY = "a key for figures alone"
NO_KEYS: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": KEY},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {KEY}x"},
    {"Authorization": "Bearer \xff"},
    {"Authorization": "Basic !"},
    {"Authorization": f"Basic {b64encode(KEY.encode()).decode()}"},
    {"Authorization": f"Basic {b64encode(b'user:').decode()}"},
    {"X-Api-Key": KEY},
]
KEYS = [bearer(KEY), {"Authorization": f"basic {b64encode(f'anybody:{KEY}'.encode()).decode()}"}]


class Served:
    """The routes over a look that has found `problems`."""

    def __init__(self, data: Path) -> None:
        self.report = Report()
        self.looks = 0
        readiness: Any = SimpleNamespace(look=self._look, report=self.report)
        disk, clock = Disk(Settings(data=data)), SimpleNamespace(now=lambda: 0)
        app = Application("Pingfold")
        include(
            app, router(readiness, FoldProgress(1), ClockReports(), "127.0.0.1:1", cast(Any, clock), disk, "ours", KEY)
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pingfold.test")

    async def _look(self) -> Report:
        self.looks += 1
        return self.report

    async def get(self, path: str, headers: dict[str, str]) -> httpx.Response:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return await self.client.get(path, headers=cast(Any, raw))


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@pytest.mark.parametrize("headers", NO_KEYS)
async def test_a_stranger_learns_whether_it_is_ready_and_no_more(served: Served, headers: dict[str, str]) -> None:
    answer = await served.get("/readyz", headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "instance": "ours"})
    served.report.problems.append(Problem("clickhouse", "does not answer"))
    answer = await served.get("/readyz", headers)
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "instance": "ours"})
    assert answer.headers["Retry-After"] == "1"
    assert (await served.get("/healthz", headers)).status_code == 200
    looks = served.looks
    answer = await served.get("/metrics", headers)
    assert answer.status_code == 401
    assert "metrics.key" in answer.json()["error"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert served.looks == looks  # nothing was done for it


@pytest.mark.parametrize("headers", KEYS)
async def test_who_has_the_key_learns_all(served: Served, headers: dict[str, str]) -> None:
    served.report.problems.append(Problem("clickhouse", "does not answer"))
    answer = await served.get("/readyz", headers)
    assert answer.status_code == 503
    assert answer.json()["problems"] == [{"part": "clickhouse", "reason": "does not answer"}]
    answer = await served.get("/metrics", headers)
    assert answer.status_code == 200
    assert "\npingfold_problems 1.0\n" in answer.text


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    key = metrics_key(settings)
    assert len(key) >= 24
    assert metrics_key(settings) == key == (tmp_path / "metrics.key").read_text()
    assert (tmp_path / "metrics.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "metrics.key").write_text("")
    with pytest.raises(SecretError, match="is empty"):
        metrics_key(settings)
    (tmp_path / "metrics.key").write_bytes(b"\xff")
    with pytest.raises(SecretError, match="cannot be read"):
        metrics_key(settings)


def test_the_key_may_be_given(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, metrics_key="k" * 16)
    assert metrics_key(settings) == "k" * 16
    assert not (tmp_path / "metrics.key").exists()
    assert "kkkk" not in repr(settings)
    for wrong in ("k" * 15, "k k" * 10):
        with pytest.raises(ValueError, match="metrics_key"):
            Settings(data=tmp_path, metrics_key=wrong)
    assert Settings(data=tmp_path, metrics_key="").metrics_key is None
