"""The key for `/metrics` and the details of `/readyz`: `PINGFOLD_METRICS_KEY`, or `metrics.key` in the data folder.

The file is created at its first use, with mode 0600. It contains only the key, so that Prometheus can use it directly
(`credentials_file`). The key gives access to nothing else.
"""

import hmac
import secrets
from collections.abc import Mapping

from infra.secrets.basic_auth import basic_password
from infra.secrets.private_files import write_once
from infra.secrets.secret_key import SecretError
from infra.settings.settings import Settings

KEY_FILE = "metrics.key"
_RANDOM_BYTES = 18


def metrics_key(settings: Settings) -> str:
    """The key. Raises `SecretError` when the file cannot be read."""
    if settings.metrics_key is not None:
        return settings.metrics_key
    path = settings.data / KEY_FILE
    try:
        if not path.exists():
            write_once(path, secrets.token_urlsafe(_RANDOM_BYTES).encode())
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path} cannot be read ({error}); fix this, or set PINGFOLD_METRICS_KEY") from error
    if not key:
        raise SecretError(f"{path} is empty; remove it, or set PINGFOLD_METRICS_KEY")
    return key


def metrics_key_at_hand(settings: Settings) -> str | None:
    """The key for a command, which makes none; None: there is none that this user can read, or that can be shown."""
    if settings.metrics_key is not None:
        return settings.metrics_key
    try:
        key = (settings.data / KEY_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return key if key.isascii() and key.isprintable() and key else None


def bearer(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


def shows(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request shows the key: as a bearer token, or as the password of HTTP Basic, whatever the user."""
    authorization = headers.get("authorization", "")
    scheme, _, text = authorization.partition(" ")
    shown = text.strip() if scheme.lower() == "bearer" else basic_password(authorization)
    return shown is not None and hmac.compare_digest(shown.encode(), key.encode())
