"""Marks of a disk that fills up and empties again, and what each of them stops."""

from pathlib import Path
from typing import Any

import pytest

from infra.disk import Disk, DiskFigures, FreeSpace, Level
from infra.settings.settings import Settings
from infra.settings.sizes import Reserve, parse_reserve

MIB, GIB = 2**20, 2**30


class World:
    """Two folders on disks of 100 GiB; time that passes when told."""

    def __init__(self, **settings: Any) -> None:
        self.free = {"kafka": 50 * GIB, "clickhouse": 50 * GIB}
        self.now, self.looks = 0.0, 0
        self.disk = Disk(Settings(**settings), look=self.look, monotonic=lambda: self.now)

    def look(self, folder: Path) -> FreeSpace:
        self.looks += 1
        if folder.name not in self.free:
            raise FileNotFoundError(folder)
        return FreeSpace(self.free[folder.name], 100 * GIB)

    def at(self, free: int, folder: str = "kafka") -> Level:
        self.free[folder] = free
        self.now += 1
        return self.disk.state.level


def test_marks_and_what_they_stop() -> None:
    world = World()
    seen = []
    for free in (3 * GIB, 2 * GIB - 1, GIB - 1, GIB // 2 - 1):
        level = world.at(free)
        seen.append((level, world.disk.has_room, world.disk.may_tick))
    assert seen == [
        (Level.OK, True, True),
        (Level.LOW, True, True),
        (Level.FULL, False, True),
        (Level.CRITICAL, False, False),
    ]


def test_a_level_is_left_a_tenth_above_its_mark() -> None:
    world = World(disk_reserve="100M")
    assert world.at(49 * MIB) is Level.CRITICAL
    assert [world.at(free * MIB) for free in (54, 56, 109, 111, 219, 221)] == [
        Level.CRITICAL, Level.FULL, Level.FULL, Level.LOW, Level.LOW, Level.OK,
    ]  # fmt: skip
    assert [world.at(free * MIB) for free in (200, 199, 219)] == [Level.OK, Level.LOW, Level.LOW]


def test_the_fuller_of_two_disks_counts() -> None:
    world = World(disk_reserve="10%")
    assert world.at(5 * GIB, "clickhouse") is Level.FULL
    assert world.at(0) is Level.CRITICAL
    assert world.at(50 * GIB) is Level.FULL
    assert (world.disk.state.room, world.disk.state.reserve) == (FreeSpace(5 * GIB, 100 * GIB), 10 * GIB)


def test_it_looks_four_times_a_second_at_most() -> None:
    world = World()
    for _ in range(1_000):
        assert world.disk.has_room
        world.now += 0.001
    assert world.looks <= 2 * 5


def test_servers_elsewhere_have_disks_of_their_own(tmp_path: Path) -> None:
    world = World()
    world.free.clear()
    assert (world.disk.state.level, world.disk.state.room) == (Level.OK, None)
    assert list(DiskFigures(world.disk).collect()) == []
    assert Disk(Settings(data=tmp_path)).state.room is None


def test_a_real_disk_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    assert Disk(Settings(data=tmp_path, disk_reserve=parse_reserve("0"))).has_room
    assert not Disk(Settings(data=tmp_path, disk_reserve=parse_reserve("900000T"))).may_tick


def test_the_figures() -> None:
    world = World(disk_reserve="1G")
    world.at(7 * GIB)
    found = {sample.name: sample.value for metric in DiskFigures(world.disk).collect() for sample in metric.samples}
    assert found == {"pingfold_disk_free_bytes": 7 * GIB, "pingfold_disk_reserve_bytes": GIB}


@pytest.mark.parametrize(
    ("text", "total", "reserve"),
    [
        ("", 100 * GIB, GIB),
        ("", 10 * GIB, GIB // 2),
        ("", GIB, 64 * MIB),
        ("none", 100 * GIB, 0),
        ("0", 100 * GIB, 0),
        ("500M", GIB, 500 * MIB),
        ("2 GiB", GIB, 2 * GIB),
        ("10%", 50 * GIB, 5 * GIB),
    ],
)
def test_the_reserve(text: str, total: int, reserve: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_reserve(text).of(total) == reserve
    monkeypatch.setenv("PINGFOLD_DISK_RESERVE", text)
    assert Settings().disk_reserve.of(total) == reserve


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "100%", "5 percent"])
def test_a_reserve_that_nobody_can_mean(text: str) -> None:
    with pytest.raises(ValueError, match="a size is expected, such as 2G, 500M, 10% or none"):
        parse_reserve(text)


def test_the_default_of_the_setting() -> None:
    assert Settings().disk_reserve == Reserve()
