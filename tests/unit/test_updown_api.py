"""The API of updown.io over the real folds, in memory: the life of a check, and keys (docs/compatibility/updown.md)."""

import re
from functools import partial
from typing import Any

import pytest

from infra.http_server.forwarded import Forwarded
from query_api.history.monitors import DownTime
from query_api.updown.check_object import UpdownCheck
from query_api.updown.uptimes import ProjectUptimes
from query_api.wrong_keys import WrongKeyLimiter
from schemas.base import SECOND, encode
from schemas.certificates import DAY, Certificate
from schemas.monitor_states import DomainValidity, MonitorState, Validity, validity_key
from schemas.monitors import Monitor
from schemas.outages import Outage
from schemas.times import iso
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.updown_client import (
    CHECKS,
    FIELDS,
    OTHERS_KEY,
    UPDOWN_KEY,
    UPDOWN_READ_KEY,
    URL,
    fault,
    id_of,
    made,
    seen,
    show,
    updown,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def harness() -> Harness:
    return updown(regions=("fra", "mia", "syd"))


def probed_until(harness: Harness, id: str, wanted: str, **result: Any) -> None:
    """Results of one kind until they count."""
    for _ in range(20):
        harness.log.probe(id, **result)
        state = harness.log.monitor_states.state(id)
        if state is not None and state.status == wanted:
            return
        harness.log.tick(10)
    raise AssertionError(f"not {wanted}")


# ---- the life of a check


async def test_the_life_of_a_check(harness: Harness) -> None:
    check = await made(harness)
    assert list(check) == FIELDS
    now = check["created_at"]
    assert TIME.fullmatch(now)
    assert check == check | {
        "url": URL,
        "type": "https",
        "alias": None,
        "last_status": None,
        "uptime": 100.0,
        "down": False,
        "down_since": None,
        "up_since": None,
        "error": None,
        "period": 60,
        "apdex_t": 0.5,
        "string_match": None,
        "enabled": True,
        "published": False,
        "disabled_locations": [],
        "recipients": [],
        "last_check_at": None,
        "next_check_at": now,
        "mute_until": None,
        "favicon_url": None,
        "custom_headers": {},
        "http_verb": "GET/HEAD",
        "http_body": "",
    }
    token = check["token"]
    assert await seen(harness, token) == check
    assert (await harness.client.get(CHECKS)).json() == [check]
    changed = await harness.client.put(f"{CHECKS}/{token}", json={"token": token, "period": 300, "alias": "Shop"})
    assert changed.status_code == 200
    assert changed.json() == check | {"period": 300, "alias": "Shop", "next_check_at": changed.json()["next_check_at"]}
    assert await seen(harness, token) == changed.json()
    gone = await harness.client.delete(f"{CHECKS}/{token}")
    assert (gone.status_code, gone.json()) == (200, {"deleted": True})
    assert fault(await harness.client.get(f"{CHECKS}/{token}")) == (404, "Check not found")
    assert (await harness.client.get(CHECKS)).json() == []


async def test_it_goes_down_and_up(harness: Harness) -> None:
    harness.log.tick(1)
    token = (await made(harness))["token"]
    id = id_of(harness, token)
    probed_until(harness, id, "up", status=200)
    up = await seen(harness, token)
    assert (up["down"], up["error"], up["down_since"]) == (False, None, None)
    assert TIME.fullmatch(up["up_since"])
    assert TIME.fullmatch(up["last_check_at"])
    probed_until(harness, id, "down", ok=False, failure="status", detail="500", status=500)
    harness.log.tick(120)
    down = await seen(harness, token)
    assert (down["down"], down["error"], down["up_since"]) == (True, "500", None)
    assert TIME.fullmatch(down["down_since"])
    assert 99.9 < down["uptime"] < 100
    probed_until(harness, id, "up", status=200)
    again = await seen(harness, token)
    assert (again["down"], again["error"]) == (False, None)
    harness.log.tick(60)
    assert (await seen(harness, token))["uptime"] < 100


def uptime_of(down: int, until: int = -1, now: int = 0, age: int = 99 * DAY, **state: Any) -> float | None:
    """`down`, in outages of which the newest ended at `until`: as history knows it."""
    monitor = Monitor(id="x", project="p", version=1, created=now - age, revised=0, name="X")
    known = {"x": DownTime(down, until)} if down else {}
    return ProjectUptimes(known, now).of(monitor, MonitorState(version=1, **state))


def test_uptime_is_of_thirty_days() -> None:
    """251 seconds of 30 days: 99.990, whatever the age of the check."""
    assert uptime_of(251 * SECOND) == uptime_of(251 * SECOND, age=DAY) == 99.99
    assert uptime_of(0) == 100.0
    assert uptime_of(1) == 99.999
    assert uptime_of(SECOND, now=250 * SECOND, down_since=0) == 99.99
    assert uptime_of(10**18) == 0.0


def test_an_outage_that_history_does_not_have_yet() -> None:
    """The state knows all of them together: of a check that is older than the window, some were before it."""
    assert uptime_of(0, down_time=251 * SECOND, age=DAY) == 99.99
    assert uptime_of(250 * SECOND, down_time=251 * SECOND, age=30 * DAY) == 99.99
    assert uptime_of(251 * SECOND, down_time=250 * SECOND, age=DAY) == 99.99
    assert uptime_of(0, down_time=251 * SECOND, age=31 * DAY) == 100.0


def test_the_newest_outage_of_an_old_check_is_never_missing() -> None:
    """Whatever history knows of it, and however much of it lies in the window."""
    now = 100 * DAY
    of_now = partial(uptime_of, now=now)
    over, before = Outage(now - 311 * SECOND, now - 60 * SECOND), now - 3_600 * SECOND
    assert of_now(0, last_down=over) == 99.99
    assert of_now(250 * SECOND, until=before, last_down=over) == 99.981
    assert of_now(501 * SECOND, until=over.end, last_down=over) == 99.981
    assert of_now(SECOND, until=before, last_down=over, down_since=now - SECOND) == 99.99
    start = now - 30 * DAY
    assert of_now(0, last_down=Outage(start - DAY, start + 251 * SECOND)) == 99.99
    assert of_now(0, last_down=Outage(start - DAY, start - SECOND)) == 100.0


@pytest.mark.parametrize("days", [0, 31])
async def test_it_is_never_whole_after_an_outage(harness: Harness, days: int) -> None:
    """However old the check is."""
    token = (await made(harness))["token"]
    id = id_of(harness, token)
    harness.log.time += days * DAY
    harness.log.tick(1)
    probed_until(harness, id, "up", status=200)
    probed_until(harness, id, "down", ok=False, failure="status", detail="500", status=500)
    harness.log.tick(120)  # the result is of a slot, which may be up to a minute from now
    assert (await seen(harness, token))["uptime"] < 100  # and what history knows is kept from now on
    probed_until(harness, id, "up", status=200)
    assert (await seen(harness, token))["uptime"] < 100


async def test_without_history_an_uptime_is_not_known() -> None:
    harness = updown(history=False)
    token = (await made(harness))["token"]
    assert (await seen(harness, token))["uptime"] is None


# ---- keys


@pytest.mark.parametrize(
    "request_of",
    [
        {"headers": {"X-API-KEY": UPDOWN_KEY}},
        {"params": {"api-key": UPDOWN_KEY}},
        {"data": {"api-key": UPDOWN_KEY}},
        {"json": {"api-key": UPDOWN_KEY}},
        {"headers": {"X-API-KEY": UPDOWN_READ_KEY}},
    ],
)
async def test_a_key_may_stand_anywhere(harness: Harness, request_of: dict[str, Any]) -> None:
    del harness.client.headers["X-Api-Key"]
    assert (await harness.client.request("GET", CHECKS, **request_of)).status_code == 200


@pytest.mark.parametrize("key", ["", "nope", WRITE_KEY, POP_KEY, "x" * 300, "ü"])
@pytest.mark.parametrize("place", ["headers", "params", "data", "json"])
async def test_no_key_or_a_wrong_one(harness: Harness, place: str, key: str) -> None:
    del harness.client.headers["X-Api-Key"]
    said: Any = {"X-API-KEY": key.encode()} if place == "headers" else {"api-key": key}
    for method, path in [("GET", CHECKS), ("POST", CHECKS), ("PUT", f"{CHECKS}/abcd"), ("DELETE", f"{CHECKS}/abcd")]:
        answer = await harness.client.request(method, path, **{place: said})
        assert fault(answer)[0] == 401
        assert fault(await harness.client.request(method, path))[0] == 401


async def test_a_read_only_key_reads(harness: Harness) -> None:
    token = (await made(harness))["token"]
    show(harness, UPDOWN_READ_KEY)
    assert (await seen(harness, token))["url"] == URL
    for method, path in [("POST", CHECKS), ("PUT", f"{CHECKS}/{token}"), ("DELETE", f"{CHECKS}/{token}")]:
        answer = await harness.client.request(method, path, json={"url": "https://other.example.com"})
        assert fault(answer) == (403, "API key is read-only: it opens GET only")
    assert (await seen(harness, token))["url"] == URL


async def test_a_check_of_another_account_is_not_there(harness: Harness) -> None:
    token = (await made(harness))["token"]
    show(harness, OTHERS_KEY)
    assert (await harness.client.get(CHECKS)).json() == []
    for method in ("GET", "PUT", "DELETE"):
        assert fault(await harness.client.request(method, f"{CHECKS}/{token}"))[0] == 404
    assert (await made(harness))["url"] == URL


async def test_wrong_keys_are_limited(harness: Harness) -> None:
    deps = harness.app.state.deps
    deps.__dict__["wrong_keys"] = WrongKeyLimiter(Forwarded(()), lambda: 0.0)
    answers = [await harness.client.get(CHECKS, params={"_": n}, headers={"X-API-KEY": f"k{n}"}) for n in range(130)]
    assert [answer.status_code for answer in answers[:90]] == [401] * 90
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert fault(answers[-1])[1].startswith("Too many wrong API keys")


# ---- one thing through two APIs


async def test_the_other_api_shows_it(harness: Harness) -> None:
    token = (await made(harness, alias="Shop", period=300))["token"]
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    [monitor] = (await harness.client.get("/api/v1/monitors", headers=headers)).json()["data"]
    assert (monitor["name"], monitor["url"], monitor["interval_seconds"]) == ("Shop", URL, 300)
    path = f"/api/v1/monitors/{monitor['id']}"
    await harness.client.patch(path, headers=headers, json={"name": "The shop", "keyword": "x"})
    check = await seen(harness, token)
    assert (check["alias"], check["string_match"]) == ("The shop", "x")
    await harness.client.delete(path, headers=headers)
    assert (await harness.client.get(CHECKS)).json() == []


async def test_what_the_other_api_made(harness: Harness) -> None:
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    for body in (
        {"name": "A", "url": "https://a.example.com/", "regions": ["fra"]},
        {"name": "B", "type": "dns", "host": "b.example.com"},
        {"name": "C", "type": "tls", "host": "c.example.com", "port": 993},
    ):
        assert (await harness.client.post("/api/v1/monitors", headers=headers, json=body)).status_code == 201
    listed = {check["alias"]: check for check in (await harness.client.get(CHECKS)).json()}
    assert listed["A"]["disabled_locations"] == ["mia", "syd"]
    assert (listed["B"]["type"], listed["B"]["url"]) == ("dns", "dns://b.example.com")
    assert (listed["C"]["type"], listed["C"]["url"]) == ("tcps", "tcps://c.example.com:993")
    for name in "ABC":
        check = listed[name]
        whole = {name: check[name] for name in ("url", "type", "alias", "period", "enabled", "published")}
        answer = await harness.client.put(f"{CHECKS}/{check['token']}", json=whole | {"period": 600})
        assert answer.json() == check | {"period": 600, "next_check_at": answer.json()["next_check_at"]}


async def test_a_period_keeps_what_was_set_between_confirmations(harness: Harness) -> None:
    """Half of it stays half; what the other API has set otherwise stays as it is."""
    token = (await made(harness, period=60))["token"]
    id = id_of(harness, token)

    async def after(**parameters: Any) -> float | None:
        assert (await harness.client.put(f"{CHECKS}/{token}", json=parameters)).status_code == 200
        monitor = harness.log.directory.monitor(id)
        assert monitor is not None
        return monitor.confirm_interval

    async def other(seconds: float | None) -> None:
        headers, body = {"Authorization": f"Bearer {POP_KEY}"}, {"confirm_interval_seconds": seconds}
        answer = await harness.client.patch(f"/api/v1/monitors/{id}", headers=headers, json=body)
        assert answer.status_code == 200

    assert [await after(period=period) for period in (60, 300, 30)] == [30, 150, 15]
    await other(5)
    assert [await after(period=period) for period in (30, 300)] == [5, 5]
    assert await after(alias="Shop") == 5
    await other(None)
    assert await after(period=60) is None


async def test_two_monitors_of_one_url_can_be_changed(harness: Harness) -> None:
    """A client sends a check back whole; only a URL that another one has is refused."""
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    for name in "AB":
        body = {"name": name, "url": URL}
        assert (await harness.client.post("/api/v1/monitors", headers=headers, json=body)).status_code == 201
    first, _ = (await harness.client.get(CHECKS)).json()
    whole = {name: first[name] for name in ("url", "type", "period", "enabled")} | {"alias": "Shop"}
    answer = await harness.client.put(f"{CHECKS}/{first['token']}", json=whole)
    assert (answer.status_code, answer.json()["alias"]) == (200, "Shop")
    for url in ("https://other.example.com/", URL):
        answer = await harness.client.put(f"{CHECKS}/{first['token']}", json={"url": url})
    assert fault(answer)[0] == 400
    assert fault(answer)[1].startswith("URL is already registered")


async def test_a_name_that_nobody_gave_follows_the_url(harness: Harness) -> None:
    token = (await made(harness))["token"]
    await harness.client.put(f"{CHECKS}/{token}", json={"url": "https://new.example.com/"})
    monitor = harness.log.directory.monitor(id_of(harness, token))
    assert monitor is not None
    assert (monitor.name, monitor.name_derived) == ("https://new.example.com/", True)
    assert (await seen(harness, token))["alias"] is None
    await harness.client.put(f"{CHECKS}/{token}", json={"alias": "New"})
    assert (await seen(harness, token))["alias"] == "New"
    await harness.client.put(f"{CHECKS}/{token}", json={"alias": None})
    assert (await seen(harness, token))["alias"] is None


async def test_certificate_and_domain(harness: Harness) -> None:
    tokens = {url: (await made(harness, url=url))["token"] for url in (URL, "http://b.example.com", "icmp://a.example")}
    ends = harness.log.time + 66 * DAY
    known = Validity(
        tested_at=harness.log.time,
        certificate=Certificate(not_before=0, not_after=ends, fingerprint="f"),
        valid=True,
        domain=DomainValidity(expires=ends + DAY // 2, tested_at=harness.log.time, since=0, source="RDAP"),
    )
    for token in tokens.values():
        harness.log.monitor_states.apply(0, validity_key(id_of(harness, token)), encode(known))
    check = await seen(harness, tokens[URL])
    assert list(check) == [*FIELDS, "ssl", "domain"]
    at, end = iso(harness.log.time)[:19] + "Z", iso(ends)[:19] + "Z"
    assert check["ssl"] == {"tested_at": at, "expires_at": end, "valid": True, "error": None}
    assert list(check["domain"]) == ["tested_at", "expires_at", "remaining_days", "source"]
    assert (check["domain"]["tested_at"], check["domain"]["remaining_days"]) == (at, 66)
    # A page without TLS has no certificate, even if one was seen before its URL changed.
    assert "ssl" not in await seen(harness, tokens["http://b.example.com"])


@pytest.mark.parametrize("name", [*FIELDS, "ssl", "domain"])
def test_every_field_is_told_in_its_place(name: str) -> None:
    names = UpdownCheck.__struct_fields__
    assert names.index(name) == [*FIELDS, "ssl", "domain"].index(name)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("recovery", "recovery"),
        ("forever", "forever"),
        (None, None),
        ("", None),
        ("2025-06-20 10:00:00 +0200", "2025-06-20T08:00:00Z"),
        ("2025-06-16", "2025-06-16T00:00:00Z"),
        (1_750_400_000, "2025-06-20T06:13:20Z"),
        ("tomorrow", "2025-06-16T00:00:00Z"),
        ("2025-01-01", None),
    ],
)
async def test_mutes(harness: Harness, given: Any, shown: str | None) -> None:
    token = (await made(harness, mute_until="forever"))["token"]
    answer = await harness.client.put(f"{CHECKS}/{token}", json={"mute_until": given})
    assert (answer.status_code, answer.json()["mute_until"]) == (200, shown)
    assert (await seen(harness, token))["mute_until"] == shown
    answer = await harness.client.put(f"{CHECKS}/{token}", json={"period": 30})
    assert answer.json()["mute_until"] == shown


@pytest.mark.parametrize("given", ["soon", "9999-12-31", True, [], {"a": 1}, -1e30, "01/02/2024"])
async def test_what_is_no_mute(harness: Harness, given: Any) -> None:
    status, error = fault(await harness.client.post(CHECKS, json={"url": URL, "mute_until": given}))
    assert status == 400
    assert error.startswith("Mute until is ")


async def test_pulse_checks_are_muted_too(harness: Harness) -> None:
    answer = await harness.client.post(CHECKS, json={"type": "pulse", "period": 3600, "mute_until": "tomorrow"})
    assert (answer.status_code, answer.json()["mute_until"]) == (201, "2025-06-16T00:00:00Z")
    path = f"{CHECKS}/{answer.json()['token']}"
    assert (await harness.client.put(path, json={"mute_until": "recovery"})).json()["mute_until"] == "recovery"
    assert (await harness.client.put(path, data={"mute_until": ""})).json()["mute_until"] is None
    assert fault(await harness.client.put(path, json={"mute_until": "soon"}))[0] == 400
