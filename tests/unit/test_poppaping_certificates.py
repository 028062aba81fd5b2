"""Certificates and domains through the PoppaPing API: what is shown, what may be asked for, and what channels get."""

import json
from typing import Any

import msgspec
import pytest

from processors.sender.channels.ntfy import headers_of, text_of_message
from processors.sender.email_renderer import EmailRenderer
from processors.sender.notice_body import render_body
from processors.sender.notice_facts import facts_of
from query_api.notice_samples import validity_sample
from query_api.validity import certificate_shown, domain_shown
from schemas.base import SECOND, encode
from schemas.certificates import DAY, HOUR, Certificate
from schemas.deliveries import Delivery, DeliveryRequested, Endpoint
from schemas.monitor_states import DomainValidity, Validity
from schemas.notices import VALIDITY_NOTICES, Notice
from schemas.probes import CertificateTested, DomainTested
from schemas.topics import DELIVERIES, PROBE_RESULTS
from tests.harness import Harness
from tests.poppaping_channels import CHANNELS, data, open_api

PATH = "/api/v1/monitors"
SITE = {"name": "Site", "url": "https://www.example.com/"}
ERROR = "error code 20: unable to get local issuer certificate"


async def made(api: Harness, **fields: Any) -> dict[str, Any]:
    monitor: dict[str, Any] = data(await api.client.post(PATH, json=SITE | fields), 201)
    return monitor


async def read(api: Harness, id: str) -> dict[str, Any]:
    monitor: dict[str, Any] = data(await api.client.get(f"{PATH}/{id}"))
    return monitor


def examine(api: Harness, id: str, error: str = "") -> None:
    """A prober tests the certificate, which ends in five days."""
    validity, state = api.log.monitor_states.validity(id), api.log.monitor_states.state(id)
    assert state is not None
    slot = state.begun if validity is None else validity.due or state.begun
    api.log.time = max(api.log.time, slot)
    shown = Certificate(
        not_before=api.log.time // DAY * DAY - 360 * DAY,
        not_after=api.log.time // DAY * DAY + 5 * DAY,
        fingerprint="a" * 64,
        subject="www.example.com",
        issuer="R11 (Let's Encrypt)",
        algorithm="SHA-256 with RSA encryption",
    )
    fact = CertificateTested(
        slot=slot, region="local", at=api.log.time, valid=not error, error=error, certificate=shown
    )
    api.log.send(PROBE_RESULTS.name, id, encode(fact))
    api.log.tick(1)


def requested(api: Harness) -> list[DeliveryRequested]:

    events = [value for _, value in api.log.of(DELIVERIES) if value["type"] == "delivery.requested"]
    return [msgspec.convert(event, DeliveryRequested) for event in events]


async def test_a_monitor_shows_its_certificate() -> None:
    api = open_api()
    monitor = await made(api)
    assert (monitor["certificate"], monitor["domain"], monitor["verify_certificate"]) == (None, None, True)
    examine(api, monitor["id"])
    shown = await read(api, monitor["id"])
    certificate = shown["certificate"]
    assert (certificate["valid"], certificate["error"], certificate["subject"]) == (True, None, "www.example.com")
    assert set(certificate) == {
        "tested_at", "valid", "error", "subject", "issuer", "valid_from", "expires_at", "algorithm", "fingerprint",
    }  # fmt: skip
    [listed] = data(await api.client.get(PATH))
    assert listed["certificate"] == certificate
    api.log.send(
        PROBE_RESULTS.name,
        monitor["id"],
        encode(DomainTested(region="local", at=api.log.time, expires=api.log.time + 90 * DAY, source="RDAP")),
    )
    api.log.tick(1)
    assert (await read(api, monitor["id"]))["domain"]["source"] == "RDAP"


async def test_a_certificate_that_is_judged_apart() -> None:
    api = open_api()
    data(await api.client.post(CHANNELS, json={"channel_type": "webhook", "url": "https://hooks.example/x"}), 201)
    monitor = await made(api, verify_certificate=False)
    assert monitor["verify_certificate"] is False
    for _ in range(2):
        examine(api, monitor["id"], ERROR)
    shown = await read(api, monitor["id"])
    assert (shown["certificate"]["valid"], shown["certificate"]["error"]) == (False, ERROR)
    [notice] = [request for request in requested(api) if "monitor.ssl_invalid" in request.notices]
    assert notice.data["error"] == ERROR
    changed = data(await api.client.patch(f"{PATH}/{monitor['id']}", json={"verify_certificate": True}))
    assert (changed["verify_certificate"], changed["certificate"]["valid"]) == (True, False)
    answer = await api.client.patch(f"{PATH}/{monitor['id']}", json={"verify_certificate": "yes"})
    assert (answer.status_code, "verify_certificate" in answer.json()["message"]) == (400, True)


