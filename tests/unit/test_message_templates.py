"""Message templates over the API, in memory: made, changed, removed, previewed, and kept with a delivery."""

import threading
from typing import Any

import pytest
from msgspec.structs import replace

from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Session
from processors.fold.view import View
from processors.sender.preview import Previews
from processors.sender.webhooks import DeliveryResult
from processors.sender.wording import noted, worded
from schemas.base import encode
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.deliveries import Delivery, DeliveryReplayed, Endpoint, EndpointDefined
from schemas.ids import new_id
from schemas.message_templates import (
    MOST_CHARACTERS,
    Forms,
    MessageTemplate,
    TemplateCopy,
    TemplateDefined,
    TemplateRemoved,
    Wording,
    template_key,
)
from schemas.notices import NOTICES
from schemas.requests import ChannelCreate, ChannelDelete
from schemas.topics import DELIVERIES, PROJECTS
from tests.deliveries_driver import Driver
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import V1, fault, with_key
from tests.service_channels import delivery_of

TEMPLATES = f"{V1}/message-templates"
SHORT = {"name": "Short", "title": "{{ project }}: {{ what }}", "text": "{{ why }} {{ duration }}"}


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


def channel(harness: Harness, kind: str = "slack") -> str:
    id = new_id()
    wanted = Channel(id=id, project=harness.project, kind=kind, url="https://hooks.test", created=0, secret="sealed x")
    harness.request(harness.project, ChannelCreate(request=new_id(), at=harness.log.time, channel=wanted))
    return id


