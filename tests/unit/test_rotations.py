"""Ping keys and webhook secrets are rotated with an overlap, whose end stands in the definition."""

from typing import Any

import pytest
from msgspec.structs import replace

from infra.log.directory import Directory
from processors.projects.rotations import MOST_FORMER
from schemas.base import SECOND, Micros, encode
from schemas.decisions import Decision
from schemas.definitions import Channel, FormerPingKey, FormerSecret, Project
from schemas.deliveries import EndpointDefined
from schemas.ids import new_id
from schemas.requests import (
    DAY,
    ChannelCreate,
    ChannelFields,
    ChannelRotateSecret,
    ChannelUpdate,
    ProjectRotatePingKey,
    ProjectRotateWebhookSecret,
)
from schemas.topics import DELIVERIES
from tests.deliveries_driver import Driver
from tests.projects_desk import NOW, Desk

LATER = NOW + DAY * SECOND


@pytest.fixture
def desk() -> Desk:
    return Desk()


def project(desk: Desk) -> Project:
    found: Project = desk.session.view.get(f"project/{desk.project}")
    return found


def channel(desk: Desk, id: str) -> Channel:
    found: Channel = desk.session.view.get(f"channel/{id}")
    return found


def ping_key(desk: Desk, key: str, at: Micros = NOW, **fields: Any) -> Decision:
    return desk.ask(ProjectRotatePingKey(request=new_id(), at=at, ping_key=key.ljust(16, "-"), **fields))


def project_secret(desk: Desk, secret: str, at: Micros = NOW, **fields: Any) -> Decision:
    return desk.ask(ProjectRotateWebhookSecret(request=new_id(), at=at, secret=secret, **fields))


def channel_secret(desk: Desk, id: str, secret: str, at: Micros = NOW, **fields: Any) -> Decision:
    return desk.ask(ChannelRotateSecret(request=new_id(), at=at, id=id, secret=secret, **fields))


def told(desk: Desk) -> dict[str, EndpointDefined]:
    return {key: event for key, event in desk.sent(DELIVERIES) if isinstance(event, EndpointDefined)}


# ---- ping keys


def test_the_former_ping_key_counts_until_the_overlap_ends(desk: Desk) -> None:
    first, second = project(desk).ping_key, "second".ljust(16, "-")
    assert ping_key(desk, "second").outcome == "updated"
    assert project(desk).ping_key == second
    assert project(desk).former_ping_keys == (FormerPingKey(key=first, until=LATER),)
    directory = Directory()
    directory.apply(0, f"project/{desk.project}", encode(project(desk)))
    for moment in (NOW, LATER - 1, LATER, LATER + DAY * SECOND):
        assert directory.project_of_ping_key(second, moment) == desk.project
        assert directory.project_of_ping_key(first, moment) == (desk.project if moment < LATER else None)
    assert directory.project_of_ping_key("of-nobody", NOW) is None


def test_a_ping_key_that_was_rotated_out_is_dropped_from_the_directory(desk: Desk) -> None:
    first, directory = project(desk).ping_key, Directory()
    for key, overlap in (("second", DAY), ("third", 0)):
        directory.apply(0, f"project/{desk.project}", encode(project(desk)))
        ping_key(desk, key, overlap=overlap)
    directory.apply(0, f"project/{desk.project}", encode(project(desk)))
    assert project(desk).former_ping_keys == ()
    for key in (first, "second".ljust(16, "-")):
        assert directory.project_of_ping_key(key, NOW) is None
    assert directory.project_of_ping_key("third".ljust(16, "-"), NOW) == desk.project


def test_overlaps_are_never_lengthened_and_end_by_the_time_of_the_request(desk: Desk) -> None:
    first = project(desk).ping_key
    ping_key(desk, "second", overlap=100)
    ping_key(desk, "third", at=NOW + 50 * SECOND, overlap=1_000)
    assert [former.until for former in project(desk).former_ping_keys] == [NOW + 100 * SECOND, NOW + 1_050 * SECOND]
    ping_key(desk, "fourth", at=NOW + 60 * SECOND, overlap=10)
    assert {former.until for former in project(desk).former_ping_keys} == {NOW + 70 * SECOND}
    ping_key(desk, "fifth", at=NOW + 80 * SECOND)
    assert [former.key[:6] for former in project(desk).former_ping_keys] == ["fourth"]
    assert first not in {former.key for former in project(desk).former_ping_keys}


def test_a_request_that_comes_twice_changes_nothing(desk: Desk) -> None:
    ping_key(desk, "second")
    ping_key(desk, "third")
    before = project(desk)
    for key in ("second", "third"):
        assert ping_key(desk, key, at=NOW + SECOND).outcome == "found"
    assert project(desk) == before
    id = desk.channel()
    for secret in ("x", "y"):
        assert project_secret(desk, secret).outcome == channel_secret(desk, id, f"own {secret}").outcome == "updated"
    for secret in ("x", "y"):
        assert project_secret(desk, secret).outcome == channel_secret(desk, id, f"own {secret}").outcome == "found"
        assert told(desk) == {}


