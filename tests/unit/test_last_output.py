"""What the job of a check said last stands in the notices that it is down: bounded, readable, of its run."""

from typing import Any
from unicodedata import ucd_3_2_0

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.checks.outputs import output_data
from processors.sender.notice_body import render_body
from schemas.check_states import CheckState
from schemas.deliveries import DeliveryRequested
from schemas.outputs import HEAD, TAIL, output_of, readable
from schemas.pings import Ping
from schemas.published import schema_of
from tests.check_story import A, B, Story, t
from tests.folding import of_type

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def told(effects: Any) -> list[dict[str, Any] | None]:
    """The output in each request for a delivery."""
    return [request.data["monitor"].get("last_output") for request in of_type(effects, DeliveryRequested)]


def texts(effects: Any) -> list[str | None]:
    return [None if one is None else one["text"] for one in told(effects)]


def kept(story: Story) -> str | None:
    """What the state holds."""
    return None if story.state.output is None else story.state.output.head


def test_the_body_of_the_ping_that_failed_is_told() -> None:
    story = Story()
    story.ping(10)
    effects = story.ping(75, "fail", exitstatus=3, rid=A, body="disk full\n")
    assert told(effects) == [
        {
            "text": "disk full\n",
            "kind": "fail",
            "received_at": "2024-01-01T00:01:15+00:00",
            "exit_status": 3,
            "rid": A,
            "left_out": 0,
        }
    ]
    [request] = of_type(effects, DeliveryRequested)
    assert request.about is not None
    assert isinstance(request.about.state, CheckState)
    assert request.about.state.output is None  # once is enough
    assert texts(story.ping(80)) == [None]  # the recovery
    assert story.state.output is None


def test_an_exit_status_makes_a_success_a_failure_and_its_body_the_output() -> None:
    story = Story()
    assert texts(story.ping(10, exitstatus=1, body="Traceback")) == ["Traceback"]


def test_without_a_body_of_its_own_a_failure_tells_what_its_run_said_before() -> None:
    story = Story()
    story.ping(10, "start", body="begins")
    story.ping(20, "log", body="step 1")
    story.ping(30, "log", body=" \n")
    assert texts(story.ping(40, "fail")) == ["step 1"]


def test_a_run_that_does_not_end_tells_its_log() -> None:
    story = Story(run_limit=60)
    story.ping(10, "start")
    story.ping(20, "log", body="waiting for the lock")
    assert texts(story.tick(200)) == ["waiting for the lock"]


def test_another_run_tells_nothing() -> None:
    story = Story(run_limit=60)
    story.ping(10, "start", rid=A, body="of a")
    story.ping(12, "log", rid=B, body="of b")
    assert texts(story.tick(200)) == [None]
    other = Story()
    other.ping(10, "log", rid=A, body="of a")
    assert texts(other.ping(12, "fail", rid=B)) == [None]


def test_a_success_ends_what_was_said_and_a_missed_run_tells_nothing() -> None:
    story = Story()
    story.ping(10, "log", body="half way")
    assert kept(story) == "half way"
    story.ping(20, body="all well")
    assert kept(story) is None
    story.ping(30)
    assert texts(story.tick(7_200)) == [None]


def test_pausing_and_resuming_forget_it() -> None:
    story = Story()
    story.ping(10, "fail", body="x")
    story.pause(20)
    assert kept(story) is None
    story.ping(30, "log", body="y")
    assert kept(story) == "y"
    story.resume(40)
    assert kept(story) is None


def test_reminders_and_the_end_of_a_mute_tell_the_newest() -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "fail", body="first")
    story.ping(60, "fail", body="second")
    assert texts(story.tick(20_000)) == ["second"]
    muted = Story(mute_until=t(100))
    muted.ping(10)
    assert texts(muted.ping(20, "fail", body="kept")) == []
    assert texts(muted.tick(200)) == ["kept"]


def test_while_a_check_is_down_only_a_failure_replaces_what_is_told() -> None:
    story = Story()
    story.ping(10)
    story.ping(20, "fail", body="disk full")
    story.ping(60, "start", body="starting backup")
    story.ping(61, "log", body="step 1")
    assert texts(story.tick(20_000)) == ["disk full"]
    story.ping(20_010, "fail", body="still full")
    assert texts(story.tick(40_000)) == ["still full"]
    missed = Story()
    missed.ping(10)
    missed.tick(7_200)
    missed.ping(7_300, "log", body="starting backup")
    assert kept(missed) is None


def test_a_dead_letter_that_is_put_back_says_nothing() -> None:
    story = Story()
    story.ping(10, "log", body="late", retried=True)
    assert story.state.output is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", "red x"),
        ("a\x00b\x07c\u202ed\u2028e", "a\ufffdb\ufffdc\ufffdd e"),
        ("tab\there\u00a0and é 日本", "tab\there and é 日本"),
        ("\x1b", "\ufffd"),
        ("\x1b]0;no end\nthe reason", "\nthe reason"),
        ("not yet in tables \U0003fff0", "not yet in tables \U0003fff0"),
    ],
)
def test_what_steers_terminals_is_not_told(body: str, text: str) -> None:
    assert readable(body) == text


@given(st.text(max_size=30) | st.text(min_size=900, max_size=3_000) | st.binary(max_size=3_000))
def test_what_is_kept_is_bounded_and_fit_to_be_shown(body: str | bytes) -> None:
    ping = Ping(kind="fail", body=body) if isinstance(body, str) else Ping(kind="fail", body_base64=body)
    output = output_of(ping, "fail", 0)
    if output is None:
        assert not body or body.isspace()
        return
    assert len(output.head) + len(output.tail) <= HEAD + TAIL
    assert output.left_out == max(0, len(body) - HEAD - TAIL)
    data = {"monitor": {"last_output": output_data(output)}}
    raw = data["monitor"]["last_output"]["text"]
    assert raw.startswith(output.head)
    assert raw.endswith(output.tail)
    text = msgspec.json.decode(render_body("monitor.down", 0, data))["data"]["monitor"]["last_output"]["text"]
    assert data["monitor"]["last_output"]["text"] == raw
    assert len(text) <= HEAD + TAIL + 40
    # By tables that do not change, as the rule does not.
    assert not [one for one in text if ucd_3_2_0.category(one) in UNSEEN and one not in "\n\t"]
    assert ("left out" in text) or not output.left_out


def test_beginning_and_end_of_a_long_body_are_kept() -> None:
    output = output_of(Ping(kind="log", body="b" * HEAD + "m" * 5_000 + "e" * TAIL), "log", 0)
    assert output is not None
    assert output_data(output)["text"] == f"{'b' * HEAD}\n[... 5000 left out ...]\n{'e' * TAIL}"
    assert output_of(Ping(kind="success", body="x"), "success", 0) is None


def test_the_schema_of_requests_tells_the_field() -> None:
    schema = schema_of(DeliveryRequested)
    said = schema["$defs"]["DeliveryRequested"]["properties"]["data"]["properties"]["monitor"]
    story = Story()
    [request] = of_type(story.ping(75, "fail", body="x"), DeliveryRequested)
    assert jsonschema_rs.is_valid(said, request.data["monitor"])
    assert not jsonschema_rs.is_valid(said, {"last_output": {"text": 5}})
