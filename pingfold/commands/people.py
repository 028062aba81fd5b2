"""`pingfold people`: who signs in, and a new password for whoever has lost his. They reach Kafka itself."""

import json as json_module
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET

from infra.clock import SYSTEM_CLOCK
from infra.log.people_table import PeopleTable
from infra.log.reading import ends_of, read_to_end
from infra.secrets.person_passwords import hash_person_password
from infra.secrets.secrets import new_password
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands import admin
from pingfold.commands.options import Json
from pingfold.commands.tables import print_table
from schemas.definitions import Definition, Project
from schemas.ids import new_id
from schemas.people import PersonUpdate, person_id
from schemas.topics import DEFINITIONS

_decode: Any = msgspec.json.Decoder(Definition).decode
_READ = ("person/", "member/", "project/")


def list_people(json: Json = False) -> None:
    """List the people who sign in, and what they are in which projects.

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
    without_codes: Annotated[bool, typer.Option(help="Ask for no one-time codes any more, either.")] = False,
) -> None:
    """Give a person another password, which is shown once. All sessions of the person end.

    Example: pingfold people reset-password ann@example.org --without-codes
    """
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
