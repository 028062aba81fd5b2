"""API keys are hashed, reusable secrets encrypted, and a wrong key is told clearly."""

import hashlib
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.log.directory import Directory
from infra.secrets.private_files import write_once
from infra.secrets.secrets import (
    KEY_FILE,
    SecretError,
    Vault,
    hash_api_key,
    new_api_key,
    new_ping_key,
    new_webhook_secret,
    of_channel,
    of_monitor,
    of_project,
    stored_api_key,
)
from infra.settings.settings import Settings
from schemas.base import encode
from schemas.definitions import Channel, KeyKind, Project
from schemas.monitors import Monitor, ProbeTarget

SHAPES: dict[KeyKind, str] = {
    "healthchecks": r"hcw_[\w-]{28}",
    "healthchecks-readonly": r"hcr_[\w-]{28}",
    "updown": r"ud_[\w-]{24}",
    "updown-readonly": r"ro-[\w-]{20}",
    "poppaping": r"pp_live_[\w-]{32}",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", secret_key=None)


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_keys_have_the_shape_that_clients_expect(kind: KeyKind) -> None:
    keys = {new_api_key(kind) for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(SHAPES[kind], key, re.ASCII) for key in keys)


def test_ping_keys_and_webhook_secrets() -> None:
    assert re.fullmatch(r"[\w-]{22}", new_ping_key(), re.ASCII)
    secret = new_webhook_secret()
    assert secret.startswith("whsec_")
    assert 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_a_stored_key_is_only_a_hash_and_a_few_characters(kind: KeyKind) -> None:
    key = new_api_key(kind)
    stored = stored_api_key(key, kind, "p", 5, name="ci")
    assert stored.hash == hash_api_key(key) == hashlib.sha256(key.encode()).hexdigest()
    assert key.startswith(stored.prefix)
    assert len(key) - len(stored.prefix) >= 16
    assert key not in encode(stored).decode()
    assert stored_api_key(new_api_key(kind), kind, "p", 5).prefix != stored.prefix


def test_the_vault_gives_back_what_it_took(settings: Settings) -> None:
    vault = Vault.open(settings)
    for secret in ("", "whsec_x", "pässwörd \N{KEY}" * 100):
        stored = vault.encrypt(secret, "here")
        assert secret == "" or secret not in stored
        assert vault.decrypt(stored, "here") == secret
        assert vault.encrypt(secret, "here") != stored
        assert Vault.open(settings).decrypt(stored, "here") == secret


def test_a_stored_secret_opens_at_its_place_only(settings: Settings) -> None:
    vault = Vault.open(settings)
    stored = vault.encrypt("x", of_monitor("a"))
    assert vault.decrypt(stored, of_channel("a"), of_monitor("a")) == "x"
    for places in ((of_monitor("b"),), (of_channel("a"), of_project("a")), ()):
        with pytest.raises(SecretError, match="moved here from elsewhere"):
            vault.decrypt(stored, *places)


def test_what_former_versions_stored_opens_anywhere(settings: Settings) -> None:
    vault, nonce = Vault.open(settings), b"n" * 12
    fingerprint = vault.encrypt("x", "here").split(".")[1]
    key = urlsafe_b64decode((settings.data / KEY_FILE).read_bytes())
    sealed = urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, b"secret", None)).decode()
    assert vault.decrypt(f"v1.{fingerprint}.{sealed}", of_project("p")) == "secret"
    with pytest.raises(SecretError, match="moved here"):
        vault.decrypt(f"v2.{fingerprint}.{sealed}", of_project("p"))


def test_the_key_file_is_made_once_and_for_its_owner_only(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.open(settings), range(32)))
    path = settings.data / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in settings.data.iterdir()] == [KEY_FILE]
    stored = vaults[0].encrypt("x", "here")
    assert [vault.decrypt(stored, "here") for vault in vaults] == ["x"] * 32


def test_a_given_key_leaves_no_file(settings: Settings) -> None:
    for key in (b64encode(b"\xff" * 32), b64encode(b"\xff" * 32, altchars=b"-_")):
        vault = Vault.open(settings.model_copy(update={"secret_key": key.decode()}))
        assert vault.decrypt(vault.encrypt("x", "here"), "here") == "x"
    assert not settings.data.exists()


@pytest.mark.parametrize("key", ["short", "*" * 44, b64encode(b"x" * 31).decode(), "ключ"])
def test_a_key_that_is_none_names_its_setting_or_file(settings: Settings, key: str) -> None:
    with pytest.raises(SecretError, match="PINGFOLD_SECRET_KEY") as raised:
        Vault.open(settings.model_copy(update={"secret_key": key}))
    assert key not in str(raised.value)
    write_once(settings.data / KEY_FILE, key.encode())
    with pytest.raises(SecretError, match=re.escape(str(settings.data / KEY_FILE))):
        Vault.open(settings)


def test_another_key_is_told_apart_from_damage(settings: Settings) -> None:
    vault = Vault.open(settings)
    stored = vault.encrypt("x", "here")
    other = Vault.open(settings.model_copy(update={"secret_key": b64encode(b"k" * 32).decode()}))
    with pytest.raises(SecretError, match=r"another key .* PINGFOLD_SECRET_KEY"):
        other.decrypt(stored, "here")
    # The last character of the base64 text may hold bits that do not count.
    at = len(stored) // 2
    damaged = stored[:at] + ("A" if stored[at] != "A" else "B") + stored[at + 1 :]
    with pytest.raises(SecretError, match=r"damaged.*secret\.key"):
        vault.decrypt(damaged, "here")
    for text in (stored.rpartition(".")[0] + ".", stored[:-5], stored + "!"):
        with pytest.raises(SecretError, match="damaged"):
            vault.decrypt(text, "here")
    for text in ("", "whsec_plain", "v3" + stored[2:]):
        with pytest.raises(SecretError, match="form"):
            vault.decrypt(text, "here")


def test_write_once_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    assert write_once(path, b"1")
    assert not write_once(path, b"2")
    assert path.read_bytes() == b"1"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_encrypted_with_another_key_is_told_with_both_fingerprints() -> None:
    ours, other = Vault(b"k" * 32, "PINGFOLD_SECRET_KEY"), Vault(b"o" * 32, "data/secret.key")
    place = of_project("p")
    mine, foreign = ours.encrypt("hush", place), other.encrypt("hush", place)
    assert ours.strangers([mine, mine, ""]) == ours.strangers([]) == ""
    told = ours.strangers([mine, foreign, foreign.replace("v2.", "v1.")])
    assert told.startswith("2 stored secrets were encrypted with another key")
    assert foreign.split(".")[1] in told
    assert mine.split(".")[1] in told
    assert "PINGFOLD_SECRET_KEY" in told
    assert "hush" not in told


def test_every_stored_secret_is_looked_at() -> None:
    directory = Directory()
    project = Project(id="p", name="", ping_key="k", created=0, webhook_secret="v2.a.x")
    channel = Channel(id="c", project="p", kind="webhook", url="https://a.test/", created=0, secret="v2.b.x")
    monitor = Monitor(
        id="m", project="p", version=1, created=0, revised=0, name="", target=ProbeTarget(sealed="v2.c.x")
    )
    for key, one in (("project/p", project), ("channel/c", channel), ("monitor/m", monitor)):
        directory.apply(0, key, encode(one))
    assert sorted(directory.secrets()) == ["v2.a.x", "v2.b.x", "v2.c.x"]
