"""API keys: when they were used is told to Kafka, seldom; whoever is refused, is refused at once by every API."""

from typing import Any

import pytest
from msgspec.structs import replace

from infra.secrets.secrets import hash_api_key
from schemas.actors import SYSTEM
from schemas.base import SECOND
from schemas.definitions import ApiKey, KeyKind
from schemas.ids import new_id
from schemas.key_uses import RESOLUTION, KeyUsed
from schemas.requests import KeyCreate, KeyRevoke, KeyRotate
from schemas.topics import KEY_USES
from tests.harness import POP_KEY, READ_KEY, WRITE_KEY, Harness

CHECKS, MONITORS = "/api/v3/checks/", "/api/v1/monitors"
HC, POP = "hcw_" + "n" * 28, "pp_live_" + "n" * 32


@pytest.fixture
def api() -> Harness:
    return Harness()


def new_key(api: Harness, text: str, kind: KeyKind) -> ApiKey:
    return ApiKey(id=new_id(), project=api.project, kind=kind, hash=hash_api_key(text), prefix=text[:8], created=0)


async def decided(api: Harness, request: KeyCreate | KeyRevoke | KeyRotate) -> None:
    assert (await api.log.ask(api.project, replace(request, actor=SYSTEM))).outcome in ("made", "removed")


async def status(api: Harness, path: str, key: str) -> int:
    return (await api.client.get(path, headers={"X-Api-Key": key})).status_code


def uses(api: Harness) -> list[dict[str, Any]]:
    return [use for _, use in api.log.of(KEY_USES)]


@pytest.mark.parametrize(("path", "key"), [(CHECKS, WRITE_KEY), (CHECKS, READ_KEY), (MONITORS, POP_KEY)])
async def test_a_use_is_told_once_in_a_while(api: Harness, path: str, key: str) -> None:
    for _ in range(3):
        assert await status(api, path, key) == 200
    [use] = uses(api)
    known = api.log.directory.api_key(hash_api_key(key))
    assert known is not None
    assert use == {"type": "key.used", "project": api.project, "key": known.id, "at": api.log.time}
    assert [key for key, _ in api.log.of(KEY_USES)] == [known.id]
    api.log.time += RESOLUTION - 1
    assert await status(api, path, key) == 200
    assert len(uses(api)) == 1
    api.log.time += 1
    assert await status(api, path, key) == 200
    assert [use["at"] for use in uses(api)] == [api.log.time - RESOLUTION, api.log.time]


async def test_what_opens_nothing_is_no_use(api: Harness) -> None:
    await decided(api, KeyCreate(request="r", at=api.log.time, key=new_key(api, HC, "updown")))
    for path, key in ((CHECKS, "hcw_" + "x" * 28), (CHECKS, HC), (MONITORS, WRITE_KEY), (MONITORS, "")):
        assert await status(api, path, key) == 401
    assert uses(api) == []


async def test_a_clock_that_goes_back_tells_again(api: Harness) -> None:
    await status(api, CHECKS, WRITE_KEY)
    api.log.time -= 3600 * SECOND
    await status(api, CHECKS, WRITE_KEY)
    assert len(uses(api)) == 2


async def test_no_request_suffers_when_a_use_cannot_be_stored(api: Harness) -> None:
    api.log.broken = True
    for _ in range(3):
        assert await status(api, CHECKS, WRITE_KEY) == 200
    api.log.broken = False
    assert await status(api, CHECKS, WRITE_KEY) == 200  # a moment after a failure nobody tries again
    assert uses(api) == []
    api.log.time += 10 * SECOND
    assert await status(api, CHECKS, WRITE_KEY) == 200
    assert len(uses(api)) == 1


@pytest.mark.parametrize(("path", "text", "kind"), [(CHECKS, HC, "healthchecks"), (MONITORS, POP, "poppaping")])
async def test_a_revoked_key_is_refused_by_the_next_request(api: Harness, path: str, text: str, kind: KeyKind) -> None:
    key = new_key(api, text, kind)
    await decided(api, KeyCreate(request="r", at=api.log.time, key=key))
    assert await status(api, path, text) == 200
    await decided(api, KeyRevoke(request="s", at=api.log.time, id=key.id))
    assert await status(api, path, text) == 401


@pytest.mark.parametrize(("path", "text", "kind"), [(CHECKS, HC, "healthchecks"), (MONITORS, POP, "poppaping")])
async def test_of_a_rotated_key_both_open_until_the_overlap_ends(
    api: Harness, path: str, text: str, kind: KeyKind
) -> None:
    old, new_text = new_key(api, text, kind), text[:-1] + "o"
    await decided(api, KeyCreate(request="r", at=api.log.time, key=old))
    new = new_key(api, new_text, kind)
    await decided(api, KeyRotate(request="s", at=api.log.time, id=old.id, key=new, overlap=60))
    assert [await status(api, path, key) for key in (text, new_text)] == [200, 200]
    api.log.time += 60 * SECOND - 1
    assert [await status(api, path, key) for key in (text, new_text)] == [200, 200]
    api.log.time += 1
    assert [await status(api, path, key) for key in (text, new_text)] == [401, 200]
    third = new_key(api, text[:-1] + "p", kind)
    await decided(api, KeyRotate(request="t", at=api.log.time, id=new.id, key=third, overlap=0))
    assert [await status(api, path, key) for key in (new_text, text[:-1] + "p")] == [401, 200]


def test_a_use_is_small() -> None:
    assert set(KeyUsed.__struct_fields__) == {"project", "key", "at"}  # and nothing of the key or of who showed it