async def template(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.post(TEMPLATES, json=SHORT | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def told(harness: Harness, to: str) -> list[Delivery]:
    """What is pending for a channel after a test was asked for."""
    answer = await harness.client.post(f"{V1}/alert-channels/{to}/test", json={})
    assert answer.status_code == 202, answer.text
    records = (harness.log.records_of(DELIVERIES, number).values() for number in range(harness.log.partitions))
    found = (record for some in records for record in some if isinstance(record, Delivery))
    return [delivery for delivery in found if delivery.channel == to]


async def test_a_template_is_kept_with_a_delivery_and_later_changes_do_not_touch_it(harness: Harness) -> None:
    to = channel(harness)
    made = await template(harness)
    [before] = await told(harness, to)
    assert before.wording is not None
    assert (before.wording.title, before.wording.text) == (SHORT["title"], SHORT["text"])
    assert before.wording.project == harness.log.directory.projects[harness.project].name
    changed = await harness.client.patch(f"{TEMPLATES}/{made['id']}", json={"title": "new"})
    assert changed.status_code == 200, changed.text
    first, second = sorted(await told(harness, to), key=lambda one: one.id != before.id)
    assert (first.wording, second.wording and second.wording.title) == (before.wording, "new")
    assert (await harness.client.delete(f"{TEMPLATES}/{made['id']}")).status_code == 200
    assert sorted(one.wording is None for one in await told(harness, to)) == [False, False, True]


async def test_webhooks_are_told_in_no_words(harness: Harness) -> None:
    await template(harness)
    to = await harness.client.post(f"{V1}/alert-channels", json={"channel_type": "webhook", "url": "https://a.test"})
    [delivery] = await told(harness, to.json()["data"]["id"])
    assert delivery.wording is None
    named = await harness.client.post(TEMPLATES, json=SHORT | {"alert_channel_ids": [to.json()["data"]["id"]]})
    assert "no words are sent to a channel of type 'webhook'" in named.json()["message"]


async def test_every_partition_of_deliveries_has_a_copy(harness: Harness) -> None:
    made = await template(harness)

    def copies() -> list[object]:
        numbers = range(harness.log.partitions)
        return [harness.log.records_of(DELIVERIES, number).get(template_key(made["id"])) for number in numbers]

    assert len(copies()) > 1
    assert all(isinstance(copy, TemplateCopy) for copy in copies())
    await harness.client.delete(f"{TEMPLATES}/{made['id']}")
    assert set(copies()) == {None}


async def test_read_changed_and_deleted(harness: Harness) -> None:
    to = channel(harness)
    made = await template(harness, events=["monitor.recovered", "monitor.down"], alert_channel_ids=[to])
    assert (made["events"], made["alert_channel_ids"]) == (["monitor.down", "monitor.recovered"], [to])
    path = f"{TEMPLATES}/{made['id']}"
    assert (await harness.client.get(path)).json()["data"] == made
    assert (await harness.client.get(TEMPLATES)).json()["data"] == [made]
    assert (await harness.client.patch(path, json=made)).json()["data"]["text"] == made["text"]
    changed = (await harness.client.patch(path, json={"events": [], "text": ""})).json()["data"]
    assert (changed["events"], changed["text"], changed["title"]) == ([], "", made["title"])
    assert (await harness.client.delete(path)).json()["data"] == {"id": made["id"], "deleted": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert fault(await harness.client.request(method, path, json={})) == (404, "not_found")


async def test_a_template_goes_with_the_last_of_its_channels(harness: Harness) -> None:
    """It must not become that of all channels."""
    one, other = channel(harness), channel(harness)
    made = await template(harness, alert_channel_ids=[one, other])
    for gone, left in ((one, [other]), (other, None)):
        request = ChannelDelete(request=new_id(), at=harness.log.time, id=gone)
        harness.log.send(PROJECTS.name, harness.project, encode(request))
        answer = await harness.client.get(f"{TEMPLATES}/{made['id']}")
        assert (answer.json()["data"]["alert_channel_ids"] if left else answer.status_code) == (left or 404)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "fine\n{% if %}"}, "Field 'text': line 2: "),
        ({"text": "one\ntwo\n{{ name | nonsense }}"}, "Field 'text': line 3: "),
        ({"title": "{{ name"}, "Field 'title': line 1: "),
        ({"text": "{% include 'x' %}"}, "Field 'text': line 1: "),
        ({"text": "{% for a in (1..9000000) %}x{% endfor %}"}, "Field 'text': line 1: "),
        ({"text": "", "title": " "}, "a template needs a title or a text"),
        ({"alert_channel_ids": ["x"]}, "there is no alert channel 'x'"),
        ({"events": ["nonsense"]}, "nonsense"),
        ({"text": "x" * 4_001}, "text"),
    ],
)
async def test_what_is_wrong_is_said_with_its_line(harness: Harness, fields: dict[str, Any], words: str) -> None:
    answer = await harness.client.post(TEMPLATES, json=SHORT | fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    if set(fields) <= {"title", "text"} and "needs" not in words:
        preview = await harness.client.post(f"{TEMPLATES}/preview", json={"text": "", "title": ""} | fields)
        assert (preview.status_code, words in preview.json()["message"]) == (400, True)


async def test_there_is_an_end_to_templates(harness: Harness) -> None:
    number = MOST_CHARACTERS // 4_000
    for _ in range(number):
        await template(harness, title="", text="x" * 4_000)
    answer = await harness.client.post(TEMPLATES, json=SHORT)
    assert answer.status_code == 403
    assert "40000 characters" in answer.json()["message"]


async def test_a_preview_shows_every_form(harness: Harness) -> None:
    body = {"title": "{{ what }} <b>", "text": "{{ why }} & {{ since }}", "language": "de", "timezone": "Europe/Berlin"}
    answer = await harness.client.post(f"{TEMPLATES}/preview", json=body | {"event": "monitor.down"})
    shown = answer.json()["data"]
    assert shown["title"] == "Nightly backup ist ausgefallen <b>"
    assert shown["text"].startswith("Exit-Status 23 & ")
    assert shown["mail_subject"] == f"[Pingfold] {shown['title']}"
    assert "Exit-Status 23 & " in shown["mail_text"]
    assert "Exit-Status 23 &amp; " in shown["mail_html"]
    assert "<b>" not in shown["mail_html"]
    assert {event["type"] for _, event in harness.log.of(DELIVERIES)} <= {"tick"}


async def test_templates_are_rendered_in_threads(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a template for all events each is rendered, which must hold up no ping."""
    here, threads = threading.get_ident(), list[int]()
    render = Previews.forms

    def forms(previews: Previews, *args: Any) -> Forms:
        threads.append(threading.get_ident())
        return render(previews, *args)

    monkeypatch.setattr(Previews, "forms", forms)
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    made = await template(harness)
    await harness.client.patch(f"{TEMPLATES}/{made['id']}", json={"text": "new"})
    await harness.client.post(f"{TEMPLATES}/preview", json={"text": "x"})
    assert len(threads) > 2 * len(NOTICES)
    assert here not in threads


async def test_a_preview_needs_a_language_and_a_zone_that_there_are(harness: Harness) -> None:
    for field, value in (("language", "xx"), ("timezone", "Mars/Olympus")):
        answer = await harness.client.post(f"{TEMPLATES}/preview", json={"text": "x", field: value})
        assert answer.status_code == 400
        assert f"Field '{field}' " in answer.json()["message"]


def defined(id: str, version: int = 1, **fields: Any) -> TemplateDefined:
    known: dict[str, Any] = {"project": "p", "created": 1, "revised": 1, "name": id, "text": id}
    return TemplateDefined(at=1, template=MessageTemplate(id=id, version=version, **known | fields), project_name="P")


def driver() -> Driver:
    driver = Driver()
    endpoint = Endpoint(
        id="c",
        project="p",
        url="https://x.test",
        notices=("monitor.down",),
        secret="s",
        kind="slack",
        digest=False,
    )
    driver.feed("c", EndpointDefined(at=driver.now, endpoint=endpoint))
    return driver


def only(driver: Driver) -> str | None:
    """What the delivery of a fresh request is worded by."""
    before = {each.id for each in driver.pending()}
    driver.request(f"t{len(before)}")
    [new] = [each for each in driver.pending() if each.id not in before]
    return None if new.wording is None else new.wording.text


def test_the_narrowest_template_counts_then_the_oldest() -> None:
    fold = driver()
    assert only(fold) is None
    for event, counts in (
        (defined("all"), "all"),
        (defined("later", created=2), "all"),
        (defined("others", channels=("another",)), "all"),
        (defined("recovered", notices=("monitor.recovered",)), "all"),
        (defined("strange", project="q", channels=("c",)), "all"),
        (defined("down", notices=("monitor.down",)), "down"),
        (defined("own", channels=("c",)), "own"),
        (defined("both", channels=("c",), notices=("monitor.down",)), "both"),
        (defined("both", version=2, channels=("c",), notices=("monitor.down",), text="new"), "new"),
        (defined("both", version=1, channels=("c",), notices=("monitor.down",)), "new"),
        (TemplateRemoved(at=1, id="both"), "own"),
        (TemplateRemoved(at=1, id="both"), "own"),
    ):
        id = event.id if isinstance(event, TemplateRemoved) else event.template.id
        fold.feed(id, event)
        assert only(fold) == counts, id


def test_a_replay_takes_the_template_of_now() -> None:
    fold = driver()
    fold.request("t")
    [delivery] = fold.pending()
    [finished] = fold.attempt(delivery, 200)
    fold.feed("all", defined("all"))
    fold.feed(
        "c", DeliveryReplayed(replay="r", at=fold.now, event=finished.event, notice="monitor.down", body=finished.body)
    )
    [again] = fold.pending()
    assert again.wording == Wording(name="all", text="all", project="P")


def test_what_the_fold_needs_is_there_after_a_restart() -> None:
    fold = driver()
    fold.feed("all", defined("all"))
    again = Driver()
    again.view = View(dict(fold.view.items()))
    again.session = Session(DeliveriesFold(), 0, again.view)
    again.offset = fold.offset
    again.request("t")
    assert [each.wording for each in again.pending()] == [Wording(name="all", text="all", project="P")]


def endpoint_of(kind: str = "slack", **options: Any) -> Endpoint:
    return Endpoint(id="c", project="p", url="", notices=(), secret="", kind=kind, options=options)


def worded_by(title: str, text: str, notice: str = "monitor.down", **options: Any) -> tuple[Delivery, str]:
    delivery = replace(delivery_of(notice), wording=Wording(name="Mine", title=title, text=text, project="Shop"))
    return worded(delivery, endpoint_of(**options))


def test_a_template_is_rendered_with_what_the_notice_says() -> None:
    delivery, why = worded_by("{{ project }}: {{ what }}", "{{ why }} ({{ results.size }})", language="fr")
    assert why == ""
    assert delivery.wording is not None
    assert (delivery.wording.title, delivery.wording.text) == ("Shop: Shop est en panne", "HTTP 500 (10)")


@pytest.mark.parametrize(
    "text", ["{% for a in (1..9999) %}x{% endfor %}", "{% nonsense %}", "{{ name | divided_by: 0 }}"]
)
def test_a_template_that_fails_costs_the_notice_nothing(text: str) -> None:
    delivery, why = worded_by("fine", text)
    assert delivery.wording is None
    assert why.startswith("in our own words: the template 'Mine', ")
    assert "line 1" in why
    assert len(why) <= 200
    assert noted(DeliveryResult(200), why).error == why
    assert noted(DeliveryResult(500), why) == DeliveryResult(500)
    assert noted(DeliveryResult(250, error="one was refused"), why).error == "one was refused"


def test_a_notice_that_cannot_be_read_is_told_as_ever() -> None:
    broken = replace(delivery_of("monitor.down"), body="{", wording=Wording(name="Mine", text="x"))
    assert worded(broken, endpoint_of())[0].wording is None


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_what_a_template_compares_is_the_same_in_every_language(language: str) -> None:
    text = "{% if results.first.status == 'down' %}down{% endif %}"
    delivery, why = worded_by("", text, language=language)
    assert why == ""
    assert delivery.wording is not None
    assert delivery.wording.text == "down"


def test_what_comes_out_blank_is_ours() -> None:
    delivery, why = worded_by("{{ tags.first }}", "{% if test %}x{% endif %} ")
    assert (why, delivery.wording and (delivery.wording.title, delivery.wording.text)) == ("", ("", ""))


def test_every_kind_that_people_read_has_words() -> None:
    assert {name for name, kind in CHANNEL_KINDS.items() if not kind.read_by_people} == {"webhook", "updown"}
