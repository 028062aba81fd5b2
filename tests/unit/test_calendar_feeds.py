"""Calendars that are fetched for an on-call rotation: what the fold of projects makes of what was read, and of what
failed; and the link to a rotation's own calendar, which can be renewed."""

from typing import Any

import httpx
import pytest

from processors.fold.contract import Effect
from schemas.base import SECOND
from schemas.calendar_feeds import TELL_AFTER, CalendarFailed, CalendarRead, CalendarSet, calendar_key
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id, new_id
from schemas.on_call import Handover, OnCallDefined, OnCallRotation, Override, Turn, on_call_key
from schemas.on_call_requests import OnCallCreate, OnCallDelete, OnCallFields, OnCallOverride
from schemas.topics import PINGS, PROBE_RESULTS
from tests.escalation_desk import channel
from tests.folding import of_type
from tests.harness import WRITE_KEY, Harness
from tests.on_call_desk import ON_CALL, read, rotation
from tests.poppaping_client import OTHERS_KEY, fault, with_key
from tests.projects_desk import NOW, Desk

HOUR = 3_600 * SECOND
URL = "https://calendar.example.com/private-xxxx/basic.ics"


class Feeds(Desk):
    """A project with a channel, and a rotation with a calendar."""

    def __init__(self) -> None:
        super().__init__()
        self.ada = self.channel("Ada")
        self.rotation_id = new_id()
        fields = OnCallFields(
            name="Primary", tz="UTC", handover=Handover("2026-01-05", 7, 0), turns=(Turn((self.ada,), "Ada"),)
        )
        assert self.ask(OnCallCreate(request=new_id(), at=NOW, id=self.rotation_id, fields=fields)).outcome == "made"
        self.set_url()

    def set_url(self, url: str | None = "sealed") -> None:
        request = CalendarSet(request=new_id(), at=self.at, id=self.rotation_id, url=url, host="calendar.example.com")
        assert self.ask(request).outcome == "updated"

    def override(self, number: int, name: str = "") -> Override:
        start = NOW + number * HOUR
        return Override(derived_id("test", "override", number), start, start + HOUR, (self.ada,), name)

    def was_read(self, *overrides: Override, version: int | None = None, left_out: int = 0) -> str:
        request = CalendarRead(
            request=new_id(),
            at=self.at,
            id=self.rotation_id,
            version=version or self.feed.version,
            overrides=overrides,
            left_out=left_out,
        )
        return self.ask(request).outcome

    def failed(self, error: str = "its server answered 500", version: int | None = None) -> list[Effect]:
        request = CalendarFailed(
            request=new_id(), at=self.at, id=self.rotation_id, version=version or self.feed.version, error=error
        )
        self.ask(request)
        return self.effects

    @property
    def rotation(self) -> OnCallRotation:
        found: OnCallRotation = self.session.view.get(on_call_key(self.rotation_id))
        return found

    @property
    def feed(self) -> Any:
        return self.session.view.get(calendar_key(self.rotation_id))

    @property
    def shown(self) -> list[tuple[str, bool]]:
        return [(each.id, each.fetched) for each in self.rotation.overrides]


def told(effects: list[Effect]) -> list[str]:
    return [effect.key for effect in effects if isinstance(effect.value, DeliveryRequested)]


def test_what_was_read_takes_the_place_of_what_was_read_before() -> None:
    desk = Feeds()
    one, two, three = (desk.override(number) for number in (1, 2, 3))
    assert desk.was_read(one, two) == "updated"
    assert {effect.topic for effect in desk.effects if isinstance(effect.value, OnCallDefined)} == {
        PINGS,
        PROBE_RESULTS,
    }
    assert desk.shown == [(one.id, True), (two.id, True)]
    desk.was_read(three)
    assert desk.shown == [(three.id, True)]
    version = desk.rotation.version
    desk.was_read(three)
    assert (desk.rotation.version, of_type(desk.effects, OnCallDefined)) == (version, [])
    assert (desk.feed.changed, desk.feed.left_out) == (NOW, 0)


def test_people_have_the_last_word() -> None:
    desk = Feeds()
    by_hand = desk.override(1, "Bob for Ada")
    desk.ask(OnCallOverride(request=new_id(), at=NOW, id=desk.rotation_id, overrides=(by_hand,)))
    fetched = desk.override(2)
    desk.was_read(fetched, desk.override(1, "of the calendar"))
    assert desk.shown == [(fetched.id, True), (by_hand.id, False)]
    assert desk.rotation.overrides[-1].name == "Bob for Ada"
    desk.set_url(None)
    assert desk.shown == [(by_hand.id, False)]
    assert desk.feed is None


