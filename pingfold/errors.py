"""The exceptions that end a command or a start of Pingfold."""


class PingfoldError(Exception):
    """Something that people can mend: print the message, which says what to do, without a traceback, and end."""


class CommandFailed(PingfoldError):
    """The command could not be carried out."""
