"""A badge is drawn: a title and a word on a colour, as a small SVG."""

import re

from jinja2 import Environment, PackageLoader

SVG = "image/svg+xml; charset=utf-8"
# Headers of what strangers open: nothing in it runs, nothing is loaded. It may stand in a frame of any page: there is
# nothing on it that a click could do.
SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    ),
    "X-Content-Type-Options": "nosniff",
}
GREEN, AMBER, RED, GREY = "#2b8a3e", "#b35c00", "#c92a2a", "#667383"

# XML cannot hold these, whatever the escape.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_LONGEST_TITLE = 40
_LETTER = 6.6  # pixels, about, of 11 px Verdana and its like

_template = Environment(loader=PackageLoader("query_api.pages"), autoescape=True).get_template("badge.svg")


def drawn(title: str, word: str, colour: str) -> bytes:
    """The SVG. A long title is cut."""
    title = NOT_XML.sub("", title)
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1] + "…"
    left, right = (round(len(text) * _LETTER) + 12 for text in (title, word))
    return _template.render(title=title, word=word, colour=colour, left=left, right=right).encode()
