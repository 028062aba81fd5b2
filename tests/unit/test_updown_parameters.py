"""The API of updown.io over the real folds, in memory: parameters, URLs and types."""

from typing import Any

import pytest

from tests.harness import Harness
from tests.updown_client import (
    CHECKS,
    URL,
    fault,
    id_of,
    made,
    updown,
)


@pytest.fixture
def harness() -> Harness:
    return updown(regions=("fra", "mia", "syd"))


# ---- parameters


@pytest.mark.parametrize("how", ["json", "data", "params"])
async def test_parameters_may_stand_anywhere(harness: Harness, how: str) -> None:
    said: dict[str, Any] = {"url": URL, "period": 30, "apdex_t": 0.25, "enabled": False, "published": True}
    said |= {"alias": "Shop", "string_match": "welcome", "http_verb": "POST", "http_body": "a=b"}
    nested: dict[str, Any] = {"disabled_locations": ["fra"], "custom_headers": {"X-A": "b"}}
    if how == "json":
        answer = await harness.client.post(CHECKS, json=said | nested)
    else:
        flat: dict[str, Any] = {name: str(value) for name, value in said.items()} | {
            "enabled": "0",
            "published": "true",
        }
        flat |= {"disabled_locations[]": "fra", "custom_headers[X-A]": "b"}
        carried: dict[str, Any] = {how: flat}
        answer = await harness.client.post(CHECKS, **carried)
    assert answer.status_code == 201, answer.text
    assert answer.json() == answer.json() | said | nested
    assert answer.json()["next_check_at"] is None


async def test_the_body_counts_before_the_query(harness: Harness) -> None:
    answer = await harness.client.post(CHECKS, params={"period": 30, "_t": 5, "name": "x"}, data={"url": URL})
    assert answer.json()["period"] == 30
    token = answer.json()["token"]
    answer = await harness.client.put(f"{CHECKS}/{token}", params={"period": 120}, json={"period": 600})
    assert answer.json()["period"] == 600


