"""Matrix: a message of a room (https://spec.matrix.org/latest/client-server-api/#sending-events-to-a-room).

The transaction is named by what is sent: a message whose answer was lost is not doubled by the next attempt. The
account of the access token must have joined the room. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.accounts import AccountKind, Name
from schemas.channels.kind import Stored
from schemas.channels.messages import (
    COLOURS,
    SIGNS,
    Answer,
    Fault,
    Message,
    Request,
    cut,
    encoded,
    html,
    plain,
    seconds_of,
)
from schemas.channels.urls import Server, ServerShown
from schemas.notices import TEAM_NOTICES

# An event has 64 kB, what the server adds to it among them.
_TEXT = 6_000
_NOT_VALID = Fault("the access token is not, or no longer, valid; give one that is", "channel")


class Config(msgspec.Struct):
    server: Server | UnsetType = UNSET
    access_token: (
        Annotated[str, Meta(max_length=500, description="Of an account that has joined the room.")] | UnsetType
    ) = UNSET
    room_id: (
        Annotated[str, Meta(max_length=255, description="The id of the room, such as `!abc:example.org`.")] | UnsetType
    ) = UNSET


class Shown(msgspec.Struct):
    server: ServerShown
    room_id: Annotated[str, Meta(description="The room.")]


class Matrix(AccountKind):
    name, title, service = "matrix", "a Matrix room", "Matrix"
    notices = TEAM_NOTICES
    config, form = Config, Config
    config_shown, form_shown = Shown, Shown
    secret_field = "access_token"
    secret = Name(r"[!-~]{4,500}", "the access token of an account that has joined the room")
    names: ClassVar[Mapping[str, Name]] = {
        "room_id": Name(r"![!-~]{1,250}", "the id of a room, which begins with !; it is in the settings of the room"),
    }
    target_help = "the id of a Matrix room and its server (!abc:example.org@https://matrix.example.org), with --secret"
    longest = 60_000
    faults: ClassVar[Mapping[str | int, Fault]] = {
        "M_FORBIDDEN": Fault(
            "the account of the access token is not in the room, or may not write there; let it join, then enable the "
            "channel",
            "channel",
        ),
        "M_UNKNOWN_TOKEN": _NOT_VALID,
        "M_MISSING_TOKEN": _NOT_VALID,
        "M_USER_LOCKED": Fault("the account of the access token is locked", "channel"),
        "M_USER_SUSPENDED": Fault("the account of the access token is suspended", "channel"),
        "M_USER_DEACTIVATED": Fault("the account of the access token was deactivated", "channel"),
        "M_UNRECOGNIZED": Fault("there is no Matrix server at this address"),
        "M_NOT_FOUND": Fault("there is no such room", "channel"),
        "M_TOO_LARGE": Fault("the message is too long", "message"),
        "M_BAD_JSON": Fault("the message is not valid", "message"),
        "M_LIMIT_EXCEEDED": Fault("too many messages"),
        404: Fault("there is no Matrix server at this address"),
        429: Fault("too many messages"),
    }

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        room, transaction = quote(str(channel.options["room_id"]), safe=""), quote(message.id, safe="")
        says = f"{SIGNS[message.tone]} {message.says}"
        content = {
            # A notice would be shown without any sound.
            "msgtype": "m.text",
            "body": cut(f"{says}\n{plain(message, _TEXT)}", _TEXT),
            "format": "org.matrix.custom.html",
            "formatted_body": "".join(_html(message, says)),
            # Without it `@room` in a text would ring for everybody.
            "m.mentions": {"user_ids": ()},
        }
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        url = f"{channel.url}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}"
        return Request(url, encoded(content), headers, "PUT")

    def is_taken(self, answer: Answer) -> bool:
        return bool(answer.json().get("event_id"))

    def word(self, answer: Answer) -> str:
        return str(answer.json().get("errcode", ""))

    def wait(self, answer: Answer) -> float | None:
        millis = seconds_of(answer.json().get("retry_after_ms"))
        return None if millis is None or answer.status != 429 else millis / 1_000


def _html(message: Message, says: str) -> Iterator[str]:
    yield f'<p><strong><font color="{COLOURS[message.tone]}">{html(says)}</font></strong></p>'
    if message.test:
        yield f"<p><em>{html(message.tells('test'))}</em></p>"
    if message.own:
        yield f"<p>{'<br>'.join(html(line) for line in message.own)}</p>"
    yield "<ul>"
    for row in message.rows:
        yield f"<li><strong>{html(row.label)}:</strong> {html(row.value)}</li>"
    yield "</ul>"
    for block in message.blocks:
        yield f"<p>{html(block.title)}</p><pre><code>{html(chr(10).join(block.lines))}</code></pre>"
    if message.acknowledge:
        says = html(message.tells("acknowledge_button"))
        yield f'<p><a href="{html(message.acknowledge)}">{says}</a></p>'
    if message.page:
        yield f'<p><a href="{html(message.page)}">{html(message.page)}</a></p>'


KIND = Matrix()
