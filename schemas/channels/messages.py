"""Kinds of channels whose notices become messages of a service: what such a kind has beside `ChannelKind`. Pure.

The sender reads a notice once (`processors/sender/messages.py`) and gives a kind the facts as a `Message`. The kind
makes one request of it, and says what the answer means. So such a kind is one module: nothing else knows its service.

Texts of a message are lines without control characters; beside that they may hold anything, markup of the service
among it. A kind escapes what it does not put into a plain text.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from schemas.channels.kind import ChannelKind, Stored
from schemas.languages.catalogues import ENGLISH, sentence

# bad: it is broken. warn: it may be, or will be. good: it is well again.
Tone = Literal["bad", "warn", "good"]
# What becomes of the alert of a service that keeps alerts: it is opened, somebody works on it, it is over.
Action = Literal["trigger", "acknowledge", "resolve"]
Refused = Literal["", "message", "channel"]

COLOURS: Mapping[Tone, str] = {"bad": "#d9303e", "warn": "#e3a008", "good": "#2f9e5b"}
SIGNS: Mapping[Tone, str] = {
    "bad": "\N{LARGE RED CIRCLE}",
    "warn": "\N{LARGE YELLOW CIRCLE}",
    "good": "\N{LARGE GREEN CIRCLE}",
}

# Of a message that has become too long for its service.
_BRIEF = 200


class Row(NamedTuple):
    """One fact: `Since`, `2025-06-15 15:06:40 UTC`. key: names the fact, whatever language its label is in."""

    label: str
    value: str
    key: str = ""


class Block(NamedTuple):
    """Lines that belong together, as a program wrote them: the last output of a job, the last results of a monitor."""

    title: str
    lines: tuple[str, ...]


class Message(NamedTuple):
    """What a notice tells people.

    id: of what is sent; the same in each attempt of it, another one when it is sent again on request. says: the whole
    in a line. cause: why, in a sentence; also the first of `rows`. page: an http URL to look at, or empty.
    key: names what the notice is about: the same when it begins, while it lasts and when it is over. thing: id of the
    monitor, check or channel. at: when it happened, ISO 8601. acknowledge: an http URL where people say that they take
    care of it, or empty. by: who acknowledged it. language: of the texts. own: lines of a text that the project words
    itself; then there are no rows and blocks.
    """

    id: str
    notice: str
    tone: Tone
    action: Action
    key: str
    says: str
    name: str = ""
    thing: str = ""
    cause: str = ""
    at: str = ""
    page: str = ""
    test: bool = False
    acknowledge: str = ""
    by: str = ""
    rows: tuple[Row, ...] = ()
    blocks: tuple[Block, ...] = ()
    language: str = ENGLISH
    own: tuple[str, ...] = ()

    def tells(self, key: str, **values: object) -> str:
        """A sentence in the language of the message."""
        return sentence(self.language, key, **values)

    def brief(self) -> "Message":
        """Without blocks, and with short facts; of a text of their own, the beginning."""
        own = tuple(cut("\n".join(self.own), 5 * _BRIEF).split("\n")[:20]) if self.own else ()
        rows = tuple(row._replace(value=cut(row.value, _BRIEF)) for row in self.rows)
        page = self.page if units(self.page) <= 5 * _BRIEF else ""
        link = self.acknowledge if units(self.acknowledge) <= 5 * _BRIEF else ""
        return self._replace(rows=rows, blocks=(), cause=cut(self.cause, _BRIEF), page=page, acknowledge=link, own=own)


class Request(NamedTuple):
    """What is sent to the service. url: whole, with whatever it needs to be taken. The body is JSON, unless `headers`
    say otherwise."""

    url: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: Literal["POST", "PUT"] = "POST"


class Answer(NamedTuple):
    """status and the beginning of the body."""

    status: int
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The object that the body is; else an empty one."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def is_page(self) -> bool:
        """Whether it is a page of HTML, as proxies give in place of a service that is away."""
        return self.body.lstrip().startswith(b"<")

    def text(self) -> str:
        """The body as a line."""
        return self.body.decode("utf-8", "replace").strip()


class Fault(NamedTuple):
    """Why a service takes no message, in words that follow what it answered.

    refused: "message": it will never take this one. "channel": it is to be called no more; the channel is disabled.
    """

    words: str
    refused: Refused = ""


class Verdict(NamedTuple):
    """What an answer means. wait: seconds that the body asks for before the next attempt."""

    taken: bool
    words: str = ""
    refused: Refused = ""
    wait: int | None = None


GONE = Fault("it is no longer there", "channel")
# Proxies say so, too, while the server behind them is away: only a word of the service's own means that it is gone.
NOT_THERE = Fault("nothing is there now; is the address right?")
_MOVED = Fault("a redirect, and none is followed; give the address that it leads to")


class MessageKind(ChannelKind):
    """The base of kinds whose notices become messages. A kind makes `request`, and tells by `faults` what answers mean.

    service: its name. faults: by the service's own words for them, or by the status. Only words that stand there are
    shown: who reads the delivery log of a channel is not to read along with whatever answers.
    longest: of a body, in bytes; a longer message is sent in brief. None: the texts have limits that suffice.
    """

    service: ClassVar[str]
    faults: ClassVar[Mapping[str | int, Fault]] = {}
    longest: ClassVar[int | None] = None

    @abstractmethod
    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        """One request for a message. secret: that of the channel."""

    def is_taken(self, answer: Answer) -> bool:
        """Whether an answer of 2xx says, as the service documents it, that the message was taken."""
        return True

    def word(self, answer: Answer) -> str:
        """The service's own word or number for what is wrong."""
        return ""

    def wait(self, answer: Answer) -> float | None:
        """Seconds that the body asks for before the next attempt."""
        return None

    def verdict(self, answer: Answer) -> Verdict:
        """What an answer means."""
        fine = 200 <= answer.status < 300
        if fine and self.is_taken(answer):
            return Verdict(True)
        word, told = self.word(answer), f"{self.service} answered {answer.status}"
        fault = self.faults.get(word)
        if fault is not None:
            told = f"{told} ({word})"
        elif fine:
            fault = Fault(f"this is no answer of {self.service}'s; is the address right?")
        else:
            fault = GONE if answer.status == 410 else _MOVED if 300 <= answer.status < 400 else Fault("")
            # What a page of HTML says is not the service's.
            if not answer.is_page():
                fault = self.faults.get(answer.status, fault)
        seconds = self.wait(answer)
        return Verdict(
            taken=False,
            words=f"{told}: {fault.words}" if fault.words else told,
            refused=fault.refused,
            wait=None if seconds is None else int(min(max(seconds, 0), 10**9)) + 1,
        )


