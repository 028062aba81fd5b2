"""Texts of others as they are shown to people: nothing in them moves a cursor, sets colours, or hides what follows.

Pure. What a terminal would act on (control characters, marks that turn the direction of writing, halves of surrogate
pairs) is replaced by U+FFFD, the sign for what cannot be shown.
"""


def printable(text: str) -> str:
    """A text of one line of which every character can be printed."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def quoted(text: str, longest: int = 50) -> str:
    """The beginning of a text, in quotation marks; dots say that there is more."""
    return f'"{printable(text[:longest])}"' + ("..." if len(text) > longest else "")
