"""The names of notices: what people are told of. Pure."""

from typing import Literal

Notice = Literal["monitor.down", "monitor.recovered", "incident.created", "incident.resolved", "monitor.not_observed"]
NOTICES: tuple[Notice, ...] = (
    "monitor.down",
    "monitor.recovered",
    "incident.created",
    "incident.resolved",
    "monitor.not_observed",
)

# What notices there are: those of a monitor or check, which a channel chooses from, and those about Pingfold itself,
# which every channel gets. A request to confirm goes to an address, to no channel.
AnyNotice = Literal[Notice, "channel.disabled", "recipient.confirmation"]
TO_EVERY_CHANNEL: frozenset[AnyNotice] = frozenset(("channel.disabled",))
