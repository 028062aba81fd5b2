"""`credentials.json` in the data folder: how people and tests reach this Pingfold (docs/operations.md).

Written by the first embedded start, mode 0600; later starts change nothing in it but where Pingfold and its servers
are, and how to log in there; commands that rotate a key or secret of its project write the new one.
What stands in a new one is made by `pingfold.first_project`.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from infra.embedded.logins import Login
from infra.log.cluster import Cluster, embedded_cluster, prefix_of, security_of
from infra.secrets.private_files import replace_whole, write_once
from infra.settings.settings import Settings
from pingfold.errors import PingfoldError

KEY_FIELDS = ("healthchecks_key", "healthchecks_key_readonly", "updown_key", "updown_key_readonly", "poppaping_key")
FILE_NAME = "credentials.json"


class NoCredentials(PingfoldError):
    """There is no usable credentials.json; the message says where it was looked for."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds. kafka: bootstrap address; kafka_user, kafka_password: of the embedded one; kafka_prefix:
    of all our names there; clickhouse: its URL, with user and password; project: id of the default project."""

    url: str
    kafka: str
    kafka_user: str = ""
    kafka_password: str = ""
    kafka_prefix: str = ""
    clickhouse: str
    project: str
    ping_key: str
    healthchecks_key: str
    healthchecks_key_readonly: str
    updown_key: str
    updown_key_readonly: str
    poppaping_key: str
    webhook_secret: str
    admin_password: str

    @property
    def cluster(self) -> Cluster:
        """Kafka, for clients."""
        if not self.kafka_user:
            return Cluster(self.kafka, prefix=self.kafka_prefix)
        return embedded_cluster(self.kafka, Login(self.kafka_user, self.kafka_password), self.kafka_prefix)

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, project={self.project!r})"  # the rest must not end up in a log


def path_of(settings: Settings) -> Path:
    """Where this installation keeps its credentials."""
    return settings.data / FILE_NAME


def save_once(path: Path, credentials: Credentials) -> Credentials:
    """Write the file unless there is one; gives what the file holds, which counts."""
    write_once(path, _written(credentials))
    return load(path)


def with_servers(path: Path, url: str, kafka: str, clickhouse: str) -> Credentials:
    """The credentials in the file, which is brought up to date when Pingfold or its servers are elsewhere, or have
    another login. Raises `NoCredentials`."""
    known = load(path)
    _check_prefix(path, known, kafka)
    current = msgspec.structs.replace(known, url=url, **kafka_fields(kafka), clickhouse=clickhouse)
    if current != known:
        replace_whole(path, _written(current))
    return current


def replace_values(path: Path, project: str, values: Mapping[str, str]) -> bool:
    """Write new values into the file if there is one and it is of this project; whether that is so."""
    try:
        known = load(path)
    except NoCredentials:
        return False
    if known.project == project:
        replace_whole(path, _written(msgspec.structs.replace(known, **values)))
    return known.project == project


def check_prefix(path: Path, kafka: str) -> None:
    """Raise `NoCredentials` when the file is there and of a Pingfold with another prefix in Kafka."""
    if path.exists():
        _check_prefix(path, load(path), kafka)


def check_setting(settings: Settings) -> None:
    """Raise `NoCredentials` when the data folder is of a Pingfold with another prefix in Kafka than the setting's.

    For commands. A folder without a readable file says nothing about the prefix.
    """
    path = path_of(settings)
    try:
        known = load(path)
    except NoCredentials:
        return
    if known.kafka_prefix != settings.kafka_prefix:
        raise NoCredentials(
            f"{path} is of the Pingfold whose names in Kafka begin with '{known.kafka_prefix}', and "
            f"PINGFOLD_KAFKA_PREFIX is '{settings.kafka_prefix}': set it to '{known.kafka_prefix}', or set "
            "PINGFOLD_DATA to the data folder of the Pingfold that is meant"
        )


def _check_prefix(path: Path, known: Credentials, kafka: str) -> None:
    if known.kafka_prefix != prefix_of(kafka):
        raise NoCredentials(
            f"{path} is of the Pingfold whose names in Kafka begin with '{known.kafka_prefix}', and "
            f"PINGFOLD_KAFKA_PREFIX is '{prefix_of(kafka)}': that is another Pingfold, with nothing in it. Set it "
            "back, or give that one another PINGFOLD_DATA"
        )


def kafka_fields(kafka: str) -> dict[str, str]:
    """What the file says of Kafka."""
    login = security_of(kafka)
    user, password = login.get("sasl.username", ""), login.get("sasl.password", "")
    return {"kafka": str(kafka), "kafka_user": user, "kafka_password": password, "kafka_prefix": prefix_of(kafka)}


def _written(credentials: Credentials) -> bytes:
    return msgspec.json.format(msgspec.json.encode(credentials), indent=2) + b"\n"


def load(path: Path) -> Credentials:
    """The credentials in the file. Raises `NoCredentials` when it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except FileNotFoundError as error:
        raise NoCredentials(
            f"{path} is not there: start Pingfold here once, or set PINGFOLD_URL and PINGFOLD_KEY"
        ) from error
    except OSError as error:
        raise NoCredentials(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        # A validation error names the field and never the value.
        raise NoCredentials(f"{path} is damaged: {error}") from error
