"""The address of a Kafka cluster: bootstrap servers, login, and the prefix of Pingfold's names on it.

`Cluster` is a string, the bootstrap servers, so that it can be used and logged like one. The login, under librdkafka's
names, and the prefix are attributes, and never part of the string. `infra.log.connect` creates clients from it.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from infra.embedded.logins import Login
from infra.settings.settings import Settings


class Cluster(str):
    """Bootstrap servers (`host:port`, separated by commas). security: settings of librdkafka.

    prefix: stands before the names of our topics, consumer groups and transactional ids in the cluster.
    """

    __slots__ = ("prefix", "security")
    security: Mapping[str, str]
    prefix: str

    def __new__(cls, servers: str, security: Mapping[str, str] | None = None, prefix: str = "") -> "Cluster":
        made = super().__new__(cls, servers)
        made.security = dict(security or {})
        made.prefix = prefix
        return made

    def at(self, servers: str) -> "Cluster":
        """The same cluster by another address."""
        return Cluster(servers, self.security, self.prefix)


def embedded_cluster(address: str, login: Login, prefix: str = "") -> Cluster:
    """The embedded broker at host:port."""
    return Cluster(
        address,
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": login.user,
            "sasl.password": login.password,
        },
        prefix,
    )


def cluster_of(settings: Settings, servers: str) -> Cluster:
    """An existing cluster, as the settings `PINGFOLD_KAFKA_...` say."""
    if isinstance(servers, Cluster):
        return servers
    return Cluster(servers, settings.kafka_security, settings.kafka_prefix)


def security_of(bootstrap: str) -> Mapping[str, str]:
    """librdkafka's settings of how to log in; none for plain text."""
    return bootstrap.security if isinstance(bootstrap, Cluster) else {}


def prefix_of(bootstrap: str) -> str:
    """What stands before the names of our topics, consumer groups and transactional ids in the cluster."""
    return bootstrap.prefix if isinstance(bootstrap, Cluster) else ""


def client_config(bootstrap: str) -> dict[str, Any]:
    """What every client of confluent-kafka needs to reach a cluster."""
    return {"bootstrap.servers": str(bootstrap), **security_of(bootstrap)}


def aiokafka_config(bootstrap: str) -> dict[str, Any]:
    """The same for clients of aiokafka. Raises `OSError` when a certificate or key cannot be read."""
    security, context = security_of(bootstrap), tls_context(bootstrap)
    config = {
        "security_protocol": security.get("security.protocol"),
        "sasl_mechanism": security.get("sasl.mechanism"),
        "sasl_plain_username": security.get("sasl.username"),
        "sasl_plain_password": security.get("sasl.password"),
        "ssl_context": context,
    }
    return {"bootstrap_servers": str(bootstrap)} | {name: value for name, value in config.items() if value is not None}


def tls_context(bootstrap: str) -> ssl.SSLContext | None:
    """For clients that are no librdkafka; None without TLS. Raises `OSError` when a file cannot be read."""
    security = security_of(bootstrap)
    if not security.get("security.protocol", "").endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    if security.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if certificate := security.get("ssl.certificate.location"):
        context.load_cert_chain(certificate, security.get("ssl.key.location"), security.get("ssl.key.password"))
    return context
