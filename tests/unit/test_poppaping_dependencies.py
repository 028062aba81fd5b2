"""Monitors that depend on others, over the API, in memory, with all folds and both partitions between them."""

from typing import Any

import pytest

from schemas.topics import DELIVERIES
from tests.harness import Harness
from tests.poppaping_client import BODY, OTHERS_KEY, UNKNOWN, V1, fault, made, seen, with_key


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


async def change(harness: Harness, id: str, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json=fields)
    assert answer.status_code == 200, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


def notices(harness: Harness) -> list[tuple[str, str]]:
    """(notice, name of the monitor), as the channel is to be told."""
    return sorted(
        (notice, value["data"]["monitor"]["name"])
        for _, value in harness.log.of(DELIVERIES)
        for notice in value.get("notices", ())
        if value["type"] == "delivery.requested"
    )


async def family(harness: Harness) -> tuple[str, list[str]]:
    """A router, and monitors in both partitions that depend on it; all are up."""
    harness.make_channel("hook")
    router = (await made(harness, name="router", confirmations=1))["id"]
    sites = [
        (await made(harness, name=f"site {n}", confirmations=1, depends_on=[router], dependency_wait_seconds=30))["id"]
        for n in range(6)
    ]
    for id in (router, *sites):
        harness.log.probe(id)
    return router, sites


async def test_one_outage_is_told_once(harness: Harness) -> None:
    router, sites = await family(harness)
    for id in sites:
        harness.log.probe(id, ok=False)
    harness.log.tick(5)
    harness.log.probe(router, ok=False)
    harness.log.tick(100)
    assert notices(harness) == [("incident.created", "router"), ("monitor.down", "router")]
    site = await seen(harness, sites[0])
    assert (site["current_status"], site["alert_held_back"]) == ("down", True)
    assert site["incident_id"] is not None
    assert (await seen(harness, router))["alert_held_back"] is False
    # All but one come back with it: of that one people hear then.
    harness.log.probe(router)
    for id in sites[1:]:
        harness.log.probe(id)
    harness.log.tick(100)  # the wait, counted from a slot that may be to come
    told = [("incident.created", "router"), ("incident.resolved", "router")]
    told += [("monitor.down", "router"), ("monitor.recovered", "router")]
    late = [("incident.created", "site 0"), ("monitor.down", "site 0")]
    assert notices(harness) == sorted(told + late)
    assert (await seen(harness, sites[0]))["alert_held_back"] is False


async def test_what_it_depends_on_is_shown_and_changed(harness: Harness) -> None:
    router, site = (await made(harness, name="router"))["id"], (await made(harness, name="site"))["id"]
    assert (await seen(harness, site))["depends_on"] == []
    changed = await change(harness, site, depends_on=[router, router], dependency_wait_seconds=0)
    assert (changed["depends_on"], changed["dependency_wait_seconds"]) == ([router], 0)
    monitor = harness.log.directory.monitor(router)
    assert monitor is not None
    assert monitor.depended_on
    assert (await change(harness, site, depends_on=None))["depends_on"] == []
    assert not getattr(harness.log.directory.monitor(router), "depended_on", True)


async def test_one_that_is_deleted_is_depended_on_no_more(harness: Harness) -> None:
    router, sites = await family(harness)
    harness.log.probe(router, ok=False)
    for id in sites:
        harness.log.probe(id, ok=False)
    harness.log.tick(100)
    assert (await harness.client.delete(f"{V1}/monitors/{router}")).is_success
    assert (await seen(harness, sites[0]))["depends_on"] == []
    harness.log.tick(31)
    assert [notice for notice, name in notices(harness) if name != "router"] == (
        ["incident.created"] * 6 + ["monitor.down"] * 6
    )


@pytest.mark.parametrize("wrong", [[UNKNOWN], ["no id"], "router", [1], [UNKNOWN] * 11])
async def test_a_dependency_that_is_none(harness: Harness, wrong: object) -> None:
    id = (await made(harness))["id"]
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json={"depends_on": wrong})
    assert fault(answer) == (400, "validation_error")
    assert "depends_on" in answer.json()["message"]


@pytest.mark.parametrize("wrong", [-1, 3_601, 1.5, "60"])
async def test_a_wait_that_is_none(harness: Harness, wrong: object) -> None:
    answer = await harness.client.post(
        f"{V1}/monitors", json={"name": "a", "url": "http://a.example/", "dependency_wait_seconds": wrong}
    )
    assert fault(answer) == (400, "validation_error")


async def test_nothing_depends_on_itself(harness: Harness) -> None:
    first, second, third = [(await made(harness, name=name))["id"] for name in "abc"]
    await change(harness, second, depends_on=[first])
    await change(harness, third, depends_on=[second])
    for above in (first, second, third):
        answer = await harness.client.patch(f"{V1}/monitors/{first}", json={"depends_on": [above]})
        assert fault(answer) == (400, "validation_error")
        assert "depends on itself" in answer.json()["message"]
        imagined = await harness.client.post(f"{V1}/what-if", json={"thing": first, "set": {"depends_on": above}})
        assert imagined.json() == answer.json()


async def test_a_monitor_of_another_project_is_none(harness: Harness) -> None:
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    foreign = (await harness.client.post(f"{V1}/monitors", json=BODY, headers=others)).json()["data"]["id"]
    id = (await made(harness))["id"]
    answer = await harness.client.patch(f"{V1}/monitors/{id}", json={"depends_on": [foreign]})
    assert fault(answer) == (400, "validation_error")
