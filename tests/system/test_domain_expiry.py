"""When a domain expires, end to end: a prober asks its registry, a result tells it, the API shows it."""

import pytest

from tests.equipped_pingfold import REGIONS, Equipped
from tests.monitor_calls import await_status, call
from tests.pingfold_process import wait_until
from tests.probe_targets import V4, answering, serving

pytestmark = pytest.mark.system

# One of those that are asked about within the first tenth of a second, by their hash.
DOMAIN = "example2885.com"
HOST = f"www.{DOMAIN}"


def test_the_expiry_of_a_domain_is_shown(equipped: Equipped) -> None:
    pingfold, one = equipped.pingfold, equipped.registry
    equipped.names[HOST] = [V4]
    one.answers[f"/rdap/domain/{DOMAIN}"] = one.answers["/rdap/domain/example.com"]
    site = equipped.servers.enter(serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
    # In one region: each prober asks for itself.
    body = {"name": "Site", "url": f"http://{HOST}:{site.port}/", "interval_seconds": 1, "regions": REGIONS[:1]}
    ids = [call(pingfold, "POST", "/monitors", body)["id"] for _ in range(3)]
    for id in ids:
        await_status(pingfold, id, "up")
        shown = wait_until(
            lambda id=id: call(pingfold, "GET", f"/monitors/{id}")["domain_expires_at"],  # type: ignore[misc]
            20.0,
            "it is shown when the domain expires",
        )
        assert shown == "2027-08-13T04:00:00+00:00"
    assert one.domains == [DOMAIN]
    for id in ids:
        call(pingfold, "DELETE", f"/monitors/{id}")
