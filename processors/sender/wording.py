"""How a project words a notice itself: its template, rendered with what the notice says.

Nothing of a notice is ever taken for a template: its texts are values. What comes out is plain text, in which control
characters and invisible ones are replaced; HTML and markup of services are made of it by those who escape. So no value
breaks out of a form. A template that cannot be rendered costs a notice nothing: it is told in our own words, and the
delivery log says why.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from processors.sender.mail_headers import one_line
from processors.sender.notice_facts import facts_for, reading_of
from processors.sender.notice_values import object_of, text_of
from processors.sender.template_language import TemplateFault, rendered
from processors.sender.webhooks import DeliveryResult
from schemas.base import SECOND
from schemas.channels.messages import cut
from schemas.deliveries import Delivery, Endpoint
from schemas.languages.causes import in_units
from schemas.languages.reading import Reading
from schemas.outputs import readable
from schemas.times import read_iso

# Of a title and a text so many code units are sent.
MOST_TITLE, MOST_TEXT = 200, 4_000
# Of a value that is a line.
_LONGEST_LINE = 600
_RESULT_NAMES = {
    "at": "checked_at",
    "status": "state",
    "region": "region",
    "milliseconds": "response_time_ms",
    "code": "status_code",
    "error": "error",
}


def worded(delivery: Delivery, endpoint: Endpoint) -> tuple[Delivery, str]:
    """The delivery with its title and text in place of their templates, and why it is told in our own words instead.

    Never raises, whatever a notice and a template hold.
    """
    wording = delivery.wording
    if wording is None:
        return delivery, ""
    try:
        notice = msgspec.json.decode(delivery.body)
        reading = reading_of(endpoint)
        values = values_of(delivery.notice, notice, endpoint, reading, wording.project)
        title, text = in_form(wording.title, wording.text, values)
        if title and values["test"]:  # an SMS may tell nothing else
            title = cut(reading.says("test_of", says=title), MOST_TITLE)
    except TemplateFault as fault:
        return replace(delivery, wording=None), f"in our own words: the template {wording.name!r}, {fault}"
    except Exception as error:  # whatever it is, people must be told
        why = f"in our own words: the template {wording.name!r} failed ({type(error).__name__})"
        return replace(delivery, wording=None), why
    return replace(delivery, wording=replace(wording, title=title, text=text)), ""


def noted(result: DeliveryResult, why: str) -> DeliveryResult:
    """The result of an attempt, with why it was told in our own words when it was taken; what else went wrong counts
    more."""
    taken = result.status is not None and 200 <= result.status < 300 and not result.error
    return result._replace(error=why) if why and taken else result


def in_form(title: str, text: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Title and text of a message by their templates; empty is what has none, or comes out blank. Raises
    `TemplateFault`."""
    line = one_line(readable(rendered("title", title, values))) if title else ""
    lines = readable(rendered("text", text, values)).strip("\n") if text else ""
    return cut(line, MOST_TITLE), cut(lines, MOST_TEXT) if lines.strip() else ""


def values_of(
    notice: str, body: Mapping[str, Any], endpoint: Endpoint, reading: Reading, project: str
) -> dict[str, Any]:
    """The variables of templates (docs/templates.md): texts, lists of texts and of objects of texts, and flags."""
    data, at = object_of(body["data"]), str(body["timestamp"])
    facts = facts_for(endpoint, notice, data, reading)
    monitor, incident = object_of(data.get("monitor")), object_of(data.get("incident"))
    said = facts["output"]
    lines = {
        "event": notice,
        "what": facts["says"],
        "name": facts["name"],
        "kind": text_of(monitor, "kind"),
        "status": text_of(monitor, "current_status"),
        "address": facts["url"],
        "why": facts["cause"],
        "at": reading.moment(at),
        "since": facts["started"],
        "until": facts["resolved"],
        "duration": _duration(text_of(incident, "started_at"), text_of(incident, "resolved_at") or at),
        "last_ping": facts["last_ping"],
        "output_of": said["of"] if said else "",
        "page": facts["page"],
        "acknowledge": facts["acknowledge"],
        "also_told": facts["others"],
        "project": project,
        "language": reading.language,
        "timezone": reading.timezone,
    }
    values: dict[str, Any] = {name: _line(value) for name, value in lines.items()}
    return values | {
        "test": bool(facts["test"]),
        "tags": [_line(tag) for tag in text_of(monitor, "tags").split()[:50]],
        "output": "\n".join(said["lines"]) if said else "",
        "results": [{name: _line(one[of]) for name, of in _RESULT_NAMES.items()} for one in facts["results"]],
        "certificates": [_line(line) for line in facts["certificates"]],
    }


def _line(value: str) -> str:
    return cut(one_line(readable(value)), _LONGEST_LINE)


def _duration(start: str, end: str) -> str:
    try:
        return in_units(max(0, read_iso(end) - read_iso(start)) // SECOND)
    except (ValueError, OverflowError):
        return ""