async def test_lists_are_emptied(harness: Harness) -> None:
    said = {"disabled_locations": ["fra", "syd"], "custom_headers": {"X-A": "b"}}
    token = (await made(harness, **said))["token"]
    form = {"disabled_locations[]": "", "custom_headers": ""}
    answer = await harness.client.put(f"{CHECKS}/{token}", data=form)
    assert (answer.json()["disabled_locations"], answer.json()["custom_headers"]) == ([], {})


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, "URL can't be blank"),
    ({"url": ""}, "URL can't be blank"),
    ({"url": URL, "period": 45}, "Period is not included in the list (given: 45)"),
    ({"url": URL, "period": "45"}, "Period is not included in the list (given: 45)"),
    ({"url": URL, "period": "soon"}, 'Period is not a number (given: "soon")'),
    ({"url": URL, "period": [60]}, "Period is not a number (given: [60])"),
    ({"url": URL, "period": True}, "Period is not a number (given: true)"),
    ({"url": URL, "apdex_t": 0.3}, "Apdex T is not included in the list (given: 0.3)"),
    ({"url": URL, "enabled": "maybe"}, 'Enabled is not included in the list (given: "maybe")'),
    ({"url": URL, "published": 2}, "Published is not included in the list (given: 2)"),
    ({"url": URL, "http_verb": "BREW"}, 'HTTP verb is not included in the list (given: "BREW")'),
    ({"url": URL, "type": "gopher"}, 'Type is not included in the list (given: "gopher")'),
    ({"url": URL, "type": "icmp"}, 'Type is not that of the URL (given: "icmp")'),
    ({"url": "ftp://x.example"}, 'URL must begin with http://, https://, icmp://, tcp:// or tcps:// (given: "ftp://x.example")'),
    ({"url": "https://"}, 'URL is not valid (given: "https://")'),
    ({"url": "https://a b"}, 'URL is not valid (given: "https://a b")'),
    ({"url": "tcp://host"}, 'URL is not valid (given: "tcp://host")'),
    ({"url": 5}, 'URL must not be probed'),
    ({"url": {"a": 1}}, 'URL is not a text (given: {"a":1})'),
    ({"url": URL, "disabled_locations": ["xyz"]}, 'Disabled locations is not included in the list (given: ["xyz"])'),
    ({"url": URL, "disabled_locations": "fra"}, 'Disabled locations is not a list of texts (given: "fra")'),
    ({"url": URL, "disabled_locations": ["fra", "mia", "syd"]}, "Disabled locations must leave at least one location"),
    ({"url": URL, "recipients": ["email:9"]}, 'Recipients is not included in the list (given: ["email:9"])'),
    ({"url": URL, "custom_headers": "x"}, 'Custom headers is not an object of texts (given: "x")'),
    ({"url": URL, "custom_headers": {"a b": "c"}}, 'Custom headers must not hold this name (given: "a b")'),
    ({"url": URL, "custom_headers": {"Host": "a:99999"}}, "Custom headers has a Host that must be a host name or an"),
    ({"url": URL, "custom_headers": {"Expect": "c"}}, 'Custom headers must not hold this name (given: "Expect")'),
    ({"url": URL, "custom_headers": {"a": "b\n"}}, "Custom headers has a value that no header can have, of a"),
    ({"url": URL, "alias": "x" * 201}, "Alias is too long (maximum is 200 characters)"),
    (
        {"url": URL, "period": 45, "alias": []},
        "Period is not included in the list (given: 45), Alias is not a text (given: [])",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words"), FAULTS)
async def test_what_is_wrong_is_told(harness: Harness, said: dict[str, Any], words: str) -> None:
    status, error = fault(await harness.client.post(CHECKS, json=said))
    assert (status, error[: len(words)]) == (400, words)
    assert (await harness.client.get(CHECKS)).json() == []


async def test_the_same_url_twice(harness: Harness) -> None:
    token = (await made(harness, url="https://news.ycombinator.com"))["token"]
    for url in ("http://news.ycombinator.com/", "https://News.ycombinator.com", "news.ycombinator.com/"):
        answer = await harness.client.post(CHECKS, json={"url": url, "period": 60})
        assert fault(answer) == (400, 'URL is already registered (given: "news.ycombinator.com/")')
    other = (await made(harness, url="https://news.ycombinator.com/newest/"))["token"]
    await made(harness, url="icmp://news.ycombinator.com")
    answer = await harness.client.put(f"{CHECKS}/{other}", json={"url": "http://news.ycombinator.com"})
    assert fault(answer) == (400, 'URL is already registered (given: "news.ycombinator.com/")')
    answer = await harness.client.put(f"{CHECKS}/{token}", json={"url": "http://news.ycombinator.com/"})
    assert (answer.status_code, answer.json()["url"]) == (200, "http://news.ycombinator.com/")


async def test_everything_wrong_is_told_at_once(harness: Harness) -> None:
    answer = await harness.client.post(CHECKS, json={"url": "x y", "period": 45, "http_verb": "BREW"})
    assert fault(answer)[1].count("(given: ") == 3


# ---- urls and types


@pytest.mark.parametrize(
    ("said", "url", "type"),
    [
        ({"url": "https://Shop.example.com/A?b=c#d"}, "https://Shop.example.com/A?b=c#d", "https"),
        ({"url": "http://shop.example.com"}, "http://shop.example.com", "http"),
        ({"url": "shop.example.com/x"}, "https://shop.example.com/x", "https"),
        ({"url": "shop.example.com", "type": "http"}, "http://shop.example.com", "http"),
        ({"url": "8.8.8.8", "type": "icmp"}, "icmp://8.8.8.8", "icmp"),
        ({"url": "tcp://shop.example.com:25"}, "tcp://shop.example.com:25", "tcp"),
        ({"url": "tcps://shop.example.com:465", "type": "tcps"}, "tcps://shop.example.com:465", "tcps"),
    ],
)
async def test_urls_come_back_as_given(harness: Harness, said: dict[str, Any], url: str, type: str) -> None:
    check = await made(harness, **said)
    assert (check["url"], check["type"], check["alias"]) == (url, type, None)
    again = await harness.client.put(f"{CHECKS}/{check['token']}", json={"url": url, "type": type, "period": 30})
    assert again.json() == check | {"period": 30, "next_check_at": again.json()["next_check_at"]}


async def test_the_type_of_a_check_may_change(harness: Harness) -> None:
    token = (await made(harness, string_match="x", custom_headers={"A": "b"}))["token"]
    answer = await harness.client.put(f"{CHECKS}/{token}", json={"url": "tcp://shop.example.com:443"})
    assert (answer.json()["type"], answer.json()["url"]) == ("tcp", "tcp://shop.example.com:443")


async def test_a_type_beside_a_verb(harness: Harness) -> None:
    token = (await made(harness))["token"]
    answer = await harness.client.put(f"{CHECKS}/{token}", json={"type": "https", "http_verb": "POST"})
    assert answer.json()["http_verb"] == "POST"


async def test_credentials_are_kept_and_never_shown(harness: Harness) -> None:
    check = await made(harness, url="https://bob:s%40cret@shop.example.com/x")
    assert check["url"] == "https://shop.example.com/x"
    assert check["custom_headers"] == {}
    monitor = harness.log.directory.monitor(id_of(harness, check["token"]))
    assert monitor is not None
    assert '"credentials":"bob:s@cret"' in monitor.target.sealed[::-1]
    answer = await harness.client.put(f"{CHECKS}/{check['token']}", json={"custom_headers": {"X-A": "b"}})
    assert "cret" not in answer.text
    monitor = harness.log.directory.monitor(monitor.id)
    assert monitor is not None
    assert '"credentials":"bob:s@cret"' in monitor.target.sealed[::-1]
    # The URL that is shown, sent back, has none.
    await harness.client.put(f"{CHECKS}/{check['token']}", json={"url": check["url"]})
    monitor = harness.log.directory.monitor(monitor.id)
    assert monitor is not None
    assert "cret" not in monitor.target.sealed[::-1]
    answer = await harness.client.post(CHECKS, json={"url": "https://bob:secret@ host"})
    assert fault(answer)[0] == 400
    assert "secret" not in answer.text
