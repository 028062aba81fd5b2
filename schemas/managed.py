"""Which set of declarations a thing belongs to (docs/apply.md). Pure."""

from typing import Annotated

from msgspec import Meta

MOST_CHARACTERS = 100
ManagedBy = Annotated[
    str,
    Meta(
        max_length=MOST_CHARACTERS,
        pattern=r"^[a-z0-9_-]*\Z",
        description="The set of declarations (`pingfold apply`) that it was made by; empty: none. Pingfold's own.",
    ),
]
