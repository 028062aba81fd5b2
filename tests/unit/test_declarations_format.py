"""The format of declarations: its JSON Schema is the one that is published, and says what is accepted."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from pingfold.declared.problems import InvalidDeclarations
from query_api.declarations import SCHEMA_FILE, SCHEMA_PATH, SECTIONS, json_schema
from tests.declared_world import loaded_text
from tests.harness import Harness
from tests.prose import repository

SCHEMA = jsonschema_rs.validator_for(msgspec.json.decode(json_schema()))


def test_the_committed_schema_is_that_of_the_structs() -> None:
    path = Path(__file__).parents[2] / SCHEMA_FILE
    assert path.read_bytes() == json_schema(), "say make docs"
    assert SCHEMA_FILE in repository().files or path.exists()


async def test_the_web_process_serves_it_to_anybody() -> None:
    answer = await Harness().client.get(SCHEMA_PATH, headers={"X-Api-Key": ""})
    assert (answer.status_code, answer.content) == (200, json_schema())
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_every_section_and_field_is_described() -> None:
    definitions = msgspec.json.decode(json_schema())["$defs"]
    assert set(definitions["Document"]["properties"]) == {"managed_by", *SECTIONS}
    assert all("description" in each for each in definitions.values())


@pytest.mark.parametrize(
    "document",
    [
        {"checks": {"backup": {"timeout": 59}}},
        {"checks": {"Backup": {}}},
        {"checks": {"backup": {"grace": "1h"}}},
        {"monitors": {"Shop": {"url": "https://a.example/", "typ": "http"}}},
        {"channels": {"ops": {"url": "https://a.example/"}}},
        {"status_pages": {"main": {"title": ""}}},
        {"maintenance": {"w": {"duration_minutes": 0, "schedule": "0 2 * * *"}}},
        {"managed_by": "A B"},
        {"check": {}},
    ],
)
def test_what_the_schema_refuses_is_refused(document: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(document)
    with pytest.raises(InvalidDeclarations):
        loaded_text(document)


@pytest.mark.parametrize(
    "document",
    [
        {"managed_by": "billing"},
        {"checks": {"backup": {"schedule": "0 2 * * *", "tz": "Europe/Riga", "tags": ["a"], "channels": []}}},
        {"monitors": {"Shop": {"url": "https://a.example/", "interval_seconds": 30, "expected_statuses": [200]}}},
        {"channels": {"ops": {"type": "email", "addresses": ["a@example.org"]}}},
        {"status_pages": {"main": {"title": "Main", "components": []}}},
        {"maintenance": {"w": {"duration_minutes": 10, "schedule": "0 2 * * *"}}},
    ],
)
def test_what_the_schema_takes_is_taken(document: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(document)
    loaded_text(document)
