"""The process of the library of Apprise: what it can do, which is next to nothing, and what it says of each service."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.apprise_library.library import AppriseLibrary, LibraryFailed
from infra.apprise_library.messages import Answer, Call
from infra.egress.resolver import ASKER
from schemas.channels.apprise_services import SERVICES

# What a process that is confined tries, and what comes of it.
TRIES = """
import os, socket, subprocess, sys, tempfile, urllib.request
from infra.apprise_library.confinement import confine, limit
limit(); confine()
try:
    {tried}
except OSError as error:
    print("refused:", type(error).__name__)
else:
    print("done")
"""


@pytest.fixture
async def library() -> AsyncIterator[AppriseLibrary]:
    library = AppriseLibrary()
    yield library
    await library.close()


def run(source: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: nothing of this can be undone."""
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "tried",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('localhost', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "urllib.request.urlopen('http://127.0.0.1:9/', timeout=1)",
        "subprocess.run(['/bin/true'])",
        "os.system('true')",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
        "open('/etc/passwd')",
        "os.open('/etc/passwd', os.O_RDONLY)",
        "open(os.path.join(os.path.dirname(os.__file__), '..', '..', '..', '..', '..', 'etc', 'passwd'))",
        "open('written', 'w')",
        "open(os.__file__, 'a')",
        "tempfile.mkstemp(dir='/tmp')",
        "os.remove('/nonexistent')",
        "os.mkdir('made')",
        "__import__('ctypes').CDLL(None)",
    ],
)
def test_what_the_library_may_not_do(tried: str) -> None:
    done = run(TRIES.format(tried=tried))
    assert done.stdout.startswith("refused: "), done.stdout + done.stderr
    assert "FileNotFoundError" not in done.stdout


@pytest.mark.parametrize("tried", ["open(os.__file__).read()", "__import__('zoneinfo').ZoneInfo('Europe/Paris')"])
def test_what_the_library_needs(tried: str) -> None:
    assert run(TRIES.format(tried=tried)).stdout == "done\n"


def test_what_computes_without_end_is_ended_by_the_system() -> None:
    source = "import re\nfrom infra.apprise_library.confinement import use_at_most\nuse_at_most(0.2)\n"
    done = run(source + "re.match('(a|a)*b', 'a' * 64)\n")
    assert done.returncode < 0


async def test_what_computes_without_end_fails_for_itself_only(
    library: AppriseLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is ended as the system ends it, in the middle of a call; the call is not made again."""
    await library.ask(Call("gotify://a.example/AbCdEfGhIjKlMnO"))
    process = library.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    asked = asyncio.create_task(library.ask(Call("gotify://b.example/AbCdEfGhIjKlMnO")))
    await asyncio.sleep(0)
    process.send_signal(signal.SIGPROF)
    process.send_signal(signal.SIGCONT)
    with pytest.raises(LibraryFailed, match="took too long") as failed:
        await asked
    assert not failed.value.ours
    assert (await library.ask(Call("gotify://c.example/AbCdEfGhIjKlMnO"))).problem == ""
    assert library.process is not process


async def test_every_service_is_there_and_judges_urls(library: AppriseLibrary) -> None:
    """Each plugin is loaded in the process: with what is installed, and with what it may do."""
    schemas = {service: schema for schema, service in SERVICES.items()}
    said = {}
    for schema in schemas.values():
        ASKER.set(schema)  # or a machine that is slow to load them would be taken for a project whose URLs are slow
        said[schema] = await library.ask(Call(f"{schema}://"))
    assert [schema for schema, verdict in said.items() if verdict.problem.startswith("the library failed")] == []
    refused = [schema for schema, verdict in said.items() if verdict.problem.startswith("it is no URL of ")]
    assert len(refused) > 0.9 * len(said)
    assert not [schema for schema, verdict in said.items() if "cannot be used" in verdict.problem]


async def test_files_and_pages_are_not_read_for_a_message(library: AppriseLibrary) -> None:
    """Templates are refused before they come here; whatever comes here is not read."""
    url = "slack://xoxb-1234-1234-AbCdEfGhIjKlMnO/#general/?template="
    for template in ("/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x"):
        said = await library.ask(Call(url + template, "title", "text"))
        assert said.request is None or b"root:" not in said.request.body


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_the_process_gets_no_environment(library: AppriseLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGFOLD_SMTP_PASSWORD", "not for the library")
    await library.ask(Call("gotify://a.example/AbCdEfGhIjKlMnO"))
    process = library.process
    assert process is not None
    told = environment_of(process.pid)
    assert b"PYTHONPATH=" in told
    assert b"not for the library" not in told


async def test_the_process_ends_with_whoever_started_it(library: AppriseLibrary) -> None:
    await library.ask(Call("gotify://a.example/AbCdEfGhIjKlMnO"))
    process = library.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 60) == 0


DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"


async def test_a_long_text_is_one_message_as_long_as_the_service_takes(library: AppriseLibrary) -> None:
    call = Call(f"{DISCORD}?overflow=split", "title", "x" * 30_000)
    wanted = (await library.ask(call)).request
    assert wanted is not None
    assert wanted.body.count(b"x") <= 2_000
    said = await library.ask(Call(call.url, call.title, call.text, answers=(Answer(204),)))
    assert (said.request, said.taken) == (None, True)


@pytest.mark.parametrize(
    ("status", "headers"), [(429, (("Retry-After", "1"),)), (503, ()), (301, (("Location", "https://a.example/"),))]
)
async def test_nothing_is_tried_again_or_followed_whatever_a_url_says(
    library: AppriseLibrary, status: int, headers: tuple[tuple[str, str], ...]
) -> None:
    """When, and whether, is for the fold to decide."""
    answers = (Answer(status, headers, b"{}"),)
    for url in (f"{DISCORD}?retry=5&wait=0&redirect=yes", "json://a.example/?retry=5&redirect=yes&optional=yes"):
        said = await library.ask(Call(url, "title", "text", answers=answers))
        assert (said.request, said.taken) == (None, False)


async def test_a_process_that_does_not_get_on_is_replaced(
    library: AppriseLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.ask(Call("gotify://a.example/AbCdEfGhIjKlMnO"))
    process = library.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as patched:
        patched.setattr("infra.apprise_library.library._CALL_SECONDS", 0.2)
        with pytest.raises(LibraryFailed) as failed:
            await library.ask(Call("gotify://b.example/AbCdEfGhIjKlMnO"))
    assert failed.value.ours
    assert process.returncode is not None
    assert (await library.ask(Call("gotify://c.example/AbCdEfGhIjKlMnO"))).problem == ""


def test_no_role_and_no_command_loads_the_library() -> None:
    source = "import sys, pingfold.cli, pingfold.roles.web, pingfold.roles.worker; "
    done = run(source + "print({'apprise', 'requests'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stdout + done.stderr
