"""ntfy: what a channel may be configured by, what is told of it, and the message that a notice becomes."""

from collections.abc import Mapping
from email.header import decode_header, make_header
from typing import Any

import msgspec
import pytest

from processors.sender.channels import ntfy as sending
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.lanes import Secrets
from processors.sender.mail_headers import one_line
from processors.sender.notice_body import render_body
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.base import SECOND
from schemas.channels.kind import InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.ntfy import Config
from schemas.definitions import Channel
from schemas.deliveries import Delivery, Endpoint

NTFY = CHANNEL_KINDS["ntfy"]
AT = 1_750_000_000 * SECOND
GIVEN = {"server": "https://ntfy.sh", "topic": "alerts"}


def channel(**fields: Any) -> Channel:
    known: dict[str, Any] = {"url": "https://ntfy.sh", "options": {"topic": "alerts"}}
    return Channel(id="c", project="p", kind="ntfy", created=0, **known | fields)


# ---- the configuration


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (GIVEN, {"url": "https://ntfy.sh", "options": {"topic": "alerts"}}),
        (GIVEN | {"server": "http://10.0.0.1:8080/"}, {"url": "http://10.0.0.1:8080", "options": {"topic": "alerts"}}),
        (GIVEN | {"server": "https://a.example/n//"}, {"url": "https://a.example/n", "options": {"topic": "alerts"}}),
        (GIVEN | {"topic": "-_Az09" + "x" * 58}, {"url": "https://ntfy.sh", "options": {"topic": "-_Az09" + "x" * 58}}),
        (GIVEN | {"token": "tk_1"}, {"url": "https://ntfy.sh", "options": {"topic": "alerts"}, "secret": "tk_1"}),
        (GIVEN | {"token": None}, {"url": "https://ntfy.sh", "options": {"topic": "alerts"}, "secret": None}),
    ],
)  # fmt: skip
def test_what_a_channel_is_configured_by(given: dict[str, Any], fields: dict[str, Any]) -> None:
    assert NTFY.validate(given, None) == fields


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({}, "server", "must be an http or https URL"),
        ({"server": "https://ntfy.sh"}, "topic", "must be 1 to 64 letters"),
        ({"topic": "alerts"}, "server", "must be an http or https URL"),
        (GIVEN | {"server": "ntfy.sh"}, "server", "must be an http or https URL"),
        (GIVEN | {"server": "ftp://ntfy.sh"}, "server", "must be an http or https URL"),
        (GIVEN | {"server": "https://ntfy.sh/a b"}, "server", "must be an http or https URL"),
        (GIVEN | {"server": "https://ntfy.sh/\r\nX: y"}, "server", "must be an http or https URL"),
        (GIVEN | {"server": "https://me:pw@ntfy.sh"}, "server", "must not hold credentials"),
        (GIVEN | {"server": "https://@ntfy.sh"}, "server", "must not hold credentials"),
        (GIVEN | {"server": "https://ntfy.sh/?auth=x"}, "server", "neither a query nor a fragment"),
        (GIVEN | {"server": "https://ntfy.sh/#x"}, "server", "neither a query nor a fragment"),
        (GIVEN | {"server": "https://ntfy.sh/ä"}, "server", "must be ASCII"),
        (GIVEN | {"topic": ""}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "x" * 65}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "a/b"}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "a.b"}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "a,b"}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "alerts\n"}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "älarm"}, "topic", "must be 1 to 64"),
        (GIVEN | {"topic": "docs"}, "topic", "must not be docs"),
        (GIVEN | {"topic": "v1"}, "topic", "must not be v1"),
    ],
)
def test_what_is_no_channel(given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidChannelField) as error:
        NTFY.validate(given, None)
    assert error.value.field == field
    assert words in error.value.problem


def test_a_change_sets_what_it_gives() -> None:
    assert NTFY.validate({}, channel()) == {}
    assert NTFY.validate({"topic": "other"}, channel()) == {"options": {"topic": "other"}}
    assert NTFY.validate({"token": None}, channel()) == {"secret": None}
    with pytest.raises(InvalidChannelField, match="server"):
        NTFY.validate({"server": ""}, channel())


