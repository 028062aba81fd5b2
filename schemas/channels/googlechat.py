"""Google Chat: a card in a space, by a webhook (https://developers.google.com/workspace/chat/quickstart/webhooks).

All that is about one thing stands in one thread. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from schemas.channels.kind import Stored
from schemas.channels.messages import NOT_THERE, SIGNS, Answer, Fault, Message, Request, cut, encoded, html
from schemas.channels.secret_urls import SecretUrlKind

_PATH = re.compile(r".*/v1/spaces/[^/]+/messages")
_TITLE, _SUMMARY = 300, 600
_THREADS = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
_NOT_VALID = Fault("the URL is not, or no longer, valid; give that of a webhook that is there", "channel")


class GoogleChat(SecretUrlKind):
    name, title, service, listed_as = "googlechat", "a Google Chat space", "Google Chat", "gchat"
    target_help = "the URL of a webhook of Google Chat"
    example = "https://chat.googleapis.com/v1/spaces/XXXX/messages?key=XXXX&token=XXXX"
    longest = 31_000
    faults: ClassVar[Mapping[str | int, Fault]] = {
        404: NOT_THERE,
        "NOT_FOUND": Fault("the webhook or the space was deleted", "channel"),
        "PERMISSION_DENIED": _NOT_VALID,
        "UNAUTHENTICATED": _NOT_VALID,
        "INVALID_ARGUMENT": Fault("the message is not valid", "message"),
        "RESOURCE_EXHAUSTED": Fault("too many messages"),
        429: Fault("too many messages"),
    }

    def misfit(self, url: str) -> bool:
        parts = urlsplit(url)
        given = parse_qs(parts.query)
        return _PATH.fullmatch(parts.path) is None or "key" not in given or "token" not in given

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        says = f"{SIGNS[message.tone]} {message.says}"
        explained = message.cause and message.tone != "good" and not message.own
        text = f"{says}: {message.cause}" if explained else says
        content = {
            # Notifications show this. It knows mentions, and no way to escape them.
            "text": cut(text, _SUMMARY).replace("<", "‹"),
            "cardsV2": [{"cardId": "notice", "card": _card(message)}],
            "thread": {"threadKey": message.key},
        }
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        return Request(f"{secret.partition('#')[0]}&{_THREADS}", encoded(content), headers)

    def is_taken(self, answer: Answer) -> bool:
        return bool(answer.json().get("name"))

    def word(self, answer: Answer) -> str:
        error = answer.json().get("error")
        return str(error.get("status", "")) if isinstance(error, dict) else ""


def _card(message: Message) -> dict[str, Any]:
    widgets: list[dict[str, Any]] = []
    if message.test:
        widgets.append({"textParagraph": {"text": f"<i>{html(message.tells('test'))}</i>"}})
    if message.own:
        widgets.append({"textParagraph": {"text": "<br>".join(html(line) for line in message.own)}})
    widgets += [
        {"decoratedText": {"topLabel": row.label, "text": html(row.value), "wrapText": True}} for row in message.rows
    ]
    links = (message.tells("acknowledge_button"), message.acknowledge), (message.tells("open"), message.page)
    if buttons := [{"text": text, "onClick": {"openLink": {"url": url}}} for text, url in links if url]:
        widgets.append({"buttonList": {"buttons": buttons}})
    # A card without a widget is none; each notice tells at least when.
    sections: list[dict[str, Any]] = [{"widgets": widgets}] if widgets else []
    sections += [
        {"header": html(block.title), "widgets": [{"textParagraph": {"text": html("\n".join(block.lines))}}]}
        for block in message.blocks
    ]
    return {"header": {"title": cut(message.says, _TITLE)}, "sections": sections}


KIND = GoogleChat()
