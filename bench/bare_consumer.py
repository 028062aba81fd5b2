"""The limit that the fold is compared with: an aiokafka consumer that reads a topic and does nothing with it.

`python -m bench.bare_consumer` reads a `Task` as JSON from stdin, reads every partition from its given offset to its
end (`read_committed`, as the folds do), and prints how many records came in how many seconds, counted from the first.
"""

import asyncio
import sys
import time

import aiokafka
import msgspec
import uvloop

from infra.log.cluster import Cluster, aiokafka_config

_BATCH = 4_000  # as large as the batches of a fold


class Task(msgspec.Struct):
    """security: as librdkafka names it. partitions: number -> (first offset, end)."""

    bootstrap: str
    security: dict[str, str]
    topic: str
    partitions: dict[int, tuple[int, int]]
    timeout: float = 120.0


async def read(task: Task) -> dict[str, float]:
    consumer = aiokafka.AIOKafkaConsumer(
        **aiokafka_config(Cluster(task.bootstrap, task.security)),
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=2**20,
    )
    await consumer.start()
    try:
        assigned = {aiokafka.TopicPartition(task.topic, number): span for number, span in task.partitions.items()}
        consumer.assign(list(assigned))
        for tp, (first, _) in assigned.items():
            consumer.seek(tp, first)
        records = size = first_records = 0
        began = 0.0
        deadline = time.monotonic() + task.timeout
        ends = {tp: end for tp, (first, end) in assigned.items() if first < end}
        while ends and time.monotonic() < deadline:
            found = await consumer.getmany(timeout_ms=500, max_records=_BATCH)
            for tp, messages in found.items():
                records += len(messages)
                for message in messages:
                    size += len(message.value or b"")
                if messages[-1].offset + 1 >= ends.get(tp, 0):
                    ends.pop(tp, None)
            if found and not began:
                began, first_records = time.perf_counter(), records
        seconds = time.perf_counter() - began
    finally:
        await consumer.stop()
    return {
        "records": records,
        "bytes": size,
        "seconds": round(seconds, 3),
        "per_second": round((records - first_records) / seconds, 1),
    }


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task, strict=False)

    async def work() -> dict[str, float]:
        return await asyncio.wait_for(read(task), task.timeout + 30)

    sys.stdout.write(msgspec.json.encode(uvloop.run(work())).decode())


if __name__ == "__main__":
    main()
