"""Pages of single checks: `/status/TOKEN` shows a monitor that is `published`, in every form that a status page has.

Such a page is made of the monitor's definition when somebody asks, so it is there as long as the monitor is published.
Everybody reads it: a name that is made of the whole URL, whose path and query may be secrets, is not shown there.
"""

import re

from infra.log.directory import Directory
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.public_names import public_name
from schemas.status_pages import Component, StatusPage
from schemas.tokens import THING_LENGTH

_TOKEN = re.compile(f"[a-z0-9]{{{THING_LENGTH},20}}")


class PublishedCheck(StatusPage, frozen=True):
    """The page of one check; its address is the check's token."""


def may_be_token(ref: str) -> bool:
    """Whether an address has the form of a token."""
    return _TOKEN.fullmatch(ref) is not None


def published_at(directory: Directory, token: str) -> PublishedCheck | None:
    """The page of the check with this token; None when there is none that is published."""
    monitor = directory.by_token(token)
    if not isinstance(monitor, Monitor) or not monitor.published:
        return None
    return PublishedCheck(
        id=derived_id("published", monitor.id),
        project=monitor.project,
        version=monitor.version,
        created=monitor.created,
        revised=monitor.revised,
        title=public_name(monitor) or "Monitor",
        token=token,
        components=(Component("monitor", monitor.id),),
    )
