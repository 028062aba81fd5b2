"""The process of the library (`python -m infra.apprise_library.child`): reads calls from standard input, writes
verdicts to standard output, and ends when there is nothing to do for a while, or nobody there.

It has no network, no files and an empty environment; see `infra.apprise_library.confinement`. What it computes for one
call is limited by the system, which ends it.
"""

import os
import select

import msgspec

from infra.apprise_library.confinement import confine, limit, use_at_most
from infra.apprise_library.messages import Call, Verdict, length_of, packed

# Seconds without work, after which the memory is given back.
IDLE = 60.0
# Seconds of computing for one call.
COMPUTING = 5.0


def main() -> None:
    """Answer calls until there are none."""
    limit()
    # After the limits, and only in this process: they load the library, and change what it opens connections with.
    from infra.apprise_library.plugins import verdict
    from infra.apprise_library.replaying import install

    install()
    confine()
    decoder = msgspec.msgpack.Decoder(Call)
    while (record := _read()) is not None:
        use_at_most(COMPUTING)
        try:
            said = verdict(decoder.decode(record))
        except Exception as error:
            said = Verdict(problem=f"the library failed ({type(error).__name__})")
        use_at_most(0)
        _write(packed(said))


def _read() -> bytes | None:
    """The next record; None when there is none."""
    if not select.select([0], [], [], IDLE)[0]:
        return None
    head = _exactly(4)
    return None if head is None else _exactly(length_of(head))


def _exactly(size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        piece = os.read(0, size - len(found))
        if not piece:
            return None
        found += piece
    return bytes(found)


def _write(record: bytes) -> None:
    rest = memoryview(record)
    while rest:
        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
