"""Files applied to a Pingfold in memory: plan, doing it, doing it again, export, prune, ownership, failures."""

from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
import yaml

from pingfold.declared.executing import Stopped, execute
from pingfold.declared.planning import Options
from pingfold.declared.problems import InvalidDeclarations
from pingfold.declared.showing import as_json, lines
from query_api.declarations import SECTIONS, json_schema
from tests.declared_world import ADOPT, PRUNE, World, problems
from tests.harness import POP_KEY

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24
SECRETS = {"SLACK_URL": SLACK, "SHOP_KEY": "very secret", "PAGE_PASSWORD": "open sesame"}
WHOLE = """
channels:
  ops: {type: webhook, url: "https://hooks.example.com/x", secret: "${SHOP_KEY}"}
  team: {type: slack, url: "${SLACK_URL}", quiet_hours: {from: "22:00", to: "07:00"}}
checks:
  backup: {name: Nightly backup, schedule: "0 2 * * *", tz: Europe/Paris, tags: [db, nightly], channels: [ops]}
  other: {}
monitors:
  Shop: {url: "https://shop.example.com/", depends_on: [Database], headers: {X-Key: "${SHOP_KEY}"}, body: "${SHOP_KEY}"}
  Database: {type: tcp, host: db.example.com, port: 5432, channels: []}
status_pages:
  main: {title: Main, components: [{monitor: Shop}, {check: backup, group: Jobs}], password: "${PAGE_PASSWORD}"}
maintenance:
  Sunday: {schedule: "0 2 * * 0", duration_minutes: 60, monitors: [Shop], checks: [backup], tags: [db]}
"""
EVERYTHING = [
    "channels/ops", "channels/team", "checks/backup", "checks/other", "monitors/Database", "monitors/Shop",
    "status_pages/main", "maintenance/Sunday",
]  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


def test_everything_is_made_once(world: World) -> None:
    assert world.apply(WHOLE, environment=SECRETS) == [f"+ {name}" for name in EVERYTHING]
    assert world.apply(WHOLE, environment=SECRETS) == []
    assert {one.managed_by for one in world.present()} == {"default"}
    backup = world.fields("checks", "backup")
    assert (backup["schedule"], backup["tz"], backup["tags"]) == ("0 2 * * *", "Europe/Paris", ["db", "nightly"])


def test_an_export_applied_changes_nothing(world: World) -> None:
    world.apply(WHOLE, environment=SECRETS)
    exported = world.export()
    assert exported.left_out == ()
    assert not any(secret in exported.text for secret in SECRETS.values())
    assert world.apply(exported.text, environment=dict.fromkeys(exported.variables, SLACK)) == []
    other = World()
    made = other.apply(exported.text, environment=dict.fromkeys(exported.variables, SLACK))
    assert made == [f"+ {name}" for name in EVERYTHING]
    again = other.export()
    assert again.text == exported.text


@pytest.mark.parametrize(
    "section", ["{title: G, collapsed: true}", "{title: G, description: '', collapsed: false}", "{title: G}"]
)
def test_defaults_that_are_written_out_are_no_change(world: World, section: str) -> None:
    file = f"status_pages: {{p: {{title: P, logo: '', accent: '', domain: '', sections: [{section}]}}}}"
    world.apply(file)
    assert world.apply(file) == []
    assert world.apply(world.export().text) == []
    assert ("collapsed: true" in world.export().text) == ("collapsed: true" in section)


HOSTILE = [
    "<<", "=", "a\nb", "a\r\nb", "\x1b[2Jx", "\x85", "\u2028", "\x9b31m", "\ufeffx", "x\u202ey", "\t", " lead",
    "trail ",
    "? x", "- ", "---", "...", "%YAML", "&a", "*a", "!x", "|", "@", "a: b", "a #b", "{", "'", '"', "\\", "${A}",
    "$${A}", "[hidden]", "1e5", "0o17", "-0", "TRUE", "NULL", "12:30:00", "2026-01-01", "a" * 200,
]  # fmt: skip


def test_an_export_of_odd_names_is_read_back(world: World) -> None:
    for number, name in enumerate(HOSTILE):
        slug = f"s{number}"
        world.api.call("poppaping", "POST", "/api/v1/monitors", {"name": name, "url": "https://a.example/"})
        page = {"title": name, "description": name, "slug": slug}
        world.api.call("poppaping", "POST", "/api/v1/status-pages", page)
        check = {"name": name[:100], "desc": name, "slug": slug}
        world.api.call("healthchecks", "POST", "/api/v3/checks/", check)
    exported = world.export()
    assert exported.left_out == ()
    assert world.plan(exported.text).steps == ()
    other = World()
    assert len(other.apply(exported.text)) == 3 * len(HOSTILE)
    assert other.export().text == exported.text


