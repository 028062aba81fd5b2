"""What an idle Pingfold writes: bytes of Kafka's log files that came into being while nothing happens, by topic.

A fresh Pingfold with some checks that are up and not due. After it has settled (a new source ticks every second for a
while), the size of every segment of Kafka is looked at twice; what has come in between is carried on to a day. What is
kept is that of topics that are neither compacted nor short-lived.
"""

import re
import time
from collections import Counter
from pathlib import Path

from bench.checks import settle_with
from bench.idle import Checks, Seconds, Settle, Url
from bench.report import Report, say
from bench.stack import pingfold
from schemas.topics import TOPICS, Cleanup

_DAY = 86_400
_PARTITION = re.compile(r"(.+)-\d+")
_KEPT = {topic.name for topic in TOPICS if topic.cleanup is Cleanup.DELETE and topic.retention_ms == -1}


def idle_growth(seconds: Seconds = 160.0, settle: Settle = 100.0, checks: Checks = 100, url: Url = None) -> None:
    """What an idle Pingfold writes and keeps in a day."""
    report = Report("idle-growth", {"seconds": seconds, "settle": settle, "checks": checks})
    with pingfold(url) as stack:
        settle_with(stack, checks, settle)
        before, began = _sizes(stack.data), time.monotonic()
        say(f"looking for {seconds:.0f} s")
        time.sleep(seconds)
        after, lasted = _sizes(stack.data), time.monotonic() - began
    grown = {topic: size - before[topic] for topic, size in after.items() if size > before[topic]}
    a_day = {topic: round(size / lasted * _DAY / 1e6, 2) for topic, size in sorted(grown.items())}
    kept = round(sum(size for topic, size in a_day.items() if topic in _KEPT), 2)
    passing = round(sum(size for topic, size in a_day.items() if topic not in _KEPT), 2)
    report.measured |= {"mb_a_day_by_topic": a_day, "kept_mb_a_day": kept, "passing_mb_a_day": passing}
    report.ask("kept, MB a day", kept, "<=", 10)
    report.ask("written in what is compacted or short-lived, MB a day", passing, "<=", 100)
    report.publish()


def _sizes(data: Path) -> Counter[str]:
    """Bytes of all segments, by topic. Segments of deleted topics and snapshots are none of them."""
    sizes: Counter[str] = Counter()
    for folder in data.glob("kafka/**/*-[0-9]*"):
        if (match := _PARTITION.fullmatch(folder.name)) is not None and folder.is_dir():
            sizes[match[1]] += sum(file.stat().st_size for file in folder.glob("*.log"))
    return sizes
