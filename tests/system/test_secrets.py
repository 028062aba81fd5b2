"""Nothing secret in Kafka, in the logs or in answers (docs/design.md, statement 7)."""

import base64
import gzip
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from schemas.topics import TOPICS
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def test_nothing_secret_is_in_kafka_or_in_the_logs(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 7: API keys only as hashes, webhook secrets only encrypted, in every record of every topic."""
    own = "whsec_" + base64.b64encode(b"a secret of just one channel").decode()
    channel = pingfold.channel(receiver.url, secret=own, events=["monitor.down"])
    made = pingfold.command("key", "create", "healthchecks", "--json")
    assert made.returncode == 0, made.stderr
    new_key = made.stdout.split('"key": "')[1].split('"')[0]
    assert pingfold.api("GET", "/checks/", key=new_key).status_code == 200
    wrong_key = "hcw_wrong-but-it-may-be-a-typing-error"[:32]
    assert pingfold.api("GET", "/checks/", key=wrong_key).status_code == 401
    check = pingfold.create("secret", channels=channel)
    pingfold.good_ping(check, "fail")
    receiver.wait(check, "monitor.down")
    assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200

    known = pingfold.credentials
    names = ("healthchecks_key", "healthchecks_key_readonly", "updown_key", "updown_key_readonly", "poppaping_key")
    secrets = {name: getattr(known, name) for name in (*names, "webhook_secret", "admin_password", "kafka_password")}
    secrets["clickhouse password"] = urlsplit(known.clickhouse).password or ""
    secrets |= {"new key": new_key, "wrong key": wrong_key, "own secret": own}
    secrets["vault key"] = (pingfold.data / "secret.key").read_text().strip()
    secrets["metrics key"] = (pingfold.data / "metrics.key").read_text().strip()
    # The bytes behind `whsec_` would do as well.
    decoded = {f"decoded {name}": base64.b64decode(secrets[name][6:]) for name in ("webhook_secret", "own secret")}
    needles = {name: text.encode() for name, text in secrets.items()} | decoded
    needles |= {f"base64 of {name}": base64.b64encode(value)[:-4] for name, value in needles.items()}

    found = [
        (name, topic.name)
        for topic in TOPICS
        for record in pingfold.records(topic)
        for name, needle in needles.items()
        if needle in b"\n".join([record.key or b"", record.value or b"", repr(record.headers).encode()])
    ]
    assert found == []

    said = pingfold.output.read_bytes()
    assert [name for name, needle in needles.items() if needle in said] == []
    assert known.ping_key.encode() not in said
    files = ("credentials.json", "secret.key", "metrics.key", "clickhouse-login.json", "kafka-login.json", "kcat.conf")
    kept = {pingfold.data / name for name in (*files, "kafka-client.properties", "kafka/server.properties")}
    for pid in (pingfold.supervisor, *pingfold.pids().values()):
        for of_process in ("cmdline", "environ"):
            content = Path(f"/proc/{pid}/{of_process}").read_bytes()
            assert [name for name, needle in needles.items() if needle in content] == [], (pid, of_process)
    assert pingfold.data.stat().st_mode & 0o777 == 0o700
    assert [path for path in kept if path.stat().st_mode & 0o777 != 0o600] == []
    # Kafka's own logs and everything else under the data folder, but for the files made to hold secrets.
    for path in sorted(pingfold.data.rglob("*")):
        if path.is_file() and path not in kept and path.stat().st_size < 64 * 2**20:
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            assert [name for name, needle in needles.items() if needle in content] == [], path


def test_answers_show_no_secret(pingfold: Pingfold) -> None:
    """Statement 7: neither lists nor metrics nor the description of the API tell a key or a secret."""
    known = pingfold.credentials
    secrets = [known.webhook_secret, known.healthchecks_key, known.healthchecks_key_readonly, known.admin_password]
    secrets += [known.kafka_password, urlsplit(known.clickhouse).password or ""]
    secrets.append((pingfold.data / "metrics.key").read_text())
    key = {"X-Api-Key": known.healthchecks_key}
    for path in ("/api/v3/checks/", "/api/v3/channels/", "/metrics", "/openapi.json", "/readyz", "/healthz", "/"):
        text = pingfold.get(path, headers=key).text
        assert [secret for secret in secrets if secret in text] == [], path
    # Strangers learn whether it is ready, and nothing of how it does.
    assert httpx.get(f"{pingfold.url}/metrics", trust_env=False).status_code == 401
    assert set(httpx.get(f"{pingfold.url}/readyz", trust_env=False).json()) == {"status", "instance"}
    assert "pingfold_ping_answers_total" in pingfold.get("/metrics").text
    # What only reads sees no id by which one could ping.
    check = pingfold.create("read-only")
    shown = pingfold.api("GET", "/checks/?slug=read-only", key=known.healthchecks_key_readonly).text
    assert check not in shown
    assert pingfold.api("POST", "/checks/", {"name": "x"}, key=known.healthchecks_key_readonly).status_code == 401
