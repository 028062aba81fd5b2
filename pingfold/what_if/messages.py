"""What a web process asks the process that answers a question, and what it gets back."""

from msgspec import Raw, Struct

from schemas.what_if.questions import Question


class Asked(Struct, frozen=True):
    """most: so many events are read at most. seconds: the process ends after so long."""

    question: Question
    most: int
    seconds: int


class Answered(Struct, frozen=True, omit_defaults=True):
    """answer: the JSON of a `WhatIfObject`, which the web process hands on as it is; empty: there is none, and
    `refused` says why. again: the same question may have one later."""

    answer: Raw = Raw()
    refused: str = ""
    again: bool = False
