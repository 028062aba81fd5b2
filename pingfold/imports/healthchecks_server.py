"""Asking the Management API of another Healthchecks: what comes is bounded in bytes and in time, and redirects are not
followed, since the key would go with them.

Raises `NotReadable`, which says what the server did and what to do.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from pingfold.imports.things import NotReadable
from pingfold.running_place import verification

MOST_BYTES = 64 * 2**20
# Of one answer: until something comes, and until all has come.
SILENT_SECONDS, WHOLE_SECONDS = 20.0, 120.0
_VERSIONS = ("v3", "v2", "v1")


class HealthchecksServer:
    """One server, with a key of one project. url: its address, with or without `/api/v3/`."""

    def __init__(self, url: str, key: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._base = _base_of(url)
        self._headers = {"X-Api-Key": key, "Accept": "application/json"}
        self._version = ""
        self._monotonic = monotonic

    def checks(self) -> Any:
        """The answer of `GET checks/`, by the newest version of the API that the server has."""
        for version in _VERSIONS:
            told = self._get(f"/api/{version}/checks/", missing_is_none=True)
            if told is not None:
                self._version = version
                return told
        raise NotReadable(f"{self._base} has no Management API (404): give the address of its web pages")

    def channels(self) -> Any:
        """The answer of `GET channels/`; None when the key may not see them."""
        return self._get(f"/api/{self._version}/channels/?details=1", forbidden_is_none=True)

    def _get(self, path: str, missing_is_none: bool = False, forbidden_is_none: bool = False) -> Any:
        url = f"{self._base}{path}"
        try:
            with (
                httpx.Client(timeout=SILENT_SECONDS, trust_env=False, verify=verification(url)) as client,
                client.stream("GET", url, headers=self._headers, follow_redirects=False) as answer,
            ):
                if answer.status_code == 404 and missing_is_none:
                    return None
                if answer.status_code in (401, 403) and forbidden_is_none:
                    return None
                self._must_be_well(url, answer)
                return _decoded(url, self._whole(url, answer))
        except httpx.TimeoutException:
            raise NotReadable(f"{url} does not answer within {SILENT_SECONDS:.0f} s: is the address right?") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise NotReadable(f"{url} cannot be read: {str(error) or type(error).__name__}") from None

    def _must_be_well(self, url: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if answer.is_redirect:
            target = answer.headers.get("Location", "elsewhere")
            raise NotReadable(f"{url} answers {status}, and leads to {target[:200]}: give that address instead")
        if status in (401, 403):
            raise NotReadable(f"{url} answers {status}: the key is not an API key of a project there")
        if status == 429:
            raise NotReadable(f"{url} answers 429: too many requests; wait a minute, then try again")
        if status >= 500:
            raise NotReadable(f"{url} answers {status}: the server has trouble; try again later")
        if status != 200:
            raise NotReadable(f"{url} answers {status}: this is not the Management API of Healthchecks")

    def _whole(self, url: str, answer: httpx.Response) -> bytes:
        begun, parts, size = self._monotonic(), [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise NotReadable(f"{url} answers more than {MOST_BYTES // 2**20} MB, the most that is read")
            if self._monotonic() - begun > WHOLE_SECONDS:
                raise NotReadable(f"{url} has not answered all within {WHOLE_SECONDS:.0f} s")
        return b"".join(parts)


def _decoded(url: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotReadable(f"{url} answers no JSON: this is not the Management API of Healthchecks") from None


def _base_of(url: str) -> str:
    """The address before `/api/`. Raises `NotReadable`."""
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise NotReadable(f"{url} is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise NotReadable(f"{url}: give an address such as https://healthchecks.io, the key apart from it")
    path = parts.path.partition("/api/")[0].rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}"
