"""Commands for projects, people, keys, imports and repairs."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import MANAGE

COMMANDS: dict[str, Lazy | Group] = {
    "project": Group(
        "Manage projects. Each has its own checks, monitors, channels and keys.",
        {
            "list": Lazy(
                "pingfold.commands.listings:list_projects",
                "List all projects, with the number of their checks, monitors, channels, pages and keys.",
            ),
            "create": Lazy(
                "pingfold.commands.creation:create_project",
                "Create a project with a ping key and a Healthchecks API key. Both are shown only once.",
            ),
            "rename": Lazy("pingfold.commands.rotation:rename_project", "Give a project another name."),
            "rotate-ping-key": Lazy(
                "pingfold.commands.rotation:rotate_ping_key",
                "Replace the ping key of a project. Pings with the old key are accepted until the overlap ends.",
            ),
            "rotate-webhook-secret": Lazy(
                "pingfold.commands.rotation:rotate_webhook_secret",
                "Replace the webhook secret of a project, which signs all webhooks that have no secret of their own.",
            ),
        },
        MANAGE,
    ),
    "people": Group(
        "List, invite and remove people, and reset passwords and one-time codes.",
        {
            "list": Lazy(
                "pingfold.commands.people:list_people",
                "List the people with their roles in projects.",
            ),
            "reset-password": Lazy(
                "pingfold.commands.people:reset_password",
                "Set a new password for a person, and show it once. All sessions of the person end.",
            ),
            "reset-codes": Lazy(
                "pingfold.commands.people:reset_codes",
                "Turn off one-time codes for a person who has lost the phone. All sessions of the person end.",
            ),
            "invite": Lazy(
                "pingfold.commands.people:invite",
                "Invite somebody to a project, and show the link. It works once, within 7 days.",
            ),
            "remove": Lazy(
                "pingfold.commands.people:remove",
                "Remove somebody from all projects, or from one, and withdraw open invitations.",
            ),
        },
        MANAGE,
    ),
    "key": Group(
        "Manage the API keys of a project.",
        {
            "list": Lazy(
                "pingfold.commands.listings:list_keys",
                "List API keys, including revoked ones. The keys themselves are not shown.",
            ),
            "create": Lazy("pingfold.commands.creation:create_key", "Create an API key. It is shown only once."),
            "rotate": Lazy(
                "pingfold.commands.rotation:rotate_key",
                "Replace an API key by a new one with the same rights. The old key expires when the overlap ends.",
            ),
            "revoke": Lazy("pingfold.commands.rotation:revoke_key", "Revoke an API key."),
        },
        MANAGE,
    ),
    "import": Group(
        "Import from a crontab or another monitoring service. Each command shows its plan first.",
        {
            "crontab": Lazy(
                "pingfold.commands.import_crontab:crontab",
                "Create a check for each job of a crontab, and print a new crontab that pings them.",
            ),
            "healthchecks": Lazy(
                "pingfold.commands.import_healthchecks:healthchecks",
                "Copy the checks and channels of a project of Healthchecks, Upmon or another Pingfold.",
            ),
            "uptime-kuma": Lazy(
                "pingfold.commands.import_uptime_kuma:uptime_kuma",
                "Copy the monitors, notifications, maintenance and status pages of an Uptime Kuma.",
            ),
            "gatus": Lazy(
                "pingfold.commands.import_gatus:gatus",
                "Copy the endpoints, alerting, maintenance and groups of a configuration of Gatus.",
            ),
        },
        MANAGE,
    ),
    "recipient": Group(
        "Manage recipients of mail.",
        {
            "unblock": Lazy(
                "pingfold.commands.recipients:unblock_recipient",
                "Allow confirmation requests to an address again after its owner has blocked them.",
            )
        },
        MANAGE,
    ),
    "dead-letters": Group(
        "List and retry events that could not be processed.",
        {
            "list": Lazy(
                "pingfold.commands.dead_letters:list_dead_letters",
                "List the events that could not be processed, with the reason, oldest first.",
            ),
            "retry": Lazy(
                "pingfold.commands.dead_letter_retry:retry_dead_letters",
                "Append the original events to their topics again.",
            ),
        },
        MANAGE,
    ),
    "time": Group(
        "Correct the time of partitions.",
        {
            "mend": Lazy(
                "pingfold.commands.time:mend",
                "Set the time of partitions back to Kafka's clock if it is ahead. Correct Kafka's clock first.",
            )
        },
        MANAGE,
    ),
    "migrate": Lazy(
        "pingfold.commands.migrate:migrate",
        "Create missing topics in Kafka and missing tables and views in ClickHouse, and apply the retention settings.",
        MANAGE,
    ),
}
