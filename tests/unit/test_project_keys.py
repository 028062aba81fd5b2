"""API keys in the projects fold: made, rotated with an overlap, revoked; what was revoked is remembered."""

import pytest
from msgspec.structs import replace

from infra.log.directory import Directory
from processors.projects.keys import MOST_REVOKED
from schemas.base import SECOND, Micros, encode
from schemas.decisions import Decision
from schemas.definitions import ApiKey, KeyKind, RevokedKey
from schemas.ids import derived_id, new_id
from schemas.rejections import RejectionCode
from schemas.requests import DAY, KeyCreate, KeyRevoke, KeyRotate
from tests.projects_desk import NOW, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def key_of(desk: Desk, text: str = "hash", kind: KeyKind = "poppaping", expires: Micros | None = None) -> ApiKey:
    return ApiKey(
        id=new_id(), project=desk.project, kind=kind, hash=text, prefix="pp_live_abcd", created=0, expires=expires
    )


def made(desk: Desk, key: ApiKey) -> ApiKey:
    assert desk.ask(KeyCreate(request=new_id(), at=NOW, key=key)).outcome == "made"
    return replace(key, created=NOW)


def rotate(desk: Desk, old: ApiKey, new: ApiKey, overlap: int = DAY, at: Micros = NOW) -> Decision:
    return desk.ask(KeyRotate(request=new_id(), at=at, id=old.id, key=new, overlap=overlap))


def revoked(desk: Desk) -> list[str]:
    return sorted(record.id for _, record in desk.session.view.items() if isinstance(record, RevokedKey))


def test_a_revoked_key_is_remembered_without_what_opens_anything(desk: Desk) -> None:
    key = made(desk, replace(key_of(desk), name="ci", scopes=("monitors:read",), expires=NOW + SECOND))
    assert desk.ask(KeyRevoke(request="r", at=NOW + 1, id=key.id)).outcome == "removed"
    assert desk.session.view.get(f"key/{key.id}") is None
    record = desk.session.view.get(f"revoked-key/{key.id}")
    assert (record.name, record.scopes, record.kind, record.prefix) == (
        "ci",
        ("monitors:read",),
        "poppaping",
        key.prefix,
    )
    assert (record.created, record.expires, record.revoked) == (NOW, NOW + SECOND, NOW + 1)
    assert key.hash.encode() not in encode(record)
    directory = Directory()
    directory.apply(0, f"revoked-key/{key.id}", encode(record))
    assert directory.keys_of(desk.project) == []


def test_a_revoked_key_does_not_come_back(desk: Desk) -> None:
    key = made(desk, key_of(desk))
    desk.ask(KeyRevoke(request="r", at=NOW, id=key.id))
    assert desk.ask(KeyCreate(request="s", at=NOW, key=key)).reason == "exists"
    other = made(desk, key_of(desk))
    assert rotate(desk, other, key).reason == "exists"
    assert desk.session.view.get(f"key/{key.id}") is None


def test_the_oldest_revoked_keys_are_forgotten(desk: Desk) -> None:
    keys = [replace(key_of(desk), id=derived_id("key", number)) for number in range(MOST_REVOKED + 3)]
    for number, key in enumerate(keys):
        made(desk, key)
        desk.ask(KeyRevoke(request=new_id(), at=NOW + number, id=key.id))
    assert revoked(desk) == sorted(key.id for key in keys[3:])


def test_a_rotated_key_opens_the_same_and_the_old_one_until_the_overlap_ends(desk: Desk) -> None:
    old = made(desk, replace(key_of(desk), name="ci", scopes=("alerts:read",)))
    new = replace(key_of(desk, "other"), name="mine", scopes=("monitors:write",), expires=NOW + 5)
    decision = rotate(desk, old, new, overlap=3600, at=NOW + 1)
    assert (decision.outcome, decision.id) == ("made", new.id)
    kept = desk.session.view.get(f"key/{new.id}")
    assert kept == replace(new, created=NOW + 1, name="ci", scopes=("alerts:read",))  # no wider than the old one
    assert desk.session.view.get(f"key/{old.id}") == replace(old, expires=NOW + 1 + 3600 * SECOND)


def test_an_overlap_never_lengthens_the_life_of_a_key(desk: Desk) -> None:
    old = made(desk, key_of(desk, expires=NOW + 60 * SECOND))
    rotate(desk, old, key_of(desk, "other"))
    assert desk.session.view.get(f"key/{old.id}").expires == NOW + 60 * SECOND


def test_without_an_overlap_the_old_key_is_revoked(desk: Desk) -> None:
    old = made(desk, key_of(desk))
    new = key_of(desk, "other")
    assert rotate(desk, old, new, overlap=0).outcome == "made"
    assert desk.session.view.get(f"key/{old.id}") is None
    assert revoked(desk) == [old.id]


def test_of_two_rotations_at_once_the_second_hears_of_the_first(desk: Desk) -> None:
    old = made(desk, key_of(desk))
    assert rotate(desk, old, key_of(desk, "first"), overlap=0).outcome == "made"
    second = rotate(desk, old, key_of(desk, "second"), overlap=0)
    assert (second.outcome, second.code) == ("refused", RejectionCode.CHANGED_MEANWHILE)
    assert second.reason == "changed meanwhile: the key was rotated or revoked already"
    assert rotate(desk, replace(old, id=new_id()), key_of(desk, "third"), overlap=0).code is RejectionCode.KEY_NOT_FOUND


def test_what_cannot_be_rotated(desk: Desk) -> None:
    old = made(desk, key_of(desk))
    new = key_of(desk, "other")
    assert rotate(desk, old, replace(new, kind="healthchecks")).reason == "wrong kind of key"
    assert rotate(desk, new, new).reason == "no such key"
    foreign = KeyRotate(request="r", at=NOW, id=old.id, key=replace(new, project=new_id()))
    assert "another project" in desk.refusal(foreign)
    assert rotate(desk, old, new).outcome == "made"
    # The same request once more, as a producer may write it, changes nothing.
    before = desk.session.view.get(f"key/{old.id}")
    assert rotate(desk, old, new, at=NOW + 60 * SECOND).outcome == "found"
    assert desk.session.view.get(f"key/{old.id}") == before
