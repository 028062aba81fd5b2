"""User and password of an embedded server: made at the first start, kept in the data folder, readable by its owner.

`data/clickhouse-login.json` and the like; `data/analyst-login.json` is that of people who may only ask ClickHouse's
views (infra/embedded/clickhouse_analyst.py). Whoever needs one reads the file; it is never an argument of a program,
nor a variable of its environment.
"""

import secrets
from pathlib import Path

import msgspec

from infra.errors import InfraError
from infra.secrets.private_files import write_once

_USER = "pingfold"
ANALYST = "analyst"
_PASSWORD_BYTES = 24


class NoLogin(InfraError):
    """The file is missing or damaged: end with the message, which says which file and what to do."""


class Login(msgspec.Struct, frozen=True):
    """Who may use a server."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"  # the rest must not end up in a log


def login_file(data: Path, server: str) -> Path:
    """Where the login of an embedded server stands."""
    return data / f"{server}-login.json"


def made_login(data: Path, server: str) -> Login:
    """The login of an embedded server; it is made when there is none yet."""
    return _made(login_file(data, server), _USER)


def made_analyst_login(data: Path) -> Login:
    """The login of analysts at the embedded ClickHouse; it is made when there is none yet."""
    return _made(login_file(data, ANALYST), ANALYST)


def _made(file: Path, user: str) -> Login:
    if not file.exists():
        fresh = Login(user, secrets.token_urlsafe(_PASSWORD_BYTES))
        write_once(file, msgspec.json.format(msgspec.json.encode(fresh), indent=2) + b"\n")
    return read_login(file)


def read_login(file: Path) -> Login:
    """The login in a file. Raises `NoLogin`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Login)
    except OSError as error:
        raise NoLogin(f"{file} cannot be read ({error.strerror}): the next start of Pingfold makes it") from error
    except msgspec.MsgspecError as error:
        raise NoLogin(f"{file} is damaged ({error}): remove it, the next start of Pingfold makes another") from error
