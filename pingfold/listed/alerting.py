"""Commands for who is told of what, and for what is down."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import MANAGE

COMMANDS: dict[str, Lazy | Group] = {
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
        MANAGE,
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
        MANAGE,
    ),
    "mute": Lazy(
        "pingfold.commands.mutes:mute",
        "Tell nobody of a check, a monitor or what has a tag, or send nothing to a channel. All is judged as always.",
        MANAGE,
    ),
    "unmute": Lazy(
        "pingfold.commands.mutes:unmute",
        "Tell people again of a check, a monitor, a tag, or send to a channel again. What nobody knows is told now.",
        MANAGE,
    ),
    "mutes": Lazy(
        "pingfold.commands.mutes:list_mutes",
        "List what is muted in the project: checks, monitors, tags and channels.",
        MANAGE,
    ),
    "explain": Lazy(
        "pingfold.commands.explain:explain",
        "Explain why a check or a monitor had its status at a time: the events, the rule, the deadline, who was told.",
        MANAGE,
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
        MANAGE,
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
        MANAGE,
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
        MANAGE,
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
        MANAGE,
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
        MANAGE,
    ),
}
