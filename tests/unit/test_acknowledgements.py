"""Acknowledging an incident: by the folds of both kinds of things, and over the API."""

from typing import Any

import pytest

from schemas.base import SECOND
from schemas.ids import new_id
from schemas.incident_requests import IncidentAcknowledge, IncidentRelease
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased
from schemas.times import iso
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import ThingChanged
from tests.check_story import DAY, HOUR, MINUTE, notices, t
from tests.check_story import Story as CheckStory
from tests.folding import of_type
from tests.harness import ADMIN_PASSWORD, WRITE_KEY, Harness
from tests.memory import START
from tests.monitor_story import Story
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, made, with_key


def acknowledged(story: Story | CheckStory, by: str = "Ada", **fields: Any) -> IncidentAcknowledged:
    given: dict[str, Any] = {"at": t(story.time), "incident": story.state.incident or "", "request": by, "by": by}
    given |= fields
    return IncidentAcknowledged(**given)


def check_that_is_down() -> CheckStory:
    story = CheckStory()
    story.ping(100, "fail")
    assert story.state.status == "down"
    return story


def monitor_that_is_down() -> Story:
    story = Story()
    story.probe(0)
    story.probe(1, ok=False)
    assert story.state.status == "down"
    return story


@pytest.mark.parametrize("down", [check_that_is_down, monitor_that_is_down])
def test_the_first_counts_and_has_an_entry(down: Any) -> None:
    story = down()
    effects = story.tell(acknowledged(story, comment="on it"), story.time)
    said = story.state.acknowledged
    assert said is not None
    assert (said.by, said.comment, said.at) == ("Ada", "on it", t(story.time))
    [entry] = of_type(effects, ThingChanged)
    assert (entry.action, entry.command) == ("acknowledged", "incident.acknowledged")
    told = {change.field: change.new for change in entry.changes}
    assert told == {"incident": story.state.incident, "by": "Ada", "comment": "on it"}
    for again in (acknowledged(story), acknowledged(story, "Bob")):
        assert story.tell(again, story.time) == []
    assert story.state.acknowledged == said


@pytest.mark.parametrize("down", [check_that_is_down, monitor_that_is_down])
def test_what_is_said_of_another_incident_or_put_back_changes_nothing(down: Any) -> None:
    story = down()
    assert story.tell(acknowledged(story, incident="another"), story.time) == []
    assert story.tell(acknowledged(story), story.time, retried=True) == []
    comment = IncidentCommented(at=t(story.time), incident="another", comment="x")
    assert story.tell(comment, story.time) == []
    assert story.state.acknowledged is None


def test_a_comment_moves_nothing_and_is_kept_in_the_audit_trail() -> None:
    story = check_that_is_down()
    before = story.state
    event = IncidentCommented(at=t(story.time), incident=before.incident or "", comment="a new disk", by="Ada")
    [entry] = of_type(story.tell(event, story.time), ThingChanged)
    assert entry.action == "commented"
    assert story.state == before


def test_nobody_is_reminded_of_what_somebody_takes_care_of() -> None:
    story = check_that_is_down()
    assert notices(story.tick(100 + HOUR + MINUTE)) == ["monitor.still_down"]
    story.tell(acknowledged(story), story.time)
    assert notices(story.tick(3 * DAY)) == []
    assert notices(story.ping(story.time + 1)) == ["monitor.recovered", "incident.resolved"]
    assert story.state.acknowledged is None
    story.ping(story.time + 1, "fail")
    assert notices(story.tick(story.time + HOUR + MINUTE)) == ["monitor.still_down"]


@pytest.mark.parametrize("end", ["pause", "remove", "ping"])
def test_every_end_of_the_incident_ends_it(end: str) -> None:
    story = check_that_is_down()
    story.tell(acknowledged(story), story.time)
    late = acknowledged(story, "Bob")
    getattr(story, end)(story.time + 1)
    assert story.tell(late, story.time + 2) == []
    assert end == "remove" or story.state.acknowledged is None


def test_a_restart_changes_nothing() -> None:
    story = check_that_is_down()
    story.tell(acknowledged(story), story.time)
    story.folding.restart()
    assert story.tell(acknowledged(story, "Bob"), story.time) == []
    assert notices(story.tick(3 * DAY)) == []


