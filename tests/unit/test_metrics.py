"""The table of metrics: no other module names one, and docs/operations.md lists each of them as it is exported."""

import ast
import re
from pathlib import Path

from infra import metrics
from infra.metrics import METRICS, CounterSpec, HistogramSpec, SampledCounterSpec
from tests.source_tree import PACKAGES

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `(pingfold_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", re.M)


def test_docs_list_every_metric_with_type_labels_and_meaning() -> None:
    listed = _ROW.findall((ROOT / "docs/operations.md").read_text())
    table = [(spec.name, spec.kind, ", ".join(f"`{label}`" for label in spec.labels), spec.help) for spec in METRICS]
    assert listed == table


def test_names_are_unique_and_those_of_counters_end_in_total() -> None:
    names = [spec.name for spec in METRICS]
    assert len(set(names)) == len(names) > 40
    for spec in METRICS:
        assert spec.name.endswith("_total") is isinstance(spec, CounterSpec | SampledCounterSpec)
        assert not isinstance(spec, HistogramSpec) or spec.buckets


def test_no_other_module_names_or_makes_a_metric() -> None:
    """Prose and configuration aside: a string that is a metric's name, or a call that makes one."""
    names, makers = {spec.name for spec in METRICS}, {"prometheus_client", "prometheus_client.core"}
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path == Path(metrics.__file__):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Constant(value=str(text)) if text in names or f"{text}_total" in names:
                        found.append(f"{path.relative_to(ROOT)}:{node.lineno} names {text}")
                    case ast.ImportFrom(module=module, names=aliases) if module in makers:
                        taken = {alias.name for alias in aliases} & {
                            "Counter", "Gauge", "Histogram", "CounterMetricFamily", "GaugeMetricFamily",
                        }  # fmt: skip
                        if taken and not _only_types(path, taken):
                            found.append(f"{path.relative_to(ROOT)}:{node.lineno} makes {taken}")
    assert not found, "\n".join(found)


def _only_types(path: Path, names: set[str]) -> bool:
    """Whether a module never calls these, but names them as types."""
    calls = {node.func.id for node in ast.walk(ast.parse(path.read_text())) if _is_call(node)}  # type: ignore[attr-defined]
    return not calls & names


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
