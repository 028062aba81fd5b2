"""An acknowledgement in Pingfold reaches the alerts of pagers: folds, sender and the real client, against imitations of
the services on the loopback."""

from typing import Any

import pytest

from schemas.deliveries import DeliveryRequested, EndpointDefined
from schemas.incidents import IncidentAcknowledged
from schemas.notices import DEFAULT_NOTICES
from tests.check_story import Story, t
from tests.folding import of_type
from tests.sender_bench import Bench, bench
from tests.service import serving
from tests.service_channels import endpoint_to
from tests.services import SERVICES


async def deliver(run: Bench, effects: list[Any]) -> list[str]:
    """Let what the fold of the check asked for be delivered; its notices."""
    asked = of_type(effects, DeliveryRequested)
    before = len(run.finished)
    run.feed(*(("c", each) for each in asked))
    count = sum(1 for each in asked for notice in each.notices if notice in TAKEN)
    await run.until(lambda: len(run.finished) >= before + count, 60)
    done = run.finished[before:]
    assert [(one.outcome, one.detail) for one in done] == [("delivered", "")] * count
    return [one.notice for one in done]


# A channel that was made before there were acknowledgements.
TAKEN = (*DEFAULT_NOTICES, "incident.acknowledged")


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_an_alert_is_acknowledged_told_again_after_a_snooze_and_closed(kind: str) -> None:
    story = Story(channels=("c",))
    async with serving(SERVICES[kind]()) as service, bench() as run:
        endpoint = endpoint_to(service, notices=DEFAULT_NOTICES)[0]
        run.feed(("c", EndpointDefined(at=run.now, endpoint=endpoint)))
        assert await deliver(run, story.ping(100, "fail")) == ["monitor.down"]
        [key] = service.open
        said = IncidentAcknowledged(
            at=t(story.time),
            incident=story.state.incident or "",
            request="r",
            by="Ada",
            comment="a new disk",
            until=t(story.time + 600),
        )
        assert await deliver(run, story.tell(said, story.time)) == ["incident.acknowledged"]
        assert service.open[key].startswith("acknowledge")
        told = str(service.taken[-1])
        assert "Ada" in told
        assert "a new disk" in told
        assert await deliver(run, story.tick(story.time + 601)) == ["monitor.down"]
        assert list(service.open) == [key]
        assert await deliver(run, story.ping(story.time + 1)) == ["monitor.recovered"]
        assert service.open == {}
    assert len(service.requests) == 4
