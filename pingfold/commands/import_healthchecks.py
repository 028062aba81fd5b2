"""`pingfold import healthchecks`: the checks and channels of another Healthchecks, or of another Pingfold."""

import os
import sys
from dataclasses import replace
from typing import Annotated

import typer

from pingfold.commands.import_outcome import Yes, ask, carry_out
from pingfold.commands.options import Json
from pingfold.errors import CommandFailed
from pingfold.imports.healthchecks import read_channels, read_checks
from pingfold.imports.healthchecks_server import HealthchecksServer
from pingfold.imports.performing import read_others, read_present
from pingfold.imports.things import Found

KEY_VARIABLE = "HEALTHCHECKS_API_KEY"
_LONGEST_KEY = 200


def healthchecks(
    url: Annotated[str, typer.Argument(help="Address of the source, such as https://healthchecks.io.")],
    key: Annotated[
        str | None,
        typer.Argument(
            help=f"An API key there that may write; - for standard input. Better than here, where other users of this "
            f"machine see it: {KEY_VARIABLE} in the environment."
        ),
    ] = None,
    keep_uuids: Annotated[
        bool,
        typer.Option(
            "--keep-uuids",
            help="Create checks with the UUIDs of the source, so that only the host of ping URLs changes.",
        ),
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Copy the checks and channels of a project of Healthchecks, Upmon or another Pingfold.

    Exit status: 0 done, or nothing to do; 1 failed; 3 the plan was not confirmed.

    Example: pingfold import healthchecks https://healthchecks.io --keep-uuids
    """
    server = HealthchecksServer(url, _key(key))
    checks, channels = server.checks(), server.channels()
    present = read_present(ask, Found())
    found = Found()
    names: dict[str, str] = {}
    if channels is None:
        found.leave("channels", "all", "the key there may not see them: give one that may write")
    else:
        names = read_channels(channels, {one["name"]: one["kind"] for one in present.channels}, found)
    read = read_checks(checks, names, keep_uuids)
    found.checks, found.left = read.checks, found.left + read.left
    if keep_uuids:
        present = replace(present, others=read_others(found.checks, present, ask))
    carry_out(found, present, yes, json)


def _key(given: str | None) -> str:
    if given is None:
        given = os.environ.get(KEY_VARIABLE, "")
    elif given == "-":
        given = sys.stdin.readline(_LONGEST_KEY + 2)
    key = given.strip()
    if not key:
        raise CommandFailed(f"no API key: set {KEY_VARIABLE}, or give - and the key on standard input")
    if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise CommandFailed("the API key has characters that no API key has: copy it again")
    return key
