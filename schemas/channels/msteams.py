"""Microsoft Teams: an adaptive card in a channel or chat, by a workflow "When a Teams webhook request is received".

A card has no markup here: each text is a run of its own, which Teams shows as it is. The whole is at most 28 kB
(https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using). Pure.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from schemas.channels.kind import Stored
from schemas.channels.messages import NOT_THERE, Answer, Fault, Message, Request, Tone, cut, encoded
from schemas.channels.secret_urls import SecretUrlKind

_WORKFLOWS = (".logic.azure.com", ".powerplatform.com", ".powerautomate.com")
_LOOKS: Mapping[Tone, str] = {"bad": "Attention", "warn": "Warning", "good": "Good"}
_LONGEST_TITLE = 400


class MsTeams(SecretUrlKind):
    name, title, service = "msteams", "a Microsoft Teams channel", "Teams"
    listed_as, recipient_type = "msteamsw", "msteams"
    target_help = "the URL of a workflow of Microsoft Teams"
    example = "https://prod-00.westeurope.logic.azure.com/workflows/0123abcd/triggers/manual/paths/invoke?sig=XXXX"
    # 28 kB are for the whole request.
    longest = 26_000
    faults: ClassVar[Mapping[str | int, Fault]] = {
        404: NOT_THERE,
        "WorkflowNotFound": Fault("the workflow was deleted", "channel"),
        "WorkflowTriggerNotFound": Fault("the workflow was deleted", "channel"),
        "WorkflowTriggerIsNotEnabled": Fault("the workflow is turned off"),
        "WorkflowNotEnabled": Fault("the workflow is turned off"),
        "DirectApiAuthorizationRequired": Fault(
            "the signature in the URL is missing or no longer valid; give the whole URL of the workflow", "channel"
        ),
        "InvalidRequestContent": Fault("the message is not valid", "message"),
        400: Fault("the workflow does not take it; does it post adaptive cards?"),
        413: Fault("the message is too long", "message"),
        429: Fault("too many messages"),
    }

    def misfit(self, url: str) -> bool:
        parts = urlsplit(url)
        signed = bool(parse_qs(parts.query).get("sig"))
        return parts.path in ("", "/") or ((parts.hostname or "").endswith(_WORKFLOWS) and not signed)

    def request(self, message: Message, channel: Stored, secret: str) -> Request:
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": _card(message)}
        return Request(secret, encoded({"type": "message", "summary": message.says, "attachments": [attachment]}))

    def is_taken(self, answer: Answer) -> bool:
        # What connectors of old say with 200.
        return not answer.text().startswith("Webhook message delivery failed")

    def word(self, answer: Answer) -> str:
        error = answer.json().get("error")
        return str(error.get("code", "")) if isinstance(error, dict) else ""


def _card(message: Message) -> dict[str, Any]:
    title = {"size": "Large", "weight": "Bolder", "color": _LOOKS[message.tone]}
    body = [_line(_run(cut(message.says, _LONGEST_TITLE), **title))]
    if message.test:
        body.append(_line(_run(message.tells("test"), italic=True)))
    body += [_line(_run(line or " ")) for line in message.own]
    body += [_line(_run(f"{row.label}: ", weight="Bolder"), _run(row.value)) for row in message.rows]
    for block in message.blocks:
        body.append({**_line(_run(block.title, weight="Bolder")), "separator": True})
        # A line break in a run is none.
        body += [{**_line(_run(line, fontType="Monospace")), "spacing": "None"} for line in block.lines if line]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": message.says,
        "msteams": {"width": "Full"},
        "body": body,
    }
    links = (message.tells("acknowledge_button"), message.acknowledge), (message.tells("open"), message.page)
    if actions := [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links if url]:
        card["actions"] = actions
    return card


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **looks: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **looks}


KIND = MsTeams()
