"""Whatever people choose as a name, a cause or an id, a mail has the headers that were meant and no others."""

import email
import email.policy
import re
from email.header import decode_header, make_header

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.secrets.confirmation_links import ConfirmationLinks
from processors.sender.email_renderer import EmailRenderer
from processors.sender.mail_headers import NotThatHead, address_header, one_line, text_header, verified
from schemas.deliveries import Delivery, Endpoint
from schemas.ids import derived_id

HEADERS = [
    "Auto-Submitted", "Content-Type", "Date", "From", "In-Reply-To", "List-Unsubscribe", "MIME-Version", "Message-ID",
    "References", "Subject", "To",
]  # fmt: skip
THREAD = ("In-Reply-To", "References")
# The building stones of what mail programs take for more than text.
STONES = (
    "=?utf-8?q?", "=?utf-8?b?", "=?us-ascii?Q?", "?=", "=0d=0a", "=0A", "DQpCY2M6IGV2aWxAZXhhbXBsZS5vcmc=",
    "\r\n", "\n", "\r", "\x00", "\x85", "\u2028", "Bcc: evil@example.org", "From: boss@example.org",
    "<evil@example.org>", ",", ";", '"', "\\", "(", ")", ":", " ", "\t", "é", "\ud800", "--=_pingfold-", "x" * 90,
)  # fmt: skip
hostile = st.lists(st.sampled_from(STONES) | st.text(max_size=5), max_size=12).map("".join)


def mail(name: str = "Shop", cause: str = "", site: str = "Pingfold", incident: str = "i") -> bytes:
    monitor = {"id": "m", "name": name, "kind": "http", "url": "https://example.org"}
    data = {"monitor": monitor, "incident": {"id": incident, "cause": cause}}
    body = msgspec.json.encode({"timestamp": "2026-01-02T03:04:05+00:00", "data": data}).decode()
    delivery = Delivery(id="d", event="0e1", channel="c", notice="monitor.down", body=body, first_due=0)
    endpoint = Endpoint(
        id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@example.org", "b@example.org")
    )
    return EmailRenderer(site, "Watch <watch@example.org>").write(delivery, endpoint)


def shown(value: str) -> str:
    """A header as a mail program shows it."""
    return str(make_header(decode_header(re.sub(r"\r\n(?=\s)", "", value))))


@given(name=hostile, cause=hostile, site=hostile, incident=hostile)
@example(
    name="=?utf-8?q?x=0d=0aBcc:_evil@example.org?=", cause="", site="=?utf-8?q?x=0aFrom:_e@e.org=0a=0aHi?=", incident=""
)
@example(name="x=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5vcmc=?=", cause="", site="", incident="=?utf-8?q?=0a?=")
def test_a_mail_has_its_headers_and_no_others(name: str, cause: str, site: str, incident: str) -> None:
    name, cause, incident = (text.encode("utf-8", "replace").decode() for text in (name, cause, incident))
    content = mail(name, cause, site, incident)
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    plain = email.message_from_bytes(content, policy=email.policy.compat32)
    expected = HEADERS if incident else [header for header in HEADERS if header not in THREAD]
    assert sorted(plain.keys()) == expected
    # A program that decodes everything before it looks finds one line in each header.
    for policy in (email.policy.SMTP, email.policy.default):
        obeying = email.message_from_bytes(content, policy=policy)
        assert sorted(obeying.keys()) == expected
        assert [str(one) for one in obeying["To"].addresses] == ["a@example.org", "b@example.org"]
        assert [one.addr_spec for one in obeying["From"].addresses] == ["watch@example.org"]
    assert "\n" not in shown(plain["Subject"])
    assert [part.get_content_type() for part in plain.walk()][1:] == ["text/plain", "text/html"]


@given(hostile)
def test_the_subject_is_shown_as_it_was_chosen(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    subject = shown(email.message_from_bytes(mail(name), policy=email.policy.compat32)["Subject"])
    name = one_line(name) or "https://example.org"
    assert subject == one_line(f"[Pingfold] {name if len(name) <= 120 else f'{name[:119].rstrip()}…'} is down")


@given(hostile, st.sampled_from(["From", "To"]))
def test_a_name_beside_an_address_is_only_a_name(name: str, header: str) -> None:
    line = address_header(header, [(name, "watch@example.org")])
    parsed = email.message_from_string(f"{line}\r\n", policy=email.policy.SMTP)
    (address,) = parsed[header].addresses
    assert address.addr_spec == "watch@example.org"
    # The library's parser leaves a space where a long name was folded.
    assert address.display_name.replace(" ", "") == one_line(name)[:200].replace(" ", "")


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@b@c", "a b@example.org", "a@example.org\r\nBcc: b@example.org", "=?utf-8?q?a?=@example.org",
     "a@é.example", "é\u00a0@example.org", "é\n@example.org", "<a@example.org>",
     "a@example.org,b@example.org", '"a"@example.org'],
)  # fmt: skip
def test_what_is_no_address_makes_no_mail(address: str) -> None:
    with pytest.raises(NotThatHead):
        address_header("To", [("", address)])


def test_a_mail_with_other_headers_is_not_sent() -> None:
    content = (text_header("Subject", "x") + "Bcc: evil@example.org\r\n\r\nbody").encode()
    with pytest.raises(NotThatHead, match="Bcc"):
        verified(content, ["Subject"])
    with pytest.raises(NotThatHead):
        verified(content, ["Subject", "Bcc", "To"])
    assert verified(content, ["Bcc", "Subject"]) == content


@given(name=hostile, site=hostile)
def test_a_request_to_confirm_has_its_headers_and_no_others(name: str, site: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    recipient = {"id": derived_id("r"), "address": "a@example.org", "expires": 1_800_000_000_000_000}
    body = msgspec.json.encode(
        {"timestamp": "2026-01-02T03:04:05+00:00", "data": {"recipient": recipient, "project": {"name": name}}}
    ).decode()
    delivery = Delivery(id="d", event="0e1", channel="m", notice="recipient.confirmation", body=body, first_due=0)
    endpoint = Endpoint(
        id="m", project="p", url="", notices=(), secret="", kind="email", addresses=("a@example.org", "b@example.org")
    )
    content = EmailRenderer(site, "Watch <watch@example.org>", ConfirmationLinks(b"key")).write(delivery, endpoint)
    assert content.isascii()
    parsed = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert sorted(parsed.keys()) == [header for header in HEADERS if header not in (*THREAD, "List-Unsubscribe")]
    assert [str(one) for one in parsed["To"].addresses] == ["a@example.org"]
