"""What Pingfold and the process of the library tell each other. Pure.

A record is four bytes of length and a msgpack of one struct. The library is asked again and again with all that servers
have answered so far, until it has its verdict: so it keeps nothing, and a process that ends loses nothing.
"""

from typing import Literal

import msgspec

MOST = 8 * 2**20
_LENGTH = 4


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """What a server answered to a request; error: why it did not ("timeout", or any other word)."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""


class Call(msgspec.Struct, array_like=True, frozen=True):
    """A message for the service of a URL. text "": nothing is sent, only the URL is looked at.

    mood: what kind of news it is. answers: to the requests that the library has made for this message, in their order.
    """

    url: str
    title: str = ""
    text: str = ""
    mood: Literal["info", "success", "warning", "failure"] = "info"
    answers: tuple[Answer, ...] = ()


class HttpRequest(msgspec.Struct, array_like=True, frozen=True):
    """A request that the library wants to be made. verify: whether the certificate of the server must be valid."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    verify: bool = True


class Verdict(msgspec.Struct, array_like=True, frozen=True):
    """What the library says: it wants a `request`; or the service has `taken` the message, or not.

    problem: why it did nothing at all. The texts are ours, and hold nothing of the URL.
    """

    request: HttpRequest | None = None
    taken: bool = False
    problem: str = ""


def packed(message: msgspec.Struct) -> bytes:
    """A record."""
    whole = msgspec.msgpack.encode(message)
    return len(whole).to_bytes(_LENGTH, "big") + whole


def length_of(head: bytes) -> int:
    """How many bytes follow. Raises `ValueError` for more than a record may have."""
    length = int.from_bytes(head, "big")
    if len(head) != _LENGTH or length > MOST:
        raise ValueError("not the head of a record")
    return length
