"""A minute of the drill (`make drill` runs ten): everything killed and stalled under load, nothing missing, double or wrong."""

from pathlib import Path

import pytest

from tests.drill.run import drill

#: A rate that a loaded machine with two cores keeps up with while it restarts everything; the long drill takes 5000.
RATE = 2000


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_a_minute_of_harm_loses_doubles_and_bends_nothing(tmp_path: Path) -> None:
    report = drill(tmp_path, seed=7, seconds=60, rate=RATE)
    assert len(report.events) >= 8, report
    assert report.complete, report
