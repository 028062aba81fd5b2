"""The link in a notice: a GET shows, only a POST acts; used twice, late, and by who was not told."""

import json
from email import message_from_bytes
from email.policy import default
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.secrets.incident_links import PATH, IncidentLink, IncidentLinks
from processors.sender.email_renderer import EmailRenderer
from processors.sender.notice_facts import facts_of
from processors.sender.own_links import OwnLinks
from schemas.base import SECOND
from schemas.deliveries import Delivery, Endpoint
from schemas.ids import derived_id
from schemas.notices import NOTICES
from schemas.times import iso, to_second
from schemas.topics import PROJECTS, TRANSITIONS
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import V1, made, with_key

LINKS = IncidentLinks(b"key")
THING, INCIDENT, CHANNEL = (derived_id("test", name) for name in ("thing", "incident", "channel"))


def test_a_token_says_what_it_was_made_of() -> None:
    token = LINKS.token(THING, INCIDENT, CHANNEL)
    assert token is not None
    assert LINKS.read(token) == IncidentLink(THING, INCIDENT, CHANNEL)
    assert token == LINKS.token(THING, INCIDENT, CHANNEL)
    assert IncidentLinks(b"another key").read(token) is None
    assert LINKS.token("x", INCIDENT, CHANNEL) is None


@given(st.integers(0, 85), st.sampled_from("AZaz09-_"))
def test_a_token_that_was_changed_opens_nothing(place: int, letter: str) -> None:
    token = LINKS.token(THING, INCIDENT, CHANNEL) or ""
    changed = token[:place] + letter + token[place + 1 :]
    # The last letter has bits that say nothing.
    assert changed == token or place == len(token) - 1 or LINKS.read(changed) is None


@given(st.text(max_size=100))
def test_any_text_is_no_token(text: str) -> None:
    assert LINKS.read(text) is None


# ---- in what is sent


def notice(**incident: Any) -> dict[str, Any]:
    return {
        "event": "monitor.down",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "data": {
            "monitor": {"id": THING, "name": '"incident":{"id":"', "url": "https://x.example/", "kind": "http"},
            "incident": {"id": INCIDENT, "started_at": "2026-01-01T00:00:00+00:00", "cause": "x", "status": "open"}
            | incident,
        },
    }


def delivery(body: dict[str, Any], name: Any = "monitor.down") -> Delivery:
    text = json.dumps(body, separators=(",", ":"))
    return Delivery(id="d", event="e", channel=CHANNEL, notice=name, body=text, first_due=0)


def endpoint(kind: Any = "webhook", **fields: Any) -> Endpoint:
    return Endpoint(id=CHANNEL, project="p", url="https://r.example/", notices=NOTICES, secret="", kind=kind, **fields)


OWN = OwnLinks("https://up.example/pingfold", "https://up.example/pulse/", LINKS)


def test_an_open_incident_has_the_link_and_nothing_else_is_changed() -> None:
    sent = OWN.of_delivery(delivery(notice()), endpoint())
    body = json.loads(sent.body)
    url = body["data"]["incident"].pop("acknowledge_url")
    assert body == notice()
    assert url.startswith(f"https://up.example/pingfold{PATH}")
    assert LINKS.read(url.rpartition("/")[2]) == IncidentLink(THING, INCIDENT, CHANNEL)
    assert OWN.of_delivery(sent, endpoint()) == sent
    assert OWN.of_delivery(delivery(notice()), endpoint()) == sent


@pytest.mark.parametrize("name", ["monitor.recovered", "incident.resolved", "monitor.ssl_expiration"])
def test_what_is_over_has_none(name: str) -> None:
    asked = delivery(notice(), name)
    assert OWN.of_delivery(asked, endpoint()) == asked


def test_a_test_has_none_and_a_body_without_ids_neither() -> None:
    for body in (notice() | {"data": {**notice()["data"], "test": True}}, {"data": {"incident": None}}, notice(id="x")):
        asked = delivery(body)
        assert OWN.of_delivery(asked, endpoint()) == asked


def test_people_read_it_in_a_mail() -> None:
    mail = endpoint("email", addresses=("ada@example.org",))
    sent = OWN.of_delivery(delivery(notice()), mail)
    url = json.loads(sent.body)["data"]["incident"]["acknowledge_url"]
    content = EmailRenderer("Pingfold", "watch@example.org").write(sent, mail)
    mail_read = message_from_bytes(content, policy=default)
    texts = [part.get_content() for part in mail_read.walk() if part.get_content_maintype() == "text"]
    assert len(texts) == 2
    assert all(url in text for text in texts)
    bad = notice(acknowledge_url="javascript:alert(1)")["data"]
    assert facts_of("monitor.down", bad, "https://up.example")["acknowledge"] == ""


# ---- the page


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def down(harness: Harness) -> tuple[str, str, str]:
    """A monitor that is down, its incident, and the link of it."""
    channel = harness.make_channel("hook")
    id = (await made(harness, confirmations=1))["id"]
    harness.log.probe(id)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    [incident] = (await harness.client.get(f"{V1}/incidents?status=open")).json()["data"]
    return id, incident["id"], link(harness, id, incident["id"], channel)


