"""Slack: a message of a channel, by an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).

What takes messages in Slack's form (Rocket.Chat, Zulip, Discord with `/slack`) takes these, too: they are classic
attachments. Slack answers `ok`; others may say nothing or a JSON object that does not deny it. Pure.
"""

import re
from collections.abc import Mapping
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
    Refused,
    Request,
    cut,
    encoded,
    plain,
)
from schemas.channels.secret_urls import SecretUrlKind

_PATH = re.compile(r"/(services|workflows|triggers)/[^/]+/[^/]+/[^/]+.*")
_WORD = re.compile(r"[a-z_]{2,60}")
# Slack shows so much of a text; the others take less of a whole message.
_LONGEST_TITLE, _LONGEST_FALLBACK = 250, 600
_NEVER: Refused = "message"


class Slack(SecretUrlKind):
    name, title, service = "slack", "a Slack channel", "Slack"
    recipient_type = "slack_compatible"
    target_help = "the URL of an incoming webhook of Slack"
    example = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
    faults: ClassVar[Mapping[str | int, Fault]] = {
        404: NOT_THERE,
        "no_service": Fault("the webhook was removed or disabled", "channel"),
        "no_service_id": Fault("the webhook was removed or disabled", "channel"),
        "no_active_hooks": Fault("the webhook was removed or disabled", "channel"),
        "no_team": Fault("the workspace is no longer there", "channel"),
        "team_disabled": Fault("the workspace is no longer there", "channel"),
        "channel_not_found": Fault("the channel was deleted", "channel"),
        "channel_is_archived": Fault("the channel is archived", "channel"),
        "is_archived": Fault("the channel is archived", "channel"),
        "user_not_found": Fault("the person is no longer there", "channel"),
        "account_inactive": Fault("the account that the webhook is of was deactivated", "channel"),
        "token_revoked": Fault("the webhook was revoked", "channel"),
        "invalid_token": Fault("the URL is not, or no longer, valid; give that of a webhook that is there", "channel"),
        "action_prohibited": Fault("an administrator of the workspace forbids it"),
        "posting_to_general_channel_denied": Fault("only administrators may post to that channel"),
        "invalid_payload": Fault("the message is not valid", _NEVER),
        "invalid_attachments": Fault("the message is not valid", _NEVER),
        "too_many_attachments": Fault("the message is not valid", _NEVER),
        "no_text": Fault("the message is empty", _NEVER),
        "rollup_error": Fault("an error of Slack's own"),
        "rate_limited": Fault("too many messages"),
    }

    def misfit(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.path in ("", "/") or (_is_slacks(url) and _PATH.fullmatch(parts.path) is None)

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        colour = COLOURS[message.tone]
        facts = encoded_facts(message, colour)
        if message.acknowledge and _is_slacks(secret):
            # A button of a link: Slack calls nobody for it.
            facts["actions"] = [
                {"type": "button", "text": message.tells("acknowledge_button"), "url": message.acknowledge}
            ]
        elif message.acknowledge:
            facts["fields"] = [
                *facts["fields"],
                {"title": message.tells("acknowledge_button"), "value": escaped(message.acknowledge), "short": False},
            ]
        return Request(secret, encoded({"attachments": [facts, *(_block(block, colour) for block in message.blocks)]}))

    def is_taken(self, answer: Answer) -> bool:
        if answer.text() in ("", "ok"):
            return True
        found = answer.json()
        return bool(found) and found.get("ok", True) is True and found.get("success", True) is True

    def word(self, answer: Answer) -> str:
        text = answer.text() or str(answer.json().get("error", ""))
        return text if _WORD.fullmatch(text) else str(answer.json().get("error", ""))


def _is_slacks(url: str) -> bool:
    """Whether Slack itself is called, and not what takes messages in its form."""
    return (urlsplit(url).hostname or "").endswith(("hooks.slack.com", "hooks.slack-gov.com"))


def encoded_facts(message: Message, colour: str) -> dict[str, Any]:
    """The attachment with the title and the facts. Without `mrkdwn_in` nothing in it is taken for markup."""
    fields = [{"title": row.label, "value": escaped(row.value), "short": len(row.value) <= 40} for row in message.rows]
    found: dict[str, Any] = {
        "color": colour,
        "fallback": escaped(cut(f"{message.says}\n{plain(message, _LONGEST_FALLBACK)}", _LONGEST_FALLBACK)),
        "title": escaped(cut(message.says, _LONGEST_TITLE)),
        "fields": fields,
        "mrkdwn_in": [],
    }
    if message.page:
        found["title_link"] = message.page
    told = (message.tells("test"), *message.own) if message.test else message.own
    if told:
        found["text"] = escaped("\n".join(told))
    return found


def _block(block: Block, colour: str) -> dict[str, object]:
    """Lines as they are: between fences, which they cannot end."""
    lines = escaped("\n".join(block.lines)).replace("```", "'''")
    return {
        "color": colour,
        "fallback": escaped(block.title),
        "title": escaped(block.title),
        "text": f"```\n{lines}\n```",
        "mrkdwn_in": ["text"],
    }


def escaped(text: str) -> str:
    """A text in which Slack sees no link, no mention and no entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


KIND = Slack()
