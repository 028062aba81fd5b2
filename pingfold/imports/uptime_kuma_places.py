"""Maintenance and status pages of an Uptime Kuma, over what has been carried over of its monitors. Pure.

A window is carried over with the monitors that were; if none of them was, it is not, since without any it would be over
all of the project. Dates and times of day are in the zone of the window, as Uptime Kuma takes them.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from pingfold.imports.things import Component, NotCarried, WantedPage, WantedWindow, shortened, unlike
from pingfold.imports.uptime_kuma import Backup, Carried, Row
from query_api.slugs import slugify
from schemas.schedules import BadTimezone, canonical_tz, zone
from schemas.status_pages import MOST_COMPONENTS
from schemas.times import iso, micros_of, read_moment

_LONGEST_MINUTES = 10_080
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?")
_LONGEST_SLUG = 60


def read_places(backup: Backup, carried: Carried) -> None:
    """Add the windows and pages of a backup to what was carried over of it."""
    names: list[str] = []
    for row in backup.windows:
        name = unlike(names, shortened(str(row.get("title") or "Maintenance")))
        place = f"maintenance {row.get('id')}"
        try:
            fields = _times(row, _zone(row, backup))
            covered = [one["monitor_id"] for one in backup.monitor_windows if one["maintenance_id"] == row.get("id")]
            monitors, checks = _names(covered, carried.monitors), _names(covered, carried.checks)
            if not monitors and not checks:
                raise NotCarried("none of its monitors was carried over")
        except NotCarried as left:
            carried.found.leave(place, f'"{name}"', str(left))
            continue
        if lost := len(covered) - len(monitors) - len(checks):
            carried.found.leave(place, f'"{name}" monitors', f"{lost} of them were not carried over")
        names.append(name)
        carried.found.windows.append(WantedWindow(place, name, fields, monitors, checks))
    for row in backup.pages:
        _page(row, backup, carried)


def _names(ids: Iterable[Any], known: dict[Any, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(known[id] for id in ids if id in known))


def _zone(row: Row, backup: Backup) -> str:
    """The zone of a window: its own, that of the server as far as it is set, else UTC."""
    told = row.get("timezone")
    if told in (None, "", "SAME_AS_SERVER"):
        server = next((one.get("value") for one in backup.settings if one.get("key") == "serverTimezone"), None)
        told = server.strip('"') if isinstance(server, str) else "UTC"
    try:
        return canonical_tz(str(told))
    except BadTimezone as error:
        raise NotCarried(f"its zone {shortened(str(told))} {error}") from None


def _times(row: Row, tz: str) -> dict[str, Any]:
    if not row.get("active", 1):
        raise NotCarried("it is paused there")
    strategy = str(row.get("strategy") or "")
    if strategy == "manual":
        raise NotCarried("it is begun by hand: `pingfold maintenance start` does that")
    if strategy == "single":
        return {"starts_at": _moment(row.get("start_date"), tz), "ends_at": _moment(row.get("end_date"), tz)}
    if strategy == "cron":
        seconds = row.get("duration")
        if not isinstance(row.get("cron"), str) or not isinstance(seconds, int):
            raise NotCarried("it has no cron expression, or no duration")
        return _recurring(row["cron"], seconds // 60, tz)
    start, end = _minutes(row.get("start_time")), _minutes(row.get("end_time"))
    return _recurring(f"{start % 60} {start // 60} {_days(strategy, row)}", (end - start) % 1_440 or 1_440, tz)


def _days(strategy: str, row: Row) -> str:
    """The last three fields of a cron expression."""
    match strategy:
        case "recurring-interval":
            days = row.get("interval_day")
            if not isinstance(days, int) or not 1 <= days <= 31:
                raise NotCarried("its interval is no number of days")
            return "* * *" if days == 1 else f"*/{days} * *"
        case "recurring-weekday":
            return f"* * {','.join(_listed(row.get('weekdays'), range(8)))}"
        case "recurring-day-of-month":
            return f"{','.join(_listed(row.get('days_of_month'), range(1, 32)))} * *"
        case _:
            raise NotCarried(f"Pingfold has no windows of the kind {shortened(strategy)}")


def _listed(text: Any, allowed: range) -> list[str]:
    try:
        days = json.loads(text) if isinstance(text, str) else text
        listed = ["L" if day == "lastDay1" else int(day) for day in days]
    except (ValueError, TypeError, RecursionError):
        raise NotCarried(f"its days {shortened(str(text))} cannot be told by a cron expression") from None
    if not listed or any(day != "L" and day not in allowed for day in listed):
        raise NotCarried(f"its days {shortened(str(text))} are none")
    return [str(day) for day in dict.fromkeys(listed)]


def _recurring(expression: str, minutes: int, tz: str) -> dict[str, Any]:
    if not 1 <= minutes <= _LONGEST_MINUTES:
        raise NotCarried("it must last from 1 minute to 7 days")
    return {"schedule": expression.strip(), "timezone": tz, "duration_minutes": minutes}


def _minutes(value: Any) -> int:
    """A time of day, in minutes."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if isinstance(value, dict):
        hours, minutes = value.get("hours"), value.get("minutes")
    else:
        found = _TIME.fullmatch(str(value or "").strip())
        hours, minutes = (int(found[1]), int(found[2])) if found else (None, None)
    if not isinstance(hours, int) or not isinstance(minutes, int) or not (0 <= hours < 24 and 0 <= minutes < 60):
        raise NotCarried(f"{shortened(str(value))} is no time of day")
    return hours * 60 + minutes


def _moment(value: Any, tz: str) -> str:
    try:
        told = read_moment(str(value))
        return iso(micros_of(told if told.tzinfo else told.replace(tzinfo=zone(tz))))
    except (ValueError, OverflowError):
        raise NotCarried(f"{shortened(str(value))} is no date with a time") from None


def _page(row: Row, backup: Backup, carried: Carried) -> None:
    title = shortened(str(row.get("title") or row.get("slug") or "Status"), 200)
    place, found = f"status page {row.get('id')}", carried.found
    if not row.get("published", 1):
        found.leave(place, f'"{title}"', "it is not published there; every page of Pingfold is")
        return
    for column, what in (("password", "password"), ("custom_css", "custom CSS"), ("footer_text", "footer")):
        if row.get(column):
            found.leave(place, f'"{title}" {what}', "it is not carried over")
    components: list[Component] = []
    groups = [one for one in backup.groups if one.get("status_page_id") == row.get("id")]
    for group in sorted(groups, key=lambda one: (_weight(one), one.get("id") or 0)):
        members = [one for one in backup.monitor_groups if one["group_id"] == group.get("id")]
        for member in sorted(members, key=_weight):
            for kind, known in (("monitor", carried.monitors), ("check", carried.checks)):
                if member["monitor_id"] in known:
                    name = shortened(str(group.get("name") or ""), 200)
                    components.append(Component(kind, known[member["monitor_id"]], name))
    if len(components) > MOST_COMPONENTS:
        found.leave(place, f'"{title}" monitors', f"a page shows {MOST_COMPONENTS}: the others are left out")
    slug = (
        slugify(str(row.get("slug") or title)).replace("_", "-")[:_LONGEST_SLUG].strip("-") or f"page-{row.get('id')}"
    )
    slug = unlike({page.slug for page in found.pages}, slug)
    description = str(row.get("description") or "")[:2_000]
    found.pages.append(WantedPage(place, title, slug, description, tuple(dict.fromkeys(components[:MOST_COMPONENTS]))))


def _weight(row: Row) -> int:
    weight = row.get("weight")
    return weight if isinstance(weight, int) else 0
