"""What is installed: all of it by the hashes of the lock files, and for running only what running needs."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.source_tree import PACKAGES, modules, top

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("build", "run", "dev", "uv")
_HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?")


def locked(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file by name; each must be pinned, and have hashes and nothing else."""
    found: dict[str, Requirement] = {}
    hashes = 1
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if _HASH.fullmatch(line):
            hashes += 1
            continue
        assert hashes, f"{name}.txt: what stands before {line!r} has no hash"
        assert line.endswith(" \\"), f"{name}.txt: {line!r}"
        requirement = Requirement(line.removesuffix(" \\"))
        assert re.fullmatch(r"==[0-9][0-9a-z.+!]*", str(requirement.specifier)), line
        assert requirement.url is None
        found[canonicalize_name(requirement.name)] = requirement
        hashes = 0
    assert found
    assert hashes
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_everything_is_pinned_with_hashes_and_names_no_index(name: str) -> None:
    assert locked(name)
    assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text()


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = locked("run"), locked("dev")
    for wanted, lock in ((project["dependencies"], run), (project["optional-dependencies"]["dev"], run | dev)):
        for requirement in map(Requirement, wanted):
            pinned = lock[canonicalize_name(requirement.name)]
            (version,) = (one.version for one in pinned.specifier)
            assert requirement.specifier.contains(version), f"{pinned}: `make lock` pins anew"
    assert not run.keys() & dev.keys(), "what tests need besides"


_IMPORTS = """
import importlib, sys

class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"{name} is not installed where Pingfold only runs", name=name)

missing, wanted = (set(part.split(",")) for part in sys.argv[1:])
sys.meta_path.insert(0, NotThere())
for name in sorted(wanted):
    importlib.import_module(name)
print(len(wanted))
"""


def test_every_module_can_be_imported_where_only_what_running_needs_is_installed() -> None:
    run = {*locked("run"), *locked("build"), "pingfold"}
    missing = {
        name
        for name, distributions in packages_distributions().items()
        if not any(canonicalize_name(distribution) in run for distribution in distributions)
    }
    assert {"pytest", "hypothesis", "mypy", "docker"} <= missing
    ours = [name for name in modules() if top(name) in PACKAGES and not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, ",".join(missing), ",".join(ours)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(ours) > 200


@pytest.mark.parametrize("name", ["plain", "two words", 'ü\'s "copy"', "$HOME `id` %s \\"])
def test_the_command_works_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    [line] = re.findall(r"^\t@(printf .* > \$\(BIN\)/pingfold)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    folder = tmp_path / name / "bin"
    folder.mkdir(parents=True)
    script, python = folder / "pingfold", folder / "python"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    for file in (script, python):
        file.touch()
        file.chmod(0o755)
    written = line.replace("$(BIN)/", "").replace("$$", "$")
    subprocess.run(["sh", "-c", written], cwd=folder, check=True, timeout=60)
    link = tmp_path / "pingfold"
    link.symlink_to(script)
    for called in (script, link):
        ended = subprocess.run([called, "ping", "a b"], capture_output=True, text=True, timeout=60, check=True)
        assert ended.stdout == "-P|-m|pingfold|ping|a b|"
