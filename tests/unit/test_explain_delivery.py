"""Which thing a delivery is explained by; and what is said of those that tell of no single one."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from query_api.dependencies import Dependencies
from query_api.poppaping.explain_delivery import thing_of_delivery
from query_api.poppaping.responses import PoppaPingApiError
from schemas.ids import derived_id
from tests.gathering_driver import about

PROJECT, CHANNEL, DELIVERY = "project", "channel", "delivery"
SHOP, BLOG, OTHERS = (derived_id("thing", name) for name in ("shop", "blog", "others"))
TOKENS = {"shop1": (SHOP, PROJECT), "other": (OTHERS, "another")}


def deps_with(body: str) -> Dependencies:
    """With one channel, which has one pending delivery."""

    def by_token(token: str) -> Any:
        found = TOKENS.get(token)
        return None if found is None else SimpleNamespace(id=found[0], project=found[1])

    directory = SimpleNamespace(
        channels_of=lambda project: [SimpleNamespace(id=CHANNEL)] if project == PROJECT else [], by_token=by_token
    )
    pending = SimpleNamespace(body=body)
    states = SimpleNamespace(delivery=lambda channel, id: pending if (channel, id) == (CHANNEL, DELIVERY) else None)
    return cast(Dependencies, SimpleNamespace(directory=directory, delivery_states=states, delivery_history=None))


def notice(data: dict[str, Any]) -> str:
    return json.dumps({"event": "monitor.down", "timestamp": "2024-01-01T00:00:00Z", "data": data})


def listed(count: int, why: str = "storm", more: int = 0) -> str:
    things = [
        {"event": "monitor.down", "at": "2024-01-01T00:00:00Z", "monitor": {"id": SHOP if n % 2 else BLOG, "name": "x"}}
        for n in range(count)
    ]
    return notice({"monitor": None, "incident": None, "digest": {"why": why, "things": things, "more": more}})


def pushed(*tokens: str) -> str:
    return json.dumps([{"event": "check.down", "check": {"token": token}} for token in tokens])


@pytest.mark.parametrize("body", [notice(about(SHOP, "monitor.down", 1)), pushed("shop1"), pushed("shop1", "shop1")])
async def test_the_thing_of_a_delivery(body: str) -> None:
    found = await thing_of_delivery(deps_with(body), PROJECT, DELIVERY)
    assert found is not None
    assert (found.thing, found.until) == (SHOP, None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "is a list that still grows, or what it sent is not kept"),
        (
            listed(2),
            f"gathered because much happened at once. It tells of {BLOG} (monitor.down at 2024-01-01T00:00:00Z), ",
        ),
        (listed(2, "quiet hours"), "because the channel had its quiet hours"),
        (listed(12, more=3), ", and 5 more notices."),
        (
            notice({"monitor": {"id": PROJECT}, "report": {"period": "week", "label": "2024-W01"}}),
            "is the weekly report of 2024-W01, sent to each channel that the project names for it",
        ),
        (notice({"monitor": {"id": CHANNEL, "kind": "channel"}}), "tells of no check or monitor"),
        (notice({"monitor": None}), "tells of no check or monitor"),
        (pushed("other"), "tells of no check or monitor that is still there"),
        (pushed("gone"), "tells of no check or monitor that is still there"),
        (pushed(), "tells of no check or monitor that is still there"),
        ("not JSON", "tells of no check or monitor that is still there"),
    ],
)
async def test_what_tells_of_no_single_thing(body: str, words: str) -> None:
    with pytest.raises(PoppaPingApiError) as raised:
        await thing_of_delivery(deps_with(body), PROJECT, DELIVERY)
    assert raised.value.status == 404
    assert words in str(raised.value)
    assert str(raised.value).endswith("Explained is one check or monitor: ask about one by its id.")


async def test_a_delivery_of_another_project_is_not_found() -> None:
    body = notice(about(SHOP, "monitor.down", 1))
    assert await thing_of_delivery(deps_with(body), "another", DELIVERY) is None
    assert await thing_of_delivery(deps_with(body), PROJECT, "another") is None
