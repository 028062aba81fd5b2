"""The command line `pingfold`: starts Pingfold or one of its roles, administers it, and calls a running one.

A fault that people can correct ends a command with one line on standard error and exit status 1; never a traceback.
Each command is loaded when it is run (`pingfold.lazy_commands`); this module imports nothing that takes long.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from pingfold.errors import PingfoldError
from pingfold.lazy_commands import Group, Lazy, LazyGroup

_HELP = """Uptime and cron monitor on Apache Kafka.

Settings are environment variables: see docs/operations.md.

Exit status: 0 done; 1 not done, and one line says why; 2 wrong usage. Commands that compare or examine something have
their own, which their help tells.

Example: pingfold status
"""
_START, _LOOK, _MANAGE, _ROLES = "Start", "Look", "Manage", "Roles that `up` starts, alone"
_ROLE = "pingfold.commands.roles"

COMMANDS: dict[str, Lazy | Group] = {
    "up": Lazy(
        f"{_ROLE}:up",
        "Start all roles on this machine, with embedded Kafka and ClickHouse unless settings name existing ones.",
        _START,
    ),
    "status": Lazy(
        "pingfold.commands.status:status",
        "Show what is up, late and down, and whether Pingfold itself is well.",
        _LOOK,
    ),
    "doctor": Lazy(
        "pingfold.commands.doctor:doctor",
        "Examine this machine, the settings and the servers, and say what to do about what is not well.",
        _LOOK,
    ),
    "ping": Lazy("pingfold.commands.client:ping", "Send a ping.", _LOOK),
    "audit": Lazy(
        "pingfold.commands.audit:audit",
        "List who changed what in a project, newest first. Secrets are not shown.",
        _LOOK,
    ),
    "what-if": Lazy(
        "pingfold.commands.what_if:what_if",
        "Show which alerts would have been sent with other settings, beside those that were, and the uptime.",
        _LOOK,
    ),
    "replay": Lazy(
        "pingfold.commands.replay:replay",
        "Recompute all states from the journals, from their beginning or from a snapshot.",
        _LOOK,
    ),
    "apply": Lazy(
        "pingfold.commands.apply:apply",
        "Make a project as YAML files declare it: show what would change, ask, and do it.",
        _MANAGE,
    ),
    "export": Lazy(
        "pingfold.commands.apply:export_project",
        "Write what is there as a file that `pingfold apply` takes.",
        _MANAGE,
    ),
    "schema": Lazy(
        "pingfold.commands.apply:schema",
        "Print the JSON Schema of the files that `pingfold apply` takes.",
        _MANAGE,
    ),
    "channel": Group(
        "Manage channels: where notifications are sent.",
        {
            "create": Lazy("pingfold.commands.client:create_channel", "Create a channel in the default project."),
            "list": Lazy(
                "pingfold.commands.client:list_channels",
                "List the channels of the default project, with their targets and states.",
            ),
            "rotate-secret": Lazy(
                "pingfold.commands.client:rotate_secret",
                "Replace the signing secret of a webhook. The new secret is shown only once.",
            ),
            "change": Lazy(
                "pingfold.commands.channel_changes:change_channel",
                "Change what is given of a channel. One that was disabled is enabled.",
            ),
            "request-confirmation": Lazy(
                "pingfold.commands.client:request_confirmation",
                "Mail another confirmation request to the unconfirmed addresses of an e-mail channel.",
            ),
            "delete": Lazy(
                "pingfold.commands.client:delete_channel",
                "Delete a channel, remove it from all checks, and drop its pending deliveries.",
            ),
        },
        _MANAGE,
    ),
    "template": Group(
        "Manage message templates: how the default project words its messages.",
        {
            "list": Lazy(
                "pingfold.commands.message_templates:list_templates",
                "List the message templates of the default project.",
            ),
            "show": Lazy(
                "pingfold.commands.message_templates:show_template",
                "Show a message template, as a file that `pingfold template set` takes.",
            ),
            "set": Lazy(
                "pingfold.commands.message_templates:set_template",
                "Make a message template, or change the one that has its name.",
            ),
            "preview": Lazy(
                "pingfold.commands.message_templates:preview_template",
                "Show what a message template makes of a sample, or what is wrong with it.",
            ),
            "delete": Lazy(
                "pingfold.commands.message_templates:delete_template",
                "Delete a message template: what it worded is told in Pingfold's own words.",
            ),
        },
        _MANAGE,
    ),
    "mute": Lazy(
        "pingfold.commands.mutes:mute",
        "Tell nobody of a check, a monitor or what has a tag, or send nothing to a channel. All is judged as always.",
        _MANAGE,
    ),
    "unmute": Lazy(
        "pingfold.commands.mutes:unmute",
        "Tell people again of a check, a monitor, a tag, or send to a channel again. What nobody knows is told now.",
        _MANAGE,
    ),
    "mutes": Lazy(
        "pingfold.commands.mutes:list_mutes",
        "List what is muted in the project: checks, monitors, tags and channels.",
        _MANAGE,
    ),
    "explain": Lazy(
        "pingfold.commands.explain:explain",
        "Explain why a check or a monitor had its status at a time: the events, the rule, the deadline, who was told.",
        _MANAGE,
    ),
    "people": Group(
        "See who signs in, and give a new password to whoever has lost his.",
        {
            "list": Lazy(
                "pingfold.commands.people:list_people",
                "List the people who sign in, and what they are in which projects.",
            ),
            "reset-password": Lazy(
                "pingfold.commands.people:reset_password",
                "Give a person another password, which is shown once. All sessions of the person end.",
            ),
        },
        _MANAGE,
    ),
    "incident": Group(
        "See what is down, and say who takes care of it.",
        {
            "list": Lazy(
                "pingfold.commands.incidents:list_incidents",
                "List the incidents of monitors and heartbeat checks, newest first, and who takes care of them.",
            ),
            "show": Lazy("pingfold.commands.incidents:show_incident", "Show one incident, with what was said of it."),
            "acknowledge": Lazy(
                "pingfold.commands.incidents:acknowledge",
                "Take care of an open incident: it is not repeated, and nobody else is called. Who is first counts.",
            ),
            "release": Lazy(
                "pingfold.commands.incidents:release",
                "Give an acknowledgement back: it is as if nobody had, and the escalation goes on from now.",
            ),
            "comment": Lazy(
                "pingfold.commands.incidents:comment",
                "Say something about an open incident. The audit trail has it, and the incident shows it.",
            ),
        },
        _MANAGE,
    ),
    "report": Group(
        "Report what was up and what was not, and send that each week or month.",
        {
            "show": Lazy(
                "pingfold.commands.reports:show",
                "Show the report of a week, a month, or any span of at most 400 days.",
            ),
            "send": Lazy(
                "pingfold.commands.reports:send",
                "Send the report of the newest week or month that has ended, as a test.",
            ),
            "schedule": Lazy("pingfold.commands.reports:schedule", "Show which reports are sent, or change that."),
        },
        _MANAGE,
    ),
    "on-call": Group(
        "Make on-call rotations, see who is on call, and put somebody else on call.",
        {
            "list": Lazy(
                "pingfold.commands.on_call:list_rotations", "List the on-call rotations, and who is on call now."
            ),
            "show": Lazy(
                "pingfold.commands.on_call:show",
                "Show who is on call from now on, shift by shift, and the overrides.",
            ),
            "create": Lazy(
                "pingfold.commands.on_call_changes:create",
                "Make an on-call rotation. Nobody is told by it before a step of an escalation policy names it.",
            ),
            "delete": Lazy(
                "pingfold.commands.on_call_changes:delete",
                "Delete an on-call rotation; refused while an escalation policy names it.",
            ),
            "calendar": Lazy(
                "pingfold.commands.on_call_changes:calendar",
                "Have a calendar of others fetched, whose events become overrides; or show how that fares.",
            ),
            "renew-link": Lazy(
                "pingfold.commands.on_call_changes:renew_link",
                "Give the calendar of a rotation another link; the one before opens nothing any more.",
            ),
            "override": Lazy(
                "pingfold.commands.on_call:override",
                "Put somebody else on call for a span, whoever's turn it is.",
            ),
            "end-override": Lazy(
                "pingfold.commands.on_call:end_override",
                "Remove an override: whose turn it is is on call again.",
            ),
        },
        _MANAGE,
    ),
    "maintenance": Group(
        "Begin, extend and end windows of maintenance, as deployments do.",
        {
            "start": Lazy(
                "pingfold.commands.maintenance:start",
                "Begin maintenance now. Without a tag, a check and a monitor it is over all of the project.",
            ),
            "extend": Lazy(
                "pingfold.commands.maintenance:extend",
                "Let the maintenance that is open last longer. Exit status 1 if it is over.",
            ),
            "end": Lazy(
                "pingfold.commands.maintenance:end",
                "End the maintenance that is open. Exit status 0, too, if it is over already.",
            ),
            "list": Lazy(
                "pingfold.commands.maintenance:list_windows",
                "List the windows of maintenance that are open or will be, oldest first.",
            ),
        },
        _MANAGE,
    ),
    "escalation": Group(
        "Manage escalation policies: who else is told of what nobody acknowledges.",
        {
            "list": Lazy("pingfold.commands.escalations:list_policies", "List the escalation policies, oldest first."),
            "show": Lazy("pingfold.commands.escalations:show_policy", "Show an escalation policy."),
            "create": Lazy(
                "pingfold.commands.escalations:create_policy",
                "Make an escalation policy. What is down already, and nobody has acknowledged, begins at its first "
                "step now.",
            ),
            "change": Lazy(
                "pingfold.commands.escalations:change_policy",
                "Change what is given of an escalation policy. What is down begins anew at its first step.",
            ),
            "delete": Lazy(
                "pingfold.commands.escalations:delete_policy",
                "Delete an escalation policy: nobody is told by it any more.",
            ),
        },
        _MANAGE,
    ),
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
        _MANAGE,
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
        _MANAGE,
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
        _MANAGE,
    ),
    "recipient": Group(
        "Manage recipients of mail.",
        {
            "unblock": Lazy(
                "pingfold.commands.recipients:unblock_recipient",
                "Allow confirmation requests to an address again whose owner has blocked them.",
            )
        },
        _MANAGE,
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
        _MANAGE,
    ),
    "time": Group(
        "Correct the time of partitions.",
        {
            "mend": Lazy(
                "pingfold.commands.time:mend",
                "Set the time of partitions that is ahead of Kafka's clock back to it. Correct Kafka's clock first.",
            )
        },
        _MANAGE,
    ),
    "migrate": Lazy(
        "pingfold.commands.migrate:migrate",
        "Create missing topics in Kafka and missing tables and views in ClickHouse, and apply the retention settings.",
        _MANAGE,
    ),
    "web": Lazy(f"{_ROLE}:web", "Serve ping URLs and the REST APIs on one port.", _ROLES),
    "ingest": Lazy(f"{_ROLE}:ingest", "Serve only ping URLs.", _ROLES),
    "api": Lazy(f"{_ROLE}:api", "Serve only the REST APIs and pages.", _ROLES),
    "worker": Lazy(f"{_ROLE}:worker", "Compute statuses from the journals, and send notifications.", _ROLES),
    "ticker": Lazy(f"{_ROLE}:ticker", "Append ticks, by which the folds learn the time.", _ROLES),
    "prober": Lazy(f"{_ROLE}:prober", "Probe the monitors of a region.", _ROLES),
    "writer": Lazy(f"{_ROLE}:writer", "Copy events from Kafka into ClickHouse, for history and uptimes.", _ROLES),
    "dns": Lazy(f"{_ROLE}:dns", "Answer DNS queries for the addresses of the nodes (PINGFOLD_DNS_ZONE).", _ROLES),
}


class _Commands(LazyGroup):
    table = COMMANDS


app = typer.Typer(
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What asks for words about the commands, or what is wrong with the settings: it works whatever the settings are.
_WORDS = frozenset({"-h", "--help", "--version", "--show-completion", "--install-completion"})
_COMPLETION, _DOCTOR = "_PINGFOLD_COMPLETE", "doctor"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pingfold {metadata.version('pingfold')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version, and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point. A fault that people can correct is reported in one line; the exit status is 1."""
    if not _is_about_commands(sys.argv[1:]):
        from infra.settings.errors import misread_settings, unknown_settings

        _refuse(unknown_settings(os.environ) + misread_settings(os.environ))
    try:
        app(prog_name="pingfold")
    except PingfoldError as error:
        _refuse([str(error)])
    except Exception as error:
        from pingfold.faults import lines_of

        lines = lines_of(error)
        if not lines:
            raise
        _refuse(lines)


def _is_about_commands(arguments: list[str]) -> bool:
    return bool(_WORDS.intersection(arguments)) or arguments[:1] == [_DOCTOR] or _COMPLETION in os.environ


def _refuse(lines: list[str]) -> None:
    if lines:
        from schemas.printable import printable

        shown = ("\n".join(map(printable, line.split("\n"))) for line in lines)
        sys.exit("\n".join(f"pingfold: {line}" for line in shown))
