"""The PoppaPing API over the real folds, in memory: results, uptime, incidents, limits and forms of errors."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.secrets.secrets import SecretError
from query_api.plans import PLANS
from schemas.probe_kinds import PROBE_KINDS
from schemas.topics import PROBE_RESULTS, PROJECTS
from tests.conformance import resolved
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import BODY, LIMIT_HEADERS, OTHERS_KEY, UNKNOWN, V1, fault, made, seen, with_key


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


# ---- results, uptime, incidents


async def test_uptime_and_results(harness: Harness) -> None:
    id = (await made(harness, confirmations=5))["id"]
    harness.log.probe(id)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    harness.log.probe(id)  # the confirmation says that it is well
    uptime = (await harness.client.get(f"{V1}/monitors/{id}/uptime?period=24h")).json()["data"]
    assert (
        uptime
        | {
            "monitor_id": id,
            "period": "24h",
            "uptime_percentage": 50.0,
            "total_checks": 2,
            "up_checks": 1,
            "down_checks": 1,
            "avg_response_time_ms": 142.0,
        }
        == uptime
    )
    results = (await harness.client.get(f"{V1}/monitors/{id}/checks")).json()
    assert results["meta"] == {"page": 1, "per_page": 100, "total": 3, "total_pages": 1}
    assert [(one["status"], one["confirmation"], one["region"]) for one in results["data"]] == [
        ("up", True, "local"),
        ("down", False, "local"),
        ("up", False, "local"),
    ]
    assert (await harness.client.get(f"{V1}/monitors/{id}/checks?per_page=900")).json()["meta"]["per_page"] == 500
    assert fault(await harness.client.get(f"{V1}/monitors/{id}/uptime?period=1y")) == (400, "validation_error")
    assert (await harness.client.get(f"{V1}/monitors/{id}/uptime")).json()["data"]["period"] == "30d"


async def test_an_incident_from_its_first_failing_result_to_its_end(harness: Harness) -> None:
    id = (await made(harness))["id"]
    quiet = (await made(harness, name="other"))["id"]
    for one in (id, quiet):
        harness.log.probe(one)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    assert (await seen(harness, id))["current_status"] == "up"
    harness.log.probe(id, ok=False)
    assert (await seen(harness, id))["current_status"] == "down"
    [incident] = (await harness.client.get(f"{V1}/incidents?status=open")).json()["data"]
    assert (incident["monitor_id"], incident["status"], incident["resolved_at"]) == (id, "open", None)
    assert incident["cause"] == "Connection timed out: after 30 s"
    whole = (await harness.client.get(f"{V1}/incidents/{incident['id']}")).json()["data"]
    assert [one["status"] for one in whole["timeline"]] == ["down", "down"]
    assert (await seen(harness, id))["incident_id"] == incident["id"]
    harness.log.tick(60)
    harness.log.probe(id)
    assert (await harness.client.get(f"{V1}/incidents?status=open")).json()["data"] == []
    for query in ("", "?status=resolved", f"?monitor_id={id}"):
        [resolved] = (await harness.client.get(f"{V1}/incidents{query}")).json()["data"]
        assert (resolved["id"], resolved["status"]) == (incident["id"], "resolved")
        assert resolved["resolved_at"] > resolved["started_at"]
    assert (await harness.client.get(f"{V1}/incidents?monitor_id={quiet}")).json()["data"] == []
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert fault(await harness.client.get(f"{V1}/incidents/{incident['id']}", headers=others)) == (404, "not_found")
    for query in ("status=maybe", "monitor_id=x", "page=0"):
        assert fault(await harness.client.get(f"{V1}/incidents?{query}")) == (400, "validation_error")


async def test_heartbeat_checks_have_no_incidents_here(harness: Harness) -> None:
    check = await harness.client.post("/api/v3/checks/", json={"name": "job"}, headers={"X-Api-Key": WRITE_KEY})
    harness.log.ping(check.json()["uuid"], "fail")
    assert (await harness.client.get(f"{V1}/incidents")).json()["data"] == []


# ---- rate limits, plans, forms of errors


@pytest.mark.parametrize("plan", [name for name, plan in PLANS.items() if plan.requests is not None])
async def test_requests_per_minute(plan: Any) -> None:
    harness = with_key(Harness(plan=plan))
    most = PLANS[plan].requests
    assert most is not None
    for number in range(most):
        answer = await harness.client.get(f"{V1}/account")
        assert answer.status_code == 200
        assert answer.headers["X-RateLimit-Limit"] == str(most)
        assert answer.headers["X-RateLimit-Remaining"] == str(most - number - 1)
    harness.log.tick(45)
    answer = await harness.client.get(f"{V1}/account")
    assert fault(answer) == (429, "rate_limit_exceeded")
    assert answer.json()["message"] == "Rate limit exceeded. Retry after 15 seconds."
    assert (answer.headers["Retry-After"], answer.headers["X-RateLimit-Remaining"]) == ("15", "0")
    # Another key has a window of its own; the window slides.
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(f"{V1}/account", headers=others)).status_code == 200
    harness.log.tick(15)
    assert (await harness.client.get(f"{V1}/account")).status_code == 200


async def test_the_quota_of_a_plan(harness: Harness) -> None:
    harness = with_key(Harness(plan="free"))
    for _ in range(5):
        await made(harness)
    answer = await harness.client.post(f"{V1}/monitors", json=BODY)
    assert fault(answer) == (403, "plan_limit_reached")
    usage = (await harness.client.get(f"{V1}/account/usage")).json()
    assert (usage["monitors_used"], usage["monitors_limit"], usage["plan"]) == (5, 5, "free")
    id = (await harness.client.get(f"{V1}/monitors")).json()["data"][0]["id"]
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json={"interval_seconds": 30})
    assert fault(answer) == (403, "plan_limit_reached")


async def test_every_error_has_the_form(harness: Harness) -> None:
    assert fault(await harness.client.get(f"{V1}/monitors/{UNKNOWN}/nothing")) == (404, "not_found")
    answer = await harness.client.put(f"{V1}/monitors")
    assert fault(answer) == (405, "method_not_allowed")
    assert set(answer.headers) >= LIMIT_HEADERS
    # The neighbour under the same prefix keeps its own.
    assert (await harness.client.get(f"{V1}/checks/")).json() == {"error": "missing api key"}


async def test_what_is_away_is_said(harness: Harness) -> None:
    id = (await made(harness))["id"]
    harness.log.broken = True
    assert fault(await harness.client.post(f"{V1}/monitors", json=BODY)) == (503, "unavailable")
    assert fault(await harness.client.get(f"{V1}/monitors/{UNKNOWN}")) == (503, "unavailable")
    assert (await harness.client.get(f"{V1}/monitors/{id}")).status_code == 200


async def test_without_history_the_monitor_itself_is_there() -> None:
    harness = with_key(Harness(history=False))
    id = (await made(harness))["id"]
    assert (await seen(harness, id))["uptime_percentage"] is None
    assert fault(await harness.client.get(f"{V1}/monitors/{id}/uptime")) == (503, "unavailable")


async def test_requests_go_through_the_log(harness: Harness) -> None:
    """No answer is made of anything but the journals."""
    id = (await made(harness))["id"]
    assert [told["type"] for _, told in harness.log.of(PROJECTS) if told["type"].startswith("monitor.")] == [
        "monitor.create"
    ]
    assert [told["type"] for key, told in harness.log.of(PROBE_RESULTS) if key == id] == ["monitor.defined"]


async def test_the_published_description_is_true(harness: Harness) -> None:
    document = (await harness.client.get("/openapi.json")).json()
    described = document["paths"]
    of_other_kinds = {name for kind in PROBE_KINDS.values() for name in kind.fields.__struct_fields__}
    of_other_kinds.add("managed_by")  # only of what a set of declarations has made
    id = (await made(harness))["id"]
    harness.log.probe(id)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    harness.log.probe(id, ok=False)
    [incident] = (await harness.client.get(f"{V1}/incidents")).json()["data"]
    for path, many in (
        ("/monitors", True),
        (f"/monitors/{id}", False),
        (f"/monitors/{id}/uptime", False),
        (f"/monitors/{id}/checks", True),
        ("/incidents", True),
        (f"/incidents/{incident['id']}", False),
    ):
        told = path.replace(id, "{id}").replace(incident["id"], "{id}")
        schema = described[V1 + told]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        data = schema["properties"]["data"]
        shown = (await harness.client.get(V1 + path)).json()["data"]
        properties = resolved(document, data["items"] if many else data)["properties"]
        names = set(shown[0] if many else shown)
        assert names <= set(properties), path
        assert set(properties) - names <= of_other_kinds, path
    usage = described[f"{V1}/account/usage"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(resolved(document, usage)["properties"]) == set((await harness.client.get(f"{V1}/account/usage")).json())
    body = described[f"{V1}/monitors"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body = resolved(document, body)
    assert body["additionalProperties"] is False
    assert {"name", "url", "method", "interval_seconds", "timeout_seconds", "headers", "regions"} <= set(
        body["properties"]
    )
    assert "422" not in json.dumps(described[f"{V1}/monitors"])


async def test_what_was_sealed_with_another_key_is_no_fault_of_the_server(harness: Harness) -> None:
    monitor = await made(harness, headers={"X-Token": "hush"})
    deps = harness.app.state.deps

    def unreadable(*_: str) -> str:
        raise SecretError("a stored secret was encrypted with another key")

    harness.app.state.deps = replace(deps, decrypt=unreadable)
    path = f"{V1}/monitors/{monitor['id']}"
    shown = await harness.client.get(path)
    assert (shown.status_code, shown.json()["data"]["headers"]) == (200, {})
    refused = await harness.client.patch(path, json={"name": "other"})
    assert (refused.status_code, "cannot be read" in refused.text) == (503, True)


async def test_why_a_monitor_cannot_be_probed_is_its_error_while_nothing_is_known(harness: Harness) -> None:
    monitor = await made(harness)
    why = "10.0.0.1 is a private or reserved address (PINGFOLD_PRIVATE_TARGETS can allow it)"
    harness.log.probe(monitor["id"], ok=False, failure="prober_error", detail=why)
    harness.log.tick(120)
    path = f"{V1}/monitors/{monitor['id']}"
    told = (await harness.client.get(path)).json()["data"]
    assert (told["current_status"], told["last_error"]) == ("unknown", why)
    harness.log.probe(monitor["id"])
    told = (await harness.client.get(path)).json()["data"]
    assert (told["current_status"], told["last_error"]) == ("up", None)


async def test_what_all_apis_share_refuses_in_the_form_of_this_one(harness: Harness) -> None:
    harness.app.state.deps.password_pool.waiting[harness.project] = 10
    body = {"title": "Status", "password": "correct horse battery"}
    answer = await harness.client.post(f"{V1}/status-pages", json=body)
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "too many passwords" in answer.json()["message"]
    assert answer.headers["Retry-After"] == "2"
