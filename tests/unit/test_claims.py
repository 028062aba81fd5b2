"""Checks with given UUIDs: made once, by one project, and named anew when they come again."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from infra.log.directory import Directory
from infra.log.partitioner import partition_of
from processors.checks.transitions import tell_of_drift
from schemas.actors import UNKNOWN
from schemas.base import SECOND, encode
from schemas.claims import CheckClaim, IdClaim, claim_key
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.ids import new_id
from schemas.rejections import RejectionCode
from schemas.requests import CheckDelete, CheckFields
from schemas.run_times import RunTimes
from schemas.topics import PROJECTS, TRANSITIONS
from tests.harness import OTHER_KEY, READ_KEY, WRITE_KEY, Harness
from tests.poppaping_client import made, with_key

UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def call(harness: Harness, method: str, body: object = None, key: str = WRITE_KEY, id: str = UUID) -> Any:
    """Status and JSON of the answer of /checks/<id>."""
    path = f"/api/v3/checks/{id}" + ("?create=1" if method == "POST" else "")
    told = await harness.client.request(method, path, json=body or {}, headers={"X-Api-Key": key})
    return told.status_code, told.json() if told.content else None


def claims(harness: Harness) -> list[IdClaim]:
    """The claims that stand."""
    kept = (one for number in range(2) for one in harness.log.records_of(PROJECTS, number).items())
    return [one for key, one in kept if key == claim_key(UUID) and isinstance(one, IdClaim)]


async def test_a_check_is_made_with_its_uuid_and_then_changed(harness: Harness) -> None:
    status, made = await call(harness, "POST", {"name": "Backup", "slug": "backup", "tags": "db"})
    assert (status, made["uuid"], made["slug"]) == (201, UUID, "backup")
    assert made["ping_url"].endswith(f"/ping/{UUID}")
    status, changed = await call(harness, "POST", {"name": "Other"})
    assert (status, changed["name"], changed["tags"]) == (200, "Other", "db")
    [claim] = claims(harness)
    assert claim.project == harness.project


@pytest.mark.parametrize(("id", "key", "status"), [("no-uuid", WRITE_KEY, 404), (UUID, READ_KEY, 401)])
async def test_what_is_refused(harness: Harness, id: str, key: str, status: int) -> None:
    assert (await call(harness, "POST", key=key, id=id))[0] == status
    assert (await call(harness, "POST", {"grace": 1}))[0] == 400
    assert claims(harness) == []


async def test_a_claim_ends_with_its_check(harness: Harness) -> None:
    await call(harness, "POST")
    assert (await call(harness, "POST", key=OTHER_KEY))[0] == 403
    assert (await call(harness, "DELETE"))[0] == 200
    assert claims(harness) == []
    claim = CheckClaim(request=new_id(), at=harness.log.time, id=UUID, project=elsewhere(harness), actor=UNKNOWN)
    assert (await harness.log.ask(UUID, claim)).outcome == "made"
    assert (await call(harness, "GET"))[0] == 403


async def test_what_another_project_watched_under_it_is_not_shown_to_the_next(harness: Harness) -> None:
    """History knows things by their ids: incidents and uptime of the former check would be theirs."""
    await call(harness, "POST")
    harness.log.ping(UUID)
    harness.log.ping(UUID, "fail")
    assert (await call(harness, "DELETE"))[0] == 200
    assert (await call(harness, "POST", key=OTHER_KEY))[0] == 403
    assert claims(harness) == []
    assert (await call(harness, "POST"))[0] == 201  # who had it has it again


async def test_the_id_of_a_monitor_is_no_id_of_a_check(harness: Harness) -> None:
    monitor = (await made(with_key(harness)))["id"]
    for key in (WRITE_KEY, OTHER_KEY):
        assert (await call(harness, "POST", key=key, id=monitor))[0] == 403


async def test_a_run_time_drift_of_a_check_that_comes_again_is_told_anew(harness: Harness) -> None:
    ids = []
    for _ in range(2):
        await call(harness, "POST", {"run_limit": 60, "timeout": 60})
        check = harness.log.directory.check(UUID)
        state = harness.log.states.state(UUID)
        assert check is not None
        assert state is not None
        drifting = msgspec.structs.replace(state, pings=20, run_times=RunTimes(average=55 * SECOND))
        told = tell_of_drift(drifting, replace(check, channels=("hook",)), harness.log.time)
        ids += [effect.value.transition for effect in told if isinstance(effect.value, DeliveryRequested)]
        await call(harness, "DELETE")
        harness.log.tick(1)
    assert len(ids) == len({*ids}) == 2


async def test_of_two_projects_at_once_one_gets_it(harness: Harness) -> None:
    outcomes = []
    for project in (harness.project, elsewhere(harness)):
        claim = CheckClaim(request=new_id(), at=harness.log.time, id=UUID, project=project, actor=UNKNOWN)
        outcomes.append(await harness.log.ask(UUID, claim))
    assert [told.outcome for told in outcomes] == ["made", "refused"]
    assert outcomes[1].code == RejectionCode.ALREADY_EXISTS
    check = harness.log.directory.check(UUID)
    assert check is not None
    assert check.project == harness.project


async def test_a_claim_that_nothing_comes_of_is_over(harness: Harness) -> None:
    fields = CheckFields(channels="nobody")
    claim = CheckClaim(
        request=new_id(), at=harness.log.time, id=UUID, project=harness.project, fields=fields, actor=UNKNOWN
    )
    assert (await harness.log.ask(UUID, claim)).code == RejectionCode.CHANNEL_IDENTIFIER_INVALID
    nobody = replace(claim, request=new_id(), project=new_id(), fields=CheckFields())
    assert (await harness.log.ask(UUID, nobody)).code == RejectionCode.PROJECT_NOT_FOUND
    keyed_wrong = replace(claim, request=new_id(), fields=CheckFields())
    assert (await harness.log.ask(new_id(), keyed_wrong)).code == RejectionCode.INVALID_REQUEST
    assert claims(harness) == []
    assert (await call(harness, "POST", key=OTHER_KEY))[0] == 201


async def test_a_check_that_comes_again_names_its_changes_anew(harness: Harness) -> None:
    for _ in range(3):
        await call(harness, "POST")
        for kind in ("success", "fail"):
            harness.log.ping(UUID, kind)
            harness.log.tick(1)
        told = await harness.client.get(f"/api/v3/checks/{UUID}/flips/", headers={"X-Api-Key": WRITE_KEY})
        assert [flip["up"] for flip in told.json()["flips"]] == [0, 1]
        await call(harness, "DELETE")
        harness.log.tick(1)
    changes = [
        one for _, one in harness.log.of(TRANSITIONS) if one["type"] == "status.changed" and one["thing"] == UUID
    ]
    assert len(changes) == len({one["id"] for one in changes}) >= 6
    numbers = [one["n"] for one in changes]
    assert numbers == sorted({*numbers})


def test_a_removal_that_is_read_late_removes_nothing_of_another_project() -> None:
    """Replicas read partitions in any order: the first owner's removal may come last."""
    directory = Directory()
    check = Check(id=UUID, project="second", version=1, created=1)
    directory.apply(5, f"check/{UUID}", encode(check))
    directory.apply(3, f"check/{UUID}", None)
    assert directory.check(UUID) == check
    directory.apply(5, f"check/{UUID}", None)
    assert directory.check(UUID) is None


