"""`pingfold apply`, `export` and `schema`: a project as files (docs/apply.md).

Files are judged by the functions of the REST APIs, which takes a while to import: that is done when a command runs, so
that its help, and a wrong option, are answered at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.settings import Settings
from pingfold.commands.options import Json
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from schemas.times import iso

if TYPE_CHECKING:
    from pingfold.declared.api import Api
    from pingfold.declared.planning import Plan

# The plan was shown, and nobody has said that it is to be done.
NOT_CONFIRMED = 3


def apply(
    file: Annotated[
        list[str],
        typer.Option(
            "--file", "-f", help="A YAML file, a folder of YAML files, or - for standard input; repeat for several."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the set of these files created, but no longer declares.")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take over existing objects with the same keys.")] = False,
    send_secrets: Annotated[
        bool,
        typer.Option(
            "--send-secrets", help="Send secrets again even if nothing else changes, because they cannot be compared."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Apply YAML files to a project: show the changes, ask for confirmation, and make them.

    Exit status: 0 done, or nothing to do; 1 failed, with the reasons on standard error; 3 the plan was not confirmed.

    Example: pingfold apply --file docs/declarations.example.yml --yes
    """
    from pingfold.declared import project
    from pingfold.declared.api import Api
    from pingfold.declared.keys import must_know, must_write
    from pingfold.declared.loading import load
    from pingfold.declared.planning import Options, plan
    from pingfold.declared.showing import as_json, lines

    with Api(Settings()) as api:
        declarations = load(file, project.rules(api))
        must_know(api, {one.section for one in declarations.things})
        planned = plan(declarations, project.read(api), iso(SYSTEM_CLOCK.now()), Options(prune, adopt, send_secrets))
        if json:
            typer.echo(as_json(planned))
        else:
            say(*lines(planned))
        if not planned.steps:
            return
        if not yes and not _confirmed():
            typer.echo("nothing was done", err=True)
            raise typer.Exit(NOT_CONFIRMED)
        must_write(api, {step.section for step in planned.steps})
        _execute(planned, api, json)


def export_project(
    name: Annotated[list[str] | None, typer.Argument(help="Names, slugs or ids. Default: the whole project.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Checks with this tag; repeat for several.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
    ] = None,
) -> None:
    """Write the project as a file for `pingfold apply`. Secrets become references to environment variables.

    Example: pingfold export --tag nightly
    """
    from pingfold.declared import project
    from pingfold.declared.api import Api
    from pingfold.declared.exporting import choose, export
    from query_api.declarations import SCHEMA_PATH

    with Api(Settings()) as api:
        present, schema_url = project.read(api), api.url + SCHEMA_PATH
    chosen = list(choose(present, name or (), tag or ()))
    if not chosen and (name or tag):
        raise CommandFailed("nothing has this name or tag")
    exported = export(present, chosen, schema_url)
    if output is None:
        typer.echo(exported.text, nl=False)
    else:
        try:
            output.write_text(exported.text, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{output} cannot be written: {error.strerror}") from None
    say(*exported.left_out, err=True)
    if exported.variables:
        typer.echo(f"to apply it, set {', '.join(exported.variables)}", err=True)


def schema() -> None:
    """Print the JSON Schema of files for `pingfold apply`.

    Example: pingfold schema
    """
    from query_api.declarations import json_schema

    typer.echo(json_schema().decode(), nl=False)


def _confirmed() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm("Do it?")


def _execute(planned: "Plan", api: "Api", json: bool) -> None:
    from pingfold.declared.executing import execute
    from pingfold.declared.showing import title

    for step in execute(planned, api):
        say(f"done: {title(step)}", err=json)
