"""What answers of services mean: a success only as the service documents it, refusals in words of ours, waits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.deliveries.retry_policy import gone, retry_delay
from processors.sender.messages import judged
from processors.sender.webhooks import DeliveryResult
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import Answer, MessageKind, Refused
from schemas.deliveries import DeliveryAttempted
from tests.service import Reply
from tests.service_channels import attempt, delivery_of
from tests.services import SERVICES


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, "<!doctype html><title>Log in</title>"),
        Reply(302, ""),
        Reply(500, "oops"),
        Reply(503, ""),
        Reply(400, "<html>"),
        Reply(404, "<html>"),
        # Of proxies whose server is away: Traefik, Kubernetes, Envoy, and one that answers JSON.
        Reply(404, "404 page not found\n"),
        Reply(404, "default backend - 404"),
        Reply(404, ""),
        Reply(404, {"message": "no Route matched with those values"}),
    ],
)
async def test_what_the_service_does_not_say_is_tried_again(kind: str, reply: Reply) -> None:
    service = SERVICES[kind](reply)
    result = await attempt(service, delivery_of("monitor.down"))
    if kind == "msteams" and reply.status == 200:  # a workflow may answer anything
        return
    assert (result.status is None or not 200 <= result.status < 300, result.refused) == (True, "")
    assert result.error.startswith(f"{CHANNEL_KINDS[kind].service} answered {reply.status}")  # type: ignore[attr-defined]
    assert "html" not in result.error
    assert "oops" not in result.error


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("status", [301, 302, 308])
async def test_a_redirect_is_told_as_one(kind: str, status: int) -> None:
    result = await attempt(SERVICES[kind](Reply(status, "<html>")), delivery_of("monitor.down"))
    assert (result.status, result.refused) == (status, "")
    assert "a redirect, and none is followed" in result.error


@pytest.mark.parametrize("kind", SERVICES)
async def test_half_an_answer_is_no_success(kind: str) -> None:
    """Slack's `ok` may come empty, Teams says nothing at all: what did not come could deny it."""
    cut = DeliveryResult(error="it did not come to its end", timed_out=True)
    assert await attempt(SERVICES[kind](Reply(200, "")), delivery_of("monitor.down"), cut) == cut
    assert await attempt(SERVICES[kind](), delivery_of("monitor.down"), cut) == cut
    # A status that says no says so by itself.
    assert (await attempt(SERVICES[kind](Reply(503, "")), delivery_of("monitor.down"), cut)).status == 503


@pytest.mark.parametrize("kind", SERVICES)
async def test_429_waits_as_long_as_the_head_says(kind: str) -> None:
    service = SERVICES[kind](Reply(429, "", {"Retry-After": "77"}))
    result = await attempt(service, delivery_of("monitor.down"))
    assert (result.status, result.retry_after, result.refused) == (429, 77, "")


