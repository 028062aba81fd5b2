"""The operating system user who runs a command, for the audit trail."""

import os
import pwd
import socket

from schemas.actors import Actor

_LONGEST = 200


def operator() -> Actor:
    """Whoever runs this process. The user is the kernel's word, not that of the environment, which anybody can set."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # as in containers that run under a number
        name = str(number)
    return Actor(kind="cli", user=name[:_LONGEST], address=socket.gethostname()[:_LONGEST])
