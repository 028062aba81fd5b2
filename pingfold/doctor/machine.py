"""This machine: what the embedded servers need, room on the disk and in memory, the clock."""

import ctypes
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from infra.clock import SYSTEM_CLOCK
from infra.disk import FreeSpace, free_space_at
from infra.embedded import kafka
from infra.settings.settings import Settings
from pingfold.doctor.findings import Finding
from schemas.base import SECOND
from schemas.times import to_second

_MIB = 2**20
# What an idle Pingfold with its embedded servers takes (docs/performance.md), and a little to work with.
_MEMORY_MIB = 1_200
# A web process with fewer open files refuses connections under an ordinary load.
_OPEN_FILES = 4_096
# No clock that is right is before this: the beginning of 2025.
_EARLIEST = 1_735_689_600.0
_AHEAD_SECONDS = 60.0
# What adjtimex(2) answers when nobody keeps the clock right, and more bytes than its structure has.
_UNSYNCHRONIZED, _TIMEX_BYTES = 5, 512


def prerequisites(settings: Settings) -> Iterator[Finding]:
    """Java and Kafka's jars, where the embedded Kafka is used."""
    if settings.kafka_bootstrap_servers is not None:
        yield Finding("ok", "Java", "is not needed: KAFKA_BOOTSTRAP_SERVERS names an existing Kafka")
        return
    try:
        yield Finding("ok", "Java", f"{(program := kafka.java())}, version {kafka.java_version(program)}")
    except (kafka.MissingPrerequisite, kafka.KafkaNotReady) as error:
        yield Finding("problem", "Java", *_split(str(error)))
    cache = kafka.default_cache()
    jars = kafka.jars_folder(cache)
    if jars.is_dir():
        yield Finding("ok", "Kafka's jars", str(jars))
    elif maven := shutil.which("mvn"):
        yield Finding("ok", "Kafka's jars", f"are fetched at the first start, by {maven}")
    else:
        missing = kafka.MissingPrerequisite("Maven (mvn) fetches Kafka's jars and was not found", "maven")
        yield Finding("problem", "Kafka's jars", *_split(str(missing)))


def disk(settings: Settings) -> Iterator[Finding]:
    """The room for the data of the embedded servers."""
    if settings.kafka_bootstrap_servers is not None and settings.clickhouse_url is not None:
        return
    folder = _nearest(settings.data)
    room = free_space_at(folder)
    reserve = settings.disk_reserve.of(room.total)
    found = f"{room.free // _MIB} MiB free of {room.total // _MIB} at {settings.data}, reserve {reserve // _MIB} MiB"
    do = "make room, or set PINGFOLD_DATA to another disk (docs/operations.md, Disk)"
    yield room_found(room, reserve, found, do)


def room_found(room: FreeSpace, reserve: int, found: str, do: str) -> Finding:
    """How the room is judged: as by the roles (`infra.disk`)."""
    if room.free < reserve:
        return Finding("problem", "disk", f"{found}: new pings are refused", do)
    return Finding("warning", "disk", found, do) if room.free < 2 * reserve else Finding("ok", "disk", found)


def memory(is_running: bool, meminfo: Path = Path("/proc/meminfo")) -> Iterator[Finding]:
    """The memory that is free for a Pingfold that does not run yet."""
    try:
        lines = meminfo.read_text().splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return  # no Linux
    found = f"{available} MiB available"
    if is_running or available >= _MEMORY_MIB:
        yield Finding("ok", "memory", found)
    else:
        yield Finding(
            "warning",
            "memory",
            f"{found}; Pingfold with its embedded servers takes about {_MEMORY_MIB} MiB",
            "end other programs, or set PINGFOLD_KAFKA_HEAP=256m",
        )


def open_files(settings: Settings) -> Iterator[Finding]:
    """The limit of open files, which bounds connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= min(_OPEN_FILES, settings.connections):
        yield Finding("ok", "open files", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard}")
    else:
        do = "raise the hard limit (LimitNOFILE= of systemd, ulimit -Hn)"
        yield Finding("warning", "open files", f"at most {hard}, and so fewer connections", do)


def clock(settings: Settings, now: float | None = None, unsynchronized: bool | None = None) -> Iterator[Finding]:
    """Whether the clock can be right, and whether anybody keeps it so."""
    now = SYSTEM_CLOCK.real() / SECOND if now is None else now
    newest = _newest(settings.data)
    do = "correct the clock (docs/operations.md, Clocks), then start Pingfold"
    if now < _EARLIEST:
        yield Finding("problem", "clock", f"says {_shown(now)}", do)
    elif newest - now > _AHEAD_SECONDS:
        yield Finding("problem", "clock", f"says {_shown(now)}, but {settings.data} was written {_shown(newest)}", do)
    elif _is_unsynchronized() if unsynchronized is None else unsynchronized:
        found = f"says {_shown(now)}, and the kernel does not know of anything that keeps it right"
        yield Finding("warning", "clock", found, "run an NTP client, such as chrony or systemd-timesyncd, on the host")
    else:
        yield Finding("ok", "clock", f"says {_shown(now)}, and is synchronized")


def _is_unsynchronized() -> bool:
    try:
        # All zero: nothing is changed, and the state is answered.
        return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _UNSYNCHRONIZED)
    except (OSError, AttributeError):
        return False


def _newest(folder: Path) -> float:
    """When something in the data folder itself was last written; 0 when there is none."""
    try:
        return max((entry.stat().st_mtime for entry in os.scandir(folder)), default=0.0)
    except OSError:
        return 0.0


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that there is."""
    absolute = folder.absolute()
    return next((one for one in (absolute, *absolute.parents) if one.is_dir()), Path("/"))


def _shown(seconds: float) -> str:
    return f"{to_second(int(seconds * SECOND))} UTC"


def _split(text: str) -> tuple[str, str]:
    """What is wrong, and what to do: as errors of ours are written."""
    what, _, do = text.partition(": ")
    return what, do
