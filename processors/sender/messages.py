"""Notices as messages of services: one attempt for every kind of channel that is a `MessageKind`.

The facts are read here, once for all kinds; the kind makes the request, and says what the answer means. Never raises,
whatever a notice holds and whatever the service answers.
"""

import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from processors.sender.channels.sending import Clients, Outgoing
from processors.sender.digest_facts import fitted
from processors.sender.mail_headers import one_line
from processors.sender.notice_facts import facts_for, reading_of
from processors.sender.notice_values import object_of, text_of
from processors.sender.report_facts import report_rows
from processors.sender.webhooks import DeliveryResult
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import (
    Action,
    Answer,
    Block,
    Message,
    MessageKind,
    Request,
    Row,
    Tone,
    cut,
    cut_front,
    is_url,
)
from schemas.deliveries import Delivery, Endpoint
from schemas.languages.reading import Reading
from schemas.notices import REPORT

_VERSION = importlib.metadata.version("pingfold")
# Of a fact, of an output or results, and of a URL so many code units are told.
_LONGEST_FACT, _LONGEST_BLOCK, _LONGEST_LINE = 600, 1_200, 200
# Of a list: no service that takes blocks cuts one of these.
_LONGEST_GROUP, _MOST_GROUPS = 850, 4


class _Manner(NamedTuple):
    """How a notice is told. about: the incident that it is about, or what else of the thing; "": its incident."""

    tone: Tone
    action: Action = "trigger"
    about: str = ""


_MANNERS: Final[Mapping[str, _Manner]] = {
    "monitor.down": _Manner("bad"),
    "monitor.still_down": _Manner("bad"),
    "monitor.recovered": _Manner("good", "resolve"),
    "incident.created": _Manner("bad"),
    "incident.resolved": _Manner("good", "resolve"),
    "monitor.not_observed": _Manner("warn", about="not observed"),
    "monitor.ssl_invalid": _Manner("bad", about="certificate"),
    "monitor.ssl_valid": _Manner("good", "resolve", "certificate"),
    "monitor.ssl_expiration": _Manner("warn", about="certificate expires"),
    "monitor.ssl_renewed": _Manner("good", "resolve", "certificate expires"),
    "monitor.domain_expiration": _Manner("warn", about="domain expires"),
    "monitor.performance_drop": _Manner("warn", about="performance"),
    "monitor.late": _Manner("warn", about="late"),
    "monitor.run_time_drift": _Manner("warn", about="run time"),
    "system.outage": _Manner("warn", about="outage"),
    "incident.acknowledged": _Manner("warn", "acknowledge"),
    "channel.disabled": _Manner("bad", about="channel"),
    "channel.failing": _Manner("warn", about="channel"),
    "on-call.calendar_failing": _Manner("warn", about="calendar"),
    "channel.digest": _Manner("warn", about="list"),
    "project.report": _Manner("good", about="report"),
}


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Send a notice as a message of the service."""
    if clients.services is None:
        return DeliveryResult(error="nothing is sent to services here")
    endpoint, kind = outgoing.endpoint, CHANNEL_KINDS[outgoing.endpoint.kind]
    assert isinstance(kind, MessageKind)
    try:
        message = message_of(outgoing.delivery, endpoint)
        request = request_of(kind, message, endpoint, outgoing.secrets.current)
    except Exception as error:  # a notice may hold anything
        return DeliveryResult(error=f"the notice cannot be made a message ({type(error).__name__})")
    headers = {
        "User-Agent": f"Pingfold/{_VERSION} ({kind.name})",
        "Content-Type": "application/json",
        **request.headers,
    }
    exchange = clients.services.exchange
    result, _, body, cut = await exchange(request.method, request.url, headers, request.body, dead=outgoing.hopeless)
    if result.status is None:
        return result
    # Whether it was taken stands in the body: what did not come is no yes.
    return (
        cut if cut and kind.is_success(result.status) else judged(kind, Answer(result.status, body), result.retry_after)
    )


def judged(kind: MessageKind, answer: Answer, retry_after: int | None) -> DeliveryResult:
    """What an answer means for the delivery. retry_after: what its head asks for."""
    verdict = kind.verdict(answer)
    if verdict.taken:
        return DeliveryResult(answer.status)
    # A status that says success must not stand for an answer that does not.
    status = None if kind.is_success(answer.status) else answer.status
    wait = retry_after if verdict.wait is None else verdict.wait
    return DeliveryResult(status, verdict.words, retry_after=wait, refused=verdict.refused)


def request_of(kind: MessageKind, message: Message, endpoint: Endpoint, secret: str) -> Request:
    """The request for a message; in brief when the whole is too long for the service."""
    request = kind.request(message, endpoint, secret)
    if kind.longest is not None and len(request.body) > kind.longest:
        request = kind.request(message.brief(), endpoint, secret)
    return request


def message_of(delivery: Delivery, endpoint: Endpoint) -> Message:
    """The facts of a delivery's notice. Raises for what is no notice."""
    notice = msgspec.json.decode(delivery.body)
    at, data = str(notice["timestamp"]), object_of(notice["data"])
    reading, manner = reading_of(endpoint), _manner_of(delivery.notice)
    facts = facts_for(endpoint, delivery.notice, data, reading)
    thing = text_of(object_of(data.get("monitor")), "id")
    wording = delivery.wording
    own = () if wording is None or not wording.text else tuple(wording.text.split("\n"))
    if delivery.notice == REPORT:
        facts, rows = facts | {"cause": ""}, report_rows(data, reading)
    else:
        rows = tuple(_rows(facts, reading.moment(at), reading))
    return Message(
        id=f"{delivery.id}.{delivery.replay}" if delivery.replay else delivery.id,
        notice=delivery.notice,
        tone=_manner_of(facts["alike"]).tone,
        action=manner.action,
        key=_key(manner, data, thing, endpoint),
        says=(wording.title if wording is not None else "") or one_line(facts["says"]),
        name=cut(one_line(facts["name"]), _LONGEST_LINE),
        thing=thing,
        cause=cut(one_line(facts["cause"] or facts["names"]), _LONGEST_FACT),
        at=at,
        page=facts["page"] if facts["page"].isprintable() and " " not in facts["page"] else "",
        test=facts["test"],
        acknowledge=facts["acknowledge"] if is_url(facts["acknowledge"]) else "",
        by=facts["by"],
        rows=() if own else rows,
        blocks=() if own else tuple(blocks_of(facts, reading)),
        language=reading.language,
        own=own,
    )


