"""The environment of each role: ours, the addresses of the servers, and of what is secret only what the role needs."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from infra.settings.settings import Settings

# The embedded servers, which are no Pingfold of their own.
SERVERS = frozenset({"kafka", "clickhouse"})

# Which roles need a secret. Of the embedded servers' logins there is none here: they stand in the data folder.
_NEEDED_BY: dict[str, frozenset[str]] = {
    "PINGFOLD_SECRET_KEY": frozenset({"web", "worker", "prober"}),
    "PINGFOLD_ADMIN_PASSWORD": frozenset({"web"}),
    "PINGFOLD_METRICS_KEY": frozenset({"web"}),
    "PINGFOLD_OIDC_CLIENT_SECRET": frozenset({"web"}),
    "PINGFOLD_SMTP_USER": frozenset({"worker"}),
    "PINGFOLD_SMTP_PASSWORD": frozenset({"worker"}),
    "PINGFOLD_CLICKHOUSE_PASSWORD": frozenset({"web", "writer"}),
    "PINGFOLD_KEY": frozenset(),
    "PINGFOLD_HEARTBEAT_URL": frozenset(),
}
_WITH_CLICKHOUSE = frozenset({"web", "writer"})
# Roles that need no Kafka, and so no login there.
_WITHOUT_KAFKA = frozenset({"dns"})
# What a server is known by as ours.
_OF_SERVERS = frozenset({"PINGFOLD_DATA", "PINGFOLD_INSTANCE"})
_ELSEWHERE = ("PINGFOLD_", "CLICKHOUSE_URL", "KAFKA_BOOTSTRAP_SERVERS")


def environment_for(settings: Settings, bootstrap: str, clickhouse: str, instance: str = "") -> dict[str, str]:
    """What all roles could inherit, secrets among it: see `environment_of`."""
    return os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "CLICKHOUSE_URL": clickhouse,
        "PINGFOLD_DATA": str(settings.data.resolve()),
        "PROMETHEUS_MULTIPROC_DIR": str((settings.data / "run" / "metrics").resolve()),
        "PINGFOLD_INSTANCE": instance,
        "PINGFOLD_LOG_FORMAT": "json",  # it is read by us
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def environment_of(role: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What a role inherits of it. role: its name without a slot."""
    if role in SERVERS:
        return {
            name: value
            for name, value in environment.items()
            if name.upper() in _OF_SERVERS or not name.upper().startswith(_ELSEWHERE)
        }
    found = {name: value for name, value in environment.items() if role in _NEEDED_BY.get(name.upper(), {role})}
    if role in _WITHOUT_KAFKA:
        found = {name: value for name, value in found.items() if not name.upper().startswith("PINGFOLD_KAFKA_")}
    if role not in _WITH_CLICKHOUSE and "CLICKHOUSE_URL" in found:
        found["CLICKHOUSE_URL"] = _without_login(found["CLICKHOUSE_URL"])
    return found


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