@pytest.mark.parametrize("token", ["", "a b", "tk\r\nX-Priority: 5", "tökn", "x" * 201])
def test_a_token_that_could_end_a_header_is_none(token: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"token": token}, Config)
    assert msgspec.convert({"token": "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"}, Config)


def test_the_topic_and_the_token_are_not_told() -> None:
    kept = channel(url="https://user.example:8443/ntfy", secret="sealed")
    assert NTFY.redact(kept) == "user.example"
    assert NTFY.told == frozenset()
    shown = msgspec.to_builtins(NTFY.show_config(kept))
    assert shown == {"server": "https://user.example:8443/ntfy", "topic": "alerts", "has_token": True}
    assert msgspec.to_builtins(NTFY.show_form(channel())) == GIVEN | {"has_token": False}


@pytest.mark.parametrize(
    "fields", [{"options": {}}, {"options": {"topic": 1}}, {"options": {"topic": "a/b"}}, {"url": ""}]
)
def test_a_definition_that_leads_nowhere_is_none(fields: dict[str, Any]) -> None:
    assert NTFY.problem(channel()) == ""
    assert NTFY.problem(channel(**fields)).startswith("an ntfy channel whose ")


def test_a_topic_is_given_as_its_url() -> None:
    assert NTFY.of_target("https://a.example/ntfy/alerts") == {"server": "https://a.example/ntfy", "topic": "alerts"}
    assert NTFY.target(GIVEN | {"has_token": True}) == "https://ntfy.sh/alerts"


# ---- the message


MONITOR = {"id": "m", "name": "Web", "url": "https://web.example/", "kind": "http"}
INCIDENT = {"id": "i", "started_at": "2025-06-15T15:06:40+00:00", "resolved_at": None, "cause": "timed out"}


