"""`pingfold import gatus`: the endpoints, alerting and maintenance of a configuration of Gatus."""

import os
from typing import Annotated

import typer

from pingfold.commands.import_outcome import Yes, ask, carry_out
from pingfold.commands.options import Json
from pingfold.imports.gatus import read_gatus
from pingfold.imports.performing import read_present
from pingfold.imports.reading import read_file
from pingfold.imports.yaml_texts import MOST_BYTES


def gatus(
    file: Annotated[str, typer.Argument(help="Gatus's configuration, such as config.yaml; - for standard input.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Copy the endpoints, alerting, maintenance and groups of a configuration of Gatus.

    Exit status: 0 done, or nothing to do; 1 failed; 3 the plan was not confirmed.

    Example: pingfold import gatus config.yaml
    """
    found = read_gatus(read_file(file, MOST_BYTES), os.environ)
    carry_out(found, read_present(ask, found), yes, json)
