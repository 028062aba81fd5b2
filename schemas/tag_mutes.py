"""Mutes of tags: nobody is told of the heartbeat checks that have one, those that get it later among them. Pure.

`processors.fold.tag_mutes` has the rules.
"""

from typing import Annotated, Literal

from msgspec import Meta

from schemas.base import Fact, Micros
from schemas.ids import derived_id
from schemas.mutes import MuteTime

# So many tags of a project may be muted at a time.
MOST_TAG_MUTES = 100

Tag = Annotated[str, Meta(min_length=1, max_length=500)]
TagMuteUntil = MuteTime | Literal["forever"]


class TagMute(Fact, tag="tag-mute", frozen=True):
    """A tag of the checks of a project is muted. id: derived from both."""

    id: str
    project: str
    version: int
    created: Micros
    label: Tag
    until: TagMuteUntil = "forever"


class TagMuted(Fact, tag="tag.muted", frozen=True):
    """A tag was muted, or the end of its mute was changed. Sent to every partition."""

    at: Micros
    mute: TagMute


class TagUnmuted(Fact, tag="tag.unmuted", frozen=True):
    """A tag was unmuted. Sent to every partition. expired: its time has passed."""

    at: Micros
    id: str
    expired: bool = False


class TagMuteCopy(Fact, tag="tag-mute-definition", frozen=True):
    """A fold's own copy of the mute of a tag."""

    mute: TagMute


def tag_mute_id(project: str, label: str) -> str:
    """The id of the mute of a tag."""
    return derived_id(project, "tag mute", label)


def tag_mute_key(id: str) -> str:
    """The key of the mute of a tag, and of the own copy of a fold."""
    return f"tag-mute/{id}"


def is_tag(text: str) -> bool:
    """Whether a text can be a tag: those of a check are separated by blanks."""
    return bool(text) and text.split() == [text]
