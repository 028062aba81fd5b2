"""How many connections a process may hold at once."""

import resource

# Beside connections: Kafka's, libraries, logs.
_OTHERS = 256


def connections(wanted: int) -> int:
    """Raise this process's limit of open files so that it can hold `wanted` connections; how many it may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHERS
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, files - _OTHERS)
