"""Identifies a process beyond its process id, which may be reused by another process."""

from pathlib import Path


def process_identity(pid: int) -> str | None:
    """What tells a process from a later one with the same number: the boot and the moment of its beginning (Linux).

    None when there is no such process, or that is not known.
    """
    try:
        return read_identity(pid)
    except OSError:
        return None


def read_identity(pid: int) -> str | None:
    """The same; None: there is no such process. Raises `OSError` when that cannot be looked at now, as without a free
    file descriptor."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # After the program's name, which stands in brackets and may hold anything, the 20th is the moment.
    return f"{boot}/{status.rpartition(')')[2].split()[19]}"
