"""Percent-encoding of URLs that people wrote: what may stand in a URL stays as it is. Pure."""

from urllib.parse import quote

# Printable ASCII without the blank. What of these has no place in a part of a URL is sent as it was given all the same.
KEPT = "".join(map(chr, range(33, 127)))


def escaped(text: str | bytes) -> str:
    """Blanks, controls and all that is not ASCII percent-encoded (text as UTF-8), the rest untouched: `%zz`, too."""
    return quote(text, safe=KEPT)
