"""The registry and its page are what the library is, not what someone once typed."""

import pytest

from pipeline.indicators import catalogue, registry
from pipeline.indicators.incremental import STREAMED, over
from tests.tools import REPOSITORY


def test_library_json_and_the_page_are_made_from_the_library() -> None:
    made = "make them again: python -m pipeline.indicators.catalogue"
    assert catalogue.library() == (REPOSITORY / "pipeline/indicators/library.json").read_bytes(), made
    assert catalogue.page() == (REPOSITORY / "docs/indicator-list.md").read_text(), made


def test_what_the_registry_says_of_the_streamed_types_is_so() -> None:
    walk = catalogue.sample()
    for type_ in STREAMED:
        entry = registry.entries()[type_]
        rows = over(type_, walk)
        for output in entry.outputs:
            first = next(time for time, figures in rows if output.name in figures)
            index = (first - walk[0].time) // 3_600_000
            # Levels come with the first turn, and a stop is on one side at a time.
            if type_ == "support_resistance" or (type_ in ("psar", "supertrend") and "band" in output.name):
                assert index >= output.warmup
            else:
                assert index == output.warmup, (type_, output)


def test_parameters_are_read_as_a_user_writes_them() -> None:
    bollinger = registry.entries()["bollinger"]
    assert registry.parse(bollinger, {"length": "21", "std": "1.5"}) == {"length": 21, "std": 1.5}
    for bad in ("0", "-1", "1001", "1.5", "nan", "x", ""):
        with pytest.raises(ValueError, match="length"):
            registry.parse(bollinger, {"length": bad})
    with pytest.raises(ValueError, match="width: bollinger has length, std"):
        registry.parse(bollinger, {"width": "1"})
    aroon = registry.entries()["aroon"]
    assert aroon.category == "trend"
    assert aroon.pane == "own"
    assert {parameter.name: parameter.default for parameter in aroon.parameters}["length"] == 14
