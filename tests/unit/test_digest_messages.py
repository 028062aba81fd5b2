"""A list of notices in every kind of channel: counts first, then names with their reasons, and how many more."""

import json
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.apprise_library.messages import Call
from processors.sender.channels import apprise, ntfy
from processors.sender.channels.sending import Clients, Outgoing, Services
from processors.sender.digest_facts import digest_facts, fitted
from processors.sender.email_renderer import EmailRenderer
from processors.sender.lanes import Secrets
from processors.sender.notice_facts import facts_of
from processors.sender.webhooks import DeliveryResult, Exchange
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import DIGEST
from tests.service_channels import AT, SITE, attempt, delivery_of, listed, message
from tests.services import SERVICES

SAYS = "60 down, 3 went down and came back"
# An SMS has room for the counts, some names and the page.
SHORT = {"twilio", "pushover"}
ONE_BY_ONE = {"pagerduty", "opsgenie"}


def parsed(mail: bytes) -> EmailMessage:
    return BytesParser(_class=EmailMessage, policy=default).parsebytes(mail)


def endpoint(**fields: Any) -> Endpoint:
    return Endpoint(id="c", project="p", url="https://x.example", notices=(), secret="", site=SITE, **fields)


@pytest.mark.parametrize("kind", sorted(set(SERVICES) - ONE_BY_ONE))
async def test_every_service_is_told_counts_names_reasons_and_a_page(kind: str) -> None:
    service = SERVICES[kind]()
    result = await attempt(service, delivery_of(DIGEST))
    assert result.error == ""
    [request] = service.requests
    sent = request.body.decode()
    told = json.dumps(msgspec.json.decode(request.body), ensure_ascii=False) if sent.startswith("{") else sent
    told = told.replace("+", " ").replace("%2C", ",").replace("\\_", "_")
    assert SAYS in told
    assert told.index(SAYS) < told.index("Shop 0")
    assert "and " in told
    assert " more" in told
    assert "pingfold.example" in told
    if kind not in SHORT:
        assert "Shop 3: HTTP 500" in told
        assert "since 15:06:40 UTC" in told


def test_the_tone_is_that_of_the_worst() -> None:
    assert message(DIGEST).tone == "bad"
    assert message(DIGEST, {"digest": listed(0, 5)}).tone == "good"
    assert message(DIGEST, {"digest": {"counts": {"monitor.domain_expiration": 2}}}).tone == "warn"


def test_a_mail_names_all_that_is_named() -> None:
    mail = parsed(
        EmailRenderer("Pingfold", "watch@example.org").write(
            delivery_of(DIGEST), endpoint(kind="email", addresses=("a@b.c",))
        )
    )
    assert mail["Subject"] == f"[Pingfold] {SAYS}"
    plain, html = (str(part.get_content()) for part in mail.iter_parts())
    for body in (plain, html):
        assert body.index("60 down") < body.index("Shop 3") < body.index("Shop 49")
        assert "and 13 more" in body
        assert f"{SITE}/" in body
        assert "Shop 0: HTTP 500" in body
    assert "HTTP 500 <b>&amp;" in plain
    assert "HTTP 500 &lt;b&gt;&amp;amp;" in html
    assert "  Shop 3: HTTP 500 <b>&amp; (since 15:06:40 UTC)" in plain.replace("\r\n", "\n").split("\n")


async def test_ntfy_and_apprise_tell_the_same() -> None:
    seen: dict[str, Any] = {}

    async def exchange(method: str, url: str, headers: Any, body: bytes, **_: Any) -> Exchange:
        seen.update(body=body.decode(), headers=headers)
        return Exchange(DeliveryResult(200))

    async def post(*_: Any) -> DeliveryResult:
        raise AssertionError("nothing is posted")

    to = endpoint(kind="ntfy", options={"topic": "t"})
    outgoing = Outgoing(to, delivery_of(DIGEST), Secrets("json://x.example"), AT, False)
    assert (await ntfy.send(outgoing, Clients(post, None, services=Services(exchange)))).status == 200
    assert seen["headers"]["Title"] == SAYS
    assert seen["headers"]["Priority"] == "high"
    assert "\n60 down:\nShop 3: HTTP 500" in seen["body"]
    assert len(seen["body"].encode()) < 4_096
    call: Call = apprise.call_of(outgoing)
    assert (call.title, call.mood) == (SAYS, "failure")
    assert call.text.endswith(f"\n{SITE}/")
    assert " more\n" in call.text


def test_a_group_is_fitted_to_the_room() -> None:
    group = {"lines": [f"line {n}" for n in range(50)], "more": 9_950}
    lines = fitted(group, 100)
    assert len("\n".join(lines)) <= 100
    assert lines[-1] == f"and {9_950 + 50 - len(lines) + 1:,} more"
    assert fitted({"lines": ["x"], "more": 0}, 100) == ["x"]
    assert fitted({"lines": [], "more": 7}, 100) == ["and 7 more"]


values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(
    digest=st.fixed_dictionaries(
        {},
        optional={
            "counts": values,
            "from": values,
            "things": st.one_of(
                values,
                st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional=dict.fromkeys(("event", "first_event", "at", "monitor", "cause", "incident"), values),
                    ),
                    max_size=4,
                ),
            ),
        },
    )
)
def test_whatever_a_list_holds_it_is_told(digest: dict[str, Any]) -> None:
    facts = digest_facts({"digest": digest})
    assert facts["says"]
    body = msgspec.json.encode({"event": DIGEST, "timestamp": "2025-06-15T15:06:40+00:00", "data": {"digest": digest}})
    delivery = Delivery(id="d", event="e", channel="c", notice=DIGEST, body=body.decode(), first_due=0)
    assert EmailRenderer("Pingfold", "watch@example.org").write(delivery, endpoint(kind="email", addresses=("a@b.c",)))
    assert facts_of(DIGEST, {"digest": digest}, SITE)["page"] == f"{SITE}/"
