"""Message templates: how a project words its messages itself, in place of the sentences of ours. Pure.

A template is a title and a text in the language of templates Liquid (docs/templates.md), for some notices and channels
or for all. Whether it can be rendered is for others to say: no fold parses one, so no fold depends on a version of the
library. What is told by one is kept with the delivery (`schemas.deliveries.Delivery.wording`), so that each attempt
sends the same.
"""

from typing import Annotated, Any, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.base import Fact, Micros
from schemas.notices import AnyNotice
from schemas.request_base import Request

# So many templates a project may have, and so long may all of them be together: each partition keeps a copy.
MOST_TEMPLATES = 50
MOST_CHARACTERS = 40_000
MOST_CHANNELS = 100
LONGEST_TITLE, LONGEST_TEXT = 300, 4_000

TemplateName = Annotated[str, Meta(min_length=1, max_length=100)]
TemplateTitle = Annotated[str, Meta(max_length=LONGEST_TITLE)]
TemplateText = Annotated[str, Meta(max_length=LONGEST_TEXT)]
TemplateNotices = Annotated[tuple[AnyNotice, ...], Meta(max_length=40)]
TemplateChannels = Annotated[tuple[str, ...], Meta(max_length=MOST_CHANNELS)]


class MessageTemplate(Fact, tag="template", frozen=True):
    """A template. notices: those that use it; empty: all. channels: ids of those that use it; empty: all.

    title: of the message, the subject of a mail; text: the rest of it; empty: Pingfold's own.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: TemplateName
    notices: TemplateNotices = ()
    channels: TemplateChannels = ()
    title: TemplateTitle = ""
    text: TemplateText = ""

    @property
    def size(self) -> int:
        """How long it is, for the limit of a project."""
        return len(self.title) + len(self.text)


class TemplateDefined(Fact, tag="template.defined", frozen=True):
    """A template was created or changed. Sent to every partition. project_name: that of its project."""

    at: Micros
    template: MessageTemplate
    project_name: str = ""


class TemplateRemoved(Fact, tag="template.removed", frozen=True):
    """A template was removed. Sent to every partition."""

    at: Micros
    id: str


class TemplateCopy(Fact, tag="template-definition", frozen=True):
    """The `deliveries` fold's own copy of a template."""

    template: MessageTemplate
    project_name: str = ""


class Wording(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a delivery is worded by, as it was when it was requested. name: of the template, `project` that of its
    project."""

    name: str
    title: str = ""
    text: str = ""
    project: str = ""


class TemplateFields(Fact, tag=False, frozen=True):
    """The fields of a template that a request sets; fields that are left out keep their value or default."""

    name: TemplateName | UnsetType = UNSET
    notices: TemplateNotices | UnsetType = UNSET
    channels: TemplateChannels | UnsetType = UNSET
    title: TemplateTitle | UnsetType = UNSET
    text: TemplateText | UnsetType = UNSET


class TemplateCreate(Request, tag="template.create", frozen=True):
    """Creates a message template with the candidate `id`."""

    id: str
    fields: TemplateFields


class TemplateUpdate(Request, tag="template.update", frozen=True):
    id: str
    fields: TemplateFields


class TemplateDelete(Request, tag="template.delete", frozen=True):
    id: str


def template_key(template: str) -> str:
    """The key of a template, and of the own copy of a fold."""
    return f"template/{template}"


# A list of many things, and a report, have words of their own: no template would tell all of them.
_NEVER_WORDED = frozenset(
    {"channel.digest", "project.report", "recipient.confirmation", "member.invitation", "status-page.post"}
)


def fitness(template: MessageTemplate, notice: AnyNotice, channel: str) -> int:
    """How well a template fits a notice of a channel: 0, not at all; else the more, the more narrowly it is chosen."""
    if notice in _NEVER_WORDED or (template.notices and notice not in template.notices):
        return 0
    if template.channels and channel not in template.channels:
        return 0
    return 1 + bool(template.notices) + 2 * bool(template.channels)


class Sample(NamedTuple):
    """A template, and a notice to show what it makes of it. data: that of the notice. project: the name of one."""

    notice: AnyNotice
    data: dict[str, Any]
    title: str
    text: str
    language: str = "en"
    timezone: str = "UTC"
    project: str = ""


class Forms(NamedTuple):
    """What a template makes of a notice: title and text of a message, subject, text and HTML of a mail.

    problem: what is wrong with it instead, in words, in a line of a field of it; empty: nothing.
    """

    title: str = ""
    text: str = ""
    mail_subject: str = ""
    mail_text: str = ""
    mail_html: str = ""
    field: str = ""
    line: int = 0
    problem: str = ""
