"""Commands that start Pingfold, and show its state and history."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import LOOK, START

COMMANDS: dict[str, Lazy | Group] = {
    "up": Lazy(
        "pingfold.commands.roles:up",
        "Start all roles on this machine, with embedded Kafka and ClickHouse unless settings name existing ones.",
        START,
    ),
    "status": Lazy(
        "pingfold.commands.status:status",
        "Show what is up, late and down, and whether Pingfold itself is ready.",
        LOOK,
    ),
    "doctor": Lazy(
        "pingfold.commands.doctor:doctor",
        "Check this machine, the settings and the servers, and suggest fixes for each problem.",
        LOOK,
    ),
    "ping": Lazy("pingfold.commands.client:ping", "Send a ping.", LOOK),
    "monitor": Group(
        "Try monitors.",
        {
            "try": Lazy(
                "pingfold.commands.monitor_try:try_monitor",
                "Probe a target once, from the running Pingfold, as a monitor of it would; nothing is made or kept.",
            ),
        },
        LOOK,
    ),
    "audit": Lazy(
        "pingfold.commands.audit:audit",
        "List who changed what in a project, newest first. Secrets are not shown.",
        LOOK,
    ),
    "what-if": Lazy(
        "pingfold.commands.what_if:what_if",
        "Compare the alerts and the uptime with those that other settings would have caused.",
        LOOK,
    ),
    "replay": Lazy(
        "pingfold.commands.replay:replay",
        "Recompute all states from the journals, from their beginning or from a snapshot.",
        LOOK,
    ),
}
