"""How Faust logs in to Kafka."""

import faust
from faust.types.auth import CredentialsT

from infra.log.cluster import security_of, tls_context


def faust_credentials(bootstrap: str) -> CredentialsT | None:
    """What `infra.log.cluster` knows, as Faust wants it. Raises `OSError` when a certificate or key cannot be read."""
    security, context = security_of(bootstrap), tls_context(bootstrap)
    if "sasl.mechanism" in security:
        return faust.SASLCredentials(
            username=security.get("sasl.username"),
            password=security.get("sasl.password"),
            mechanism=security["sasl.mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
