"""What the API needs of what answers questions (`pingfold.what_if.process`)."""

from typing import Protocol

from query_api.errors import QueryApiError
from schemas.what_if.answers import Answer
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

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises `NoAnswer`."""
