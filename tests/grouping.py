"""Which tests run in one process, one after the other, when several processes run tests at once, and in which process.

Tests of one file stay in one process, so that its fixtures are made once. All tests that share a Pingfold are one
group, so that there is only one of it; so are the files that read the source as trees, which takes seconds and a
hundred MB; a test with a Pingfold of its own is a group of its own. The longest groups come first: what is left at the
end fills what is free.

Two processes run a whole Pingfold each, and begin with that: more of them at a time are more than two cores can bear.
The last of three or more processes is the helper: it runs what needs neither Kafka nor ClickHouse, and yields to the
others (nice), so that it takes what they leave of the processors while they wait. When nothing of that is left, it runs
what needs servers, but no Pingfold; so does, from the beginning, a process between the two and the helper.
"""

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

# So many processes run a whole Pingfold; beside them there is a helper.
_WITH_PINGFOLD = 2
_HELPER_NICE = 10

_ORDER = ("system", "containers", "integration", "contract", "property", "unit")
_SHARED, _EQUIPPED = "the shared Pingfold", "the equipped Pingfold"
_SHARED_BY = {_SHARED: re.compile(r"\bpingfold: Pingfold"), _EQUIPPED: re.compile(r"\bequipped: Equipped")}
_SOURCE = "the source"
_READS_SOURCE = re.compile(r"^from tests\.source_tree import .*\bmodules\b", re.MULTILINE)
_USES_OWN = re.compile(r"\bown_pingfold: Pingfold")
_TESTS = re.compile(r"^(?:async )?def (test_\w+)\(([^)]*)\)", re.MULTILINE)
_NEEDS_SERVERS = re.compile(r"\bpytest\.mark\.stack\b")
_NEEDS_PINGFOLD = re.compile(r"\bpytest\.mark\.system\b")

# What a group starts, or is run on.
Needs = Literal["a Pingfold", "servers", "nothing"]

# What a process takes: everything; what needs no whole Pingfold; the same, but first what needs no servers at all.
Takes = Literal["all", "no Pingfold", "no servers first"]
_FIRST: dict[Takes, tuple[Needs, ...]] = {
    "all": ("a Pingfold", "servers", "nothing"),
    "no Pingfold": ("servers", "nothing"),
    "no servers first": ("nothing", "servers"),
}

# Seconds that the longest groups take, about, on two slow cores. Those that are not named take less.
_SECONDS = {
    _SHARED: 520,
    _SOURCE: 20,
    "tests/integration/test_journal_truncated.py": 160,
    _EQUIPPED: 100,
    "tests/integration/test_runtime_faults.py": 100,
    "tests/integration/test_uptime_days.py": 80,
    "tests/containers/test_containers.py": 100,
    "tests/system/test_restart.py::test_restarts": 80,
    "tests/system/test_restored_copy.py::test_an_old_copy_of_the_journals": 80,
    "tests/integration/test_reconciliation.py": 70,
    "tests/integration/test_runtime.py": 70,
    "tests/integration/test_history.py": 65,
    "tests/system/test_full_disk.py": 65,
    "tests/system/test_region_outage.py::test_a_region_whose_network_fails_accuses_nobody": 65,
    "tests/integration/test_ping_outages.py": 55,
    "tests/integration/test_versions.py": 45,
    "tests/integration/test_embedded_stack.py": 40,
    "tests/integration/test_kafka_access.py": 40,
    "tests/property/test_ten_years.py": 40,
    "tests/unit/test_openapi_fuzz.py": 40,
    "tests/system/test_rights.py": 30,
    "tests/integration/test_monitor_history.py": 30,
    "tests/integration/test_apprise_library.py": 25,
    "tests/integration/test_defective_release.py": 25,
    "tests/property/test_own_network.py": 25,
    "tests/unit/test_heartbeat.py": 22,
    "tests/integration/test_embedded_kafka_closed.py": 20,
    "tests/integration/test_response_times.py": 20,
    "tests/unit/test_supervisor.py": 45,
}


