"""Deliveries that a template words, through the sender: the same in each attempt, and told in any case."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from processors.sender import attempts
from processors.sender.channels.sending import Services
from processors.sender.own_links import OwnLinks
from processors.sender.sender import Sender
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.deliveries import (
    Delivery,
    DeliveryAttempted,
    Endpoint,
    EndpointHealth,
    delivery_key,
    endpoint_key,
    health_key,
)
from schemas.message_templates import Wording
from tests.chats import SlackService
from tests.deliveries_driver import Driver
from tests.service_channels import delivery_of, endpoint_to

# For what comes at once, however slow the machine is.
SECONDS = 60.0


def _secret(*_: str) -> str:
    return "https://hooks.slack.test/services/T/B/X"


class Desk:
    """A sender, and what it sends and reports."""

    def __init__(self, *statuses: int, links: OwnLinks | None = None) -> None:
        self.statuses = list(statuses)
        self.sent: list[dict[str, Any]] = []
        self.reports: list[DeliveryAttempted] = []
        self.reported = asyncio.Event()
        self.sender = Sender(
            self.post,
            self.report,
            lambda *_: "https://hooks.slack.test/services/T/B/X",
            services=Services(self.exchange),
            links=links,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], dead: bool = False) -> DeliveryResult:
        raise AssertionError("nothing is posted by itself")

    async def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes, **_: Any) -> Exchange:
        self.sent.append(json.loads(body))
        return Exchange(DeliveryResult(self.statuses.pop(0)), body=b"ok")

    async def report(self, _: str, report: DeliveryAttempted) -> None:
        self.reports.append(report)
        self.reported.set()

    async def told(self, delivery: Delivery) -> None:
        """Send it, and wait for the report."""
        self.reported.clear()
        self.sender.committed(0, {delivery_key(delivery.id): delivery})
        await asyncio.wait_for(self.reported.wait(), SECONDS)


def delivery(text: str, title: str = "{{ what }}!") -> Delivery:
    wording = Wording(name="Mine", title=title, text=text, project="Shop")
    return replace(delivery_of("monitor.down"), wording=wording)


async def desk(*statuses: int, links: OwnLinks | None = None) -> Desk:
    made = Desk(*statuses, links=links)
    endpoint, _ = endpoint_to(SlackService(), secret="sealed")
    made.sender.assigned(0, {endpoint_key("c"): endpoint, health_key("c"): EndpointHealth()})
    return made


async def test_each_attempt_tells_the_same() -> None:
    made = await desk(500, 200)
    first = delivery("{{ project }}: {{ why }}\n{{ results.first.region }}")
    await made.told(first)
    await made.told(replace(first, attempt=2))
    await made.sender.close()
    assert made.sent[0] == made.sent[1]
    [attachment] = made.sent[0]["attachments"]
    assert attachment["title"] == "Shop is down!"
    assert attachment["text"] == "Shop: HTTP 500\nr0"
    assert "fields" not in attachment or attachment["fields"] == []
    assert [(report.status, report.error[:5]) for report in made.reports] == [(500, "Slack"), (200, "")]


async def test_a_template_that_fails_is_noted_and_the_notice_is_told() -> None:
    made = await desk(200, 500)
    failing = delivery(
        "{% for a in results %}{% for b in results %}{% for c in results %}x{% endfor %}{% endfor %}{% endfor %}"
    )
    await made.told(failing)
    await made.told(replace(failing, id="d-2"))
    await made.sender.close()
    taken, refused = made.reports
    assert taken.status == 200
    assert taken.error.startswith("in our own words: the template 'Mine', text, line 1: its loops have more than")
    assert made.sent[0]["attachments"][0]["title"] == "Shop is down"
    assert [field["title"] for field in made.sent[0]["attachments"][0]["fields"]][:2] == ["Cause", "What"]
    # Of one that was not taken, why not is more important.
    assert refused.error.startswith("Slack answered 500")


def test_the_log_of_deliveries_says_that_a_template_failed() -> None:
    fold = Driver()
    fold.define()
    fold.request("t")
    [pending] = fold.pending()
    [finished] = fold.attempt(pending, 200, error="in our own words: the template 'Mine', text, line 1: it loops")
    assert (finished.outcome, finished.detail) == (
        "delivered",
        "in our own words: the template 'Mine', text, line 1: it loops",
    )
    assert fold.health().failures == 0


@pytest.mark.parametrize("text", ["", "{{ tags.first }}"])
async def test_a_template_of_a_title_leaves_the_rest(text: str) -> None:
    made = await desk(200)
    await made.told(delivery(text, "{{ name }}"))
    await made.sender.close()
    facts = made.sent[0]["attachments"][0]
    assert facts["title"] == "Shop"
    assert facts["fields"][0] == {"title": "Cause", "value": "HTTP 500", "short": True}


class _BrokenLinks(OwnLinks):
    """Links that cannot be put into any notice."""

    def of_delivery(self, delivery: Delivery, endpoint: Endpoint) -> Delivery:
        raise RecursionError("deeper than anybody thought")


async def _ends_as_failed(made: Desk, error: str) -> None:
    """Each delivery is reported, none is outstanding, and the next one has the lane."""
    await made.told(delivery("{{ why }}"))
    await made.told(replace(delivery("{{ why }}"), id="d-2"))
    await made.sender.close()
    assert made.sent == []
    assert [(report.delivery, report.status, report.error) for report in made.reports] == [
        (delivery("").id, None, error),
        ("d-2", None, error),
    ]


async def test_links_that_cannot_be_put_in_are_a_failed_attempt() -> None:
    made = await desk(links=_BrokenLinks("https://pingfold.test", "https://pingfold.test/p"))
    await _ends_as_failed(made, "the attempt failed (RecursionError)")


async def test_words_that_cannot_be_put_in_are_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("words")

    monkeypatch.setattr(attempts, "worded", fail)
    await _ends_as_failed(await desk(), "the attempt failed (KeyError)")
