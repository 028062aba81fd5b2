"""Services that take messages, imitated: each kind of channel that has one, by its name."""

from collections.abc import Callable
from typing import Any

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

SERVICES: dict[str, Callable[..., Any]] = {
    one.kind: one
    for one in (
        SlackService, TeamsService, DiscordService, TelegramService, PushoverService, PagerDutyService,
        OpsgenieService, MatrixService, GoogleChatService, MattermostService, TwilioService,
    )
}  # fmt: skip


def config_of(kind: str, url: str = "https://svc.example") -> dict[str, Any]:
    """What a channel of a kind is configured by that leads to its service at this address."""
    service = SERVICES[kind]()
    service.url = url
    found: dict[str, Any] = service.config()
    return found
