"""What a mail of a notice looks like: plain text and HTML from the same facts, made from the body that webhooks get.

The same delivery always gives the same bytes, `Message-ID`, date and boundary among them, so that mail programs see a
retry as the mail that they have; all mails of an incident belong to one conversation. Whatever a notice holds, it ends
no header: controls and line breaks become spaces there, and the HTML is escaped.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, select_autoescape

from schemas.deliveries import Delivery, Endpoint

_templates = Environment(
    loader=PackageLoader("processors"),
    autoescape=select_autoescape(enabled_extensions=("html",), default=False),
    trim_blocks=True,
    lstrip_blocks=True,
)

_SAYS = {
    "monitor.down": "{} is down",
    "monitor.recovered": "{} has recovered",
    "incident.created": "Incident opened: {}",
    "incident.resolved": "Incident resolved: {}",
    "monitor.not_observed": "{} was not observed",
}
# Not every server takes eight bits.
_POLICY = SMTP.clone(cte_type="7bit")
_LONGEST_SUBJECT = 200
_RESULTS = 10
_ID = re.compile(r"[^0-9A-Za-z-]")


class Letters:
    """Writes mails. `sender`: an address, with or without a name."""

    def __init__(self, site_name: str, sender: str) -> None:
        name, address = parseaddr(sender)
        self._site_name = site_name
        self._from = Address(_header(name or site_name), addr_spec=address) if address else None
        self._domain = address.rpartition("@")[2] or "localhost"

    def write(self, delivery: Delivery, endpoint: Endpoint) -> bytes:
        """The mail of a delivery, as it goes to the server. Raises when its body is no notice."""
        notice = msgspec.json.decode(delivery.body)
        moment, data = datetime.fromisoformat(notice["timestamp"]), _object(notice["data"])
        facts = self._facts(delivery, endpoint, data) | {"at": _moment(moment.isoformat())}
        mail = EmailMessage(_POLICY)
        mail["From"] = self._from
        mail["To"] = [Address(addr_spec=address) for address in endpoint.addresses]
        mail["Subject"] = _header(f"[{self._site_name}] {facts['says']}")[:_LONGEST_SUBJECT]
        mail["Date"] = format_datetime(moment)
        mail["Message-ID"] = self._id(delivery.event)
        if incident := _text(_object(data.get("incident")), "id"):
            mail["References"] = self._id(f"incident-{incident}")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_templates.get_template("mail.txt").render(facts))
        mail.add_alternative(_templates.get_template("mail.html").render(facts), subtype="html")
        mail.set_boundary(f"pingfold-{_ID.sub('', delivery.event)}")
        return mail.as_bytes()

    def _id(self, name: str) -> str:
        return f"<{_ID.sub('', name)[:80]}@{self._domain}>"

    def _facts(self, delivery: Delivery, endpoint: Endpoint, data: dict[str, Any]) -> dict[str, Any]:
        monitor, incident = _object(data.get("monitor")), _object(data.get("incident"))
        name = _text(monitor, "name") or _text(monitor, "url") or _text(monitor, "id") or "A monitor"
        says = _SAYS[delivery.notice].format(name)
        url = _text(monitor, "url")
        page = url if monitor.get("kind") == "heartbeat" else f"{endpoint.site}/"
        results = monitor.get("last_results")
        return {
            "site_name": self._site_name,
            "says": f"Test: {says}" if data.get("test") is True else says,
            "test": data.get("test") is True,
            "name": name,
            "url": "" if url == page else url,
            "cause": _text(incident, "cause") or _text(data, "detail"),
            "started": _moment(_text(incident, "started_at")),
            "resolved": _moment(_text(incident, "resolved_at")),
            "last_ping": _moment(_text(monitor, "last_ping")),
            "results": [_result(one) for one in results[-_RESULTS:]] if isinstance(results, list) else [],
            "page": page if page.startswith(("http://", "https://")) else "",
        }


def _result(value: object) -> dict[str, str]:
    result = _object(value)
    names = ("checked_at", "status", "region", "response_time_ms", "error")
    found = {name: _text(result, name) for name in names}
    return found | {"checked_at": _moment(found["checked_at"])}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return str(value) if isinstance(value, str | int | float) else ""


def _moment(text: str) -> str:
    """`2025-02-21 14:32:00 UTC`, as people read it."""
    return text.replace("T", " ").replace("+00:00", " UTC")


def _header(text: str) -> str:
    """Text without anything that could end a header."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
