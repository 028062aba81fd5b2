"""The kinds of things that can be declared, by their sections, in the order in which things are made."""

from collections.abc import Mapping

from pingfold.declared.kinds.channels import CHANNELS
from pingfold.declared.kinds.checks import CHECKS
from pingfold.declared.kinds.escalations import ESCALATIONS
from pingfold.declared.kinds.kind import Kind
from pingfold.declared.kinds.maintenance import MAINTENANCE
from pingfold.declared.kinds.monitors import MONITORS
from pingfold.declared.kinds.status_pages import STATUS_PAGES
from pingfold.declared.things import ROTATIONS

KINDS: Mapping[str, Kind] = {
    kind.section: kind for kind in (CHANNELS, CHECKS, MONITORS, STATUS_PAGES, MAINTENANCE, ESCALATIONS)
}
# What things that files may name are called, one of each.
TITLES: Mapping[str, str] = {section: kind.title for section, kind in KINDS.items()} | {ROTATIONS: "on-call rotation"}
