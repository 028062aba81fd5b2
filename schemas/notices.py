"""The names of notices: what people are told of. Pure."""

from typing import Literal

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
NOTICES: tuple[Notice, ...] = (*FIRST_NOTICES, *VALIDITY_NOTICES)

# What notices there are: those of a monitor or check, which a channel chooses from, and those about Pingfold itself,
# which a channel gets whatever it chose: that another one was given up, or, by mail, that it is failing. A request to
# confirm goes to an address, to no channel.
AnyNotice = Literal[Notice, "channel.disabled", "channel.failing", "recipient.confirmation"]
UNCHOSEN: tuple[AnyNotice, ...] = ("channel.disabled", "channel.failing")
