"""A host that answers over one of its address families only: from names and sockets to what people are told."""

import json
from typing import Any

import pytest

from processors.sender.notice_body import body_of
from schemas.deliveries import DeliveryRequested, Endpoint
from schemas.notices import NOTICES
from schemas.probes import ProbeCompleted
from tests.both_families import WELL, listening, resolved
from tests.folding import of_type
from tests.monitor_story import Story
from tests.probe_targets import Talk, monitor, on_uvloop, probed

UPDOWN = Endpoint(id="hook", project="p", url="https://example.com/", notices=NOTICES, secret="", kind="updown")


async def found(ipv4: Talk | None, ipv6: Talk | None) -> dict[str, Any]:
    """What a probe of both families finds, on a name that a server of the loopback has two addresses for."""
    async with listening(ipv4, ipv6) as port, resolved() as connector:
        result: ProbeCompleted = await probed(connector, url=f"http://both.test:{port}/", families="each")
    facts = ("ok", "failure", "detail", "status", "address", "family_down", "families")
    return {name: getattr(result, name) for name in facts}


def told(story: Story) -> list[tuple[str, Any, Any]]:
    """Of each notice: whether its incident is partial, for webhooks and in updown.io's own form."""
    seen: list[tuple[str, Any, Any]] = []
    for request in of_type(story.effects, DeliveryRequested):
        [notice, *_] = request.notices
        [event] = json.loads(body_of(notice, request, UPDOWN))
        seen.append((notice, request.data["incident"].get("partial"), event["downtime"]["partial"]))
    return seen


@pytest.mark.parametrize(("ipv4", "ipv6", "down"), [(WELL, None, "ipv6"), (None, WELL, "ipv4")])
@on_uvloop
async def test_one_family_that_fails_is_a_partial_incident(ipv4: Talk | None, ipv6: Talk | None, down: str) -> None:
    story = Story("a", target=monitor(url="http://both.test/", families="each").target)
    story.probe(0, **await found(WELL, WELL))
    assert (story.state.status, story.state.partial) == ("up", False)
    story.probe(1, **await found(ipv4, ipv6))
    assert (story.state.status, story.state.partial, story.state.family_down) == ("down", True, down)
    assert (
        story.state.cause == f"Connection failed over {'IPv6' if down == 'ipv6' else 'IPv4'} only: connection refused"
    )
    story.probe(2, **await found(WELL, WELL))
    assert (story.state.status, story.state.partial, story.state.family_down) == ("up", False, "")
    assert told(story) == [("monitor.down", True, True), ("monitor.recovered", True, True)]


@on_uvloop
async def test_both_families_that_fail_are_no_partial_incident() -> None:
    story = Story("a", target=monitor(url="http://both.test/", families="each").target)
    story.probe(0, **await found(WELL, WELL))
    story.probe(1, **await found(None, None))
    assert (story.state.status, story.state.partial) == ("down", False)
    story.probe(2, **await found(WELL, WELL))
    assert told(story) == [("monitor.down", None, None), ("monitor.recovered", None, None)]
