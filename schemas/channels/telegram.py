"""Telegram: a message of a bot in a chat, group or channel (https://core.telegram.org/bots/api#sendmessage). Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import Stored
from schemas.channels.messages import (
    SIGNS,
    Answer,
    Fault,
    Message,
    Request,
    cut,
    cut_front,
    encoded,
    html,
    seconds_of,
    units,
)
from schemas.channels.urls import Server, ServerShown
from schemas.notices import TEAM_NOTICES

# Of a text without its markup.
_LONGEST = 4_096
_BLOCK = 900
# Of a text that the project words itself: the title, the links and the sentence of a test need some.
_OWN = _LONGEST - 600
_WORDS = re.compile(
    "bot was blocked by the user|bot was kicked|user is deactivated|group chat was deleted|chat not found|"
    "bot is not a member|not enough rights|have no rights|message is too long|can't parse entities|"
    "message thread not found|group chat was upgraded|bot can't initiate conversation|CHAT_WRITE_FORBIDDEN|"
    "need administrator rights|TOPIC_CLOSED|TOPIC_DELETED|^Unauthorized$|^Not Found$"
)
_OUT = Fault("somebody has put the bot out of the chat", "channel")
_MAY_NOT = Fault("the bot may not write there; let it, then enable the channel", "channel")
_NOT_VALID = Fault("the token of the bot is not, or no longer, valid; give one that is", "channel")


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    bot_token: (
        Annotated[str, Meta(max_length=200, description="The token of the bot, from @BotFather.")] | UnsetType
    ) = UNSET
    chat_id: (
        Annotated[str, Meta(max_length=100, description="A number, negative for groups, or the `@name` of a channel.")]
        | UnsetType
    ) = UNSET
    thread_id: Annotated[str, Meta(max_length=20, description="Of a topic in a group; empty: none.")] | UnsetType = (
        UNSET
    )


class Shown(msgspec.Struct):
    server: ServerShown
    chat_id: Annotated[str, Meta(description="The chat.")]
    thread_id: Annotated[str, Meta(description="The topic in it; empty: none.")]


class Telegram(AccountKind):
    name, title, service = "telegram", "a Telegram chat", "Telegram"
    notices = TEAM_NOTICES
    recipient_type, by_value = "telegram", False
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    server = "https://api.telegram.org"
    secret_field = "bot_token"
    secret = Name(r"\d{3,20}:[A-Za-z0-9_-]{20,100}", "the token that @BotFather gave, such as 123456789:AAxxxxxxxx")
    names: ClassVar[Mapping[str, Name]] = {
        "chat_id": Name(r"-?\d{1,20}|@[A-Za-z]\w{3,40}", "the number of a chat, or the name of a channel with its @"),
        "thread_id": Name(r"\d{1,18}", "the number of a topic", needed=False),
    }
    target_help = "the id of a Telegram chat, with the bot's token as --secret"
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "bot was blocked by the user": Fault("the person has blocked the bot", "channel"),
        "user is deactivated": Fault("the person is no longer there", "channel"),
        "group chat was deleted": Fault("the group was deleted", "channel"),
        "bot was kicked": _OUT,
        "bot is not a member": _OUT,
        "chat not found": Fault(
            "there is no such chat, or nobody in it has written to the bot yet; write to it, then enable the channel",
            "channel",
        ),
        "bot can't initiate conversation": Fault(
            "the person has not written to the bot yet; let them, then enable the channel", "channel"
        ),
        "CHAT_WRITE_FORBIDDEN": _MAY_NOT,
        "need administrator rights": _MAY_NOT,
        "TOPIC_CLOSED": Fault("the topic is closed", "channel"),
        "TOPIC_DELETED": Fault("there is no such topic", "channel"),
        "not enough rights": _MAY_NOT,
        "have no rights": _MAY_NOT,
        "message thread not found": Fault("there is no such topic", "channel"),
        "group chat was upgraded": Fault(
            "the group has become a supergroup, which has another chat_id; give that", "channel"
        ),
        "Unauthorized": _NOT_VALID,
        "Not Found": _NOT_VALID,
        "message is too long": Fault("the message is too long", "message"),
        "can't parse entities": Fault("the message is not valid", "message"),
        429: Fault("too many messages"),
    }

    def is_private(self, channel: Stored) -> bool:
        """Only what is public has a name; anybody may read there."""
        return not str(channel.options.get("chat_id", "")).startswith("@")

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        content: dict[str, Any] = {
            "chat_id": str(channel.options["chat_id"]),
            "text": _text(message),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        if thread := str(channel.options.get("thread_id", "")):
            content["message_thread_id"] = int(thread)
        if message.tone == "good":
            content["disable_notification"] = True
        headers = {"Content-Type": "application/json"}
        return Request(f"{channel.url}/bot{secret}/sendMessage", encoded(content), headers)

    def is_taken(self, answer: Answer) -> bool:
        return answer.json().get("ok") is True

    def word(self, answer: Answer) -> str:
        found = _WORDS.search(str(answer.json().get("description", "")))
        return found[0] if found else ""

    def wait(self, answer: Answer) -> float | None:
        parameters = answer.json().get("parameters")
        return seconds_of(parameters.get("retry_after")) if isinstance(parameters, dict) else None


def _text(message: Message) -> str:
    """As much as there is room for, whole lines of markup each."""
    left, lines = _LONGEST, []
    for length, line in _lines(message):
        left -= length + 1
        if left >= 0:
            lines.append(line)
    return "\n".join(lines)


def _lines(message: Message) -> Iterator[tuple[int, str]]:
    """Each line of markup, with how long it is without it."""
    says = f"{SIGNS[message.tone]} {cut(message.says, 400)}"
    yield units(says), f"<b>{html(says)}</b>"
    # Not buttons: one with a host that Telegram does not know, such as a private one, has the whole message refused.
    links = (message.tells("acknowledge_button"), message.acknowledge), (message.tells("open"), message.page)
    told = [(title, url) for title, url in links if 0 < units(url) < 1_000]
    if told:
        line = " \N{MIDDLE DOT} ".join(f'<a href="{html(url)}">{html(title)}</a>' for title, url in told)
        yield units(" \N{MIDDLE DOT} ".join(title for title, _ in told)), line
    if message.test:
        test = message.tells("test")
        yield units(test), f"<i>{html(test)}</i>"
    for line in cut("\n".join(message.own), _OWN).split("\n") if message.own else ():
        yield units(line), html(line)
    for row in message.rows:
        yield units(f"{row.label}: {row.value}"), f"<b>{html(row.label)}:</b> {html(row.value)}"
    for block in message.blocks:
        lines = cut_front("\n".join(block.lines), _BLOCK)
        yield units(block.title) + units(lines) + 2, f"\n<b>{html(block.title)}</b>\n<pre>{html(lines)}</pre>"


KIND = Telegram()
