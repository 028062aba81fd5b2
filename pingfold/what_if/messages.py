"""What a web process asks the process that answers a question, and what it gets back."""

from msgspec import Struct

from schemas.what_if.answers import Answer
from schemas.what_if.questions import Question


class Asked(Struct, frozen=True):
    """most: so many events are read at most. seconds: the process ends after so long."""

    question: Question
    most: int
    seconds: int


class Answered(Struct, frozen=True):
    """answer: None: there is none, and `refused` says why. again: the same question may have one later."""

    answer: Answer | None = None
    refused: str = ""
    again: bool = False
