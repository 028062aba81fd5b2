"""A channel that is muted: nothing is sent to it, its log has it, and at the end it hears what is still so."""

from typing import Any

import pytest

from schemas.actors import Actor
from schemas.base import SECOND
from schemas.deliveries import Delivery, DeliveryRequested, Endpoint, EndpointDefined, EndpointRemoved, KeptNotice
from schemas.ids import derived_id
from schemas.incidents import IncidentToTell
from schemas.mutes import PlainMute
from schemas.notices import NOTICES, Notice
from schemas.topics import DELIVERIES
from schemas.transitions import DeliveryFinished
from tests.deliveries_driver import T0, Driver
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import V1, fault, made, with_key

CHANNEL, THING = derived_id("test", "channel"), derived_id("test", "thing")
END = T0 + 3_600 * SECOND


def incident(number: int) -> str:
    return derived_id("test", "incident", str(number))


class Muted(Driver):
    """A partition with a channel."""

    def mute(self, until: PlainMute) -> list[Any]:
        endpoint = Endpoint(
            id=CHANNEL, project="p", url="https://e.com/", notices=NOTICES, secret="s", mute_until=until
        )
        return self.feed(CHANNEL, EndpointDefined(at=self.now, endpoint=endpoint, secret_only=True))

    def say(self, notice: Notice, number: int = 1, kind: str = "http", **fields: Any) -> list[Any]:
        data = {"monitor": {"id": THING, "kind": kind}, "incident": {"id": incident(number), "status": "open"}}
        transition = derived_id("test", notice, str(number), str(self.now))
        request = DeliveryRequested(transition=transition, at=self.now, notices=(notice,), data=data, **fields)
        return self.feed(CHANNEL, request)

    def kept(self) -> list[KeptNotice]:
        return [record for _, record in self.view.items() if isinstance(record, KeptNotice)]


@pytest.fixture
def muted() -> Muted:
    driver = Muted()
    driver.tick(T0)
    driver.mute(None)
    driver.mute(END)
    return driver


def ended(effects: list[Any]) -> list[str]:
    return [each.outcome for each in effects if isinstance(each, DeliveryFinished)]


def asked(effects: list[Any]) -> list[tuple[str, str]]:
    return [(each.incident, each.channel) for each in effects if isinstance(each, IncidentToTell)]


def pending(driver: Muted) -> list[str]:
    return [delivery.notice for delivery in driver.pending(CHANNEL)]


def test_nothing_is_sent_and_the_log_has_it(muted: Muted) -> None:
    assert ended(muted.say("monitor.down")) == ["muted"]
    assert ended(muted.say("monitor.not_observed")) == ["muted"]
    assert ended(muted.say("monitor.still_down")) == ["muted"]
    assert pending(muted) == []


def test_at_the_end_the_thing_is_asked_of_what_began_within(muted: Muted) -> None:
    for notice in ("monitor.down", "incident.created", "monitor.still_down", "monitor.down"):
        muted.say(notice)
    muted.say("monitor.down", 2)
    muted.say("monitor.down", 3)
    muted.say("monitor.recovered", 3)  # began and ended within
    assert asked(muted.tick(END - 1)) == []
    assert sorted(asked(muted.tick(END))) == sorted([(incident(1), CHANNEL), (incident(2), CHANNEL)])
    assert muted.kept() == []
    assert asked(muted.tick(END + SECOND)) == []
    assert pending(muted) == []


def test_what_was_told_before_is_told_to_be_over_at_the_end(muted: Muted) -> None:
    assert ended(muted.say("monitor.recovered")) == ["muted"]
    assert pending(muted) == []
    muted.tick(END)
    assert pending(muted) == ["monitor.recovered"]
    assert muted.kept() == []


