"""How far apart confirmations are when the interval of a monitor changes: half of it stays half. Pure."""

from msgspec import UNSET, UnsetType

from schemas.monitors import Monitor


def after_change(current: Monitor | None, interval: float | UnsetType) -> float | UnsetType:
    """The `confirm_interval` that a new `interval` brings, both in seconds; unset where it stays as it is, because it
    was chosen otherwise or there is none."""
    if current is None or interval is UNSET or current.confirm_interval != current.interval / 2:
        return UNSET
    return interval / 2
