"""Errors of the updown API: `{"error": sentence}`, whatever went wrong. Clients show the sentence to people.

What is wrong with parameters is 400, one sentence for each, in the order of the fields, joined by commas. Each ends
with the value that was given: `Period is not included in the list (given: 45)`.
"""

from http import HTTPStatus

import msgspec
from fastapi import Response

from query_api.http.refusals import ApiError, json_answer

# So much of a value is told back.
_LONGEST = 200
_NAMES = {"url": "URL", "apdex_t": "Apdex T", "http_verb": "HTTP verb", "http_body": "HTTP body"}


class UpdownError(ApiError):
    """Ends a request with a sentence."""


class UpdownConflict(UpdownError):
    """What a change was made from has changed meanwhile: read it again, and make the change from that."""


def error_form(status: int, words: str | None, headers: dict[str, str] | None = None) -> Response:
    """An error that no route of this API has made; it has words, too, because clients parse every answer."""
    return json_answer({"error": sentence(words or HTTPStatus(status).phrase)}, status, headers)


def sentence(words: str) -> str:
    """Words with a capital letter in front."""
    return words[:1].upper() + words[1:]


def label(name: str) -> str:
    """A parameter as sentences name it."""
    return _NAMES.get(name) or name.replace("_", " ").capitalize()


def fault(name: str, problem: str, given: object) -> str:
    """What is wrong with a parameter: `URL is not valid (given: "x")`."""
    return f"{label(name)} {problem} (given: {_shown(given)})"


def _shown(given: object) -> str:
    text = msgspec.json.encode(given).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
