"""Renders the mail of a delivery, as plain text and HTML, from the same body that webhooks get.

The same delivery always gives the same bytes, including `Message-ID`, date and boundary, so that mail programs
recognise a retry; all mails of an incident are one conversation. No content can inject a header
(`processors.sender.mail_headers`), and the HTML is escaped.
"""

import re
from collections.abc import Iterator
from email.charset import QP, Charset
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, select_autoescape

from infra.secrets.confirmation_links import PATH, SUBSCRIPTIONS_PATH, ConfirmationLinks
from infra.secrets.people_tokens import INVITATIONS, Invitation
from infra.settings.senders import parse_sender
from processors.sender.mail_headers import address_header, one_line, text_header, url_header, verified
from processors.sender.notice_facts import facts_for, reading_of
from processors.sender.notice_values import object_of, text_of
from processors.sender.report_facts import report_facts
from schemas.base import SECOND, Micros
from schemas.deliveries import Delivery, Endpoint
from schemas.languages.catalogues import ENGLISH, LANGUAGES
from schemas.languages.reading import Reading
from schemas.notices import PAGE_POST, REPORT, AnyNotice
from schemas.recipients import recipient_id
from schemas.status_posts import POST_STATES
from schemas.times import read_iso, to_minute, utc

_templates = Environment(
    loader=PackageLoader("processors.sender"),
    autoescape=select_autoescape(enabled_extensions=("html",), default=False),
    trim_blocks=True,
    lstrip_blocks=True,
)

# Not every server takes eight bits.
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP
_BODY = compat32.clone(linesep="\r\n", cte_type="7bit")
_LONGEST_SUBJECT = 200
# Nothing that mail programs make a link of, nor anything that looks like more than a name.
_NOT_IN_A_NAME = re.compile(r"[^\w -]")
# So long the way out of a mail leads somewhere.
_WAY_OUT_VALID: Micros = 90 * 86_400 * SECOND
_ID = re.compile(r"[^0-9A-Za-z-]")
INVITATION: AnyNotice = "member.invitation"
# What no channel has chosen has no way out of it.
_UNASKED = ("confirmation", "invitation")


class InvitationTokens(Protocol):
    """Who signs links of invitations."""

    def invitation_token(self, invitation: Invitation) -> str:
        """The token of an invitation. Raises `ValueError` for an id that is none."""