def test_so_many_former_ones_and_no_more(desk: Desk) -> None:
    id = desk.channel(secret="own")
    for number in range(MOST_FORMER):
        name = f"n{number}"
        decisions = ping_key(desk, name), project_secret(desk, name), channel_secret(desk, id, name)
        assert [decision.outcome for decision in decisions] == ["updated"] * 3
    before = project(desk), channel(desk, id)
    for decision in (ping_key(desk, "more"), project_secret(desk, "more"), channel_secret(desk, id, "more")):
        assert (decision.outcome, decision.reason) == ("refused", "rotated too often")
    assert (project(desk), channel(desk, id)) == before
    assert ping_key(desk, "more", overlap=0).outcome == "updated"


@pytest.mark.parametrize("fields", [{"ping_key": "short"}, {"ping_key": "a/b".ljust(20, "c")}, {"overlap": -1}])
def test_what_is_no_rotation(desk: Desk, fields: dict[str, Any]) -> None:
    values: dict[str, Any] = {"ping_key": "k" * 22, "overlap": 1} | fields
    assert next(iter(fields)) in desk.refusal(ProjectRotatePingKey(request="r", at=NOW, **values))


# ---- webhook secrets


def test_the_secret_of_a_project_is_rotated_for_the_channels_that_it_signs(desk: Desk) -> None:
    by_project, own = desk.channel("a"), desk.channel("b", secret="own")
    mail = Channel(id=new_id(), project=desk.project, kind="email", url="", created=0, addresses=("a@b",))
    desk.ask(ChannelCreate(request="r", at=NOW, channel=mail))
    assert project_secret(desk, "new").outcome == "updated"
    former = FormerSecret(secret="sealed", until=LATER)
    assert (project(desk).webhook_secret, project(desk).former_webhook_secrets) == ("new", (former,))
    assert set(told(desk)) == {by_project}
    defined = told(desk)[by_project]
    assert (defined.endpoint.secret, defined.endpoint.former_secrets, defined.secret_only) == ("new", (former,), True)
    assert channel(desk, own).secret == "own"
    made = desk.channel("c")  # one that is made during the overlap may be of a receiver that knows the former one
    assert told(desk)[made].endpoint.former_secrets == (former,)


def test_a_channel_gets_a_secret_of_its_own_whatever_signed_it_before(desk: Desk) -> None:
    id = desk.channel()
    assert channel_secret(desk, id, "first", overlap=100).outcome == "updated"
    by_project = FormerSecret(secret="sealed", until=NOW + 100 * SECOND)
    assert (channel(desk, id).secret, channel(desk, id).former_secrets) == ("first", (by_project,))
    channel_secret(desk, id, "second")
    first = FormerSecret(secret="first", until=LATER)
    endpoint = told(desk)[id].endpoint
    assert (endpoint.secret, endpoint.former_secrets) == ("second", (by_project, first))
    # A change by hand counts at once.
    desk.ask(ChannelUpdate(request="r", at=NOW, id=id, fields=ChannelFields(secret="third")))
    assert channel(desk, id).former_secrets == told(desk)[id].endpoint.former_secrets == ()
    assert not told(desk)[id].secret_only
    channel_secret(desk, id, "fourth")
    desk.ask(ChannelUpdate(request="s", at=NOW, id=id, fields=ChannelFields(secret=None)))
    assert told(desk)[id].endpoint.former_secrets == ()


def test_what_has_no_secret_has_none_to_rotate(desk: Desk) -> None:
    mail = Channel(id=new_id(), project=desk.project, kind="email", url="", created=0, addresses=("a@b",))
    desk.ask(ChannelCreate(request="r", at=NOW, channel=mail))
    assert channel_secret(desk, mail.id, "x").reason == "wrong kind of channel"
    assert channel_secret(desk, new_id(), "x").reason == "no such channel"


def test_a_channel_that_was_given_up_stays_so_when_its_secret_is_rotated(desk: Desk) -> None:
    id = desk.channel()
    driver = Driver()
    driver.feed(id, told(desk)[id])
    driver.request("t", id)
    [delivery] = [record for _, record in driver.view.items() if type(record).__name__ == "Delivery"]
    driver.attempt(delivery, 410)  # type: ignore[arg-type]
    before = driver.view.get(f"health/{id}")
    assert before.disabled
    channel_secret(desk, id, "new")
    driver.feed(id, told(desk)[id])
    assert driver.view.get(f"health/{id}") == before
    assert driver.view.get(f"endpoint/{id}").secret == "new"
    driver.feed(id, replace(told(desk)[id], secret_only=False))
    assert not driver.view.get(f"health/{id}").disabled
    unknown = Driver()  # its first definition is lost
    unknown.feed(id, told(desk)[id])
    assert unknown.view.get(f"health/{id}") is not None
