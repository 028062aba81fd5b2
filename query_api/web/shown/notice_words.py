"""What a notice tells, in words for people, as the end of a sentence: `tell it that it is down`. Pure."""

from collections.abc import Mapping

from schemas.notices import AnyNotice

NOTICE_WORDS: Mapping[AnyNotice, str] = {
    "monitor.down": "it is down",
    "monitor.recovered": "it is up again",
    "incident.created": "an incident began",
    "incident.resolved": "an incident is over",
    "monitor.not_observed": "nobody can observe it",
    "monitor.ssl_expiration": "its certificate expires",
    "monitor.ssl_invalid": "its certificate is not valid",
    "monitor.ssl_valid": "its certificate is valid again",
    "monitor.ssl_renewed": "its certificate was renewed",
    "monitor.domain_expiration": "its domain expires",
    "monitor.still_down": "it is still down",
    "monitor.performance_drop": "it has become slow",
    "monitor.late": "a ping is late",
    "monitor.run_time_drift": "its runs come close to their limit",
    "system.outage": "Pingfold itself was away",
    "incident.acknowledged": "somebody acknowledged an incident",
    "channel.disabled": "another channel was disabled",
    "channel.failing": "another channel fails",
    "on-call.calendar_failing": "a calendar of a rotation cannot be fetched",
    "channel.digest": "a list of many notices",
    "project.report": "the report of a week or a month",
    "recipient.confirmation": "a request to confirm an address",
}


def notice_words(notice: str) -> str:
    """The words of a notice; one of a version that is yet to come by its own name."""
    return str(NOTICE_WORDS.get(notice, notice))  # type: ignore[call-overload]
