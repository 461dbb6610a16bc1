"""How good the scores are: what docs/sentiment.md says is what is measured."""

import re
from pathlib import Path

import pytest

from pipeline.news.sentiment import Analyzer, lexicon
from tests.news.fit import FOLDS, cross_validated, headlines
from tests.tools import REPOSITORY

PAGE = (REPOSITORY / "docs" / "sentiment.md").read_text()


def test_cross_validation_is_as_the_docs_say(data_dir: Path) -> None:
    data = headlines(data_dir / "news_sentiment")
    found = cross_validated(data, FOLDS)
    assert f"| ours | {found.accuracy:.1%} | {found.macro_f1:.3f} |".replace("%", " %") in PAGE
    names = ("negative", "neutral", "positive")
    for name, row in zip(names, found.confusion, strict=True):
        assert f"| {name} ({sum(row)}) | {row[0]} | {row[1]} | {row[2]} |" in PAGE
    assert found.accuracy >= 0.60
    assert found.macro_f1 >= 0.56


def test_every_term_has_a_reason_and_counts_once() -> None:
    terms = lexicon()
    assert len(terms) > 800
    assert [term.term for term in terms if len(term.reason) < 3] == []
    assert [term.term for term in terms if not -4 <= term.valence <= 4] == []
    assert len({term.term for term in terms}) == len(terms)


@pytest.mark.parametrize(
    "headline",
    [
        "Exchange hacked, funds drained", "Court denies ETF application", "Lender goes bankrupt, users lose funds",
        "Token crashes 90% after exploit", "Regulator sues exchange over fraud",
    ],
)  # fmt: skip
def test_bad_news_is_bad(headline: str) -> None:
    analyzer = Analyzer()
    assert analyzer.label(analyzer.score(headline)) == "negative"


@pytest.mark.parametrize(
    "headline",
    ["Bitcoin surges to new all-time high", "SEC approves spot ether ETF", "Solana rallies as adoption grows"],
)
def test_good_news_is_good(headline: str) -> None:
    analyzer = Analyzer()
    assert analyzer.label(analyzer.score(headline)) == "positive"


def test_an_explanation_adds_up() -> None:
    analyzer = Analyzer()
    found = analyzer.explain("Exchange hacked, funds drained")
    assert found.score == analyzer.score("Exchange hacked, funds drained")
    assert found.label == "negative"
    assert {part.term for part in found.parts} >= {"hacked", "drained"}
    assert all(part.reason and part.effect < 0 for part in found.parts)
    assert analyzer.explain("One of the many").parts == ()
    assert analyzer.explain("").score == 0


def test_who_is_named_does_not_matter() -> None:
    analyzer = Analyzer()
    scores = {analyzer.score(f"{name} falls after exploit") for name in ("Bitcoin", "Solana", "Acme", "Kraken")}
    assert len(scores) == 1


@pytest.mark.parametrize("text", ["", "?" * 5000, "$" * 100, "\ud7ff" * 50, "a_b" * 900, "!!! ??? ...", "not" * 1000])
def test_any_text_has_a_score(text: str) -> None:
    found = Analyzer().explain(text)
    assert -1 <= found.score <= 1
    assert re.fullmatch("positive|neutral|negative", found.label)
