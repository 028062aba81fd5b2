"""The updown API and clients that send anything: each answer is what was asked for or a sentence, and nothing is half
done."""

from typing import Any

import httpx
import msgspec
import pytest

from schemas.ids import new_id
from schemas.requests import ChannelDelete, CheckDelete, MonitorDelete, StatusPageDelete
from tests.harness import Harness
from tests.updown_client import CHECKS, URL, fault, made, seen, updown

PARAMETERS = (
    "url", "type", "period", "apdex_t", "enabled", "published", "alias", "string_match", "mute_until", "http_verb",
    "http_body", "disabled_locations", "recipients", "custom_headers",
)  # fmt: skip
# As JSON; what stands in a form is text.
ODD = (
    "null", "true", "false", "0", "-1", "60", "60.0", "1e2", "1e308", "123456789012345678901234567890", "9" * 5_000,
    '""', '" "', '"0"', '"-0"', '"6_0"', '"\\u0666\\u0660"', '"nan"', '"Infinity"', '"\\u0000"', '"\\ud83d\\ude00"',
    '"a\\r\\nb: c"', '"' + "x" * 3_000 + '"', '"../../etc"', '"https://[::1"',
    "[]", "[null]", '[""]', "[[]]", "[1]", "{}",
    '{"a":{}}', '{"a":null}', '{"0":"fra"}', '{"":""}', "[" * 30 + "]" * 30,
)  # fmt: skip
FORMS = (
    "{}", "{}=", "{}=%20", "{}=%00", "{}[]", "{}[]=", "{}[]=a&{}[]=a", "{}[a]=b", "{}[a][b]=c", "{}[][a]=b", "{}[[]]=a",
    "{}[=a", "{}]=a", "{}[0]=a&{}[1]=b", "{}=a&{}=b", "{}[a][b][c][d][e]=f", "{}=1_0", "{}=%D9%A6%D9%A0",
    "{}=%EF%BB%BF60",
    "{}=&{}=&{}=", "{}=+60+", "{}=1e400",
)  # fmt: skip
OF_PULSE = ("url", "type", "period", "enabled", "alias", "mute_until", "recipients", "http_verb")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture
def harness() -> Harness:
    return updown(regions=("fra", "mia"))


def is_a_sentence(answer: httpx.Response) -> None:
    status, error = fault(answer)
    assert 400 <= status < 500, error
    assert error.strip()
    assert len(error) < 2_000


async def everything(harness: Harness) -> list[Any]:
    """All that there is."""
    return [(await harness.client.get(f"/api/{what}")).json() for what in ("checks", "recipients", "status_pages")]


class Watch:
    """Asks about things of one kind, and looks what came of it: what is refused has changed nothing; what is done is
    answered as it is read."""

    def __init__(self, harness: Harness, listed: str) -> None:
        self._harness, self._listed = harness, listed
        self._before: list[Any] | None = None

    async def ask(self, method: str, path: str, content: str = "", form: bool = False) -> None:
        before = await self._all() if self._before is None else self._before
        headers = {"Content-Type": FORM if form else JSON} if content else {}
        answer = await self._harness.client.request(method, path, content=content.encode(), headers=headers)
        self._before = await self._all()
        if answer.status_code >= 400:
            is_a_sentence(answer)
            assert self._before == before, content
        else:
            # The URL of a pulse check is told by this answer alone.
            assert answer.json() | {"url": ""} in [one | {"url": ""} for one in self._before], content

    async def _all(self) -> list[Any]:
        found: list[Any] = (await self._harness.client.get(self._listed)).json()
        return found


@pytest.mark.parametrize(("kind", "names"), [("check", PARAMETERS), ("pulse", OF_PULSE)])
async def test_any_json_for_any_parameter(harness: Harness, kind: str, names: tuple[str, ...]) -> None:
    token, watch = (await made(harness, **_of(kind)))["token"], Watch(harness, CHECKS)
    for name in names:
        for odd in ODD:
            await watch.ask("PUT", f"{CHECKS}/{token}", f'{{"{name}":{odd}}}')


