"""Files that are refused when they are applied: for a reference or a name that is unclear, for a key, by the server."""

from typing import Any

import pytest
import yaml

from infra.secrets.secrets import hash_api_key
from pingfold.declared.executing import Stopped, execute
from pingfold.declared.keys import must_know, must_write
from pingfold.declared.planning import plan
from pingfold.errors import CommandFailed
from query_api.declarations import SECTIONS
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.requests import KeyCreate
from tests.declared_world import PRUNE, World, loaded_text, problems
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, WRITE_KEY


@pytest.fixture
def world() -> World:
    return World()


def test_what_the_server_alone_refuses_is_told_with_its_place(world: World) -> None:
    file = "checks: {a: {}}\nmonitors:\n  M: {url: 'http://127.0.0.1/'}\n"
    with pytest.raises(Stopped, match=r"monitor 'M' \(0.yml:3:3\) was not made: 400 Field 'url'.*\n1 of 2 steps"):
        world.apply(file)
    assert world.apply("checks: {a: {}}") == []


def test_references_that_name_nothing(world: World) -> None:
    file = """
checks:
  a: {channels: [nobody]}
monitors:
  M: {url: 'https://a.example/', depends_on: [N]}
  N: {url: 'https://a.example/', depends_on: [M]}
status_pages:
  p: {title: P, components: [{check: b}]}
"""
    told = problems(world, file)
    assert "0.yml:3:7: checks.a.channels: there is no channel 'nobody', here or in the project" in told
    assert "monitors wait for each other: M -> N -> M" in told
    assert "0.yml:8:17: status_pages.p.components: there is no check 'b'" in told
    assert world.present() == []


def test_a_chain_of_any_length_is_made_in_its_order() -> None:
    """The last depends on the one before, and so on to the first."""
    url, most = "https://a.example/", 3_000
    monitors = {f"m{most - n}": {"url": url, "depends_on": [f"m{most - n - 1}"]} for n in range(most)}
    planned = plan(loaded_text({"monitors": {**monitors, "m0": {"url": url}}}), [], "2026-01-01T00:00:00+00:00")
    assert [step.key for step in planned.steps] == [f"m{n}" for n in range(most + 1)]


def test_two_that_would_be_one_thing(world: World) -> None:
    world.apply("checks: {b: {}}")
    told = problems(world, "checks: {a: {formerly: b}, b: {}}")
    assert "checks.b.formerly: 'a' and 'b' would be the same thing: correct what they were formerly" in told
    assert world.apply("checks: {a: {formerly: b}}") == ["~ checks/a"]


def test_a_region_that_there_is_not(world: World) -> None:
    told = problems(world, "monitors: {M: {url: 'https://a.example/', regions: [nowhere]}}")
    assert "monitors.M: Unknown region 'nowhere'. Known regions: local" in told


def test_a_reference_to_what_is_pruned(world: World) -> None:
    world.apply("channels: {o: {type: webhook, url: 'https://a.example/'}}\nchecks: {a: {channels: [o]}}")
    assert "which is removed" in problems(world, "checks: {a: {channels: [o]}}", options=PRUNE)
    assert world.apply("checks: {a: {channels: []}}", options=PRUNE) == ["~ checks/a", "- channels/o"]


def test_names_that_several_things_share(world: World) -> None:
    for _ in range(2):
        world.api.call("poppaping", "POST", "/api/v1/monitors", {"name": "M", "url": "https://a.example/"})
    ids = sorted(one.id for one in world.present())
    assert "there are 2 things of kind monitor with this key" in problems(
        world, "monitors: {M: {url: 'https://a.example/'}}"
    )
    assert "2 things of kind monitor are named 'M'" in problems(
        world, "monitors: {N: {url: 'https://a.example/', depends_on: [M]}}"
    )
    made = world.apply({"monitors": {"N": {"url": "https://a.example/", "depends_on": [ids[0]]}}})
    assert made == ["+ monitors/N"]
    assert world.export().left_out == tuple(
        f"the monitor {id} is left out: another one is called 'M', too; rename it" for id in ids
    )


