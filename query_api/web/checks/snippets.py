"""The lines to paste so that a job pings its check, with the check's own URL. Pure."""

import re
from typing import NamedTuple

from schemas.schedules import Cron, OnCalendar, Schedule, Simple

_DAY = 86_400
_ZONE_AT_END = re.compile(r"\s[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+\Z|\sUTC\Z")


class Snippet(NamedTuple):
    """title: for what; text: to paste."""

    title: str
    text: str


def snippets(url: str, schedule: Schedule) -> tuple[Snippet, ...]:
    """Each reports success and failure. `JOB` stands for the command of the job."""
    return (
        Snippet("cron", f"{_cron(schedule)} JOB; curl -fsS -m 10 --retry 5 -o /dev/null {url}/$?"),
        Snippet("systemd timer", _systemd(url, schedule)),
        Snippet("curl", f"curl -fsS -m 10 --retry 5 -o /dev/null {url}/start\nJOB\n{_curl(url)}/$?"),
        Snippet("wget", f'JOB\nstatus=$?\nwget -q -T 10 -t 5 -O /dev/null "{url}/$status"'),
        Snippet("PowerShell", _powershell(url)),
        Snippet("Python", _python(url)),
        Snippet("Kubernetes CronJob", _kubernetes(url, schedule)),
        Snippet("GitHub Actions", _actions(url, schedule)),
    )


def cron_of(schedule: Schedule) -> str:
    """A cron expression that runs as often; empty when there is none."""
    if isinstance(schedule, Cron):
        return schedule.expression
    if isinstance(schedule, OnCalendar):
        return ""
    period = schedule.period
    if period % 60 == 0 and 3_600 % period == 0:
        minutes = period // 60
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *"
    if period % 3_600 == 0 and _DAY % period == 0:
        hours = period // 3_600
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"
    return "0 0 * * 0" if period == 7 * _DAY else ""


def _cron(schedule: Schedule) -> str:
    return cron_of(schedule) or "0 0 * * *"


def _curl(url: str) -> str:
    return f"curl -fsS -m 10 --retry 5 -o /dev/null {url}"


def _systemd(url: str, schedule: Schedule) -> str:
    if isinstance(schedule, Simple):
        when = f"OnBootSec={schedule.period}s\nOnUnitActiveSec={schedule.period}s"
    elif isinstance(schedule, OnCalendar):
        lines = [line.strip() for line in schedule.expression.strip().split("\n")]
        when = "\n".join(f"OnCalendar={_in_zone(line, schedule.tz)}" for line in lines)
    else:
        when = f"# as cron has it: {schedule.expression} ({schedule.tz})\nOnCalendar=daily"
    # A job that a signal ended has the name of the signal in place of a number.
    status = 'case "$EXIT_STATUS" in ""|*[!0-9]*) s=fail;; *) s=$EXIT_STATUS;; esac'.replace("$", "$$")
    return (
        "# JOB.service\n[Service]\nType=oneshot\n"
        f"ExecStartPre=-{_curl(url)}/start\nExecStart=JOB\n"
        f"ExecStopPost=-/bin/sh -c '{status}; {_curl(url)}/$$s'\n\n"
        f"# JOB.timer\n[Timer]\n{when}\n\n[Install]\nWantedBy=timers.target"
    )


def _in_zone(line: str, zone: str) -> str:
    return line if zone == "UTC" or _ZONE_AT_END.search(line) else f"{line} {zone}"


def _powershell(url: str) -> str:
    return (
        f'try {{ JOB; $status = $LASTEXITCODE }} catch {{ $status = "fail" }}\n'
        f'Invoke-RestMethod -Uri "{url}/$status" -TimeoutSec 10 -MaximumRetryCount 5'
    )


def _python(url: str) -> str:
    return (
        "import urllib.request\n\n"
        "def ping(signal=''):\n"
        f"    urllib.request.urlopen('{url}' + signal, timeout=10)\n\n"
        "ping('/start')\n"
        "try:\n    job()\nexcept BaseException:\n    ping('/fail')\n    raise\nping()"
    )


def _kubernetes(url: str, schedule: Schedule) -> str:
    zone = schedule.tz if isinstance(schedule, Cron) else "Etc/UTC"
    return (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: job\nspec:\n"
        f'  schedule: "{_cron(schedule)}"\n  timeZone: "{zone}"\n'
        "  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n"
        "          containers:\n            - name: job\n              image: IMAGE\n"
        f'              command: ["/bin/sh", "-c", "JOB; {_curl(url)}/$?"]'
    )


def _actions(url: str, schedule: Schedule) -> str:
    return (
        f'on:\n  schedule:\n    - cron: "{_cron(schedule)}"\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n'
        "      - run: JOB\n      - if: always()\n"
        f"        run: {_curl(url)}${{{{ job.status != 'success' && '/fail' || '' }}}}"
    )
