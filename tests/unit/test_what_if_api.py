"""The question about what would have been over REST: whose things, which keys, and what is said when there is none."""

from typing import Any

import pytest

from query_api.what_if.port import NoAnswer
from tests.harness import Harness
from tests.poppaping_client import OTHERS_KEY, V1, fault, made, with_key

PATH = f"{V1}/what-if"


async def test_the_things_of_another_project_are_not_found() -> None:
    harness = with_key(Harness())
    monitor = await made(harness)
    good = await harness.client.post(PATH, json={"thing": monitor["id"], "set": {"confirmations": 3}})
    assert good.status_code == 200, good.text
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    answer = await harness.client.post(PATH, json={"thing": monitor["id"]}, headers=others)
    assert fault(answer) == (404, "not_found")
    answer = await harness.client.post(PATH, json={"thing": "project"}, headers=others)
    assert fault(answer) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"things": "project"},
        {"thing": 5},
        {"set": ["grace"]},
        {"set": {"grace": {"seconds": 5}}},
        {"set": {f"s{n}": 1 for n in range(31)}},
        {"sweep": {"grace": [1, 2]}},
        {"sweep": "grace=5m..1h/0"},
        {"since": None},
        {"since": "x" * 501},
        {"until": "2999-01-01"},
        {"short": 300},
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    harness = with_key(Harness())
    await made(harness)
    assert fault(await harness.client.post(PATH, json=body)) == (400, "validation_error")


@pytest.mark.parametrize(
    ("refusal", "status", "wait"),
    [
        (NoAnswer("Another question is being answered", 10), (503, "unavailable"), "10"),
        (NoAnswer("9000000 events would have to be read"), (400, "validation_error"), None),
    ],
)
async def test_what_is_said_when_there_is_no_answer(
    refusal: NoAnswer, status: tuple[int, str], wait: str | None
) -> None:
    harness = with_key(Harness())
    monitor = await made(harness)
    harness.questions.refuses = refusal
    answer = await harness.client.post(PATH, json={"thing": monitor["id"]})
    assert fault(answer) == status
    assert answer.json()["message"] == f"{refusal}."
    assert answer.headers.get("retry-after") == wait


async def test_more_events_than_are_read_are_refused() -> None:
    harness = with_key(Harness())
    monitor = await made(harness)
    harness.questions.most = 0
    answer = await harness.client.post(PATH, json={"thing": monitor["id"]})
    assert fault(answer) == (400, "validation_error")
    assert "would have to be read" in answer.json()["message"]
