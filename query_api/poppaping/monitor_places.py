"""Where a monitor is probed from: some regions, or all but for those that are excluded. Pure."""

from typing import Any

from msgspec import UNSET, UnsetType

from query_api.poppaping.responses import PoppaPingApiError
from schemas.monitors import Monitor

_Asked = list[str] | UnsetType | None


def places_of(regions: _Asked, excluded: _Asked, current: Monitor | None, known: tuple[str, ...]) -> dict[str, Any]:
    """The fields that a request changes. Regions that are set lift those that were excluded, unless it names some.

    Raises `PoppaPingApiError`.
    """
    set_anew = regions is not UNSET or current is None
    if not set_anew and excluded is UNSET:
        return {}
    asked, left_out = (tuple(dict.fromkeys(some)) if isinstance(some, list) else () for some in (regions, excluded))
    if strangers := [region for region in (*asked, *left_out) if region not in known]:
        raise PoppaPingApiError(400, f"Unknown region '{strangers[0]}'. Known regions: {', '.join(known)}.")
    left = tuple(region for region in known if region not in left_out)
    if not left:
        raise PoppaPingApiError(400, "Field 'excluded_regions' must leave a region.")
    wanted = asked if set_anew or current is None else current.regions
    return {"regions": wanted, "excluded_regions": left_out, "probed_from": wanted or left}