def test_an_export_by_name_or_tag(world: World) -> None:
    world.apply(WHOLE, environment=SECRETS)
    assert "other:" not in world.export("Nightly backup").text
    assert world.export("monitors/Shop").variables == ("MONITOR_SHOP_HEADERS_X_KEY", "MONITOR_SHOP_BODY")


def test_what_somebody_changed_by_hand_is_put_back(world: World) -> None:
    world.apply(WHOLE, environment=SECRETS)
    shop = next(one for one in world.present() if one.key == "Shop")
    world.api.call("poppaping", "PATCH", f"/api/v1/monitors/{shop.id}", {"interval_seconds": 300, "headers": {}})
    planned = world.plan(WHOLE, environment=SECRETS)
    [step] = planned.steps
    assert [(change.name, change.old, change.new) for change in step.changes] == [
        ("interval_seconds", 300, 60),
        ("headers", {}, {"X-Key": "[hidden]"}),
    ]
    told = "\n".join(lines(planned))
    assert "~ monitor Shop\n    interval_seconds: 300 -> 60" in told
    assert "very secret" not in told + as_json(planned)
    assert world.apply(WHOLE, environment=SECRETS) == ["~ monitors/Shop"]
    assert world.apply(WHOLE, environment=SECRETS) == []


def test_a_field_that_is_taken_out_has_its_default_again(world: World) -> None:
    world.apply("checks: {a: {grace: 60, tags: [x], schedule: '0 2 * * *'}}")
    assert world.apply("checks: {a: {}}") == ["~ checks/a"]
    fields = world.fields("checks", "a")
    assert (fields["grace"], fields["tags"], fields["timeout"]) == (3600, [], 86_400)


def test_a_language_that_is_taken_out_is_cleared(world: World) -> None:
    world.apply({"channels": {"t": {"type": "slack", "url": SLACK, "language": "de", "timezone": "Europe/Berlin"}}})
    plain = {"channels": {"t": {"type": "slack", "url": SLACK}}}
    assert world.apply(plain) == ["~ channels/t"]
    assert world.apply(plain) == []


SPARE: dict[str, Any] = {
    "language": "de", "timezone": "Europe/Berlin", "events": ["monitor.down"], "digest": False,
    "quiet_hours": {"from": "22:00", "to": "07:00"}, "repeat_minutes": 30, "server": "https://other.example.org",
    "device": "phone", "thread_id": "7",
}  # fmt: skip
NEEDED: dict[str, dict[str, Any]] = {
    "slack": {"url": SLACK},
    "webhook": {"url": "https://a.example/"},
    "email": {"addresses": ["a@example.org"]},
    "ntfy": {"server": "https://ntfy.example.org", "topic": "alerts"},
    "pushover": {"app_token": "a" * 30, "user_key": "u" * 30},
    "telegram": {"bot_token": "123456:" + "A" * 35, "chat_id": "-1001"},
}
OF_ALL = {"events", "repeat_minutes"}


@pytest.mark.parametrize("kind", NEEDED)
def test_each_field_of_a_channel_is_set_and_cleared(kind: str) -> None:
    """Whatever of these a channel of this kind may have."""
    world = World(**MAIL)
    plain = {"type": kind} | NEEDED[kind]
    world.apply({"channels": {"c": plain}})
    seen = set()
    for name, value in SPARE.items():
        if name in plain:
            continue
        try:
            done = world.apply({"channels": {"c": plain | {name: value}}})
        except InvalidDeclarations:
            continue
        if not done:  # as by default
            assert (kind, name) == ("webhook", "digest")
            continue
        seen.add(name)
        told = world.export()
        assert f"{name}:" in told.text
        secrets = {one: plain[one.removeprefix("CHANNEL_C_").lower()] for one in told.variables}
        assert world.plan(told.text, environment=secrets).steps == ()
        assert world.apply({"channels": {"c": plain}}) == ["~ channels/c"], name
        assert world.plan({"channels": {"c": plain}}).steps == (), name
    assert seen >= OF_ALL


def test_paused_is_left_as_it_is_where_no_file_tells_it(world: World) -> None:
    world.apply("monitors: {Shop: {url: 'https://a.example/'}}")
    shop = world.present()[0]
    world.api.call("poppaping", "POST", f"/api/v1/monitors/{shop.id}/pause")
    assert world.apply("monitors: {Shop: {url: 'https://a.example/'}}") == []
    assert world.apply("monitors: {Shop: {url: 'https://a.example/', paused: false}}") == ["~ monitors/Shop"]


