"""`pingfold people`: lists, invites and removes people, and resets passwords and one-time codes.

The commands connect to Kafka. `admin` stands for the owner of the instance, whose password is a setting.
"""

import json as json_module
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET

from infra.clock import SYSTEM_CLOCK
from infra.log.people_table import PeopleTable
from infra.log.reading import ends_of, read_to_end
from infra.secrets.people_tokens import INVITATIONS, Invitation, people_tokens
from infra.secrets.person_passwords import hash_person_password
from infra.secrets.secrets import Vault, new_password
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands import admin
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.commands.tables import print_table, show
from pingfold.errors import CommandFailed
from schemas.definitions import Definition, Project
from schemas.ids import new_id
from schemas.people import (
    INVITATION_VALID,
    OWNER,
    MemberInvite,
    MemberRemove,
    PersonMail,
    PersonRemove,
    PersonUpdate,
    Role,
    member_id,
    person_id,
)
from schemas.recipients import normalized
from schemas.topics import DEFINITIONS

ADMIN = "admin"

_decode: Any = msgspec.json.Decoder(Definition).decode
_READ = ("person/", "member/", "project/")


def list_people(json: Json = False) -> None:
    """List the people with their roles in projects.

    Example: pingfold people list
    """
    rows = people_rows(*_read(Settings()))
    if json:
        typer.echo(json_module.dumps(rows, indent=2, ensure_ascii=False))
        return
    cells = ((one["mail"], one["name"], "yes" if one["codes"] else "no", _told(one["projects"])) for one in rows)
    print_table(("mail", "name", "codes", "projects"), cells)


def reset_password(
    mail: Annotated[str, typer.Argument(help="The mail address of the person.")],
    without_codes: Annotated[bool, typer.Option(help="Also turn off one-time codes.")] = False,
) -> None:
    """Set a new password for a person, and show it once. All sessions of the person end.

    Example: pingfold people reset-password ann@example.org --without-codes
    """
    if mail == ADMIN:
        raise CommandFailed("the password of admin is a setting: PINGFOLD_ADMIN_PASSWORD, or credentials.json")
    password = new_password()
    request = PersonUpdate(
        request=new_id(),
        at=SYSTEM_CLOCK.real(),
        password=hash_person_password(password),
        totp="" if without_codes else UNSET,
        recovery=() if without_codes else UNSET,
        sign_out=True,
    )
    admin.ask(Settings(), person_id(mail), request)
    typer.echo(f"the password of {mail} is {password}")


def reset_codes(
    mail: Annotated[str, typer.Argument(help="The mail address of the person; admin: the owner of the instance.")],
) -> None:
    """Turn off one-time codes for a person who has lost the phone. All sessions of the person end.

    Example: pingfold people reset-codes admin
    """
    request = PersonUpdate(request=new_id(), at=SYSTEM_CLOCK.real(), totp="", recovery=(), sign_out=True)
    admin.ask(Settings(), OWNER if mail == ADMIN else person_id(mail), request)
    typer.echo(f"{mail} signs in without codes")


def invite(
    mail: Annotated[str, typer.Argument(help="The mail address of the person to invite.")],
    role: Annotated[Role, typer.Option(help="Role of the person in the project.")] = "viewer",
    mailed: Annotated[bool, typer.Option("--mail/--no-mail", help="Mail the link, if mail is set up.")] = True,
    project: ProjectOption = None,
    json: Json = False,
) -> None:
    """Invite somebody to a project, and show the link. It works once, within 7 days.

    Example: pingfold people invite ann@example.org --role editor
    """
    try:
        address = normalized(msgspec.convert(mail, PersonMail))
    except msgspec.ValidationError:
        raise CommandFailed(f"{mail} is no mail address that can be invited") from None
    settings, now = Settings(), SYSTEM_CLOCK.real()
    id = project_of(settings, project)
    expires = now + INVITATION_VALID
    site = settings.base_url if mailed and settings.mail_needs is None else ""
    request = MemberInvite(request=new_id(), at=now, mail=address, role=role, expires=expires, site=site)
    admin.ask(settings, id, request)
    member = member_id(id, person_id(address))
    token = people_tokens(Vault.open(settings)).invitation_token(Invitation(member, request.request, expires))
    show({"project": id, "mail": address, "role": role, "link": f"{settings.base_url}{INVITATIONS}{token}"}, json)


def remove(
    mail: Annotated[str, typer.Argument(help="The mail address of the person.")],
    project: Annotated[str | None, typer.Option(help="Id of a project. Default: all projects.")] = None,
) -> None:
    """Remove somebody from all projects, or from one, and withdraw open invitations.

    Example: pingfold people remove ann@example.org
    """
    settings, id = Settings(), person_id(mail)
    people, _ = _read(settings)
    memberships = [one for one in people.memberships_of(id) if project in (None, one.project)]
    if not memberships and (project is not None or people.person(id) is None):
        raise CommandFailed(f"{mail} is not in the project" if project else f"no person has the address {mail}")
    for member in memberships:
        admin.ask(settings, member.project, MemberRemove(request=new_id(), at=SYSTEM_CLOCK.real(), id=member.id))
    if project is None and people.person(id) is not None:
        admin.ask(settings, id, PersonRemove(request=new_id(), at=SYSTEM_CLOCK.real()))
    typer.echo(f"{mail} was removed")


def people_rows(people: PeopleTable, projects: dict[str, str]) -> list[dict[str, Any]]:
    """What is listed of each person. projects: their names, by id."""
    return [
        {
            "id": person.id,
            "mail": person.mail,
            "name": person.name,
            "codes": bool(person.totp),
            "projects": [
                {"id": one.project, "name": projects[one.project], "role": one.role}
                for one in people.memberships_of(person.id)
                if one.joined is not None and one.project in projects
            ],
        }
        for person in people.everybody()
    ]


def _read(settings: Settings) -> tuple[PeopleTable, dict[str, str]]:
    """Everybody, and the names of the projects, as `definitions` has them at the moment."""
    bootstrap, people, projects = answering_kafka_of(settings), PeopleTable(), dict[str, str]()
    for record in read_to_end(bootstrap, DEFINITIONS, ends_of(bootstrap, DEFINITIONS)):
        key = (record.key or b"").decode(errors="replace")
        if not key.startswith(_READ):
            continue
        kind, _, id = key.partition("/")
        definition = None if record.value is None else _decode(record.value)
        if isinstance(definition, Project):
            projects[id] = definition.name
        else:
            people.apply(kind, id, definition)
    return people, projects


def _told(projects: list[dict[str, str]]) -> str:
    return ", ".join(f"{one['name'] or one['id']}: {one['role']}" for one in projects) or "-"
