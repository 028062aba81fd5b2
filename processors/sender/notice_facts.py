"""What a notice tells people, read from the body that webhooks get: the same facts for every kind of channel. Pure.

Whatever a notice holds, the facts are texts: nothing of it is taken for more.
"""

import re
from collections.abc import Mapping
from typing import Any

from processors.sender.mail_headers import one_line
from processors.sender.notice_values import object_of, text_of
from schemas.outputs import readable

_SAYS = {
    "monitor.down": "{} is down",
    "monitor.recovered": "{} has recovered",
    "incident.created": "Incident opened: {}",
    "incident.resolved": "Incident resolved: {}",
    "monitor.not_observed": "{} was not observed",
    "monitor.ssl_expiration": "{}: the certificate will expire{}",
    "monitor.ssl_invalid": "{}: the certificate is not valid",
    "monitor.ssl_valid": "{}: the certificate is valid again",
    "monitor.ssl_renewed": "{}: the certificate was renewed",
    "monitor.domain_expiration": "{}: the domain will expire{}",
    "monitor.still_down": "{} is still down",
    "monitor.performance_drop": "{} answers slower: Apdex dropped {dropped}",
    "channel.disabled": "{} was disabled: nothing is sent to it any more",
    "channel.failing": "{} is failing",
}
_RESULTS = 10
# Of a name in a sentence, so that a subject that is cut still says what happened.
_LONGEST_NAME = 120
# More than the folds tell; a notice may come from elsewhere.
_LONGEST_OUTPUT = 4_000
_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})\+00:00", re.ASCII)


def facts_of(notice: str, data: Mapping[str, Any], site: str) -> dict[str, Any]:
    """The facts of a notice by its `data`. `site`: below it are the pages of ours.

    Texts that are not known are empty. says: the whole in a line. page: an http URL to look at, or empty. acknowledge:
    one where whoever reads it can acknowledge the incident.
    """
    monitor, incident = object_of(data.get("monitor")), object_of(data.get("incident"))
    name = one_line(text_of(monitor, "name")) or text_of(monitor, "url") or text_of(monitor, "id") or "A monitor"
    says = _SAYS[notice].format(_shortened(name), _in_days(data), dropped=one_line(text_of(data, "apdex_dropped")))
    url = text_of(monitor, "url")
    page = url if monitor.get("kind") in ("heartbeat", "channel") else f"{site}/"
    results = monitor.get("last_results")
    return {
        "says": f"Test: {says}" if data.get("test") is True else says,
        "test": data.get("test") is True,
        "name": name,
        "url": "" if url == page else url,
        "cause": _moments(text_of(incident, "cause") or text_of(data, "detail")),
        "started": moment_of(text_of(incident, "started_at")),
        "resolved": moment_of(text_of(incident, "resolved_at")),
        "last_ping": moment_of(text_of(monitor, "last_ping")),
        "results": [_result(one) for one in results[-_RESULTS:]] if isinstance(results, list) else [],
        "output": _output(monitor.get("last_output")),
        "certificates": _certificates(data),
        "hours": _hours(data.get("last_metrics")),
        "acknowledge": _http(text_of(incident, "acknowledge_url")),
        "page": _http(page),
    }


def moment_of(text: str) -> str:
    """`2025-02-21 14:32:00 UTC`, as people read it."""
    return text.replace("T", " ").replace("+00:00", " UTC")


def _http(url: str) -> str:
    return url if url.startswith(("http://", "https://")) else ""


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _output(value: object) -> dict[str, Any]:
    """What a job said last: `lines`, and `of`, the ping that brought it; empty when it said nothing."""
    told = object_of(value)
    text = readable(text_of(told, "text")[:_LONGEST_OUTPUT]).strip("\n")
    if not text.strip():
        return {}
    kind, status = one_line(text_of(told, "kind")), text_of(told, "exit_status")
    of = ", ".join(
        filter(None, (kind, f"exit status {status}" if status else "", moment_of(text_of(told, "received_at"))))
    )
    return {"of": one_line(of), "lines": text.split("\n")}


def _in_days(data: Mapping[str, Any]) -> str:
    """` in 7 days`; empty when a notice does not say it."""
    days = data.get("days_before_expiration")
    if type(days) is not int:
        return ""
    return " in 1 day" if days == 1 else f" in {days} days" if days > 0 else " today"


def _certificates(data: Mapping[str, Any]) -> list[str]:
    """What is told of certificates, a line each."""
    lines = []
    for name, title in (
        ("certificate", "Certificate"),
        ("new_certificate", "New certificate"),
        ("old_certificate", "Old certificate"),
    ):
        told = object_of(data.get(name))
        if told:
            issuer = text_of(told, "issuer")
            by = f", issued by {issuer}" if issuer else ""
            until = moment_of(text_of(told, "valid_until"))
            lines.append(one_line(f"{title}: {text_of(told, 'subject')}{by}, valid until {until}"))
    return lines


def _result(value: object) -> dict[str, str]:
    result = object_of(value)
    names = ("checked_at", "status", "region", "response_time_ms", "status_code", "error")
    found = {name: text_of(result, name) for name in names}
    return found | {"checked_at": moment_of(found["checked_at"])}


def _hours(value: object) -> list[dict[str, str]]:
    """The Apdex of some hours, in their order."""
    hours = sorted(object_of(value).items())[-_RESULTS:]
    return [
        {"hour": moment_of(hour.replace("Z", "+00:00")), "apdex": text_of(object_of(of), "apdex")} for hour, of in hours
    ]


def _moments(text: str) -> str:
    """A text whose moments are written as all others of a notice are."""
    return _ISO.sub(r"\1 \2 UTC", text)