def test_a_rename_keeps_the_thing(world: World) -> None:
    world.apply("monitors: {A: {url: 'https://a.example/'}, B: {url: 'https://b.example/', depends_on: [A]}}")
    before = {one.key: one.id for one in world.present()}
    file = "monitors: {C: {url: 'https://a.example/', formerly: A}, B: {url: 'https://b.example/', depends_on: [C]}}"
    assert world.apply(file, options=PRUNE) == ["~ monitors/C"]
    after = {one.key: one.id for one in world.present()}
    assert after == {"C": before["A"], "B": before["B"]}
    assert world.apply(file, options=PRUNE) == []


def test_a_check_without_a_slug_is_known_by_its_name(world: World) -> None:
    world.api.call("healthchecks", "POST", "/api/v3/checks/", {"name": "Nightly Backup"})
    assert "  nightly-backup:\n    name: Nightly Backup\n" in world.export().text
    assert world.apply("checks: {nightly-backup: {name: Nightly Backup}}") == ["~ checks/nightly-backup"]
    assert len(world.present()) == 1


def test_prune_removes_only_what_its_own_set_made(world: World) -> None:
    world.apply("managed_by: one\nchecks: {a: {}, b: {}}")
    world.apply("managed_by: two\nchecks: {c: {}}\nmonitors: {M: {url: 'https://a.example/'}}")
    world.api.call("healthchecks", "POST", "/api/v3/checks/", {"name": "d", "slug": "d"})
    assert world.apply("managed_by: one\nchecks: {a: {}, d: {grace: 60}}") == ["~ checks/d"]
    assert world.apply("managed_by: one\nchecks: {a: {}}", options=PRUNE) == ["- checks/b"]
    assert {one.key for one in world.present()} == {"a", "c", "M", "d"}
    assert world.apply("managed_by: two", options=PRUNE) == ["- monitors/M", "- checks/c"]
    assert world.apply("managed_by: one\n---\nmanaged_by: two", options=PRUNE) == ["- checks/a"]
    assert world.apply("", options=PRUNE) == []


def test_an_export_keeps_sets_apart(world: World) -> None:
    world.apply("managed_by: one\nchecks: {a: {}}\n---\nmanaged_by: two\nchecks: {b: {}}")
    world.api.call("healthchecks", "POST", "/api/v3/checks/", {"name": "c", "slug": "c"})
    exported = world.export().text
    assert exported.count("---\n") == 2
    assert world.plan(exported, options=PRUNE).steps == ()


def test_things_of_another_set_are_taken_over_only_when_asked(world: World) -> None:
    world.apply("managed_by: one\nchecks: {a: {}}")
    world.api.call("healthchecks", "POST", "/api/v3/checks/", {"name": "b", "slug": "b"})
    mine = "managed_by: two\nchecks: {a: {}, b: {}}"
    assert "0.yml:2:10: checks.a: belongs to the set 'one'" in problems(world, mine)
    planned = world.plan("managed_by: two\nchecks: {b: {}}")
    assert planned.steps == ()
    [note] = planned.notes
    assert "--adopt takes it over: check 'b'" in note
    assert world.apply(mine, options=ADOPT) == ["~ checks/a", "~ checks/b"]
    assert {one.managed_by for one in world.present()} == {"two"}
    assert world.apply(mine) == []


def test_two_files_that_are_applied_at_the_same_time_make_nothing_twice(world: World) -> None:
    file = "channels: {o: {type: webhook, url: 'https://a.example/'}}\nmonitors: {M: {url: 'https://a.example/'}}"
    first, second = world.plan(file), world.plan("managed_by: b\nchecks: {x: {}}\n---\n" + file)
    assert [step.key for step in execute(first, world.api)] == ["o", "M"]
    done = []
    with pytest.raises(
        Stopped, match=r"channel 'o' .*nother one is named 'o' already.*\n0 of 3 steps are done; apply again"
    ):
        done += [step.key for step in execute(second, world.api)]
    assert world.apply("managed_by: b\nchecks: {x: {}}\n---\n" + file) == ["+ checks/x"]
    assert sorted(one.key for one in world.present()) == ["M", "o", "x"]


@pytest.mark.parametrize("done", [0, 3, 7])
def test_a_lost_connection_leaves_what_a_second_apply_finishes(done: int) -> None:
    world = World()
    world.transport.fail_at = done
    with pytest.raises(Stopped, match=f"{done} of {len(EVERYTHING)} steps are done; apply again to do the rest"):
        world.apply(WHOLE, environment=SECRETS)
    world.transport.fail_at = None
    assert world.apply(WHOLE, environment=SECRETS) == [f"+ {name}" for name in EVERYTHING[done:]]
    assert world.apply(WHOLE, environment=SECRETS) == []


