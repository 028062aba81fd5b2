"""Channels of services: the fold, the sender and the real client against imitations of the services on the loopback."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from infra.egress.guard import Guard
from infra.secrets.channel_secrets import own_place
from infra.secrets.secrets import Vault
from processors.sender import webhooks
from processors.sender.channels.sending import Services
from processors.sender.sender import Sender
from processors.sender.webhooks import WebhookClient
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import DeliveryAttempted, DeliveryReplayed, DeliveryRequested, Endpoint, EndpointDefined
from schemas.notices import DIGEST, Notice
from tests.sender_bench import LOOPBACK, Bench, bench, receiver
from tests.service import Reply, serving
from tests.service_channels import data_of, endpoint_to
from tests.services import SERVICES


def define(run: Bench, endpoint: Endpoint) -> None:
    run.feed((endpoint.id, EndpointDefined(at=run.now, endpoint=endpoint)))


def request(run: Bench, transition: str, notice: Notice) -> None:
    asked = DeliveryRequested(transition=transition, at=run.now, notices=(notice,), data=data_of(notice))
    run.feed(("c", asked))


async def reported(run: Bench, count: int) -> DeliveryAttempted:
    await run.until(lambda: len(run.reports) >= count, 60)
    return run.reports[count - 1]


async def ended(run: Bench, count: int) -> Any:
    await run.until(lambda: len(run.finished) >= count, 60)
    return run.finished[count - 1]


@pytest.mark.parametrize("kind", SERVICES)
async def test_notices_arrive_and_can_be_sent_again(kind: str) -> None:
    async with serving(SERVICES[kind]()) as service, bench() as run:
        define(run, endpoint_to(service)[0])
        request(run, "t1", "monitor.down")
        first = await ended(run, 1)
        request(run, "t2", "monitor.recovered")
        await ended(run, 2)
        again = DeliveryReplayed(replay="r", at=run.now, event=first.event, notice=first.notice, body=first.body)
        run.feed(("c", again))
        await ended(run, 3)
    assert [(one.outcome, one.detail) for one in run.finished] == [("delivered", "")] * 3
    assert len(service.taken) == 3
    assert {one.header("User-Agent").partition(" ")[2] for one in service.requests} == {f"({kind})"}


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_storm_is_one_list_where_there_are_lists(kind: str) -> None:
    listed = DIGEST in CHANNEL_KINDS[kind].takes
    async with serving(SERVICES[kind]()) as service, bench() as run:
        define(run, endpoint_to(service, digest=None)[0])
        for number in range(30):
            request(run, f"t{number}", "monitor.down")
        await ended(run, 30)  # those that a list tells of have ended, too
        run.tick(10)
        await run.until(lambda: [one.notice for one in run.finished].count(DIGEST) == listed)
    outcomes = [one.outcome for one in run.finished]
    assert (outcomes.count("gathered"), outcomes.count("delivered")) == ((29, 2) if listed else (0, 30))
    assert len(service.requests) == (2 if listed else 30)


@pytest.mark.parametrize("kind", SERVICES)
async def test_one_that_is_busy_or_broken_gets_it_later(kind: str) -> None:
    failures = Reply(429, "", {"Retry-After": "90"}), Reply(500, "oops"), Reply(502, "<html>")
    async with serving(SERVICES[kind](*failures)) as service, bench() as run:
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        assert ((await reported(run, 1)).status, run.reports[0].retry_after) == (429, 90)
        run.tick(60)
        run.tick(29)
        assert len(service.requests) == 1
        for count in (2, 3, 4):
            run.tick(3_600)
            await reported(run, count)
        done = await ended(run, 1)
    assert (done.outcome, done.attempts) == ("delivered", 4)
    assert len(service.taken) == 1


GONE = {
    "slack": Reply(404, "no_service"),
    "msteams": Reply(404, {"error": {"code": "WorkflowNotFound"}}),
    "discord": Reply(404, {"message": "Unknown Webhook", "code": 10015}),
    "telegram": Reply(403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}),
    "googlechat": Reply(404, {"error": {"status": "NOT_FOUND"}}),
    "mattermost": Reply(400, {"id": "web.incoming_webhook.invalid.app_error"}),
    "twilio": Reply(400, {"code": 21610}),
}


@pytest.mark.parametrize("kind", SERVICES)
async def test_what_is_gone_is_given_up(kind: str) -> None:
    async with serving(SERVICES[kind](GONE.get(kind, Reply(410, "")))) as service, bench() as run:
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        done = await ended(run, 1)
        assert (done.outcome, done.attempts) == ("gone", 1)
        assert done.detail.startswith(f"{CHANNEL_KINDS[kind].service} answered ")  # type: ignore[attr-defined]
        request(run, "t2", "monitor.down")
        assert (await ended(run, 2)).outcome == "removed"
    health: Any = run.view.get("health/c")
    assert (health.disabled, health.disabled_because) == (True, done.detail)


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("slack", Reply(400, "invalid_payload")),
        ("discord", Reply(400, {"code": 50035})),
        ("twilio", Reply(400, {"code": 21617})),
    ],
)
async def test_a_message_that_is_refused_for_good_ends_and_the_channel_goes_on(kind: str, reply: Reply) -> None:
    async with serving(SERVICES[kind](reply)) as service, bench() as run:
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        done = await ended(run, 1)
        assert (done.outcome, done.attempts, "answered 400" in done.detail) == ("exhausted", 1, True)
        request(run, "t2", "monitor.recovered")
        assert (await ended(run, 2)).outcome == "delivered"


@pytest.mark.parametrize("kind", SERVICES)
async def test_an_address_that_is_closed_is_not_called(kind: str) -> None:
    async with serving(SERVICES[kind]()) as service, bench(guard=Guard([])) as run:
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        report = await reported(run, 1)
    assert report.status is None
    assert service.requests == []
    assert "private" in report.error


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_redirect_takes_no_secret_along(kind: str) -> None:
    async with serving(SERVICES[kind]()) as other, serving(SERVICES[kind]()) as service, bench() as run:
        service.answers.append(Reply(307, "", {"Location": other.url}))
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        assert (await reported(run, 1)).status == 307
    assert other.requests == []


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("where", ["the same", "elsewhere"])
async def test_a_secret_is_sent_only_to_the_server_that_it_was_given_for(kind: str, where: str) -> None:
    vault = Vault(b"k" * 32, "a test")
    async with (
        serving(SERVICES[kind]()) as service,
        serving(SERVICES[kind]()) as other,
        WebhookClient(LOOPBACK) as client,
    ):
        run = Bench(client)
        await run.sender.close(0)
        run.sender = Sender(
            client.post, run.report, vault.decrypt, services=Services(client.exchange), clock=lambda: run.now
        )
        run.sender.assigned(0, {})
        run.tick(0)
        endpoint, secret = endpoint_to(service)
        sealed = vault.encrypt(secret, own_place(kind, "c", endpoint.url))
        url = endpoint.url if where == "the same" else endpoint_to(other)[0].url
        define(run, endpoint_to(service, secret=sealed, url=url)[0])
        request(run, "t", "monitor.down")
        report = await reported(run, 1)
        await run.sender.close(0)
    assert other.requests == []
    if where == "the same":
        assert (report.error, len(service.taken)) == ("", 1)
    else:
        assert report.error == "the secret of the channel cannot be decrypted"
        assert service.requests == []


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_an_incident_is_closed_by_another_process_than_opened_it(kind: str) -> None:
    async with serving(SERVICES[kind]()) as service:
        async with bench() as run:
            define(run, endpoint_to(service)[0])
            request(run, "t1", "monitor.down")
            await ended(run, 1)
        assert len(service.open) == 1
        async with bench() as run:
            define(run, endpoint_to(service)[0])
            request(run, "t2", "monitor.recovered")
            await ended(run, 1)
    assert service.open == {}


async def test_a_long_answer_is_read_in_part_and_judged() -> None:
    answers = Reply(200, "x" * 500_000), Reply(400, "no_text" + " " * 500_000)
    async with serving(SERVICES["slack"](*answers)) as service, bench() as run:
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        assert "is the address right?" in (await reported(run, 1)).error
        run.tick(3_600)
        assert "the message is empty" in (await reported(run, 2)).error


@pytest.mark.parametrize("comes", [True, False])
async def test_a_body_that_decides_is_waited_for_within_the_limit(monkeypatch: pytest.MonkeyPatch, comes: bool) -> None:
    monkeypatch.setattr(webhooks, "BODY_SECONDS", 0.01)

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "2"})
        await response.prepare(request)
        await response.write(b"o")
        await asyncio.sleep(0.2 if comes else 60)
        await response.write(b"k")
        return response

    async with receiver(slow) as url, bench(seconds=30 if comes else 0.5) as run:
        service = SERVICES["slack"]()
        service.url = url
        define(run, endpoint_to(service)[0])
        request(run, "t", "monitor.down")
        report = await reported(run, 1)
    assert (report.status, report.timed_out) == ((200, False) if comes else (None, True))
