"""A crontab read into checks, and written again with a ping behind each command. Pure.

A check is named by the comment right above its line, else by its program: never by the arguments, which may hold
passwords. A line that pings Pingfold already is known by the address in it, so a crontab that was written here is read
as what it was. The schedule is that of the line in the zone of `CRON_TZ`, else in `zone`; `RANDOM_DELAY` adds to the
time that a ping may be late.

What is written runs the same command by the same shell, with the same input, and ends with its exit status; lines that
are not carried over stay as they are, byte for byte.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pingfold.imports.crontab_lines import (
    Comment,
    Fault,
    Job,
    Setting,
    lines_of,
    shown,
    texts_of,
    unescaped,
)
from pingfold.imports.things import Found, WantedCheck, shortened, unlike
from query_api.slugs import slugify
from schemas.schedules import BadSchedule, BadTimezone, canonical_tz, parse_schedule

# cron of Debian cuts what is longer.
_LONGEST_COMMAND = 998
_LONGEST_GRACE = 31_536_000
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh"})
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OTHER_PINGS = re.compile(r"https?://(?:hc-ping\.com|[^\s/'\"]*healthchecks[^\s/'\"]*)/[^\s'\"]+")
# Programs that run another: the letters of their options that have a value, and how many words stand before the other.
_RUNNERS: Mapping[str, tuple[str, int]] = {
    "sudo": ("ugpCThrt", 0),
    "doas": ("uC", 0),
    "env": ("uSC", 0),
    "nice": ("n", 0),
    "ionice": ("cnpPu", 0),
    "chrt": ("TPD", 1),
    "taskset": ("", 1),
    "timeout": ("ks", 1),
    "flock": ("wEx", 1),
    "setlock": ("", 1),
    "runitor": ("", 0),
    "systemd-cat": ("tp", 0),
    **dict.fromkeys(("nohup", "time", "chronic", "cronic", "exec", "command", "setsid", "run-one"), ("", 0)),
}
_ENDS, _ASIDE = (
    frozenset({"&&", ";", "||", "|"}),
    frozenset(["cd", "test", "[", "[[", ".", "source", "export", "umask", "sleep", "set", "for", "case"]),
)
_KEYWORDS = frozenset({"if", "then", "elif", "else", "while", "until", "do"})
# What `wrapped` makes of a command.
_WRAPPED = re.compile(r"\S+ -c '((?:[^']|'\\'')*)'; s=\$\?; curl ")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(slots=True)
class Crontab:
    """A crontab that was read. checks: the index in `found.checks` of the check of a line, by its number."""

    found: Found = field(default_factory=Found)
    checks: dict[int, int] = field(default_factory=dict)
    system: bool = False
    shells: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Reading:
    """Where the reader is: what is in force for the next job."""

    zone: str
    grace: int
    base: str
    prefix: str = ""
    delay: int = 0
    shell: str = "/bin/sh"
    above: str = ""


def read_crontab(content: bytes, zone: str, grace: int, system: bool, base: str, prefix: str = "") -> Crontab:
    """What a crontab holds. zone: of the machine that it is from. grace: seconds. system: its jobs have a user before
    the command. base: what the ping URLs of this Pingfold begin with. prefix: stands before each name.

    Raises `NotReadable`.
    """
    crontab = Crontab(system=system)
    reading = _Reading(zone, grace, base, f"{prefix.strip()} " if prefix.strip() else "")
    seen: dict[tuple[str | None, ...], int] = {}
    for line in lines_of(content, system):
        match line:
            case Comment(text=text):
                reading.above = text
                continue
            case Setting():
                _set(line, reading, crontab.found)
            case Fault():
                crontab.found.leave(f"line {line.number}", shown(line.text.strip())[:120], shown(line.why))
            case Job():
                same = (reading.zone, line.schedule, line.user, line.command, line.input)
                if (first := seen.setdefault(same, line.number)) != line.number:
                    crontab.found.leave(
                        f"line {line.number}",
                        "the job",
                        f"it is that of line {first}: two at once cannot be told apart",
                    )
                else:
                    _job(line, reading, crontab)
        reading.above = ""
    if content and not content.endswith(b"\n"):
        crontab.found.leave(
            "the last line", "the end of it", "cron ignores a line without a line feed at its end: add one"
        )
    if b"\r\n" in content:
        crontab.found.leave(
            "the ends of lines", "CR LF", "cron gives the CR to the command: the new crontab has LF alone"
        )
    return crontab


def looks_like_system(content: bytes) -> int:
    """The number of a line that has the user `root` before its command, as only system crontabs do; 0: none has."""
    for line in lines_of(content, system=False):
        if isinstance(line, Job) and line.command.split(maxsplit=1)[:1] == ["root"]:
            return line.number
    return 0


def _set(line: Setting, reading: _Reading, found: Found) -> None:
    place = f"line {line.number}"
    match line.name:
        case "CRON_TZ":
            try:
                reading.zone = canonical_tz(line.value)
            except BadTimezone as error:
                found.leave(place, f"CRON_TZ={shown(line.value)}", f"it {error}: the zone stays {reading.zone}")
        case "TZ":
            found.leave(place, f"TZ={shown(line.value)}", "it is for the commands, not for the times: write CRON_TZ=")
        case "RANDOM_DELAY":
            if line.value.isascii() and line.value.isdigit() and len(line.value) < 6:
                reading.delay = int(line.value) * 60
            else:
                found.leave(place, f"RANDOM_DELAY={shown(line.value)}", "it is no number of minutes")
        case "SHELL":
            reading.shell = line.value


def _job(line: Job, reading: _Reading, crontab: Crontab) -> None:
    found, place = crontab.found, f"line {line.number}"
    if not line.schedule:
        found.leave(place, "@reboot", "a start of the machine is no time: nobody can say that it is late")
        return
    try:
        parse_schedule(line.schedule, reading.zone)
    except BadSchedule as error:
        found.leave(place, line.schedule, f"the schedule {error}")
        return
    uuid, slug = pinged_here(unescaped(line.command), reading.base)
    if other := _OTHER_PINGS.search(line.command):
        found.leave(place, shown(other[0]), "it pings another monitor, too, and goes on doing so")
    above = _name_above(reading.above)
    taken = {check.name for check in found.checks}
    name = unlike(taken, shortened(reading.prefix + (above or _program(unescaped(line.command)))))
    fields: dict[str, Any] = {
        "schedule": line.schedule,
        "tz": reading.zone,
        "grace": min(reading.grace + reading.delay, _LONGEST_GRACE),
    }
    if above or (uuid is None and not slug):  # else the check has the name that it was given
        fields = {"name": name, **fields}
    if uuid is None and not slug:
        slug = unlike({check.slug for check in found.checks}, _slug(name, line.number))
    crontab.checks[line.number] = len(found.checks)
    crontab.shells[line.number] = reading.shell
    found.checks.append(WantedCheck(place, name, slug, fields, uuid=uuid, on_all=True))


def _name_above(comment: str) -> str:
    """A comment that names a job: not a job that is switched off, not a line of signs, not a sentence too long."""
    text = shortened(shown(comment.lstrip("#").strip()))
    if not any(character.isalnum() for character in text) or len(text) > 80 or text[0] in "-*@/" or "=" in text:
        return ""
    return "" if re.match(r"[\d*,/-]+\s+[\d*,/-]+\s", text) else text.rstrip(".:")


def _program(command: str) -> str:
    """The program that a command runs, without its folder; of what was rewritten here, that of the command before."""
    if found := _WRAPPED.match(command):
        command = found[1].replace("'\\''", "'")
    lexer = shlex.shlex(shown(command), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # quotes without an end: the shell refuses it, too
        words = shown(command).split()
    return _program_of(words) or "job"


def _program_of(words: list[str]) -> str:
    """The first word that is a program and runs no other; empty: there is none."""
    valued, before, aside, is_value = "", 0, False, False
    for word in words:
        if word in _ENDS:
            valued, before, aside, is_value = "", 0, False, False
        elif aside or is_value:
            is_value = False
        elif word in _ASIDE:
            aside = True
        elif word in _KEYWORDS or _ASSIGNMENT.match(word) or word[0] in "(){}[]!<>" or not re.search(r"\w", word):
            continue
        elif word.startswith("-"):
            is_value = len(word) == 2 and word[1] in valued
        elif before:
            before -= 1
        elif (name := word.rstrip("/").rpartition("/")[2]) in _RUNNERS:
            valued, before = _RUNNERS[name]
        elif name:
            return shortened(name)
    return ""


def _slug(name: str, number: int) -> str:
    return slugify(re.sub(r"[./:_]+", "-", name)) or f"job-of-line-{number}"


def pinged_here(command: str, base: str) -> tuple[str | None, str]:
    """The UUID or the slug of the check that a command pings on this Pingfold already."""
    at = re.compile(
        re.escape(base.removesuffix("ping/"))
        + rf"(?:ping/)?(?:(?P<uuid>{_UUID})|[A-Za-z0-9_-]{{16,100}}/(?P<slug>[a-z0-9_-]+))"
    )
    found = at.search(command)
    if found is None:
        return None, ""
    return (found["uuid"].lower() if found["uuid"] else None), found["slug"] or ""


def rewritten(content: bytes, crontab: Crontab, ping_url: Callable[[int], str], base: str) -> tuple[bytes, Found]:
    """The crontab with a ping behind each command that has a check; what could not be changed, with the reason.

    ping_url: the URL that pings the check with an index in `crontab.found.checks`; empty: there is none yet.
    """
    notes = Found()
    written: list[str] = []
    jobs = {line.number: line for line in lines_of(content, crontab.system) if isinstance(line, Job)}
    for number, text in enumerate(texts_of(content), 1):
        text = text.removesuffix("\r")
        index = crontab.checks.get(number)
        url = "" if index is None else ping_url(index)
        if url and pinged_here(unescaped(jobs[number].command), base) == (None, ""):
            text = _with_ping(jobs[number], url, crontab.shells[number], text, notes)
        written.append(text)
    return "".join(f"{line}\n" for line in written).encode("utf-8", "surrogateescape"), notes


def _with_ping(line: Job, url: str, shell: str, text: str, notes: Found) -> str:
    place = f"line {line.number}"
    if shell.rpartition("/")[2] not in _SHELLS or shlex.quote(shell) != shell:
        notes.leave(place, "the ping", f"SHELL={shown(shell)} is none that is known here: add it to the line yourself")
        return text
    given = "" if line.input is None else f"%{line.input}"
    command = f"{wrapped(line.command, url, shell)}{given}"
    if len(command.encode("utf-8", "surrogateescape")) > _LONGEST_COMMAND:
        notes.leave(
            place, "the ping", f"with it the command would be longer than {_LONGEST_COMMAND} bytes: put it in a script"
        )
        return text
    return line.head + command


def wrapped(command: str, url: str, shell: str) -> str:
    """A command of a crontab with a ping of its exit status behind it, which ends with that status.

    The shell that cron runs gets the command as one quoted word for a shell of the same kind: whatever it holds
    (comments, a backslash at its end, `exit`), the ping is sent. The ping takes none of its input.
    """
    quoted = command.replace("'", "'\\''")
    pinged = shlex.quote(url).replace("%", "\\%")
    return f"{shell} -c '{quoted}'; s=$?; curl -fsS -m 10 --retry 3 -o /dev/null {pinged}/$s </dev/null; exit $s"
