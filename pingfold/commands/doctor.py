"""`pingfold doctor`: checks the requirements of Pingfold, and suggests fixes."""

import json as json_module
import os
import sys
from collections.abc import Iterator

import typer
from pydantic import ValidationError

from infra.process.logs import in_colours
from infra.settings.settings import Settings
from pingfold.commands.options import Json
from pingfold.doctor import certificate, files, machine, servers
from pingfold.doctor.findings import Finding, examined
from schemas.printable import printable

# Exit status when there is a problem.
UNWELL = 3
_COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "problem": typer.colors.RED}


def doctor(json: Json = False) -> None:
    """Check this machine, the settings and the servers, and suggest fixes for each problem.

    It changes nothing. Run it as the user of Pingfold, with the same settings. Exit status: 0 if there is no problem
    (there may be warnings), 3 if there is one.

    Example: pingfold doctor --json
    """
    findings = []
    for finding in examinations():
        findings.append(finding)
        if not json:
            _show(finding)
    if json:
        typer.echo(json_module.dumps([finding._asdict() for finding in findings], indent=2))
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(UNWELL)


def examinations() -> Iterator[Finding]:
    """Everything, one after the other."""
    yield from examined("settings", lambda: files.environment(os.environ))
    try:
        settings = Settings()
    except ValidationError:
        return  # told above; what they say cannot be examined
    yield from examined("Java", lambda: machine.prerequisites(settings))
    yield from examined("disk", lambda: machine.disk(settings))
    is_running, said = servers.running(settings)
    yield from examined("memory", lambda: machine.memory(is_running))
    yield from examined("open files", lambda: machine.open_files(settings))
    yield from examined("clock", lambda: machine.clock(settings))
    yield from examined("credentials", lambda: files.secret_files(settings))
    if not is_running:
        yield from examined("ports", lambda: servers.ports(settings))
    yield from examined("certificate", lambda: certificate.https(settings, is_running))
    yield from examined("Kafka", lambda: servers.kafka(settings, is_running))
    yield from examined("ClickHouse", lambda: servers.clickhouse(settings, is_running))
    yield from examined("public address", lambda: servers.public_address(settings, is_running))
    yield from said


def _show(finding: Finding) -> None:
    level = f"{finding.level:<8}"
    shown = typer.style(level, fg=_COLOURS[finding.level]) if in_colours(sys.stdout) else level
    told = f"{finding.subject}: {finding.found}{f'; {finding.do}' if finding.do else ''}"
    typer.echo(f"{shown} {printable(told)}")
