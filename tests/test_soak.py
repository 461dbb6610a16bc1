"""Half a minute of the soak (`make soak` runs thirty): its machinery works, and nothing is lost. Too short to say what grows."""

from pathlib import Path

import pytest

from tests.machine import here
from tests.soak.report import Asked, line, share
from tests.soak.run import SYMBOLS, soak


def test_a_line_is_not_turned_by_what_stands_out() -> None:
    points = [(float(n), 100.0 + 2 * n) for n in range(50)]
    points[10] = (10.0, 1e9)
    begin, end = line(points)
    assert begin == pytest.approx(100, abs=1)
    assert end == pytest.approx(198, abs=1)


def test_the_share_of_counted_values() -> None:
    values = [(1.0, 98), (5.0, 1), (700.0, 1)]
    assert [share(values, part) for part in (0.5, 0.99, 1.0)] == [1, 5, 700]
    assert share([], 0.99) == 0


@pytest.mark.e2e
def test_half_a_minute_loses_nothing(tmp_path: Path) -> None:
    asked = Asked(minutes=0.5, rate=500, clients=20)
    report = soak(tmp_path, asked, symbols=SYMBOLS[:4], every=3)
    assert all(check.fine for check in report.whole()), report.whole()
    assert sum(verdict.sent for verdict in report.verdicts) > 0.8 * 30 * 500
    assert {"collector", "candles", "writer", "bridge", "web", "news", "postgres", "valkey"} <= set(report.parts())
    assert all(use.memory and use.handles for sample in report.samples for use in sample.parts.values())
    assert report.crowd["messages"] > 30 * 500
    assert report.news >= 10  # one in two seconds
    page = report.page(here())
    assert all(check.what in page for check in report.checks())
