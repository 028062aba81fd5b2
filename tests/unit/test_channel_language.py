"""The language and the time zone of a channel: chosen over the APIs, kept, shown, and used for what is sent."""

import json
from typing import Any

import pytest

from processors.projects.channels import of_other_kinds
from processors.sender.channels.ntfy import text_of_message
from processors.sender.email_renderer import EmailRenderer
from processors.sender.messages import message_of
from processors.sender.notice_facts import facts_for, facts_of
from processors.sender.wording import values_of
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import plain
from schemas.definitions import Channel
from schemas.deliveries import Endpoint
from schemas.languages.catalogues import LANGUAGES
from schemas.languages.reading import Reading
from tests.chats import SlackService
from tests.harness import WRITE_KEY, Harness
from tests.pagers import TwilioService
from tests.poppaping_client import V1, with_key
from tests.service_channels import SITE, data_of, delivery_of, endpoint_to

CHANNELS = f"{V1}/alert-channels"
BERLIN = {"language": "de", "timezone": "Europe/Berlin"}
GIVEN: dict[str, dict[str, Any]] = {
    "slack": {"url": "https://hooks.slack.com/services/T0/B0/X"},
    "ntfy": {"server": "https://ntfy.test", "topic": "ops"},
    "pushover": {"app_token": "a" * 30, "user_key": "u" * 30, "device": "phone"},
    "pagerduty": {"routing_key": "a" * 32},
}


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


@pytest.mark.parametrize("kind", GIVEN)
async def test_every_kind_that_people_read_has_both(harness: Harness, kind: str) -> None:
    plain_one = (await harness.client.post(CHANNELS, json={"channel_type": kind} | GIVEN[kind])).json()["data"]
    assert not set(BERLIN) & set(plain_one["config"])
    answer = await harness.client.post(CHANNELS, json={"channel_type": kind} | GIVEN[kind] | BERLIN)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert {name: made["config"][name] for name in BERLIN} == BERLIN
    assert {**made["config"], **plain_one["config"]} == made["config"]
    path = f"{CHANNELS}/{made['id']}"
    # A change of something else keeps them, and a change of them keeps everything else.
    other = {name: value for name, value in GIVEN[kind].items() if name in ("topic", "device")}
    for change in ({"name": "x"}, other, {"language": "fr"}, {"timezone": "UTC"}, {"language": ""}):
        changed = await harness.client.patch(path, json=change)
        assert changed.status_code == 200, changed.text
    assert changed.json()["data"]["config"] == plain_one["config"] | {"timezone": "UTC"}