def test_a_channel_without_a_name_is_left_out_with_the_command_that_names_it(world: World) -> None:
    world.api.call("healthchecks", "POST", "/api/v3/channels/", {"kind": "webhook", "url": "https://a.example/"})
    [id] = (one.id for one in world.present())
    assert world.export().left_out == (
        f"the channel {id} is left out: it has no name; pingfold channel change {id} --name NAME",
    )


def test_the_type_of_a_channel_stays(world: World) -> None:
    world.apply("channels: {o: {type: webhook, url: 'https://a.example/'}}")
    told = problems(world, "channels: {o: {type: email, addresses: [a@example.org]}}")
    assert "channels.o.type: cannot be changed: give the thing another key" in told


def test_one_key_is_not_enough() -> None:
    world = World(keys=POP_KEY)
    assert world.apply("monitors: {M: {url: 'https://a.example/'}}") == ["+ monitors/M"]
    with pytest.raises(CommandFailed, match="has no key of the Management API"):
        must_know(world.api, ["checks"])
    must_know(world.api, ["monitors"])


def test_keys_that_may_only_read_are_refused_before_anything_is_done() -> None:
    world = World(keys=f"{POP_KEY},{READ_KEY}")
    with pytest.raises(CommandFailed, match=r"may only read, which hides the UUIDs of checks: give one"):
        world.present()
    reads = ("monitors:read", "alerts:read", "status-pages:read")
    world = World(keys=f"{scoped_key(world_of := World(), *reads)},{WRITE_KEY}", harness=world_of.harness)
    planned = world.plan("checks: {x: {}}\nmonitors: {M: {url: 'https://a.example/'}}")  # a plan can be shown
    assert [step.key for step in planned.steps] == ["x", "M"]
    with pytest.raises(CommandFailed, match="may not do that: it lacks monitors:write"):
        must_write(world.api, {step.section for step in planned.steps})
    must_write(world.api, {"checks"})
    blind = World(keys=f"{scoped_key(world_of, 'monitors:read')},{WRITE_KEY}", harness=world_of.harness)
    with pytest.raises(CommandFailed, match="may not read: it lacks alerts:read, status-pages:read"):
        blind.present()


def test_keys_of_two_projects_are_refused() -> None:
    world = World(keys=f"{POP_KEY},{OTHER_KEY}")
    world.harness.make_channel("ours")
    world.present()
    body = {"kind": "webhook", "url": "https://a.example/"}
    world.api.call("healthchecks", "POST", "/api/v3/channels/", body)
    with pytest.raises(CommandFailed, match="the two keys are of different projects"):
        world.present()


def test_a_rename_to_a_name_that_was_given_meanwhile_is_refused(world: World) -> None:
    old = """
    channels: {a: {type: webhook, url: 'https://a.example/'}}
    checks: {a: {}}
    monitors: {a: {url: 'https://a.example/'}}
    status_pages: {a: {title: A}}
    maintenance: {a: {schedule: "0 3 * * 0", duration_minutes: 60}}
    escalations: {a: {steps: [{after_minutes: 5, own_channels: true}]}}
    """
    world.apply(old)
    for number, section in enumerate(SECTIONS):
        file = yaml.safe_load(old)
        thing = file[section].pop("a")
        file[section]["b"] = thing | {"formerly": "a"}
        renamed = world.plan(file)
        other = yaml.safe_load(f"managed_by: other\n{section}: {{}}")
        other[section]["b"] = thing
        world.apply(other)
        with pytest.raises(Stopped, match="nother one is named 'b' already"):
            list(execute(renamed, world.api))
        assert len(world.present()) == len(SECTIONS) + number + 1


def scoped_key(world: World, *scopes: Any) -> str:
    """A key of the PoppaPing API of the project of a world."""
    key = f"pp_{'-'.join(scopes).replace(':', '')}"
    made = ApiKey(
        id=new_id(), project=world.harness.project, kind="poppaping", hash=hash_api_key(key), prefix=key[:8],
        created=world.harness.log.time, scopes=scopes,
    )  # fmt: skip
    world.harness.request(world.harness.project, KeyCreate(request=new_id(), at=world.harness.log.time, key=made))
    return key