@pytest.mark.parametrize("name", ["url", "period", "enabled", "mute_until", "recipients", "custom_headers"])
async def test_any_form_for_any_parameter(harness: Harness, name: str) -> None:
    """In the body and in the query."""
    token, watch = (await made(harness))["token"], Watch(harness, CHECKS)
    for form in FORMS:
        text = form.replace("{}", name)
        await watch.ask("PUT", f"{CHECKS}/{token}", text, form=True)
        await watch.ask("PUT", f"{CHECKS}/{token}?{text}")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/checks", {"url": URL, "type": None, "enabled": None}),
        ("/api/recipients", {"type": "webhook", "value": URL, "name": None, "selected": None, "timezone": None}),
        ("/api/webhooks", {"url": URL}),
        ("/api/status_pages", {"checks": [], "name": None, "description": None, "visibility": None}),
        ("/api/status-pages", {"checks": [], "access_key": None}),
    ],
)
async def test_any_json_for_what_is_made(harness: Harness, path: str, fields: dict[str, Any]) -> None:
    for name in fields:
        watch = Watch(harness, path)
        for odd in ODD:
            whole = {key: msgspec.json.encode(value).decode() for key, value in fields.items() if value is not None}
            body = ",".join(f'"{key}":{value}' for key, value in (whole | {name: odd}).items())
            await watch.ask("POST", path, f"{{{body}}}")


@pytest.mark.parametrize("of", ["", "/metrics", "/downtimes"])
async def test_any_parameter_of_what_is_read(harness: Harness, of: str) -> None:
    token = (await made(harness))["token"]
    for name in ("metrics", "page", "results", "from", "to", "group", "api-key", "format", "_"):
        for form in FORMS:
            answer = await harness.client.get(f"{CHECKS}/{token}{of}?{form.replace('{}', name)}")
            if answer.status_code != 200:
                is_a_sentence(answer)


@pytest.mark.parametrize(
    "query", ["", "page=", "page=1", "results=", "results=off", "results=no", "_t=1&_t=2", "page&results"]
)
async def test_what_is_empty_means_the_default(harness: Harness, query: str) -> None:
    token = (await made(harness))["token"]
    answer = await harness.client.get(f"{CHECKS}/{token}/downtimes?{query}")
    assert (answer.status_code, answer.json()) == (200, [])


async def test_switches_have_the_same_words_everywhere(harness: Harness) -> None:
    token = (await made(harness))["token"]
    for word in ("true", "1", "yes", "ON"):
        assert "metrics" in (await harness.client.get(f"{CHECKS}/{token}?metrics={word}")).json()
        assert (await harness.client.put(f"{CHECKS}/{token}?published={word}")).json()["published"] is True
    for word in ("false", "0", "no", "off", ""):
        assert "metrics" not in (await harness.client.get(f"{CHECKS}/{token}?metrics={word}")).json()
        assert (await harness.client.put(f"{CHECKS}/{token}?published={word}")).json()["published"] is False


async def test_lists_by_numbers_are_lists(harness: Harness) -> None:
    """As PHP writes them in a form."""
    recipient = (await harness.client.post("/api/recipients", json={"type": "webhook", "value": URL})).json()["id"]
    form = {"url": URL, "recipients[0]": recipient, "disabled_locations[0]": "mia"}
    check = (await harness.client.post(CHECKS, data=form)).json()
    assert (check["recipients"], check["disabled_locations"]) == ([recipient], ["mia"])
    page = await harness.client.post("/api/status_pages", data={"checks[0]": check["token"], "name": "All"})
    assert page.json()["checks"] == [check["token"]]
    mixed = await harness.client.put(f"{CHECKS}/{check['token']}", data={"recipients[0]": "x", "recipients[a]": "y"})
    assert fault(mixed) == (400, 'Recipients is not a list of texts (given: {"0":"x","a":"y"})')