@pytest.mark.parametrize(
    ("kind", "body", "seconds"),
    [
        ("discord", {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, 65),
        (
            "telegram",
            {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 35}},
            36,
        ),
        ("matrix", {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests", "retry_after_ms": 2_000}, 3),
    ],
)
async def test_429_waits_as_long_as_the_body_says(kind: str, body: Any, seconds: int) -> None:
    result = await attempt(SERVICES[kind](Reply(429, body)), delivery_of("monitor.down"))
    assert (result.status, result.retry_after) == (429, seconds)


@pytest.mark.parametrize("kind", ["discord", "telegram", "matrix"])
@pytest.mark.parametrize("odd", [None, "soon", [], {}, True, -5, 1e300])
async def test_a_wait_that_is_none_hurts_nobody(kind: str, odd: object) -> None:
    body = {"retry_after": odd, "retry_after_ms": odd, "parameters": {"retry_after": odd}}
    result = await attempt(SERVICES[kind](Reply(429, body)), delivery_of("monitor.down"))
    assert result.status == 429
    assert result.retry_after is None or 0 <= result.retry_after <= 10**9 + 1


@pytest.mark.parametrize(
    ("kind", "reply", "refused", "words"),
    [
        ("slack", Reply(404, "no_service"), "channel", "Slack answered 404 (no_service): the webhook was removed"),
        ("slack", Reply(404, "whatever <b>"), "", "Slack answered 404: nothing is there now"),
        ("slack", Reply(410, "channel_is_archived"), "channel", "the channel is archived"),
        ("slack", Reply(403, "action_prohibited"), "", "an administrator"),
        ("slack", Reply(400, "invalid_payload"), "message", "the message is not valid"),
        ("slack", Reply(200, {"ok": False, "error": "channel_not_found"}), "channel", "the channel was deleted"),
        ("slack", Reply(200, {"success": False}), "", "is the address right?"),
        ("msteams", Reply(404, {"error": {"code": "WorkflowNotFound"}}), "channel", "the workflow was deleted"),
        ("msteams", Reply(410, ""), "channel", "it is no longer there"),
        ("msteams", Reply(400, {"error": {"code": "WorkflowTriggerIsNotEnabled"}}), "", "turned off"),
        ("msteams", Reply(200, "Webhook message delivery failed with error: HTTP error 429"), "", "Teams answered 200"),
        (
            "discord",
            Reply(404, {"message": "Unknown Webhook", "code": 10015}),
            "channel",
            "(10015): the webhook was deleted",
        ),
        ("discord", Reply(401, {"message": "Invalid Webhook Token", "code": 50027}), "channel", "the URL is not"),
        ("discord", Reply(400, {"code": 50035}), "message", "the message is not valid"),
        (
            "telegram",
            Reply(403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}),
            "channel",
            "blocked the bot",
        ),
        (
            "telegram",
            Reply(403, {"ok": False, "description": "Forbidden: bot was kicked from the group chat"}),
            "channel",
            "put the bot out",
        ),
        (
            "telegram",
            Reply(400, {"ok": False, "description": "Bad Request: chat not found"}),
            "channel",
            "there is no such chat",
        ),
        ("telegram", Reply(401, {"ok": False, "description": "Unauthorized"}), "channel", "the token of the bot"),
        ("telegram", Reply(200, {"ok": False}), "", "Telegram answered 200"),
        (
            "pushover",
            Reply(400, {"status": 0, "errors": ["application token is invalid"]}),
            "channel",
            "token of the application",
        ),
        ("pushover", Reply(400, {"status": 0, "errors": ["message cannot be blank"]}), "message", "not valid"),
        ("pushover", Reply(200, {"status": 0}), "", "Pushover answered 200"),
        (
            "pagerduty",
            Reply(
                400,
                {"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]},
            ),
            "channel",
            "integration key",
        ),
        ("opsgenie", Reply(401, {"message": "Could not authenticate"}), "", "the key is not"),
        ("matrix", Reply(403, {"errcode": "M_FORBIDDEN"}), "channel", "is not in the room"),
        ("matrix", Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}), "channel", "the access token"),
        ("googlechat", Reply(404, {"error": {"code": 404, "status": "NOT_FOUND"}}), "channel", "was deleted"),
        ("googlechat", Reply(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}), "message", "not valid"),
        (
            "mattermost",
            Reply(400, {"id": "web.incoming_webhook.invalid.app_error"}),
            "channel",
            "the webhook was deleted",
        ),
        ("mattermost", Reply(404, "x"), "", "nothing is there now"),
        (
            "twilio",
            Reply(400, {"code": 21610, "message": "unsubscribed"}),
            "channel",
            "(21610): the receiver has answered STOP",
        ),
        ("twilio", Reply(400, {"code": 21617}), "message", "too long"),
        ("twilio", Reply(401, {"code": 20003}), "channel", "auth token"),
    ],
)
async def test_what_a_service_refuses_is_told_in_words_of_ours(
    kind: str, reply: Reply, refused: str, words: str
) -> None:
    result = await attempt(SERVICES[kind](reply), delivery_of("monitor.down"))
    assert (result.refused, words in result.error) == (refused, True), result
    assert result.status in (None, reply.status)


