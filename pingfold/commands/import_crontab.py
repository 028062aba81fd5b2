"""`pingfold import crontab`: the jobs of a crontab become checks, and a new crontab pings them."""

import os
from errno import ENOENT
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.secrets.private_files import replace_whole
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold.commands.import_outcome import Answers, Yes, ask, carry_out, print_left
from pingfold.commands.options import Json
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from pingfold.imports.crontab import Crontab, looks_like_system, read_crontab, rewritten
from pingfold.imports.crontab_lines import MOST_BYTES, shown, texts_of
from pingfold.imports.performing import read_present
from pingfold.imports.plan import Present, Step
from pingfold.imports.reading import read_file
from pingfold.imports.things import Found
from pingfold.running_place import running_place
from schemas.schedules import BadTimezone, canonical_tz

_SYSTEM = ("/etc/crontab", "/etc/cron.d/")
# Stands for the id of a check that is not made yet.
_UUID = "UUID"
_LOCALTIME, _TIMEZONE = Path("/etc/localtime"), Path("/etc/timezone")


def crontab(
    file: Annotated[
        str, typer.Argument(help="A crontab; - for standard input: crontab -l | pingfold import crontab -")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the new crontab to this file instead of standard output.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Time zone of the crontab's machine, such as Europe/Paris. Default: the zone of this machine."
        ),
    ] = None,
    grace: Annotated[str, typer.Option(help="Grace time of the checks, such as 30m.")] = "1h",
    prefix: Annotated[
        str, typer.Option(help="Prefix of each name, such as web1, so that two machines do not share checks.")
    ] = "",
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="Whether lines name a user before the command. Default: yes for /etc/crontab and /etc/cron.d.",
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Create a check for each job of a crontab, and print a new crontab that pings them.

    Exit status: 0 done, or nothing to do; 1 failed; 3 the plan was not confirmed.

    Example: pingfold import crontab /etc/cron.d/backup --yes --out new.crontab
    """
    content = read_file(file, MOST_BYTES)
    if system is None:
        system = file.startswith(_SYSTEM)
        if not system and (line := looks_like_system(content)):
            raise CommandFailed(f"line {line} has the user root before its command: give --system, or --user")
    present = read_present(ask, Found())
    base = _ping_base(present)
    read = read_crontab(content, _zone(timezone), _seconds(grace), system, base, prefix)
    carry_out(read.found, present, yes, json, _NewCrontab(content, read, present, base, out, json).tell)


class _NewCrontab:
    """The crontab with pings: shown beside the old one before anything is done, and written when it is."""

    def __init__(
        self, content: bytes, read: Crontab, present: Present, base: str, out: Path | None, json: bool
    ) -> None:
        self._content, self._read, self._base = content, read, base
        self._known = {check["uuid"]: check["ping_url"] for check in present.checks}
        self._out, self._json = out, json
        self._is_shown = False

    def tell(self, steps: list[Step], done: Answers) -> dict[str, Any]:
        """Before: the lines that change. After: all of the new crontab, which goes into the file if one was named."""
        is_plan = not done and any(step.sign == "+" for step in steps)
        urls = self._urls(steps, done)
        new, notes = rewritten(self._content, self._read, lambda index: urls.get(index, ""), self._base)
        if self._json:
            self._write(new, is_plan)
            return {"crontab": shown(new.decode("utf-8", "surrogateescape"))}
        if not self._is_shown:
            print_left(notes)
        if is_plan:
            self._print_beside(new)
        elif not self._write(new, is_plan):
            typer.echo("")
            typer.echo(new, nl=False)
        self._is_shown = True
        return {}

    def _write(self, new: bytes, is_plan: bool) -> bool:
        if self._out is None or is_plan:
            return False
        try:
            _write_private(self._out, new)
        except OSError as error:
            raise CommandFailed(f"the checks are made, but {self._out} cannot be written: {error.strerror}") from None
        typer.echo(f"the new crontab is in {self._out}", err=True)
        return True

    def _print_beside(self, new: bytes) -> None:
        for old, line in zip(texts_of(self._content), texts_of(new), strict=True):
            if old.removesuffix("\r") != line:
                say(f"- {shown(old)}")
                say(f"+ {shown(line)}")

    def _urls(self, steps: list[Step], done: Answers) -> dict[int, str]:
        """The ping URLs of the checks of the crontab, by their index: the steps of checks are in their order. Of one
        that is not made yet only the beginning is known."""
        places = [place for place, step in enumerate(steps) if step.kind == "check"]
        urls = {}
        for index, place in enumerate(places):
            if place in done:
                urls[index] = done[place]["ping_url"]
            elif steps[place].id is not None:
                urls[index] = self._known[steps[place].id]
            elif not done:
                urls[index] = f"{self._base}{_UUID}"
        return urls


def _write_private(place: Path, content: bytes) -> None:
    """Into a file that only its owner reads: who has a ping URL can ping. What is no file is written to as it is."""
    if place.exists() and not place.is_file():
        place.write_bytes(content)
    elif place.resolve().parent.is_dir():
        replace_whole(place.resolve(), content)
    else:
        raise FileNotFoundError(ENOENT, "there is no such folder")


def _ping_base(present: Present) -> str:
    """What ping URLs begin with: as the checks that are there say."""
    for check in present.checks:
        return str(check["ping_url"]).removesuffix(check["uuid"])
    return f"{running_place(Settings()).url}/ping/"


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = None
    if seconds is None or not 60 <= seconds <= 31_536_000:
        raise typer.BadParameter("--grace: from 1 minute to 365 days, such as 30m or 6h")
    return seconds


def _zone(given: str | None) -> str:
    """The zone that is given, else that of this machine, as cron takes it."""
    if given is not None:
        try:
            return canonical_tz(given)
        except BadTimezone as error:
            raise typer.BadParameter(f"--timezone {error}") from None
    named = [os.environ.get("TZ", "").removeprefix(":")]
    named.append(os.path.realpath(_LOCALTIME).partition("/zoneinfo/")[2])
    if _TIMEZONE.is_file():
        named.append(_TIMEZONE.read_text("utf-8", "replace").strip())
    for name in named:
        try:
            return canonical_tz(name)
        except BadTimezone:
            continue
    return "UTC"