def test_lifted_by_hand_it_is_the_same(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    muted.say("monitor.recovered", 2)
    assert asked(muted.mute(None)) == [(incident(1), CHANNEL)]
    assert pending(muted) == ["monitor.recovered"]
    muted.say("monitor.down", 4)
    assert sorted(pending(muted)) == ["monitor.down", "monitor.recovered"]


def test_a_notice_after_the_end_and_before_its_tick_ends_it_first(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    muted.now = END + SECOND
    effects = muted.say("monitor.recovered", 1)
    assert asked(effects) == [(incident(1), CHANNEL)]
    assert pending(muted) == ["monitor.recovered"]


def test_it_is_lengthened(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    muted.mute(END + 3_600 * SECOND)
    assert asked(muted.tick(END)) == []
    assert ended(muted.say("monitor.down", 2)) == ["muted"]
    assert len(asked(muted.tick(END + 3_600 * SECOND))) == 2


def test_for_ever_is_for_ever(muted: Muted) -> None:
    muted.mute("forever")
    muted.say("monitor.down", 1)
    assert asked(muted.tick(END + 365 * 86_400 * SECOND)) == []
    assert asked(muted.mute(None)) == [(incident(1), CHANNEL)]


def test_a_restart_changes_nothing(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    again = Muted()
    again.view.__init__(dict(muted.view.items()))  # type: ignore[misc]
    again.session.__init__(again.session.fold, 0, again.view)  # type: ignore[misc]
    again.offset, again.now = muted.offset, muted.now
    assert asked(again.tick(END)) == [(incident(1), CHANNEL)]


def test_a_channel_that_is_removed_leaves_nothing(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    muted.feed(CHANNEL, EndpointRemoved(at=muted.now))
    assert muted.kept() == []
    assert asked(muted.tick(END)) == []


def test_so_many_are_kept(muted: Muted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.deliveries.muted_channels.MOST_KEPT", 2)
    for number in range(5):
        assert ended(muted.say("monitor.down", number)) == ["muted"]
    assert len(asked(muted.tick(END))) == 2


@pytest.mark.parametrize("data", [{}, {"monitor": 1, "incident": []}, {"monitor": {"id": "x"}, "incident": {"id": 5}}])
def test_what_names_no_incident_is_not_kept(muted: Muted, data: dict[str, Any]) -> None:
    request = DeliveryRequested(transition=derived_id("x"), at=muted.now, notices=("monitor.down",), data=data)
    assert ended(muted.feed(CHANNEL, request)) == ["muted"]
    assert muted.kept() == []


# ---- over the API, with the folds of the things


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


def sent(harness: Harness, channel: str) -> list[str]:
    places = (harness.log.records_of(DELIVERIES, number).values() for number in range(harness.log.partitions))
    found = (record for some in places for record in some if isinstance(record, Delivery))
    return sorted(delivery.notice for delivery in found if delivery.channel == channel)


async def mute(harness: Harness, channel: str, until: str | None) -> dict[str, Any]:
    answer = await harness.client.patch(f"{V1}/alert-channels/{channel}", json={"mute_until": until})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["data"]
    assert shown["mute_until"] == until
    return shown


@pytest.mark.parametrize("kind", ["monitor", "check"])
@pytest.mark.parametrize("end", ["open", "acknowledged", "recovered", "paused", "taken off"])
async def test_only_what_is_still_open_and_nobodys_is_told_when_it_ends(harness: Harness, kind: str, end: str) -> None:
    ops, other = harness.make_channel("ops"), harness.make_channel("other")
    if kind == "monitor":
        id = (await made(harness, confirmations=1))["id"]
        harness.log.probe(id)
        harness.log.tick(60)
    else:
        id = (await harness.client.post("/api/v3/checks/", json={"name": "x", "channels": "*"})).json()["uuid"]
    await mute(harness, ops, "forever")
    harness.log.probe(id, ok=False) if kind == "monitor" else harness.log.ping(id, "fail")
    harness.log.tick(1)
    down = ["incident.created", "monitor.down"]
    assert (sent(harness, ops), sent(harness, other)) == ([], down)
    log = (await harness.client.get(f"{V1}/alert-channels/{ops}/deliveries")).json()["data"]
    assert {one["status"] for one in log} == {"muted"}
    place = f"/api/v3/checks/{id}" if kind == "check" else f"{V1}/monitors/{id}"
    if end == "acknowledged":
        assert (await harness.client.post(f"{V1}/incidents/{id}/acknowledge", json={})).status_code == 200
    elif end == "recovered":
        harness.log.tick(60)
        harness.log.probe(id) if kind == "monitor" else harness.log.ping(id)
    elif end == "paused":
        assert (await harness.client.post(f"{place}/pause")).status_code == 200
    elif end == "taken off" and kind == "monitor":
        assert (await harness.client.patch(place, json={"alert_channel_ids": [other]})).status_code == 200
    elif end == "taken off":
        assert (await harness.client.post(place, json={"channels": other})).status_code == 200
    harness.log.tick(1)
    await mute(harness, ops, None)
    harness.log.tick(1)
    assert sent(harness, ops) == (down if end == "open" else [])


async def test_what_is_told_again_within_the_mute_is_told_to_be_over(harness: Harness) -> None:
    ops = harness.make_channel("ops")
    id = (await harness.client.post("/api/v3/checks/", json={"name": "x", "channels": "*"})).json()["uuid"]
    steps = [{"after_minutes": 5, "own_channels": True}]
    policy = {"name": "Again", "steps": steps, "repeat": None, "monitor_ids": [id]}
    assert (await harness.client.post(f"{V1}/escalation-policies", json=policy)).status_code == 201
    harness.log.ping(id, "fail")
    harness.log.tick(60)
    told = sent(harness, ops)
    await mute(harness, ops, "forever")
    harness.log.tick(600)
    log = (await harness.client.get(f"{V1}/alert-channels/{ops}/deliveries")).json()["data"]
    assert "muted" in {one["status"] for one in log}
    harness.log.ping(id)
    harness.log.tick(1)
    assert sent(harness, ops) == told
    await mute(harness, ops, None)
    harness.log.tick(1)
    assert {*sent(harness, ops)} - {*told} == {"incident.resolved", "monitor.recovered"}


async def test_a_mute_that_ends_by_its_time(harness: Harness) -> None:
    from schemas.times import iso

    ops = harness.make_channel("ops")
    id = (await harness.client.post("/api/v3/checks/", json={"name": "x", "channels": "*"})).json()["uuid"]
    await mute(harness, ops, iso(harness.log.time + 600 * SECOND))
    harness.log.ping(id, "fail")
    harness.log.tick(599)
    assert sent(harness, ops) == []
    harness.log.tick(3)
    assert sent(harness, ops) == ["incident.created", "monitor.down"]
    shown = (await harness.client.get(f"{V1}/alert-channels/{ops}")).json()["data"]
    assert shown["mute_until"] is None


async def test_a_test_is_sent_all_the_same(harness: Harness) -> None:
    ops = harness.make_channel("ops")
    await mute(harness, ops, "forever")
    assert (await harness.client.post(f"{V1}/alert-channels/{ops}/test")).status_code < 300
    assert len(sent(harness, ops)) == 1


@pytest.mark.parametrize(
    ("until", "status"),
    [("recovery", 400), ("soon", 400), (5, 400), ("x" * 101, 400), ("9999-12-31T23:59:59Z", 400), ("\x00", 400),
     ("2001-01-01T00:00:00Z", 200)],
)  # fmt: skip
async def test_bad_times(harness: Harness, until: Any, status: int) -> None:
    ops = harness.make_channel("ops")
    answer = await harness.client.patch(f"{V1}/alert-channels/{ops}", json={"mute_until": until})
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["data"]["mute_until"] is None
    else:
        assert fault(answer) == (400, "validation_error")


def test_a_channel_that_is_given_up_hears_nothing_at_the_end_of_its_mute(muted: Muted) -> None:
    muted.say("monitor.down", 1)
    muted.say("monitor.recovered", 2)
    test = muted.say("monitor.down", 3, actor=Actor(kind="api_key"))
    assert ended(test) == []
    [sent] = muted.pending(CHANNEL)
    muted.attempt(sent, 410)
    assert muted.kept() == []
    assert asked(muted.tick(END)) == []
    assert pending(muted) == []
