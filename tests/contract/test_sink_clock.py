"""By the real Kafka's reports the sink knows when each record was appended, and so how wrong its clock is."""

import time
from uuid import uuid4

import pytest
from confluent_kafka.admin import NewTopic

from infra.clock import SYSTEM_CLOCK
from infra.log.admin import admin_client
from infra.log.sink import Sink
from schemas.base import SECOND

pytestmark = pytest.mark.stack


def topic(bootstrap: str, stamped: bool) -> str:
    name = f"clock-{uuid4()}"
    config = {"message.timestamp.type": "LogAppendTime"} if stamped else {}
    admin = admin_client(bootstrap)
    (made,) = admin.create_topics([NewTopic(name, 1, 1, config=config)]).values()
    made.result(20)
    return name


async def test_the_report_tells_when_the_record_was_appended(kafka_bootstrap: str) -> None:
    sink = Sink(kafka_bootstrap)
    before = time.time_ns() // 1000
    stamped = await sink.put(topic(kafka_bootstrap, stamped=True), "k", b"v")
    after = time.time_ns() // 1000
    plain = await sink.put(topic(kafka_bootstrap, stamped=False), "k", b"v")
    await sink.close()
    assert before - 1_000 <= stamped.appended <= after, "Kafka's clock, here ours, in whole milliseconds"
    assert plain.appended == 0


@pytest.mark.parametrize("off", [0, 12 * SECOND, -12 * SECOND])
async def test_the_skew_of_a_clock_is_measured(kafka_bootstrap: str, off: int) -> None:
    sink = Sink(kafka_bootstrap, now=lambda: SYSTEM_CLOCK.real() + off)
    name = topic(kafka_bootstrap, stamped=True)
    for _ in range(20):
        await sink.put(name, "k", b"v")
    skew = sink.skew
    await sink.close()
    assert skew is not None
    assert abs(skew) <= abs(off) + 1_000
    # The quickest of 20 reports took less than a second.
    assert abs(skew - off) < SECOND
