"""The option `--overlap` of commands that rotate keys and secrets."""

from typing import Annotated

import typer

from infra.settings.durations import parse_duration
from schemas.requests import LONGEST_OVERLAP

Overlap = Annotated[str, typer.Option(help="How long the old one stays valid: 24h, 30m, 7d; 0 ends it at once.")]


def overlap_seconds(text: str) -> int:
    """The seconds of an overlap. Raises `typer.BadParameter`."""
    try:
        seconds = 0 if text.strip() == "0" else parse_duration(text)
    except ValueError:
        seconds = None
    if seconds is None or seconds > LONGEST_OVERLAP:
        raise typer.BadParameter(f"--overlap {text}: a duration of at most 30d is expected, such as 24h, 30m or 0")
    return seconds
