"""Posts of a status page: what people write about an incident, and what became of it, for those who read the page.

A post's definition stands under `status-post/<id>` in `definitions`. It grows by updates; a text that was changed keeps
what it said before. Its page removed, it is removed too. Sizes are bounded, so that a post fits into one record.
"""

from typing import Annotated, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.base import Fact, Micros
from schemas.request_base import Request

PostState = Literal["investigating", "identified", "monitoring", "resolved"]
POST_STATES: tuple[PostState, ...] = get_args(PostState)

MOST_POSTS = 500
MOST_UPDATES = 40
# Of a whole post, over all of its updates.
MOST_FORMER = 40
MOST_AFFECTED = 100

PostTitle = Annotated[str, Meta(min_length=1, max_length=200)]
PostText = Annotated[str, Meta(min_length=1, max_length=2_000)]
Affected = Annotated[tuple[str, ...], Meta(max_length=MOST_AFFECTED)]


class FormerText(Struct, frozen=True, omit_defaults=True, gc=False):
    """What an update said until `until`."""

    text: str
    until: Micros


class StatusPostUpdate(Struct, frozen=True, omit_defaults=True, gc=False):
    """What was said at a time. former: what it said before it was edited, oldest first."""

    at: Micros
    state: PostState
    text: str
    former: tuple[FormerText, ...] = ()


class StatusPost(Fact, tag="status-post", frozen=True):
    """A post. `version` grows by one with each change; `revised` is the time of the newest change.

    affected: ids of components of the page, including deleted ones, which are not shown.
    updates: oldest first, never empty.
    """

    id: str
    project: str
    page: str
    version: int
    created: Micros
    revised: Micros
    title: str
    updates: tuple[StatusPostUpdate, ...]
    affected: tuple[str, ...] = ()

    @property
    def state(self) -> PostState:
        """What the newest update says."""
        return self.updates[-1].state

    @property
    def resolved(self) -> Micros | None:
        """Since when it is over; None while it is not."""
        return self.updates[-1].at if self.state == "resolved" else None


class PostCreate(Request, tag="status-post.create", frozen=True):
    """Creates a post with the candidate `id` and its first update. notify: mail it to the subscribers of the page."""

    id: str
    page: str
    title: PostTitle
    state: PostState
    text: PostText
    affected: Affected = ()
    notify: bool = True


class PostUpdate(Request, tag="status-post.update", frozen=True):
    """Adds an update to a post. notify: as in `status-post.create`."""

    id: str
    state: PostState
    text: PostText
    notify: bool = True


class PostEdit(Request, tag="status-post.edit", frozen=True):
    """Changes the text of a post, without mails. update: number of the update whose text becomes `text`, from 1."""

    id: str
    title: PostTitle | UnsetType = UNSET
    affected: Affected | UnsetType = UNSET
    update: Annotated[int, Meta(ge=1, le=MOST_UPDATES)] | UnsetType = UNSET
    text: PostText | UnsetType = UNSET


class PostDelete(Request, tag="status-post.delete", frozen=True):
    id: str


PostRequest = PostCreate | PostUpdate | PostEdit | PostDelete