def _manner_of(notice: str) -> _Manner:
    """How a notice is told. One that stands nowhere here is a warning of its own."""
    return _MANNERS.get(notice) or _Manner("warn", about=notice)


def _key(manner: _Manner, data: Mapping[str, Any], thing: str, endpoint: Endpoint) -> str:
    """Made of ids of the log alone: the same whoever sends it, however late, and after any restart."""
    if data.get("test") is True:
        return f"pingfold.test.{endpoint.id}"
    incident = text_of(object_of(data.get("incident")), "id")
    if not manner.about and incident:
        return f"pingfold.{incident}"
    # Who has recovered without an incident was known to be not observed, if anything.
    return f"pingfold.{thing or endpoint.id}.{(manner.about or 'not observed').replace(' ', '-')}"


def _rows(facts: Mapping[str, Any], at: str, reading: Reading) -> Iterator[Row]:
    known = (
        ("cause", facts["cause"]),
        ("what", facts["url"]),
        ("since", facts["started"]),
        ("until", facts["resolved"]),
        ("when", "" if facts["started"] else at),
        ("acknowledged_by", facts["by"]),
        ("comment", facts["comment"]),
        ("snoozed_until", facts["snoozed"]),
        ("last_ping", facts["last_ping"]),
        ("also_told", facts["others"]),
    )
    for key, value in known:
        if text := one_line(value):
            yield Row(reading.says(key), cut(text, _LONGEST_FACT), key)
    for line in facts["certificates"]:
        label, _, value = line.partition(": ")
        if text := one_line(value):
            yield Row(label, cut(text, _LONGEST_FACT))


def blocks_of(facts: Mapping[str, Any], reading: Reading) -> Iterator[Block]:
    """What a list names, the last output of a job, and what decided: the last results, or the hours before."""
    for group in facts["groups"][:_MOST_GROUPS]:
        if named := fitted(group, _LONGEST_GROUP, reading):
            yield Block(group["title"], tuple(cut(line, _LONGEST_LINE) for line in named))
    if said := facts["output"]:
        title = reading.says("last_output")
        title = f"{title} ({said['of']})" if said["of"] else title
        yield Block(title, tuple(cut_front("\n".join(said["lines"]), _LONGEST_BLOCK).split("\n")))
    if facts["results"]:
        lines = tuple(cut(_result(one, reading), _LONGEST_LINE) for one in facts["results"])
        yield Block(reading.says("last_results"), lines)
    if facts["hours"]:
        lines = tuple(one_line(f"{hour['hour']}  {hour['apdex']}") for hour in facts["hours"])
        yield Block(reading.says("apdex"), tuple(cut(line, _LONGEST_LINE) for line in lines))


def _result(one: Mapping[str, str], reading: Reading) -> str:
    """`2025-06-15 15:06:40 UTC  down  from fra  1203 ms  HTTP 500  keyword not found`."""
    pieces = (
        one["checked_at"],
        one["status"],
        reading.says("from_region", region=one["region"]) if one["region"] else "",
        f"{one['response_time_ms']} ms" if one["response_time_ms"] else "",
        f"HTTP {one['status_code']}" if one["status_code"] else "",
        one["error"],
    )
    return "  ".join(one_line(piece) for piece in pieces if piece)
