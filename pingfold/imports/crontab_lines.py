"""What a crontab holds, line by line, as the cron of Debian (Vixie cron) and cronie read it. Pure.

Bytes in any encoding go in; each line keeps its bytes (`surrogateescape`), so what is written again is what was read.
cron has no continuation of lines, no comments behind commands and no sections: a backslash at an end and a `#` in a
command belong to the command. A line that cron would refuse raises nothing: it is a `Fault` with its line and field.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pingfold.imports.things import NotReadable

# More than any crontab that people keep; cron itself gives up far earlier.
MOST_BYTES, MOST_LINES = 1_048_576, 20_000

_ENVIRONMENT = re.compile(
    r"""\s*(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)'|(?P<plain>[^\s="'#][^\s=]*))\s*=(?P<value>.*)"""
)
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@every_minute": "* * * * *",
}
_FIELD_NAMES = ("minute", "hour", "day of month", "month", "day of week")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WORDS = {
    3: {name: number for number, name in enumerate(_MONTHS, 1)},
    4: {name: number for number, name in enumerate(_DAYS)},
}
_OF_OTHERS = {
    "?": "cron does not know `?` (Quartz does): write *",
    "L": "cron does not know `L` (Quartz does)",
    "W": "cron does not know `W` (Quartz does)",
    "#": "cron does not know `#` (Quartz does)",
    "H": "cron does not know `H` (Jenkins does): write a number",
    "~": "`~` is a random time, which is another one each day or at each start of cron: write a number",
}


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, without its `#`; or an empty line, as an empty text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment line, without the quotes of its value."""

    number: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Job:
    """A line that runs a command. head: all before the command, blanks too. schedule: five fields; empty: `@reboot`.
    command, input: the parts before and behind the first `%` that has no backslash, as written."""

    number: int
    head: str
    schedule: str
    user: str
    command: str
    input: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cron would refuse, or that Pingfold cannot read as cron would."""

    number: int
    text: str
    why: str


Line = Comment | Setting | Job | Fault


def lines_of(content: bytes, system: bool) -> Iterator[Line]:
    """The lines of a crontab. system: its jobs have a user before the command. Raises `NotReadable`."""
    for number, text in enumerate(texts_of(content), 1):
        yield _line(number, text.removesuffix("\r"), system)


def texts_of(content: bytes) -> list[str]:
    """The lines as text, with what stands at their ends but the line feed. Raises `NotReadable`."""
    if len(content) > MOST_BYTES:
        raise NotReadable(f"a crontab is at most {MOST_BYTES:,} bytes long: this is another file")
    if b"\0" in content:
        raise NotReadable("it holds a NUL byte: this is no crontab (is it UTF-16? then save it as UTF-8)")
    texts = content.decode("utf-8", "surrogateescape").split("\n")
    if texts[-1] == "":
        texts.pop()
    if len(texts) > MOST_LINES:
        raise NotReadable(f"a crontab has at most {MOST_LINES:,} lines: this is another file")
    return texts


def split_input(command: str) -> tuple[str, str | None]:
    """The command, and what cron gives to it as its input: behind the first `%` without a backslash."""
    escaped = False
    for place, character in enumerate(command):
        if character == "%" and not escaped:
            return command[:place], command[place + 1 :]
        escaped = character == "\\" and not escaped
    return command, None


def unescaped(command: str) -> str:
    """What the shell gets of a command: `%` for each `\\%`."""
    return re.sub(r"\\(.)", lambda found: "%" if found[1] == "%" else found[0], command, flags=re.DOTALL)


def _line(number: int, text: str, system: bool) -> Line:
    bare = text.lstrip(" \t")
    if bare == "" or bare.startswith("#"):
        return Comment(number, bare[1:].strip() if bare else "")
    if not bare.startswith(("@", "*", "-")) and not bare[0].isdigit() and (setting := _ENVIRONMENT.fullmatch(text)):
        name = setting["double"] or setting["single"] or setting["plain"]
        return Setting(number, name, _unquoted(setting["value"].strip()))
    return _job(number, text, system)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else value


def _job(number: int, text: str, system: bool) -> Job | Fault:
    quiet = re.match(r"[ \t]*-?", text)
    start = quiet.end() if quiet else 0
    if text[start:].startswith("@"):
        return _nicknamed(number, text, start, system)
    count = 6 if system else 5
    parts = re.compile(rf"(?:[^ \t]+[ \t]+){{{count}}}").match(text, start)
    if parts is None or parts.end() == len(text):
        wanted = "five fields, a user and a command" if system else "five fields and a command"
        return Fault(number, text, f"cron wants {wanted}, or NAME=value, or a comment")
    words = parts[0].split()
    for index, word in enumerate(words[:5]):
        if why := _field_fault(index, word):
            return Fault(number, text, f"{_FIELD_NAMES[index]} {word}: {why}")
    return _with_command(number, text, parts.end(), " ".join(words[:5]), words[5] if system else "")


def _nicknamed(number: int, text: str, start: int, system: bool) -> Job | Fault:
    parts = re.compile(r"(@[^ \t]+)[ \t]+" + (r"([^ \t]+)[ \t]+" if system else "()")).match(text, start)
    if parts is None or parts.end() == len(text):
        return Fault(number, text, "there is no command behind it")
    word = parts[1].lower()
    if word == "@reboot":
        return _with_command(number, text, parts.end(), "", parts[2])
    if word not in _NICKNAMES:
        known = ", ".join((*_NICKNAMES, "@reboot"))
        return Fault(number, text, f"cron does not know {shown(parts[1])}: write five fields, or one of {known}")
    return _with_command(number, text, parts.end(), _NICKNAMES[word], parts[2])


def _with_command(number: int, text: str, end: int, schedule: str, user: str) -> Job:
    command, given = split_input(text[end:])
    return Job(number, text[:end], schedule, user, command, given)


def _field_fault(index: int, word: str) -> str:
    """What is wrong with one of the five fields; empty: nothing."""
    names = _WORDS.get(index, {})
    for part in word.split(","):
        if why := _foreign(part, names) or _part_fault(index, part, names):
            return why
    return ""


def _foreign(part: str, names: dict[str, int]) -> str:
    """What of a part only other crons know; empty: nothing."""
    for word in re.split("[-/]", part):
        if word.lower() not in names:
            for character, why in _OF_OTHERS.items():
                if character in word:
                    return why
    return ""


def _part_fault(index: int, part: str, names: dict[str, int]) -> str:
    least, most = _BOUNDS[index]
    values, slash, step = part.partition("/")
    if slash and (not step.isascii() or not step.isdigit() or int(step) == 0 or len(step) > 3):
        return "behind / stands a number from 1"
    if values == "*":
        return ""
    ends = [names[end.lower()] if end.lower() in names else _number(end) for end in values.split("-")]
    if len(ends) > 2 or None in ends:
        return f"must be *, numbers from {least} to {most}{', names' if names else ''}, ranges a-b, or steps a-b/n"
    numbers = [end for end in ends if end is not None]
    if any(not least <= end <= most for end in numbers):
        return f"must be from {least} to {most}"
    if len(numbers) == 1 and slash:
        return f"crons differ in what it means: write {values}-{most}/{step}"
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        return f"the range is reversed: write {numbers[0]}-{most},{least}-{numbers[1]}"
    return ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


def shown(text: str) -> str:
    """A piece of a crontab as it can be printed: bytes that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