# ---- over the API


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def down(harness: Harness) -> tuple[str, str]:
    """A monitor that is down, and its incident."""
    id = (await made(harness, confirmations=1))["id"]
    harness.log.probe(id)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    [incident] = (await harness.client.get(f"{V1}/incidents?status=open")).json()["data"]
    assert incident["acknowledgement"] is None
    return id, incident["id"]


def requests(harness: Harness) -> int:
    return sum(value["type"] == "delivery.requested" for _, value in harness.log.of(DELIVERIES))


async def test_two_people_acknowledge_and_the_second_is_told_of_the_first(harness: Harness) -> None:
    harness.make_channel("hook")
    id, incident = await down(harness)
    path = f"{V1}/incidents/{incident}/acknowledge"
    answer = await harness.client.post(path, json={"by": "Ada", "comment": "on it"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()["data"]["acknowledgement"]
    assert shown == {"by": "Ada", "acknowledged_at": iso(harness.log.time), "comment": "on it", "until": None}
    for read in (f"{V1}/incidents/{incident}", f"{V1}/incidents?status=open"):
        data = (await harness.client.get(read)).json()["data"]
        assert (data if isinstance(data, dict) else data[0])["acknowledgement"] == shown
    second = await harness.client.post(path, json={"by": "Bob"})
    assert fault(second) == (409, "already_acknowledged")
    assert second.json()["message"] == f"Ada acknowledged the incident at {shown['acknowledged_at']}."
    again = await harness.client.post(path, json={"by": "Ada"})
    assert (again.status_code, again.json()["data"]["acknowledgement"]) == (200, shown)
    assert len([value for _, value in harness.log.of(TRANSITIONS) if value.get("action") == "acknowledged"]) == 1
    before = requests(harness)
    harness.log.tick(2)
    assert requests(harness) == before
    harness.log.tick(60)
    harness.log.probe(id)
    late = await harness.client.post(path, json={"by": "Bob"})
    assert fault(late) == (409, "incident_resolved")


async def test_what_was_said_is_shown_with_the_incident_that_is_over(harness: Harness) -> None:
    id, incident = await down(harness)
    path = f"{V1}/incidents/{incident}"
    assert (await harness.client.post(f"{path}/acknowledge", json={"by": "Ada"})).status_code == 200
    harness.log.tick(5)
    answer = await harness.client.post(f"{path}/comments", json={"comment": "a new disk", "by": "Bob"})
    assert answer.status_code == 201, answer.text
    harness.log.tick(60)
    harness.log.probe(id)
    over = (await harness.client.get(path)).json()["data"]
    assert (over["status"], over["acknowledgement"]) == ("resolved", None)
    assert [(one["action"], one["by"], one["comment"]) for one in over["log"]] == [
        ("acknowledged", "Ada", ""),
        ("commented", "Bob", "a new disk"),
    ]
    late = await harness.client.post(f"{path}/comments", json={"comment": "thanks"})
    assert fault(late) == (409, "incident_resolved")


async def test_the_thing_names_its_incident_a_check_too(harness: Harness) -> None:
    id, _ = await down(harness)
    check = (await harness.client.post("/api/v3/checks/", json={"name": "Nightly"})).json()["uuid"]
    harness.log.ping(check, "fail")
    for thing in (id, check):
        answer = await harness.client.post(f"{V1}/incidents/{thing}/acknowledge", json={})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["monitor_id"] == thing
    for page, times in (("/", 2), (f"/checks/{check}", 1)):
        text = (await harness.client.get(page, auth=("", ADMIN_PASSWORD))).text
        assert text.count("acknowledged by") == times
    state = harness.log.states.state(check)
    assert state is not None
    assert state.acknowledged is not None


async def test_what_is_not_there_or_of_others_is_not_found(harness: Harness) -> None:
    id, incident = await down(harness)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    for wanted, headers in ((UNKNOWN, {}), ("x", {}), (incident, others), (id, others)):
        for action, body in (("acknowledge", {}), ("comments", {"comment": "x"})):
            answer = await harness.client.post(f"{V1}/incidents/{wanted}/{action}", json=body, headers=headers)
            assert fault(answer) == (404, "not_found"), (wanted, action)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("acknowledge", {"by": "x" * 101}),
        ("acknowledge", {"until": "tomorrow"}),
        ("acknowledge", {"until": iso(START - SECOND)}),
        ("acknowledge", {"who": "Ada"}),
        ("comments", {}),
        ("comments", {"comment": ""}),
        ("comments", {"comment": "x" * 1_001}),
    ],
)
async def test_bad_bodies(harness: Harness, action: str, body: dict[str, Any]) -> None:
    _, incident = await down(harness)
    answer = await harness.client.post(f"{V1}/incidents/{incident}/{action}", json=body)
    assert fault(answer) == (400, "validation_error")