class Posted:
    """A client that keeps what is posted."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, Mapping[str, str], bool]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, verify: bool = True, dead: bool = False
    ) -> Exchange:
        assert (method, verify) == ("POST", True)
        self.calls.append((url, body, headers, dead))
        return Exchange(DeliveryResult(200))


async def nothing(*_: Any) -> DeliveryResult:
    raise AssertionError("nothing else is posted")


async def sent(
    notice: str = "monitor.down", data: dict[str, Any] | None = None, body: str | None = None, token: str = ""
) -> tuple[Posted, DeliveryResult]:
    """What is posted for a notice, and what came of it."""
    rendered = render_body(notice, AT, data or {"monitor": MONITOR, "incident": INCIDENT}, "https://pingfold.example")
    endpoint = Endpoint(
        id="c", project="p", url="https://ntfy.sh", notices=(), secret="", kind="ntfy", options={"topic": "alerts"},
        site="https://pingfold.example",
    )  # fmt: skip
    delivery = Delivery(
        id="d", event="e", channel="c", notice=notice, body=rendered if body is None else body, first_due=0  # type: ignore[arg-type]
    )  # fmt: skip
    client = Posted()
    clients = Clients(nothing, None, services=Services(client))
    answer = await sending.send(Outgoing(endpoint, delivery, Secrets(token), AT, False), clients)
    return client, answer


async def test_a_message_goes_to_its_topic_with_title_priority_tags_and_a_page() -> None:
    client, answer = await sent()
    assert answer == DeliveryResult(200)
    [(url, body, headers, dead)] = client.calls
    assert (url, dead) == ("https://ntfy.sh/alerts", False)
    assert headers["Title"] == "Web is down"
    assert (headers["Priority"], headers["Tags"]) == ("high", "rotating_light")
    assert headers["Click"] == "https://pingfold.example/"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Authorization" not in headers
    assert body.decode().splitlines() == ["timed out", "https://web.example/", "Since: 2025-06-15 15:06:40 UTC"]


async def test_a_token_is_sent_as_bearer() -> None:
    client, _ = await sent(token="tk_secret")
    [(url, body, headers, _)] = client.calls
    assert headers["Authorization"] == "Bearer tk_secret"
    assert "tk_secret" not in url + body.decode()


@pytest.mark.parametrize(
    ("notice", "priority", "tag"),
    [
        ("monitor.down", "high", "rotating_light"),
        ("monitor.recovered", "default", "heavy_check_mark"),
        ("incident.created", "high", "rotating_light"),
        ("incident.resolved", "default", "heavy_check_mark"),
        ("monitor.not_observed", "default", "warning"),
        ("monitor.still_down", "high", "rotating_light"),
        ("monitor.performance_drop", "default", "snail"),
        ("channel.disabled", "high", "no_entry"),
    ],
)
async def test_priority_and_tag_are_those_of_the_notice(notice: str, priority: str, tag: str) -> None:
    client, _ = await sent(notice)
    headers = client.calls[0][2]
    assert (headers["Priority"], headers["Tags"]) == (priority, tag)


async def test_a_test_says_that_it_is_one() -> None:
    client, _ = await sent(data={"test": True, "monitor": MONITOR, "incident": INCIDENT})
    _, body, headers, _ = client.calls[0]
    assert headers["Title"] == "Test: Web is down"
    assert body.startswith(b"This is a test")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": 5}', "no JSON"])
async def test_what_is_no_notice_is_a_failed_attempt(body: str) -> None:
    client, answer = await sent(body=body)
    assert client.calls == []
    assert answer.status is None
    assert answer.error.startswith("the notice cannot be made a message")


async def test_what_a_notice_holds_can_be_anything() -> None:
    odd = {"name": ["x"], "url": {"a": 1}, "id": 5, "kind": "heartbeat", "last_results": 7}
    client, answer = await sent(data={"monitor": odd, "incident": "x", "detail": None})
    assert answer.status == 200
    _, body, headers, _ = client.calls[0]
    assert headers["Title"] == "5 is down"
    assert "Click" not in headers
    assert body.decode().startswith("When: 2025-06-15 15:06:40 UTC")


@pytest.mark.parametrize(
    "name",
    [
        "Zürich",
        "🧨 日本語" * 30,
        "=?utf-8?q?x?=",
        "a\r\nPriority: 5\r\n\r\nbody",
        "\ud800",
        "x\u202ey",
        "x" * 500,
        "é" * 300,
    ],
)
async def test_a_title_is_ascii_and_reads_as_it_was_chosen(name: str) -> None:
    # A body is JSON, which holds no lone surrogate.
    chosen = name.encode("utf-8", "replace").decode()
    client, _ = await sent(data={"monitor": MONITOR | {"name": chosen}, "incident": INCIDENT})
    title = client.calls[0][2]["Title"]
    assert title.isascii()
    assert title.isprintable()
    read = str(make_header(decode_header(title)))
    name = one_line(chosen)
    assert one_line(f"{name if len(name) <= 120 else f'{name[:119]}…'} is down") == read
    assert all(len(word) <= 75 for word in title.split() if word.startswith("=?"))


async def test_a_page_that_is_not_ascii_is_percent_encoded_and_a_very_long_one_is_left_out() -> None:
    for path, click in (("/ä b", "https://x.example/%C3%A4%20b"), ("/" + "a" * 3_000, None)):
        page = {"monitor": MONITOR | {"kind": "heartbeat", "url": f"https://x.example{path}"}, "incident": None}
        client, _ = await sent(data=page)
        assert client.calls[0][2].get("Click") == click


async def test_a_long_text_is_cut_between_characters_and_stays_a_message() -> None:
    long = {"monitor": MONITOR, "incident": INCIDENT | {"cause": "é" * 5_000}}
    client, _ = await sent(data=long)
    body = client.calls[0][1]
    assert 3_900 < len(body) <= 4_000  # from 4,097 bytes on ntfy takes it for a file
    assert body.decode().endswith("é…")


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (401, b'{"code":40101,"http":401,"error":"unauthorized"}', "channel"),
        (403, b'{"code":40301,"http":403,"error":"forbidden"}', "channel"),
        (403, b"<html>forbidden</html>", ""),
        (401, b'{"code":[]}', ""),
        (429, b'{"code":42901,"http":429,"error":"limit reached"}', ""),
        (200, b'{"code":40101}', ""),
    ],
)
def test_only_what_ntfy_itself_says_of_the_token_disables_the_channel(status: int, body: bytes, refused: str) -> None:
    result = sending.judged(Exchange(DeliveryResult(status), (), body))
    assert (result.status, result.refused, "token" in result.error) == (status, refused, refused == "channel")
