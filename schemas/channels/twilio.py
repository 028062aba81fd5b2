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

# Three parts of an SMS in Unicode. Twilio takes 1,600 characters; each part is paid for.
_LONGEST = 201
_NUMBER = r"\+[1-9]\d{5,14}"


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
        "20003": Fault("the account or its auth token is not valid"),
        "20404": Fault("there is no such account"),
        "20429": Fault("too many messages"),
        "21211": Fault("the number of the receiver is not valid", "message"),
        "21212": Fault("the number of the sender is not valid", "message"),
        "21408": Fault("the account may not send to that country"),
        "21606": Fault("the number of the sender is none of the account that can send SMS"),
        "21610": Fault("the receiver has answered STOP", "channel"),
        "21611": Fault("too many messages wait in the queue of the sender"),
        "21614": Fault("the number of the receiver takes no SMS", "message"),
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
    """What happened, why, and where to look, if there is room for the whole of that."""
    page = f" {message.page}" if 0 < units(message.page) <= 80 else ""
    if message.own:
        return cut("\n".join((message.says, *message.own)), _LONGEST - units(page)) + page
    times = {row.key: row.value for row in message.rows}
    since = message.tells("short_since", since=times["since"]) if "since" in times else ""
    if "until" in times and since:
        since = message.tells("short_span", since=times["since"], until=times["until"])
    cause = f". {message.cause}" if message.cause else ""
    return cut(f"{message.says}{since}{cause}", _LONGEST - units(page)) + page


KIND = Twilio()