def encoded(content: Mapping[str, Any]) -> bytes:
    """A body of JSON; what is None or empty is left out."""
    return msgspec.json.encode({name: value for name, value in content.items() if value not in (None, "", (), [], {})})


def seconds_of(value: object) -> float | None:
    """A number that an answer has; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(max(0, min(value, 10**12)))


def units(text: str) -> int:
    """The length of a text as services count it: UTF-16 code units, of which a character has one or two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2


def cut(text: str, most: int) -> str:
    """A text in at most so many UTF-16 code units."""
    if units(text) <= most:
        return text
    kept = text.encode("utf-16-le", "replace")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return f"{kept.rstrip()}…"


def cut_front(text: str, most: int) -> str:
    """The end of a text, which tells most of an output, in at most so many UTF-16 code units."""
    if units(text) <= most:
        return text
    kept = text.encode("utf-16-le", "replace")[-2 * (most - 1) :].decode("utf-16-le", "ignore")
    return f"…{kept.lstrip()}"


def plain(message: Message, most: int, *, page: bool = True) -> str:
    """Everything but what `says` says, a line each, in at most so many code units; links are kept whole.

    page: with the page to look at.
    """
    lines = [message.tells("test")] if message.test else []
    lines += message.own
    lines += [f"{row.label}: {row.value}" for row in message.rows]
    for block in message.blocks:
        lines += ["", f"{block.title}:", *block.lines]
    link = f"\n{message.tells('acknowledge_button')}: {message.acknowledge}"
    named = not message.acknowledge or any(message.acknowledge in line for line in message.own)
    end = "" if named or units(link) >= most // 2 else link
    if page and message.page and units(message.page) + units(end) < most // 2:
        end = f"\n{message.page}{end}"
    return cut("\n".join(lines).strip(), most - units(end)) + end


def is_url(text: str) -> bool:
    """Whether a text is nothing but an http URL that no markup can take for more."""
    return text.startswith(("http://", "https://")) and not any(each in text for each in " <>()[]|`\"'\\")


def html(text: str) -> str:
    """A text in HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
