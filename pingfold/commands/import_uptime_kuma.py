"""`pingfold import uptime-kuma`: the monitors, notifications, maintenance and status pages of an Uptime Kuma."""

from typing import Annotated

import typer

from pingfold.commands.import_outcome import Yes, ask, carry_out
from pingfold.commands.options import Json
from pingfold.imports.performing import read_present
from pingfold.imports.uptime_kuma import read_monitors
from pingfold.imports.uptime_kuma_files import read_backup_file
from pingfold.imports.uptime_kuma_places import read_places


def uptime_kuma(
    file: Annotated[
        str, typer.Argument(help="Uptime Kuma's kuma.db (1.x, 2.x) or JSON backup (1.x); - for standard input.")
    ],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Copy the monitors, notifications, maintenance and status pages of an Uptime Kuma.

    Exit status: 0 done, or nothing to do; 1 failed; 3 the plan was not confirmed.

    Example: pingfold import uptime-kuma kuma.db
    """
    backup = read_backup_file(file)
    carried = read_monitors(backup)
    read_places(backup, carried)
    carry_out(carried.found, read_present(ask, carried.found), yes, json)
