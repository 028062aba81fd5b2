"""No service can be a way inside: whatever a channel's server is called, and wherever it sends on to. The real sender
and client, against servers on the loopback."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from infra.apprise_library.library import AppriseLibrary
from infra.egress.guard import Guard
from processors.sender.channels.sending import Services
from processors.sender.webhooks import WebhookClient
from schemas.deliveries import DeliveryAttempted, DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import NOTICES
from tests.moving_names import Moving
from tests.sender_bench import LOOPBACK, SECRET, Bench, bench
from tests.service import Reply, Seen, Service, serving
from tests.service_channels import data_of, endpoint_to
from tests.services import SERVICES

TOKEN = "AbCdEfGhIjKlMnO"


class Anything(Service):
    """Takes whatever comes."""

    kind = "webhook"

    def take(self, seen: Seen) -> Reply:
        self.taken.append(seen)
        return Reply(200, {"id": 1})


def endpoint_of(kind: str, url: str) -> Endpoint:
    """A channel of a kind whose server is there."""
    if kind in SERVICES:
        service = SERVICES[kind]()
        service.url = url
        return endpoint_to(service)[0]
    found = Endpoint(id="c", project="p", url=url, notices=NOTICES, secret=SECRET, kind=kind)
    if kind == "ntfy":
        return replace(found, options={"topic": "alerts"}, secret="tk_1")
    host = url.removeprefix("http://")
    return replace(found, url=f"gotify://{host}", secret=f"gotify://{host}/{TOKEN}") if kind == "apprise" else found


KINDS = [*SERVICES, "ntfy", "webhook", "apprise"]


@pytest.fixture
async def library() -> AsyncIterator[AppriseLibrary]:
    library = AppriseLibrary()
    yield library
    await library.close()


async def first_report(run: Bench, endpoint: Endpoint) -> DeliveryAttempted:
    run.feed(("c", EndpointDefined(at=run.now, endpoint=endpoint)))
    data: dict[str, Any] = data_of("monitor.down")
    run.feed(("c", DeliveryRequested(transition="t", at=run.now, notices=("monitor.down",), data=data)))
    await run.until(lambda: len(run.reports) >= 1, 60)
    return run.reports[0]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_name_that_leads_inside_is_not_called(kind: str, library: AppriseLibrary) -> None:
    names = Moving("127.0.0.1")
    async with (
        serving(Anything()) as inside,
        WebhookClient(Guard(), resolver=names, headers={}) as client,
        bench(guard=Guard(), resolver=names, services=Services(client.exchange, library.ask)) as run,
    ):
        url = inside.url.replace("127.0.0.1", "inside.example")
        report = await first_report(run, endpoint_of(kind, url))
    assert report.status is None
    assert "private" in report.error
    assert inside.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_inside_is_not_followed(kind: str, status: int, library: AppriseLibrary) -> None:
    async with (
        serving(Anything()) as inside,
        serving(Anything(Reply(status, "", {"Location": f"{inside.url}/x"}))) as outside,
        WebhookClient(LOOPBACK, headers={}) as client,
        bench(services=Services(client.exchange, library.ask)) as run,
    ):
        report = await first_report(run, endpoint_of(kind, outside.url))
    assert report.status == status
    assert len(outside.requests) == 1
    assert inside.requests == []