async def test_while_the_fold_stands_still_nobody_is_told_that_they_were_first(
    harness: Harness,
) -> None:
    _, incident = await down(harness)
    harness.log.held.add("probe-results")
    answer = await harness.client.post(f"{V1}/incidents/{incident}/acknowledge", json={"by": "Ada"})
    assert fault(answer)[0] == 503


async def test_what_was_said_while_it_recovered_is_shown(harness: Harness) -> None:
    """The incident ends with the first of the results that say so; it is known when the last has come."""
    id = (await made(harness, confirmations=1, recoveries=2))["id"]
    for ok in (True, False, True):
        harness.log.probe(id, ok=ok)
        harness.log.tick(60)
    path = f"{V1}/incidents/{id}/comments"
    assert (await harness.client.post(path, json={"comment": "it comes back", "by": "Ada"})).status_code == 201
    for number in range(120):
        await harness.client.patch(f"{V1}/monitors/{id}", json={"name": f"Renamed {number}"})
    harness.log.probe(id)
    [incident] = (await harness.client.get(f"{V1}/incidents?status=resolved")).json()["data"]
    over = (await harness.client.get(f"{V1}/incidents/{incident['id']}")).json()["data"]
    assert [(one["action"], one["comment"]) for one in over["log"]] == [("commented", "it comes back")]


# ---- who has it changes it, and gives it back


@pytest.mark.parametrize("down", [check_that_is_down, monitor_that_is_down])
def test_the_same_one_changes_how_long_it_lasts(down: Any) -> None:
    story = down()
    story.tell(acknowledged(story, request="1", comment="on it"), story.time)
    first = story.state.acknowledged
    longer = acknowledged(story, request="2", until=t(story.time) + 7_200 * SECOND)
    [entry] = of_type(story.tell(longer, story.time), ThingChanged)
    assert entry.action == "acknowledged"
    said = story.state.acknowledged
    assert (said.until, said.comment, said.at, said.request) == (longer.until, "on it", first.at, "2")
    for nothing_new in (acknowledged(story, request="3", until=longer.until), acknowledged(story, "Bob", request="4")):
        assert story.tell(nothing_new, story.time) == []
    assert story.state.acknowledged == said
    story.tell(acknowledged(story, request="5"), story.time)
    assert story.state.acknowledged.until is None


@pytest.mark.parametrize("down", [check_that_is_down, monitor_that_is_down])
def test_who_gives_no_name_changes_nothing_of_another(down: Any) -> None:
    story = down()
    story.tell(acknowledged(story, "", request="1"), story.time)
    assert story.tell(acknowledged(story, "", request="2", until=t(story.time) + HOUR * SECOND), story.time) == []


def who_has_it(story: Any) -> str:
    return str(story.state.acknowledged.by)


@pytest.mark.parametrize("down", [check_that_is_down, monitor_that_is_down])
def test_given_back_it_is_as_if_nobody_had(down: Any) -> None:
    story = down()
    released = IncidentReleased(at=t(story.time), incident=story.state.incident or "", by="Ada", comment="ill")
    assert story.tell(released, story.time) == []
    story.tell(acknowledged(story), story.time)
    assert story.tell(released, story.time, retried=True) == []
    [entry] = of_type(story.tell(released, story.time), ThingChanged)
    assert (entry.action, entry.command) == ("released", "incident.released")
    assert {change.field: change.new for change in entry.changes}["comment"] == "ill"
    assert story.state.acknowledged is None
    assert story.state.escalation is not None
    assert story.tell(released, story.time) == []
    story.tell(acknowledged(story, "Bob"), story.time)
    assert who_has_it(story) == "Bob"


async def test_the_same_person_extends_and_shortens_a_snooze(harness: Harness) -> None:
    _, incident = await down(harness)
    path = f"{V1}/incidents/{incident}/acknowledge"
    start = harness.log.time
    for seconds in (3_600, 7_200, 600, None):
        until = None if seconds is None else iso(start + seconds * SECOND)
        answer = await harness.client.post(path, json={"by": "Ada", "until": until})
        assert (answer.status_code, answer.json()["data"]["acknowledgement"]["until"]) == (200, until), answer.text
        harness.log.tick(1)
    second = await harness.client.post(path, json={"by": "Bob", "until": iso(start + 60 * HOUR * SECOND)})
    assert fault(second) == (409, "already_acknowledged")
    assert second.json()["message"] == f"Ada acknowledged the incident at {iso(start)}."


