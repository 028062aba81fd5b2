"""Slugs made from names, as Django's `slugify` makes them: the slugs of Upmon and of self-hosted copies."""

import re
import unicodedata

MAX_SLUG = 100

_DROPPED = re.compile(r"[^\w\s-]", re.ASCII)
_JOINED = re.compile(r"[-\s]+")


def slugify(name: str) -> str:
    """The slug of a name: "Database Backup" gives `database-backup`.

    To ASCII by compatibility decomposition, what has no ASCII form is dropped; lower case; what is no letter, digit,
    underscore, blank or dash is dropped; rows of blanks and dashes become one dash; dashes and underscores at the ends
    go. A decomposition can be longer than its name: what exceeds the length of a slug is cut off.
    """
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    slug = _JOINED.sub("-", _DROPPED.sub("", text)).strip("-_")
    return slug[:MAX_SLUG].rstrip("-_")
