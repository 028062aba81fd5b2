"""Services that wake people, imitated from their public documentation: fields, limits, keys and answers."""

import base64
import re
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.service import Reply, Seen, Service


class PushoverService(Service):
    """https://pushover.net/api"""

    kind = "pushover"
    TOKEN, USER = "azGDORePK8gMaC0QOYAMyEEuzJnyUi", "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"

    def config(self) -> dict[str, Any]:
        return {"server": self.url, "app_token": self.TOKEN, "user_key": self.USER}

    def take(self, seen: Seen) -> Reply:
        content = seen.json()
        errors = []
        if seen.path != "/1/messages.json" or seen.method != "POST":
            return Reply(404, "")
        if content.get("token") != self.TOKEN:
            errors.append("application token is invalid")
        if content.get("user") != self.USER:
            errors.append("user identifier is not a valid user, group, or subscribed user key")
        if not content.get("message"):
            errors.append("message cannot be blank")
        for name, most in (("message", 1_024), ("title", 250), ("url", 512), ("url_title", 100)):
            if len(content.get(name, "")) > most:
                errors.append(f"{name} is too long")
        if content.get("priority", 0) not in (-2, -1, 0, 1):
            errors.append("priority is invalid")
        if errors:
            return Reply(400, {"status": 0, "errors": errors, "request": "r"})
        self.taken.append(content)
        return Reply(200, {"status": 1, "request": "647d2300-702c-4b38-8b2f-d56326ae460b"})


class PagerDutyService(Service):
    """https://developer.pagerduty.com/docs/send-alert-event. open: the alerts that are open, by their keys."""

    kind = "pagerduty"
    KEY = "e93facc04764012d7bfb002500d5d1a6"

    def __init__(self, *answers: Reply) -> None:
        super().__init__(*answers)
        self.open: dict[str, str] = {}

    def config(self) -> dict[str, Any]:
        return {"server": self.url, "routing_key": self.KEY}

    def take(self, seen: Seen) -> Reply:
        event = seen.json()
        errors = []
        if seen.path != "/v2/enqueue":
            return Reply(404, "")
        if event.get("routing_key") != self.KEY:
            errors.append("Invalid routing key")
        action, key = event.get("event_action"), event.get("dedup_key", "")
        if action not in ("trigger", "acknowledge", "resolve"):
            errors.append("'event_action' is invalid")
        if not 0 < len(key) <= 255:
            errors.append("'dedup_key' is missing or too long")
        if action == "trigger":
            payload = event.get("payload", {})
            if not 0 < len(payload.get("summary", "")) <= 1_024:
                errors.append("'payload.summary' is missing or too long")
            if not payload.get("source"):
                errors.append("'payload.source' is missing or blank")
            if payload.get("severity") not in ("critical", "error", "warning", "info"):
                errors.append("'payload.severity' is invalid")
            errors += ["link without href" for link in event.get("links", []) if not link.get("href")]
        if errors or len(seen.body) > 512 * 1024:
            return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})
        self.taken.append(event)
        if action == "resolve":
            self.open.pop(key, None)
        elif action == "trigger" or key in self.open:
            self.open[key] = action
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})


class OpsgenieService(Service):
    """https://docs.opsgenie.com/docs/alert-api. open: the alerts that are open, by their aliases."""

    kind = "opsgenie"
    KEY = "eb243592-faa2-4ba2-a551-01afdf565c88"

    def __init__(self, *answers: Reply) -> None:
        super().__init__(*answers)
        self.open: dict[str, str] = {}

    def config(self) -> dict[str, Any]:
        return {"server": self.url, "genie_key": self.KEY}

    def take(self, seen: Seen) -> Reply:
        if seen.header("Authorization") != f"GenieKey {self.KEY}":
            return Reply(401, {"message": "Could not authenticate", "took": 0.001, "requestId": "r"})
        content = seen.json()
        limits = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "note": 25_000}
        if any(len(content.get(name, "")) > most for name, most in limits.items()):
            return Reply(422, {"message": "Request body is not processable."})
        if seen.path == "/v2/alerts":
            if not content.get("message") or content.get("priority") not in ("P1", "P2", "P3", "P4", "P5"):
                return Reply(422, {"message": "Request body is not processable."})
            assert len(content["tags"]) <= 20
            assert all(len(tag) <= 50 for tag in content["tags"])
            assert sum(len(name) + len(value) for name, value in content.get("details", {}).items()) <= 8_000
            self.open.setdefault(content["alias"], "open")
        else:
            named = re.fullmatch(r"/v2/alerts/([^/]+)/(close|acknowledge)", seen.path)
            if named is None or seen.query != {"identifierType": ["alias"]}:
                return Reply(404, {"message": "No such path"})
            alias = unquote(named[1])
            if named[2] == "close":
                self.open.pop(alias, None)
            elif alias in self.open:
                self.open[alias] = "acknowledged"
        self.taken.append(content)
        return Reply(202, {"result": "Request will be processed", "took": 0.3, "requestId": "43a29c5c-3dbf"})


class TwilioService(Service):
    """https://www.twilio.com/docs/messaging/api/message-resource"""

    kind = "twilio"
    SID, TOKEN = "AC" + "0123456789abcdef" * 2, "f" * 32

    def config(self) -> dict[str, Any]:
        numbers = {"from_number": "+15557122661", "to_number": "+15558675310"}
        return {"server": self.url, "account_sid": self.SID, "auth_token": self.TOKEN} | numbers

    def take(self, seen: Seen) -> Reply:
        login = base64.b64encode(f"{self.SID}:{self.TOKEN}".encode()).decode()
        if seen.header("Authorization") != f"Basic {login}":
            return self.wrong(401, 20003)
        if seen.path != f"/2010-04-01/Accounts/{self.SID}/Messages.json" or seen.method != "POST":
            return self.wrong(404, 20404)
        assert seen.header("Content-Type") == "application/x-www-form-urlencoded"
        form = {name: values[0] for name, values in parse_qs(seen.body.decode(), strict_parsing=True).items()}
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")):
            return self.wrong(400, 21211)
        if not form.get("Body"):
            return self.wrong(400, 21602)
        if not (form.get("From") or form.get("MessagingServiceSid")):
            return self.wrong(400, 21603)
        if len(form["Body"]) > 1_600:
            return self.wrong(400, 21617)
        self.taken.append(form)
        return Reply(201, {"sid": "SM" + "0" * 32, "status": "queued", "error_code": None})

    @staticmethod
    def wrong(status: int, code: int) -> Reply:
        return Reply(status, {"code": code, "message": "...", "more_info": "https://...", "status": status})
