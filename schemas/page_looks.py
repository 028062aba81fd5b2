"""How a status page looks: its logo, its colour, the host name of its own. Pure.

A logo is a picture in a `data:` URL, of a kind that browsers draw and that cannot run anything. Its first bytes say
what it is, whatever the URL says.
"""

import re
from base64 import b64decode
from typing import Annotated

from msgspec import Meta

from schemas.errors import SchemaError
from schemas.host_names import InvalidHost, encoded_host

# Of the picture, in bytes; in the URL it takes a third more.
LARGEST_LOGO = 48 * 1024
_LONGEST_LOGO = LARGEST_LOGO * 4 // 3 + 40
Logo = Annotated[str, Meta(max_length=_LONGEST_LOGO)]
Accent = Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")]
Domain = Annotated[str, Meta(max_length=253)]

_DATA = re.compile(r"data:image/(png|jpeg|webp);base64,([A-Za-z0-9+/]+={0,2})\Z")
_HEX = re.compile(r"0x[0-9a-f]*\Z")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+\Z")


class InvalidLook(SchemaError, ValueError):
    """Not such a value. The text completes a sentence about the field that holds it."""


def checked_logo(logo: str) -> str:
    """The logo; "": none. Raises `InvalidLook`."""
    if not logo:
        return logo
    found = _DATA.match(logo)
    if found is None:
        raise InvalidLook(
            "must be a picture as a data: URL: data:image/png;base64,... (or jpeg, webp), without line breaks"
        )
    try:
        content = b64decode(found[2], validate=True)
    except ValueError:
        raise InvalidLook("is no valid base64: encode the file again") from None
    if len(content) > LARGEST_LOGO:
        raise InvalidLook(f"is larger than {LARGEST_LOGO // 1024} KB: make the picture smaller")
    if kind_of_picture(content) != found[1]:
        raise InvalidLook(f"is no {found[1].upper()} picture: the file begins otherwise")
    return logo


def kind_of_picture(content: bytes) -> str:
    """`png`, `jpeg` or `webp`, as its first bytes say; "" for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def checked_domain(domain: str) -> str:
    """A host name as it is compared and stored: lower case, ASCII, without a dot at its end; "": none.

    What people write is made that by `written_domain`. Raises `InvalidLook`.
    """
    if domain and (not _DOMAIN.match(domain) or domain.rpartition(".")[2].isdigit()):
        raise InvalidLook("must be a host name with a dot, such as status.example.org, without a port or a path")
    return domain


def written_domain(domain: str) -> str:
    """`Status.Bücher.example.` as `status.xn--bcher-kva.example`; not for folds, since tables of letters change.

    Raises `InvalidLook`.
    """
    try:
        name = encoded_host(domain).removesuffix(".") if domain else ""
    except InvalidHost as error:
        raise InvalidLook(str(error)) from None
    last = checked_domain(name).rpartition(".")[2]
    if last == "localhost":  # every name below it is this host (RFC 6761)
        raise InvalidLook("must be a host name that others reach, which no name below localhost is")
    if _HEX.match(last):  # browsers take it for an IPv4 address, as they do 192.0.2.0x1
        raise InvalidLook("must be a host name, and not an IP address")
    return name


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours `#rrggbb` (WCAG 2.2), from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour: str) -> str:
    """Black or white: the one that is easier to read on a colour. One of them always has a contrast of 4.5 or more."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, colour))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
