"""The verdicts of the fold of projects about checks: made, found, changed, removed, provisioned by a ping."""

from typing import Any

import pytest

from schemas.definitions import Check
from schemas.ids import new_id
from schemas.pings import CheckDefined, CheckRemoved
from schemas.requests import (
    CheckCreate,
    CheckDelete,
    CheckFields,
)
from schemas.schedules import Cron, Simple
from schemas.topics import PINGS
from tests.projects_desk import NOW, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


# Checks: made, found, changed, removed


def test_an_empty_request_makes_a_check_of_defaults(desk: Desk) -> None:
    desk.channel()
    made = desk.create()
    check = desk.check(made.id)
    assert (made.outcome, made.version) == ("made", 1)
    assert check == Check(id=made.id, project=desk.project, version=1, created=NOW)
    assert check.schedule == Simple(period=86_400)
    assert (check.grace, check.channels) == (3600, ())
    assert desk.sent(PINGS) == [(made.id, CheckDefined(at=NOW, check=check))]
    assert next(effect.partition for effect in desk.effects if effect.topic is PINGS) is None


def test_every_field_is_taken(desk: Desk) -> None:
    wanted: dict[str, Any] = {
        "name": "N",
        "slug": "n",
        "tags": "a b",
        "desc": "d",
        "schedule": Cron(expression="0 2 * * *", tz="Europe/Riga"),
        "grace": 60,
        "late_limit": 120,
        "run_limit": 180,
        "methods": "POST",
        "manual_resume": True,
        "start_kw": "s",
        "success_kw": "o",
        "failure_kw": "f",
        "filter_subject": True,
        "filter_body": True,
        "filter_http_body": True,
        "filter_default_fail": True,
        "mute_until": "recovery",
        "managed_by": "billing",
    }
    resolved = {"expression", "tz", "slug_when_renamed", "filter_subject_while"}
    assert {*wanted, "channels", *resolved} == set(CheckFields.__struct_fields__)
    plain, made = desk.create(), desk.create(**wanted)
    # Of one set of files no two checks have one name or slug.
    changed = wanted | {"name": "M", "slug": "m"}
    desk.update(plain.id, **changed)
    for id, expected in ((made.id, wanted), (plain.id, changed)):
        assert {name: getattr(desk.check(id), name) for name in expected} == expected
    desk.update(plain.id, late_limit=None)
    assert desk.check(plain.id).late_limit is None
    assert desk.check(plain.id).run_limit == 180


def test_the_same_candidate_twice_is_found(desk: Desk) -> None:
    for options in ({}, {"provision": True}, {"unique": ("slug",)}):
        id = new_id()
        slug = f"s{len(options)}{'unique' in options}".lower()
        assert desk.create(id=id, slug=slug, **options).outcome == "made"
        desk.update(id, slug="renamed", desc=slug)
        again = desk.create(id=id, slug=slug, **options)
        assert (again.outcome, again.id, again.version) == ("found", id, 2)
        assert desk.sent(PINGS) == []


def test_an_update_is_partial_and_counts(desk: Desk) -> None:
    id = desk.create(name="a", tags="x").id
    assert desk.update(id, name="b").version == 2
    check = desk.check(id)
    assert (check.name, check.tags, check.version) == ("b", "x", 2)
    assert desk.sent(PINGS) == [(id, CheckDefined(at=NOW, check=check))]


def test_an_update_that_changes_nothing_keeps_the_version(desk: Desk) -> None:
    channel = desk.channel("c")
    id = desk.create(name="a", channels="*").id
    unchanged = desk.update(id, name="a", channels=channel, schedule=Simple(period=86_400))
    assert (unchanged.outcome, unchanged.version) == ("updated", 1)
    assert desk.sent(PINGS) == []
    assert desk.check(id).version == 1


def test_a_deleted_check_is_gone(desk: Desk) -> None:
    id = desk.create(slug="s").id
    removed = desk.ask(CheckDelete(request="r", at=NOW, id=id))
    assert (removed.outcome, removed.id) == ("removed", id)
    assert desk.sent(PINGS) == [(id, CheckRemoved(at=NOW))]
    assert desk.session.view.get(f"check/{id}") is None
    assert desk.ask(CheckDelete(request="r", at=NOW, id=id)).reason == "no such check"
    assert desk.create(slug="s", provision=True).outcome == "made"


# Provisioned by a ping


