"""The ping endpoint while a ping key is rotated: by the time of the ping, the former key is accepted or not."""

from msgspec.structs import replace

from schemas.base import SECOND, encode
from schemas.definitions import FormerPingKey, Project
from tests.ping_world import KEY, NOON, PROJECT, SLUG, World

NEW = "Zk3yTq1VnWcR8mJ5uXb2aQ"


def rotated(seconds: int) -> World:
    """A world in which the ping key was replaced; the former one counts for so many more seconds."""
    world = World()
    former = FormerPingKey(key=KEY, until=NOON + seconds * SECOND)
    project = Project(id=PROJECT, name="p", ping_key=NEW, created=0, webhook_secret="", former_ping_keys=(former,))
    world.directory.apply(0, f"project/{PROJECT}", encode(project))
    return world


async def test_both_keys_until_the_overlap_ends() -> None:
    world = rotated(60)
    for key in (KEY, NEW):
        assert (await world.ask(f"/{key}/{SLUG}")).line == "200 OK"
        assert (await world.ask(f"/{key}/new-{key[0].lower()}?create=1")).line == "201 Created"
    world.clock.time += 60 * SECOND - 1
    assert (await world.ask(f"/{KEY}/{SLUG}")).line == "200 OK"
    world.clock.time += 1
    before = len(world.sink.pings)
    for path in (f"/{KEY}/{SLUG}", f"/{KEY}/new?create=1", f"/ping/{KEY}/{SLUG}/start"):
        assert (await world.ask(path)).line == "404 not found"
    assert len(world.sink.pings) == before
    assert (await world.ask(f"/{NEW}/{SLUG}")).line == "200 OK"


async def test_without_an_overlap_only_the_new_key() -> None:
    world = rotated(60)
    project = replace(world.directory.projects[PROJECT], former_ping_keys=())
    world.directory.apply(0, f"project/{PROJECT}", encode(project))
    assert (await world.ask(f"/{KEY}/{SLUG}")).line == "404 not found"
    assert (await world.ask(f"/{NEW}/{SLUG}")).line == "200 OK"


async def test_a_key_made_a_moment_ago_elsewhere_is_not_denied() -> None:
    """It is called unknown only when this process has read all that was committed before the ping came."""
    world = World()
    world.replica.ahead.append(rotated(60).directory.projects[PROJECT])
    assert (await world.ask(f"/{NEW}/{SLUG}")).line == "200 OK"
