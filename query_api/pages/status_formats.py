"""A status page in its forms: HTML, JSON, Atom, badge. Pure: the same board gives the same bytes, so a tag fits them.

None of them holds the moment at which it was made; the headers tell it. `base`: the address of this Pingfold.
"""

from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

import msgspec
from jinja2 import Environment, PackageLoader

from query_api.history.uptime import format_percent
from query_api.pages.day_bars import day_words, down_share, percent_words
from query_api.pages.drawing import AMBER, GREEN, GREY, RED, drawn
from query_api.pages.lettering import plain
from query_api.pages.maintenance import Planned
from query_api.pages.posts_shown import STATE_WORDS, ShownPost
from query_api.pages.status_board import DAYS, Board, Day, Incident, Line, Overall, Status, address
from schemas.base import SECOND, Micros
from schemas.page_looks import ink_on
from schemas.status_pages import Section, StatusPage
from schemas.times import iso, iso_or_none, to_day, to_minute

# The height of a bar.
_BAR = 32

_ATOM = "http://www.w3.org/2005/Atom"

_OVERALL: dict[Overall, str] = {
    "operational": "All systems operational",
    "maintenance": "Under maintenance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
    "unknown": "Status not fully known",
}
_BADGE: dict[Overall, tuple[str, str]] = {
    "operational": ("operational", GREEN),
    "maintenance": ("maintenance", GREY),
    "partial_outage": ("partial outage", AMBER),
    "major_outage": ("major outage", RED),
    "unknown": ("unknown", GREY),
}
_WORDS: dict[Status, str] = {
    "up": "Operational",
    "down": "Down",
    "paused": "Paused",
    "pending": "Waiting for first result",
    "maintenance": "Under maintenance",
    "unknown": "Not observed",
}

# A section that is collapsed is open while one of its components is so.
_NOT_WELL: frozenset[Status] = frozenset({"down", "maintenance", "unknown"})

templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def html(board: Board, site: str, base: str, reloads: bool = False) -> bytes:
    """The page for people. reloads: it asks for itself again each minute."""
    sections = {section.title: section for section in board.page.sections}
    groups = [
        _group(name, sections.get(name), list(lines))
        for name, lines in groupby(_by_group(board), key=lambda line: line.group)
    ]
    text = templates.get_template("status.html").render(
        look(board.page),
        site=site,
        url=urlsplit(_url(board, base)).path,
        days=DAYS,
        reloads=reloads,
        overall=board.overall,
        headline=_OVERALL[board.overall],
        behind=_time(board.behind),
        history=board.history,
        groups=groups,
        open=[told(incident) for incident in board.open],
        posts=[post_words(post) for post in board.posts if post.resolved is None],
        past_posts=[post_words(post) for post in board.posts if post.resolved is not None],
        takes_subscribers=board.takes_subscribers,
        maintenance=[_announced(board, window) for window in board.maintenance],
        past=[
            {"day": day, "incidents": [told(incident) for incident in incidents]}
            for day, incidents in groupby(board.past, key=lambda incident: to_day(incident.started))
        ],
    )
    return text.encode()


def look(page: StatusPage) -> dict[str, Any]:
    """What every page of a status page is told: itself, and the colour of a text on its own."""
    return {"page": page, "ink": ink_on(page.accent) if page.accent else ""}


