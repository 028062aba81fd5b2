"""What `pingfold audit` makes of its options and of an entry."""

import os
import pwd
from collections.abc import Callable
from typing import get_args

import pytest
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import audit
from pingfold.commands.audit import _by, parse_since
from pingfold.commands.os_user import operator
from pingfold.errors import CommandFailed
from query_api.history.audit import AuditRow, Place, wrong_actor, wrong_kind
from query_api.history.audit_object import AuditChange, audit_object, change_words
from schemas.actors import ActorKind
from schemas.base import SECOND
from schemas.definitions import Definition
from schemas.transitions import FieldChange, ThingKind

NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - 7 * 86_400 * SECOND),
        ("1d 12h", NOW - 36 * 3_600 * SECOND),
        ("forever", 0),
        ("100y", 0),
        ("2023-11-14", 1_699_920_000 * SECOND),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("1066-10-14", 0),
    ],
)
def test_since(text: str, moment: int) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d"])
def test_a_moment_that_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(CommandFailed, match="--since takes a duration such as 7d"):
        parse_since(text, NOW)


def row(*changes: FieldChange, actor: str = "cli", key: str = "", user: str = "root", address: str = "h") -> AuditRow:
    place = Place(NOW, 0, 1)
    return AuditRow(place, "i", "c.d", "updated", "check", "t", "", actor, key, user, address, changes, 0, False)


def test_changes_in_words() -> None:
    changes = (
        FieldChange(field="grace", old=60, new=120),
        FieldChange(field="secret", hidden=True),
        FieldChange(field="url", old="https://a", new="https://b", hidden=True),
        FieldChange(field="name", new="x" * 100),
        FieldChange(field="channels", old=["a"]),
    )
    assert [change_words(change, "updated") for change in audit_object(row(*changes)).changes] == [
        "grace: 60 → 120",
        "secret: changed (secret)",
        "url: https://a → https://b (the rest is secret)",
        f"name: nothing → {'x' * 100}",
        'channels: ["a"] → nothing',
    ]
    only_the_path = FieldChange(field="url", old="https://a", new="https://a", hidden=True)
    assert change_words(*one(only_the_path, "updated")) == "url: https://a (the rest is secret, and changed)"


@pytest.mark.parametrize(("action", "happened", "side"), [("created", "set", "new"), ("deleted", "removed", "old")])
def test_what_a_thing_has_that_is_made_or_removed_in_words(action: str, happened: str, side: str) -> None:
    name, url = (
        FieldChange(field=field, old=value if side == "old" else None, new=value if side == "new" else None)
        for field, value in (("name", "Backup"), ("url", ""))
    )
    assert change_words(*one(name, action)) == "name: Backup"
    assert change_words(*one(url, action)) == "", "an e-mail channel has no URL, and none was set or removed"
    assert change_words(*one(FieldChange(field="hash", hidden=True), action)) == f"hash: {happened} (secret)"


def one(change: FieldChange, action: str) -> tuple[AuditChange, str]:
    """A change as `_line` takes it."""
    return audit_object(row(change)).changes[0], action


def test_who_in_words() -> None:
    assert _by(row()) == "cli root at h"
    assert _by(row(actor="api_key", key="k", user="")) == "api_key k at h"
    assert _by(row(actor="unknown", user="", address="")) == "unknown"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[str], str]]:
    """Runs `pingfold audit` over entries; gives the lines that it prints, and what it says beside them."""

    def run(*rows: AuditRow, options: tuple[str, ...] = ()) -> tuple[list[str], str]:
        async def entries(*_: object) -> tuple[bool, list[AuditRow]]:
            return True, list(rows)

        for name in ("answering_kafka_of", "clickhouse_of"):
            monkeypatch.setattr(audit, name, lambda _: "there")
        monkeypatch.setattr(audit, "_entries", entries)
        result = CliRunner().invoke(app, ["audit", "--project", "p", *options], env={"COLUMNS": "80"})
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines(), result.stderr

    return run


def test_an_entry_is_a_line_of_which_nothing_is_cut(shown: Callable[..., tuple[list[str], str]]) -> None:
    id, key = "0c3a4d9f-6e2b-5d8f-9a5c-3b7e1f0d2c46", "6fa459ea-ee8a-4ca4-894e-db77e160355e"
    changes = (FieldChange(field="grace", old=60, new=120), FieldChange(field="desc", new=f"{'x' * 200}\nend"))
    by_key = row(*changes, actor="api_key", key=key, user="", address="203.0.113.9")
    (head, line, other), beside = shown(by_key._replace(thing=id, name="Backup"), row())
    assert head.split("  ")[0] == "time (UTC)"
    assert head.split() == ["time", "(UTC)", "by", "action", "kind", "id", "name", "changes"]
    told = f"grace: 60 → 120; desc: nothing → {'x' * 200}\ufffdend"
    by = f"api_key {key} at 203.0.113.9"
    assert line.split("  ") == ["2023-11-14 22:13:20", by, "updated", "check", id, "Backup", told]
    assert other.split() == ["2023-11-14", "22:13:20", "cli", "root", "at", "h", "updated", "check", "t", "-", "-"]
    assert beside == ""


def test_a_terminal_obeys_nothing_of_it(shown: Callable[..., tuple[list[str], str]]) -> None:
    lines, _ = shown(row(FieldChange(field="name", new="a\x1b]0;evil\x07\n[red]b")))
    assert lines[1].endswith("name: nothing → a\ufffd]0;evil\ufffd\ufffd[red]b")


def test_when_there_is_nothing_by_an_actor_it_says_which_kinds_there_are(
    shown: Callable[..., tuple[list[str], str]],
) -> None:
    lines, beside = shown(options=("--actor", "ada"))
    assert len(lines) == 1
    assert "nothing by ada; kinds of actors are api_key, ping_key, cli, page, admin, person, system, unknown" in beside
    assert shown()[1] == ""


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("--kind", "nonsense", get_args(ThingKind)),
        ("--kind", "Check", get_args(ThingKind)),
        ("--actor", "api-key", get_args(ActorKind)),
        ("--limit", "0", ()),
    ],
)
def test_what_is_asked_for_wrongly_is_an_error_of_usage(option: str, value: str, known: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["audit", "--project", "p", option, value], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert ", ".join(known) in result.stderr


def test_the_kinds_of_things_are_those_of_definitions() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(Definition)}
    assert set(get_args(ThingKind)) == tags - {"revoked-key"}
    assert [wrong_kind(kind) for kind in ("", *get_args(ThingKind))] == [None] * (1 + len(get_args(ThingKind)))


def test_an_actor_is_a_kind_or_anything_else_that_is_no_other_spelling_of_one() -> None:
    for right in ("", *get_args(ActorKind), "ada", "Admin", "203.0.113.9", "apikeys"):
        assert wrong_actor(right) is None
    for wrong in ("api-key", "API key", "apikey", "PING_KEY", "ping-key"):
        assert ", ".join(get_args(ActorKind)) in (wrong_actor(wrong) or "")


def test_the_operator_is_whom_the_kernel_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    actor = operator()
    assert (actor.kind, actor.user, actor.key) == ("cli", pwd.getpwuid(os.geteuid()).pw_name, "")
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    assert operator().user == "3999999999"
