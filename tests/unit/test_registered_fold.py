"""A fold is registered by its two topics: whatever must know of it follows from them (docs/decisions/0068).

A process of its own adds a toy fold to the registry before anything else is imported, and looks who has heard of it.
"""

import json
import subprocess
import sys
from textwrap import dedent

from tests.source_tree import ROOT

PROGRAM = dedent(
    """
    import json, sys, types
    import schemas.topics as topics
    from schemas.ticks import Progress, Tick, TimeCorrected
    from tests.toy_fold import Added, Counting, Removal, Third, Total

    TOYS = topics.Topic(
        "toys", "toy id", Added | Third | Tick | TimeCorrected, stamped=True,
        written_by=("web",), fold="toys", ticked=True, from_folds=(Third,),
    )
    TOY_STATES = topics.Topic("toy-states", "toy id", Total | Removal | Progress, topics.Cleanup.COMPACT, journal=TOYS)
    topics.TOPICS = (*topics.TOPICS, TOYS, TOY_STATES)
    topics.JOURNALS = (*topics.JOURNALS, TOYS)
    topics.JOURNAL_OF = topics.JOURNAL_OF | {TOY_STATES: TOYS}
    package, module = types.ModuleType("processors.toys"), types.ModuleType("processors.toys.fold")
    module.FOLD = Counting("toys", TOYS, TOY_STATES, TOYS)
    sys.modules |= {"processors.toys": package, "processors.toys.fold": module}

    from infra.log.progress import FoldProgress
    from infra.log.retention import topic_retention
    from infra.log.rights import ROLES
    from infra.settings.settings import Settings
    from ingest.ticker import TICKED_JOURNALS
    from pingfold.folds import FOLDS
    from pingfold.replay.derived import effect_topics, letters_of
    from infra.log.reading import Stored
    from schemas.base import encode
    from schemas.dead_letters import DeadLetter
    from schemas.published import CARRIES, index, kind_of

    progress = FoldProgress(2)
    hear = progress.listen(TOY_STATES)
    hear(1, "partition", encode(Progress(applied=7)))
    made = effect_topics()[TOYS]
    letter = DeadLetter(topic="toys", partition=0, offset=0, key="", value=b"", reason="", at=0)
    print(json.dumps({
        "worker and replay": FOLDS[-1] is module.FOLD,
        "ticker": TOYS in TICKED_JOURNALS,
        "progress": dict(progress.applied(TOYS)) == {0: -1, 1: 7} and ("toys", 0, None) in list(progress),
        "replay": made(Stored(0, 0, 0, b"k", encode(Third(thing="a", number=1)), None))
        and not made(Stored(0, 0, 0, b"k", encode(Added(number=1)), None)),
        "dead letters": letters_of(FOLDS)(Stored(0, 0, 0, b"k", encode(letter), None)),
        "rights": [role for role, rights in ROLES.items() if TOYS in rights.writes]
        == ["web", "worker", "ticker", "commands"],
        "published": (kind_of(TOYS), kind_of(TOY_STATES)) == ("journal", "state")
        and {"toys", "toy-states"} <= {topic["name"] for topic in index()["topics"]} and TOYS in CARRIES,
        "kept for ever": "toys" not in topic_retention(Settings(_env_file=None)) and TOYS.retention_ms == -1,
    }))
    """
)


def test_a_fold_is_known_by_its_topics() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    assert [who for who, knows in known.items() if not knows] == []
