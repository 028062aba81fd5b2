"""credentials.json: written once, for its owner, and enough to make the default project again."""

import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from infra.embedded.logins import Login
from infra.log.cluster import embedded_cluster
from infra.secrets.secrets import Vault, hash_api_key, of_project
from infra.settings.settings import Settings
from pingfold.credentials import (
    Credentials,
    NoCredentials,
    load,
    path_of,
    save_once,
    with_servers,
)
from pingfold.first_project import new_credentials, project_request
from processors.fold.contract import Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from schemas.base import encode
from schemas.decisions import Decision
from schemas.definitions import KeyKind

# The names that people and scripts use, and the project.
CONTRACT = {
    "url",
    "kafka",
    "kafka_user",
    "kafka_password",
    "kafka_prefix",
    "clickhouse",
    "ping_key",
    "healthchecks_key",
    "healthchecks_key_readonly",
    "updown_key",
    "updown_key_readonly",
    "poppaping_key",
    "webhook_secret",
    "admin_password",
    "project",
}


KAFKA = embedded_cluster("127.0.0.1:9092", Login("pingfold", "first"), "team.")


@pytest.fixture
def vault() -> Vault:
    return Vault(b"k" * 32, "a test")


def make() -> Credentials:
    return new_credentials("http://127.0.0.1:8000", KAFKA, "http://127.0.0.1:8123")


def test_the_file_holds_the_contract(tmp_path: Path) -> None:
    path = path_of(Settings(data=tmp_path / "data"))
    made = make()
    assert save_once(path, made) == load(path) == made
    content = json.loads(path.read_text())
    assert path == tmp_path / "data" / "credentials.json"
    assert set(content) == CONTRACT
    assert all(isinstance(value, str) and value for value in content.values())
    assert len(set(content.values())) == len(CONTRACT)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_first_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = make()
    save_once(path, first)
    assert save_once(path, make()) == first


def test_where_the_servers_are_follows_the_installation_and_nothing_else_does(tmp_path: Path) -> None:
    """As in a data folder of a version whose servers asked for no password."""
    path = tmp_path / "credentials.json"
    first = save_once(path, make())
    url = "http://pingfold:secret@127.0.0.1:8123"
    assert first.cluster == "127.0.0.1:9092"
    assert first.cluster.security["sasl.username"] == "pingfold"
    moved = "http://127.0.0.1:8123"
    elsewhere = embedded_cluster("127.0.0.1:9093", Login("pingfold", "hush"), "team.")
    known = with_servers(path, moved, elsewhere, url)
    expected = {"url": moved, "kafka": "127.0.0.1:9093", "kafka_password": "hush", "clickhouse": url}
    assert known == load(path) == msgspec.structs.replace(first, **expected)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(known)
    before = path.stat().st_ino
    assert with_servers(path, moved, elsewhere, url) == known
    assert path.stat().st_ino == before
    assert load(path).cluster.security == elsewhere.security
    assert load(path).cluster.prefix == "team."


def test_another_prefix_is_another_pingfold(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = save_once(path, make())
    for prefix in ("", "team-b."):
        elsewhere = embedded_cluster("127.0.0.1:9092", Login("pingfold", "first"), prefix)
        with pytest.raises(NoCredentials, match=r"begin with 'team\.', and PINGFOLD_KAFKA_PREFIX is"):
            with_servers(path, "http://127.0.0.1:8000", elsewhere, "http://127.0.0.1:8123")
    assert load(path) == first


def test_a_file_of_a_version_without_logins_is_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    content = {name: "x" for name in CONTRACT - {"kafka_user", "kafka_password", "kafka_prefix"}}
    path.write_text(json.dumps(content))
    assert load(path).cluster.security == {}


def test_a_missing_or_damaged_file_says_where_and_what(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    with pytest.raises(NoCredentials, match=r"credentials\.json is not there.*PINGFOLD_URL"):
        load(path)
    for content in (b"", b"{", b"[]", b'{"url": 1, "ping_key": "hush"}'):
        path.write_bytes(content)
        with pytest.raises(NoCredentials, match=r"credentials\.json is damaged") as raised:
            load(path)
        assert "hush" not in str(raised.value)


def test_the_request_makes_the_project_once_whatever_is_repeated(vault: Vault) -> None:
    credentials = make()
    session = Session(Projects(), 0, View())
    outcomes = []
    for offset in range(2):
        request = project_request(credentials, 5, vault)
        effects = session.step([Record(offset, 0, credentials.project.encode(), encode(request))])
        [decision] = [effect.value for effect in effects if isinstance(effect.value, Decision)]
        outcomes.append((decision.outcome, decision.reason))
    assert outcomes == [("made", ""), ("refused", "exists")]
    assert len(session.view) == 1 + 1 + len(get_args(KeyKind))


def test_nothing_secret_goes_into_the_request(vault: Vault) -> None:
    credentials = make()
    request = project_request(credentials, 5, vault)
    text = encode(request).decode()
    public = {"url", "kafka", "kafka_user", "kafka_prefix", "clickhouse", "project", "ping_key"}
    secret = {name: value for name, value in msgspec.to_builtins(credentials).items() if name not in public}
    assert not [name for name, value in secret.items() if value in text]
    assert not [name for name, value in secret.items() if value in repr(credentials)]
    assert vault.decrypt(request.project.webhook_secret, of_project(request.project.id)) == credentials.webhook_secret
    assert request.project.ping_key == credentials.ping_key
    assert {key.kind: key.hash for key in request.keys} == {
        "healthchecks": hash_api_key(credentials.healthchecks_key),
        "healthchecks-readonly": hash_api_key(credentials.healthchecks_key_readonly),
        "updown": hash_api_key(credentials.updown_key),
        "updown-readonly": hash_api_key(credentials.updown_key_readonly),
        "poppaping": hash_api_key(credentials.poppaping_key),
    }
    assert {key.project for key in request.keys} == {credentials.project}
