"""Twilio: an SMS (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource). Pure."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import Stored
from schemas.channels.messages import Answer, Fault, Message, Request, cut, units
from schemas.channels.urls import Server, ServerShown

# Three parts of an SMS in Unicode, and in GSM 03.38. Twilio takes 1,600 characters; each part is paid for.
_LONGEST, _SEPTETS = 201, 459
_LONGEST_PAGE = 80
# A text that must be shorter than that for a link is sent without.
_SHORTEST = 50
# The characters of an SMS that is not sent in Unicode; of the others each takes the room of two.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€")
_NUMBER = r"\+[1-9]\d{5,14}"
_TO = Fault("the number of the receiver is not valid, or takes no SMS; give another one", "channel")
_FROM = Fault("the number or name of the sender is none of the account that can send SMS; give another one", "channel")


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    account_sid: Annotated[str, Meta(max_length=50, description="Of the account: `AC…`.")] | UnsetType = UNSET
    auth_token: Annotated[str, Meta(max_length=100, description="The auth token of the account.")] | UnsetType = UNSET
    from_number: (
        Annotated[
            str, Meta(max_length=40, description="A number or name of the account, or a messaging service: `MG…`.")
        ]
        | UnsetType
    ) = UNSET
    to_number: Annotated[str, Meta(max_length=20, description="Who gets it: `+491701234567`.")] | UnsetType = UNSET


class Shown(msgspec.Struct):
    server: ServerShown
    account_sid: Annotated[str, Meta(description="The account at Twilio.")]
    from_number: Annotated[str, Meta(description="What it is sent from.")]
    to_number: Annotated[str, Meta(description="Who gets it.")]


class Twilio(AccountKind):
    name, title, service = "twilio", "an SMS by Twilio", "Twilio"
    listed_as, recipient_type, by_value = "sms", "sms", False
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    server = "https://api.twilio.com"
    secret_field = "auth_token"
    secret = Name(r"[A-Za-z0-9]{32}", "the auth token of the account: 32 letters and digits")
    names: ClassVar[Mapping[str, Name]] = {
        "account_sid": Name(r"AC[0-9a-fA-F]{32}", "the SID of the account: AC and 32 hexadecimal digits"),
        "from_number": Name(
            rf"{_NUMBER}|MG[0-9a-fA-F]{{32}}|(?=.*[A-Za-z])[A-Za-z0-9 ]{{1,11}}",
            "a number such as +15551234567, a name of at most 11 letters, or the SID of a messaging service",
        ),
        "to_number": Name(_NUMBER, "a number such as +15551234567"),
    }
    target_help = "ACCOUNT_SID:FROM:TO of Twilio, with the auth token as --secret"
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "20003": Fault("the account or its auth token is not valid; give those that are", "channel"),
        "20005": Fault("the account is suspended or closed", "channel"),
        "20404": Fault("there is no such account; give the right one", "channel"),
        "20429": Fault("too many messages"),
        **dict.fromkeys(("21211", "21265", "21614", "21635"), _TO),
        **dict.fromkeys(("21212", "21606", "21659", "21660", "21661", "21267"), _FROM),
        **dict.fromkeys(("21701", "21703"), Fault("the messaging service is not there, or sends no SMS", "channel")),
        "21266": Fault("the number of the sender is that of the receiver; give another one", "channel"),
        "21408": Fault("the account may not send to that country; let it, then enable the channel", "channel"),
        "21608": Fault("a trial account sends to verified numbers only; verify it, then enable the channel", "channel"),
        "21610": Fault("the receiver has answered STOP", "channel"),
        "21611": Fault("too many messages wait in the queue of the sender"),
        "21612": Fault("nothing can be sent from that sender to that number; give another one", "channel"),
        "21617": Fault("the message is too long", "message"),
        401: Fault("the account or its auth token is not valid"),
        429: Fault("too many messages"),
    }

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        account, sender = str(channel.options["account_sid"]), str(channel.options["from_number"])
        login = b64encode(f"{account}:{secret}".encode()).decode()
        field = "MessagingServiceSid" if sender.startswith("MG") and len(sender) > 11 else "From"
        form = {"To": str(channel.options["to_number"]), field: sender, "Body": _text(message)}
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
        return Request(f"{channel.url}/2010-04-01/Accounts/{account}/Messages.json", urlencode(form).encode(), headers)

    def is_taken(self, answer: Answer) -> bool:
        return bool(answer.json().get("sid"))

    def word(self, answer: Answer) -> str:
        return str(answer.json().get("code", ""))

    def of_target(self, target: str) -> dict[str, Any]:
        target, at, server = target.rpartition("@http")
        account, _, rest = (target if at else server).partition(":")
        sender, _, receiver = rest.partition(":")
        given = {"account_sid": account, "from_number": sender, "to_number": receiver}
        return given | ({"server": f"http{server}"} if at else {})

    def target(self, shown: Mapping[str, Any]) -> str:
        return str(shown["to_number"])


def _text(message: Message) -> str:
    """What happened and why, then where to say that one takes care of it, and where to look, as far as there is room:
    a link that is cut leads nowhere."""
    times = {row.key: row.value for row in message.rows}
    since = message.tells("short_since", since=times["since"]) if "since" in times else ""
    if "until" in times and since:
        since = message.tells("short_span", since=times["since"], until=times["until"])
    says = f"{message.says}{since}{f'. {message.cause}' if message.cause else ''}"
    if message.own:
        says = "\n".join((message.says, *message.own))
    page = f" {message.page}" if 0 < units(message.page) <= _LONGEST_PAGE else ""
    link = f" {message.tells('acknowledge_button')}: {message.acknowledge}" if message.acknowledge else ""
    for links in (f"{page}{link}", link, page):
        for most in (_LONGEST, _LONGEST - units(links)):
            if links and most >= _SHORTEST and fits(text := f"{cut(says, most)}{links}"):
                return text
    return cut(says, _LONGEST)


def fits(text: str) -> bool:
    """Whether three parts of an SMS are enough for a text."""
    if all(each in _GSM or each in _GSM_EXTENDED for each in text):
        return len(text) + sum(each in _GSM_EXTENDED for each in text) <= _SEPTETS
    return units(text) <= _LONGEST


KIND = Twilio()
