"""Chats that take messages, imitated from their public documentation: fields, limits, keys and answers."""

import re
from typing import Any
from urllib.parse import unquote

from tests.service import Reply, Seen, Service, balanced


class SlackService(Service):
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, and of the payload of messages."""

    kind = "slack"
    PATH = "/services/T012AB3CD/B012AB3CD/aBcDeFgHiJkLmNoPqRsTuVwX"

    def config(self) -> dict[str, Any]:
        return {"url": f"{self.url}{self.PATH}"}

    def take(self, seen: Seen) -> Reply:
        if seen.method != "POST" or seen.path != self.PATH:
            return Reply(404, "no_service")
        payload = seen.json()
        attachments = payload.get("attachments", [])
        if not payload.get("text") and not attachments:
            return Reply(400, "no_text")
        if len(attachments) > 100:
            return Reply(400, "too_many_attachments")
        for one in attachments:
            texts = [one.get(name, "") for name in ("title", "text", "fallback")]
            texts += [each for field in one.get("fields", []) for each in (field["title"], field["value"])]
            # `<` begins a link or a mention, `&` an entity.
            if any(re.search(r"[<>]|&(?!(amp|lt|gt);)", text) for text in texts) or len("".join(texts)) > 40_000:
                return Reply(400, "invalid_attachments")
            if not re.fullmatch("#[0-9a-f]{6}", one["color"]):
                return Reply(400, "invalid_attachments")
        self.taken.append(payload)
        return Reply(200, "ok")


class TeamsService(Service):
    """https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using, and the
    schema of adaptive cards 1.4."""

    kind = "msteams"
    PATH = "/workflows/0123456789abcdef/triggers/manual/paths/invoke"

    def config(self) -> dict[str, Any]:
        return {"url": f"{self.url}{self.PATH}?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=a-Very_secret"}

    def take(self, seen: Seen) -> Reply:
        if seen.query.get("sig") != ["a-Very_secret"]:
            return Reply(401, {"error": {"code": "DirectApiAuthorizationRequired", "message": "..."}})
        if seen.path != self.PATH:
            return Reply(404, {"error": {"code": "WorkflowNotFound", "message": "..."}})
        if len(seen.body) > 28 * 1024:
            return Reply(413, "")
        payload = seen.json()
        [attachment] = payload["attachments"]
        card = attachment["content"]
        fine = payload["type"] == "message" and attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        fine &= card["type"] == "AdaptiveCard" and card["version"] == "1.4" and bool(card["body"])
        for block in card["body"]:
            fine &= block["type"] == "RichTextBlock" and bool(block["inlines"])
            for run in block["inlines"]:
                fine &= run["type"] == "TextRun" and isinstance(run["text"], str) and "\n" not in run["text"]
                fine &= run.get("color", "Default") in ("Default", "Attention", "Good", "Warning")
        for action in card.get("actions", []):
            fine &= action["type"] == "Action.OpenUrl" and action["url"].startswith("http")
        if not fine:
            return Reply(400, {"error": {"code": "InvalidRequestContent", "message": "..."}})
        self.taken.append(payload)
        return Reply(202, "")


class DiscordService(Service):
    """https://discord.com/developers/docs/resources/webhook#execute-webhook, .../message#embed-object-embed-limits"""

    kind = "discord"
    PATH = "/api/webhooks/123456789012345678/aVery-secret_token"

    def config(self) -> dict[str, Any]:
        return {"url": f"{self.url}{self.PATH}"}

    def take(self, seen: Seen) -> Reply:
        if seen.path != self.PATH:
            return Reply(404, {"message": "Unknown Webhook", "code": 10015})
        payload = seen.json()
        if not payload.get("content") and not payload.get("embeds"):
            return Reply(400, {"message": "Cannot send an empty message", "code": 50006})
        total = 0
        fine = len(payload["embeds"]) <= 10
        for embed in payload["embeds"]:
            texts = [(embed.get("title", ""), 256), (embed.get("description", ""), 4_096)]
            fields = embed.get("fields", [])
            texts += [pair for field in fields for pair in ((field["name"], 256), (field["value"], 1_024))]
            fine &= all(len(text) <= most for text, most in texts) and len(fields) <= 25
            fine &= all(field["name"] and field["value"] for field in fields)
            fine &= 0 <= embed["color"] < 2**24 and len(embed.get("url", "")) <= 2_048
            fine &= re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", embed["timestamp"]) is not None
            total += sum(len(text) for text, _ in texts)
        if not fine or total > 6_000:
            return Reply(400, {"message": "Invalid Form Body", "code": 50035})
        assert payload["allowed_mentions"] == {"parse": []}
        self.taken.append(payload)
        return Reply(204)


class TelegramService(Service):
    """https://core.telegram.org/bots/api#making-requests, #sendmessage, #html-style"""

    kind = "telegram"
    TOKEN, CHAT = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "-1001234567890"

    def config(self) -> dict[str, Any]:
        return {"server": self.url, "bot_token": self.TOKEN, "chat_id": self.CHAT}

    def take(self, seen: Seen) -> Reply:
        if seen.path != f"/bot{self.TOKEN}/sendMessage":
            return self.wrong(401, "Unauthorized")
        content = seen.json()
        if content["chat_id"] != self.CHAT:
            return self.wrong(400, "Bad Request: chat not found")
        text = content["text"]
        if content["parse_mode"] != "HTML":
            return self.wrong(400, "Bad Request: unsupported parse_mode")
        bare = re.sub(r'</?(b|i|pre)>|<a href="[^"<>]*">|</a>', "", text)
        if re.search("[<>]", bare) or re.search(r"&(?!(amp|lt|gt|quot);)", bare) or not balanced(text):
            return self.wrong(400, "Bad Request: can't parse entities: unsupported start tag")
        shown = re.sub("&(amp|lt|gt|quot);", "x", bare)
        if not shown.strip():
            return self.wrong(400, "Bad Request: message text is empty")
        if len(shown.encode("utf-16-le")) // 2 > 4_096:
            return self.wrong(400, "Bad Request: message is too long")
        self.taken.append(content)
        return Reply(200, {"ok": True, "result": {"message_id": len(self.taken)}})

    @staticmethod
    def wrong(code: int, description: str, **parameters: int) -> Reply:
        more = {"parameters": parameters} if parameters else {}
        return Reply(code, {"ok": False, "error_code": code, "description": description} | more)


