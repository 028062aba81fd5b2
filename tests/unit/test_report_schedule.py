"""Reports by schedule, from the end of a week to the request to send it: the real folds, the API and what makes them,
in memory. The clock is moved."""

from typing import Any

import msgspec
import pytest

from processors.fold.contract import Session
from processors.fold.view import View
from processors.projects.fold import Projects
from query_api.reports.maker import SETTLED
from schemas.base import SECOND, encode
from schemas.definitions import Channel
from schemas.deliveries import Delivery, DeliveryAttempted
from schemas.ids import new_id
from schemas.reports import ReportSettings, ReportState, settings_key, state_key
from schemas.requests import ChannelCreate, ReportMade
from schemas.ticks import TimeCorrected
from schemas.times import iso
from schemas.topics import DEFINITIONS, DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, V1, fault, with_key
from tests.report_world import DAY, MONDAY, SCHEDULE, SEND, maker, move_to, pending, requested, schedule


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def test_nobody_is_sent_reports_who_has_not_asked(harness: Harness) -> None:
    harness.make_channel("hook")
    assert (await harness.client.get(SCHEDULE)).json()["data"] == {
        "weekly": False, "monthly": False, "timezone": "UTC", "alert_channel_ids": [],
        "next_weekly_at": None, "next_monthly_at": None, "updated_at": None,
    }  # fmt: skip
    move_to(harness, MONDAY + DAY)
    assert pending(harness) == []


async def test_a_week_ends_and_its_report_is_sent_once(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    shown = await schedule(harness, weekly=True, alert_channel_ids=[hook])
    assert (shown["next_weekly_at"], shown["next_monthly_at"]) == (iso(MONDAY), None)
    move_to(harness, MONDAY - SECOND)
    assert pending(harness) == []
    move_to(harness, MONDAY)
    assert pending(harness) == [("week", "2025-06-16")]
    # Not before what happened in the week has been noticed.
    await maker(harness).look()
    assert requested(harness) == []
    move_to(harness, MONDAY + SETTLED + 60 * SECOND)
    await maker(harness).look()
    await maker(harness, "1").look()
    [sent] = requested(harness)
    assert pending(harness) == []
    assert sent["at"] == MONDAY
    report = sent["data"]["report"]
    assert (report["period"], report["from"], report["to"]) == ("week", iso(MONDAY - 7 * DAY), iso(MONDAY))
    assert sent["data"]["detail"] == report["summary"] == "There is nothing to watch. No incidents."
    assert sent["data"]["monitor"]["name"] == "Weekly report of main"
    move_to(harness, MONDAY + 6 * DAY)
    await maker(harness).look()
    assert len(requested(harness)) == 1


async def test_settings_that_were_read_long_ago_are_sent_back(harness: Harness) -> None:
    first = await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY + DAY)
    second = await schedule(harness, **first | {"timezone": "Europe/Riga"})
    assert second["timezone"] == "Europe/Riga"
    assert (await schedule(harness, **first))["timezone"] == "UTC"
    answer = await harness.client.patch(SCHEDULE, json={"next_weekly_at": iso(MONDAY)})
    assert (answer.status_code, "cannot be set" in answer.text) == (400, True)


async def test_each_channel_gets_it_once_though_it_is_asked_for_again(harness: Harness) -> None:
    """Two processes make it at the same time; one was killed before it heard of the decision."""
    channels = [harness.make_channel(name) for name in ("a", "b")]
    await schedule(harness, weekly=True, alert_channel_ids=channels)
    move_to(harness, MONDAY + SETTLED + 60 * SECOND)
    for n in range(3):
        content = {"summary": f"the {n}th"}
        request = ReportMade(request=new_id(), at=harness.log.time, kind="week", label="2025-06-16", content=content)
        harness.log.send(PROJECTS.name, harness.project, encode(request))
        assert harness.log.decisions.pop(request.request).outcome == ("found" if n else "made")
        harness.log.restart()
    for channel in channels:
        [sent] = requested(harness, channel)
        assert sent["data"]["report"] == {"summary": "the 0th"}
        # It was delivered, and has left the states: it does not come again.
        [delivery] = [
            record
            for number in range(harness.log.partitions)
            for record in harness.log.records_of(DELIVERIES, number).values()
            if isinstance(record, Delivery) and record.channel == channel
        ]
        done = DeliveryAttempted(delivery=delivery.id, attempt=1, at=harness.log.time, status=200)
        harness.log.send(DELIVERIES.name, channel, encode(done))
    await maker(harness).look()
    assert len(requested(harness)) == 2


