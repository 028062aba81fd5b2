"""A consumer that no longer finds its broker does not pass for an idle one."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from infra.log.clients import Pulse
from infra.process.liveness import Liveness


class Asked:
    def __init__(self) -> None:
        self.finds = True
        self.questions = 0

    def list_topics(self, topic: str, timeout: float) -> None:
        self.questions += 1
        if not self.finds:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_consumer_that_finds_its_broker_no_more_makes_no_progress() -> None:
    now = [0.0]
    consumer: Any = Asked()
    activity = Liveness().activity("replica", needs=("kafka",))
    pulse = Pulse(activity, "pings", lambda: now[0])

    def pass_time(seconds: int, came: bool = False) -> int:
        """How often it beat meanwhile."""
        before = activity.beats
        for _ in range(seconds):
            now[0] += 1.0
            pulse.turn(consumer, came)
        return activity.beats - before

    assert pass_time(60, came=True) == 60
    assert consumer.questions == 0, "what brings something is not asked"
    assert pass_time(60) == 60
    assert consumer.questions == 6
    consumer.finds = False
    pass_time(10)
    assert pass_time(60) == 0
    assert pass_time(1, came=True) == 1
    pass_time(15)
    consumer.finds = True
    pass_time(10)
    assert pass_time(30) == 30