def test_secrets_are_sent_again_when_asked(world: World) -> None:
    world.apply(WHOLE, environment=SECRETS)
    other = SECRETS | {"PAGE_PASSWORD": "another password"}
    assert world.apply(WHOLE, environment=other) == []
    sent = world.apply(WHOLE, environment=other, options=Options(send_secrets=True))
    assert sent == ["~ channels/ops", "~ channels/team", "~ monitors/Shop", "~ status_pages/main"]
    assert world.apply(WHOLE, environment=other) == []


def test_a_window_that_is_over_is_not_made(world: World) -> None:
    file = "maintenance: {w: {starts_at: '2020-01-01T00:00:00Z', ends_at: '2020-01-01T01:00:00Z'}}"
    planned = world.plan(file)
    assert planned.steps == ()
    assert planned.notes == ("nothing is done of what is over: window of maintenance 'w'",)


def test_too_many_requests_are_waited_for() -> None:
    world = World(plan="free")
    monitor = {"url": "https://a.example/", "interval_seconds": 60}
    file: dict[str, Any] = {
        "checks": {f"c{number}": {} for number in range(5)},
        "monitors": {f"m{number}": monitor for number in range(5)},
    }
    assert len(world.apply(file)) == 10
    for _ in range(12):
        assert world.apply(file) == []


def test_every_channel_is_put_on_what_names_none(world: World) -> None:
    channel = {"type": "webhook", "url": "https://a.example/"}
    world.apply({"channels": {"a": channel}, "checks": {"x": {}}, "monitors": {"M": {"url": "https://a.example/"}}})
    file = {
        "channels": {"a": channel, "b": channel},
        "checks": {"x": {}},
        "monitors": {"M": {"url": "https://a.example/"}},
    }
    assert world.apply(file) == ["+ channels/b", "~ checks/x", "~ monitors/M"]
    assert world.apply(file) == []
    assert "channels:" not in world.export("x").text


def test_many_things_of_others_make_one_note(world: World) -> None:
    for number in range(8):
        world.api.call("healthchecks", "POST", "/api/v3/checks/", {"slug": f"c{number}"})
    [note] = world.plan({"checks": {f"c{number}": {} for number in range(8)}}).notes
    assert note.endswith("check 'c3', check 'c4' and 3 more")


def test_a_list_that_changes_while_it_is_read_is_read_whole(world: World) -> None:
    monitors = {f"m{number}": {"url": "https://a.example/"} for number in range(101)}
    world.apply({"monitors": monitors})
    first = world.present()[0]
    ask, removed = world.transport.handle_request, list[httpx.Response]()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = ask(request)
        if not removed and request.url.params.get("page") == "1":
            removed.append(
                ask(
                    httpx.Request(
                        "DELETE",
                        f"http://pingfold.test/api/v1/monitors/{first.id}",
                        headers={"Authorization": f"Bearer {POP_KEY}"},
                    )
                )
            )
        return answer

    world.transport.handle_request = handle  # type: ignore[method-assign]
    found = world.api.all("poppaping", "/api/v1/monitors")
    assert removed[0].status_code == 200
    assert len({one["id"] for one in found}) == len(found) == 100


EXAMPLE = Path(__file__).parents[2] / "docs" / "declarations.example.yml"
MAIL: dict[str, Any] = {"smtp_host": "smtp.invalid", "smtp_from": "pingfold@example.org"}


def test_the_example_of_the_documentation() -> None:
    world, text = World(**MAIL), EXAMPLE.read_text()
    secrets = {"SLACK_URL": SLACK, "HOOK_SECRET": "a secret of the hook", "SHOP_TOKEN": "t"}
    validator = jsonschema_rs.validator_for(msgspec.json.decode(json_schema()))
    assert validator.is_valid(yaml.safe_load(text))
    made = world.apply(text, environment=secrets)
    assert {one.partition("/")[0] for one in made} == {f"+ {section}" for section in SECTIONS}
    assert world.apply(text, environment=secrets) == []
    exported = world.export()
    assert world.apply(exported.text, environment=dict.fromkeys(exported.variables, SLACK)) == []
    assert "managed_by: shop" in exported.text
    assert world.apply("managed_by: shop", options=PRUNE) == [one.replace("+", "-") for one in _reversed(made)]


def _reversed(made: list[str]) -> list[str]:
    """As things are removed: the last section first, each by key."""
    sections = list(SECTIONS)[::-1]
    return sorted(made, key=lambda one: (sections.index(one[2:].partition("/")[0]), one))
