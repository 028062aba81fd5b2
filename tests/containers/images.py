"""The image of each service: the official one of the compose file, or one of our own where that cannot be had.

`PINGFOLD_TEST_KAFKA_IMAGE` and `PINGFOLD_TEST_CLICKHOUSE_IMAGE` name others. A name that begins with `OWN` stands for
the one that `images/` describes, built here from what this machine's package clients bring: a Debian by debootstrap
from the mirror of the machine's own apt sources, Kafka's pinned jars by Maven, Python packages by pip. The builds
themselves need no network. Every step is bounded; `NotToBeHad` tells why there is no image.
"""

import ast
import hashlib
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from infra.embedded import kafka

OWN = "pingfold-test/"

_ROOT = Path(__file__).resolve().parents[2]
_IMAGES = Path(__file__).with_name("images")
# For Kafka, for the embedded ClickHouse and its relay, and for the health checks of the compose file.
_PACKAGES = ("default-jre-headless", "netcat-openbsd", "python3-minimal", "python3", "socat", "wget")
# What infra.embedded.clickhouse imports. Not all that chdb-core asks for: its data frames are not used.
_SITE = ("chdb-core", "click", "h11", "httptools", "lz4", "msgspec", "uvicorn", "uvloop", "zstandard")
# The label that says which Python a base has.
_PYTHON = "pingfold.python"
_USUAL_ENGINE = "unix:///var/run/docker.sock"
# Of one answer; the engine says nothing while it packs a large layer.
_ANSWER_SECONDS = 120
_PULL_SECONDS = 300
_DEBIAN_SECONDS = 300
_PIP_SECONDS = 300


class NotToBeHad(Exception):
    """No engine answers, or the image can neither be pulled nor built; the text says why."""


def image_for(client: Any, service: str, official: str) -> str:
    """The name of an image that is there and runs `service`. Raises `NotToBeHad`."""
    setting = f"PINGFOLD_TEST_{service.upper()}_IMAGE"
    name = os.environ.get(setting) or official
    try:
        if name.startswith(OWN):
            return _build(client, service)
        trouble = _pull(client, name)
        if trouble is None:
            return name
        if name != official:
            raise NotToBeHad(f"{name} ({setting}) could not be pulled: {trouble}")
        try:
            return _build(client, service)
        except NotToBeHad as error:
            raise NotToBeHad(f"{name} could not be pulled: {trouble}; and none could be built: {error}") from error
    except (DockerException, RequestException) as error:
        raise NotToBeHad(f"the Docker engine failed: {error}") from error


def _pull(client: Any, name: str) -> str | None:
    """Why there is no such image, or None when there is one now."""
    try:
        client.images.get(name)
        return None
    except ImageNotFound:
        pass
    repository, tag = parse_repository_tag(name)
    deadline = time.monotonic() + _PULL_SECONDS
    try:
        for line in client.api.pull(repository, tag or "latest", stream=True, decode=True):
            if "error" in line:
                return str(line["error"])
            if time.monotonic() > deadline:
                return f"not finished after {_PULL_SECONDS} s"
        client.images.get(name)
    except (APIError, RequestException, ImageNotFound) as error:
        return str(error)
    return None


def _build(client: Any, service: str) -> str:
    base = _base(client)
    prepare = {"kafka": _kafka_context, "clickhouse": _clickhouse_context}[service]
    name = f"{OWN}{service}:{base.rpartition(':')[2]}"
    with tempfile.TemporaryDirectory(prefix="pingfold-image-") as scratch:
        context = Path(scratch, service)
        shutil.copytree(_IMAGES / service, context)
        prepare(context, client.images.get(base).labels[_PYTHON])
        try:
            client.images.build(path=str(context), tag=name, buildargs={"base": base}, network_mode="none", rm=True)
        except (BuildError, APIError) as error:
            raise NotToBeHad(f"{name} could not be built: {error}") from error
    return name


def _kafka_context(context: Path, python: str) -> None:
    try:
        jars = kafka.install(kafka.default_cache())
    except (kafka.MissingPrerequisite, kafka.KafkaNotReady) as error:
        raise NotToBeHad(f"Kafka's jars are not to be had: {error}") from error
    # Without the archive of classes, which is valid for the place where it was made only.
    shutil.copytree(jars, context / "jars", copy_function=_link, ignore=shutil.ignore_patterns("*.jsa"))


def _imported(module: str) -> set[Path]:
    """The files of this repository that a module needs: its own, its packages' and those of all that it imports."""
    found, left = set[Path](), [module]
    while left:
        name = left.pop().replace(".", "/")
        for file in (Path(f"{name}.py"), Path(name) / "__init__.py"):
            if file in found or not (_ROOT / file).is_file():
                continue
            found.add(file)
            parents = [str(parent).replace("/", ".") for parent in file.parents if parent.name]
            for node in ast.walk(ast.parse((_ROOT / file).read_text())):
                if isinstance(node, ast.Import):
                    left += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    left += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            left += parents
    return found


