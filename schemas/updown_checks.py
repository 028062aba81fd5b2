"""What updown.io's REST API and its Push API both say of a check: its type and its URL. Pure."""

from schemas.probe_kinds import MonitorKind
from schemas.targets import ProbeTarget

_TYPES: dict[MonitorKind, str] = {"tls": "tcps"}


def type_of(kind: MonitorKind, target: ProbeTarget) -> str:
    """The type of a check."""
    if kind == "http":
        return "http" if target.url[:5].lower() == "http:" else "https"
    return _TYPES.get(kind, kind)


def url_of(kind: MonitorKind, target: ProbeTarget) -> str:
    """The URL of a check."""
    if kind == "http":
        return target.url
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{type_of(kind, target)}://{host}{f':{target.port}' if target.port else ''}"
