"""The base of the exceptions of this package."""


class InfraError(Exception):
    """Kafka, ClickHouse, a secret, an address or a port cannot be used; each class says what its caller should do."""
