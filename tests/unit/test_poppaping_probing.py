"""How a monitor is probed and believed, through the PoppaPing API: head first, address families, confirmations."""

from typing import Any

import pytest

from schemas.topics import TRANSITIONS
from tests.harness import Harness
from tests.poppaping_client import V1, fault, seen, with_key

FIELDS = ("method", "head_first", "families", "confirm_interval_seconds")
USUAL = ("GET", False, "any", None)


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


async def make(harness: Harness, **fields: Any) -> dict[str, Any]:
    body = {"name": "Site", "url": "https://example.com/"} | fields
    answer = await harness.client.post(f"{V1}/monitors", json=body)
    assert answer.status_code == 201, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


def shown(monitor: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(monitor[name] for name in FIELDS)


async def test_left_out_everything_is_as_ever(harness: Harness) -> None:
    assert shown(await make(harness)) == USUAL


async def test_what_is_asked_for_is_kept(harness: Harness) -> None:
    monitor = await make(harness, head_first=True, families="each", confirm_interval_seconds=7.5)
    assert shown(monitor) == ("GET", True, "each", 7.5) == shown(await seen(harness, monitor["id"]))
    definition = harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    assert (definition.target.method, definition.target.families) == ("GET/HEAD", "each")
    assert definition.confirm_interval == 7.5


async def test_only_what_is_given_changes(harness: Harness) -> None:
    monitor = await make(harness, head_first=True, families="either", confirm_interval_seconds=30)

    async def changed(**fields: Any) -> tuple[Any, ...]:
        answer = await harness.client.patch(f"{V1}/monitors/{monitor['id']}", json=fields)
        assert answer.status_code == 200, answer.text
        return shown(answer.json()["data"])

    assert await changed(name="Other") == ("GET", True, "either", 30)
    # A client that knows nothing of it sends back what it was shown.
    assert await changed(method="GET") == ("GET", True, "either", 30)
    assert await changed(head_first=False) == ("GET", False, "either", 30)
    assert await changed(head_first=True) == ("GET", True, "either", 30)
    assert await changed(method="POST") == ("POST", False, "either", 30)
    assert await changed(method="GET", head_first=True) == ("GET", True, "either", 30)
    assert await changed(families="any", confirm_interval_seconds=None) == ("GET", True, "any", None)


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (30, {"interval_seconds": 300}, 150),
        (30, {"interval_seconds": 300, "confirm_interval_seconds": 30}, 30),
        (30, {"interval_seconds": 300, "confirm_interval_seconds": None}, None),
        (10, {"interval_seconds": 300}, 10),
        (None, {"interval_seconds": 300}, None),
        (30, {"name": "Other"}, 30),
    ],
)
async def test_half_the_interval_stays_half(harness: Harness, before: Any, said: dict[str, Any], after: Any) -> None:
    monitor = await make(harness, interval_seconds=60, confirm_interval_seconds=before)
    answer = await harness.client.patch(f"{V1}/monitors/{monitor['id']}", json=said)
    assert answer.json()["data"]["confirm_interval_seconds"] == after


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET/HEAD"},
        {"method": "POST", "head_first": True},
        {"method": "HEAD", "head_first": True},
        {"head_first": "yes"},
        {"families": "ipv6"},
        {"families": ""},
        {"confirm_interval_seconds": 0},
        {"confirm_interval_seconds": -1},
        {"confirm_interval_seconds": 86_401},
        {"confirm_interval_seconds": "30"},
    ],
)
async def test_what_makes_no_sense_is_refused(harness: Harness, fields: dict[str, Any]) -> None:
    body = {"name": "Site", "url": "https://example.com/"} | fields
    assert fault(await harness.client.post(f"{V1}/monitors", json=body)) == (400, "validation_error")


async def test_the_audit_trail_tells_it(harness: Harness) -> None:
    monitor = await make(harness)
    path = f"{V1}/monitors/{monitor['id']}"
    answer = await harness.client.patch(path, json={"confirm_interval_seconds": 30, "families": "each"})
    assert answer.status_code == 200
    [*_, told] = [one for _, one in harness.log.of(TRANSITIONS) if one["type"] == "thing.changed"]
    changes = {change["field"]: change.get("new") for change in told["changes"]}
    assert changes == {"confirm_interval": 30.0, "target.families": "each"}


async def test_how_many_redirects_are_followed(harness: Harness) -> None:
    assert (await make(harness))["max_redirects"] == 10
    monitor = await make(harness, max_redirects=0)
    path = f"{V1}/monitors/{monitor['id']}"
    for said, shows in (({"name": "Other"}, 0), ({"max_redirects": 50}, 50), ({"max_redirects": None}, 10)):
        assert (await harness.client.patch(path, json=said)).json()["data"]["max_redirects"] == shows
    for wrong in (-1, 51, "3", 2.5):
        assert fault(await harness.client.patch(path, json={"max_redirects": wrong})) == (400, "validation_error")
    definition = harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    assert definition.target.max_redirects == 10


async def test_any_status_of_three_digits_may_be_expected(harness: Harness) -> None:
    assert (await make(harness, expected_statuses=[999, 100]))["expected_statuses"] == [100, 999]
    body = {"name": "Site", "url": "https://example.com/"}
    for wrong in (99, 1000):
        answer = await harness.client.post(f"{V1}/monitors", json=body | {"expected_statuses": [wrong]})
        assert fault(answer) == (400, "validation_error")
