"""What a GET gave is taken when it is sent back, of every kind of thing with every field: the fields are those of the
types of the bodies, so that a new one without a sample here fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from query_api.healthchecks.check_bodies import UpdateCheckBody
from query_api.poppaping.monitor_fields import UpdateMonitorBody
from query_api.updown.check_bodies import UpdateUpdownCheckBody
from schemas.probe_kinds import PROBE_KINDS
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_client import V1
from tests.sending_back import SETTINGS, Api, but, data
from tests.updown_client import CHECKS, UPDOWN_KEY, with_updown_keys


@pytest.fixture
def harness() -> Harness:
    made = with_updown_keys(Harness(**SETTINGS))
    del made.client.headers["X-Api-Key"]
    return made


# ---- monitors of the PoppaPing API

# One value of each field that is not its default.
MONITOR: dict[str, Any] = {
    "name": "Größe",
    "type": None,  # is each of them
    "url": "https://Bücher.test/ä?q=ö",
    "host": "Bücher.test.",
    "port": 8443,
    "method": "POST",
    "head_first": True,
    "interval_seconds": 300,
    "timeout_seconds": 7,
    "headers": {"X-Key": "ключ", "Host": "site.test"},
    "body": "text",
    "regions": ["far"],
    "excluded_regions": ["local"],
    "apdex_threshold_ms": 250,
    "published": True,
    "expected_statuses": [200, 404],
    "keyword": "well",
    "keyword_absent": True,
    "follow_redirects": False,
    "max_redirects": 3,
    "families": "each",
    "verify_certificate": False,
    "confirmations": 3,
    "recoveries": 2,
    "confirm_interval_seconds": 12.5,
    "paused": True,
    "alert_channel_ids": [],
    "depends_on": [],
    "dependency_wait_seconds": 5,
    "mute_until": "recovery",
    "dns_resolver": "192.0.2.53",
    "dns_record": "TXT",
    "dns_expected": '"v=spf1 -all"',
    "smtp_tls": "implicit",
}
WITH = {"keyword_absent": {"keyword": "bad"}, "dns_expected": {"dns_record": "TXT"}}
PLACES = {kind: {"url": "http://site.test/"} if kind == "http" else {"host": "site.test"} for kind in PROBE_KINDS}
OWN = {name: kind for kind, of in PROBE_KINDS.items() for name in of.fields.__struct_fields__}


def bodies(kind: str) -> Iterator[dict[str, Any]]:
    """A monitor of a kind: with nothing, with each field, with all that go together."""
    base = {"name": "Site", "type": kind} | PLACES[kind] | ({"port": 25} if PROBE_KINDS[kind].needs_port else {})  # type: ignore[index]
    yield base
    fields = {name: value for name, value in MONITOR.items() if value is not None and OWN.get(name, kind) == kind}
    for name, value in fields.items():
        yield base | WITH.get(name, {}) | {name: value}
    yield base | but(fields, "head_first")


def test_every_field_of_a_monitor_has_a_sample() -> None:
    # What a set of declarations makes has a name of its own: no sample for many monitors of one name.
    assert set(MONITOR) >= {*UpdateMonitorBody.__struct_fields__} - {"managed_by"}


@pytest.mark.parametrize("kind", PROBE_KINDS)
async def test_a_monitor(harness: Harness, kind: str) -> None:
    api = Api(harness, POP_KEY)
    known = set(UpdateMonitorBody.__struct_fields__)
    for body in bodies(kind):
        asked = {name: value for name, value in body.items() if name in known}
        path = f"{V1}/monitors/{(await api.made(f'{V1}/monitors', asked))['id']}"
        read = await api.sent_back(path, "updated_at")
        for name in asked.keys() & read.keys() - {"headers", *(("host", "port") if kind == "http" else ("url",))}:
            assert read[name] == asked[name], name
        assert harness.log.directory.monitor(read["id"]) is not None


@pytest.mark.parametrize("kind", PROBE_KINDS)
async def test_what_nobody_can_set_of_a_monitor(harness: Harness, kind: str) -> None:
    api = Api(harness, POP_KEY)
    path = f"{V1}/monitors/{(await api.made(f'{V1}/monitors', next(bodies(kind))))['id']}"
    drifting = ("uptime_percentage", "current_status", "last_error", "incident_id")
    await api.read_only(path, UpdateMonitorBody, *drifting)


async def test_a_copy_of_a_monitor_may_be_older_than_its_newest_result(harness: Harness) -> None:
    api = Api(harness, POP_KEY)
    path = f"{V1}/monitors/{(await api.made(f'{V1}/monitors', next(bodies('http'))))['id']}"
    copies = [await api.read(path)]
    for ok in (True, False, False, True):
        harness.log.tick(60)
        harness.log.probe(copies[0]["id"], ok=ok)
        harness.log.tick(60)
        copies.append(await api.read(path))
    assert len({copy["current_status"] for copy in copies}) > 1
    for copy in copies:
        data(await api.change(path, copy))
        assert (await api.change(path, copy | {"id": copy["created_at"]})).status_code == 400


async def test_null_is_the_default_of_every_field_of_a_monitor(harness: Harness) -> None:
    api = Api(harness, POP_KEY)
    needed = {"name", "url", "host", "port", "type"}
    for kind in PROBE_KINDS:
        usual, *others = bodies(kind)
        fresh = await api.read(f"{V1}/monitors/{(await api.made(f'{V1}/monitors', usual))['id']}")
        for body in others[:-1]:
            changed = {name: value for name, value in body.items() if usual.get(name) != value}
            if not changed.keys() <= set(UpdateMonitorBody.__struct_fields__) - needed:
                continue
            path = f"{V1}/monitors/{(await api.made(f'{V1}/monitors', body))['id']}"
            data(await api.change(path, dict.fromkeys(changed, None)))
            hidden = ("id", "created_at", "updated_at", "last_checked_at", "alert_channel_ids", "current_status")
            assert but(await api.read(path), *hidden) == but(fresh, *hidden), changed


# ---- checks of the Management API

CHECK: dict[str, Any] = {
    "api_key": None,
    "channels": "",
    "desc": "Größe",
    "failure_kw": "failed",
    "filter_subject": True,
    "filter_body": True,
    "filter_http_body": True,
    "filter_default_fail": True,
    "grace": 120,
    "late_limit": 30,
    "managed_by": "billing",
    "manual_resume": True,
    "methods": "POST",
    "mute_until": "recovery",
    "name": "Nightly",
    "run_limit": 90,
    "schedule": "0 2 * * *",
    "slug": "nightly",
    "start_kw": "begin",
    "subject": "ok",
    "subject_fail": "bad",
    "success_kw": "done",
    "tags": "a b",
    "timeout": 600,
    "tz": "Europe/Berlin",
}
NULLABLE = ("late_limit", "mute_until", "run_limit")


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_check(harness: Harness, version: int) -> None:
    assert set(CHECK) == set(UpdateCheckBody.__struct_fields__)
    api, root = Api(harness, WRITE_KEY, "POST"), f"/api/v{version}/checks/"
    given = {name: value for name, value in CHECK.items() if value is not None}
    bodies = [{}, given, but(given, "schedule", "tz"), but(given, "name"), *({name: given[name]} for name in given)]
    for number, body in enumerate(bodies):
        made = await api.made(root, body | ({"slug": f"nightly-{number}"} if "slug" in body else {}))
        path = root + made["ping_url"].rpartition("/")[2]
        await api.sent_back(path)
        data(await api.change(path, dict.fromkeys(NULLABLE, None)))
        assert [(await api.read(path))[name] for name in NULLABLE] == [None, None, None]


# ---- checks of updown.io

UPDOWN: dict[str, Any] = {
    "url": "https://Bücher.test/",
    "type": "https",
    "period": 300,
    "apdex_t": 2.0,
    "enabled": False,
    "published": True,
    "alias": "Größe",
    "string_match": "well",
    "mute_until": "forever",
    "http_verb": "POST",
    "http_body": "text",
    "disabled_locations": ["far"],
    "recipients": [],
    "custom_headers": {"X-Key": "ключ"},
}


async def test_a_check_of_updown(harness: Harness) -> None:
    assert set(UPDOWN) == set(UpdateUpdownCheckBody.__struct_fields__)
    api = Api(harness, UPDOWN_KEY, "PUT")
    urls = ("http://a.test/", "tcp://Bücher.test:7", "tcps://b.test:443", "icmp://[2606:4700::1111]", "icmp://c.test")
    pulse = {"type": "pulse", "period": 90, "alias": "Job"}
    parameters = {name: value for name, value in UPDOWN.items() if name != "url"}
    sites = ({"url": f"https://{name}.test/"} | {name: value} for name, value in parameters.items())
    bodies = [UPDOWN, pulse, *sites]
    for body in [*bodies, *({"url": url} for url in urls)]:
        made = await api.made(CHECKS, body)
        await api.sent_back(f"{CHECKS}/{made['token']}", "next_check_at")
        empty = {name: None for name in UPDOWN if name not in ("url", "type")}
        data(await api.change(f"{CHECKS}/{made['token']}", empty))


async def test_credentials_survive_that_their_url_is_sent_back(harness: Harness) -> None:
    api = Api(harness, UPDOWN_KEY, "PUT")
    made = await api.made(CHECKS, {"url": "https://user:word@a.test/"})
    monitor = harness.log.directory.by_token(made["token"])
    await api.sent_back(f"{CHECKS}/{made['token']}", "next_check_at")
    now = harness.log.directory.by_token(made["token"])
    assert monitor is not None
    assert now is not None
    assert now.target.sealed == monitor.target.sealed != ""  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", PROBE_KINDS)
async def test_a_monitor_of_the_other_api_is_a_check_that_can_be_sent_back(harness: Harness, kind: str) -> None:
    other, api = Api(harness, POP_KEY), Api(harness, UPDOWN_KEY, "PUT")
    known = set(UpdateMonitorBody.__struct_fields__)
    for body in bodies(kind):
        asked = {name: value for name, value in body.items() if name in known} | {"name": "n" * 200}
        id = (await other.made(f"{V1}/monitors", asked | {"interval_seconds": 45}))["id"]
        monitor = harness.log.directory.monitor(id)
        assert monitor is not None
        await api.sent_back(f"{CHECKS}/{monitor.token}", "next_check_at")
        now = harness.log.directory.monitor(id)
        assert now is not None
        assert (now.target, now.interval, now.name) == (monitor.target, 45, monitor.name)


async def test_a_check_of_the_management_api_is_a_pulse_check_that_can_be_sent_back(harness: Harness) -> None:
    managed, api = Api(harness, WRITE_KEY), Api(harness, UPDOWN_KEY, "PUT")
    for schedule in ({"timeout": 31_536_000, "grace": 60}, {"schedule": "0 0 1 1 *"}, {"timeout": 60, "grace": 60}):
        made = await managed.made("/api/v3/checks/", {"name": "Yearly"} | schedule)
        check = harness.log.directory.check(made["uuid"])
        assert check is not None
        await api.sent_back(f"{CHECKS}/{check.token}")
        assert harness.log.directory.check(made["uuid"]) == check
