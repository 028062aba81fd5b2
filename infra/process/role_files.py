"""Reads the files under `data/run` by which the roles of this machine and their supervisor publish their state."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from infra.process.lifecycle import EXIT_DEFECTIVE
from infra.process.process_identity import read_identity

# Of a role that makes progress the file moves once a second.
_QUIET_SECONDS = 15.0
# A role that was never started is waited for.
_GONE_SECONDS = 10.0
# One that has ended is told at once, and until its next process has had the time to take up the work: after that what
# is not done is judged by its signs.
_RECOVERING_SECONDS = 15.0
# One that publishes nothing after so long is still starting, or hangs.
_STARTING_SECONDS = 30.0
# One that has stopped itself, and is started again and again, is wrong until it has been running for so long.
_STOPPED_SECONDS = 60.0
_DEFECTIVE = f"ended with status {EXIT_DEFECTIVE}"


class Restarts(NamedTuple):
    """Of a role since `pingfold up` was started: starts after the first, and how many of them because it hung."""

    restarts: int
    replaced: int


class RoleFiles:
    """Reads them at each look, and remembers what has not moved since. Clocks are monotonic seconds."""

    def __init__(self, data: Path) -> None:
        self._run = data / "run"
        self._moved: dict[str, tuple[int, float]] = {}
        self._gone: dict[str, float] = {}
        self.restarts: dict[str, Restarts] = {}

    def look(self, now: float) -> dict[str, str]:
        """What is wrong, by the role's name. Roles that run elsewhere, or alone and have ended, are not known here.

        What cannot be read now is wrong, too: of roles of which nothing is known nobody can say that they are well.
        """
        try:
            return self._look(now)
        except OSError as error:
            return {"roles": f"nothing is known of them, since {self._run} cannot be read: {error.strerror or error}"}

    def _look(self, now: float) -> dict[str, str]:
        wrong: dict[str, str] = {}
        supervised = self._supervised(now, wrong)
        files = {file.stem: file for file in self._run.glob("*.progress")}
        for name in set(self._moved) - set(files) - {"supervisor"}:
            del self._moved[name]
        for name, file in files.items():
            if (quiet := self._quiet(name, file, now)) >= _QUIET_SECONDS:
                report = _read(file)
                if name in supervised or _runs(report):
                    slowest = report.get("slowest") or {}
                    doing = f" ({slowest['activity']})" if slowest.get("activity") else ""
                    wrong[name] = f"makes no progress for {quiet:.0f} s{doing}"
        for name, role in supervised.items():
            seconds = role.get("seconds") or 0.0
            if role.get("publishes") and name not in files and seconds >= _STARTING_SECONDS:
                wrong.setdefault(name, f"has been starting for {seconds:.0f} s")
        return wrong

    def _supervised(self, now: float, wrong: dict[str, str]) -> dict[str, Any]:
        file = self._run / "supervisor.json"
        report = _read(file)
        roles = report.get("roles") or {}
        if not _runs(report):
            self.restarts = {}
            return {}
        if (quiet := self._quiet("supervisor", file, now)) >= _QUIET_SECONDS:
            wrong["supervisor"] = f"makes no progress for {quiet:.0f} s"
        self.restarts = {name: Restarts(role["restarts"], role["replaced"]) for name, role in roles.items()}
        wrong.update(report.get("problems") or {})
        for name, role in roles.items():
            if role["ended"] == _DEFECTIVE and (role.get("seconds") or 0.0) < _STOPPED_SECONDS:
                wrong[name] = "stops itself, because it cannot fold most of what it reads (fold.defective in its log)"
            elif role["pid"] is not None:
                self._gone.pop(name, None)
                seconds = role.get("seconds")
                if role["ended"] and seconds is not None and seconds < _RECOVERING_SECONDS:
                    wrong[name] = f"{role['ended']}, and was started again {seconds:.0f} s ago"
            elif role["ended"]:
                wrong[name] = f"does not run ({role['ended']})"
            elif now - self._gone.setdefault(name, now) >= _GONE_SECONDS:
                wrong[name] = "does not run (it was never started)"
        return dict(roles)

    def _quiet(self, name: str, file: Path, now: float) -> float:
        """Seconds since the file has moved, as far as we have seen."""
        try:
            at = file.stat().st_mtime_ns
        except OSError:
            return 0.0
        last = self._moved.get(name)
        if last is None or last[0] != at:
            self._moved[name] = (at, now)
            return 0.0
        return now - last[1]


def supervisor_runs(data: Path) -> bool:
    """Whether `pingfold up` runs on this data folder, be it only starting. Raises `OSError`."""
    return _runs(_read(data / "run" / "supervisor.json"))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _runs(report: dict[str, Any]) -> bool:
    """Whether the process that wrote the report still runs, and no other has its number."""
    pid, birth = report.get("pid"), report.get("birth")
    if not isinstance(pid, int):
        return False
    return read_identity(pid) == birth if birth else Path(f"/proc/{pid}").exists()
