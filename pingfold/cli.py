"""The command line `pingfold`: starts Pingfold or one of its roles, administers it, and calls a running one.

A fault that people can correct ends a command with one line on standard error and exit status 1; never a traceback.
Each command is loaded when it is run (`pingfold.lazy_commands`); this module imports nothing that takes long.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from pingfold.errors import PingfoldError
from pingfold.lazy_commands import Group, Lazy, LazyGroup
from pingfold.listed import administering, alerting, declaring, looking, roles

_HELP = """Uptime and cron monitor on Apache Kafka.

Settings are environment variables: see docs/operations.md.

Exit status: 0 done; 1 failed, with the reason in one line; 2 wrong usage. Some commands have further exit statuses:
see their help.

Example: pingfold status
"""

# In the order in which they are listed.
COMMANDS: dict[str, Lazy | Group] = {
    **looking.COMMANDS,
    **declaring.COMMANDS,
    **alerting.COMMANDS,
    **administering.COMMANDS,
    **roles.COMMANDS,
}


class _Commands(LazyGroup):
    table = COMMANDS


app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What asks for words about the commands, or what is wrong with the settings: it works whatever the settings are.
_WORDS = frozenset({"-h", "--help", "--version", "--show-completion", "--install-completion"})
_COMPLETION, _DOCTOR = "_PINGFOLD_COMPLETE", "doctor"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pingfold {metadata.version('pingfold')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point. A fault that people can correct is reported in one line; the exit status is 1."""
    if not _is_about_commands(sys.argv[1:]):
        from infra.settings.errors import misread_settings, unknown_settings

        _refuse(unknown_settings(os.environ) + misread_settings(os.environ))
    try:
        app(prog_name="pingfold")
    except PingfoldError as error:
        _refuse([str(error)])
    except Exception as error:
        from pingfold.faults import lines_of

        lines = lines_of(error)
        if not lines:
            raise
        _refuse(lines)


def _is_about_commands(arguments: list[str]) -> bool:
    return bool(_WORDS.intersection(arguments)) or arguments[:1] == [_DOCTOR] or _COMPLETION in os.environ


def _refuse(lines: list[str]) -> None:
    if lines:
        from schemas.printable import printable

        shown = ("\n".join(map(printable, line.split("\n"))) for line in lines)
        sys.exit("\n".join(f"pingfold: {line}" for line in shown))
