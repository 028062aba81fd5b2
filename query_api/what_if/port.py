"""What the API needs of what answers questions (`pingfold.what_if.process`)."""

from typing import Protocol

from query_api.errors import QueryApiError
from schemas.what_if.questions import Question


class NoAnswer(QueryApiError):
    """There is no answer: tell the client the text.

    retry_after: in so many seconds there may be one; None: not to this question, or not by this API.
    """

    def __init__(self, text: str, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class AnswersQuestions(Protocol):
    """Answers in bounded time, beside everything else that the process does."""

    async def ask(self, question: Question) -> bytes:
        """The answer as clients get it: the JSON of a `WhatIfObject`, which may be long and is not decoded here.

        Raises `NoAnswer`. When it is cancelled, nothing goes on that was begun for it.
        """
