"""Messages of services: every notice in every kind of channel is taken by the service, reads well, and hurts nobody."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.sender.wording import worded
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import Block, MessageKind, Row, cut, cut_front, plain, units
from schemas.languages.catalogues import ENGLISH, LANGUAGES, sentence
from schemas.message_templates import Wording
from schemas.notices import DIGEST, OPENING
from tests.service_channels import (
    INCIDENT,
    MONITOR,
    OUTPUT,
    RESULTS,
    TOLD,
    attempt,
    content_of,
    data_of,
    delivery_of,
    endpoint_to,
    message,
    message_kinds,
    seen,
)
from tests.services import SERVICES

NASTY = "</b><a href='x'>*_~`|> <!channel> @everyone @all <users/all> &amp; ``` \\ [x](https://evil.example) \N{BOMB}"
# What keeps alerts tells the end of one by its key alone.
BY_KEY = {"pagerduty", "opsgenie"}


def test_every_kind_has_an_imitation() -> None:
    assert set(SERVICES) == set(message_kinds())


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("notice", TOLD)
async def test_every_notice_is_taken(kind: str, notice: str) -> None:
    service = SERVICES[kind]()
    result = await attempt(service, delivery_of(notice))
    assert (result.error, len(service.taken)) == ("", 1)
    told = content_of(service)
    if kind in BY_KEY and message(notice).action == "resolve":
        assert "pingfold." in json.dumps(service.taken) + service.requests[0].path
        return
    name = "Shop" if notice == DIGEST else data_of(notice)["monitor"]["name"]
    assert name.split()[-1] in told


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("notice", TOLD)
async def test_every_test_says_that_it_is_one(kind: str, notice: str) -> None:
    service = SERVICES[kind]()
    result = await attempt(service, delivery_of(notice, data_of(notice) | {"test": True}))
    assert result.error == ""
    if kind == "pagerduty" and message(notice).action == "resolve":
        assert service.taken[0]["dedup_key"] == "pingfold.test.c"
    else:
        assert "test" in content_of(service).lower()


@pytest.mark.parametrize("kind", SERVICES)
async def test_every_test_says_that_it_is_one_whatever_its_template(kind: str) -> None:
    service = SERVICES[kind]()
    wording = Wording(name="t", title="Shop is down", text="Look at it.")
    asked = replace(delivery_of("monitor.down", data_of("monitor.down") | {"test": True}), wording=wording)
    sent, why = worded(asked, endpoint_to(service)[0])
    await attempt(service, sent)
    assert why == ""
    assert "Test: Shop is down" in content_of(service).replace("+", " ").replace("%3A", ":")


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_long_text_of_a_template_is_cut_and_not_left_out(kind: str) -> None:
    for text in ("x" * 4_000, "y" * 3_000 + "\n" + "x" * 900, "x" * 5 + "\n" * 3_000):
        service = SERVICES[kind]()
        wording = Wording(name="t", title="z" * 200, text=text)
        result = await attempt(service, replace(delivery_of("monitor.down"), wording=wording))
        assert (result.error, len(service.taken)) == ("", 1)
        assert kind == "twilio" or "x" * 5 in content_of(service) or "y" * 900 in content_of(service)


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
async def test_every_notice_is_taken_in_every_language(kind: str, language: str) -> None:
    service = SERVICES[kind]()
    options = endpoint_to(service)[0].options | {"language": language, "timezone": "Europe/Berlin"}
    link = INCIDENT | {"acknowledge_url": "https://x.example/incidents/a"}
    for notice in TOLD:
        data = data_of(notice)
        if notice in OPENING:
            data["incident"] = link
        result = await attempt(service, delivery_of(notice, data), options=options)
        assert (result.error, notice) == ("", notice)
    said = content_of(service)
    for key in ("acknowledge_link", "acknowledge_button", "last_results", "last_output", "acknowledged_by"):
        assert language == ENGLISH or sentence(ENGLISH, key) not in said


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("notice", ["monitor.down", "incident.created"])
async def test_what_is_broken_is_told_with_since_why_and_what_was_seen(kind: str, notice: str) -> None:
    service = SERVICES[kind]()
    await attempt(service, delivery_of(notice))
    told = content_of(service)
    assert "2025-06-15" in told.replace("%3A", ":")
    assert "HTTP 500" in told.replace("HTTP+500", "HTTP 500")
    if kind == "twilio":  # each part of an SMS is paid for
        return
    assert "pg_dump" in told if notice == "incident.created" else "r9" in told or kind == "opsgenie"
    assert ("pingfold.example" in told) or kind == "opsgenie"


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("notice", TOLD)
async def test_no_text_is_taken_for_markup_and_none_is_too_long(kind: str, notice: str) -> None:
    for text in (NASTY, NASTY * 60, "é" * 5_000, "\N{BOMB}" * 3_000, "&" * 6_000, "a\nb\r\n\x00c" * 900):
        data = data_of(notice)
        said = OUTPUT | {"text": text}
        if notice == DIGEST:
            for thing in data["digest"]["things"]:
                thing |= {"cause": text, "monitor": {"id": text, "name": text}, "escalation": {"policy": text}}
        else:
            data["monitor"] = data["monitor"] | {
                "name": text,
                "last_output": said,
                "last_results": [r | {"error": text} for r in RESULTS],
            }
            data["incident"] = INCIDENT | {"cause": text}
            data["detail"] = text
        service = SERVICES[kind]()
        result = await attempt(service, delivery_of(notice, data))
        assert (result.error, len(service.taken)) == ("", 1), text[:20]


_TEXT = st.text(max_size=300) | st.text(alphabet="<>&*_`~|[]()@\\\n\"'-#!\N{BOMB}", max_size=300)


@pytest.mark.parametrize("kind", SERVICES)
@given(name=_TEXT, cause=_TEXT, said=_TEXT)
async def test_any_text_is_taken(kind: str, name: str, cause: str, said: str) -> None:
    texts = [each.encode("utf-8", "replace").decode() for each in (name, cause, said)]
    monitor = MONITOR | {"name": texts[0], "last_output": OUTPUT | {"text": texts[2]}}
    service = SERVICES[kind]()
    result = await attempt(
        service, delivery_of("monitor.down", {"monitor": monitor, "incident": INCIDENT | {"cause": texts[1]}})
    )
    assert (result.error, len(service.taken)) == ("", 1)


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": 5}', "no JSON"])
async def test_what_is_no_notice_is_a_failed_attempt(kind: str, body: str) -> None:
    service = SERVICES[kind]()
    result = await attempt(service, replace(delivery_of("monitor.down"), body=body))
    assert service.requests == []
    assert result.status is None
    assert result.error.startswith("the notice cannot be made a message")


@pytest.mark.parametrize("kind", SERVICES)
async def test_what_a_notice_holds_can_be_anything(kind: str) -> None:
    odd = {"name": ["x"], "url": {"a": 1}, "id": 5, "kind": "heartbeat", "last_results": 7, "last_output": "x"}
    service = SERVICES[kind]()
    result = await attempt(service, delivery_of("monitor.down", {"monitor": odd, "incident": "x", "detail": None}))
    assert (result.error, len(service.taken)) == ("", 1)


# ---- alerts that are opened and closed


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("monitor.down", "monitor.recovered"),
        ("incident.created", "incident.resolved"),
        ("monitor.still_down", "monitor.recovered"),
        ("monitor.ssl_invalid", "monitor.ssl_valid"),
        ("monitor.ssl_expiration", "monitor.ssl_renewed"),
    ],
)
async def test_the_end_closes_what_the_beginning_opened(kind: str, begins: str, ends: str) -> None:
    service = SERVICES[kind]()
    await attempt(service, delivery_of(begins))
    assert list(service.open.values()) in (["trigger"], ["open"])
    # Another process, much later, with the same log.
    await attempt(service, delivery_of(ends, id="d-2", replay="again"))
    assert service.open == {}


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_what_is_about_something_else_closes_nothing(kind: str) -> None:
    service = SERVICES[kind]()
    for notice in ("monitor.down", "monitor.ssl_invalid", "monitor.ssl_expiration", "monitor.domain_expiration"):
        await attempt(service, delivery_of(notice))
    assert len(service.open) == 4
    other = {"monitor": MONITOR, "incident": INCIDENT | {"id": "i-2"}}
    await attempt(service, delivery_of("monitor.recovered", other))
    await attempt(service, delivery_of("monitor.recovered", other | {"test": True}))
    assert len(service.open) == 4
    await attempt(service, delivery_of("monitor.ssl_valid"))
    assert len(service.open) == 3


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_who_was_not_observed_and_comes_back_is_well(kind: str) -> None:
    service = SERVICES[kind]()
    await attempt(service, delivery_of("monitor.not_observed"))
    await attempt(service, delivery_of("monitor.recovered", {"monitor": MONITOR, "incident": None}))
    assert service.open == {}


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_an_alert_is_acknowledged_by_its_key(kind: str) -> None:
    service = SERVICES[kind]()
    await attempt(service, delivery_of("monitor.down"))
    endpoint, secret = endpoint_to(service)
    found = CHANNEL_KINDS[kind]
    assert isinstance(found, MessageKind)
    reply = service.answer(seen(found.request(message(action="acknowledge"), endpoint, secret)))
    assert reply.status == 202
    assert list(service.open.values()) in (["acknowledge"], ["acknowledged"])


async def test_a_matrix_message_whose_answer_was_lost_is_not_doubled_and_one_sent_again_is() -> None:
    service = SERVICES["matrix"]()
    for _ in range(3):
        await attempt(service, delivery_of("monitor.down"))
    assert len(service.taken) == 1
    await attempt(service, delivery_of("monitor.down", replay="r"))
    assert len(service.taken) == 2


async def test_a_topic_of_a_telegram_group_and_quiet_good_news() -> None:
    service = SERVICES["telegram"]()
    options = {"chat_id": service.CHAT, "thread_id": "42"}
    await attempt(service, delivery_of("monitor.down"), options=options)
    await attempt(service, delivery_of("monitor.recovered"), options=options)
    assert [one["message_thread_id"] for one in service.taken] == [42, 42]
    assert [one.get("disable_notification", False) for one in service.taken] == [False, True]


async def test_an_sms_is_short_and_has_its_page_whole() -> None:
    service = SERVICES["twilio"]()
    await attempt(
        service, delivery_of("monitor.down", data_of("monitor.down") | {"incident": INCIDENT | {"cause": "x" * 900}})
    )
    body = service.taken[0]["Body"]
    assert len(body) <= 201
    assert body.startswith("Shop is down, since 2025-06-15 15:06:40 UTC. xxx")
    assert body.endswith("… https://pingfold.example/")


async def test_an_sms_that_it_is_over_says_from_when_to_when() -> None:
    service = SERVICES["twilio"]()
    await attempt(service, delivery_of("monitor.recovered"))
    times = "down from 2025-06-15 15:06:40 UTC to 2025-06-15 16:06:40 UTC"
    assert service.taken[0]["Body"] == f"Shop has recovered ({times}). HTTP 500 https://pingfold.example/"


async def test_an_sms_of_a_messaging_service() -> None:
    service = SERVICES["twilio"]()
    options = {"account_sid": service.SID, "from_number": "MG" + "0" * 32, "to_number": "+15558675310"}
    await attempt(service, delivery_of("monitor.down"), options=options)
    assert service.taken[0]["MessagingServiceSid"] == "MG" + "0" * 32


# ---- the pieces


@given(st.text(max_size=200), st.integers(2, 80))
def test_a_cut_text_fits(text: str, most: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    for short in (cut(text, most), cut_front(text, most)):
        assert units(short) <= most
        assert short == text if units(text) <= most else "…" in short


def test_a_plain_text_has_everything_and_keeps_its_page() -> None:
    whole = message(rows=(Row("Cause", "x"),), blocks=(Block("Last output", ("a", "b")),), page="https://p.example/")
    assert plain(whole, 500) == "Cause: x\n\nLast output:\na\nb\nhttps://p.example/"
    assert plain(whole, 60).endswith("…\nhttps://p.example/") or units(plain(whole, 60)) <= 60
    assert plain(whole, 500, page=False).endswith("b")
