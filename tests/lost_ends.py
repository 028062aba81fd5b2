"""What the tests of truncated journals share: a project, a channel, a check, and the fold of deliveries."""

import msgspec

from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Effect
from processors.projects.channels import endpoint_of
from schemas.definitions import Channel, Check, Project
from schemas.deliveries import (
    Delivery,
    EndpointDefined,
)
from schemas.ids import derived_id
from schemas.schedules import Simple
from schemas.ticks import Tick
from tests.check_story import CHECK, Story, t
from tests.folding import Folding, Journal

OTHER = derived_id("test", "other")
PROJECT = Project(id="p", name="p", ping_key="k", created=0, webhook_secret="sealed")
HOOK = Channel(id="hook", project="p", kind="webhook", url="https://example.com/", created=0)
NEW = Check(id=OTHER, project="p", version=1, created=t(1), schedule=Simple(60), grace=60)


def check_of(story: Story) -> Check:
    return Check(id=CHECK, project="p", version=story.version, created=t(0), name="Backup", **story.definition)


class Deliveries:
    """A partition of the fold, with the channel `hook`."""

    def __init__(self) -> None:
        self.folding, self.journal = Folding(DeliveriesFold()), Journal()
        self.tell("tick", Tick(slot="ticker", epoch=1, at=t(0), now=t(0)))
        self.tell("hook", EndpointDefined(at=t(0), endpoint=endpoint_of(HOOK, PROJECT)))

    def tell(self, key: str, event: msgspec.Struct) -> list[Effect]:
        return self.folding.feed([self.journal.add(key, event, t(0))])

    @property
    def pending(self) -> list[Delivery]:
        return [record for _, record in self.folding.session.view.items() if isinstance(record, Delivery)]
