"""A kind of probe is known in one place: what the fold, the APIs and the prober say of it comes from there."""

import inspect
from collections import Counter
from typing import Any, get_args

import pytest

from ingest.prober.probes import kinds
from query_api.poppaping.monitor_fields import CommonFields
from schemas.monitors import MonitorKind, ProbeTarget
from schemas.probe_kinds import FAILURE_WORDS, PROBE_KINDS
from schemas.probe_kinds.kind import Asked, InvalidProbeField, ProbeKind
from tests.monitor_types_page import PAGE, page

KINDS = [*PROBE_KINDS.items()]


def asked(kind: ProbeKind[Any]) -> ProbeTarget:
    """The target of a request that says only what it must."""
    where = Asked(url="https://a.test/x") if kind.name == "http" else Asked(host="a.test", port=kind.needs_port * 70)
    return kind.target(where, kind.fields(), ProbeTarget())


def test_every_kind_is_registered() -> None:
    assert tuple(PROBE_KINDS) == get_args(MonitorKind)
    assert all(kind.name == name for name, kind in KINDS)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_its_other_half_runs(name: MonitorKind, kind: ProbeKind[Any]) -> None:
    run = kinds._RUNS[name]
    assert run.__module__ == f"ingest.prober.probes.{name}"
    assert list(inspect.signature(run).parameters) == ["connector", "target", "sealed", "trace"]
    assert inspect.iscoroutinefunction(run)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_its_fields_are_its_own(name: MonitorKind, kind: ProbeKind[Any]) -> None:
    fields = kind.fields.__struct_fields__
    of_all = Counter(field for other in PROBE_KINDS.values() for field in other.fields.__struct_fields__)
    assert all(of_all[field] == 1 for field in fields)
    assert not set(fields) & set(CommonFields.__struct_fields__)
    assert set(kind.shown(asked(kind))) <= set(fields)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_target_is_wanted_named_and_checked(name: MonitorKind, kind: ProbeKind[Any]) -> None:
    target = asked(kind)
    assert kind.target(Asked(), kind.fields(), target) == target  # what is not said does not change
    assert "a.test" in kind.address(target)
    assert kind.address(target) in kind.label(target)
    assert "a.test" in [place.host for place in kind.places(target)]
    with pytest.raises(InvalidProbeField, match="is required for a monitor of type"):
        kind.target(Asked(), kind.fields(), ProbeTarget())


def test_a_failure_of_two_kinds_has_the_same_words() -> None:
    assert all(FAILURE_WORDS[failure] == words for _, kind in KINDS for failure, words in kind.failures.items())


def test_the_page_is_what_the_kinds_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"
