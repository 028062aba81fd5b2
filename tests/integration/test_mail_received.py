"""What a real SMTP server received, parsed: threads, headers and bodies, whatever the names, causes and outputs are."""

import asyncio
import email
import email.policy
import re
from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.egress.resolver import SystemResolver
from infra.secrets.confirmation_links import PATH, ConfirmationLinks
from processors.sender.mail import MailClient
from processors.sender.mail_headers import one_line
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import Notice
from schemas.recipients import recipient_id
from tests.mail_server import SITE, Server, settings_of, smtp, text_of

LINKS = ConfirmationLinks(b"key")
AT = "2026-11-21T17:01:17+00:00"


def notice(name: str = "Shop", cause: str = "", output: str | None = None, incident: str = "i1") -> dict[str, Any]:
    """The data of a notice that a check is down."""
    monitor: dict[str, Any] = {"id": "m1", "name": name, "url": "/checks/m1", "kind": "heartbeat"}
    if output is not None:
        monitor["last_output"] = {"text": output, "kind": "fail", "received_at": AT, "exit_status": 3}
    return {"monitor": monitor, "incident": {"id": incident, "started_at": AT, "cause": cause, "status": "open"}}


async def received(
    *told: tuple[Notice, dict[str, Any]], addresses: Sequence[str] = ("a@example.org",), **chosen: Any
) -> list[tuple[EmailMessage, bytes]]:
    """The mails that a server got of these notices."""
    server = Server()
    endpoint = Endpoint(
        id="c", project="p", url="", notices=(), secret="", site=SITE, kind="email", addresses=tuple(addresses)
    )
    resolver = SystemResolver()
    async with smtp(server) as port:
        client = MailClient(settings_of(port, **chosen), resolver, links=LINKS)
        for n, (name, data) in enumerate(told):
            body = msgspec.json.encode({"event": name, "timestamp": AT, "data": data}).decode()
            result = await client.send(
                endpoint, Delivery(id=f"d{n}", event=f"e{n}", channel="c", notice=name, body=body, first_due=0)
            )
            assert (result.status, result.error) == (250, "")
    await resolver.close()
    return [(mail, content) for _, mail, content in server.mails]


def shown(value: str) -> str:
    """A header as a mail program shows it."""
    return str(make_header(decode_header(re.sub(r"\r\n(?=\s)", "", value))))


names = st.text(max_size=300) | st.sampled_from(
    ["Büro, Nord [PROD] <x@y>", "日本語の監視" * 30, "a" * 2_000, "x\r\nBcc: e@e.org", "👨‍👩‍👧" * 40, "=?utf-8?q?=0a?="]
)


