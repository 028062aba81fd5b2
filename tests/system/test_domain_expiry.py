"""When a domain or a certificate expires, end to end: a prober asks its registry or tests it, the API shows it, and
people are warned."""

import json
from datetime import UTC, datetime

import pytest

from tests.certificates import DAY
from tests.equipped_pingfold import REGIONS, Equipped
from tests.monitor_calls import await_status, call
from tests.pingfold_client import wait_until
from tests.probe_targets import V4, answering, serving
from tests.webhook_receiver import Receiver

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


def test_a_certificate_that_is_about_to_end_is_told(equipped: Equipped) -> None:
    """From the server that shows it to a webhook, and the same when all of it is folded again."""
    pingfold, expires = equipped.pingfold, datetime.now(UTC).replace(microsecond=0) + 5 * DAY
    context = equipped.authority.server(V4, expires=expires)
    site = equipped.servers.enter(serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), tls=context))
    receiver = Receiver()
    receiver.start()
    try:
        channel = pingfold.channel(receiver.url)
        body = {
            "name": "Site",
            "url": f"https://{V4}:{site.port}/",
            "interval_seconds": 1,
            "alert_channel_ids": [channel],
        }
        id = call(pingfold, "POST", "/monitors", body)["id"]
        [told] = wait_until(lambda: receiver.of(id, "monitor.ssl_expiration"), 60.0, "the warning")
        notice = json.loads(told.body)["data"]
        assert notice["days_before_expiration"] == 5
        assert notice["certificate"]["valid_until"] == expires.isoformat()
        certificate = call(pingfold, "GET", f"/monitors/{id}")["certificate"]
        assert (certificate["valid"], certificate["issuer"]) == (True, "Authority of a test")
        assert certificate["expires_at"] == expires.isoformat()
        pingfold.verify()
        assert len(receiver.of(id, "monitor.ssl_expiration")) == 1
        call(pingfold, "DELETE", f"/monitors/{id}")
        assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200
    finally:
        receiver.stop()
