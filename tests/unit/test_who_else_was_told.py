"""Who else was told: the channels of one notice are named in it, for people and for programs."""

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from processors.fold.contract import EVERY, Effect
from processors.fold.told_together import MOST_NAMED, with_others
from processors.sender.channels.ntfy import text_of_message
from processors.sender.messages import message_of
from processors.sender.notice_body import render_body
from processors.sender.notice_facts import facts_of
from schemas.channel_requests import ChannelFields
from schemas.deliveries import DeliveryRequested
from schemas.ids import new_id
from schemas.languages.reading import Reading
from schemas.mutes import PlainMute
from schemas.notice_choices import NoticesChosen
from schemas.notices import Notice
from schemas.requests import ChannelDelete, ChannelDisabled, ChannelUpdate
from schemas.ticks import Tick
from schemas.topics import DELIVERIES, PINGS, PROBE_RESULTS
from tests.chats import TelegramService
from tests.check_story import Story as CheckStory
from tests.check_story import t
from tests.escalation_story import FIRST, SECOND, AnyStory, Down, both
from tests.folding import of_type
from tests.projects_desk import NOW, Desk
from tests.service_channels import AT, data_of, delivery_of, endpoint_to

DOWN: tuple[Notice, ...] = ("monitor.down", "monitor.recovered")
NAMES = {"hook": "Ops", "mail": "Mail of Ada", "chat": "Night shift"}


def describe(story: AnyStory, channel: str, notices: tuple[Notice, ...] = DOWN, until: PlainMute = None) -> None:
    chosen = NoticesChosen(at=t(story.time), notices=notices, name=NAMES.get(channel, channel), mute_until=until)
    story.tell(chosen, story.time, key=channel)


def named(effects: list[Effect]) -> dict[str, list[str] | None]:
    """The names in the request to each channel."""
    found: dict[str, list[str] | None] = {}
    for effect in effects:
        if isinstance(effect.value, DeliveryRequested):
            told = effect.value.data.get("notified")
            found[effect.key] = None if told is None else [one["name"] for one in told["channels"]]
    return found


def each_told(channels: Iterable[str], names: list[str]) -> dict[str, list[str]]:
    return {channel: names for channel in channels}


def three() -> CheckStory:
    story = CheckStory(channels=("hook", "mail", "chat"))
    for channel in NAMES:
        describe(story, channel)
    return story


def test_every_channel_is_told_who_is_told_with_it() -> None:
    story = three()
    effects = story.ping(100, "fail")
    assert named(effects) == each_told(NAMES, ["Ops", "Mail of Ada", "Night shift"])
    assert of_type(effects, DeliveryRequested)[0].data["notified"]["more"] == 0
    assert named(story.ping(200)) == each_told(NAMES, ["Ops", "Mail of Ada", "Night shift"])


def test_who_is_not_sent_it_is_not_named() -> None:
    """It chose otherwise, is muted, was removed or disabled, or is of a version that told no names."""
    story = three()
    describe(story, "mail", ("monitor.ssl_expiration",))
    assert named(story.ping(100, "fail")) == each_told(NAMES, ["Ops", "Night shift"])
    describe(story, "chat", until="forever")
    assert named(story.ping(200)) == dict.fromkeys(NAMES)
    describe(story, "chat", until=t(300))
    describe(story, "mail")
    assert named(story.ping(400, "fail")) == each_told(NAMES, ["Ops", "Mail of Ada", "Night shift"])
    story.tell(NoticesChosen(at=t(400)), 400, key="hook")
    story.tell(NoticesChosen(at=t(400), notices=("monitor.late",)), 400, key="chat")
    assert named(story.ping(500)) == dict.fromkeys(NAMES)


@both
def test_who_was_called_is_named_whatever_it_has_chosen(down: Down) -> None:
    story = down()
    for channel in (FIRST, SECOND, "hook"):
        describe(story, channel, () if channel != "hook" else DOWN)
    story.tick(story.since + 5 * 60 + 2)
    called = named(story.tick(story.since + 15 * 60 + 2))
    assert sorted(called) == [SECOND, "hook"]
    assert [set(names or ()) for names in called.values()] == [{"Ops", SECOND}] * 2
    ended = named(story.recover())
    assert {name for names in ended.values() for name in names or ()} == {"Ops", FIRST, SECOND}


def test_a_restart_knows_the_names() -> None:
    story = three()
    story.folding.restart()
    assert set(named(story.ping(100, "fail"))["hook"] or ()) == set(NAMES.values())


def test_of_many_some_are_named_and_the_others_counted() -> None:
    request = DeliveryRequested(transition="t", at=0, notices=("monitor.down",), data={"monitor": {}})
    effects = [Effect(DELIVERIES, f"c{number}", request) for number in range(500)]
    made = with_others(effects, lambda channel, _: f"Channel {channel}")
    told = {id(effect.value) for effect in made}
    assert len(told) == 1  # they share it, as before
    notified = made[0].value.data["notified"]  # type: ignore[attr-defined]
    assert (len(notified["channels"]), notified["more"]) == (MOST_NAMED, 500 - MOST_NAMED)
    assert with_others(effects[:1], lambda *_: "x") == effects[:1]
    assert with_others(effects, lambda channel, _: "x" if channel == "c1" else "") == effects


