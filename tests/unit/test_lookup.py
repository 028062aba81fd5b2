"""Looking things up in a replica: nothing is denied that was committed before the question, or is there by the end."""

from collections.abc import Callable

import pytest

from infra.log.lookup import NotCaughtUp, look_again, look_up


class Replica:
    """Catches up when it is asked to, if it `can`; `arriving` runs meanwhile."""

    def __init__(self, can: bool, arriving: Callable[[], None] = lambda: None) -> None:
        self.can, self.arriving, self.looks = can, arriving, 0

    async def caught_up(self, timeout: float) -> bool:
        self.looks += 1
        self.arriving()
        return self.can


async def test_what_is_known_costs_no_look_at_the_log() -> None:
    replica = Replica(can=False)
    assert await look_up(replica, lambda: "there") == "there"
    assert replica.looks == 0


@pytest.mark.parametrize("can", [True, False])
async def test_what_arrives_meanwhile_is_found_whether_or_not_the_end_is_reached(can: bool) -> None:
    known: dict[str, str] = {}
    replica = Replica(can, lambda: known.update(id="there"))
    assert await look_up(replica, lambda: known.get("id")) == "there"
    assert replica.looks == 1


async def test_what_is_not_there_is_unknown_only_when_everything_was_read() -> None:
    known: dict[str, str] = {}

    async def find() -> str | None:
        return known.get("id")

    assert await look_up(Replica(can=True), lambda: known.get("id")) is None
    assert await look_again(Replica(can=True), find) is None
    with pytest.raises(NotCaughtUp):
        await look_up(Replica(can=False), lambda: known.get("id"))
    with pytest.raises(NotCaughtUp):
        await look_again(Replica(can=False), find)
