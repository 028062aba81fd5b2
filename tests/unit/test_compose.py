"""The Kafka of the compose file keeps what the embedded one keeps, as long and as safely."""

from tests.containers.settings_of_kafka import COMPOSE_KAFKA, EMBEDDED_KAFKA, OF_THE_MACHINE


def test_settings_agree() -> None:
    """But for those that fit the embedded broker to its one small machine: a new setting is either of these."""
    shared = {name: value for name, value in EMBEDDED_KAFKA.items() if name not in OF_THE_MACHINE}
    assert shared
    assert {name: COMPOSE_KAFKA.get(name) for name in shared} == shared


def test_nothing_is_excepted_that_is_not_set() -> None:
    assert set(EMBEDDED_KAFKA) >= OF_THE_MACHINE
