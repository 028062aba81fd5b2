"""The folds of this version of Pingfold, in the order in which a request travels through them."""

from processors.checks import Checks
from processors.deliveries import DeliveriesFold
from processors.fold import Fold
from processors.monitors import Monitors
from processors.projects import Projects

FOLDS: tuple[Fold, ...] = (Projects(), Checks(), Monitors(), DeliveriesFold())
