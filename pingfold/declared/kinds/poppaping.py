"""What the kinds of the PoppaPing API share: its errors, read as faults. Pure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pingfold.declared.kinds.kind import Fault, Faults
from query_api.poppaping.responses import PoppaPingApiError

_FIELD = re.compile(r"Fields? '(?P<field>\w+)[^']*':? ?(?P<words>.*)", re.DOTALL)


@contextmanager
def judging() -> Iterator[None]:
    """Tells what the functions of the API refuse as `Faults`."""
    try:
        yield
    except PoppaPingApiError as error:
        found = _FIELD.fullmatch(error.message)
        fault = Fault("", error.message) if found is None else Fault(found["field"], found["words"])
        raise Faults([fault]) from None
