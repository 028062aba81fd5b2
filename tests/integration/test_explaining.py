"""Explanations of a Kafka that is there and answers nothing: each ends in time, and only so many wait."""

import asyncio
import time
from pathlib import Path

import pytest

from infra.log.progress import FoldProgress
from infra.settings.settings import Settings
from pingfold.roles import explaining
from pingfold.roles.explaining import LogExplaining
from query_api.explaining import NotExplained
from schemas.ids import derived_id
from tests.probe_targets import V4, serving, silent

THING = derived_id("some", "check")


async def test_a_frozen_kafka_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "SILENCE", 0.5)
    monkeypatch.setattr(explaining, "_WAITING", 2)
    async with serving(silent) as server:
        bootstrap = f"{V4}:{server.port}"
        asked = LogExplaining(Settings(data=tmp_path), bootstrap, 8, FoldProgress(8))
        began = time.monotonic()
        found = await asyncio.gather(*(asked.explain("check", THING, 1) for _ in range(6)), return_exceptions=True)
        assert time.monotonic() - began < 15
        assert all(isinstance(one, NotExplained) for one in found), found
        assert sorted(one.why for one in found if isinstance(one, NotExplained)) == ["busy"] * 2 + ["unavailable"] * 4
        with pytest.raises(NotExplained, match="the log cannot be read now"):  # there is room again
            await asked.explain("check", THING, 1)
