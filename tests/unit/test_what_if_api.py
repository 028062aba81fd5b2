"""The question about what would have been over REST: whose things, which keys, and what is said when there is none."""

from typing import Any

import pytest

from query_api.what_if.port import NoAnswer
from tests.harness import Harness
from tests.poppaping_client import BODY, OTHERS_KEY, V1, fault, made, with_key

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
        *(
            {"set": {"confirmations": value}}
            for value in (True, -1, 1.5, 10**30, "NaN", "１", "2m", [3], {"a": {"b": 1}})
        ),
        *({"set": {"dependency_wait": value}} for value in (-1, "-0", "1e3", "99999999999999d", 3_601, "0x10", None)),
        {"set": {"": 1}},
        {"set": {"channels": "a\0"}},
        *(
            {"sweep": f"confirmations={values}"}
            for values in ("|||", ",,,", "1..99999999999999999999", "1..2..3", "1../")
        ),
        {"sweep": "confirmations=" + ",".join(map(str, range(100)))},
        {"sweep": "=1"},
        {"since": "9999-12-31T23:59:59+14:00"},
        {"since": "0001-01-01T00:00:00-14:00"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"short": "NaN"},
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    harness = with_key(Harness())
    await made(harness)
    status, code = fault(await harness.client.post(PATH, json=body))
    assert (status, code) in ((400, "validation_error"), (404, "not_found"))
    assert status == 400 or "channels" in body["set"]


@pytest.mark.parametrize(
    "raw", [b'{"thing":"\\ud800"}', b'{"set":{"confirmations":' + b"9" * 6_000 + b"}}", b'{"short":NaN}', b"\xff\xfe"]
)
async def test_a_body_that_is_no_json_is_refused(raw: bytes) -> None:
    harness = with_key(Harness())
    answer = await harness.client.post(PATH, content=raw, headers={"Content-Type": "application/json"})
    assert fault(answer) == (400, "validation_error")


async def test_nothing_of_another_project_can_be_named() -> None:
    harness = with_key(Harness())
    mine = await made(harness)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    monitor = (await harness.client.post(f"{V1}/monitors", json=BODY, headers=others)).json()["data"]["id"]
    channel = harness.make_channel("ops")
    for changes in ({"depends_on": monitor}, {"channels": harness.other}):
        answer = await harness.client.post(PATH, json={"thing": mine["id"], "set": changes})
        assert fault(answer) == (404, "not_found")
    answer = await harness.client.post(PATH, json={"thing": monitor, "set": {"channels": channel}}, headers=others)
    assert fault(answer) == (404, "not_found")


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
