"""The body of a notification as it is stored: what webhooks get, and what mails are rendered from. Pure.

It is made once, when the notification is requested, so that every attempt sends the same bytes. Which form it has, the
kind of the channel says. The fold of the deliveries makes it, so no rule in it may ask tables that change.
"""

from typing import Any

import msgspec

from processors.sender.updown_body import render_event
from schemas.base import Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import DeliveryRequested, Endpoint
from schemas.notices import AnyNotice
from schemas.outputs import readable
from schemas.times import iso

# A body must fit into a record of a state topic, with room to spare (Kafka takes 1 MB).
BODY_LIMIT = 256 * 1024


def render_body(notice: str, at: Micros, data: dict[str, Any], site: str = "") -> str:
    """PoppaPing's form: event, timestamp, data; a page of ours is made a whole URL below `site`, what a job said
    readable."""
    monitor = data.get("monitor")
    if isinstance(monitor, dict):
        if isinstance(url := monitor.get("url"), str) and url.startswith("/"):
            monitor = {**monitor, "url": f"{site}{url}"}
        said = monitor.get("last_output")
        if isinstance(said, dict) and isinstance(text := said.get("text"), str):
            monitor = {**monitor, "last_output": {**said, "text": readable(text)}}
        data = {**data, "monitor": monitor}
    return msgspec.json.encode({"event": notice, "timestamp": iso(at), "data": data}).decode()


def body_of(notice: AnyNotice, request: DeliveryRequested, endpoint: Endpoint) -> str:
    """The body of a notice for a channel, in the form that its kind sends."""
    if CHANNEL_KINDS[endpoint.kind].body == "push event":
        return render_event(notice, request, endpoint)
    return render_body(notice, request.at, request.data, endpoint.site)
