"""The metrics page of a project, as Prometheus reads it, over the real folds in memory."""

import asyncio
import re
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from infra.metrics import METRICS, WATCHED
from query_api.healthchecks.check_object import unique_key
from query_api.healthchecks.status import PresentedCheck
from query_api.pages import project_metrics
from query_api.pages.watched_metrics import WatchedCheck, WatchedMonitor, families
from query_api.updown.uptimes import Uptimes
from schemas.base import SECOND
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, WRITE_KEY, Harness

CHECKS = "/api/v3/checks/"
MINUTE = 60
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def harness() -> Harness:
    return Harness()


def read(page: str) -> Samples:
    """The samples of a page; each stands there once."""
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, /, **labels: str) -> float | None:
    found = [number for (each, own), number in samples.items() if each == name and labels.items() <= dict(own).items()]
    assert len(found) <= 1
    return found[0] if found else None


async def page(harness: Harness, key: str = READ_KEY, project: str | None = None) -> httpx.Response:
    path = f"/projects/{project or harness.project}/metrics/"
    return await harness.client.get(path, headers={"Authorization": f"Bearer {key}"})


async def test_checks_are_told_under_the_names_of_healthchecks(harness: Harness) -> None:
    body = {"name": "backup", "tags": "prod night", "timeout": MINUTE, "grace": MINUTE}
    id = (await harness.client.post(CHECKS, json=body)).json()["uuid"]
    other = (await harness.client.post(CHECKS, json=body | {"name": "report", "tags": "prod"})).json()["uuid"]
    harness.log.ping(id)
    harness.log.tick(MINUTE - 10)
    harness.log.ping(other)
    harness.log.tick(20)
    answer = await page(harness)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    told = read(answer.text)
    labels = {"name": "backup", "tags": "prod night", "unique_key": unique_key(id)}
    assert value(told, "hc_check_up", **labels) == 1
    assert value(told, "hc_check_grace", **labels) == 1
    assert value(told, "hc_check_grace", name="report") == 0
    assert value(told, "hc_tag_up", tag="night") == 1
    assert value(told, "hc_checks_total") == 2
    assert value(told, "pingfold_check_last_success_timestamp_seconds", name="report") is not None
    assert id not in answer.text
    harness.log.tick(MINUTE)
    told = read((await page(harness)).text)
    assert value(told, "hc_check_up", **labels) == 0
    assert value(told, "hc_check_up", name="report") == 1
    assert value(told, "hc_tag_up", tag="night") == value(told, "hc_tag_up", tag="prod") == 0
    assert value(told, "hc_checks_down_total") == 1
    assert value(told, "pingfold_check_down_seconds_total", **labels) == 10


async def test_who_may_read_it(harness: Harness) -> None:
    assert (await page(harness)).status_code == 200
    for key in (WRITE_KEY, OTHER_KEY, "hcr_" + "x" * 28):
        assert (await page(harness, key)).status_code == 403, key
    assert (await page(harness, POP_KEY)).status_code == 400
    assert (await page(harness, READ_KEY, derived_id("another"))).status_code == 403
    assert (await page(harness, READ_KEY, "nothing")).status_code == 403
    path = f"/projects/{harness.project}/metrics/"
    refused = await httpx.AsyncClient(transport=httpx.ASGITransport(harness.app), base_url="http://localhost:8000").get(
        path
    )
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await harness.client.get(path + READ_KEY)).status_code == 200
    assert (await harness.client.get(path + WRITE_KEY)).status_code == 403


async def test_history_that_does_not_answer_keeps_nobody_waiting(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Uptimes, project: str) -> None:
        await asyncio.Event().wait()

    await harness.client.post(CHECKS, json={"name": "backup"})
    monkeypatch.setattr(project_metrics, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(Uptimes, "of", never)
    told = read((await page(harness)).text)
    assert value(told, "hc_check_up", name="backup") == 1
    assert value(told, "pingfold_check_uptime_ratio", name="backup") is None


class Page(Collector):
    def __init__(self, checks: list[WatchedCheck], monitors: list[WatchedMonitor]) -> None:
        self.checks, self.monitors = checks, monitors

    def collect(self) -> Iterable[Metric]:
        return families(self.checks, self.monitors)


def rendered(checks: list[WatchedCheck], monitors: list[WatchedMonitor]) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Page(checks, monitors))
    return generate_latest(registry).decode()


def watched_check(number: int, name: str = "", tags: str = "", state: CheckState | None = None) -> WatchedCheck:
    check = Check(id=derived_id("check", number), project="p", version=1, created=0, name=name, tags=tags)
    return WatchedCheck(check, state, PresentedCheck("up", False, None), 99.5, 1_000 * SECOND)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(texts, texts)
def test_whatever_a_name_holds_prometheus_reads_it_back(name: str, tags: str) -> None:
    told = read(rendered([watched_check(1, name, tags)], []))
    assert value(told, "hc_check_up", name=name, tags=tags) == 1
    assert {dict(labels)["tag"] for each, labels in told if each == "hc_tag_up"} == set(tags.split())


def test_monitors() -> None:
    state = MonitorState(
        version=1, status="down", down_since=900 * SECOND, down_time=50 * SECOND, last_at=990 * SECOND, last_ms=125.0,
        expires=2_000 * SECOND, domain_expires=3_000 * SECOND,
    )  # fmt: skip
    monitor = Monitor(id="m", project="p", version=1, created=0, revised=0, name="api")
    told = read(rendered([], [WatchedMonitor(monitor, state, None, 1_000 * SECOND)]))
    wanted = {
        "up": 0, "paused": 0, "not_observed": 0, "last_probe_timestamp_seconds": 990, "last_probe_success": 0,
        "last_probe_duration_seconds": 0.125, "certificate_expiry_timestamp_seconds": 2_000,
        "domain_expiry_timestamp_seconds": 3_000, "down_seconds_total": 150, "uptime_ratio": None,
    }  # fmt: skip
    assert {name: value(told, f"pingfold_monitor_{name}", name="api", kind="http") for name in wanted} == wanted


def test_what_is_not_known_has_no_sample() -> None:
    told = {name for name, _ in read(rendered([watched_check(1)], []))}
    assert "pingfold_check_last_ping_timestamp_seconds" not in told
    assert "pingfold_check_uptime_ratio" in told


def test_the_page_of_documentation_lists_each_metric() -> None:
    text = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text()
    rows = re.findall(r"^\| `((?:hc|pingfold)_\w+)` \| (.*?) \| (.+) \|$", text, re.MULTILINE)
    table = [(spec.name, ", ".join(f"`{label}`" for label in spec.labels), spec.help.rstrip(".")) for spec in WATCHED]
    assert rows == table
    assert not {spec.name for spec in WATCHED} & {spec.name for spec in METRICS}


def test_ten_thousand_checks_are_written_in_a_bounded_time() -> None:
    state = CheckState(version=1, status="up", last_ping=1, last_success=1, last_duration=1)
    checks = [watched_check(number, f"check {number}", "prod", state) for number in range(10_000)]
    began = time.process_time()
    text = rendered(checks, [])
    print("seconds", time.process_time() - began, len(text))
    assert text.count("\nhc_check_up{") == 10_000
    assert time.process_time() - began < 10
