"""Mattermost: a post in a channel, by an incoming webhook (https://developers.mattermost.com/integrate/webhooks/incoming/).

Nobody is mentioned by it, whatever a text holds. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from schemas.channels.kind import Stored
from schemas.channels.messages import COLOURS, NOT_THERE, Answer, Fault, Message, Request, cut, encoded, is_url
from schemas.channels.secret_urls import SecretUrlKind

_PATH = re.compile(r".*/hooks/[^/]+")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!~|<>]|^[+-])")
_TITLE = 300


class Mattermost(SecretUrlKind):
    name, title, service = "mattermost", "a Mattermost channel", "Mattermost"
    target_help = "the URL of an incoming webhook of Mattermost"
    example = "https://mattermost.example.org/hooks/xxxxxxxxxxxxxxxxxxxxxxxxxx"
    # A post has 16,383 characters.
    longest = 16_000
    faults: ClassVar[Mapping[str | int, Fault]] = {
        404: NOT_THERE,
        "web.incoming_webhook.invalid.app_error": Fault("the webhook was deleted", "channel"),
        "web.incoming_webhook.channel.app_error": Fault("the channel was deleted", "channel"),
        "web.incoming_webhook.disabled.app_error": Fault("incoming webhooks are turned off"),
        "web.incoming_webhook.user.app_error": Fault("the account of the webhook is no longer there", "channel"),
        "web.incoming_webhook.permissions.app_error": Fault(
            "the webhook may not write there; make one that may", "channel"
        ),
        "web.incoming_webhook.channel_locked.app_error": Fault(
            "the webhook may not write there; make one that may", "channel"
        ),
        "api.post.create_post.can_not_post_to_deleted.error": Fault("the channel is archived", "channel"),
        "web.incoming_webhook.parse.app_error": Fault("the message is not valid", "message"),
        "web.incoming_webhook.text.app_error": Fault("the message is empty", "message"),
        429: Fault("too many messages"),
    }

    def misfit(self, url: str) -> bool:
        return _PATH.fullmatch(urlsplit(url).path) is None

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        own = tuple(escaped(line) for line in message.own)
        facts = {
            "color": COLOURS[message.tone],
            "fallback": cut(quiet(message.says), _TITLE),
            "title": cut(quiet(message.says), _TITLE),
            "title_link": message.page,
            "text": "\n".join((message.tells("test"), *own) if message.test else own),
            "fields": [
                {"title": row.label, "value": _value(row.value), "short": len(row.value) <= 40} for row in message.rows
            ]
            + _link(message, message.acknowledge),
        }
        attachments = [{name: value for name, value in facts.items() if value}]
        attachments += [_block(block.title, block.lines, message) for block in message.blocks]
        return Request(secret, encoded({"attachments": attachments}))

    def is_taken(self, answer: Answer) -> bool:
        return answer.text() == "ok"

    def word(self, answer: Answer) -> str:
        return str(answer.json().get("id", ""))


def _block(title: str, lines: tuple[str, ...], message: Message) -> dict[str, Any]:
    """Lines between fences, which they cannot end."""
    text = "\n".join(lines).replace("```", "'''")
    return {
        "color": COLOURS[message.tone],
        "fallback": quiet(title),
        "text": f"**{escaped(title)}**\n```\n{text}\n```",
    }


def escaped(text: str) -> str:
    """A text in which Mattermost sees no markup and no mention."""
    return quiet(_MARKUP.sub(r"\\\1", text))


def quiet(text: str) -> str:
    """A text that mentions nobody: nothing follows an `@`."""
    return text.replace("@", "@\N{ZERO WIDTH SPACE}")


def _link(message: Message, url: str) -> list[dict[str, Any]]:
    """A link, not an action: that would have Mattermost call us."""
    says = f"[{message.tells('acknowledge_link')}]({url})"
    return [{"title": message.tells("acknowledge_button"), "value": says, "short": False}] if url else []


def _value(text: str) -> str:
    return text if is_url(text) and "@" not in text else escaped(text)


KIND = Mattermost()
