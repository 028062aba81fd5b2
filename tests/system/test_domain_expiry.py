"""When a domain expires, end to end: a prober asks its registry, a result tells it, the API shows it."""

import pytest

from tests.integration.probe_targets import V4, answering, resolving, serving
from tests.integration.test_domains import registry
from tests.loop_thread import LoopThread
from tests.pingfold_process import Pingfold, wait_until
from tests.system.test_monitors import await_status, call

pytestmark = pytest.mark.system

# One of those that are asked about within the first tenth of a second, by their hash.
DOMAIN = "example2885.com"
HOST = f"www.{DOMAIN}"


def test_the_expiry_of_a_domain_is_shown(own_pingfold: Pingfold) -> None:
    with LoopThread() as servers:
        one = servers.enter(registry())
        one.answers[f"/rdap/domain/{DOMAIN}"] = one.answers["/rdap/domain/example.com"]
        site = servers.enter(serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
        address, port = servers.enter(resolving({HOST: [V4]})).server
        own_pingfold.settings |= {
            "PINGFOLD_RDAP": f"{one.url}/dns.json",
            "PINGFOLD_RESOLVERS": f"{address}:{port}",
        }
        own_pingfold.start()
        body = {"name": "Site", "url": f"http://{HOST}:{site.port}/", "interval_seconds": 1}
        ids = [call(own_pingfold, "POST", "/monitors", body)["id"] for _ in range(3)]
        for id in ids:
            await_status(own_pingfold, id, "up")
            shown = wait_until(
                lambda id=id: call(own_pingfold, "GET", f"/monitors/{id}")["domain_expires_at"],  # type: ignore[misc]
                20.0,
                "it is shown when the domain expires",
            )
            assert shown == "2027-08-13T04:00:00+00:00"
        assert one.domains == [DOMAIN]
        own_pingfold.stop()
