"""Decisions of the `projects` fold about message templates, which every partition of deliveries gets. Pure.

The channels of a template must belong to its project at the time of the request. A deleted channel is removed from its
templates. A template that loses its last channel this way is deleted, because it would otherwise apply to all channels.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import EVERY, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.of_projects import OfProjects, must_be_channels
from schemas.base import Micros
from schemas.definitions import Channel, Project, definition_key
from schemas.message_templates import (
    MOST_CHARACTERS,
    MOST_TEMPLATES,
    MessageTemplate,
    TemplateCreate,
    TemplateDefined,
    TemplateDelete,
    TemplateFields,
    TemplateRemoved,
    TemplateUpdate,
)
from schemas.rejections import RejectionCode
from schemas.topics import DELIVERIES


class ProjectTemplates:
    """The templates of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        self._of = OfProjects(view, MessageTemplate)

    def create(self, request: TemplateCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id)
        if "name" not in wanted:
            raise InvalidEvent("a message template needs a name")
        template = MessageTemplate(id=request.id, project=project.id, version=1, created=at, revised=at, **wanted)
        if self._index.is_there(template):
            return [decision(request, "found", template.id, self._view.get(definition_key(template)).version)]
        if self._of.count(project.id) >= MOST_TEMPLATES:
            raise RequestRejected(RejectionCode.LIMIT_REACHED, f"a project has at most {MOST_TEMPLATES} templates")
        self._must_have_room(template)
        self._view.put(definition_key(template), template)
        return [_told(template, project, at), decision(request, "made", template.id, 1)]

    def change(self, request: TemplateUpdate, project: Project, at: Micros) -> list[Effect]:
        template = self._index.template(project.id, request.id)
        wanted = self._wanted(request.fields, project.id)
        if replace(template, **wanted) == template:
            return [decision(request, "updated", template.id, template.version)]
        changed = replace(template, version=template.version + 1, revised=at, **wanted)
        if changed.size > template.size:
            self._must_have_room(changed)
        self._view.put(definition_key(changed), changed)
        return [_told(changed, project, at), decision(request, "updated", changed.id, changed.version)]

    def delete(self, request: TemplateDelete, project: Project, at: Micros) -> list[Effect]:
        template = self._index.template(project.id, request.id)
        return [self._remove(template, at), decision(request, "removed", template.id, template.version)]

    def take_off(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is removed."""
        effects: list[Effect] = []
        project = self._view.get(f"project/{channel.project}")
        for template in self._of.of(channel.project):
            left = tuple(each for each in template.channels if each != channel.id)
            if left == template.channels:
                continue
            if not left:
                effects.append(self._remove(template, at))
                continue
            changed = replace(template, version=template.version + 1, revised=at, channels=left)
            self._view.put(definition_key(changed), changed)
            effects.append(_told(changed, project, at))
        return effects

    def renamed(self, project: Project, at: Micros) -> list[Effect]:
        """A project has another name: deliveries know it by the project's templates."""
        return [_told(template, project, at) for template in self._of.of(project.id)]

    def _remove(self, template: MessageTemplate, at: Micros) -> Effect:
        self._view.delete(definition_key(template))
        return Effect(DELIVERIES, template.id, TemplateRemoved(at=at, id=template.id), EVERY)

    def _must_have_room(self, template: MessageTemplate) -> None:
        """Refuse a template that is longer than what is left by the others of its project."""
        if sum(each.size for each in (template, *self._of.beside(template))) > MOST_CHARACTERS:
            words = f"the templates of a project have at most {MOST_CHARACTERS} characters together"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)

    def _wanted(self, fields: TemplateFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        must_be_channels(self._view, project, wanted.get("channels", ()))
        return wanted


def _told(template: MessageTemplate, project: Project | None, at: Micros) -> Effect:
    name = "" if project is None else project.name
    return Effect(DELIVERIES, template.id, TemplateDefined(at=at, template=template, project_name=name), EVERY)
