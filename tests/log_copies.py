"""Logs of topics as they were before: what an older copy of a data folder holds, and what a power cut may leave."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path


def keep_logs(data: Path, topics: Iterable[str], partitions: int, folder: Path) -> Callable[[], None]:
    """Copy the logs of topics into `folder`, while the Kafka of `data` stands still; the result puts them back."""
    places = [data / "kafka" / "log" / f"{topic}-{number}" for topic in topics for number in range(partitions)]
    for place in places:
        shutil.copytree(place, folder / place.name)

    def put_back() -> None:
        for place in places:
            shutil.rmtree(place)
            shutil.copytree(folder / place.name, place)

    return put_back