async def test_the_management_api_and_its_list_have_them_too(harness: Harness) -> None:
    body = {"kind": "ntfy"} | GIVEN["ntfy"] | BERLIN | {"language": "DE-at"}
    answer = await harness.client.post("/api/v3/channels/", json=body)
    assert (answer.status_code, answer.json()["language"], answer.json()["timezone"]) == (201, "de", "Europe/Berlin")
    [listed] = (await harness.client.get("/api/v3/channels/?details=1")).json()["channels"]
    assert (listed["language"], listed["timezone"]) == ("de", "Europe/Berlin")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"channel_type": "slack", "language": "xx"}, "Field 'language' must be one of de (Deutsch)"),
        ({"channel_type": "slack", "timezone": "Mars/Base"}, "Field 'timezone' is not the name of an IANA time zone"),
        ({"channel_type": "webhook", "language": "de"}, "Field 'language' is not of a channel of type 'webhook'"),
        ({"channel_type": "webhook", "timezone": "UTC"}, "Field 'timezone' is not of a channel of type 'webhook'"),
        ({"channel_type": "updown", "language": "de"}, "Field 'language' is not of a channel of type 'updown'"),
    ],
)
async def test_what_cannot_be_taken_is_refused(harness: Harness, body: dict[str, Any], words: str) -> None:
    answer = await harness.client.post(CHANNELS, json={"url": "https://hooks.slack.com/services/T0/B0/X"} | body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_the_fold_takes_options_of_every_kind_that_people_read() -> None:
    def channel(kind: str) -> Channel:
        return Channel(id="c", project="p", kind=kind, url="", created=0)

    assert [name for name in CHANNEL_KINDS if of_other_kinds(channel(name), ["options"])] == ["webhook"]


def test_a_message_is_told_in_the_language_and_the_zone_of_its_channel() -> None:
    endpoint, _ = endpoint_to(SlackService(), options=BERLIN)
    told = plain(message_of(delivery_of("monitor.recovered"), endpoint), 4_000)
    assert "Seit: 2025-06-15 17:06:40 CEST\nBis: 2025-06-15 18:06:40 CEST" in told
    assert message_of(delivery_of("monitor.recovered"), endpoint).says == "Shop läuft wieder"
    down = plain(message_of(delivery_of("incident.created"), endpoint), 4_000)
    assert "Letzte Ausgabe (fail, Exit-Status 3, 2025-06-15 17:06:40 CEST):\ncopying" in down
    results = plain(message_of(delivery_of("monitor.down"), endpoint), 4_000)
    assert "2025-06-15 17:03:00 CEST  ausgefallen  von r3  12.5 ms  HTTP 500  HTTP 500" in results


def test_an_sms_finds_its_times_in_every_language() -> None:
    for language in LANGUAGES:
        service = TwilioService()
        endpoint, secret = endpoint_to(service)
        endpoint = endpoint_to(service, options={**endpoint.options, "language": language})[0]
        kind = CHANNEL_KINDS["twilio"]
        request = kind.request(message_of(delivery_of("monitor.recovered"), endpoint), endpoint, secret)  # type: ignore[attr-defined]
        assert b"15%3A06%3A40" in request.body
        assert b"16%3A06%3A40" in request.body


def test_a_mail_is_told_in_the_language_of_its_channel() -> None:
    endpoint = Endpoint(
        id="c",
        project="p",
        url="",
        notices=(),
        secret="",
        kind="email",
        addresses=("a@b.example",),
        site=SITE,
        options={"language": "fr", "timezone": "America/New_York"},
    )
    subject, text, html = EmailRenderer("Pingfold", "ops@pingfold.example").texts(delivery_of("monitor.down"), endpoint)
    assert subject == "[Pingfold] Shop est en panne"
    assert "Depuis: 2025-06-15 11:06:40 EDT" in text
    assert '<html lang="fr">' in html
    assert ">Depuis</th><td>2025-06-15 11:06:40 EDT<" in html
    assert "depuis r3" in text


@pytest.mark.parametrize(
    ("kind", "fields", "private"),
    [
        ("ntfy", {"secret": ""}, False),
        ("ntfy", {"secret": "sealed"}, True),
        ("apprise", {"url": "ntfys://ntfy.sh"}, False),
        ("apprise", {"url": "gotifys://push.example.org"}, True),
        ("slack", {}, True),
    ],
)
def test_what_a_job_said_is_told_where_no_stranger_reads(kind: str, fields: dict[str, Any], private: bool) -> None:
    known = {"id": "c", "project": "p", "url": "", "notices": (), "secret": "x", "kind": kind}
    endpoint = Endpoint(**known | fields)
    assert CHANNEL_KINDS[kind].is_private(endpoint) is private
    for notice, name in (("incident.created", "output"), ("monitor.down", "results")):
        body = json.loads(delivery_of(notice).body)
        assert bool(values_of(notice, body, endpoint, Reading(), "")[name]) is private


def test_ntfy_and_apprise_tell_what_a_job_and_the_probes_said() -> None:
    for notice, words in (("incident.created", "Last output (fail, exit status 3"), ("monitor.down", "Last results:")):
        facts = facts_of(notice, data_of(notice), SITE)
        assert words in text_of_message(facts, "2025-06-15 15:06:40 UTC")
        open_topic = Endpoint(
            id="c", project="p", url="", notices=(), secret="", kind="ntfy", options={"topic": "alerts"}, site=SITE
        )
        facts = facts_for(open_topic, notice, data_of(notice), Reading())
        assert words not in text_of_message(facts, "2025-06-15 15:06:40 UTC")
    facts = facts_of("monitor.down", data_of("monitor.down"), SITE, Reading("es"))
    assert "Últimos resultados:" in text_of_message(facts, "2025-06-15 15:06:40 UTC", Reading("es"))
