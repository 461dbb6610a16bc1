"""The page of figures: made of what was measured, and of nothing else."""

from tests.bench import capacity, page, results
from tests.bench.figure import Figure
from tests.bench.results import Section
from tests.machine import here


def test_the_pages_are_what_was_measured() -> None:
    sections = results.read()
    again = "make bench ARGS=pages"
    assert page.PATH.read_text() == page.text(sections), again
    assert capacity.PATH.read_text() == capacity.text(sections), again


def test_a_figure_stands_beside_its_baseline_and_its_aim() -> None:
    figures = [
        Figure("speed", 50.0, "rows/s", "the bare thing", 200.0, least=100.0),
        Figure("wait", 2.5, "ms", "the bare thing", 1.0, most=3.0),
        Figure("tiny", 1.0, "us", "the slow thing", 6700.0, parts={"one": 0.4, "other": 0.6}),
    ]
    assert [figure.met for figure in figures] == [False, True, True]
    text = page.text({"store": Section(here(), 12.3, figures, "SystemExit: npm is missing")})
    assert "| speed | at least 100 rows/s | 50.0 rows/s | **no** |" in text
    assert "| wait | at most 3.00 ms | 2.50 ms | yes |" in text
    assert "| speed | 50.0 rows/s | the bare thing: 200 rows/s | 0.25 × |  |" in text
    assert "| tiny | 1.00 us | the slow thing: 6,700 us | 1/6,700 × | one 0.40, other 0.60 |" in text
    assert "SystemExit: npm is missing" in text
    assert here().commit in text
