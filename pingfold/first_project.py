"""What the first start makes: new credentials, and the request for the default project that they belong to.

The file is written before the project is asked for: should the start die in between, the next one derives the very same
project from the file, and asking twice does no harm (the second time it `exists`).
"""

from infra.secrets.secrets import (
    Vault,
    new_api_key,
    new_password,
    new_ping_key,
    new_webhook_secret,
    of_project,
    stored_api_key,
)
from pingfold.credentials import Credentials, kafka_fields
from schemas.actors import SYSTEM
from schemas.base import Micros
from schemas.definitions import ApiKey, KeyKind, Project
from schemas.ids import derived_id, new_id
from schemas.requests import ProjectCreate

PROJECT_NAME = "Default"


def new_credentials(url: str, kafka: str, clickhouse: str) -> Credentials:
    """Fresh credentials of a default project that is still to be made."""
    return Credentials(
        url=url,
        **kafka_fields(kafka),
        clickhouse=clickhouse,
        project=new_id(),
        ping_key=new_ping_key(),
        healthchecks_key=new_api_key("healthchecks"),
        healthchecks_key_readonly=new_api_key("healthchecks-readonly"),
        updown_key=new_api_key("updown"),
        updown_key_readonly=new_api_key("updown-readonly"),
        poppaping_key=new_api_key("poppaping"),
        webhook_secret=new_webhook_secret(),
        admin_password=new_password(),
    )


def project_request(credentials: Credentials, at: Micros, vault: Vault) -> ProjectCreate:
    """The request that makes the default project of these credentials: the same ids each time."""
    keys: dict[KeyKind, str] = {
        "healthchecks": credentials.healthchecks_key,
        "healthchecks-readonly": credentials.healthchecks_key_readonly,
        "updown": credentials.updown_key,
        "updown-readonly": credentials.updown_key_readonly,
        "poppaping": credentials.poppaping_key,
    }
    project = Project(
        id=credentials.project,
        name=PROJECT_NAME,
        ping_key=credentials.ping_key,
        created=at,
        webhook_secret=vault.encrypt(credentials.webhook_secret, of_project(credentials.project)),
    )
    return ProjectCreate(
        request=new_id(),
        at=at,
        actor=SYSTEM,
        project=project,
        keys=tuple(_stored(project.id, kind, key, at) for kind, key in keys.items()),
    )


def _stored(project: str, kind: KeyKind, key: str, at: Micros) -> ApiKey:
    return stored_api_key(key, kind, project, at, name=PROJECT_NAME, id=derived_id("key", project, kind))
