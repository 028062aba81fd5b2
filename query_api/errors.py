"""The bases of the exceptions of this package."""


class QueryApiError(Exception):
    """A request cannot be served as it was made; each class says what its caller should do."""


class ValidationError(QueryApiError):
    """What a client has sent cannot be taken: answer 400, in the form of the API, with the text."""
