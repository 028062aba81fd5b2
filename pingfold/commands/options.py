"""Options that several commands share."""

from typing import Annotated

import typer

from infra.settings.settings import Settings
from pingfold import credentials

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectOption = Annotated[
    str | None, typer.Option("--project", help="Id of the project. Default: the project of the first start.")
]


def project_of(settings: Settings, given: str | None) -> str:
    """The project that a command is about: the one that is named, else that of `credentials.json`."""
    return given or credentials.load(credentials.path_of(settings)).project
