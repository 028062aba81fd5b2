"""What every measurement reports: one JSON object on stdout; progress for people goes to stderr.

The object has `name`, `cores`, the `machine` and the load that it had when the measurement began, the `parameters`,
what was `measured`, the `asked` figures, each with its limit and whether it was `met`, and `ratios` to the limits
measured in the same run. `met` at the top: all of them were.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Tell people how far the measurement has come."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """The facts of this machine that bear on a figure."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the ordered values lie; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """Least, median, high percentiles and greatest of the values."""
    ordered = sorted(values)
    shares = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(ordered, share), digits) for name, share in shares.items()}


@dataclass
class Report:
    """Gathers one measurement; made before its work begins, so that the load it tells of is not its own."""

    name: str
    parameters: Mapping[str, Any]
    measured: dict[str, Any] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    _asked: list[dict[str, Any]] = field(default_factory=list)
    _load: tuple[float, float, float] = field(default_factory=os.getloadavg)
    _began: float = field(default_factory=time.time)

    def ask(self, figure: str, value: float | None, relation: Literal[">=", "<="], limit: float) -> None:
        """A figure that was asked for. None: it could not be measured, so it is not met."""
        met = value is not None and (value >= limit if relation == ">=" else value <= limit)
        self._asked.append({"figure": figure, "value": value, "asked": f"{relation} {limit:g}", "met": met})

    def publish(self) -> None:
        """Print the object, as one line."""
        print(
            json.dumps(
                {
                    "name": self.name,
                    "met": bool(self._asked) and all(figure["met"] for figure in self._asked),
                    "asked": self._asked,
                    "ratios": self.ratios,
                    "measured": self.measured,
                    "parameters": dict(self.parameters),
                    "cores": os.cpu_count(),
                    "machine": machine(),
                    "load_before": [round(load, 2) for load in self._load],
                    "began": round(self._began),
                }
            ),
            flush=True,
        )
