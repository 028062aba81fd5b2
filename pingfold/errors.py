"""The exceptions that end a command or a start of Pingfold."""

from schemas.rejections import RejectionCode


class PingfoldError(Exception):
    """Something that people can mend: print the message, which says what to do, without a traceback, and end."""


class CommandFailed(PingfoldError):
    """The command could not be carried out."""


class RequestRefused(CommandFailed):
    """The `projects` fold has rejected a request; `code` says why."""

    def __init__(self, message: str, code: RejectionCode) -> None:
        super().__init__(message)
        self.code = code