@given(name=names, cause=names, output=names, site=st.text(max_size=40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_mails_of_an_incident_are_one_thread_whatever_its_names(
    name: str, cause: str, output: str, site: str
) -> None:
    told: list[tuple[Notice, dict[str, Any]]] = [
        (each, notice(name, cause, output)) for each in ("monitor.down", "monitor.still_down", "monitor.recovered")
    ]
    told.append(("monitor.down", notice(name, incident="i2")))
    mails = asyncio.run(received(*told, site_name=site))
    assert len(mails) == 4
    for mail, content in mails:
        assert content.isascii()
        assert all(len(line) <= 998 for line in content.split(b"\r\n"))
        plain = email.message_from_bytes(content, policy=email.policy.compat32)
        assert plain["In-Reply-To"] == plain["References"]
        assert re.fullmatch(r"<[!-~]+@example\.org>", plain["References"])
        assert parsedate_to_datetime(plain["Date"]).isoformat() == AT
        assert plain["Auto-Submitted"] == "auto-generated"
        assert plain["MIME-Version"] == "1.0"
        assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]
        assert [one.addr_spec for one in mail["From"].addresses] == ["watch@example.org"]
    threads = [mail["References"] for mail, _ in mails]
    assert len(set(threads[:3])) == 1
    assert threads[3] != threads[0]
    assert len({mail["Message-ID"] for mail, _ in mails} | set(threads)) == 6


@given(name=names)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_subject_says_what_happened_however_long_the_name_is(name: str) -> None:
    [(_, content)] = asyncio.run(received(("monitor.down", notice(name))))
    subject = shown(email.message_from_bytes(content, policy=email.policy.compat32)["Subject"])
    assert subject.startswith("[Pingfold] ")
    assert subject.endswith(" is down")
    assert len(subject) <= 200
    if 0 < len(one_line(name)) <= 100:
        assert subject == f"[Pingfold] {one_line(name)} is down"


@pytest.mark.parametrize(
    ("sender", "name"),
    [("Watch <watch@example.org>", "Watch"), ("Büro <watch@example.org>", "Büro"), ("watch@example.org", "Pingfold")],
)
async def test_the_sender_is_shown_by_its_name(sender: str, name: str) -> None:
    [(mail, _)] = await received(("monitor.down", notice()), smtp_from=sender)
    [address] = mail["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "watch@example.org")


async def test_the_output_of_the_job_stands_in_text_and_html_and_is_escaped() -> None:
    output = "line 1\n\x1b[31m<script>alert(1)</script>\x00\x1b[0m\n-- \nFrom here\n.\n" + "x" * 3_000
    [(mail, content)] = await received(("monitor.down", notice(output=output)))
    plain, html = text_of(mail).replace("\r\n", "\n"), text_of(mail, "html")
    assert "Last output (fail, exit status 3, 2026-11-21 17:01:17 UTC):\n  line 1\n  <script>alert(1)</script>" in plain
    assert "\n  -- \n  From here\n  .\n" in plain
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd" in html
    for said in (plain, html):
        assert "x" * 3_000 in said
        assert "\x1b" not in said
    assert all(len(line) <= 76 for line in content.partition(b"\r\n\r\n")[2].split(b"\r\n"))


async def test_each_confirming_result_is_told() -> None:
    data = notice("Shop")
    data["monitor"]["last_results"] = [
        {"checked_at": AT, "status": "down", "region": "oslo", "response_time_ms": 20.5, "status_code": 503,
         "error": "Unexpected status: 503", "confirmation": 0},
        {"checked_at": AT, "status": "down", "region": "rome", "response_time_ms": 30_000.0, "status_code": None,
         "error": "Connection timed out", "confirmation": 1},
    ]  # fmt: skip
    [(mail, _)] = await received(("monitor.down", data))
    plain, html = text_of(mail), text_of(mail, "html")
    assert "2026-11-21 17:01:17 UTC  down  from oslo  20.5 ms  HTTP 503  Unexpected status: 503" in plain
    assert "2026-11-21 17:01:17 UTC  down  from rome  30000.0 ms  Connection timed out" in plain
    for fact in ("oslo", "20.5 ms", "HTTP 503", "Unexpected status: 503", "rome", "Connection timed out"):
        assert fact in html


async def test_a_reader_can_leave_by_the_page_of_their_answer_or_by_mail() -> None:
    [(alone, _)] = await received(("monitor.down", notice()))
    page, mailto = re.findall("<([^>]+)>", alone["List-Unsubscribe"])
    link = LINKS.read(page.removeprefix(f"{SITE}{PATH}"))
    assert link is not None
    assert link.recipient == recipient_id("p", "a@example.org")
    assert mailto == "mailto:watch@example.org?subject=unsubscribe"
    # A link answers for one reader, so a mail to several has none; nor has one where nobody is asked.
    [(several, _)] = await received(("monitor.down", notice()), addresses=("a@example.org", "b@example.org"))
    [(unasked, _)] = await received(("monitor.down", notice()), mail_confirmation="off")
    for mail in (several, unasked):
        assert mail["List-Unsubscribe"] == "<mailto:watch@example.org?subject=unsubscribe>"