class EmailRenderer:
    """Renders mails. sender: an address, with or without a name. links: creates the links in confirmation requests.
    invitations: makes the token in the link of an invitation; without it none can be written.

    asks: recipients are asked before anything is sent to them, so each has a page on which to answer.
    subscriptions: creates the links in mails to those who subscribe to status pages.
    """

    def __init__(
        self,
        site_name: str,
        sender: str,
        links: ConfirmationLinks | None = None,
        *,
        asks: bool = True,
        invitations: InvitationTokens | None = None,
        subscriptions: ConfirmationLinks | None = None,
    ) -> None:
        name, address = parse_sender(sender)
        self._invitations = invitations
        self._site_name, self._links, self._asks = site_name, links, asks
        self._subscriptions = subscriptions
        self._from = one_line(name) or site_name, address
        self._domain = address.rpartition("@")[2] or "localhost"

    def write(self, delivery: Delivery, endpoint: Endpoint, utf8: bool = False) -> bytes:
        """The mail of a delivery, as it is sent to the server. Raises if its body is not that of a notification.

        utf8: it is sent by SMTPUTF8. Only such a mail names readers whose address is not ASCII.
        """
        notice = msgspec.json.decode(delivery.body)
        moment, data = utc(read_iso(notice["timestamp"])), object_of(notice["data"])
        if delivery.notice == "recipient.confirmation":
            template, facts = "confirmation", self._request_to_confirm(endpoint, data)
        elif delivery.notice == INVITATION:
            template, facts = "invitation", self._invitation(endpoint, data)
        elif delivery.notice == PAGE_POST:
            template, facts = "post", self._post(endpoint, data, notice["timestamp"])
        else:
            template = "report" if delivery.notice == REPORT else "mail"
            facts = self._facts(delivery, endpoint, notice)
        head = {
            "From": address_header("From", [self._from]),
            "To": address_header(
                "To", [("", one) for one in facts.get("to", endpoint.confirmed) if utf8 or one.isascii()]
            ),
            "Subject": text_header("Subject", self._subject(facts)),
            "Date": text_header("Date", format_datetime(moment)),
            "Message-ID": text_header("Message-ID", self._id(delivery.event)),
            "Auto-Submitted": text_header("Auto-Submitted", "auto-generated"),
        }
        if incident := text_of(object_of(data.get("incident")), "id"):
            # Of no mail: the first of an incident may have gone to others. All name it, which makes them one thread.
            thread = self._id(f"incident-{incident}")
            head |= {name: text_header(name, thread) for name in ("In-Reply-To", "References")}
        if template == "post":
            # One click in a mail program is one request of that (RFC 8058).
            head["List-Unsubscribe"] = url_header("List-Unsubscribe", [facts["way_out"]])
            head["List-Unsubscribe-Post"] = text_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        elif template not in _UNASKED:
            head["List-Unsubscribe"] = url_header("List-Unsubscribe", self._ways_out(endpoint, notice["timestamp"]))
        # Quoted-printable text holds no "=_": no text can end its part.
        body = MIMEMultipart("alternative", boundary=f"=_pingfold-{_ID.sub('', delivery.event)}")
        for kind, text in zip(("plain", "html"), _texts(template, facts), strict=True):
            body.attach(MIMEText(text, kind, _UTF8))  # type: ignore[arg-type]  # typeshed knows of names only
        mail = "".join(head.values()).encode("utf-8" if utf8 else "ascii") + body.as_bytes(policy=_BODY)
        return verified(mail, [*head, *body.keys()])

    def texts(self, delivery: Delivery, endpoint: Endpoint) -> tuple[str, str, str]:
        """Subject, text and HTML of the mail of a notice."""
        facts = self._facts(delivery, endpoint, msgspec.json.decode(delivery.body))
        return self._subject(facts), *_texts("mail", facts)

    def _subject(self, facts: dict[str, Any]) -> str:
        return one_line(f"[{self._site_name}] {facts['says']}")[:_LONGEST_SUBJECT]

    def _facts(self, delivery: Delivery, endpoint: Endpoint, notice: dict[str, Any]) -> dict[str, Any]:
        reading, wording = reading_of(endpoint), delivery.wording
        facts = facts_for(endpoint, delivery.notice, object_of(notice["data"]), reading)
        told = report_facts(object_of(notice["data"]), reading) if delivery.notice == REPORT else {}
        return (
            told
            | facts
            | {
                "says": (wording.title if wording is not None else "") or facts["says"],
                "own": wording.text if wording is not None else "",
                "at": reading.moment(notice["timestamp"]),
                "site_name": self._site_name,
                "language": reading.language,
                "tells": reading.says,
                "summary": facts["cause"],
            }
        )

    def _id(self, name: str) -> str:
        return f"<{_ID.sub('', name)[:80]}@{self._domain}>"

    def _ways_out(self, endpoint: Endpoint, at: str) -> Iterator[str]:
        """Where who wants no more of these mails goes: the page of its answer, if this is its only reader, or us."""
        if self._links is not None and self._asks and endpoint.site and len(endpoint.confirmed) == 1:
            recipient, expires = recipient_id(endpoint.project, endpoint.confirmed[0]), read_iso(at) + _WAY_OUT_VALID
            yield f"{endpoint.site}{PATH}{self._links.token(recipient, max(0, expires))}"
        yield f"mailto:{quote(self._from[1], safe='@')}?subject=unsubscribe"

    def _request_to_confirm(self, endpoint: Endpoint, data: dict[str, Any]) -> dict[str, Any]:
        """The recipient has not agreed to anything: of what people choose it sees its address and a harmless name."""
        recipient, expires = object_of(data["recipient"]), data["recipient"]["expires"]
        reading = Reading(text_of(data, "language") or ENGLISH)
        if isinstance(data.get("page"), dict):
            return self._request_to_subscribe(endpoint, data, reading)
        if self._links is None:
            raise LookupError("no links can be made here")
        return {
            "site_name": self._site_name,
            "says": reading.says("confirm.says"),
            "tells": reading.says,
            "language": reading.language if reading.language in LANGUAGES else ENGLISH,
            "to": [text_of(recipient, "address")],
            "project": _harmless(text_of(object_of(data.get("project")), "name")),
            "link": f"{endpoint.site}{PATH}{self._links.token(text_of(recipient, 'id'), expires)}",
            "until": f"{to_minute(expires)} UTC",
        }

    def _invitation(self, endpoint: Endpoint, data: dict[str, Any]) -> dict[str, Any]:
        """Who is invited has not asked for it: of what people choose he sees his address and a harmless name, too."""
        member, invitation = object_of(data["member"]), object_of(data["invitation"])
        reading = Reading(text_of(data, "language") or ENGLISH)
        if self._invitations is None:
            raise LookupError("no links can be made here")
        expires, ids = invitation["expires"], (text_of(member, "id"), text_of(invitation, "id"))
        return {
            "site_name": self._site_name,
            "says": reading.says("invite.says", site=self._site_name),
            "tells": reading.says,
            "language": reading.language if reading.language in LANGUAGES else ENGLISH,
            "to": [text_of(member, "address")],
            "project": _harmless(text_of(object_of(data.get("project")), "name")),
            "link": f"{endpoint.site}{INVITATIONS}{self._invitations.invitation_token(Invitation(*ids, expires))}",
            "stop": self._no_more(endpoint, data, text_of(member, "address"), expires),
            "until": f"{to_minute(expires)} UTC",
        }

    def _no_more(self, endpoint: Endpoint, data: dict[str, Any], address: str, expires: Micros) -> str:
        """The page on which an address says that it wants no mail; empty: there is none."""
        if self._links is None or not self._asks:
            return ""
        recipient = recipient_id(text_of(object_of(data["project"]), "id"), address)
        return f"{endpoint.site}{PATH}{self._links.token(recipient, expires)}"

    def _request_to_subscribe(self, endpoint: Endpoint, data: dict[str, Any], reading: Reading) -> dict[str, Any]:
        """The same for somebody who wants the posts of a status page."""
        recipient, expires = object_of(data["recipient"]), data["recipient"]["expires"]
        return {
            "site_name": self._site_name,
            "says": reading.says("subscribe.says"),
            "tells": reading.says,
            "language": reading.language if reading.language in LANGUAGES else ENGLISH,
            "to": [text_of(recipient, "address")],
            "page": _harmless(text_of(object_of(data["page"]), "title")) or "-",
            "link": self._subscription(endpoint, text_of(recipient, "id"), expires),
            "until": f"{to_minute(expires)} UTC",
        }

    def _post(self, endpoint: Endpoint, data: dict[str, Any], at: str) -> dict[str, Any]:
        """What a mail says of a post of a status page."""
        page, post, reading = object_of(data.get("page")), object_of(data.get("post")), reading_of(endpoint)
        state, affected = text_of(post, "state"), post.get("affected")
        return {
            "site_name": self._site_name,
            "says": f"{text_of(page, 'title')}: {text_of(post, 'title')}",
            "tells": reading.says,
            "language": reading.language,
            "state": reading.says(f"post.{state}") if state in POST_STATES else state,
            "text": text_of(post, "text"),
            "affected": [str(name) for name in affected] if isinstance(affected, list) else [],
            "at": reading.moment(at),
            "link": f"{endpoint.site}{text_of(page, 'path')}#{text_of(post, 'id')}",
            "way_out": self._subscription(endpoint, endpoint.id, max(0, read_iso(at) + _WAY_OUT_VALID)),
        }

    def _subscription(self, endpoint: Endpoint, subscriber: str, expires: Micros) -> str:
        """The page of a subscriber."""
        if self._subscriptions is None:
            raise LookupError("no links can be made here")
        return f"{endpoint.site}{SUBSCRIPTIONS_PATH}{self._subscriptions.token(subscriber, expires)}"


def _harmless(name: str) -> str:
    """A name that is mailed to somebody who has not agreed to anything."""
    return " ".join(_NOT_IN_A_NAME.sub(" ", name).split())[:40]


def _texts(template: str, facts: dict[str, Any]) -> tuple[str, str]:
    """The same mail as plain text and as HTML."""
    plain, html = (_templates.get_template(f"{template}.{kind}").render(facts) for kind in ("txt", "html"))
    return plain.encode("utf-8", "replace").decode(), html.encode("utf-8", "replace").decode()
