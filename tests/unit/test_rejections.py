"""Why the `projects` fold rejects a request: a closed set of codes, which every API maps without a default."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from infra.settings.settings import Settings
from ingest.ping.responses import PingResponses
from pingfold.commands.rejections import message_of
from query_api.healthchecks.rejections import refusal_of
from query_api.pages.recipients import no_page_of
from query_api.poppaping.rejections import fault_of
from query_api.updown.rejections import error_of
from schemas.base import encode
from schemas.decisions import Decision
from schemas.rejections import Rejection, RejectionCode, rejection_of

# Who answers a rejected request, and what every answer of theirs has: a status, or words.
APIS: dict[str, Callable[[Rejection], Any]] = {
    "Management API": lambda rejection: refusal_of(rejection).status,
    "PoppaPing API": lambda rejection: fault_of(rejection).status,
    "updown API": lambda rejection: error_of(rejection).status,
    "pages": lambda rejection: no_page_of(rejection.code).status,
    "pinging": lambda rejection: PingResponses(Settings(_env_file=None)).rejected(rejection.code).status,
}
KNOWN = [code for code in RejectionCode if code is not RejectionCode.UNKNOWN]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", RejectionCode)
def test_every_api_maps_every_code_to_an_error(api: str, code: RejectionCode) -> None:
    assert APIS[api](Rejection(code, "x")) in (400, 401, 403, 404, 409, 429, 503)


@pytest.mark.parametrize("code", RejectionCode)
def test_the_command_line_has_a_message_for_every_code(code: RejectionCode) -> None:
    assert "x" in message_of(Rejection(code, "x"))


@pytest.mark.parametrize("answers", [*APIS.values(), message_of], ids=[*APIS, "command line"])
def test_a_code_without_an_answer_is_missed(answers: Callable[[Rejection], Any]) -> None:
    class NewCode(str):
        """A code that was added without an answer."""

    class NewRejection(Rejection):
        @property
        def reason(self) -> str:
            return "in words"

    with pytest.raises((AssertionError, KeyError)):  # of `assert_never`, or of a table
        answers(NewRejection(cast(RejectionCode, NewCode("new_code")), "x"))


@pytest.mark.parametrize("code", KNOWN)
@pytest.mark.parametrize("detail", ["", "x", "a: b"])
def test_the_words_say_what_the_code_says(code: RejectionCode, detail: str) -> None:
    rejection = Rejection(code, detail)
    assert rejection_of(rejection.reason) == rejection


@pytest.mark.parametrize(
    ("reason", "code", "detail"),
    [
        ("no such project", RejectionCode.PROJECT_NOT_FOUND, ""),
        ("no such check", RejectionCode.CHECK_NOT_FOUND, ""),
        ("no such monitor", RejectionCode.MONITOR_NOT_FOUND, ""),
        ("no such window", RejectionCode.MAINTENANCE_NOT_FOUND, ""),
        ("no such channel", RejectionCode.CHANNEL_NOT_FOUND, ""),
        ("no such key", RejectionCode.KEY_NOT_FOUND, ""),
        ("no such status page", RejectionCode.STATUS_PAGE_NOT_FOUND, ""),
        ("no such recipient", RejectionCode.RECIPIENT_NOT_FOUND, ""),
        ("wrong kind of channel", RejectionCode.WRONG_CHANNEL_KIND, ""),
        ("wrong kind of key", RejectionCode.WRONG_KEY_KIND, ""),
        ("rotated too often", RejectionCode.ROTATED_TOO_OFTEN, ""),
        ("no such component: x", RejectionCode.COMPONENT_NOT_FOUND, "x"),
        ("exists", RejectionCode.ALREADY_EXISTS, ""),
        ("limit reached", RejectionCode.LIMIT_REACHED, ""),
        ("ambiguous slug", RejectionCode.AMBIGUOUS_SLUG, ""),
        ("depends on itself: x", RejectionCode.DEPENDENCY_LOOP, "x"),
        ("another monitor has this target: x", RejectionCode.TARGET_TAKEN, "x"),
        ("depends on no such monitor: x", RejectionCode.DEPENDENCY_NOT_FOUND, "x"),
        ("invalid channel identifier: x: y", RejectionCode.CHANNEL_IDENTIFIER_INVALID, "x: y"),
        ("non-unique channel identifier: x", RejectionCode.CHANNEL_IDENTIFIER_AMBIGUOUS, "x"),
        ("empty channel identifier", RejectionCode.CHANNEL_IDENTIFIER_EMPTY, ""),
        ("too many requests to confirm", RejectionCode.TOO_MANY_CONFIRMATIONS, ""),
        ("words of another version", RejectionCode.UNKNOWN, "words of another version"),
    ],
)
def test_decisions_that_have_only_words_still_decode(reason: str, code: RejectionCode, detail: str) -> None:
    recorded = msgspec.json.encode({"type": "decision", "request": "r", "outcome": "refused", "reason": reason})
    decision = msgspec.json.decode(recorded, type=Decision)
    assert decision.rejection == Rejection(code, detail)
    assert decision.rejection.reason == reason


def test_a_code_of_a_newer_version_is_told_in_its_words() -> None:
    newer = b'{"type":"decision","request":"r","outcome":"refused","reason":"too late","code":"too_late","detail":"x"}'
    decision = msgspec.json.decode(newer, type=Decision)
    assert decision.rejection == Rejection(RejectionCode.UNKNOWN, "too late")
    assert decision.rejection.reason == "too late"


def test_what_is_not_refused_has_no_rejection() -> None:
    made = Decision(request="r", outcome="made", id="x", version=1)
    assert made.rejection is None
    assert b"code" not in encode(made)
