"""History is written a moment after the log: readers wait for it, and say so when it stays behind.

The writer's committed offsets tell what is in ClickHouse (`infra.log.group_progress`). A reader that must not miss what
it knows of waits at most `WAIT_SECONDS`; then it raises `Behind`, or tells its caller that something may be missing.
"""

from infra.clickhouse.client import ClickHouseUnavailable
from infra.log.group_progress import GroupProgress
from query_api.errors import QueryApiError

WAIT_SECONDS = 1.5


class Behind(QueryApiError, ClickHouseUnavailable):
    """History does not have yet what the caller knows of: wait a moment, or say how old the answer is."""

    def __init__(self) -> None:
        super().__init__("history is being written")


async def is_written(facts: GroupProgress | None, seconds: float = WAIT_SECONDS, partition: int | None = None) -> bool:
    """Wait until history holds all that was committed before this call, in one partition or all; whether it does.

    facts: None: nobody tells, it is taken to be written.
    """
    return facts is None or await facts.reached(seconds, partition)


async def must_be_written(
    facts: GroupProgress | None, seconds: float = WAIT_SECONDS, partition: int | None = None
) -> None:
    """The same. Raises `Behind` when it does not."""
    if not await is_written(facts, seconds, partition):
        raise Behind
