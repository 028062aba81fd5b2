"""Commands that start one role."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import ROLES

_ROLE = "pingfold.commands.roles"

COMMANDS: dict[str, Lazy | Group] = {
    "web": Lazy(f"{_ROLE}:web", "Serve ping URLs and the REST APIs on one port.", ROLES),
    "ingest": Lazy(f"{_ROLE}:ingest", "Serve only ping URLs.", ROLES),
    "api": Lazy(f"{_ROLE}:api", "Serve only the REST APIs and pages.", ROLES),
    "worker": Lazy(f"{_ROLE}:worker", "Compute statuses from the journals, and send notifications.", ROLES),
    "ticker": Lazy(f"{_ROLE}:ticker", "Append ticks, which advance the time of the folds.", ROLES),
    "prober": Lazy(f"{_ROLE}:prober", "Probe the monitors of a region.", ROLES),
    "writer": Lazy(f"{_ROLE}:writer", "Copy events from Kafka into ClickHouse, for history and uptimes.", ROLES),
    "dns": Lazy(f"{_ROLE}:dns", "Answer DNS queries for the addresses of the nodes (PINGFOLD_DNS_ZONE).", ROLES),
}