def link(harness: Harness, thing: str, incident: str, channel: str) -> str:
    token = harness.incident_links.token(thing, incident, channel)
    assert token is not None
    return PATH + token


def said(harness: Harness) -> list[dict[str, Any]]:
    return [value for _, value in harness.log.of(TRANSITIONS) if value.get("action") == "acknowledged"]


def must_be_closed(answer: httpx.Response) -> None:
    """It is kept by nobody, runs nothing, and tells its address to nobody."""
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_robot_that_follows_the_link_does_nothing(harness: Harness) -> None:
    _, _, path = await down(harness)
    before = len(list(harness.log.of(PROJECTS)))
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        answer = await harness.client.request(method, path)
        assert answer.status_code in (200, 204)
    answer = await harness.client.get(path)
    must_be_closed(answer)
    assert "I take care of it" in answer.text
    assert len(list(harness.log.of(PROJECTS))) == before
    assert said(harness) == []


async def test_the_first_wins_and_the_others_are_told_who_and_when(harness: Harness) -> None:
    id, _, path = await down(harness)
    first = await harness.client.post(path, data={"by": "Ada  Lovelace\n", "comment": "<b>on it</b>"})
    assert first.status_code == 200
    assert "Thank you" in first.text
    assert "&lt;b&gt;on it&lt;/b&gt;" in first.text
    second = await harness.client.post(path, data={"by": "Bob"})
    assert second.status_code == 409
    assert "Ada Lovelace" in second.text
    assert "Thank you" not in second.text
    shown = await harness.client.get(path)
    assert (shown.status_code, "Ada Lovelace" in shown.text) == (200, True)
    [entry] = said(harness)
    assert entry["actor"]["kind"] == "page"
    harness.log.tick(60)
    harness.log.probe(id)
    for method in ("GET", "POST"):
        late = await harness.client.request(method, path)
        assert (late.status_code, "It is over" in late.text) == (410, True)
        must_be_closed(late)
    assert len(said(harness)) == 1


async def test_who_gives_no_name_is_told_by_the_channel(harness: Harness) -> None:
    _, incident, path = await down(harness)
    assert (await harness.client.post(path, content=b"\xff\xfe")).status_code == 200
    acknowledgement = (await harness.client.get(f"{V1}/incidents/{incident}")).json()["data"]["acknowledgement"]
    assert acknowledgement["by"] == "somebody who was told by hook"


async def test_a_heartbeat_check(harness: Harness) -> None:
    check = (await harness.client.post("/api/v3/checks/", json={"name": "Nightly"})).json()["uuid"]
    harness.log.ping(check, "fail")
    state = harness.log.states.state(check)
    assert state is not None
    path = link(harness, check, state.incident or "", harness.make_channel(""))
    assert "Nightly" in (await harness.client.get(path)).text
    assert (await harness.client.post(path)).status_code == 200
    assert "somebody" in (await harness.client.get(path)).text


async def test_the_link_of_a_channel_that_was_removed_acts_no_more(harness: Harness) -> None:
    id, incident, _ = await down(harness)
    channel = harness.make_channel("old")
    path = link(harness, id, incident, channel)
    assert (await harness.client.get(path)).status_code == 200
    assert (await harness.client.delete(f"{V1}/alert-channels/{channel}")).status_code == 200
    for method in ("GET", "POST"):
        answer = await harness.client.request(method, path)
        assert (answer.status_code, "no longer valid" in answer.text) == (410, True)
        must_be_closed(answer)
    assert said(harness) == []


async def test_what_was_never_there(harness: Harness) -> None:
    id, incident, path = await down(harness)
    # Of the signature, where each letter says six bits.
    wrong = f"{path[:-6]}{'A' if path[-6] != 'A' else 'B'}{path[-5:]}"
    gone = link(harness, THING, incident, CHANNEL)
    for place, status in ((wrong, 404), (f"{PATH}x", 404), (gone, 404), (link(harness, id, INCIDENT, CHANNEL), 410)):
        for method in ("GET", "POST"):
            answer = await harness.client.request(method, place)
            assert answer.status_code == status, (place, method)
            must_be_closed(answer)
    assert urlsplit(path).path == path
    assert said(harness) == []


async def test_while_nothing_can_be_stored_the_page_says_so(harness: Harness) -> None:
    _, _, path = await down(harness)
    harness.log.held.add(PROJECTS.name)
    answer = await harness.client.post(path, data={"by": "Ada"})
    assert (answer.status_code, "try again" in answer.text) == (503, True)


async def test_who_comes_during_a_snooze_is_told_when_it_ends(harness: Harness) -> None:
    _, incident, path = await down(harness)
    until = harness.log.time + 7_200 * SECOND
    body = {"by": "Ada", "until": iso(until)}
    assert (await harness.client.post(f"{V1}/incidents/{incident}/acknowledge", json=body)).status_code == 200
    assert f"Until {to_second(until)} UTC it is not repeated" in (await harness.client.get(path)).text
