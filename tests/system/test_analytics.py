"""What analysts and Prometheus get of a check, from the ping to the answer."""

import json
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.embedded.logins import ANALYST, login_file, read_login
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def analyst(pingfold: Pingfold, sql: str) -> list[dict[str, Any]]:
    """The rows that the second login of the embedded ClickHouse gets."""
    login = read_login(login_file(pingfold.data, ANALYST))
    port = json.loads((pingfold.data / "ports.json").read_text())["clickhouse"]
    answer = httpx.post(
        f"http://127.0.0.1:{port}/?database=analytics", content=f"{sql} FORMAT JSONEachRow", timeout=20.0,
        auth=(login.user, login.password), trust_env=False,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_run_is_found_by_name_and_its_check_on_the_metrics_page(pingfold: Pingfold) -> None:
    check = pingfold.create("analysed", tags="prod nightly")
    pingfold.good_ping(check, "start")
    pingfold.good_ping(check)
    runs = (
        "SELECT t.tags AS tags, r.seconds < 60 AS short FROM runs AS r JOIN things AS t ON t.thing = r.thing "
        "WHERE t.name = 'analysed' AND t.removed_at IS NULL"
    )
    assert wait_until(lambda: analyst(pingfold, runs), 60.0, "the run is seen by the analyst") == [
        {"tags": ["prod", "nightly"], "short": 1}
    ]
    credentials = pingfold.credentials
    path = f"/projects/{credentials.project}/metrics/{credentials.healthchecks_key_readonly}"
    page = pingfold.get(path)
    assert page.status_code == 200, page.text
    up = {
        sample.labels["name"]: sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
        if sample.name == "hc_check_up"
    }
    assert up["analysed"] == 1
    assert pingfold.api("DELETE", f"/checks/{check}").status_code == 200
    gone = f"SELECT name FROM things WHERE thing = '{check}' AND removed_at IS NOT NULL"
    assert wait_until(lambda: analyst(pingfold, gone), 60.0, "the removal is seen") == [{"name": "analysed"}]
