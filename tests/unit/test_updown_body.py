"""The body of updown.io's Push API: what it says of each event, in which words, and that it never changes."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from processors.checks.messages import about as about_check
from processors.checks.messages import notice_data as check_data
from processors.monitors.messages import about as about_monitor
from processors.sender.notice_body import body_of
from processors.sender.updown_words import clock, humanized
from query_api.history.monitors import IncidentRow
from query_api.updown.downtimes import downtime_object
from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.updown import EVENTS
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested, Endpoint
from schemas.ids import derived_id
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, ProbeTarget
from schemas.notices import NOTICES
from schemas.outages import Outage
from schemas.schedules import Simple
from schemas.times import exact_iso, iso
from schemas.tokens import THING_LENGTH, downtime_id

# 2025-02-21 09:16:44 UTC.
AT: Micros = 1_740_129_404 * SECOND
ENDED = AT + 585 * SECOND
MONITOR = Monitor(
    id=derived_id("m"), project="p", version=3, created=AT - 10**12, revised=0, name="Shop", token="ngg8",
    target=ProbeTarget(url="https://updown.io", keyword="teapot", sealed="a secret"), interval=30, apdex_threshold=250,
    published=True, excluded_regions=("fra",), channels=("c",),
)  # fmt: skip
DOWN = MonitorState(
    version=3, status="down", since=AT, last_at=AT + 60 * SECOND, down_since=AT, incident=derived_id("i"), cause="Oh",
    expected=AT + 90 * SECOND,
)  # fmt: skip
ENDPOINT = Endpoint(
    id="c", project="p", url="https://example.com/", notices=NOTICES, secret="", kind="updown", number=1159873859,
    site="https://up.example", options={"timezone": "Europe/Moscow"},
)  # fmt: skip


def incident(ended: Micros | None = None, cause: str = "Unexpected status: 418") -> dict[str, Any]:
    return {
        "id": derived_id("i"),
        "started_at": iso(AT),
        "resolved_at": None if ended is None else iso(ended),
        "cause": cause,
        "status": "open" if ended is None else "resolved",
    }


def event(notice: Any, request: DeliveryRequested, endpoint: Endpoint = ENDPOINT) -> Any:
    [told] = json.loads(body_of(notice, request, endpoint))
    return told


def requested(notice: Any, state: MonitorState = DOWN, at: Micros = AT, **data: Any) -> DeliveryRequested:
    return DeliveryRequested(
        transition="t", at=at, notices=(notice,), data={"monitor": {}, **data}, about=about_monitor(state, MONITOR)
    )


def test_check_down() -> None:
    told = event("monitor.down", requested("monitor.down", incident=incident()))
    assert list(told) == ["event", "time", "description", "check", "downtime"]
    assert told["event"] == "check.down"
    assert told["time"] == "2025-02-21T09:16:44Z"
    assert told["description"] == "DOWN: https://updown.io/ since 12:16:44 (MSK), reason: 418 I'm a teapot"
    id = downtime_id(derived_id("i"))
    assert list(told["downtime"].items()) == [
        ("id", id),
        ("details_url", f"https://up.example/downtimes/{id}"),
        ("error", "418 I'm a teapot"),
        ("started_at", "2025-02-21T09:16:44Z"),
        ("ended_at", None),
        ("duration", None),
        ("partial", None),
    ]


def test_the_check_has_every_field_in_order_and_no_secret() -> None:
    told = event("monitor.down", requested("monitor.down", incident=incident()))["check"]
    assert list(told) == [
        "token", "url", "type", "alias", "last_status", "uptime", "down", "down_since", "up_since", "error", "period",
        "apdex_t", "string_match", "enabled", "published", "disabled_locations", "recipients", "last_check_at",
        "next_check_at", "created_at", "mute_until", "favicon_url", "custom_headers", "http_verb", "http_body",
    ]  # fmt: skip
    assert told | {"token": "ngg8", "url": "https://updown.io", "type": "https", "alias": "Shop"} == told
    assert (told["down"], told["down_since"], told["up_since"]) == (True, "2025-02-21T09:16:44Z", None)
    assert (told["period"], told["apdex_t"], told["string_match"]) == (30, 0.25, "teapot")
    assert (told["enabled"], told["published"], told["disabled_locations"]) == (True, True, ["fra"])
    assert told["recipients"] == ["webhook:1159873859"]
    assert (told["custom_headers"], told["http_verb"], told["http_body"]) == ({}, "GET/HEAD", "")
    assert "secret" not in json.dumps(told)


def test_check_up() -> None:
    up = replace(DOWN, status="up", since=ENDED, down_since=None, incident=None, down_time=585 * SECOND)
    told = event("monitor.recovered", requested("monitor.recovered", up, ENDED, incident=incident(ENDED)))
    assert told["event"] == "check.up"
    assert told["description"] == (
        "UP: https://updown.io/ since 12:26:29 (MSK), after being down for 10 minutes, reason: 418 I'm a teapot"
    )
    assert (told["downtime"]["ended_at"], told["downtime"]["duration"]) == ("2025-02-21T09:26:29Z", 585)
    assert (told["check"]["down"], told["check"]["up_since"], told["check"]["error"]) == (
        False, "2025-02-21T09:26:29Z", None,
    )  # fmt: skip
    # 585 s of 30 days, never rounded up to 100.
    assert told["check"]["uptime"] == 99.977


@pytest.mark.parametrize(("begun", "ended", "told"), [(0, 585, 585), (0.4, 585.9, 586), (0.9, 585.3, 584), (9, 8, 0)])
def test_a_duration_is_rounded_as_in_the_rest_api(begun: float, ended: float, told: int) -> None:
    times = {"started_at": exact_iso(AT + int(begun * SECOND)), "resolved_at": exact_iso(AT + int(ended * SECOND))}
    request = requested("monitor.recovered", at=ENDED, incident=incident(ENDED) | times)
    assert event("monitor.recovered", request)["downtime"]["duration"] == told


@pytest.mark.parametrize(("begun", "ended"), [(0.4, 585.9), (0.9, 585.3), (0.5, 585.0), (0, 585.999_999)])
def test_a_duration_is_that_of_the_rest_api(begun: float, ended: float) -> None:
    """A notice has its times cut to seconds; the state beside it has them exactly."""
    start, end = AT + round(begun * SECOND), AT + round(ended * SECOND)
    up = replace(DOWN, status="up", since=end, down_since=None, incident=None, last_down=Outage(start, end))
    told = event("monitor.recovered", requested("monitor.recovered", up, end, incident=incident(end)))
    rest = downtime_object(IncidentRow(derived_id("i"), "m", start, end, "x"), "https://up.example")
    assert told["downtime"]["duration"] == rest.duration
    assert (told["downtime"]["started_at"], told["downtime"]["ended_at"]) == (rest.started_at, rest.ended_at)


def test_of_an_older_outage_the_times_are_those_of_the_notice() -> None:
    up = replace(
        DOWN, status="up", down_since=None, incident=None, last_down=Outage(AT + 3_600 * SECOND, AT + 9_000 * SECOND)
    )
    told = event("monitor.recovered", requested("monitor.recovered", up, ENDED, incident=incident(ENDED)))
    assert told["downtime"]["duration"] == 585


@pytest.mark.parametrize(
    ("until", "told"), [(None, None), ("forever", "forever"), ("recovery", "recovery"), (ENDED, "2025-02-21T09:26:29Z")]
)
def test_mute_until(until: Any, told: str | None) -> None:
    muted = replace(MONITOR, mute_until=until)
    request = DeliveryRequested(
        transition="t", at=AT, notices=("monitor.down",), data={}, about=about_monitor(DOWN, muted)
    )
    assert event("monitor.down", request)["check"]["mute_until"] == told


CERTIFICATE = {
    "subject": "updown.io", "issuer": "R3 (Let's Encrypt)", "valid_from": iso(AT), "valid_until": iso(ENDED),
    "algorithm": "SHA-256 with RSA encryption", "fingerprint": "0" * 64,
}  # fmt: skip
CERT = {
    "subject": "updown.io", "issuer": "R3 (Let's Encrypt)", "from": "2025-02-21T09:16:44Z",
    "to": "2025-02-21T09:26:29Z", "algorithm": "SHA-256 with RSA encryption",
}  # fmt: skip
SERVED = "The SSL certificate served by updown.io"


@pytest.mark.parametrize(
    ("notice", "data", "description", "ssl"),
    [
        (
            "monitor.ssl_invalid",
            {"certificate": CERTIFICATE, "error": "error code 20: unable to get local issuer certificate"},
            f"{SERVED} is not valid (error code 20: unable to get local issuer certificate)",
            {"cert": CERT, "error": "error code 20: unable to get local issuer certificate"},
        ),
        ("monitor.ssl_invalid", {"certificate": None, "error": "no"}, f"{SERVED} is not valid (no)",
         {"cert": None, "error": "no"}),
        ("monitor.ssl_valid", {"certificate": CERTIFICATE}, f"{SERVED} is now valid", {"cert": CERT}),
        (
            "monitor.ssl_expiration",
            {"certificate": CERTIFICATE, "days_before_expiration": 7},
            f"{SERVED} will expire in 7 days",
            {"cert": CERT, "days_before_expiration": 7},
        ),
        (
            "monitor.ssl_expiration",
            {"certificate": CERTIFICATE, "days_before_expiration": 1},
            f"{SERVED} will expire in 1 day",
            {"cert": CERT, "days_before_expiration": 1},
        ),
        (
            "monitor.ssl_renewed",
            {"new_certificate": CERTIFICATE, "old_certificate": CERTIFICATE},
            f"{SERVED} was renewed",
            {"new_cert": CERT, "old_cert": CERT},
        ),
    ],
)  # fmt: skip
def test_events_about_a_certificate(notice: str, data: dict[str, Any], description: str, ssl: dict[str, Any]) -> None:
    told = event(notice, requested(notice, incident=None, **data))
    assert list(told) == ["event", "time", "description", "check", "ssl"]
    assert (told["event"], told["description"]) == (notice.replace("monitor", "check"), description)
    assert (told["ssl"], list(told["ssl"])) == (ssl, list(ssl))
    assert told["check"]["token"] == "ngg8"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Shop.Example:8443/a?b", "shop.example"),
        ("https://[2001:DB8::1]/", "2001:db8::1"),
        ("https://B\u00dcCHER.example/", "b\u00dccher.example"),  # ASCII letters only: a fold asks no tables
        ("https://\u2100.example/", "\u2100.example"),
    ],
)
def test_the_host_that_serves_a_certificate(url: str, host: str) -> None:
    monitor = replace(MONITOR, target=ProbeTarget(url=url))
    request = DeliveryRequested(
        transition="t",
        at=AT,
        notices=("monitor.ssl_valid",),
        data={"certificate": CERTIFICATE},
        about=about_monitor(DOWN, monitor),
    )
    told = event("monitor.ssl_valid", request)
    assert told["description"] == f"The SSL certificate served by {host} is now valid"


def test_a_drop_of_performance() -> None:
    metrics = {"2025-02-21T08:00:00Z": {"apdex": 0.975}, "2025-02-21T09:00:00Z": {"apdex": 0.51}}
    told = event(
        "monitor.performance_drop",
        requested("monitor.performance_drop", incident=None, apdex_dropped="47%", last_metrics=metrics),
    )
    assert told["description"] == "Apdex of https://updown.io/ dropped 47%"
    assert (told["apdex_dropped"], told["last_metrics"]) == ("47%", metrics)


def test_a_reminder() -> None:
    told = event("monitor.still_down", requested("monitor.still_down", at=ENDED, incident=incident()))
    assert (told["event"], told["time"]) == ("check.still_down", "2025-02-21T09:26:29Z")
    assert told["description"].startswith("STILL DOWN: https://updown.io/ since 12:16:44 (MSK)")
    assert told["downtime"]["ended_at"] is None


def test_every_event_of_the_reference_has_its_notice() -> None:
    assert set(EVENTS) <= set(NOTICES)
    kind = CHANNEL_KINDS["updown"]
    assert set(kind.takes) == set(EVENTS)
    assert set(kind.takes) - set(kind.notices) == {"monitor.still_down"}


def test_uptime_is_never_rounded_up() -> None:
    up = replace(DOWN, status="up", down_since=None, down_time=SECOND)
    assert event("monitor.recovered", requested("monitor.recovered", up, ENDED))["check"]["uptime"] == 99.999


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (89, "1 minute"), (106, "2 minutes"),
        (585, "10 minutes"), (3_570, "1 hour"), (7_596, "2 hours"), (86_399, "1 day"), (200_000, "2 days"),
    ],
)  # fmt: skip
def test_durations_are_rounded_to_one_unit(seconds: int, words: str) -> None:
    assert humanized(seconds) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "09:16:44 (UTC)"), ("Europe/Paris", "10:16:44 (CET)"), ("America/New_York", "04:16:44 (EST)"),
        ("Asia/Kolkata", "14:46:44 (IST)"), ("nowhere", "09:16:44 (UTC)"),
    ],
)  # fmt: skip
def test_times_are_those_of_the_zone_with_its_short_name(zone: str, words: str) -> None:
    assert clock(AT, zone) == words


def test_a_heartbeat_check_has_the_same_fields() -> None:
    check = Check(
        id=derived_id("k"), project="p", version=1, created=AT, name="Backup", token="abcd", schedule=Simple(period=60)
    )
    state = CheckState(version=1, status="down", since=AT, down_since=AT, incident=derived_id("i"), cause="No ping")
    request = DeliveryRequested(
        transition="t", at=AT, notices=("monitor.down",), data={"incident": incident(cause="No ping")},
        about=about_check(state, check),
    )  # fmt: skip
    told = event("monitor.down", request)
    assert told["description"] == "DOWN: Backup since 12:16:44 (MSK), reason: No ping"
    assert (told["check"]["type"], told["check"]["token"], told["check"]["period"]) == ("pulse", "abcd", 60 + 3_600)
    assert told["check"]["url"] == "https://up.example/pulse/abcd/********"
    assert check.id not in json.dumps(told)
    assert list(told["check"]) == list(event("monitor.down", requested("monitor.down"))["check"])


@pytest.mark.parametrize("told_of", [True, False])
@pytest.mark.parametrize("name", ["Backup", ""])
def test_a_heartbeat_check_without_a_token_keeps_its_id_secret(told_of: bool, name: str) -> None:
    check = Check(id=derived_id("k"), project="p", version=1, created=AT, name=name, schedule=Simple(period=60))
    state = CheckState(version=1, status="down", since=AT, down_since=AT, incident=derived_id("i"), cause="No ping")
    request = DeliveryRequested(
        transition="t", at=AT, notices=("monitor.down",), data=check_data(state, check, incident(cause="No ping")),
        about=about_check(state, check) if told_of else None,
    )  # fmt: skip
    told = event("monitor.down", request)
    assert check.id not in json.dumps(told)
    assert told == event("monitor.down", request)
    assert told["check"]["type"] == "pulse"
    assert len(told["check"]["token"]) > THING_LENGTH
    assert told["description"].startswith(f"DOWN: {name or told['check']['token']} since ")


@pytest.mark.parametrize("notice", sorted(set(EVENTS) & set(NOTICES)))
@pytest.mark.parametrize(
    "data",
    [
        {}, {"monitor": [], "incident": 5, "ssl": 7}, {"incident": {"started_at": "9" * 50, "resolved_at": {}}},
        {"monitor": {"url": "http://[", "name": {}}}, {"last_metrics": [], "apdex_dropped": {}},
    ],
)  # fmt: skip
def test_whatever_a_notice_holds_an_event_comes_of_it(notice: Any, data: dict[str, Any]) -> None:
    for about in (None, about_monitor(DOWN, MONITOR)):
        request = DeliveryRequested(transition="t", at=AT, notices=(notice,), data=data, about=about)
        told = event(notice, request)
        assert told["event"] == EVENTS[notice]
        assert told["description"]
        assert isinstance(told["check"]["url"], str)


def test_a_test_is_of_the_sample_check() -> None:
    data = {"test": True, "monitor": {"name": "Test"}, "incident": incident()}
    told = event("monitor.down", DeliveryRequested(transition="t", at=AT, notices=("monitor.down",), data=data))
    assert told["check"]["token"] == "xyz0"
    assert (told["check"]["url"], told["check"]["period"], told["check"]["apdex_t"]) == ("https://updown.io", 30, 0.25)
    assert told["check"]["created_at"] is None
    assert told["description"] == "DOWN: https://updown.io/ since 12:16:44 (MSK), reason: 418 I'm a teapot"


def test_the_same_request_gives_the_same_bytes() -> None:
    request = requested("monitor.down", incident=incident())
    assert len({body_of("monitor.down", request, ENDPOINT) for _ in range(3)}) == 1
