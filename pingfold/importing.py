"""How commands and roles import what they need.

An import makes hundreds of thousands of objects that stay, and to look for garbage among them, again and again, takes
an eighth of its time: nobody looks meanwhile.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """No garbage is looked for while the body imports; whoever looked for it before does so again afterwards."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
