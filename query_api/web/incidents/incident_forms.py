"""What somebody does about an open incident: take care of it, for good or for a while, comment on it, give it back, and
keep its thing quiet. Pure."""

from datetime import tzinfo
from typing import Any

from query_api.poppaping.incident_actions import CommentOnIncidentBody
from query_api.updown.durations import seconds_of
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_state import Form, new_form
from schemas.base import SECOND, Micros
from schemas.times import iso

SNOOZES = ("1 hour", "4 hours", "1 day", "1 week")
# What the buttons of the form do, by the value that they send: the path of the API below the incident.
ACTIONS = {"acknowledge": "acknowledge", "comment": "comments", "release": "acknowledge"}

GROUPS = (
    Group(
        title="",
        fields=(
            field_of(
                CommentOnIncidentBody,
                "comment",
                "Comment",
                kind="long",
                help="What is known, and what is done about it. Everybody who may see the incident can read it.",
            ),
            Field(
                name="until",
                label="Acknowledge",
                kind="choice",
                empty=None,
                options=(Option("", "for good"), *(Option(span, f"for {span}") for span in SNOOZES)),
                help="For a while: it is as if nobody had when that is over.",
            ),
        ),
    ),
)


def incident_form(zone: tzinfo) -> Form:
    """The empty form."""
    return new_form(GROUPS, {}, zone)


def body_of(values: dict[str, Any], action: str, by: str, now: Micros) -> dict[str, Any]:
    """What the API is asked for by a button. by: who presses it."""
    comment = str(values.get("comment") or "")
    body: dict[str, Any] = {"by": by[:100], "comment": comment if action == "comment" else comment or None}
    if action == "acknowledge" and (seconds := seconds_of(str(values.get("until") or ""))) is not None:
        body["until"] = iso(now + seconds * SECOND)
    return body
