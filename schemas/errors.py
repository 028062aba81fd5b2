"""The base of the exceptions of this package."""


class SchemaError(ValueError):
    """A value that nobody can use: reject what holds it, with the text."""
