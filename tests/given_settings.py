"""Settings for tests: as an operator gives them, in environment variables, and as code gives them, read once."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from infra.settings.settings import Settings

Given = Callable[..., Settings]


def settings_of(**given: Any) -> Settings:
    """The settings of these values and of this environment. To read them takes ten milliseconds, and they never
    change: so many tests share them."""
    ours = frozenset((name, value) for name, value in os.environ.items() if _is_ours(name))
    return _read(ours, **given)


@cache
def _read(_: frozenset[tuple[str, str]], **given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def _is_ours(name: str) -> bool:
    return name.upper().startswith("PINGFOLD_") or name.upper() in ("KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Settings in an environment that says nothing else of Pingfold."""
    for name in list(os.environ):
        if _is_ours(name):
            monkeypatch.delenv(name)

    def read(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return read
