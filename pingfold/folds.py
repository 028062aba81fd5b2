"""The folds of this version of Pingfold, in the order in which a request travels through them."""

from processors.checks.fold import Checks
from processors.deliveries.fold import DeliveriesFold
from processors.fold.contract import Fold
from processors.monitors.fold import Monitors
from processors.projects.fold import Projects

FOLDS: tuple[Fold, ...] = (Projects(), Checks(), Monitors(), DeliveriesFold())

# Older versions that a replay can still fold with, so that it may judge what they have folded; the newest come first.
# A release that changes a fold may keep the one before here, or rely on a snapshot (`pingfold replay --snapshot`).
FORMER_FOLDS: tuple[Fold, ...] = ()
