"""The JSON object in the body of a request: one reader for all APIs, each of which has its own words for what is wrong.

JSON is UTF-8, with a byte order mark or without; UTF-16 and UTF-32 are told by their first bytes. `Content-Type` says
nothing: clients leave it out, or call JSON a form. A body may be packed by gzip; what it unpacks to is bounded as well.
"""

import json
from codecs import BOM_UTF8
from enum import Enum
from typing import Any

import msgspec
from fastapi import Request

from infra.http_server.gunzip import CODINGS, PLAIN, Gunzip, NotGzip
from query_api.errors import QueryApiError
from query_api.http.bodies import LIMITS

_UTF8 = ("utf-8", "utf-8-sig")


class Fault(Enum):
    """What is wrong with a body."""

    TOO_LARGE = "too large"
    CODING = "packed by what is not read here"
    BROKEN = "not what it says it is packed by"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "JSON, but no object"


class BadBody(QueryApiError):
    """A body that cannot be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault

    @property
    def status(self) -> int:
        """The status that says so, in every API."""
        return {Fault.TOO_LARGE: 413, Fault.CODING: 415}.get(self.fault, 400)

    @property
    def headers(self) -> dict[str, str] | None:
        """What the client may do instead."""
        return {"Accept-Encoding": "gzip, identity"} if self.fault is Fault.CODING else None


async def read_body(request: Request, known: bool = True) -> bytes:
    """The body, unpacked. known: the key of whoever sends it is known; all others may send little, unpacked too.

    Raises `BadBody`.
    """
    most = LIMITS.known if known else LIMITS.strangers
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadBody(Fault.TOO_LARGE)
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding in PLAIN or not body:
        return bytes(body)
    if coding not in CODINGS:
        raise BadBody(Fault.CODING)
    return _unpacked(bytes(body), most)


def _unpacked(packed: bytes, most: int) -> bytes:
    unpacked, gunzip = bytearray(), Gunzip()
    try:
        for piece in gunzip.unpack(packed):
            unpacked += piece
            if len(unpacked) > most:
                raise BadBody(Fault.TOO_LARGE)
    except NotGzip:
        raise BadBody(Fault.BROKEN) from None
    if not gunzip.is_complete:
        raise BadBody(Fault.BROKEN)
    return bytes(unpacked)


def json_object(body: bytes) -> dict[str, Any]:
    """The object that a body holds. Of a name that stands twice the last counts. Raises `BadBody`."""
    try:
        value = msgspec.json.decode(_as_utf8(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadBody(Fault.NOT_JSON) from None
    if not isinstance(value, dict):
        raise BadBody(Fault.NOT_AN_OBJECT)
    return value


def begins_object(body: bytes) -> bool:
    """Whether a body of an unknown type can only be meant as a JSON object or list: no form begins so."""
    return body.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"[") or json.detect_encoding(body) not in _UTF8


def _as_utf8(body: bytes) -> bytes:
    encoding = json.detect_encoding(body)
    return body if encoding == "utf-8" else body.decode(encoding).encode()
