"""Discord: a message of a channel, by a webhook (https://discord.com/developers/docs/resources/webhook#execute-webhook).

An embed, coloured by what happened. Nobody is mentioned by it, whatever a text holds. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from schemas.channels.kind import Stored
from schemas.channels.messages import (
    COLOURS,
    NOT_THERE,
    Answer,
    Block,
    Fault,
    Message,
    Request,
    cut,
    cut_front,
    encoded,
    is_url,
    seconds_of,
    units,
)
from schemas.channels.secret_urls import SecretUrlKind

_PATH = re.compile(r".*/webhooks/\d+/[\w-]+", re.ASCII)
_MARKUP = re.compile(r"([\\*_~`|\[\]()<]|^[>#+-])")
# Of an embed; all texts of it together have at most 6,000, of which the title and the test's sentence need some.
_TITLE, _VALUE, _LINK, _ALL, _DESCRIPTION = 256, 1_024, 2_048, 5_600, 4_096
_LONGEST_FACT, _LONGEST_BLOCK = 400, 900


class Discord(SecretUrlKind):
    name, title, service = "discord", "a Discord channel", "Discord"
    target_help = "the URL of a webhook of Discord"
    example = "https://discord.com/api/webhooks/123456789012345678/XXXX"
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "10003": Fault("the channel was deleted", "channel"),
        "10015": Fault("the webhook was deleted", "channel"),
        "50027": Fault("the URL is not, or no longer, valid; give that of a webhook that is there", "channel"),
        "50083": Fault("the thread is archived; give the URL with another thread_id", "channel"),
        "220001": Fault("the channel is a forum: give the URL with the thread_id of a post", "channel"),
        "220003": Fault("the channel is no forum: give the URL without thread_name", "channel"),
        "50006": Fault("the message is empty", "message"),
        "50035": Fault("the message is not valid", "message"),
        404: NOT_THERE,
        429: Fault("too many messages"),
    }

    def misfit(self, url: str) -> bool:
        return _PATH.fullmatch(urlsplit(url).path) is None

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        # A title shows no markup, but knows some: its text is escaped, too.
        embed: dict[str, Any] = {
            "title": cut(escaped(message.says), _TITLE),
            "color": int(COLOURS[message.tone][1:], 16),
            "description": _description(message),
            "fields": list(_fields(message)),
            "url": message.page if units(message.page) <= _LINK else "",
            "timestamp": message.at,
        }
        embed = {name: value for name, value in embed.items() if value}
        return Request(secret, encoded({"embeds": [embed], "allowed_mentions": {"parse": ()}}))

    def is_taken(self, answer: Answer) -> bool:
        return answer.status == 204 or "id" in answer.json()

    def word(self, answer: Answer) -> str:
        return str(answer.json().get("code", ""))

    def wait(self, answer: Answer) -> float | None:
        return seconds_of(answer.json().get("retry_after")) if answer.status == 429 else None


def escaped(text: str) -> str:
    """A text in which Discord sees no markup."""
    return _MARKUP.sub(r"\\\1", text)


def _description(message: Message) -> str:
    told = (message.tells("test"), *message.own) if message.test else message.own
    return cut("\n".join(escaped(line) for line in told), _DESCRIPTION)


def _fields(message: Message) -> Iterator[dict[str, Any]]:
    """The facts and then the blocks, as many as there is room for."""
    left = _ALL
    fields = [{"name": row.label, "value": _value(row.value)} for row in message.rows]
    link = f"[{message.tells('acknowledge_link')}]({message.acknowledge})"
    if message.acknowledge and units(link) <= _VALUE:
        fields.insert(0, {"name": message.tells("acknowledge_button"), "value": link})
    for field in [*fields, *map(_field, message.blocks)]:
        left -= units(field["name"]) + units(field["value"])
        if left >= 0:
            yield field


def _value(text: str) -> str:
    text = cut(text, _LONGEST_FACT)
    return text if is_url(text) else cut(escaped(text), _VALUE)


def _field(block: Block) -> dict[str, str]:
    lines = cut_front("\n".join(block.lines).replace("```", "'''"), _LONGEST_BLOCK)
    return {"name": cut(escaped(block.title), _TITLE), "value": f"```\n{lines}\n```"}


KIND = Discord()