def of(*ids: str, more: Any = 0) -> dict[str, Any]:
    return data_of("monitor.down") | {
        "notified": {"channels": [{"id": id, "name": id.upper()} for id in ids], "more": more}
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (of("me", "b"), "B"),
        (of("me", "b", "c"), "B, C"),
        (of("me", "b", more=3), "B and 3 more"),
        (of("a", "b", more=3), "A, B and 2 more"),  # one of the three is the one that is told
        (of("a", "b", more=1), "A, B"),
        (of("me"), ""),
        (of("me", "b", more="x"), "B"),
        ({"notified": {"channels": [1, {"id": "b", "name": "B\nC"}], "more": -1}}, "B C"),
        ({"notified": "x"}, ""),
        ({}, ""),
    ],
)
def test_the_words(data: dict[str, Any], words: str) -> None:
    assert facts_of("monitor.down", data, "https://up.example", channel="me")["others"] == words


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Also told: OPS and 2 more"),
        ("de", "Auch benachrichtigt: OPS und 2 weitere"),
        ("es", "También avisados: OPS y 2 más"),
        ("fr", "Également prévenus: OPS et 2 autres"),
    ],
)
def test_in_the_language_of_the_channel(language: str, line: str) -> None:
    reading = Reading(language)
    facts = facts_of("monitor.down", of("me", "ops", more=2), "https://up.example", reading, "me")
    assert line in text_of_message(facts, "2025-06-15 15:06:40 UTC", reading).split("\n")


@pytest.mark.parametrize(("chat", "is_public"), [("@alerts", True), ("-1001234567890", False), ("42", False)])
def test_in_a_public_channel_of_telegram_strangers_neither_acknowledge_nor_read_output(
    chat: str, is_public: bool
) -> None:
    endpoint, _ = endpoint_to(TelegramService())
    endpoint = replace(endpoint, options=endpoint.options | {"chat_id": chat})
    data = of(endpoint.id, "ops")
    data["incident"] = data["incident"] | {"acknowledge_url": "https://up.example/acknowledge/x"}
    delivery = delivery_of("monitor.down")
    message = message_of(replace(delivery, body=render_body("monitor.down", AT, data)), endpoint)
    keys = [row.key for row in message.rows]
    assert bool(message.acknowledge) is not is_public
    assert ("also_told" in keys) is not is_public
    assert bool(message.blocks) is not is_public
    assert message.page


def notes(effects: list[Effect]) -> list[tuple[object, str, NoticesChosen]]:
    return [(each.topic, each.key, each.value) for each in effects if isinstance(each.value, NoticesChosen)]


def change(desk: Desk, id: str, **fields: Any) -> list[tuple[object, str, NoticesChosen]]:
    desk.ask(ChannelUpdate(request=new_id(), at=NOW, id=id, fields=ChannelFields(**fields)))
    return notes(desk.effects)


def test_every_partition_is_told_what_a_channel_is_called_and_only_when_that_changes() -> None:
    desk = Desk()
    id = desk.channel("Ops")
    [of_checks, of_monitors] = notes(desk.effects)
    assert (of_checks[:2], of_monitors[:2]) == ((PINGS, id), (PROBE_RESULTS, id))
    assert of_checks[2] == of_monitors[2]
    assert (of_checks[2].name, of_checks[2].repeat) == ("Ops", None)
    assert "monitor.down" in of_checks[2].notices
    assert {each.partition for each in desk.effects if isinstance(each.value, NoticesChosen)} == {EVERY}
    assert change(desk, id, url="http://y/") == []
    assert [note.repeat for _, _, note in change(desk, id, repeat_minutes=15)] == [15, 15]
    assert [note.name for _, _, note in change(desk, id, name="")] == ["webhook y"] * 2
    assert [note.mute_until for _, _, note in change(desk, id, mute_until="forever")] == ["forever"] * 2
    desk.put(ChannelDisabled(at=NOW, channel=id, because="410"))
    assert [note.name for _, _, note in notes(desk.effects)] == [""] * 2
    assert [note.name for _, _, note in change(desk, id)] == ["webhook y"] * 2
    desk.ask(ChannelDelete(request=new_id(), at=NOW, id=id))
    assert [(note.name, note.notices) for _, _, note in notes(desk.effects)] == [("", ())] * 2


def test_channels_of_older_versions_are_told_of_by_ticks() -> None:
    desk, told = Desk(), []
    ids = {desk.channel(f"c{number}") for number in range(5)}
    for id in ids:
        known = desk.session.view.get(f"channel/{id}")
        desk.session.view.put(f"channel/{id}", replace(known, noted=False))
    desk.session.view.keep()
    assert desk.session.due() == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.projects.channel_notes.AT_ONCE", 2)
        for number in range(4):
            told += notes(desk.put(Tick(slot="ticker", epoch=1, at=NOW + number, now=NOW + number)))
    assert sorted(key for topic, key, _ in told if topic is PINGS) == sorted(ids)
    assert desk.session.due() > 0
    assert desk.put(Tick(slot="ticker", epoch=1, at=NOW + 9, now=NOW + 9)) == []


def test_the_others_hear_of_a_disabled_channel_together() -> None:
    desk = Desk()
    gone, one, two = desk.channel("Gone"), desk.channel("One"), desk.channel("Two")
    desk.put(ChannelDisabled(at=NOW, channel=gone, because="410"))
    assert {channel: sorted(names or ()) for channel, names in named(desk.effects).items()} == each_told(
        (one, two), ["One", "Two"]
    )
