"""How good or bad a headline is for coins: VADER's rules over its own lexicon and ours, which has the last word.

`lexicon.tsv` and `sentiment.toml` are read by people too: every term has its reason, every threshold its measure (docs/sentiment.md).
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

import msgspec
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from pipeline.news.config import package_text

Label = Literal["positive", "neutral", "negative"]

#: Sums of money and shares of something are terms as a whole: `$#` and `#%` in the lexicon.
_MONEY: Final = re.compile(r"(?<!\w)[$€£]\s?\d[\d.,]*(?:\s?(?:million|billion|trillion|[kmb]n?)\b)?", re.IGNORECASE)
_SHARE: Final = re.compile(r"(?<![\w$])[+-]?\d[\d.,]*\s?%")
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
#: VADER keeps "Bitcoin's" as one word that it does not know; an n't must stay.
_POSSESSIVE: Final = re.compile(r"(?<=\w)'s\b|(?<=s)'(?=\s)")
#: A word that VADER finds no letter at the edges of would be stripped of its signs.
_SPELLED: Final = {"$#": "xmoneyx", "#%": "xsharex", "?": "xquestionx"}
_WRITTEN: Final = {token: term for term, token in _SPELLED.items()}
#: Longer than any headline; VADER's time grows with the square of the words.
_LONGEST: Final = 1_000


class Term(NamedTuple):
    """A line of lexicon.tsv. `valence` −4…4 is what counts; `prior` what we held before the data had a say."""

    term: str
    valence: float
    prior: float
    reason: str


class Thresholds(msgspec.Struct, frozen=True):
    """Scores up to `negative` are negative, above `positive` positive."""

    negative: float
    positive: float


class Part(msgspec.Struct, frozen=True):
    """What one term did to a score: its valence in the lexicon, in this place (negated, boosted, …), and why it is there."""

    term: str
    valence: float
    effect: float
    reason: str


class Explanation(msgspec.Struct, frozen=True):
    score: float
    label: Label
    parts: tuple[Part, ...]


@cache
def lexicon() -> tuple[Term, ...]:
    """Our terms, as the file has them."""
    lines = package_text("lexicon.tsv").splitlines()
    fields = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return tuple(Term(term, float(valence), float(prior), reason) for term, valence, prior, reason in fields)


@cache
def thresholds() -> Thresholds:
    return msgspec.toml.decode(package_text("sentiment.toml"), type=Thresholds)


class Analyzer:
    """`valences` and `limits` stand in for those of the files: that is how they were chosen."""

    def __init__(self, valences: Mapping[str, float] | None = None, limits: Thresholds | None = None) -> None:
        self._reasons = {token(term.term): term.reason for term in lexicon()}
        ours = valences if valences is not None else {term.term: term.valence for term in lexicon()}
        self._limits = limits if limits is not None else thresholds()
        self._vader = SentimentIntensityAnalyzer()
        self._vader.lexicon.update((token(term), valence) for term, valence in ours.items())
        self._phrases = _phrases(ours)

    def score(self, headline: str) -> float:
        """−1 (as bad as can be) … 1."""
        return float(self._vader.polarity_scores(self.prepared(headline))["compound"])

    def label(self, score: float) -> Label:
        if score <= self._limits.negative:
            return "negative"
        return "positive" if score > self._limits.positive else "neutral"

    def prepared(self, headline: str) -> str:
        """The headline as VADER gets it: one word a term."""
        text = _POSSESSIVE.sub("", headline[:_LONGEST].translate(_QUOTES))
        text = _SHARE.sub(f" {_SPELLED['#%']} ", _MONEY.sub(f" {_SPELLED['$#']} ", text))
        text = self._phrases.sub(lambda match: "_".join(match[0].lower().split()), text)
        return text.replace("?", f" {_SPELLED['?']} ")

    def explain(self, headline: str) -> Explanation:
        """The score, and which terms made it. `effect` is by how much the sum that the score is made of would change without it."""
        words = self.prepared(headline).split()
        whole = self._sum(words)
        parts = []
        for n, word in enumerate(words):
            known = word.strip("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~").lower()
            valence = self._vader.lexicon.get(known)
            if valence:
                # Another word in its place, so that its neighbours stay as far apart as they are.
                effect = whole - self._sum([*words[:n], "x", *words[n + 1 :]])
                reason = self._reasons.get(known, "in VADER's own lexicon")
                parts.append(Part(_WRITTEN.get(known, known.replace("_", " ")), valence, round(effect, 3), reason))
        score = self.score(headline)
        return Explanation(score, self.label(score), tuple(parts))

    def _sum(self, words: Iterable[str]) -> float:
        """What VADER summed up, before it was pressed into −1…1 (compound = s / √(s² + 15))."""
        compound = float(self._vader.polarity_scores(" ".join(words))["compound"])
        # Compounds are rounded to four digits; at 1 the sum would be infinite.
        compound = max(-0.9999, min(0.9999, compound))
        return compound * math.sqrt(15 / (1 - compound * compound))


def token(term: str) -> str:
    """A term's key in VADER's lexicon."""
    return _SPELLED.get(term, term.replace(" ", "_"))


def _phrases(terms: Iterable[str]) -> re.Pattern[str]:
    """Every term of more than one word, the longest first."""
    several = sorted((term for term in terms if " " in term), key=len, reverse=True)
    spaced = "|".join(r"\s+".join(map(re.escape, term.split())) for term in several)
    return re.compile(rf"(?<![\w-])(?:{spaced or '(?!)'})(?![\w-])", re.IGNORECASE)
