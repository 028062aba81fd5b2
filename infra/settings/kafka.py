"""Which Kafka is used, and how to log in to it: a part of `infra.settings.settings.Settings`."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings

from infra.settings.urls import parse_brokers


def _capitals(value: object) -> object:
    return value.strip().upper() or None if isinstance(value, str) else value


class KafkaSettings(BaseSettings):
    """An existing Kafka; without its servers the embedded one is used."""

    # How to log in to an existing Kafka: librdkafka's settings of these names, with underscores for dots.
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] | None, BeforeValidator(_capitals)
    ] = None
    kafka_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, BeforeValidator(_capitals)
    ] = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = Field(None, repr=False)
    kafka_ssl_ca_location: str | None = None
    kafka_ssl_certificate_location: str | None = None
    kafka_ssl_key_location: str | None = None
    kafka_ssl_key_password: str | None = Field(None, repr=False)
    kafka_ssl_endpoint_identification_algorithm: Literal["https", "none"] | None = None
    # Stands before the names of topics, consumer groups and transactional ids, so that a cluster can be shared.
    kafka_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    kafka_bootstrap_servers: str | None = Field(None, validation_alias="KAFKA_BOOTSTRAP_SERVERS")

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _brokers(cls, value: str | None) -> str | None:
        return None if value is None else parse_brokers(value)

    @cached_property
    def kafka_security(self) -> dict[str, str]:
        """How to log in to an existing Kafka, as librdkafka names it."""
        names = (
            *("security_protocol", "sasl_mechanism", "sasl_username", "sasl_password", "ssl_ca_location"),
            *("ssl_certificate_location", "ssl_key_location", "ssl_key_password"),
            "ssl_endpoint_identification_algorithm",
        )
        found = {name.replace("_", "."): getattr(self, f"kafka_{name}") for name in names}
        return {name: value for name, value in found.items() if value is not None}
