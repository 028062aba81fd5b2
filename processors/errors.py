"""The base of the exceptions of this package."""


class ProcessorError(Exception):
    """What a fold, the runtime or the sender raises; each class below it says what its caller should do."""