def test_a_slug_is_provisioned_once_with_every_channel(desk: Desk) -> None:
    channels = tuple(sorted((desk.channel(), desk.channel())))
    made = desk.create(slug="job", provision=True)
    check = desk.check(made.id)
    assert made.outcome == "made"
    assert check == Check(
        id=made.id, project=desk.project, version=1, created=NOW, name="job", slug="job", channels=channels
    )
    desk.update(made.id, tags="t")
    found = desk.create(slug="job", provision=True)
    assert (found.outcome, found.id, found.version) == ("found", made.id, 2)
    desk.create(slug="job")
    ambiguous = desk.create(slug="job", provision=True)
    assert (ambiguous.outcome, ambiguous.reason) == ("refused", "ambiguous slug")


def test_a_rename_frees_the_slug(desk: Desk) -> None:
    first = desk.create(slug="job", provision=True).id
    desk.update(first, slug="other")
    second = desk.create(slug="job", provision=True)
    assert second.outcome == "made"
    desk.update(first, slug="job")
    assert desk.create(slug="job", provision=True).reason == "ambiguous slug"


@pytest.mark.parametrize("fields", [CheckFields(), CheckFields(slug="")])
def test_provisioning_needs_a_slug(desk: Desk, fields: CheckFields) -> None:
    assert "slug" in desk.refusal(CheckCreate(request="r", at=NOW, id=new_id(), fields=fields, provision=True))


def test_the_limit_is_doubled_for_pings() -> None:
    desk = Desk(check_limit=2)
    ids = [desk.create(name="a", unique=("name",)).id, desk.create().id]
    assert desk.create().reason == "limit reached"
    assert desk.create(channels="nonsense").reason == "limit reached"
    assert desk.create(name="a", unique=("name",)).outcome == "updated"
    ids += [desk.create(slug=slug, provision=True).id for slug in ("one", "two")]
    assert desk.create(slug="three", provision=True).reason == "limit reached"
    assert desk.create(slug="two", provision=True).outcome == "found"
    assert len(set(ids)) == 4
    for id in ids[:3]:
        desk.ask(CheckDelete(request="r", at=NOW, id=id))
    assert desk.create().outcome == "made"
    assert Desk(check_limit=0).create().reason == "limit reached"


# Upsert by unique fields


def test_the_oldest_that_agrees_is_updated(desk: Desk) -> None:
    desk.at = NOW + 5
    younger = desk.create(name="a").id
    desk.at = NOW + 3
    older = desk.create(name="a").id
    desk.at = NOW + 9
    updated = desk.create(name="a", desc="new", unique=("name",))
    assert (updated.outcome, updated.id, updated.version) == ("updated", older, 2)
    assert desk.check(older).desc == "new"
    assert desk.check(younger).desc == ""
    assert desk.sent(PINGS) == [(older, CheckDefined(at=NOW + 9, check=desk.check(older)))]


@pytest.mark.parametrize(
    ("there", "asked", "unique", "agree"),
    [
        ({"name": "a"}, {"name": "a"}, ["name"], True),
        ({"name": "a"}, {"name": "A"}, ["name"], False),
        ({"name": "a"}, {"name": "a"}, [], False),
        ({"name": "a"}, {}, ["name"], False),
        ({"name": "a"}, {"name": "a"}, ["name", "tags"], False),
        ({"name": "a", "tags": "t"}, {"name": "a", "tags": "u"}, ["name", "tags"], False),
        ({"name": "a", "tags": "t"}, {"name": "a", "tags": "t"}, ["tags", "name"], True),
        ({"slug": "a"}, {"slug": "a", "name": "x"}, ["slug"], True),
        ({"slug": "a"}, {"slug": "a", "name": "x"}, ["slug", "name"], False),
        ({"tags": "a"}, {"tags": "a"}, ["tags"], True),
        ({"grace": 60}, {"grace": 60}, ["grace"], True),
        ({"grace": 60}, {"grace": 61}, ["grace"], False),
        ({}, {"name": ""}, ["name"], True),
        ({}, {"schedule": Simple(period=86_400)}, ["timeout"], True),
        ({"schedule": Simple(period=60)}, {"schedule": Simple(period=61)}, ["timeout"], False),
        ({"schedule": Simple(period=60)}, {}, ["timeout"], False),
        (
            {"schedule": Cron(expression="* * * * *", tz="UTC")},
            {"schedule": Cron(expression="* * * * *", tz="UTC")},
            ["timeout"],
            False,
        ),
    ],
)
def test_unique(desk: Desk, there: dict[str, Any], asked: dict[str, Any], unique: list[str], agree: bool) -> None:
    id = desk.create(**there).id
    verdict = desk.create(**asked, unique=unique)
    assert (verdict.outcome, verdict.id == id) == (("updated", True) if agree else ("made", False))