def json(board: Board, _site: str, base: str) -> bytes:
    """The page for programs. Uptimes are in per cent; null: not observed."""
    return msgspec.json.encode(
        {
            "page": {
                "id": board.page.id,
                "title": board.page.title,
                "description": board.page.description,
                "url": _url(board, base),
                "updated_at": iso(board.page.revised),
            },
            "status": board.overall,
            "status_text": _OVERALL[board.overall],
            "statuses_as_of": iso_or_none(board.behind),
            "history_available": board.history,
            "components": [
                {
                    "id": line.id,
                    "name": line.name,
                    "group": line.group or None,
                    "status": line.status,
                    "uptime_percentage": _number(line),
                    "days": [
                        {"date": day.date, "uptime_percentage": _number(day), "down_seconds": day.down // SECOND}
                        for day in line.days
                    ],
                }
                for line in _by_group(board)
            ],
            "incidents": [
                {
                    "id": incident.id,
                    "component": incident.name,
                    "status": "open" if incident.resolved is None else "resolved",
                    "started_at": iso(incident.started),
                    "resolved_at": iso_or_none(incident.resolved),
                }
                for incident in (*board.open, *board.past)
            ],
            "posts": [_post_object(post) for post in board.posts],
            "maintenance": [
                {
                    "id": window.id,
                    "name": window.name,
                    "status": "active" if window.active else "planned",
                    "starts_at": iso(window.starts),
                    "ends_at": iso(window.ends),
                    "component_ids": list(window.components),
                }
                for window in board.maintenance
            ],
        }
    )


def atom(board: Board, site: str, base: str) -> bytes:
    """A feed of the posts and the incidents, what changed last first."""
    url = _url(board, base)
    posts = [(post.revised, post.id, _post_entry(post)) for post in board.posts]
    incidents = [(_changed(one), one.id, _incident_entry(one)) for one in (*board.open, *board.past)]
    entries = sorted([*posts, *incidents], key=lambda each: each[:2], reverse=True)
    updated = max([board.page.revised, *(changed for changed, _, _ in entries)])
    feed = ElementTree.Element("feed", {"xmlns": _ATOM})
    _add(feed, "id", f"urn:uuid:{board.page.id}")
    _add(feed, "title", board.page.title)
    if board.page.description:
        _add(feed, "subtitle", board.page.description)
    _add(feed, "updated", iso(updated))
    _add(_add(feed, "author"), "name", site)
    _add(feed, "link", rel="self", href=f"{url}.atom", type="application/atom+xml")
    _add(feed, "link", rel="alternate", href=url, type="text/html")
    for changed, id, told in entries:
        entry = _add(feed, "entry")
        _add(entry, "id", f"urn:uuid:{id}")
        _add(entry, "title", told.title)
        _add(entry, "published", iso(told.published))
        _add(entry, "updated", iso(changed))
        _add(entry, "link", rel="alternate", href=f"{url}#{id}", type="text/html")
        _add(entry, "content", told.content, type="text")
    text: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return text


class _Entry(NamedTuple):
    """What a feed says of something."""

    title: str
    published: Micros
    content: str


def _incident_entry(incident: Incident) -> _Entry:
    words = told(incident)
    return _Entry(f"{incident.name} {words['what']}", incident.started, words["words"])


def _post_entry(post: ShownPost) -> _Entry:
    lines = [f"{STATE_WORDS[update.state]} ({_time(update.at)}): {update.text}" for update in post.updates]
    if post.affected:
        lines.append(f"Affected: {', '.join(post.affected)}")
    return _Entry(f"{post.title} ({STATE_WORDS[post.state].lower()})", post.started, "\n\n".join(lines))


def _post_object(post: ShownPost) -> dict[str, Any]:
    return {
        "id": post.id,
        "title": post.title,
        "status": post.state,
        "started_at": iso(post.started),
        "resolved_at": iso_or_none(post.resolved),
        "affected_components": list(post.affected),
        "updates": [
            {"at": iso(update.at), "status": update.state, "text": update.text, "edited": bool(update.former)}
            for update in post.updates
        ],
    }


def post_words(post: ShownPost) -> dict[str, Any]:
    """What a page says of a post."""
    return {
        "id": post.id,
        "title": post.title,
        "state": post.state,
        "word": STATE_WORDS[post.state],
        "affected": post.affected,
        "updates": [
            {
                "word": STATE_WORDS[update.state],
                "at": _time(update.at),
                "text": update.text,
                "edited": f"edited {_time(update.former[-1].until)}" if update.former else "",
            }
            for update in post.updates
        ],
    }


def badge(board: Board, _site: str, _base: str) -> bytes:
    """The status of all together, as a small SVG."""
    return drawn(board.page.title, *_BADGE[board.overall])


def _url(board: Board, base: str) -> str:
    return f"{base}/status/{address(board.page)}"


def _by_group(board: Board) -> list[Line]:
    """What is in no group comes first; then the sections of the page in their order, and other groups in that of their
    first components."""
    order: dict[str, int] = {"": -1}
    for group in (*(section.title for section in board.page.sections), *(line.group for line in board.lines)):
        order.setdefault(group, len(order))
    return sorted(board.lines, key=lambda line: order[line.group])


def _group(name: str, section: Section | None, lines: list[Line]) -> dict[str, Any]:
    """A section of the page. collapsed: readers open it. is_open: something in it is not well, so it is open."""
    return {
        "name": name,
        "description": "" if section is None else section.description,
        "collapsed": section is not None and section.collapsed,
        "is_open": any(line.status in _NOT_WELL for line in lines),
        "well": _WORDS["up"] if all(line.status == "up" for line in lines) else "",
        "lines": [_row(line) for line in lines],
    }


def _row(line: Line) -> dict[str, Any]:
    share = line.uptime
    return {
        "name": line.name,
        "status": line.status,
        "word": _WORDS[line.status],
        "uptime": "" if share is None else percent_words(share),
        "bars": [
            {"class": "n" if day.uptime is None else "g", "down": down_height(day), "title": _dated(day)}
            for day in line.days
        ],
        "bad_days": [_dated(day) for day in reversed(line.days) if day.down],
    }


def down_height(day: Day) -> int:
    """How much of a bar is red, in units of its height."""
    return round(_BAR * down_share(day.uptime, day.down))


def _dated(day: Day) -> str:
    return day_words(day.date, day.uptime, day.down)


def _number(of: Line | Day) -> float | None:
    share = of.uptime
    return None if share is None else float(format_percent(share, 2))


def told(incident: Incident) -> dict[str, str]:
    """What a page says of an incident."""
    began = _time(incident.started)
    if incident.resolved is None:
        return {"id": incident.id, "name": incident.name, "what": "is down", "words": f"Down since {began}."}
    spent = lasted(incident.resolved - incident.started)
    words = f"From {began.removesuffix(' UTC')} to {_time(incident.resolved)}."
    return {"id": incident.id, "name": incident.name, "what": f"was down for {spent}", "words": words}


def _announced(board: Board, window: Planned) -> dict[str, Any]:
    return {
        "name": window.name,
        "active": window.active,
        "words": f"From {_time(window.starts).removesuffix(' UTC')} to {_time(window.ends)}",
        "names": [line.name for line in board.lines if line.id in window.components],
    }


def _changed(incident: Incident) -> Micros:
    return incident.started if incident.resolved is None else incident.resolved


def lasted(spent: Micros) -> str:
    """A duration for people: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = max(1, round(spent / SECOND))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _time(at: Micros | None) -> str:
    return "" if at is None else f"{to_minute(at)} UTC"


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name, attributes)
    if text:
        element.text = plain(text)
    return element
