"""The JSON body of a notification, which webhooks get and mails are rendered from. Pure."""

from typing import Any

import msgspec

from schemas.base import Micros
from schemas.times import iso

# A body must fit into a record of a state topic, with room to spare (Kafka takes 1 MB).
BODY_LIMIT = 256 * 1024


def render_body(notice: str, at: Micros, data: dict[str, Any], site: str = "") -> str:
    """PoppaPing's form: event, timestamp, data; a page of ours is made a whole URL below `site`."""
    monitor = data.get("monitor")
    if isinstance(monitor, dict) and isinstance(url := monitor.get("url"), str) and url.startswith("/"):
        data = {**data, "monitor": {**monitor, "url": f"{site}{url}"}}
    return msgspec.json.encode({"event": notice, "timestamp": iso(at), "data": data}).decode()
