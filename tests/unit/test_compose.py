"""The Kafka of the compose file keeps what the embedded one keeps, as safely; no password stands in the file."""

import yaml

from tests.containers.compose import COMPOSE, GIVEN, services
from tests.containers.settings_of_kafka import COMPOSE_KAFKA, EMBEDDED_KAFKA, OF_THE_MACHINE


def test_settings_agree() -> None:
    """But for those that fit the embedded broker to its one small machine: a new setting is either of these."""
    shared = {name: value for name, value in EMBEDDED_KAFKA.items() if name not in OF_THE_MACHINE}
    assert shared
    assert {name: COMPOSE_KAFKA.get(name) for name in shared} == shared


def test_nothing_is_excepted_that_is_not_set() -> None:
    assert set(EMBEDDED_KAFKA) >= OF_THE_MACHINE


def test_every_password_is_asked_of_the_environment() -> None:
    """`docker compose` ends with what stands behind `:?` when there is none."""
    written = yaml.safe_load(COMPOSE.read_text())["services"]
    secret = {
        (service, name): value
        for service, settings in written.items()
        for name, value in settings["environment"].items()
        if "PASSWORD" in name or "JAAS" in name
    }
    assert len(secret) == 3
    for place, value in secret.items():
        assert any(f"${{{name}:?set it to a password" in value for name in GIVEN), place
        assert 'password="$' in value if "JAAS" in place[1] else value.startswith("$"), place
    put_in = services()
    assert put_in["clickhouse"]["environment"]["CLICKHOUSE_PASSWORD"] == GIVEN["PINGFOLD_CLICKHOUSE_PASSWORD"]
    assert put_in["kafka"]["environment"]["KAFKA_LISTENER_NAME_BROKER_PLAIN_SASL_JAAS_CONFIG"] == (
        'org.apache.kafka.common.security.plain.PlainLoginModule required username="pingfold" '
        'password="of-kafka-in-a-test" user_pingfold="of-kafka-in-a-test";'
    )
