"""Crontabs with all their oddities, and that what is written again runs the same command."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from pingfold.imports.crontab import looks_like_system, pinged_here, read_crontab, rewritten, wrapped
from pingfold.imports.crontab_lines import MOST_BYTES, Fault, Job, Setting, lines_of, split_input, unescaped
from pingfold.imports.things import NotReadable

BASE = "https://pingfold.example.com/ping/"
UUID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


def read(text: str, system: bool = False, prefix: str = "") -> list[tuple[str, str, str]]:
    """(place, name, schedule) of each check."""
    found = read_crontab(text.encode(), "UTC", 3600, system, BASE, prefix).found
    return [(check.place, check.name, check.fields["schedule"]) for check in found.checks]


def left(text: str, system: bool = False) -> list[tuple[str, str]]:
    """(place, why) of what cannot be carried over."""
    found = read_crontab(text.encode(), "UTC", 3600, system, BASE).found
    return [(one.place, one.why) for one in found.left]


@pytest.mark.parametrize(
    ("text", "name", "schedule"),
    [
        ("30 2 * * * /usr/local/bin/backup.sh --password=hush\n", "backup.sh", "30 2 * * *"),
        ("# Nightly backup\n30 2 * * * backup\n", "Nightly backup", "30 2 * * *"),
        ("# Nightly backup\n\n30 2 * * * backup\n", "backup", "30 2 * * *"),
        ("# 0 3 * * * switched-off\n30 2 * * * backup\n", "backup", "30 2 * * *"),
        ("#-----\n30 2 * * * backup\n", "backup", "30 2 * * *"),
        ("\t30\t2  *\t* *\tbackup\n", "backup", "30 2 * * *"),
        ("-*/5 * * * * quiet\n", "quiet", "*/5 * * * *"),
        ("@daily cd /srv/app && ./run.sh\n", "run.sh", "0 0 * * *"),
        ("@MIDNIGHT nice -n 10 ionice -c3 /opt/report\n", "report", "0 0 * * *"),
        ("0 0 * jan-mar MON,fri LANG=C flock -n /tmp/x /bin/job\n", "job", "0 0 * jan-mar MON,fri"),
        ("0 0 1-15/3 * 0-7 job\n", "job", "0 0 1-15/3 * 0-7"),
        ("0 0 * * * 'unclosed\n", "'unclosed", "0 0 * * *"),
        ("0 0 * * * sudo -u www /usr/bin/php artisan\n", "php", "0 0 * * *"),
        ('0 0 * * * [ "$(date +\\%u)" = 7 ] && /bin/weekly\n', "weekly", "0 0 * * *"),
        ("0 0 * * * [ $(date +\\%u) -lt 6 ] && /bin/workday\n", "workday", "0 0 * * *"),
        ("0 0 * * * [[ -f /x ]] || /bin/make-x\n", "make-x", "0 0 * * *"),
        ("0 0 * * * if test -x /bin/a; then /bin/a; fi\n", "a", "0 0 * * *"),
        ("0 0 * * * for f in 1 2; do /bin/each $f; done\n", "each", "0 0 * * *"),
        ("0 0 * * * sudo -u test /bin/job\n", "job", "0 0 * * *"),
        ("0 0 * * * $(cat /etc/job)\n", "cat", "0 0 * * *"),
    ],
)
def test_the_check_of_a_job(text: str, name: str, schedule: str) -> None:
    assert read(text) == [(f"line {text.count(chr(10))}", name, schedule)]


def test_a_rewritten_job_is_named_as_before() -> None:
    """Its check may have been removed: it is made again by the UUID in the line."""
    command = "cd '/srv/the app' && /bin/report 'all of it' | mail root"
    again = wrapped(command, f"{BASE}{UUID}", "/bin/bash")
    assert [read(f"@daily {one}\n") for one in (command, again)] == [[("line 1", "report", "0 0 * * *")]] * 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("@reboot /bin/start\n", "a start of the machine is no time"),
        ("@every 5m job\n", "cron does not know @every"),
        ("0 0 ? * * job\n", "day of month ?: cron does not know `?`"),
        ("0 0 L * * job\n", "day of month L: cron does not know `L`"),
        ("H 0 * * * job\n", "minute H: cron does not know `H`"),
        ("5/15 * * * * job\n", "minute 5/15: crons differ in what it means: write 5-59/15"),
        ("0 22-2 * * * job\n", "hour 22-2: the range is reversed: write 22-23,0-2"),
        ("0 24 * * * job\n", "hour 24: must be from 0 to 23"),
        ("*/0 * * * * job\n", "minute */0: behind / stands a number from 1"),
        ("0~59 * * * * job\n", "minute 0~59: `~` is a random time"),
        ("0 0 * foo * job\n", "month foo: must be *, numbers from 1 to 12, names"),
        ("0 0 31 2 * job\n", "the schedule is not a cron expression: Bad day-of-month"),
        ("0 0 * *\n", "cron wants five fields and a command"),
        ("@daily\n", "there is no command behind it"),
        ("TZ=Europe/Riga\n", "it is for the commands, not for the times"),
        ("CRON_TZ=Mars/Base\n", "it is not the name of an IANA time zone"),
        ("RANDOM_DELAY=soon\n", "it is no number of minutes"),
    ],
)
def test_what_cannot_be_carried_over_is_told_with_its_line_and_field(text: str, why: str) -> None:
    [(place, told)] = left(f"# a title\n{text}")
    assert place == "line 2"
    assert why in told


def test_settings_are_in_force_for_the_lines_below_them() -> None:
    text = "0 1 * * * a\nCRON_TZ = 'Europe/Riga'\nRANDOM_DELAY=30\nMAILTO=\"\"\n0 1 * * * b\n"
    checks = read_crontab(text.encode(), "UTC", 3600, False, BASE).found.checks
    assert [(check.fields["tz"], check.fields["grace"]) for check in checks] == [
        ("UTC", 3600),
        ("Europe/Riga", 5400),
    ]


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("MAILTO=a@example.com", "MAILTO", "a@example.com"),
        ("MAILTO=", "MAILTO", ""),
        (' "ODD" = " kept blanks " ', "ODD", " kept blanks "),
        ("PATH='/a:/b'", "PATH", "/a:/b"),
        ('X="half', "X", '"half'),
    ],
)
def test_environment_lines(line: str, name: str, value: str) -> None:
    assert list(lines_of(line.encode(), False)) == [Setting(1, name, value)]


def test_system_crontabs_have_a_user() -> None:
    text = "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n@daily www /srv/job\n"
    assert read(text, system=True) == [("line 1", "run-parts", "17 * * * *"), ("line 2", "job", "0 0 * * *")]
    assert looks_like_system(text.encode()) == 1
    assert looks_like_system(b"17 * * * * rooted\n") == 0
    assert left("0 0 * * * root\n", system=True) == [
        ("line 1", "cron wants five fields, a user and a command, or NAME=value, or a comment")
    ]


def test_names_and_slugs_are_unlike_and_jobs_that_are_the_same_are_one() -> None:
    text = "0 1 * * * /bin/job a\n0 1 * * * /bin/job b\n0 1 * * * /bin/job a\n"
    crontab = read_crontab(text.encode(), "UTC", 3600, False, BASE, "web1")
    assert [(check.name, check.slug) for check in crontab.found.checks] == [
        ("web1 job", "web1-job"),
        ("web1 job-2", "web1-job-2"),
    ]
    assert [one.place for one in crontab.found.left] == ["line 3"]


def test_odd_files() -> None:
    assert read("") == []
    assert left("0 0 * * * job") == [("the last line", "cron ignores a line without a line feed at its end: add one")]
    assert [place for place, _ in left("0 0 * * * job\r\n")] == ["the ends of lines"]
    crontab = read_crontab(b"# caf\xe9\n0 0 * * * /bin/caf\xe9\n", "UTC", 3600, False, BASE)
    assert [check.name for check in crontab.found.checks] == ["caf\N{REPLACEMENT CHARACTER}"]
    new, _ = rewritten(b"# caf\xe9\n0 0 * * * /bin/caf\xe9\n", crontab, lambda _: "", BASE)
    assert new == b"# caf\xe9\n0 0 * * * /bin/caf\xe9\n"
    for content in (b"\0", b"x" * (MOST_BYTES + 1), b"\n" * 30_000):
        with pytest.raises(NotReadable):
            read_crontab(content, "UTC", 3600, False, BASE)


def test_lines_that_ping_already() -> None:
    root = BASE.removesuffix("ping/")
    assert [pinged_here(f"curl {root}{UUID}/start", base) for base in (BASE, root)] == [(UUID, "")] * 2
    text = f"0 0 * * * job && curl -s {BASE}{UUID}\n0 1 * * * job; curl {BASE}{'k' * 22}/nightly/$?\n"
    crontab = read_crontab(text.encode(), "UTC", 3600, False, BASE)
    assert [(check.uuid, check.slug) for check in crontab.found.checks] == [(UUID, ""), (None, "nightly")]
    new, _ = rewritten(text.encode(), crontab, lambda _: f"{BASE}{UUID}", BASE)
    assert new.decode() == text
    other = "0 0 * * * job && curl https://hc-ping.com/4a6b/start\n"
    assert left(other) == [("line 1", "it pings another monitor, too, and goes on doing so")]


def test_the_percent_sign_ends_the_command_unless_it_has_a_backslash() -> None:
    assert split_input("mail -s x%a%b") == ("mail -s x", "a%b")
    assert split_input(r"date +\%F") == (r"date +\%F", None)
    assert split_input(r"a\\%b") == (r"a\\", "b")
    assert unescaped(r"date +\%F \n") == r"date +%F \n"


COMMANDS = [
    "echo plain",
    "exit 7",
    "false",
    "echo \"it's\" 'quoted $HOME'",
    "echo one # a comment",
    "echo a; (exit 3)",
    "cat; echo end",
    "echo back \\",
    "echo 100\\%; exit 2",
    "{ echo group; exit 4; }",
    "no-such-program-anywhere",
    "echo 'unclosed",
    "sleep 0 & wait; exit 5",
    "echo $0 | wc -l",
    "cat%first\nsecond",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_rewritten_line_runs_the_same_command(command: str, tmp_path: Path) -> None:
    """As cron does: what is before the first bare % goes to a shell, what is behind it is its input."""
    pinged = tmp_path / "pinged"
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$last" >>{pinged}\ncat >/dev/null\nexit 22\n')
    curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    line, given = split_input(command.replace("\n", "%"))
    text = line if given is None else f"{line}%{given}"
    new_line = wrapped(line, f"{BASE}{UUID}", "/bin/sh") + ("" if given is None else f"%{given}")
    old, new = (_as_cron_runs(one, tmp_path) for one in (text, new_line))
    assert new.returncode == old.returncode
    assert new.stdout == old.stdout
    assert pinged.read_text() == f"{BASE}{UUID}/{old.returncode}\n"


def _as_cron_runs(text: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    command, given = split_input(text)
    return subprocess.run(
        ["/bin/sh", "-c", unescaped(command)],
        input=(given or "").replace("%", "\n").encode() + (b"\n" if given else b""),
        capture_output=True,
        timeout=20,
        check=False,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
    )


def test_what_cannot_be_rewritten_stays_as_it_is() -> None:
    text = f"SHELL=/usr/bin/fish\n0 0 * * * job\nSHELL=/bin/bash\n0 1 * * * {'x' * 990}\n0 2 * * * fine\n"
    crontab = read_crontab(text.encode(), "UTC", 3600, False, BASE)
    new, notes = rewritten(text.encode(), crontab, lambda index: f"{BASE}{UUID}", BASE)
    lines = new.decode().splitlines()
    assert lines[:4] == text.splitlines()[:4]
    assert lines[4].startswith("0 2 * * * /bin/bash -c 'fine'; s=$?; curl ")
    assert [(one.place, one.why.split(":")[0]) for one in notes.left] == [
        ("line 2", "SHELL=/usr/bin/fish is none that is known here"),
        ("line 4", "with it the command would be longer than 998 bytes"),
    ]


def test_every_line_is_something() -> None:
    kinds = {type(line) for line in lines_of(b"# c\nA=b\n* * * * * job\nnonsense\n", False)}
    assert {Fault, Job, Setting} < kinds
