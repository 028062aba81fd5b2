"""Channels in the projects fold: e-mail and webhooks are defined for their deliveries, changed, and changed again."""

from typing import Any

import msgspec
import pytest

from schemas import origins
from schemas.base import encode
from schemas.decisions import Decision
from schemas.definitions import Channel
from schemas.deliveries import EndpointDefined
from schemas.ids import new_id
from schemas.recipients import Address
from schemas.rejections import RejectionCode
from schemas.requests import ChannelCreate, ChannelFields, ChannelUpdate
from schemas.topics import DELIVERIES
from tests.projects_desk import NOW, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def mail(desk: Desk, *addresses: str) -> Channel:
    return Channel(id=new_id(), project=desk.project, kind="email", url="", created=NOW, addresses=addresses)


def change(desk: Desk, id: str, **fields: Any) -> Decision:
    return desk.ask(ChannelUpdate(request=new_id(), at=NOW, id=id, fields=ChannelFields(**fields)))


def defined(desk: Desk) -> EndpointDefined:
    """The newest definition that went to the deliveries."""
    _, event = desk.sent(DELIVERIES)[-1]
    assert isinstance(event, EndpointDefined)
    return event


def test_an_email_channel_has_addresses_and_no_secret(desk: Desk) -> None:
    channel = mail(desk, "a@example.org", "b@example.org")
    assert desk.ask(ChannelCreate(request="r", at=NOW, channel=channel)).outcome == "made"
    endpoint = defined(desk).endpoint
    assert (endpoint.kind, endpoint.addresses) == ("email", ("a@example.org", "b@example.org"))
    assert (endpoint.url, endpoint.secret) == ("", "")


def test_an_email_channel_without_addresses_is_no_request(desk: Desk) -> None:
    reason = desk.refusal(ChannelCreate(request="r", at=NOW, channel=mail(desk)))
    assert reason == "an e-mail channel without addresses"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b\r\nRCPT TO:<x@y>",
        "a@é",
        "é\u00a0@b",
        "a@-b",
        "a..b@c",
        ".a@b",
        "<a@b>",
    ],
)
def test_what_is_no_address_is_no_request(desk: Desk, address: str) -> None:
    reason = desk.refusal(ChannelCreate(request="r", at=NOW, channel=mail(desk, address)))
    assert "channel.addresses" in reason


@pytest.mark.parametrize(
    "address", ["a@b", "é@b", "first.last+tag@mail.example.org", "x" * 60 + "@" + "y" * 63 + ".example"]
)
def test_what_is_an_address_is_one(address: str) -> None:
    assert msgspec.convert(address, Address) == address


def test_a_webhook_is_changed_in_place_and_starts_afresh(desk: Desk) -> None:
    id = desk.channel("ops")
    before = desk.session.view.get(f"channel/{id}")
    assert (
        change(desk, id, name="night", url="https://y/", notices=("monitor.down",), secret="own").outcome == "updated"
    )
    after = desk.session.view.get(f"channel/{id}")
    given = {"name": "night", "url": "https://y/", "notices": ("monitor.down",), "secret": "own"}
    assert after == msgspec.structs.replace(before, version=1, **given)
    endpoint = defined(desk).endpoint
    assert (endpoint.url, endpoint.notices, endpoint.secret) == ("https://y/", ("monitor.down",), "own")
    assert change(desk, id).outcome == "updated"
    assert defined(desk).endpoint == endpoint
    change(desk, id, secret=None)
    assert desk.session.view.get(f"channel/{id}").secret is None
    assert defined(desk).endpoint.secret != "own"


def test_a_changed_name_is_the_one_that_checks_use(desk: Desk) -> None:
    id = desk.channel("ops")
    change(desk, id, name="night")
    check = desk.create(name="c", channels="night")
    assert desk.check(check.id).channels == (id,)
    assert desk.create(name="d", channels="ops").reason == "invalid channel identifier: ops"


def test_a_channel_stays_of_its_kind(desk: Desk) -> None:
    webhook = desk.channel("ops")
    channel = mail(desk, "a@example.org")
    desk.ask(ChannelCreate(request="r", at=NOW, channel=channel))
    for id, fields in (
        (webhook, {"addresses": ("a@example.org",)}),
        (channel.id, {"url": "https://y/"}),
        (channel.id, {"secret": "s"}),
    ):
        assert change(desk, id, **fields).reason == "wrong kind of channel"
        assert desk.sent(DELIVERIES) == []
    assert change(desk, channel.id, addresses=("b@example.org",)).outcome == "updated"
    assert defined(desk).endpoint.addresses == ("b@example.org",)
    assert change(desk, new_id(), name="x").reason == "no such channel"


def test_an_update_to_no_addresses_is_no_request(desk: Desk) -> None:
    request = ChannelUpdate(request="r", at=NOW, id=new_id(), fields=ChannelFields(addresses=()))
    assert b'"addresses":[]' in encode(request)
    assert "fields.addresses" in desk.refusal(request)


def test_what_only_another_kind_stores_is_refused(desk: Desk) -> None:
    assert change(desk, desk.channel("ops"), options={"topic": "x"}).reason == "wrong kind of channel"
    assert desk.sent(DELIVERIES) == []


def test_a_secret_stays_with_the_origin_as_it_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No table of letters decides here: it would decide otherwise with another version of it."""

    def asked(*_: object) -> str:
        raise AssertionError("a fold asks a table")

    monkeypatch.setattr(origins, "encoded_host", asked)
    topic: dict[str, str | int | bool] = {"topic": "t"}
    channel = Channel(
        id=new_id(), project=desk.project, kind="ntfy", url="https://a.test", created=NOW, secret="s", options=topic
    )
    assert desk.ask(ChannelCreate(request="r", at=NOW, channel=channel)).outcome == "made"
    assert change(desk, channel.id, url="https://A.test:443").outcome == "updated"
    for url in ("https://b.test", "http://a.test", "https://a.test:8443", "https://bücher.test"):
        assert change(desk, channel.id, url=url).code is RejectionCode.CHANGED_MEANWHILE, url