def test_a_failure_changes_no_override_and_is_told_once_after_a_while() -> None:
    desk = Feeds()
    one = desk.override(1)
    desk.was_read(one)
    for hours in (0, 2, 5):
        desk.at = NOW + hours * HOUR
        assert told(desk.failed(f"fault {hours}")) == []
    assert (desk.feed.failing_since, desk.feed.error, desk.shown) == (NOW, "fault 5", [(one.id, True)])
    desk.at = NOW + TELL_AFTER
    effects = desk.failed()
    assert told(effects) == [desk.ada]
    [request] = of_type(effects, DeliveryRequested)
    assert request.notices == ("on-call.calendar_failing",)
    assert request.data["detail"] == "not read since 2023-11-14T22:13:20+00:00: its server answered 500"
    assert "xxxx" not in str(request.data)
    desk.at += HOUR
    assert told(desk.failed()) == []
    desk.was_read(one)
    assert (desk.feed.failing_since, desk.feed.error, desk.feed.told) == (None, "", False)
    desk.failed()
    desk.at += TELL_AFTER
    assert told(desk.failed()) == [desk.ada]


def test_what_an_earlier_address_said_counts_no_more() -> None:
    desk = Feeds()
    earlier = desk.feed.version
    desk.set_url("another")
    assert desk.was_read(desk.override(1), version=earlier) == "refused"
    desk.failed(version=earlier)
    assert (desk.shown, desk.feed.failing_since) == ([], None)
    assert desk.was_read(desk.override(1)) == "updated"


def test_nor_does_what_one_said_that_was_removed_in_between() -> None:
    desk = Feeds()
    earlier = desk.feed.version
    desk.at += SECOND
    desk.set_url(None)
    desk.set_url("another")
    assert desk.was_read(desk.override(1), version=earlier) == "refused"
    assert desk.shown == []


def test_what_cannot_be_taken_as_a_whole_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Feeds()
    one = desk.override(1)
    desk.was_read(one)
    monkeypatch.setattr("processors.projects.on_call.MOST_OVERRIDES", 2)
    assert desk.was_read(*map(desk.override, (2, 3, 4))) == "refused"
    strange = Override(new_id(), NOW, NOW + HOUR, ("another",))
    assert desk.was_read(desk.override(2), strange) == "refused"
    assert desk.shown == [(one.id, True)]


def test_a_rotation_that_is_removed_takes_its_calendar_along() -> None:
    desk = Feeds()
    desk.ask(OnCallDelete(request=new_id(), at=NOW, id=desk.rotation_id))
    assert desk.feed is None


# ---- the API


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def put(harness: Harness, id: str, url: str) -> httpx.Response:
    return await harness.client.put(f"{ON_CALL}/{id}/calendar-feed", json={"url": url})


async def test_set_read_and_removed(harness: Harness) -> None:
    id = (await rotation(harness, channel(harness, "ada")))["id"]
    path = f"{ON_CALL}/{id}/calendar-feed"
    assert fault(await harness.client.get(path)) == (404, "not_found")
    answer = await put(harness, id, URL)
    assert answer.status_code == 200
    first = harness.log.directory.calendar(id)
    assert first is not None
    shown = answer.json()["data"]
    assert (shown["host"], shown["changed_at"], shown["error"]) == ("calendar.example.com", None, None)
    assert "xxxx" not in answer.text
    assert (await harness.client.get(path)).json()["data"] == shown
    assert (await put(harness, id, URL.replace("https", "webcal"))).status_code == 200
    feed = harness.log.directory.calendar(id)
    assert feed is not None
    assert (feed.version, feed.url) == (first.version + 1, f"sealed {URL[::-1]}")
    assert list(harness.log.directory.secrets())[-1] == feed.url
    assert (await harness.client.delete(path)).json()["data"] == {"id": id, "deleted": True}
    assert fault(await harness.client.delete(path)) == (404, "not_found")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/",
        "http://127.0.0.1/x.ics",
        "http://[::1]/",
        "https://a b/",
        "http://localhost/",
        "x" * 3_000,
        "http:",
    ],
)
async def test_bad_addresses(harness: Harness, url: str) -> None:
    id = (await rotation(harness, channel(harness, "ada")))["id"]
    assert fault(await put(harness, id, url)) == (400, "validation_error")
    assert harness.log.directory.calendars() == []


async def test_nobody_else_sees_it_or_sets_it(harness: Harness) -> None:
    id = (await rotation(harness, channel(harness, "ada")))["id"]
    await put(harness, id, URL)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    for method in ("GET", "PUT", "DELETE"):
        answer = await harness.client.request(
            method, f"{ON_CALL}/{id}/calendar-feed", json={"url": URL}, headers=others
        )
        assert fault(answer) == (404, "not_found")
    answer = await harness.client.post(f"{ON_CALL}/{id}/calendar-link", headers=others)
    assert fault(answer) == (404, "not_found")


async def test_a_renewed_link_is_the_only_one_of_its_rotation(harness: Harness) -> None:
    ada = channel(harness, "ada")
    one, other = await rotation(harness, ada), await rotation(harness, ada, name="Other")
    former = [one["calendar_url"]]
    for _ in range(2):
        answer = await harness.client.post(f"{ON_CALL}/{one['id']}/calendar-link")
        former.append(answer.json()["data"]["calendar_url"])
    assert len(set(former)) == 3
    assert (await read(harness, one["id"]))["calendar_url"] == former[-1]
    statuses = [(await harness.client.get(httpx.URL(url).path)).status_code for url in former]
    assert statuses == [404, 404, 200]
    assert (await harness.client.get(httpx.URL(other["calendar_url"]).path)).status_code == 200
