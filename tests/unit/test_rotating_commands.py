"""Commands that rotate: what they ask of the fold, and that `credentials.json` goes on being true."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from typer.testing import CliRunner

from infra.secrets.secrets import Vault, hash_api_key, of_project
from infra.settings.settings import Settings
from pingfold import credentials, first_project
from pingfold.cli import app
from pingfold.commands import client as talk
from pingfold.commands import listings, rotation
from pingfold.commands.inventory import Inventory
from pingfold.errors import CommandFailed
from schemas.base import SECOND, Micros, encode
from schemas.definitions import ApiKey, Definition, definition_key
from schemas.ids import new_id
from schemas.requests import DAY, KeyRotate, ProjectRotatePingKey, ProjectRotateWebhookSecret

CREATED: Micros = 1_767_225_600 * SECOND


class World:
    """A stopped Pingfold with a data folder; requests go nowhere and are kept. stock: what stands in `definitions`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / credentials.FILE_NAME
        fresh = first_project.new_credentials("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3")
        self.before = credentials.save_once(self.file, fresh)
        self.vault = Vault.open(Settings(_env_file=None, data=folder))
        self.asked: list[Any] = []
        self.stock = Inventory()
        request = first_project.project_request(self.before, CREATED, self.vault)
        made: list[Definition] = [request.project, *request.keys]
        for definition in made:
            self.stock.apply(definition_key(definition), encode(definition))
        self.keys = {key.kind: key for key in request.keys}

    def run(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == exit_code, result.output
        told: dict[str, Any] = json.loads(result.stdout) if result.stdout else {}
        return told

    @property
    def changed(self) -> set[str]:
        """The fields of the file that have another value."""
        before, now = asdict(self.before), asdict(credentials.load(self.file))
        return {name for name in before if before[name] != now[name]}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    made = World(tmp_path)
    for module in (listings, rotation):
        monkeypatch.setattr(module, "answering_kafka_of", lambda _: "kafka:9092")
    monkeypatch.setattr(Inventory, "read", lambda *_: made.stock)
    monkeypatch.setattr(rotation, "ask", lambda _, project, request: made.asked.append((project, request)))
    return made


def test_a_ping_key(world: World) -> None:
    told = world.run("project", "rotate-ping-key")
    [(project, request)] = world.asked
    assert isinstance(request, ProjectRotatePingKey)
    assert (project, request.ping_key, request.overlap) == (world.before.project, told["ping_key"], DAY)
    assert told["former_until"] is not None
    assert world.changed == {"ping_key"}
    assert credentials.load(world.file).ping_key == told["ping_key"]
    assert world.file.stat().st_mode & 0o777 == 0o600


def test_a_webhook_secret(world: World) -> None:
    told = world.run("project", "rotate-webhook-secret", "--overlap", "30m")
    [(project, request)] = world.asked
    assert isinstance(request, ProjectRotateWebhookSecret)
    assert world.vault.decrypt(request.secret, of_project(project)) == told["webhook_secret"]
    assert request.overlap == 1800
    assert world.changed == {"webhook_secret"}


def test_a_webhook_secret_that_was_sealed_with_a_lost_key(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.key").unlink()
    told = world.run("project", "rotate-webhook-secret")
    [(_, request)] = world.asked
    assert (request.overlap, told["former_until"]) == (0, None)


@pytest.mark.parametrize(
    ("kind", "field"), [("poppaping", "poppaping_key"), ("updown-readonly", "updown_key_readonly")]
)
def test_an_api_key_of_the_file(world: World, kind: str, field: str) -> None:
    old = next(key for key in world.keys.values() if key.kind == kind)
    told = world.run("key", "rotate", old.id, "--overlap", "0")
    [(_, request)] = world.asked
    assert isinstance(request, KeyRotate)
    assert (request.id, request.overlap, request.key.kind, request.key.expires) == (old.id, 0, kind, None)
    assert request.key.hash == hash_api_key(told["key"])
    assert world.changed == {field}
    assert getattr(credentials.load(world.file), field) == told["key"]


@pytest.mark.parametrize(("options", "days"), [((), 90), (("--days", "7"), 7)])
def test_a_key_lasts_as_long_as_the_one_before(world: World, options: tuple[str, ...], days: int) -> None:
    old: ApiKey = replace(
        world.keys["healthchecks"], id=new_id(), hash="of no key in the file", expires=CREATED + 90 * DAY * SECOND
    )
    world.stock.apply(definition_key(old), encode(old))
    world.run("key", "rotate", old.id, *options)
    [(_, request)] = world.asked
    assert request.key.expires - request.key.created == days * DAY * SECOND
    assert world.changed == set()


def test_what_is_not_of_the_file_leaves_it_alone(world: World) -> None:
    world.run("project", "rotate-ping-key", "--project", new_id())
    assert world.changed == set()
    world.file.unlink()
    world.run("project", "rotate-ping-key", "--project", new_id())
    assert not world.file.exists()


def test_a_key_or_project_that_is_not_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (
        ("key", "rotate", new_id()),
        ("project", "rotate-webhook-secret", "--project", new_id()),
        ("key", "list", "--project", new_id()),
    ):
        monkeypatch.setattr(listings, "last_uses", lambda _: {})
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, CommandFailed)
        assert "shows them" in str(result.exception)
    assert world.asked == []


# ---- channels


def test_channels_are_listed_as_operators_ask_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    common = {"events": ["monitor.down"], "last_success": "2026-01-02T03:04:05+00:00", "failures": 0}
    well = {"disabled": False, "disabled_at": None, "disabled_because": None}
    gone = {"disabled": True, "disabled_at": "2026-01-03T00:00:00+00:00", "disabled_because": "answered 410 Gone"}
    channels: list[dict[str, Any]] = [
        {"id": "1", "kind": "webhook", "name": "ops", "url": "https://hooks.example/\x1b[2J", **common, **well},
        {"id": "2", "kind": "webhook", "name": "old", "url": "https://old.example/", **common, **gone},
        {
            "id": "3",
            "kind": "email",
            "name": "mail",
            "email": "a@b,c@d",
            "unconfirmed": ["c@d"],
            **common,
            **well,
            "failures": 3,
            "last_success": None,
        },
    ]
    monkeypatch.setattr(talk, "_call", lambda *_: {"channels": channels})
    head, ops, old, mail = CliRunner().invoke(app, ["channel", "list"]).stdout.splitlines()
    assert head.split()[:5] == ["id", "kind", "name", "to", "state"]
    assert "https://hooks.example/" in ops
    assert "\x1b" not in ops
    assert "enabled" in ops
    assert "2026-01-02 03:04" in ops
    assert "disabled since 2026-01-03 00:00: answered 410 Gone" in old
    assert "a@b, c@d (unconfirmed)" in mail
    assert "3 failures in a row" in mail


def test_the_secret_of_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def call(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return {"secret": "whsec_x", "former_until": None}

    monkeypatch.setattr(talk, "_call", call)
    result = CliRunner().invoke(app, ["channel", "rotate-secret", "c-1", "--overlap", "2h", "--secret", "of my own"])
    assert asked == [("POST", "/api/v3/channels/c-1/rotate-secret", {"overlap": 7200, "secret": "of my own"})]
    assert result.stdout == "secret: whsec_x\nprevious secret valid until: now\n"