def elsewhere(harness: Harness) -> str:
    """A project in another partition than the first one."""
    home = partition_of(harness.project.encode(), harness.log.partitions)
    made = (harness.make_project(f"project {number}", {}) for number in range(64))
    return next(id for id in made if partition_of(id.encode(), harness.log.partitions) != home)


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["claim", "claim", "delete", "refused"])), max_size=8))
@settings(max_examples=40)
@example([(0, "claim"), (0, "refused"), (1, "claim"), (1, "claim")])
@example([(0, "claim"), (0, "refused"), (0, "delete"), (1, "claim")])
def test_never_do_two_projects_have_it(steps: list[tuple[int, str]]) -> None:
    """Requests that no look-up has judged, a few of them folded at once: the claim alone decides."""
    harness = Harness()
    projects = (harness.project, elsewhere(harness))
    for number, (who, what) in enumerate(steps):
        if number % 3 == 0:
            harness.log.held ^= {PROJECTS.name}
            harness.log.fold()
        common: Any = {"request": new_id(), "at": harness.log.time, "actor": UNKNOWN, "id": UUID}
        if what == "delete":
            harness.log.send(PROJECTS.name, projects[who], encode(CheckDelete(**common)))
        else:
            fields = CheckFields(channels="nobody") if what == "refused" else CheckFields()
            claim = CheckClaim(project=projects[who], fields=fields, **common)
            harness.log.send(PROJECTS.name, UUID, encode(claim))
    harness.log.held.clear()
    harness.log.fold()
    kept = [harness.log.records_of(PROJECTS, number).get(f"check/{UUID}") for number in range(2)]
    owners = [check.project for check in kept if isinstance(check, Check)]
    assert len(owners) <= 1
    assert not claims(harness) or [claim.project for claim in claims(harness)] == owners
    check = harness.log.directory.check(UUID)
    assert ([] if check is None else [check.project]) == owners
