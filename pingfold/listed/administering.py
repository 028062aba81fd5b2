"""Commands for projects, keys, imports and what has gone wrong."""

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
        "See who signs in, invite and remove people, and help whoever has lost his password or phone.",
        {
            "list": Lazy(
                "pingfold.commands.people:list_people",
                "List the people who sign in, and what they are in which projects.",
            ),
            "reset-password": Lazy(
                "pingfold.commands.people:reset_password",
                "Give a person another password, which is shown once. All sessions of the person end.",
            ),
            "reset-codes": Lazy(
                "pingfold.commands.people:reset_codes",
                "Ask a person who has lost his phone for no one-time codes any more. All sessions of the person end.",
            ),
            "invite": Lazy(
                "pingfold.commands.people:invite",
                "Invite somebody to a project. The link to join is shown; it opens once, for 7 days.",
            ),
            "remove": Lazy(
                "pingfold.commands.people:remove",
                "Take somebody out of all projects for good, or out of one. An open invitation is withdrawn.",
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
        "Move in: carry over what a crontab or another monitor holds. Each shows first what it would do.",
        {
            "crontab": Lazy(
                "pingfold.commands.import_crontab:crontab",
                "Make a check for each job of a crontab, and print a new crontab that pings them.",
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
                "Allow confirmation requests to an address again whose owner has blocked them.",
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
                "Set the time of partitions that is ahead of Kafka's clock back to it. Correct Kafka's clock first.",
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
