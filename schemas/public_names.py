"""What things are called before everybody. Pure."""

from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.origins import host_and_port


def public_name(thing: Monitor | Check) -> str:
    """The name for everybody: of one that was made of the target only the host, since the rest may be a secret."""
    if isinstance(thing, Monitor) and thing.name_derived:
        return thing.target.host or host_and_port(thing.target.url)[0]
    return thing.name
