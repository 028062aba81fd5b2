"""Ends a worker whose fold cannot continue: one log line with the reason, and an exit status for each kind of fault."""

import os
from typing import NoReturn

import structlog

from infra.process.lifecycle import EXIT_DEFECTIVE
from infra.process.liveness import EXIT_FAULT
from processors.fold.epochs import NewerStates
from processors.runtime import metrics
from processors.runtime.context import DefectiveFold

log = structlog.get_logger(__name__)

# Exit status when a newer version has written the states: until that is started again, nothing can be folded.
EXIT_NEWER_STATES = 78


def end_worker(slot: str, error: BaseException) -> NoReturn:
    """End the process at once: what was not committed has not happened."""
    if isinstance(error, NewerStates):
        log.critical("fold.newer_states", slot=slot, error=str(error))
        os._exit(EXIT_NEWER_STATES)
    if isinstance(error, DefectiveFold):
        metrics.defective(error.fold)
        log.critical(
            "fold.defective",
            slot=slot,
            error=str(error),
            what="nothing of it was committed; start another version, or set PINGFOLD_ACCEPT_DEFECTS=1 to go on: "
            "what cannot be folded then becomes dead letters",
        )
        os._exit(EXIT_DEFECTIVE)
    log.critical("fold.fault", slot=slot, error=str(error), exc_info=error)
    os._exit(EXIT_FAULT)