def group_of(nodeid: str, root: Path) -> str:
    """The group of a test."""
    path, _, rest = nodeid.partition("::")
    name = rest.partition("[")[0].rpartition("::")[2]
    parameters = _tests_of(root / path).get(name, "")
    if shared := next((group for group, used in _SHARED_BY.items() if used.search(parameters)), None):
        return shared
    if _USES_OWN.search(parameters):
        return f"{path}::{name}"
    return _SOURCE if _reads_source(root / path) else path


@cache
def _text_of(path: Path) -> str:
    return path.read_text()


@cache
def _tests_of(path: Path) -> dict[str, str]:
    """The test functions of a file, with their parameters."""
    return dict(_TESTS.findall(_text_of(path)))


@cache
def _reads_source(path: Path) -> bool:
    return _READS_SOURCE.search(_text_of(path)) is not None


@cache
def needs(group: str, root: Path) -> Needs:
    """What of this machine a group needs: a whole Pingfold, a Kafka or a ClickHouse, or neither. Asked after each test,
    of all groups that are left."""
    text = "" if group in (*_SHARED_BY, _SOURCE) else _text_of(root / group.partition("::")[0])
    if group in _SHARED_BY or _NEEDS_PINGFOLD.search(text):
        return "a Pingfold"
    return "servers" if _NEEDS_SERVERS.search(text) else "nothing"


def shared_pingfold_of(item: pytest.Item) -> str | None:
    """The group of a test that needs a Pingfold which others need, too."""
    group = group_of(item.nodeid, item.config.rootpath)
    return group if group in _SHARED_BY else None


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in the order in which they are handed out."""
    return sorted(items, key=lambda item: _place(group_of(item.nodeid, item.config.rootpath)))


def _place(group: str) -> tuple[int, int]:
    folder = next((part for part in reversed(Path(group.partition("::")[0]).parts) if part in _ORDER), _ORDER[0])
    return -_SECONDS.get(group, 0), _ORDER.index(folder)


def choose(groups: Iterable[str], takes: Takes, root: Path) -> str | None:
    """The group that a process takes next of those that are left; None: none of them is for it."""
    found: dict[Needs, str] = {}
    for group in groups:
        found.setdefault(needs(group, root), group)
    return next((found[one] for one in _FIRST[takes] if one in found), None)


def takes_of(worker: str, count: int) -> Takes:
    """What a process (`gw0`, `gw1`, ...) of so many takes; one with a higher number replaces another, and takes all."""
    number = int(worker.removeprefix("gw"))
    if number < _WITH_PINGFOLD or number >= count:
        return "all"
    return "no servers first" if number == count - 1 else "no Pingfold"


def yield_to_others() -> None:
    """Called in every process: the helper takes what the others leave of the processors."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None and takes_of(worker, int(os.environ["PYTEST_XDIST_WORKER_COUNT"])) == "no servers first":
        os.nice(_HELPER_NICE)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """Hands out groups, each to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid, self.config.rootpath)

    def _chosen(self, node: Any) -> str | None:
        return choose(self.workqueue, takes_of(node.gateway.id, self.numnodes), self.config.rootpath)

    def _assign_work_unit(self, node: Any) -> None:
        group = self._chosen(node)
        if group is not None:
            self.workqueue.move_to_end(group, last=False)
            super()._assign_work_unit(node)

    def remove_node(self, node: Any) -> str | None:
        """The test at which a process ended. It is not begun again, as xdist would, or it might end one after the
        other; what else the process had left is handed out again."""
        workload = self.assigned_work.pop(node)
        left: list[tuple[str, str]] = [
            (group, test) for group, tests in workload.items() for test, ended in tests.items() if not ended
        ]
        if not left:
            return None
        (_, crashed), *again = left
        for group, test in again:
            self.workqueue.setdefault(group, {})[test] = False
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed

    def _reschedule(self, node: Any) -> None:
        if self.workqueue and not node.shutting_down and self._chosen(node) is None:
            node.shutdown()
        else:
            super()._reschedule(node)


def scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """For xdist."""
    return GroupScheduling(config, log)
