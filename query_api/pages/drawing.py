"""A badge is drawn: a title and a word on a colour, as a small SVG."""

from jinja2 import Environment, PackageLoader

from query_api.pages.lettering import cut, plain, width

SVG = "image/svg+xml; charset=utf-8"
# Headers of what strangers open: nothing in it runs, nothing is loaded. It may stand in a frame of any page: there is
# nothing on it that a click could do.
SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    ),
    "X-Content-Type-Options": "nosniff",
}
# The same with pictures that are in the page itself, and with a form that changes nothing by a click alone.
SAFE_WITH_FORM = SAFE | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors *"
    )
}
GREEN, AMBER, RED, GREY = "#2b8a3e", "#b35c00", "#c92a2a", "#667383"

_LONGEST_TITLE = 40
_WIDEST_TITLE = 300  # pixels
_MARGINS = 12
# Of a title of which nothing can be drawn.
_NAMELESS = "status"

_template = Environment(loader=PackageLoader("query_api.pages"), autoescape=True).get_template("badge.svg")


def drawn(title: str, word: str, colour: str) -> bytes:
    """The SVG. A long title is cut."""
    title = cut(" ".join(plain(title).split()), _LONGEST_TITLE, _WIDEST_TITLE)
    if not width(title):
        title = _NAMELESS
    left, right = round(width(title)) + _MARGINS, round(width(word)) + _MARGINS
    return _template.render(title=title, word=word, colour=colour, left=left, right=right).encode()
