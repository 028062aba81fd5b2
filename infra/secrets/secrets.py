"""Secrets: API keys, which are stored hashed, and secrets to be used again, which are stored encrypted.

Keys are random with at least 120 bits, so a plain SHA-256 is all that their hash needs. A `Vault` encrypts with
AES-256-GCM under a key that never enters Kafka: `PINGFOLD_SECRET_KEY`, or `secret.key` in the data folder, made at the
first start. Each stored secret is bound to its place, the thing and the field it was given for: moved to another, it
does not open. No error message here holds a secret.
"""

import contextlib
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.secrets.private_files import write_once
from infra.secrets.secret_key import KEY_BYTES, key_bytes
from infra.secrets.secret_key import SecretError as SecretError
from infra.settings.settings import Settings
from schemas.base import Micros
from schemas.definitions import ApiKey, KeyKind
from schemas.ids import new_id

KEY_FILE = "secret.key"
_NONCE_BYTES = 12
_OR_SET = "or set PINGFOLD_SECRET_KEY"

# So many random characters of a key are kept readable, for people to tell their keys apart.
_SHOWN = 4

# Prefix and random bytes of each kind of key; four characters for three bytes.
# Healthchecks' clients want 32 characters; `ro-` tells people (and updown's clients) that a key only reads.
_SHAPES: dict[KeyKind, tuple[str, int]] = {
    "healthchecks": ("hcw_", 21),
    "healthchecks-readonly": ("hcr_", 21),
    "updown": ("ud_", 18),
    "updown-readonly": ("ro-", 15),
    "poppaping": ("pp_live_", 24),
}


def new_api_key(kind: KeyKind) -> str:
    """A new random API key of the shape that clients of that API expect."""
    prefix, size = _SHAPES[kind]
    return prefix + secrets.token_urlsafe(size)


def hash_api_key(key: str) -> str:
    """What is stored of an API key, and looked up: its SHA-256 in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def stored_api_key(key: str, kind: KeyKind, project: str, at: Micros, name: str = "", id: str | None = None) -> ApiKey:
    """The definition of an API key: the key itself is not in it."""
    return ApiKey(
        id=id or new_id(),
        project=project,
        kind=kind,
        hash=hash_api_key(key),
        prefix=key[: len(_SHAPES[kind][0]) + _SHOWN],
        created=at,
        name=name,
    )


def new_ping_key() -> str:
    """A new ping key: 22 characters that may stand in a URL."""
    return secrets.token_urlsafe(16)


def new_webhook_secret() -> str:
    """A new secret for signing webhooks, as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


def new_password() -> str:
    """A new password for people."""
    return secrets.token_urlsafe(18)


def of_monitor(id: str) -> str:
    """The place of what the probes of a monitor send."""
    return f"monitor/{id}/sealed"


def of_page(id: str) -> str:
    """The place of the access key of a status page."""
    return f"status-page/{id}/access_key"


def of_channel(id: str) -> str:
    """The place of a channel's own secret."""
    return f"channel/{id}/secret"


def of_project(id: str) -> str:
    """The place of the secret that signs the webhooks of a project."""
    return f"project/{id}/webhook_secret"


class Decrypts(Protocol):
    """`Vault.decrypt`."""

    def __call__(self, stored: str, /, *places: str) -> str: ...


class Vault:
    """Encrypts secrets for storing, and back. A stored secret names its key by a fingerprint: `v2.<key>.<base64>`.

    Those of `v1`, which former versions wrote, are bound to no place.
    """

    def __init__(self, key: bytes, source: str) -> None:
        self._cipher, self._key = AESGCM(key), key
        self._fingerprint = hashlib.sha256(b"pingfold vault key " + key).hexdigest()[:8]
        self._source = source

    @classmethod
    def open(cls, settings: Settings) -> "Vault":
        """The vault of this installation; makes the key in the data folder when there is none yet."""
        if settings.secret_key:
            return cls(_key_bytes(settings.secret_key, "PINGFOLD_SECRET_KEY"), "PINGFOLD_SECRET_KEY")
        path = settings.data / KEY_FILE
        try:
            if not path.exists():
                write_once(path, urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            text = path.read_text(encoding="ascii")
        except OSError as error:
            raise SecretError(f"{path} cannot be read or made ({error.strerror}): fix this, {_OR_SET}") from error
        except UnicodeDecodeError:
            text = ""
        return cls(_key_bytes(text, str(path), f": put the former key back, {_OR_SET}"), str(path))

    def strangers(self, stored: Iterable[str]) -> str:
        """What is wrong when any of the stored secrets was encrypted with another key; empty when none was."""
        others = Counter(one.split(".")[1] for one in stored if one.count(".") >= 2)
        del others[self._fingerprint]
        if not others:
            return ""
        which = ", ".join(f"{key[:8]}: {count}" for key, count in others.most_common(3))
        return (
            f"{others.total()} stored secrets were encrypted with another key (fingerprint {which}) than that of "
            f"{self._source} (fingerprint {self._fingerprint}) and cannot be read: put the former key back, or, if it "
            "is lost, rotate the webhook secrets and give the monitors their headers again"
        )

    def derived_key(self, purpose: str) -> bytes:
        """A key for one other purpose, the same in every process; it tells nothing of the vault's."""
        return hmac.digest(self._key, f"pingfold {purpose}".encode(), "sha256")

    def encrypt(self, secret: str, place: str) -> str:
        """The secret as it may stand in Kafka; another text each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())
        return f"v2.{self._fingerprint}.{urlsafe_b64encode(sealed).decode()}"

    def decrypt(self, stored: str, *places: str) -> str:
        """The secret that `encrypt` was given for one of the places.

        Raises `SecretError` for another key's, another place's or a damaged one.
        """
        version, _, rest = stored.partition(".")
        fingerprint, _, text = rest.partition(".")
        if version not in ("v1", "v2"):
            raise SecretError("a stored secret is not in the form that this version of Pingfold writes")
        if fingerprint != self._fingerprint:
            raise SecretError(
                f"a stored secret was encrypted with another key (fingerprint {fingerprint[:8]}) than that of "
                f"{self._source} (fingerprint {self._fingerprint}): put the former key back"
            )
        try:
            sealed = b64decode(text, altchars=b"-_", validate=True)
        except ValueError as error:
            raise SecretError(f"a stored secret is damaged (key from {self._source})") from error
        for place in places if version == "v2" else (None,):
            with contextlib.suppress(InvalidTag, ValueError):
                bound = None if place is None else place.encode()
                return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound).decode()
        raise SecretError(f"a stored secret is damaged, or was moved here from elsewhere (key from {self._source})")


def _key_bytes(text: str, source: str, do: str = "") -> bytes:
    try:
        return key_bytes(text)
    except ValueError as error:
        raise SecretError(f"{source} is not a key: {error}{do}") from None
