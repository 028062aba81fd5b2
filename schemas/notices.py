"""The names of notices: what people are told of. Pure."""

from typing import Final, Literal

Notice = Literal[
    "monitor.down",
    "monitor.recovered",
    "incident.created",
    "incident.resolved",
    "monitor.not_observed",
    "monitor.ssl_expiration",
    "monitor.ssl_invalid",
    "monitor.ssl_valid",
    "monitor.ssl_renewed",
    "monitor.domain_expiration",
    "monitor.still_down",
    "monitor.performance_drop",
    "monitor.late",
    "monitor.run_time_drift",
    "system.outage",
    "incident.acknowledged",
]
# Those of the first versions. A channel that was made then has them, where its record does not say otherwise.
FIRST_NOTICES: tuple[Notice, ...] = (
    "monitor.down",
    "monitor.recovered",
    "incident.created",
    "incident.resolved",
    "monitor.not_observed",
)
# About the certificate and the domain of a monitor.
VALIDITY_NOTICES: tuple[Notice, ...] = (
    "monitor.ssl_expiration",
    "monitor.ssl_invalid",
    "monitor.ssl_valid",
    "monitor.ssl_renewed",
    "monitor.domain_expiration",
)
# They tell what `monitor.down` and `monitor.recovered` tell, for receivers that look for these names.
INCIDENT_NOTICES: tuple[Notice, ...] = ("incident.created", "incident.resolved")
# They tell of an incident that is open.
OPENING: frozenset[str] = frozenset({"monitor.down", "incident.created", "monitor.still_down"})
# That somebody takes care of an incident.
ACKNOWLEDGED: Notice = "incident.acknowledged"
# Only channels that choose them take these: a reminder, what depends on a threshold that suits the monitor, what is
# coming but has not come, or is over, and what receivers of before do not know.
CHOSEN_NOTICES: tuple[Notice, ...] = (
    "monitor.still_down",
    "monitor.performance_drop",
    "monitor.late",
    "monitor.run_time_drift",
    "system.outage",
    ACKNOWLEDGED,
)
NOTICES: tuple[Notice, ...] = (*FIRST_NOTICES, *VALIDITY_NOTICES, *CHOSEN_NOTICES)
# What a channel takes that chooses nothing: one notice for each thing that happens.
DEFAULT_NOTICES: tuple[Notice, ...] = tuple(
    notice for notice in NOTICES if notice not in (*INCIDENT_NOTICES, *CHOSEN_NOTICES)
)
# What a chat takes that chooses nothing, and what keeps alerts: those who read along want to know who acts.
TEAM_NOTICES: tuple[Notice, ...] = (*DEFAULT_NOTICES, ACKNOWLEDGED)

# What notices there are: those of a monitor or check, which a channel chooses from, and those that it gets whatever it
# chose: that another channel was given up, or, by mail, that it is failing; the list that stands for many of its
# notices; and the reports that are sent to it. Requests to confirm and invitations go to an address, and a post of a
# status page to those who subscribe to that: to no channel.
AnyNotice = Literal[
    Notice,
    "channel.disabled",
    "channel.failing",
    "on-call.calendar_failing",
    "channel.digest",
    "project.report",
    "recipient.confirmation",
    "member.invitation",
    "status-page.post",
]
DIGEST: AnyNotice = "channel.digest"
REPORT: Final = "project.report"
PAGE_POST: Final = "status-page.post"
# That the calendar of an on-call rotation could not be fetched for hours.
CALENDAR_FAILING: Final = "on-call.calendar_failing"
UNCHOSEN: tuple[AnyNotice, ...] = ("channel.disabled", "channel.failing", CALENDAR_FAILING, DIGEST, REPORT)
