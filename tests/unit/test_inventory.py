"""`pingfold project list` and `pingfold key list`: what an operator wants to know, and nothing that opens anything."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import listings
from pingfold.commands.inventory import Inventory
from schemas.base import SECOND, Micros, encode
from schemas.definitions import (
    ApiKey,
    Channel,
    Check,
    Definition,
    FormerPingKey,
    FormerSecret,
    Project,
    RevokedKey,
    definition_key,
)
from schemas.ids import derived_id
from schemas.topics import DEFINITIONS
from tests.recorded import recorded

CREATED: Micros = 1_767_225_600 * SECOND  # 2026-01-01
FAR: Micros = 4_102_444_800 * SECOND  # 2100-01-01
MAIN, OTHER = derived_id("project", "main"), derived_id("project", "other")
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def key(name: str, expires: Micros | None = None, project: str = MAIN) -> ApiKey:
    return ApiKey(
        id=derived_id("key", name),
        project=project,
        kind="poppaping",
        hash=HASH,
        prefix="pp_live_abcd",
        created=CREATED,
        name=name,
        scopes=("alerts:read",) if name == "ci" else (),
        expires=expires,
    )


STOCK: list[Definition] = [
    Project(
        id=MAIN,
        name="Main",
        ping_key="secret-ping-key-of-main",
        created=CREATED,
        webhook_secret="v2.sealed",
        former_ping_keys=(FormerPingKey(key="former-ping-key-of-main", until=FAR),),
        former_webhook_secrets=(FormerSecret(secret="sealed-before", until=FAR),),
    ),
    Project(id=OTHER, name="Other\x1b[2J", ping_key="k", created=CREATED + 1, webhook_secret="v2.sealed"),
    key("ci"),
    key("soon", expires=FAR),
    key("past", expires=CREATED + SECOND),
    key("foreign", project=OTHER),
    RevokedKey(
        id=derived_id("key", "gone"),
        project=MAIN,
        kind="healthchecks",
        prefix="hcw_abcd",
        created=CREATED - SECOND,
        revoked=CREATED + 86_400 * SECOND,
        name="gone",
    ),
    Check(id=derived_id("check"), project=MAIN, version=1, created=CREATED),
    Channel(id=derived_id("channel"), project=MAIN, kind="webhook", url="https://x/", created=CREATED),
]


def stock() -> Inventory:
    inventory = Inventory()
    inventory.apply("partition", b'{"type":"partition"}')
    inventory.apply(f"check/{derived_id('left')}", encode(Check(id="c", project=MAIN, version=1, created=0)))
    for definition in STOCK:
        inventory.apply(definition_key(definition), encode(definition))
    inventory.apply(f"check/{derived_id('left')}", None)
    inventory.apply(f"key/{derived_id('key', 'never')}", None)
    return inventory


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(listings, "answering_kafka_of", lambda _: "kafka:9092")
    monkeypatch.setattr(Inventory, "read", lambda *_: stock())
    monkeypatch.setattr(listings, "last_uses", lambda _: {derived_id("key", "ci"): CREATED + 60 * SECOND})

    def go(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        for secret in (HASH, "secret-ping-key-of-main", "former-ping-key-of-main", "sealed"):
            assert secret not in result.output
        return result.stdout

    return go


def test_keys(run: Run) -> None:
    lines = run("key", "list", "--project", MAIN).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        derived_id("key", "gone"),
        *sorted(derived_id("key", name) for name in ("ci", "soon", "past")),
    ]
    by_name = {name: next(line for line in lines if f" {name} " in line) for name in ("gone", "ci", "soon", "past")}
    assert "revoked 2026-01-02 00:00" in by_name["gone"]
    assert " valid  " in by_name["ci"]
    assert by_name["ci"].endswith("2026-01-01 00:01")
    assert "alerts:read" in by_name["ci"]
    assert "valid until 2100-01-01 00:00" in by_name["soon"]
    assert by_name["soon"].endswith(" -")
    assert "expired 2026-01-01 00:00" in by_name["past"]
    assert len(run("key", "list").splitlines()) == len(lines) + 1


def test_keys_as_json(run: Run) -> None:
    told = {one["name"]: one for one in json.loads(run("key", "list", "--json"))}
    assert told["ci"] == {
        "id": derived_id("key", "ci"),
        "project": MAIN,
        "kind": "poppaping",
        "scopes": ["alerts:read"],
        "name": "ci",
        "prefix": "pp_live_abcd",
        "created": "2026-01-01T00:00:00+00:00",
        "expires": None,
        "revoked": None,
        "last_used": "2026-01-01T00:01:00+00:00",
    }
    assert told["gone"]["revoked"] == "2026-01-02T00:00:00+00:00"
    assert told["past"]["expires"] == "2026-01-01T00:00:01+00:00"
    assert told["foreign"]["project"] == OTHER


def test_projects(run: Run) -> None:
    _, main, other = run("project", "list").splitlines()
    assert main.split() == [MAIN, "Main", "2026-01-01", "00:00", *"10103", *("2100-01-01", "00:00") * 2]
    assert other.split()[-7:] == [*"00001", "-", "-"]
    assert "\x1b" not in other
    first, _ = json.loads(run("project", "list", "--json"))
    assert (first["id"], first["name"], first["counts"]["check"]) == (MAIN, "Main", 1)
    assert first["former_ping_keys_until"] == first["former_webhook_secrets_until"] == "2100-01-01T00:00:00+00:00"


def test_an_overlap_that_is_none_is_told_before_anything_happens() -> None:
    for text in ("soon", "31d", "forever", "-1"):
        result = CliRunner().invoke(app, ["project", "rotate-ping-key", f"--overlap={text}"])
        assert result.exit_code == 2
        assert "duration of at most 30d" in result.output


def test_every_record_of_definitions_is_counted_or_passed_over() -> None:
    inventory = Inventory()
    for record in recorded(DEFINITIONS):
        if record.key not in ("partition", "tokens"):
            inventory.apply(record.key, bytes(record.value))
    assert {kind for _, kind in inventory.counts} >= {"check", "monitor", "channel", "reports"}
