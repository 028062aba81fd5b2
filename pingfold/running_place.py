"""Where a running Pingfold is asked by commands, and who says so: a setting, or the file of the data folder.

A setting of this command comes first, since it is what somebody has just said. Without one it is where the Pingfold of
the data folder listens, which it writes down at each start: its port is known although this command was given none.
"""

import ssl
from typing import NamedTuple

from infra.settings.settings import Settings
from pingfold import credentials


class Place(NamedTuple):
    """url: without a slash at the end. origin: the setting or file that it comes from, for people."""

    url: str
    origin: str


def running_place(settings: Settings) -> Place:
    """Where commands find Pingfold, on this machine or elsewhere. Raises `NoCredentials`."""
    if settings.url:
        return Place(settings.url, "PINGFOLD_URL")
    return local_place(settings, "; PINGFOLD_URL overrides it")


def local_place(settings: Settings, hint: str = "") -> Place:
    """Where the Pingfold of this data folder listens. hint: what the origin says besides. Raises `NoCredentials`."""
    for name in ("port", "host"):
        if name in settings.model_fields_set:
            return Place(settings.local_url, f"PINGFOLD_{name.upper()}{hint}")
    file = credentials.path_of(settings)
    return Place(credentials.load(file).url, f"{file}, which Pingfold updates at each start{hint}")


def verification(url: str) -> ssl.SSLContext | bool:
    """How a client of HTTP judges the certificate there: as this machine does (`SSL_CERT_FILE`, too), and as the web
    process, which asks its public address. Without TLS nothing is loaded, which would take long."""
    return False if url.startswith("http:") else ssl.create_default_context()
