"""What a notice tells people, read from the body that webhooks get: the same facts for every kind of channel. Pure.

Whatever a notice holds, the facts are texts: nothing of it is taken for more. The sentences are those of
`schemas.languages`, in the language and the time zone of the channel.
"""

from collections.abc import Mapping
from typing import Any

from processors.sender.digest_facts import digest_facts
from processors.sender.mail_headers import one_line
from processors.sender.notice_values import moments, object_of, text_of
from processors.sender.report_facts import report_summary, report_title
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import reading_in
from schemas.deliveries import Delivery, Endpoint
from schemas.languages.reading import ENGLISH_UTC, Reading
from schemas.notices import DIGEST, REPORT
from schemas.outputs import readable

_RESULTS = 10
# Of a name in a sentence, so that a subject that is cut still says what happened.
_LONGEST_NAME = 120
# More than the folds tell; a notice may come from elsewhere.
_LONGEST_OUTPUT = 4_000


def reading_of(endpoint: Endpoint) -> Reading:
    """How whoever reads a channel is told something."""
    return reading_in(endpoint.options)


def facts_for(endpoint: Endpoint, notice: str, data: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """The facts of a notice for a channel. Where strangers read along they could acknowledge; and no other channels
    and no output are theirs to read."""
    facts = facts_of(notice, data, endpoint.site, reading, endpoint.id)
    if CHANNEL_KINDS[endpoint.kind].is_private(endpoint):
        return facts
    return facts | {"acknowledge": "", "others": "", "output": {}, "results": [], "hours": []}


def facts_of(
    notice: str, data: Mapping[str, Any], site: str, reading: Reading = ENGLISH_UTC, channel: str = ""
) -> dict[str, Any]:
    """The facts of a notice by its `data`. `site`: below it are the pages of ours.

    Texts that are not known are empty. says: the whole in a line. page: an http URL to look at, or empty. acknowledge:
    one where whoever reads it can acknowledge the incident. by, comment, snoozed: who has acknowledged it, what they
    said, and until when they want to hear no more of it. alike: the notice that it looks like. groups, names: of a list
    (`processors.sender.digest_facts`). others: who else was told; channel: id of the one that is told.
    """
    monitor, incident = object_of(data.get("monitor")), object_of(data.get("incident"))
    name = one_line(text_of(monitor, "name")) or text_of(monitor, "url") or text_of(monitor, "id")
    name = name or reading.says("a_monitor")
    cause = _cause(text_of(incident, "cause") or text_of(data, "detail"), reading)
    if notice == REPORT:
        name, cause = report_title(name, reading), report_summary(data, reading)
    said = object_of(incident.get("acknowledgement"))
    by = one_line(text_of(said, "by"))
    listed = digest_facts(data, reading) if notice == DIGEST else {}
    if listed:
        name = listed.pop("says")
    says = reading.says(
        notice,
        name=_shortened(name),
        in_days=_in_days(data, reading),
        dropped=one_line(text_of(data, "apdex_dropped")),
        by=_shortened(by) or reading.says("somebody"),
    )
    if listed:
        says = name
    url = text_of(monitor, "url")
    page = url if monitor.get("kind") in ("heartbeat", "channel", "project", "on-call rotation") else f"{site}/"
    results = monitor.get("last_results")
    return {
        "says": reading.says("test_of", says=says) if data.get("test") is True else says,
        "test": data.get("test") is True,
        "test_says": reading.says("test"),
        "name": name,
        "url": "" if url == page else url,
        "cause": cause,
        "started": reading.moment(text_of(incident, "started_at")),
        "resolved": reading.moment(text_of(incident, "resolved_at")),
        "last_ping": reading.moment(text_of(monitor, "last_ping")),
        "results": [_result(one, reading) for one in results[-_RESULTS:]] if isinstance(results, list) else [],
        "output": _output(monitor.get("last_output"), reading),
        "certificates": _certificates(data, reading),
        "hours": _hours(data.get("last_metrics"), reading),
        "acknowledge": _http(text_of(incident or object_of(data.get("digest")), "acknowledge_url")),
        "by": by,
        "comment": one_line(text_of(said, "comment")),
        "snoozed": moment_of(text_of(said, "until"), reading),
        "others": _others(data.get("notified"), channel, reading),
        "page": _http(page),
        "alike": notice,
        "names": "",
        "groups": [],
        **listed,
    }


def in_words(delivery: Delivery, facts: Mapping[str, Any], text: str) -> tuple[str, str]:
    """Title and text of a message: those that the project words itself, or else `says` and `text`, which are ours."""
    wording = delivery.wording
    if wording is None:
        return facts["says"], text
    test = facts["test_says"] if facts["test"] else ""
    own = "\n".join(filter(None, (test, wording.text)))
    return wording.title or facts["says"], own if wording.text else text


def moment_of(text: str, reading: Reading = ENGLISH_UTC) -> str:
    """`2025-02-21 14:32:00 UTC`, as people read it."""
    return reading.moment(text)


def _others(value: object, channel: str, reading: Reading) -> str:
    """`Ops, Night shift and 3 more`: the channels that are told by the same notice."""
    told = object_of(value)
    listed, more = told.get("channels"), told.get("more")
    channels = [object_of(one) for one in listed] if isinstance(listed, list) else []
    # Of many some are named; the one that is told may be among the others.
    is_named = any(text_of(one, "id") == channel for one in channels)
    beyond = more if type(more) is int and more > 0 else 0
    names = [_shortened(one_line(text_of(one, "name"))) for one in channels if text_of(one, "id") != channel]
    beyond -= 0 if is_named or not beyond else 1
    shown = ", ".join(name for name in names if name)
    return reading.says("others_more", names=shown, more=beyond) if shown and beyond else shown


def _http(url: str) -> str:
    return url if url.startswith(("http://", "https://")) else ""


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _output(value: object, reading: Reading) -> dict[str, Any]:
    """What a job said last: `lines`, and `of`, the ping that brought it; empty when it said nothing."""
    told = object_of(value)
    text = readable(text_of(told, "text")[:_LONGEST_OUTPUT]).strip("\n")
    if not text.strip():
        return {}
    kind, status = one_line(text_of(told, "kind")), text_of(told, "exit_status")
    ended = reading.says("exit_status", status=status) if status else ""
    of = ", ".join(filter(None, (kind, ended, reading.moment(text_of(told, "received_at")))))
    return {"of": one_line(of), "lines": text.split("\n")}


def _in_days(data: Mapping[str, Any], reading: Reading) -> str:
    """` in 7 days`; empty when a notice does not say it."""
    days = data.get("days_before_expiration")
    if type(days) is not int:
        return ""
    key = "in_a_day" if days == 1 else "in_days" if days > 0 else "today"
    return reading.says(key, days=days)


def _certificates(data: Mapping[str, Any], reading: Reading) -> list[str]:
    """What is told of certificates, a line each."""
    lines = []
    for name in ("certificate", "new_certificate", "old_certificate"):
        told = object_of(data.get(name))
        if told:
            issuer = text_of(told, "issuer")
            says = reading.says(
                "certificate_issued" if issuer else "certificate_told",
                subject=text_of(told, "subject"),
                issuer=issuer,
                until=reading.moment(text_of(told, "valid_until")),
            )
            lines.append(one_line(f"{reading.says(name)}: {says}"))
    return lines


def _result(value: object, reading: Reading) -> dict[str, str]:
    result = object_of(value)
    names = ("checked_at", "status", "region", "response_time_ms", "status_code", "error")
    found = {name: text_of(result, name) for name in names}
    status = reading.says(found["status"]) if found["status"] in ("up", "down") else found["status"]
    # Whoever compares it does so in every language by the same word.
    return found | {"checked_at": reading.moment(found["checked_at"]), "status": status, "state": found["status"]}


def _hours(value: object, reading: Reading) -> list[dict[str, str]]:
    """The Apdex of some hours, in their order."""
    hours = sorted(object_of(value).items())[-_RESULTS:]
    return [
        {"hour": reading.moment(hour.replace("Z", "+00:00")), "apdex": text_of(object_of(of), "apdex")}
        for hour, of in hours
    ]


def _cause(text: str, reading: Reading) -> str:
    """Why, in the language of the channel, with moments that are written as all others of a notice are."""
    return moments(reading.cause(text), reading)