async def test_what_was_told_can_be_asked_for() -> None:
    """By pages, newest first; of a monitor without channels, too."""
    api = open_api()
    monitor = await made(api, verify_certificate=False)
    page = f"{PATH}/{monitor['id']}/validity-events"
    assert (await api.client.get(page)).json()["data"] == []
    examine(api, monitor["id"])
    for error in (ERROR, ERROR, "", ""):
        examine(api, monitor["id"], error)
    told = (await api.client.get(page)).json()
    names = [one["event"] for one in told["data"]]
    assert names == ["monitor.ssl_valid", "monitor.ssl_invalid", "monitor.ssl_expiration"]
    assert told["meta"] == {"page": 1, "per_page": 25, "total": 3, "total_pages": 1}
    invalid = told["data"][1]
    assert (invalid["notified"], invalid["data"]["error"]) == (False, ERROR)
    assert invalid["data"]["certificate"]["subject"] == "www.example.com"
    assert ERROR in invalid["detail"]
    second = (await api.client.get(page, params={"page": 2, "per_page": 1})).json()
    assert (second["data"], second["meta"]["total_pages"]) == ([invalid], 3)
    assert (await api.client.get(page, params={"page": 9})).json()["data"] == []
    assert (await api.client.get(page, params={"page": 0})).status_code == 400
    assert (await api.client.get(f"{PATH}/{api.other}/validity-events")).status_code == 404


@pytest.mark.parametrize("notice", VALIDITY_NOTICES)
async def test_a_test_of_each_notice_can_be_sent(notice: Notice) -> None:
    api = open_api()
    body = {"channel_type": "webhook", "url": "https://hooks.example/x", "events": [notice]}
    channel = data(await api.client.post(CHANNELS, json=body), 201)
    assert channel["events"] == [notice]
    data(await api.client.post(f"{CHANNELS}/{channel['id']}/test"), 202)
    [request] = requested(api)
    assert request.notices == (notice,)
    assert (request.data["test"], request.data["incident"]) == (True, None)


@pytest.mark.parametrize("notice", VALIDITY_NOTICES)
def test_every_kind_of_channel_has_words_for_it(notice: Notice) -> None:
    monitor = {"id": "m", "name": "Site", "url": "https://www.example.com/", "kind": "http", "current_status": "up"}
    told = {"monitor": monitor, "incident": None, **validity_sample(notice, 1_750_000_000 * SECOND)}
    body = render_body(notice, 1_750_000_000 * SECOND, told)
    assert json.loads(body)["event"] == notice
    facts = facts_of(notice, told, "https://pingfold.example")
    assert facts["says"].startswith("Site: the ")
    assert headers_of(notice, facts)["Title"] == facts["says"]
    text = text_of_message(facts, "2025-06-15 15:06:40 UTC")
    assert "When: 2025-06-15 15:06:40 UTC" in text
    delivery = Delivery(id="d", event="e", channel="c", notice=notice, body=body, first_due=0)
    endpoint = Endpoint(id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@b.c",))
    mail = EmailRenderer("Pingfold", "watch@example.org").write(delivery, endpoint).decode().replace("=\r\n", "")
    assert f"[Pingfold] {facts['says']}" in mail
    certificates = [line for line in text.splitlines() if "certificate:" in line.lower()]
    assert len(certificates) == {"monitor.ssl_renewed": 2, "monitor.domain_expiration": 0}.get(notice, 1)
    for line in certificates:
        assert "issued by Example CA (Example), valid until 2025-" in line
        assert line in mail


@pytest.mark.parametrize(
    ("days", "says"),
    [(7, " in 7 days"), (1, " in 1 day"), (0, " today"), (-5, " today"), ("7", ""), (None, ""), (True, "")],
)
def test_days_in_words(days: Any, says: str) -> None:
    facts = facts_of("monitor.ssl_expiration", {"monitor": {"name": "Site"}, "days_before_expiration": days}, "")
    assert facts["says"] == f"Site: the certificate will expire{says}"


@pytest.mark.parametrize("odd", [7, None, [], "x", {"subject": [], "issuer": 5, "valid_until": {}}])
def test_whatever_a_notice_holds_it_is_told(odd: Any) -> None:
    facts = facts_of("monitor.ssl_renewed", {"new_certificate": odd, "old_certificate": odd, "monitor": odd}, "")
    assert all(isinstance(line, str) for line in facts["certificates"])


def test_what_is_shown_of_a_domain() -> None:
    assert domain_shown(None, 0) is None
    assert domain_shown(Validity(), 0) is None
    known = Validity(domain=DomainValidity(expires=10 * DAY, tested_at=5, since=5, source="RDAP"))
    left = {0: 10, HOUR: 9, 10 * DAY: 0, 11 * DAY: -1}
    for now, days in left.items():
        shown = domain_shown(known, now)
        assert shown is not None
        assert (shown.remaining_days, shown.tested_at, shown.expires_at, shown.source) == (days, 5, 10 * DAY, "RDAP")


def test_what_is_shown_of_a_certificate_in_doubt() -> None:
    assert certificate_shown(None) is None
    assert certificate_shown(Validity(heard_at=5)) is None
    first = certificate_shown(Validity(tested_at=5, found=False, error=ERROR))
    assert first is not None
    assert first.expires_at is None
    assert first == (5, None, ERROR, None)
    assert certificate_shown(Validity(tested_at=5, found=False, error=ERROR, valid=True)) == (5, True, None, None)
    assert certificate_shown(Validity(tested_at=5, found=False, error=ERROR, valid=False)) == (5, False, ERROR, None)