class MatrixService(Service):
    """https://spec.matrix.org/latest/client-server-api/. events: of the room, by their transactions."""

    kind = "matrix"
    TOKEN, ROOM = "syt_cGluZ2ZvbGQ_secret", "!jEsUZKDJdhlrceRyVU:example.org"

    def __init__(self, *answers: Reply) -> None:
        super().__init__(*answers)
        self.events: dict[str, Any] = {}

    def config(self) -> dict[str, Any]:
        return {"server": self.url, "access_token": self.TOKEN, "room_id": self.ROOM}

    def take(self, seen: Seen) -> Reply:
        if seen.header("Authorization") != f"Bearer {self.TOKEN}":
            return Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"})
        named = re.fullmatch("/_matrix/client/v3/rooms/([^/]+)/send/m.room.message/([^/]+)", seen.path)
        if seen.method != "PUT" or named is None:
            return Reply(405, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"})
        if unquote(named[1]) != self.ROOM:
            return Reply(403, {"errcode": "M_FORBIDDEN", "error": "User not in room"})
        if len(seen.body) > 65_000:
            return Reply(413, {"errcode": "M_TOO_LARGE", "error": "event too large"})
        content = seen.json()
        if content["msgtype"] != "m.text" or not content["body"]:
            return Reply(400, {"errcode": "M_BAD_JSON", "error": "no"})
        assert content["format"] == "org.matrix.custom.html"
        assert balanced(content["formatted_body"])
        # https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions: else the text decides.
        assert content["m.mentions"] == {"user_ids": []}
        if named[2] not in self.events:
            self.events[named[2]] = content
            self.taken.append(content)
        return Reply(200, {"event_id": f"${list(self.events).index(named[2])}"})


class GoogleChatService(Service):
    """https://developers.google.com/workspace/chat/quickstart/webhooks, and of the method spaces.messages.create."""

    kind = "googlechat"
    PATH = "/v1/spaces/AAAAB3NzaC1/messages"

    def config(self) -> dict[str, Any]:
        return {"url": f"{self.url}{self.PATH}?key=AIzaSyDdI0hCZtE6&token=aVery-secret%3D"}

    def take(self, seen: Seen) -> Reply:
        if seen.path != self.PATH:
            return self.wrong(404, "NOT_FOUND")
        if seen.query.get("key") != ["AIzaSyDdI0hCZtE6"] or seen.query.get("token") != ["aVery-secret="]:
            return self.wrong(403, "PERMISSION_DENIED")
        content = seen.json()
        fine = len(seen.body) <= 32_000 and len(content["text"]) <= 4_096 and "<" not in content["text"]
        fine &= seen.query.get("messageReplyOption") == ["REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"]
        fine &= bool(content["thread"]["threadKey"])
        [wrapped] = content["cardsV2"]
        fine &= bool(wrapped["card"]["header"]["title"]) and bool(wrapped["card"]["sections"])
        for section in wrapped["card"]["sections"]:
            fine &= bool(section["widgets"])
            for widget in section["widgets"]:
                [(name, value)] = widget.items()
                fine &= name in ("textParagraph", "decoratedText", "buttonList")
                if "text" in value:
                    fine &= bool(value["text"]) and balanced(value["text"])
        if not fine:
            return self.wrong(400, "INVALID_ARGUMENT")
        self.taken.append(content)
        return Reply(200, {"name": "spaces/AAAAB3NzaC1/messages/BBBB.CCCC", "thread": {}})

    @staticmethod
    def wrong(code: int, status: str) -> Reply:
        return Reply(code, {"error": {"code": code, "message": "...", "status": status}})


class MattermostService(Service):
    """https://developers.mattermost.com/integrate/webhooks/incoming/, and of message attachments."""

    kind = "mattermost"
    PATH = "/hooks/xxx-generatedkey-xxx"

    def config(self) -> dict[str, Any]:
        return {"url": f"{self.url}{self.PATH}"}

    def take(self, seen: Seen) -> Reply:
        if seen.path != self.PATH:
            return self.wrong(400, "web.incoming_webhook.invalid.app_error")
        payload = seen.json()
        if not payload.get("text") and not payload.get("attachments"):
            return self.wrong(400, "web.incoming_webhook.text.app_error")
        # Nothing between fences is a mention.
        outside = re.sub(r"```\\n.*?\\n```", "", seen.body.decode())
        if len(seen.body) > 16_383 or re.search(r"@(channel|all|here)\b", outside):
            return self.wrong(400, "web.incoming_webhook.parse.app_error")
        for one in payload["attachments"]:
            assert one["fallback"]
            assert all(field["title"] and field["value"] for field in one.get("fields", []))
        self.taken.append(payload)
        return Reply(200, "ok")

    @staticmethod
    def wrong(code: int, id: str) -> Reply:
        return Reply(code, {"id": id, "message": "...", "request_id": "r", "status_code": code})
