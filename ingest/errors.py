"""The base of the exceptions of this package."""


class IngestError(Exception):
    """The world did not answer as it should; each class says what its caller should do."""
