"""Ours beside spreadsheets, StockCharts, Stock.Indicators, Tulip and TA-Lib; docs/indicators.md shows the differences as they are."""

from pathlib import Path

import pytest

from tests.indicators.references import Check, checks, compare, lines
from tests.tools import REPOSITORY


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    return data_dir / "indicators"


@pytest.mark.parametrize("check", list(checks()), ids=lambda c: f"{c.type}-{c.figure}-{c.source}-{c.column}")
def test_reference(check: Check, folder: Path) -> None:
    result = compare(check, folder)
    assert result.bars >= 5
    assert result.worst <= check.within
    # A difference that is allowed at the beginning has a reason.
    assert check.why or check.tail is None


def test_the_docs_show_the_differences(folder: Path) -> None:
    text = (REPOSITORY / "docs" / "indicators.md").read_text()
    assert [line for line in lines(folder) if line not in text] == []
