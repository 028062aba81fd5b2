"""ntfy: a message with title, priority, tags and a page to open (https://docs.ntfy.sh/publish/).

ntfy knows no id of a message: one whose answer was lost comes twice. Headers are ASCII whatever a notice holds: ntfy
decodes encoded words (RFC 2047) in them, so a text that only looks like one is encoded, too.
"""

import importlib.metadata
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from processors.sender.channels.sending import Clients, Outgoing
from processors.sender.mail_headers import one_line
from processors.sender.messages import blocks_of
from processors.sender.notice_facts import facts_for, in_words, reading_of
from processors.sender.notice_values import object_of
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import Answer
from schemas.languages.reading import ENGLISH_UTC, Reading
from schemas.percent_encoding import KEPT

_AGENT = f"Pingfold/{importlib.metadata.version('pingfold')} (ntfy)"
# Priority and tag by notice; of each tag here ntfy makes an emoji.
_LOOKS = {
    "monitor.down": ("high", "rotating_light"),
    "monitor.recovered": ("default", "heavy_check_mark"),
    "incident.created": ("high", "rotating_light"),
    "incident.resolved": ("default", "heavy_check_mark"),
    "monitor.not_observed": ("default", "warning"),
    "monitor.ssl_expiration": ("default", "hourglass_flowing_sand"),
    "monitor.ssl_invalid": ("high", "rotating_light"),
    "monitor.ssl_valid": ("default", "heavy_check_mark"),
    "monitor.ssl_renewed": ("low", "heavy_check_mark"),
    "monitor.domain_expiration": ("default", "hourglass_flowing_sand"),
    "monitor.still_down": ("high", "rotating_light"),
    "monitor.performance_drop": ("default", "snail"),
    "monitor.late": ("default", "hourglass"),
    "monitor.run_time_drift": ("default", "chart_with_upwards_trend"),
    "system.outage": ("default", "zzz"),
    "incident.acknowledged": ("default", "eyes"),
    "channel.disabled": ("high", "no_entry"),
    "channel.failing": ("high", "warning"),
    "on-call.calendar_failing": ("default", "calendar"),
    "project.report": ("low", "bar_chart"),
}
_LONGEST_TITLE = 200
_LONGEST_CLICK = 2_000
_IN_ACTIONS = KEPT.replace(",", "").replace(";", "").replace("'", "")
# By the codes of its own errors.
_REFUSED: Mapping[str, str] = {
    "40101": "the access token is missing, or not valid; give one that is",
    "40301": "the access token may not write to the topic; give one that may",
}
# Of a text so many bytes make an encoded word of at most 75 characters.
_WORD = 45


async def send(outgoing: Outgoing, clients: Clients) -> DeliveryResult:
    """Publish a notice as a message of the topic."""
    if clients.services is None:
        return DeliveryResult(error="nothing is sent to services here")
    endpoint, kind = outgoing.endpoint, CHANNEL_KINDS[outgoing.endpoint.kind]
    try:
        notice = msgspec.json.decode(outgoing.delivery.body)
        reading = reading_of(endpoint)
        facts = facts_for(endpoint, outgoing.delivery.notice, object_of(notice["data"]), reading)
        text = text_of_message(facts, reading.moment(str(notice["timestamp"])), reading)
        title, text = in_words(outgoing.delivery, facts, text)
        headers = headers_of(facts["alike"], {**facts, "says": title}, reading)
        body = cut(text, kind.limits.text or 0)
    except Exception as error:  # a notice may hold anything
        return DeliveryResult(error=f"the notice cannot be made a message ({type(error).__name__})")
    if outgoing.secrets.current:
        headers["Authorization"] = f"Bearer {outgoing.secrets.current}"
    url = f"{endpoint.url}/{endpoint.options['topic']}"
    return judged(await clients.services.exchange("POST", url, headers, body, dead=outgoing.hopeless))


def judged(exchange: Exchange) -> DeliveryResult:
    """What an answer means: what ntfy itself says of the token disables the channel, what a proxy says does not."""
    result = exchange.result
    if result.status not in (401, 403):
        return result
    words = _REFUSED.get(str(Answer(result.status, exchange.body).json().get("code")))
    if words is None:
        return result
    return result._replace(error=f"ntfy answered {result.status}: {words}", refused="channel")


def headers_of(notice: str, facts: Mapping[str, Any], reading: Reading = ENGLISH_UTC) -> dict[str, str]:
    """Every header of a message but the token."""
    priority, tag = _LOOKS[notice]
    headers = {
        "Title": header_text(facts["says"][:_LONGEST_TITLE]),
        "Priority": priority,
        "Tags": tag,
        "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": _AGENT,
    }
    click = quote(facts["page"], safe=KEPT, errors="replace")
    headers |= {"Click": click} if 0 < len(click) <= _LONGEST_CLICK else {}
    # A comma or a semicolon would end the URL.
    link = quote(facts["acknowledge"], safe=_IN_ACTIONS, errors="replace")
    # `view` opens a page, and calls nobody.
    opens = header_text(reading.says("acknowledge_button"))
    return headers | ({"Actions": f"view, {opens}, {link}"} if 0 < len(link) <= _LONGEST_CLICK else {})


def text_of_message(facts: Mapping[str, Any], at: str, reading: Reading = ENGLISH_UTC) -> str:
    """What is known, a line each. at: when it happened, as people read it."""
    lines = [
        reading.says("test") if facts["test"] else "",
        facts["cause"],
        facts["url"],
        _line(reading, "since", facts["started"]) or _line(reading, "when", at),
        _line(reading, "until", facts["resolved"]),
        _line(reading, "acknowledged_by", facts["by"]),
        _line(reading, "comment", facts["comment"]),
        _line(reading, "snoozed_until", facts["snoozed"]),
        _line(reading, "last_ping", facts["last_ping"]),
        _line(reading, "also_told", facts["others"]),
        *facts["certificates"],
    ]
    texts = ["\n".join(filter(None, lines))]
    texts += ("\n".join((f"{block.title}:", *block.lines)) for block in blocks_of(facts, reading))
    return "\n\n".join(texts)


def _line(reading: Reading, key: str, value: str) -> str:
    return f"{reading.says(key)}: {value}" if value else ""


def header_text(text: str) -> str:
    """A text as the value of a header."""
    text = one_line(text)
    return text if text.isascii() and "=?" not in text else " ".join(_words(text))


def cut(text: str, most: int) -> bytes:
    """A text in at most so many bytes."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= most:
        return whole
    return f"{whole[: most - 3].decode('utf-8', 'ignore')}…".encode()


def _words(text: str) -> Iterator[str]:
    """Encoded words, none of which divides a character."""
    piece = b""
    for character in text:
        encoded = character.encode()
        if len(piece) + len(encoded) > _WORD:
            yield _word(piece)
            piece = b""
        piece += encoded
    yield _word(piece)


def _word(piece: bytes) -> str:
    return f"=?UTF-8?B?{b64encode(piece).decode()}?="