async def test_given_back_by_the_api_somebody_else_may_have_it(harness: Harness) -> None:
    _, incident = await down(harness)
    path = f"{V1}/incidents/{incident}/acknowledge"
    assert (await harness.client.post(path, json={"by": "Ada"})).status_code == 200
    for _ in range(2):  # the second time there is nothing to give back
        answer = await harness.client.request("DELETE", path, json={"by": "Ada", "comment": "ill"})
        assert (answer.status_code, answer.json()["data"]["acknowledgement"]) == (200, None), answer.text
    assert (await harness.client.delete(path)).status_code == 200
    assert (await harness.client.post(path, json={"by": "Bob"})).json()["data"]["acknowledgement"]["by"] == "Bob"
    log = (await harness.client.get(f"{V1}/incidents/{incident}")).json()["data"]["log"]
    assert [(one["action"], one["by"]) for one in log] == [
        ("acknowledged", "Ada"),
        ("released", "Ada"),
        ("acknowledged", "Bob"),
    ]
    for wanted in (UNKNOWN, "x"):
        answer = await harness.client.delete(f"{V1}/incidents/{wanted}/acknowledge")
        assert fault(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (iso(START)[:-6] + ".000001+00:00", "time in the future"),
        (iso(START + 100 * SECOND), "at least a minute"),
        (iso(START + 400 * DAY * SECOND), "at most a year"),
        ("2254-01-01T00:00:00Z", "at most a year"),
        ("9999-12-31T23:59:59Z", "at most a year"),
        ("0001-01-01T00:00:00+14:00", "time in the future"),
        ("2026-01-01T00:00:00\x00", "ISO 8601"),
        (5, "until"),
    ],
)
async def test_a_snooze_that_makes_no_sense_is_refused_in_words(harness: Harness, until: Any, words: str) -> None:
    _, incident = await down(harness)  # takes a minute
    answer = await harness.client.post(f"{V1}/incidents/{incident}/acknowledge", json={"until": until})
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"], answer.text


@pytest.mark.parametrize(("by", "status"), [("Bob", 409), ("Ada", 200)])
async def test_two_at_once_through_two_processes(harness: Harness, by: str, status: int) -> None:
    """This process shows that nobody has it, and somebody else's request is decided first."""
    id, incident = await down(harness)
    faster = IncidentAcknowledge(
        request=new_id(), at=harness.log.time, kind="monitor", thing=id, incident=incident, by=by
    )
    harness.log.overtaking.append((harness.project, faster))
    answer = await harness.client.post(f"{V1}/incidents/{incident}/acknowledge", json={"by": "Ada"})
    assert answer.status_code == status, answer.text
    shown = (await harness.client.get(f"{V1}/incidents/{incident}")).json()["data"]
    assert shown["acknowledgement"]["by"] == by
    assert len(shown["log"]) == 1
    if status == 409:
        assert answer.json()["message"].startswith("Bob acknowledged the incident at ")


async def test_given_back_while_somebody_else_takes_it(harness: Harness) -> None:
    id, incident = await down(harness)
    path = f"{V1}/incidents/{incident}/acknowledge"
    assert (await harness.client.post(path, json={"by": "Ada"})).status_code == 200
    released = IncidentRelease(request=new_id(), at=harness.log.time, kind="monitor", thing=id, incident=incident)
    harness.log.overtaking.append((harness.project, released))
    # Ada wants it for longer, and Bob has just given it back for her: it is hers again.
    until = iso(harness.log.time + 7_200 * SECOND)
    answer = await harness.client.post(path, json={"by": "Ada", "until": until})
    assert (answer.status_code, answer.json()["data"]["acknowledgement"]["until"]) == (200, until)


async def test_while_the_fold_stands_still_nothing_is_said_to_be_given_back(harness: Harness) -> None:
    _, incident = await down(harness)
    path = f"{V1}/incidents/{incident}/acknowledge"
    assert (await harness.client.post(path, json={"by": "Ada"})).status_code == 200
    harness.log.held.add("probe-results")
    assert fault(await harness.client.delete(path))[0] == 503
    assert fault(await harness.client.post(path, json={"by": "Ada", "until": iso(START + DAY * SECOND)}))[0] == 503