async def test_of_a_name_that_stands_twice_the_last_counts(harness: Harness) -> None:
    token = (await made(harness))["token"]
    for content in (b"period=30&period=300", b'{"period":30,"period":300}'):
        await harness.client.put(f"{CHECKS}/{token}", json={"period": 120})
        assert (await harness.client.put(f"{CHECKS}/{token}", content=content)).json()["period"] == 300


@pytest.mark.parametrize(
    "token", ["zzzz", "ZZZZ", "%00", "..", "%2e%2e", "a" * 3_000, "%F0%9F%98%80", "%FF", "a%2Fb", "null", "0"]
)
async def test_tokens_that_name_nothing(harness: Harness, token: str) -> None:
    for method, path in (
        ("GET", f"checks/{token}"), ("PUT", f"checks/{token}"), ("DELETE", f"checks/{token}"),
        ("GET", f"checks/{token}/metrics"), ("GET", f"checks/{token}/downtimes"), ("DELETE", f"recipients/{token}"),
        ("POST", f"recipients/{token}/test"), ("DELETE", f"webhooks/{token}"), ("PUT", f"status_pages/{token}"),
        ("DELETE", f"status-pages/{token}"),
    ):  # fmt: skip
        answer = await harness.client.request(method, f"/api/{path}")
        assert answer.status_code in (404, 405), (method, path, answer.text)
        assert set(answer.json()) == {"error"}


async def test_what_was_deleted_a_moment_ago_is_not_there(harness: Harness) -> None:
    """Another process has it deleted between the look at it and the change."""
    check, beat = await made(harness), await made(harness, **_of("pulse"))
    recipient = (await harness.client.post("/api/recipients", json={"type": "webhook", "value": URL})).json()
    page = (await harness.client.post("/api/status_pages", json={"checks": [check["token"]]})).json()
    directory = harness.log.directory
    monitor, heartbeat = directory.by_token(check["token"]), directory.by_token(beat["token"])
    stored = directory.page_by_token(page["token"])
    [channel] = directory.channels_of(harness.project)
    assert monitor is not None
    assert heartbeat is not None
    assert stored is not None
    for kind, id, method, path, body in (
        (ChannelDelete, channel.id, "DELETE", f"recipients/{recipient['id']}", {}),
        (StatusPageDelete, stored.id, "PUT", f"status_pages/{page['token']}", {"name": "x"}),
        (MonitorDelete, monitor.id, "PUT", f"checks/{check['token']}", {"period": 300}),
        (CheckDelete, heartbeat.id, "PUT", f"checks/{beat['token']}", {"period": 300}),
    ):
        request = kind(request=new_id(), at=harness.log.time, id=id)
        harness.log.overtaking.append((harness.project, request))
        answer = await harness.client.request(method, f"/api/{path}", json=body)
        assert (answer.status_code, set(answer.json())) == (404, {"error"})
        again = await harness.client.request("DELETE", f"/api/{path}")
        assert (again.status_code, set(again.json())) == (404, {"error"})
    assert await everything(harness) == [[], [], []]


async def test_a_recipient_that_was_deleted_a_moment_ago_is_chosen_by_nobody(harness: Harness) -> None:
    token = (await made(harness))["token"]
    recipient = (await harness.client.post("/api/recipients", json={"type": "webhook", "value": URL})).json()["id"]
    [channel] = harness.log.directory.channels_of(harness.project)
    request = ChannelDelete(request=new_id(), at=harness.log.time, id=channel.id)
    harness.log.overtaking.append((harness.project, request))
    is_a_sentence(await harness.client.put(f"{CHECKS}/{token}", json={"recipients": [recipient]}))
    assert (await seen(harness, token))["recipients"] == []


def _of(kind: str) -> dict[str, Any]:
    return {"url": URL} if kind == "check" else {"type": "pulse", "url": None}
