"""Any template is refused with its line or rendered within bounds; no value of a notice is taken for more than text."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.sender.email_renderer import EmailRenderer
from processors.sender.messages import message_of, request_of
from processors.sender.template_language import TemplateFault, rendered
from processors.sender.wording import MOST_TEXT, MOST_TITLE, worded
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.messages import MessageKind, units
from schemas.deliveries import Delivery, Endpoint
from schemas.message_templates import Wording
from tests.chats import (
    DiscordService,
    GoogleChatService,
    MatrixService,
    MattermostService,
    SlackService,
    TeamsService,
    TelegramService,
)
from tests.pagers import OpsgenieService, PagerDutyService, PushoverService, TwilioService
from tests.service_channels import INCIDENT, MONITOR, OUTPUT, RESULTS, delivery_of, endpoint_to

SERVICES: list[Any] = [
    *(DiscordService, GoogleChatService, MatrixService, MattermostService, SlackService, TeamsService),
    *(TelegramService, OpsgenieService, PagerDutyService, PushoverService, TwilioService),
]
NAMES = ("name", "what", "output", "results", "tags", "nothing", "results.first.error", "name.size", "forloop.index")
FILTERS = (
    "upcase",
    "size",
    "split: ''",
    "join: name",
    "replace: 'a', output",
    "append: output",
    "truncate: 9",
    "slice: 1, 3",
)

expressions = st.builds(
    lambda name, filters: " | ".join((name, *filters)),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(FILTERS), max_size=8),
)
pieces = st.one_of(
    st.text(max_size=20),
    st.builds("{{{{ {} }}}}".format, expressions),
    st.builds("{{% assign a = {} %}}".format, expressions),
    st.sampled_from(
        [
            "{% for r in results %}",
            "{% for n in (1..99) %}",
            "{% for n in (1..99999999999999999999) %}",
            "{% endfor %}",
            "{% for c in output %}",
            "{% if name %}",
            "{% if a contains b %}",
            "{% else %}",
            "{% endif %}",
            "{% capture a %}",
            "{% endcapture %}",
            "{{ a }}",
            "{% assign a = a | append: a %}",
            "{% case name %}{% when 'x' %}",
            "{% endcase %}",
            "{% raw %}",
            "{% endraw %}",
            "{% comment %}",
            "{% endcomment %}",
            "{%",
            "%}",
            "{{",
            "}}",
            "{% include 'x' %}",
            "{% render 'x' %}",
            "{% increment a %}",
            "{% tablerow r in results %}",
            "{% endtablerow %}",
            "{% liquid echo a %}",
            "{{ 1 | times: 99999999999 }}",
            "{{ 'a' | ljust: 999999999 }}",
            "{{ name.__class__ }}",
            "{{ results[0][name] }}",
            "{% for r in results limit: 3 offset: 1 reversed %}",
            "{% break %}",
            "{% continue %}",
            "{{ a | default: name }}",
        ]
    ),
)
templates = st.lists(pieces, max_size=25).map("".join)

HOSTILE = [
    "{{ name }}",
    "{% for a in (1..9) %}",
    "<script>alert(1)</script>",
    "</pre><b>",
    "\x1b[31mred\x07",
    "a\r\nBcc: x@y.example",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "@everyone @here <!channel>",
    "```",
    "[x](http://evil.example)",
    "=?utf-8?q?x?=",
    "*_~|`#>-",
    "&amp;",
    "\u2028",
    "\x00",
    "%s {0} {name}",
]
hostile = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map(" ".join)


def outcome(text: str, values: dict[str, Any]) -> tuple[str, TemplateFault | None]:
    try:
        return rendered("text", text, values), None
    except TemplateFault as fault:
        return "", fault


def notice(text: str) -> Delivery:
    """One whose every text is this one."""
    monitor = MONITOR | {
        "name": text,
        "tags": text,
        "last_output": OUTPUT | {"text": text},
        "last_results": [RESULTS[0] | {"error": text, "region": text}],
    }
    return delivery_of("monitor.down", {"monitor": monitor, "incident": INCIDENT | {"cause": text}})


@given(templates)
def test_a_template_is_refused_with_its_line_or_rendered_within_bounds(text: str) -> None:
    values = {
        "name": "a" * 600,
        "what": "b",
        "output": "aa\n" * 1_300,
        "tags": ["a", "b"],
        "results": [{"error": "e"}] * 10,
    }
    made, fault = outcome(text, values)
    if fault is None:
        assert len(made) <= 40_000
        return
    assert fault.field == "text"
    assert 1 <= fault.line <= text.count("\n") + 1
    assert fault.problem
    assert fault.problem.isprintable()


@given(templates, templates)
def test_every_notice_is_told_whatever_its_template(title: str, text: str) -> None:
    wording = Wording(name="t", title=title, text=text, project="P")
    for service in (SlackService(), TelegramService()):
        endpoint, secret = endpoint_to(service)
        delivery, why = worded(replace(notice("Shop"), wording=wording), endpoint)
        kind = CHANNEL_KINDS[endpoint.kind]
        assert isinstance(kind, MessageKind)
        message = message_of(delivery, endpoint)
        assert (delivery.wording is None) == bool(why)
        assert message.says
        assert units(message.says) <= max(MOST_TITLE, 200)
        assert sum(map(units, message.own)) <= MOST_TEXT
        assert request_of(kind, message, endpoint, secret).body


@given(hostile)
def test_no_value_is_a_template_nor_breaks_out_of_a_form(text: str) -> None:
    wording = Wording(name="t", title="{{ name }}", text="{{ name }}\n{{ why }}\n{{ output }}\n{{ results[0].error }}")
    for service in SERVICES:
        endpoint, secret = endpoint_to(service())
        delivery, why = worded(replace(notice(text), wording=wording), endpoint)
        assert why == ""
        assert delivery.wording is not None
        for made in (delivery.wording.title, delivery.wording.text):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", made)
        assert "\n" not in delivery.wording.title
        for literal in ("{{ name }}", "{% for a in (1..9) %}"):
            assert (literal in text) <= (literal in delivery.wording.text)
        kind = CHANNEL_KINDS[endpoint.kind]
        assert isinstance(kind, MessageKind)
        request = request_of(kind, message_of(delivery, endpoint), endpoint, secret)
        of_html = {TelegramService: "text", MatrixService: "formatted_body"}.get(service)
        if of_html is not None:
            assert "<script" not in json.loads(request.body)[of_html]
        if service is SlackService:
            assert b"<!channel>" not in request.body
    mail = Endpoint(id="c", project="p", url="", notices=(), secret="", kind="email", addresses=("a@b.example",))
    delivery, _ = worded(replace(notice(text), wording=wording), mail)
    subject, plain, html = EmailRenderer("Pingfold", "ops@pingfold.example").texts(delivery, mail)
    assert subject.isprintable()
    assert "<script" not in html
    assert "</pre><b>" not in html
    assert plain
    head, _, _ = EmailRenderer("Pingfold", "ops@pingfold.example").write(delivery, mail).partition(b"\r\n\r\n")
    assert b"\nBcc:" not in head