async def test_the_settings_can_be_changed(harness: Harness) -> None:
    one, two = harness.make_channel("one"), harness.make_channel("two")
    await schedule(harness, weekly=True, alert_channel_ids=[one, two, one], timezone="Europe/Riga")
    shown = await schedule(harness, monthly=True)
    assert (shown["weekly"], shown["monthly"], shown["alert_channel_ids"]) == (True, True, [one, two])
    assert shown["next_weekly_at"] == iso(MONDAY - 3 * 3_600 * SECOND)
    assert shown["next_monthly_at"] == "2025-06-30T21:00:00+00:00"
    assert await schedule(harness, **shown) == shown
    assert (await harness.client.delete(f"{V1}/alert-channels/{one}")).status_code == 200
    assert (await harness.client.get(SCHEDULE)).json()["data"]["alert_channel_ids"] == [two]
    told = [value for _, value in harness.log.of(TRANSITIONS) if value.get("kind") == "reports"]
    assert [each["action"] for each in told] == ["created", "updated"]
    assert told[0]["actor"]["kind"] == "api_key"
    assert {change["field"]: change.get("new") for change in told[0]["changes"]} == {
        "weekly": True, "timezone": "Europe/Riga", "channels": [one, two],
    }  # fmt: skip


async def test_a_week_is_told_once_whatever_the_time_zone_becomes(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    await schedule(harness, weekly=True, alert_channel_ids=[hook])
    move_to(harness, MONDAY + 3_600 * SECOND)
    await maker(harness).look()
    await schedule(harness, timezone="America/New_York")
    move_to(harness, MONDAY + 2 * DAY)
    await maker(harness).look()
    await schedule(harness, timezone="Pacific/Kiritimati", weekly=False)
    await schedule(harness, weekly=True)
    move_to(harness, MONDAY + 3 * DAY)
    await maker(harness).look()
    assert len(requested(harness)) == 1
    assert pending(harness) == []


async def test_what_is_not_wanted_any_more_is_not_sent(harness: Harness) -> None:
    await schedule(harness, weekly=True, monthly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY)
    await schedule(harness, weekly=False)
    assert pending(harness) == []
    move_to(harness, MONDAY + DAY)
    await maker(harness).look()
    assert requested(harness) == []


async def test_without_a_channel_nothing_is_due(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    await schedule(harness, weekly=True, alert_channel_ids=[hook])
    assert (await harness.client.delete(f"{V1}/alert-channels/{hook}")).status_code == 200
    move_to(harness, MONDAY + DAY)
    assert pending(harness) == []


async def test_a_time_that_had_run_ahead_swallows_no_report(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    now = harness.log.time
    move_to(harness, MONDAY + 300 * DAY)
    harness.log.time = now
    harness.log.send(PROJECTS.name, harness.project, encode(TimeCorrected()))
    assert pending(harness) == []
    move_to(harness, MONDAY)
    assert pending(harness) == [("week", "2025-06-16")]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"weekly": True}, "alert_channel_ids"),
        ({"timezone": "Europe/Atlantis"}, "IANA"),
        ({"alert_channel_ids": ["x"]}, "no alert channel 'x'"),
        ({"alert_channel_ids": [new_id()]}, "no alert channel"),
        ({"daily": True}, "daily"),
        ({"weekly": "yes"}, "weekly"),
    ],
)
async def test_settings_that_make_no_sense(harness: Harness, body: dict[str, Any], word: str) -> None:
    answer = await harness.client.patch(SCHEDULE, json=body)
    assert fault(answer) == (400, "validation_error")
    assert word in answer.json()["message"]


async def test_who_calls_people_takes_no_reports(harness: Harness) -> None:
    pager = Channel(
        id=new_id(),
        project=harness.project,
        kind="pagerduty",
        url="https://events.pagerduty.com",
        created=0,
        secret="x",
    )
    harness.request(harness.project, ChannelCreate(request=new_id(), at=harness.log.time, channel=pager))
    answer = await harness.client.patch(SCHEDULE, json={"weekly": True, "alert_channel_ids": [pager.id]})
    assert fault(answer) == (400, "validation_error")
    assert "takes no reports" in answer.json()["message"]


