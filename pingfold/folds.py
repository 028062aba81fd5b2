"""The folds of this version of Pingfold: of each journal the one that `schemas.topics` names."""

from importlib import import_module

from processors.fold.contract import Fold
from schemas.topics import JOURNALS

FOLDS: tuple[Fold, ...] = tuple(import_module(f"processors.{journal.fold}.fold").FOLD for journal in JOURNALS)

# Older versions that a replay can still fold with, so that it may judge what they have folded; the newest come first.
# A release that changes a fold may keep the one before here, or rely on a snapshot (`pingfold replay --snapshot`).
FORMER_FOLDS: tuple[Fold, ...] = ()
