"""Settings as an operator gives them, for tests: environment variables."""

import os
from collections.abc import Callable

import pytest

from infra.settings.settings import Settings

Given = Callable[..., Settings]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Settings in an environment that says nothing else of Pingfold."""
    for name in list(os.environ):
        if name.upper().startswith("PINGFOLD_") or name.upper() in ("KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL"):
            monkeypatch.delenv(name)

    def read(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return read