async def test_channels_of_another_project(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    other = {"Authorization": f"Bearer {OTHERS_KEY}"}
    answer = await harness.client.patch(SCHEDULE, json={"alert_channel_ids": [hook]}, headers=other)
    assert fault(answer) == (400, "validation_error")


async def test_a_report_is_sent_on_request(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    nobody = {"period": "week", "alert_channel_ids": [], "deliveries": 0}
    assert (await harness.client.post(SEND, json={})).json()["data"] == nobody
    for n in (1, 2):
        answer = await harness.client.post(SEND, json={"period": "month", "alert_channel_ids": [hook]})
        assert answer.status_code == 202, answer.text
        assert answer.json()["data"] == {"period": "month", "alert_channel_ids": [hook], "deliveries": 1}
        assert len(requested(harness)) == n
    sent = requested(harness)[0]
    assert sent["data"]["test"] is True
    assert sent["data"]["report"]["from"] == "2025-05-01T00:00:00+00:00"
    tests = [value for _, value in harness.log.of(TRANSITIONS) if value.get("action") == "tested"]
    assert len(tests) == 2
    assert tests[0]["actor"]["kind"] == "api_key"


async def test_reports_on_request_are_limited_as_tests_are() -> None:
    harness = with_key(Harness(test_sends_per_hour=1))
    hook = harness.make_channel("hook")
    body = {"alert_channel_ids": [hook]}
    assert (await harness.client.post(SEND, json=body)).status_code == 202
    answer = await harness.client.post(SEND, json=body)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_state_of_a_zone_that_is_not_known_any_more_stops_nothing(harness: Harness) -> None:
    """The settings were recorded with another version of the tz database."""
    hook = harness.make_channel("hook")
    settings = ReportSettings(
        id="p", project="p", version=1, created=0, revised=0, weekly=True, timezone="Europe/Atlantis", channels=(hook,)
    )
    state = ReportState(id="p", project="p", told={"week": "2025-06-09"})
    session = Session(Projects(), 0, View({settings_key("p"): settings, state_key("p"): state}))
    assert session.due() == MONDAY


async def test_settings_of_a_zone_that_is_not_known_any_more_are_shown_and_changed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    directory = harness.log.directory
    known = directory.report_settings(harness.project)
    assert known is not None
    gone = msgspec.structs.replace(known, timezone="Europe/Atlantis")
    with monkeypatch.context() as patched:
        patched.setattr(directory, "report_settings", lambda _: gone)
        shown = (await harness.client.get(SCHEDULE)).json()["data"]
        assert (shown["timezone"], shown["next_weekly_at"]) == ("Europe/Atlantis", iso(MONDAY))
        assert (await harness.client.post(SEND, json={"period": "week"})).status_code == 202
    assert (await schedule(harness, timezone="Europe/Riga"))["timezone"] == "Europe/Riga"


async def test_the_state_topic_is_what_the_directory_reads(harness: Harness) -> None:
    await schedule(harness, weekly=True, alert_channel_ids=[harness.make_channel("hook")])
    move_to(harness, MONDAY)
    states = [
        record
        for number in range(harness.log.partitions)
        for record in harness.log.records_of(PROJECTS, number).values()
        if isinstance(record, ReportState)
    ]
    [state] = states
    assert msgspec.json.decode(encode(state), type=DEFINITIONS.carries) == state
    assert state.told == {"week": "2025-06-16", "month": "2025-06-01"}


async def test_a_channel_that_is_sent_nothing_counts_as_no_test() -> None:
    harness = with_key(Harness(test_sends_per_hour=1))
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    muted, disabled, served = (harness.make_channel(name) for name in ("muted", "disabled", "served"))
    await harness.client.patch(f"{V1}/alert-channels/{muted}", json={"mute_until": "forever"})
    body = {"period": "week", "alert_channel_ids": [muted, served]}
    answer = await harness.client.post(SEND, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["deliveries"] == 1
    assert fault(await harness.client.post(SEND, json={"period": "week", "alert_channel_ids": [disabled]}))[0] == 429
