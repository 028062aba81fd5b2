"""Where this process finds Kafka and ClickHouse: as the settings say, else the embedded servers of the data folder.

`pingfold up` tells its roles the addresses of the embedded servers, and nothing secret: they read the logins from the
data folder.
"""

import json
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from infra.availability import kafka_fault
from infra.embedded.logins import Login, login_file, read_login
from infra.embedded.ports import HOST
from infra.log.cluster import Cluster, cluster_of, embedded_cluster
from infra.settings.settings import Settings
from pingfold.credentials import check_setting
from pingfold.errors import PingfoldError

# A broker that is there answers at once; on a busy machine it may take a while.
_PATIENCE_SECONDS = 10.0


class NotRunning(PingfoldError):
    """There is nothing to talk to; the message says what to start or set."""


def kafka_of(settings: Settings) -> Cluster:
    """Kafka, and how to log in there. Raises `NotRunning` and `NoLogin`."""
    servers = settings.kafka_bootstrap_servers
    if servers is not None and servers != f"{HOST}:{_ports(settings).get('kafka')}":
        return cluster_of(settings, servers)
    address = _embedded(settings, "kafka", "KAFKA_BOOTSTRAP_SERVERS")
    return embedded_cluster(address, read_login(login_file(settings.data, "kafka")), settings.kafka_prefix)


def answering_kafka_of(settings: Settings) -> Cluster:
    """Kafka's bootstrap address, for a command that cannot wait.

    Raises `NotRunning` when nobody answers there, and `NoCredentials` when the data folder is of a Pingfold with
    another prefix: under the one that is set there would be nothing, or what is another's.
    """
    check_setting(settings)
    bootstrap = kafka_of(settings)
    if fault := kafka_fault(bootstrap, _PATIENCE_SECONDS):
        raise NotRunning(f"Kafka does not answer at {bootstrap} ({fault}): {what_to_do(settings)}")
    return bootstrap


def what_to_do(settings: Settings) -> str:
    """What mends that Kafka does not answer."""
    if settings.kafka_bootstrap_servers is not None:
        return "start it, or set KAFKA_BOOTSTRAP_SERVERS to where it is"
    return f"start Pingfold on {settings.data} (`make run`), or set PINGFOLD_DATA or KAFKA_BOOTSTRAP_SERVERS"


def clickhouse_of(settings: Settings) -> str:
    """ClickHouse's URL; that of the embedded server with user and password. Raises `NotRunning` and `NoLogin`."""
    url = settings.clickhouse_url
    address = f"{HOST}:{_ports(settings).get('clickhouse')}"
    if url is not None and url.rstrip("/") != f"http://{address}":
        return _with_login(url, settings)
    address = _embedded(settings, "clickhouse", "CLICKHOUSE_URL")
    return clickhouse_url(address, read_login(login_file(settings.data, "clickhouse")))


def clickhouse_url(address: str, login: Login) -> str:
    """The URL of the embedded ClickHouse at host:port. Nothing in a login needs quoting."""
    return f"http://{login.user}:{login.password}@{address}"


def _with_login(url: str, settings: Settings) -> str:
    """An existing server's URL, with the user and password that the settings tell apart from it."""
    if settings.clickhouse_user is None and settings.clickhouse_password is None:
        return url
    parts = urlsplit(url)
    user = settings.clickhouse_user or unquote(parts.username or "default")
    password = unquote(parts.password or "") if settings.clickhouse_password is None else settings.clickhouse_password
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"))


def _embedded(settings: Settings, name: str, variable: str) -> str:
    ports = _ports(settings)
    if name not in ports:
        raise NotRunning(
            f"no embedded {name} under {settings.data}: start Pingfold there (`make run`), or set {variable}"
        )
    return f"{HOST}:{ports[name]}"


def _ports(settings: Settings) -> dict[str, int]:
    file = settings.data / "ports.json"
    return dict(json.loads(file.read_bytes())) if file.exists() else {}
