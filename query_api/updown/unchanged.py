"""What clients send back of what they read: parameters that say what is so already ask for nothing. Pure.

So what a GET gave is always taken: a check that another API made has values that this one does not offer (a period of
45 seconds), and credentials that its URL does not show.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from query_api.updown.check_object import UpdownCheck


def without_unchanged(parameters: Mapping[str, Any], shown: UpdownCheck) -> dict[str, Any]:
    """The parameters but for those that are what is shown now. A URL alone, without the token beside it that every copy
    has, is given anew: without credentials."""
    now = msgspec.to_builtins(shown)
    if "token" not in parameters:
        del now["url"]
    return {name: value for name, value in parameters.items() if name not in now or now[name] != value}
