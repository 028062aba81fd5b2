"""Links to pages of ours, made whole when something is sent. Pure.

What folds write holds the path of a page, or, in what older versions wrote, a URL below the address that Pingfold had
when the channel was made. Both become URLs below the address of now, so a change of address holds for what is pending,
too. Nothing else in a body is changed: byte for byte it is what was requested, in each attempt.
"""

from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from infra.secrets.incident_links import LIST_PATH, PATH, IncidentLinks
from processors.sender.notice_values import object_of, text_of
from schemas.base import SECOND
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, Endpoint
from schemas.notices import DIGEST, OPENING
from schemas.times import read_iso

# Kinds of things whose `url` is a page of ours; what is probed has a URL of its own.
_OURS = ("heartbeat", "channel", "pingfold", "project")
# Without one of these a body holds no link of ours, and need not be read.
_MARKS = (*(f'"kind":"{kind}"' for kind in _OURS), '"url":"/')
# What comes before the ids in a notice.
_ID: Final = '"id":"'
_THING: Final = f'"monitor":{{{_ID}'
_INCIDENT: Final = f'"incident":{{{_ID}'
# Somebody takes care of it already.
_ACKNOWLEDGED: Final = '"acknowledgement":{'
_TEST: Final = '"test":true'
_PUSH_MARKS = ('"type":"pulse"', '"details_url":')


class OwnLinks(NamedTuple):
    """site: the address of this Pingfold, without a slash at the end. pulses: what pulse URLs begin with.

    incidents: makes the links by which an open incident can be acknowledged; None: there are none.
    """

    site: str
    pulses: str
    incidents: IncidentLinks | None = None

    def of_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """An endpoint whose links lead here."""
        return endpoint if endpoint.site == self.site else replace(endpoint, site=self.site)

    def of_delivery(self, delivery: Delivery, endpoint: Endpoint) -> Delivery:
        """A delivery whose body leads here. A body that cannot be read is left as it is."""
        push = CHANNEL_KINDS[endpoint.kind].body == "push event"
        if not push and self.incidents is not None and delivery.notice in OPENING:
            delivery = self._acknowledgeable(delivery, self.incidents)
        if not push and self.incidents is not None and delivery.notice == DIGEST:
            delivery = self._listed(delivery, self.incidents)
        if not any(mark in delivery.body for mark in (_PUSH_MARKS if push else _MARKS)):
            return delivery
        try:
            body = msgspec.json.decode(delivery.body)
        except (msgspec.DecodeError, RecursionError):
            return delivery
        body = [self._event(event) for event in body] if push and isinstance(body, list) else self._notice(body)
        return replace(delivery, body=msgspec.json.encode(body).decode())

    def _acknowledgeable(self, delivery: Delivery, links: IncidentLinks) -> Delivery:
        """With `acknowledge_url` in its incident. Folds write the ids first; text in a body cannot look like them."""
        body = delivery.body
        thing, incident = body.find(_THING) + len(_THING), body.find(_INCIDENT) + len(_INCIDENT)
        if thing < len(_THING) or incident < len(_INCIDENT) or _TEST in body or _ACKNOWLEDGED in body:
            return delivery
        token = links.token(body[thing : thing + 36], body[incident : incident + 36], delivery.channel)
        if token is None:
            return delivery
        place = incident - len(_ID)
        told = f'"acknowledge_url":"{self.site}{PATH}{token}",'
        return replace(delivery, body=f"{body[:place]}{told}{body[place:]}")

    def _listed(self, delivery: Delivery, links: IncidentLinks) -> Delivery:
        """With `acknowledge_url` in a list of what is down: of all that began from the first of it, named in it or
        not, to the list."""
        try:
            body = msgspec.json.decode(delivery.body)
            digest, end = body["data"]["digest"], read_iso(body["timestamp"])
            down = [thing for thing in digest["things"] if thing["event"] in OPENING and thing["incident"]]
            began = [thing["incident"]["started_at"] for thing in down]
            if more_since := text_of(object_of(digest), "more_since"):
                began.append(more_since)
            start = min(map(read_iso, began), default=None)
        except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError, OverflowError):
            return delivery
        # Times in a body are whole seconds.
        token = None if start is None else links.list_token(delivery.channel, start, max(start, end) + SECOND)
        if token is None:
            return delivery
        told = {**digest, "acknowledge_url": f"{self.site}{LIST_PATH}{token}"}
        body = {**body, "data": {**body["data"], "digest": told}}
        return replace(delivery, body=msgspec.json.encode(body).decode())

    def _notice(self, notice: Any) -> Any:
        """PoppaPing's form."""
        data = object_of(object_of(notice).get("data"))
        monitor = object_of(data.get("monitor"))
        url = text_of(monitor, "url")
        if not url or not (url.startswith("/") or monitor.get("kind") in _OURS):
            return notice
        path = url if url.startswith("/") else _path(url, "/checks/") or "/"
        return {**notice, "data": {**data, "monitor": {**monitor, "url": f"{self.site}{path}"}}}

    def _event(self, event: Any) -> Any:
        """updown.io's form."""
        check, downtime = object_of(object_of(event).get("check")), object_of(object_of(event).get("downtime"))
        more: dict[str, Any] = {}
        if check.get("type") == "pulse" and (path := _path(text_of(check, "url"), "/pulse/")):
            more["check"] = {**check, "url": f"{self.pulses}{path.removeprefix('/pulse/')}"}
        if path := _path(text_of(downtime, "details_url"), "/downtimes/"):
            more["downtime"] = {**downtime, "details_url": f"{self.site}{path}"}
        return {**event, **more} if more else event


def _path(url: str, begins: str) -> str:
    """The path of a page of ours whose path begins so, at whatever address it was; empty when it is none."""
    at = url.rfind(begins)
    return "" if at < 0 else url[at:]
