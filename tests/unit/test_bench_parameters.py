"""Measurements with numbers that cannot be end before anything is started."""

import pytest
import typer

from bench.report import Report
from bench.uptime import filled


@pytest.mark.parametrize(("rows", "monitors", "asked"), [(10, 400, 40), (1_000, 10, 40), (1_000, 10, 0), (0, 0, 0)])
def test_rows_monitors_and_questions_fit_together(rows: int, monitors: int, asked: int) -> None:
    with pytest.raises(typer.BadParameter, match="--rows"), filled(Report("x", {}), rows, monitors, asked):
        pass