@pytest.mark.parametrize("kind", SERVICES)
@given(
    st.integers(100, 599),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "ok",
                        "error",
                        "errors",
                        "status",
                        "code",
                        "description",
                        "errcode",
                        "retry_after",
                        "parameters",
                        "id",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_is_too_odd(kind: str, status: int, body: bytes) -> None:
    found = CHANNEL_KINDS[kind]
    assert isinstance(found, MessageKind)
    result = judged(found, Answer(status, body), None)
    assert (result.error == "") == (result.status is not None and 200 <= result.status < 300)
    assert result.retry_after is None or 0 <= result.retry_after <= 10**9 + 1


@pytest.mark.parametrize("refused", ["", "message", "channel"])
@pytest.mark.parametrize("status", [None, 400, 404, 429])
def test_what_is_refused_for_good_is_not_tried_again(status: int | None, refused: Refused) -> None:
    attempt = DeliveryAttempted(delivery="d", attempt=1, at=0, status=status, error="no", refused=refused)
    assert gone(attempt) is (refused == "channel")
    assert (retry_delay(attempt) is None) is (refused == "message")


PAGERDUTY = {"status": "invalid event", "message": "Event object is invalid"}
OPSGENIE = {"took": 0.001, "requestId": "8a88410f-3129-483d-87b7-b09ffdb1ac2c"}


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("slack", Reply(403, "invalid_token")),
        ("slack", Reply(410, "channel_is_archived")),
        ("slack", Reply(404, "no_service")),
        ("slack", Reply(200, {"ok": False, "error": "account_inactive"})),
        ("discord", Reply(401, {"code": 50027})),
        ("discord", Reply(404, {"code": 10003})),
        ("discord", Reply(400, {"code": 220001})),
        ("msteams", Reply(401, {"error": {"code": "DirectApiAuthorizationRequired"}})),
        ("googlechat", Reply(403, {"error": {"status": "PERMISSION_DENIED"}})),
        ("googlechat", Reply(401, {"error": {"status": "UNAUTHENTICATED"}})),
        ("mattermost", Reply(400, {"id": "web.incoming_webhook.channel.app_error"})),
        ("mattermost", Reply(403, {"id": "web.incoming_webhook.permissions.app_error"})),
        ("matrix", Reply(401, {"errcode": "M_UNKNOWN_TOKEN"})),
        ("matrix", Reply(404, {"errcode": "M_NOT_FOUND"})),
        ("matrix", Reply(403, {"errcode": "M_USER_DEACTIVATED"})),
        *(
            ("telegram", Reply(status, {"ok": False, "error_code": status, "description": words}))
            for status, words in (
                (401, "Unauthorized"),
                (404, "Not Found"),
                (403, "Forbidden: bot was blocked by the user"),
                (403, "Forbidden: user is deactivated"),
                (403, "Forbidden: bot can't initiate conversation with a user"),
                (403, "Forbidden: bot is not a member of the channel chat"),
                (400, "Bad Request: not enough rights to send text messages to the chat"),
                (400, "Bad Request: need administrator rights in the channel chat"),
                (400, "Bad Request: message thread not found"),
                (400, "Bad Request: group chat was upgraded to a supergroup chat"),
                (400, "Bad Request: TOPIC_CLOSED"),
            )
        ),
        *(
            ("pushover", Reply(400, {"status": 0, "errors": [words]}))
            for words in (
                "application token is invalid, see https://pushover.net/api",
                "user identifier is not a valid user, group, or subscribed user key",
                "device name is not valid for user",
            )
        ),
        *(
            ("pagerduty", Reply(400, PAGERDUTY | {"errors": [words]}))
            for words in ("Invalid routing key", "Length of 'routing_key' is incorrect (should be 32 characters)")
        ),
        ("opsgenie", Reply(401, OPSGENIE | {"message": "Could not authenticate"})),
        ("opsgenie", Reply(422, OPSGENIE | {"message": "Key format is not valid!"})),
        (
            "opsgenie",
            Reply(
                403,
                OPSGENIE
                | {"code": 40301, "message": "To perform this action, use an API key from an API integration."},
            ),
        ),
        *(
            ("twilio", Reply(400, {"code": code}))
            for code in (
                *(20003, 20005, 20404, 21211, 21212, 21265, 21266, 21267, 21408, 21606, 21608, 21610),
                *(21612, 21614, 21635, 21659, 21660, 21661, 21701, 21703),
            )
        ),
    ],
)
async def test_what_somebody_must_mend_disables_the_channel_and_is_told(kind: str, reply: Reply) -> None:
    result = await attempt(SERVICES[kind](reply), delivery_of("monitor.down"))
    assert (result.refused, ": " in result.error) == ("channel", True), result


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("slack", Reply(500, "rollup_error")),
        ("slack", Reply(403, "action_prohibited")),
        ("discord", Reply(401, {"message": "401: Unauthorized", "code": 0})),
        ("msteams", Reply(400, {"error": {"code": "WorkflowTriggerIsNotEnabled"}})),
        ("mattermost", Reply(501, {"id": "web.incoming_webhook.disabled.app_error"})),
        ("matrix", Reply(500, {"errcode": "M_UNKNOWN"})),
        ("telegram", Reply(500, {"ok": False, "error_code": 500, "description": "Internal Server Error"})),
        ("pushover", Reply(500, {"status": 0, "errors": ["application token could not be looked up"]})),
        ("pagerduty", Reply(500, {"status": "error"})),
        # Not in Opsgenie's form: no request of theirs.
        ("opsgenie", Reply(401, {"message": "Could not authenticate"})),
        ("opsgenie", Reply(503, OPSGENIE | {"message": "Service unavailable"})),
        ("twilio", Reply(401, "")),
        ("twilio", Reply(400, {"code": 21611})),
    ],
)
async def test_what_may_pass_is_tried_again(kind: str, reply: Reply) -> None:
    assert (await attempt(SERVICES[kind](reply), delivery_of("monitor.down"))).refused == ""
