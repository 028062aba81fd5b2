"""Without a Docker engine the container tests say so, and nothing fails."""

import os
import re
import subprocess
import sys
from pathlib import Path


def test_without_an_engine_they_are_not_run(tmp_path: Path) -> None:
    nobody = f"unix://{tmp_path / 'nobody.sock'}"
    # Without the options of the run that this test is part of.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/containers/test_containers.py"],
        env=environment | {"DOCKER_HOST": nobody}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"=+ [1-9]\d* skipped in ", done.stdout), done.stdout
    assert f"not run: no Docker engine answers at {nobody}" in done.stdout