def _clickhouse_context(context: Path, python: str) -> None:
    for file in _imported("infra.embedded.clickhouse"):
        copy = context / "ours" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / file, copy)
    for settings in (_ROOT / "infra/embedded").glob("*.xml"):
        shutil.copy(settings, context / "ours/infra/embedded" / settings.name)
    machine = platform.machine()
    locked = context / "locked.txt"
    locked.write_text(_locked(_SITE))
    _run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
            "--target", str(context / "site"), "--no-deps", "--only-binary=:all:",
            "--require-hashes", "--requirement", str(locked),
            "--implementation", "cp", "--python-version", python,
            *(part for tag in ("2_28", "2_17", "2014") for part in ("--platform", _manylinux(tag, machine))),
        ],
        _PIP_SECONDS,
    )  # fmt: skip


def _locked(names: tuple[str, ...]) -> str:
    """What requirements/run.txt pins of these packages, with the hashes."""
    each = re.split(r"\n(?! )", (_ROOT / "requirements/run.txt").read_text())
    found = {one.partition("==")[0]: one for one in each}
    return "\n".join(found[name] for name in names) + "\n"


def _manylinux(tag: str, machine: str) -> str:
    return f"manylinux{'' if tag == '2014' else '_'}{tag}_{machine}"


def _base(client: Any) -> str:
    """The image that ours stand on: this machine's own Debian with the packages that they need."""
    mirror, release = _debian()
    digest = hashlib.sha256(" ".join((release, *_PACKAGES)).encode()).hexdigest()[:12]
    name = f"{OWN}base:{digest}"
    try:
        client.images.get(name)
        return name
    except ImageNotFound:
        pass
    with _debian_tree(mirror, release) as tree, subprocess.Popen(
        ["tar", "--create", "--directory", str(tree), "."], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as packed:  # fmt: skip
        python = next(tree.glob("usr/bin/python3.*")).name.removeprefix("python")
        client.api.import_image_from_stream(
            packed.stdout, repository=f"{OWN}base", tag=digest, changes=[f"LABEL {_PYTHON}={python}"]
        )
        if packed.wait(60) != 0:
            raise NotToBeHad("the Debian could not be packed")
    return name


@contextmanager
def _debian_tree(mirror: str, release: str) -> Iterator[Path]:
    """A folder with a Debian in it."""
    if os.geteuid() != 0:
        raise NotToBeHad("building one takes root, for debootstrap")
    scratch = Path(tempfile.mkdtemp(prefix="pingfold-debian-"))
    try:
        tree = scratch / "tree"
        _run(
            [
                *_debootstrap(scratch / "debootstrap"),
                "--variant=minbase", f"--include={','.join(_PACKAGES)}", release, str(tree), mirror,
            ],
            _DEBIAN_SECONDS,
        )  # fmt: skip
        for unneeded in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(tree / unneeded, ignore_errors=True)
        yield tree
    finally:
        # A debootstrap that was cut short leaves these mounted, and what lies below is the machine's own.
        for mounted in ("proc", "sys", "dev/pts", "dev"):
            subprocess.run(["umount", str(scratch / "tree" / mounted)], capture_output=True, timeout=20)
        subprocess.run(["rm", "-rf", "--one-file-system", str(scratch)], capture_output=True, timeout=120)


def _debootstrap(unpacked: Path) -> list[str]:
    """The program: this machine's own, or that of Debian's package, which need not be installed."""
    if installed := shutil.which("debootstrap"):
        return [installed]
    unpacked.mkdir()
    _run(["env", f"--chdir={unpacked}", "apt-get", "download", "debootstrap"], 60)
    (package,) = unpacked.glob("*.deb")
    _run(["dpkg", "--extract", str(package), str(unpacked)], 60)
    return ["env", f"DEBOOTSTRAP_DIR={unpacked}/usr/share/debootstrap", str(unpacked / "usr/sbin/debootstrap")]


def _debian() -> tuple[str, str]:
    """The mirror and the release of this machine's own apt sources."""
    if shutil.which("apt-get") is None:
        raise NotToBeHad("building one takes a machine with apt")
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    targets = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"], 60
    )
    for line in targets.splitlines():
        mirror, *rest = line.split()
        if rest == [release, "main"]:
            return mirror, release
    raise NotToBeHad(f"the machine's apt sources name no mirror of {release or 'a Debian'}")


def _run(command: list[str], seconds: float) -> str:
    """Its output. Ended, with all its children, after `seconds`."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise NotToBeHad(f"{command[0]} was not done after {seconds:.0f} s") from None
    if process.returncode != 0:
        raise NotToBeHad(f"{command[0]} failed: {' | '.join(said.strip().splitlines()[-3:])}")
    return said


def _link(source: str, target: str) -> None:
    """A jar without a second copy of it, where both places are on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def connected() -> Any:
    """A client of the Docker engine that the environment names. Raises `NotToBeHad` when none answers."""
    address = os.environ.get("DOCKER_HOST") or _USUAL_ENGINE
    try:
        if address.startswith("unix://"):
            # Asked first, because the client leaves its own socket open when nobody answers.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(10)
                probe.connect(address.removeprefix("unix://"))
        client = docker.from_env(timeout=_ANSWER_SECONDS)
        client.ping()
    except (DockerException, RequestException, OSError) as error:
        raise NotToBeHad(f"no Docker engine answers at {address} ({error})") from error
    return client
