"""The template of a delivery: the most specific match, of several the oldest. Pure.

It is chosen when a delivery begins, and stored with it: later changes do not affect pending deliveries.
"""

import msgspec

from processors.fold.view import View
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Endpoint
from schemas.message_templates import TemplateCopy, TemplateDefined, TemplateRemoved, Wording, fitness, template_key
from schemas.notices import AnyNotice


class Wordings:
    """The copies of templates in one partition. Nothing here is state: the index is made from the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, set[str]] = {}  # ids by project

    def follow(self, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        """A record of the view has changed."""
        if isinstance(old, TemplateCopy):
            self._of[old.template.project].discard(old.template.id)
        if isinstance(new, TemplateCopy):
            self._of.setdefault(new.template.project, set()).add(new.template.id)

    def learn(self, event: TemplateDefined | TemplateRemoved) -> None:
        """Keep a copy, or forget it. An older one than there is comes from a repetition."""
        if isinstance(event, TemplateRemoved):
            if self._view.get(template_key(event.id)) is not None:
                self._view.delete(template_key(event.id))
            return
        copy = self._view.get(template_key(event.template.id))
        if not isinstance(copy, TemplateCopy) or copy.template.version <= event.template.version:
            kept = TemplateCopy(template=event.template, project_name=event.project_name)
            self._view.put(template_key(event.template.id), kept)

    def wording(self, endpoint: Endpoint | None, notice: AnyNotice) -> Wording | None:
        """What words a notice of a channel; None: our own sentences."""
        if endpoint is None or not (ids := self._of.get(endpoint.project)):
            return None
        if not CHANNEL_KINDS[endpoint.kind].read_by_people:
            return None
        copies: list[TemplateCopy] = [self._view.get(template_key(id)) for id in ids]
        fits = [(fitness(copy.template, notice, endpoint.id), copy) for copy in copies]
        found = min(
            ((-fit, copy.template.created, copy.template.id, copy) for fit, copy in fits if fit),
            key=lambda each: each[:3],
            default=None,
        )
        if found is None:
            return None
        template, project = found[3].template, found[3].project_name
        return Wording(name=template.name, title=template.title, text=template.text, project=project)
