"""`pingfold import` on a Pingfold that runs: what is carried over works, and a second import changes nothing."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def imported(pingfold: Pingfold, *arguments: str) -> Any:
    """What an import says as JSON; it ended well."""
    done = pingfold.command("import", *arguments, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def signs(told: Any) -> str:
    return "".join(step["sign"] for step in told["steps"])


def test_a_line_of_the_new_crontab_pings_its_check(pingfold: Pingfold, tmp_path: Path) -> None:
    old, new = tmp_path / "crontab", tmp_path / "new"
    old.write_text("# Import of the crontab\n30 2 * * * echo moved; exit 3\n@reboot start\n")
    arguments = (str(old), "--out", str(new), "--timezone", "Europe/Riga", "--prefix", tmp_path.name)
    told = imported(pingfold, "crontab", *arguments)
    assert signs(told) == "+"
    assert [left["what"] for left in told["left"]] == ["@reboot"]
    command = new.read_text().splitlines()[1].removeprefix("30 2 * * * ")
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (3, "moved\n")
    [step] = told["steps"]
    check = pingfold.api("GET", f"/checks/{step['id']}").json()
    assert (check["n_pings"], check["tz"]) == (1, "Europe/Riga")
    for again in (old, new):
        assert signs(imported(pingfold, "crontab", str(again), *arguments[3:])) == "="
