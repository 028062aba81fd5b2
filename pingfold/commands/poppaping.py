"""How commands call the PoppaPing API of the running Pingfold: with `PINGFOLD_KEY`, else the key of the credentials."""

from math import inf
from typing import Any

from infra.secrets.metrics_key import bearer
from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.commands.client import ask_api

_PER_PAGE = 100


def call(method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
    """The `data` of the answer. more: of `ask_api`. Raises `CommandFailed` when the API refuses or does not answer."""
    settings = Settings()
    key = settings.key or credentials.load(credentials.path_of(settings)).poppaping_key
    return ask_api(method, path, bearer(key), body, **more)["data"]


def all_of(path: str, most: float = inf) -> list[dict[str, Any]]:
    """The items of a list, page by page: all, or at least `most` of them. path: may have a query."""
    found: list[dict[str, Any]] = []
    separator = "&" if "?" in path else "?"
    while True:
        more = call("GET", f"{path}{separator}per_page={_PER_PAGE}&page={len(found) // _PER_PAGE + 1}")
        found += more
        if len(more) < _PER_PAGE or len(found) >= most:
            return found
