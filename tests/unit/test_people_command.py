"""`pingfold people`: what its commands ask of the fold, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.log.people_table import PeopleTable
from infra.secrets.people_tokens import Invitation, people_tokens
from infra.secrets.secrets import Vault
from infra.settings.settings import Settings
from pingfold.cli import app
from pingfold.commands import admin
from pingfold.commands import people as commands
from pingfold.errors import CommandFailed
from schemas.ids import new_id
from schemas.people import (
    OWNER,
    Member,
    MemberInvite,
    MemberRemove,
    Person,
    PersonRemove,
    PersonUpdate,
    member_id,
    person_id,
)

ANN, P, Q = "ann@example.org", new_id(), new_id()
ID = person_id(ANN)


class World:
    """Requests go nowhere and are kept. people: what stands in `definitions`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.people = PeopleTable()
        self.people.apply("person", ID, Person(id=ID, mail=ANN, name="Ann", version=1, created=1))
        for project in (P, Q):
            id = member_id(project, ID)
            member = Member(id=id, project=project, person=ID, mail=ANN, role="editor", version=1, created=1)
            self.people.apply("member", id, member)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setenv("PINGFOLD_DATA", str(tmp_path))
    monkeypatch.setenv("PINGFOLD_PUBLIC_URL", "https://up.example")
    monkeypatch.setattr(admin, "ask", lambda _settings, key, request: made.asked.append((key, request)))
    monkeypatch.setattr(commands, "_read", lambda _settings: (made.people, {P: "P", Q: "Q"}))
    return made


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["people", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("mailed", [True, False])
def test_an_invitation_is_a_link_that_opens(world: World, monkeypatch: pytest.MonkeyPatch, mailed: bool) -> None:
    monkeypatch.setenv("PINGFOLD_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("PINGFOLD_SMTP_FROM", "watch@example.org")
    more = () if mailed else ("--no-mail",)
    told = json.loads(run("invite", "Ann@Example.org", "--role", "owner", "--project", P, "--json", *more))
    [(key, request)] = world.asked
    assert isinstance(request, MemberInvite)
    assert (key, request.mail, request.role) == (P, ANN, "owner")
    assert request.site == ("https://up.example" if mailed else "")
    site, token = told["link"].split("/invitations/")
    assert site == "https://up.example"
    said = people_tokens(Vault.open(Settings())).read_invitation(token)
    assert said is not None
    assert (said.member, said.invitation) == (member_id(P, ID), request.request)
    assert isinstance(said, Invitation)


def test_who_is_removed_is_taken_out_of_everything_first(world: World) -> None:
    run("remove", "ANN@example.org")
    assert [(key, type(request)) for key, request in world.asked] == [
        (P, MemberRemove),
        (Q, MemberRemove),
        (ID, PersonRemove),
    ]
    world.asked.clear()
    run("remove", ANN, "--project", Q)
    assert [(key, type(request)) for key, request in world.asked] == [(Q, MemberRemove)]


def test_who_has_lost_his_phone_signs_in_without_codes(world: World) -> None:
    for name, key in (("admin", OWNER), (ANN, ID)):
        run("reset-codes", name)
        asked, request = world.asked.pop()
        assert isinstance(request, PersonUpdate)
        assert (asked, request.totp, request.recovery, request.sign_out) == (key, "", (), True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("invite", "no address", "--project", P), "no mail address"),
        (("remove", "bob@example.org"), "no person has"),
        (("remove", ANN, "--project", new_id()), "not in the project"),
        (("reset-password", "admin"), "PINGFOLD_ADMIN_PASSWORD"),
    ],
)
def test_what_cannot_be_is_told(world: World, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandFailed, match=words):
        run(*arguments)
    assert world.asked == []
