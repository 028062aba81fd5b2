"""Commands for notifications and incidents."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import MANAGE

COMMANDS: dict[str, Lazy | Group] = {
    "channel": Group(
        "Manage channels, the targets of notifications.",
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
                "Change a channel. Fields that are not given stay. A disabled channel is enabled.",
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
        MANAGE,
    ),
    "template": Group(
        "Manage the message templates of the default project.",
        {
            "list": Lazy(
                "pingfold.commands.message_templates:list_templates",
                "List the message templates of the default project.",
            ),
            "show": Lazy(
                "pingfold.commands.message_templates:show_template",
                "Print a message template as a file for `pingfold template set`.",
            ),
            "set": Lazy(
                "pingfold.commands.message_templates:set_template",
                "Create a message template, or replace the one with the same name.",
            ),
            "preview": Lazy(
                "pingfold.commands.message_templates:preview_template",
                "Render a message template with a sample event, or show its errors.",
            ),
            "delete": Lazy(
                "pingfold.commands.message_templates:delete_template",
                "Delete a message template. Messages use Pingfold's own texts again.",
            ),
        },
        MANAGE,
    ),
    "mute": Lazy(
        "pingfold.commands.mutes:mute",
        "Mute a check, a monitor, a tag or a channel. Statuses change as usual, but no notices are sent.",
        MANAGE,
    ),
    "unmute": Lazy(
        "pingfold.commands.mutes:unmute",
        "Unmute a check, a monitor, a tag or a channel. Notices report what is still down.",
        MANAGE,
    ),
    "mutes": Lazy(
        "pingfold.commands.mutes:list_mutes",
        "List the muted checks, monitors, tags and channels of the project.",
        MANAGE,
    ),
    "explain": Lazy(
        "pingfold.commands.explain:explain",
        "Explain the status of a check or monitor at a time: the events, the rule, the deadline, the notices.",
        MANAGE,
    ),
    "incident": Group(
        "List and acknowledge incidents.",
        {
            "list": Lazy(
                "pingfold.commands.incidents:list_incidents",
                "List the incidents of monitors and heartbeat checks, newest first, with their acknowledgements.",
            ),
            "show": Lazy("pingfold.commands.incidents:show_incident", "Show an incident with its comments."),
            "acknowledge": Lazy(
                "pingfold.commands.incidents:acknowledge",
                "Acknowledge an open incident: stop its repeated alerts and escalation. The first one counts.",
            ),
            "release": Lazy(
                "pingfold.commands.incidents:release",
                "Withdraw an acknowledgement. The escalation continues from now.",
            ),
            "comment": Lazy(
                "pingfold.commands.incidents:comment",
                "Comment on an open incident. The incident and the audit trail show the comment.",
            ),
        },
        MANAGE,
    ),
    "report": Group(
        "Show reports of availability, and schedule weekly and monthly reports.",
        {
            "show": Lazy(
                "pingfold.commands.reports:show",
                "Show the report of a week, a month, or a time range of at most 400 days.",
            ),
            "send": Lazy(
                "pingfold.commands.reports:send",
                "Send the report of the last complete week or month, as a test.",
            ),
            "schedule": Lazy("pingfold.commands.reports:schedule", "Show or change the schedule of reports."),
        },
        MANAGE,
    ),
    "on-call": Group(
        "Manage on-call rotations and overrides.",
        {
            "list": Lazy(
                "pingfold.commands.on_call:list_rotations", "List the on-call rotations, and who is on call now."
            ),
            "show": Lazy(
                "pingfold.commands.on_call:show",
                "Show the coming shifts and the overrides of an on-call rotation.",
            ),
            "create": Lazy(
                "pingfold.commands.on_call_changes:create",
                "Create an on-call rotation. It takes effect when a step of an escalation policy names it.",
            ),
            "delete": Lazy(
                "pingfold.commands.on_call_changes:delete",
                "Delete an on-call rotation. Refused while an escalation policy names it.",
            ),
            "calendar": Lazy(
                "pingfold.commands.on_call_changes:calendar",
                "Fetch an iCalendar regularly, whose events become overrides; or show the status of fetching.",
            ),
            "renew-link": Lazy(
                "pingfold.commands.on_call_changes:renew_link",
                "Replace the link of a rotation's calendar. The old link stops working.",
            ),
            "override": Lazy(
                "pingfold.commands.on_call:override",
                "Put somebody else on call for a time span.",
            ),
            "end-override": Lazy(
                "pingfold.commands.on_call:end_override",
                "Remove an override. The regular turn is on call again.",
            ),
        },
        MANAGE,
    ),
    "maintenance": Group(
        "Start, extend and end maintenance windows.",
        {
            "start": Lazy(
                "pingfold.commands.maintenance:start",
                "Start a maintenance window now. Without a tag, check or monitor it covers the whole project.",
            ),
            "extend": Lazy(
                "pingfold.commands.maintenance:extend",
                "Extend an open maintenance window. Exit status 1 if it has ended.",
            ),
            "end": Lazy(
                "pingfold.commands.maintenance:end",
                "End a maintenance window. Exit status 0 also if it has ended already.",
            ),
            "list": Lazy(
                "pingfold.commands.maintenance:list_windows",
                "List open and future maintenance windows, oldest first.",
            ),
        },
        MANAGE,
    ),
    "escalation": Group(
        "Manage escalation policies.",
        {
            "list": Lazy("pingfold.commands.escalations:list_policies", "List the escalation policies, oldest first."),
            "show": Lazy("pingfold.commands.escalations:show_policy", "Show an escalation policy."),
            "create": Lazy(
                "pingfold.commands.escalations:create_policy",
                "Create an escalation policy. Open incidents that nobody has acknowledged start at its first step now.",
            ),
            "change": Lazy(
                "pingfold.commands.escalations:change_policy",
                "Change an escalation policy. Omitted fields stay. Open incidents start at its first step again.",
            ),
            "delete": Lazy(
                "pingfold.commands.escalations:delete_policy",
                "Delete an escalation policy. It notifies nobody any more.",
            ),
        },
        MANAGE,
    ),
}
