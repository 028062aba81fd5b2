"""Monitors that depend on another, end to end: one outage, one alert."""

import pytest

from tests.monitor_calls import await_status, call, make
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver
from tests.website import Website

pytestmark = pytest.mark.system

_SITES = 6  # so that some stand in other partitions than the router


def test_one_outage_is_told_once(pingfold: Pingfold, receiver: Receiver) -> None:
    with Website() as site:
        router = make(pingfold, site, name="router", confirmations=1)
        below = [
            make(pingfold, site, name=f"site {n}", confirmations=1, depends_on=[router], dependency_wait_seconds=5)
            for n in range(_SITES)
        ]
        for id in (router, *below):
            await_status(pingfold, id, "up")
        site.status = 503
        receiver.wait(router, "monitor.down")
        for id in below:
            await_status(pingfold, id, "down")
            wait_until(lambda id=id: _failures(pingfold, id) >= 5, 90.0, "the wait for the router is over")  # type: ignore[misc]
            assert call(pingfold, "GET", f"/monitors/{id}")["alert_held_back"]
            assert call(pingfold, "GET", f"/incidents?monitor_id={id}&status=open")
        # The kill of a worker forgets none of it.
        pingfold.kill_and_wait("worker")
        site.status = 200
        receiver.wait(router, "monitor.recovered")
        for id in below:
            await_status(pingfold, id, "up")
        told = {one.json["data"]["monitor"]["id"] for one in receiver.received}
        assert router in told
        assert not told & set(below)
        for id in (*below, router):
            call(pingfold, "DELETE", f"/monitors/{id}")


def _failures(pingfold: Pingfold, id: str) -> int:
    """How many of the newest results failed."""
    results = call(pingfold, "GET", f"/monitors/{id}/checks?per_page=20")
    return sum(result["status"] == "down" for result in results)
