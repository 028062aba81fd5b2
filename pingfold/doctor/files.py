"""The settings, and the files of the data folder that hold secrets."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from infra.secrets.metrics_key import KEY_FILE as METRICS_KEY_FILE
from infra.secrets.secrets import KEY_FILE
from infra.settings.errors import misread_settings, unknown_settings, wrong_settings
from infra.settings.ignored import ignored_settings
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.doctor.findings import Finding

_SEE = "correct or unset it (docs/operations.md, Settings)"


def environment(names: Mapping[str, str]) -> Iterator[Finding]:
    """Settings that are none, that are wrong, or that have no effect."""
    faults = unknown_settings(names) + misread_settings(names)
    told: list[str] = []
    try:
        told = ignored_settings(Settings())
    except ValidationError as error:
        faults += wrong_settings(error)
    yield from (Finding("problem", "settings", fault, _SEE) for fault in faults)
    yield from (Finding("warning", "settings", fault, _SEE) for fault in told)
    if not faults and not told:
        given = sum(name.startswith("PINGFOLD_") for name in names)
        yield Finding(
            "ok", "settings", f"{given} set, the others have their defaults" if given else "all have their defaults"
        )


def secret_files(settings: Settings) -> Iterator[Finding]:
    """`credentials.json` and the keys: readable by us, and by nobody else."""
    file = credentials.path_of(settings)
    if not settings.data.is_dir():
        yield Finding("ok", "data folder", f"{settings.data} is not there yet; the first start makes it")
        return
    if not os.access(settings.data, os.W_OK | os.X_OK):
        do = "run this command and Pingfold as the user that owns it, or set PINGFOLD_DATA"
        yield Finding("problem", "data folder", f"{settings.data} is not writable for this user", do)
    try:
        credentials.load(file)
        yield Finding("ok", "credentials", str(file))
    except credentials.NoCredentials as error:
        if not os.path.lexists(file):
            yield Finding("ok", "credentials", f"{file} is not there yet; the first start makes it")
        else:
            do = "run this command as the user of Pingfold, or put the file back from a backup"
            yield Finding("problem", "credentials", str(error), do)
    for name in (credentials.FILE_NAME, KEY_FILE, METRICS_KEY_FILE):
        yield from _others_may_read(settings.data / name)


def _others_may_read(file: Path) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return
    if mode & 0o077:
        yield Finding("warning", file.name, f"others may read it (mode {mode:04o})", f"chmod 600 {file}")
