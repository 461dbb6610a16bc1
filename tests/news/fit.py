"""How the lexicon's words and the thresholds were chosen, and how good they are: `python -m tests.news.fit` writes both files.

A word is a candidate because somebody thought of it (lexicon.tsv, column `candidate`) or because VADER has it. It stays unless
the labelled headlines speak against it. That choice, and the thresholds, are part of what is cross-validated: each fold chooses
anew without the headlines it is measured on.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from pipeline.news.sentiment import Analyzer, Thresholds, lexicon, token
from tests.tools import REPOSITORY

LABELS = (-1, 0, 1)
FOLDS = 10
#: Standard errors by which a word's headlines must differ from the average, against its sign, to lose it; and how many it takes.
AGAINST, FEWEST = 1.0, 5
PACKAGE = REPOSITORY / "pipeline" / "news"
_STRIP = "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"


class Headline(NamedTuple):
    text: str
    label: int


class Measure(NamedTuple):
    """`confusion[i][j]`: headlines of label i−1 taken for j−1."""

    accuracy: float
    macro_f1: float
    confusion: list[list[int]]


def headlines(folder: Path) -> list[Headline]:
    with (folder / "cryptolin.csv").open(encoding="utf-8", newline="") as file:
        return [Headline(row["headline"], int(row["label"])) for row in csv.DictReader(file)]


def measure(labels: Sequence[int], found: Sequence[int]) -> Measure:
    confusion = [[0] * 3 for _ in LABELS]
    for label, one in zip(labels, found, strict=True):
        confusion[label + 1][one + 1] += 1
    total = [sum(row) for row in confusion]
    f1 = [2 * confusion[i][i] / max(1, total[i] + sum(row[i] for row in confusion)) for i in range(3)]
    return Measure(sum(confusion[i][i] for i in range(3)) / len(labels), sum(f1) / 3, confusion)


def classify(scores: Sequence[float], limits: Thresholds) -> list[int]:
    return [-1 if score <= limits.negative else 1 if score > limits.positive else 0 for score in scores]


class Chooser:
    """The candidates, and which headlines each is in."""

    def __init__(self, data: Sequence[Headline]) -> None:
        self.labels = np.array([headline.label for headline in data], float)
        self.candidates = {term.term: term.prior for term in lexicon()}
        by_token = {token(term): term for term in self.candidates}
        vader = SentimentIntensityAnalyzer().lexicon
        whole = Analyzer(self.candidates)
        places: dict[str, list[int]] = defaultdict(list)
        for n, headline in enumerate(data):
            for word in {word.strip(_STRIP).lower() for word in whole.prepared(headline.text).split()}:
                if word in by_token or (word in vader and re.fullmatch(r"[a-z]{3,}", word)):
                    places[by_token.get(word, word)].append(n)
        self.places = {term: np.array(found) for term, found in places.items()}
        self.candidates |= {word: vader[word] for word in self.places if word not in self.candidates}

    def valences(self, train: np.ndarray) -> dict[str, float]:
        """Candidate → its valence: what it was given, or 0. `train` says which headlines may be looked at."""
        mean, deviation = self.labels[train].mean(), self.labels[train].std()
        kept = dict(self.candidates)
        for term, found in self.places.items():
            found = found[train[found]]
            if len(found) >= FEWEST:
                z = (self.labels[found].mean() - mean) * len(found) ** 0.5 / deviation
                if z * np.sign(kept[term]) < -AGAINST:
                    kept[term] = 0.0
        return kept


def limits(scores: np.ndarray, labels: np.ndarray) -> Thresholds:
    """The pair with the best mean of accuracy and macro-F1. Of a flat stretch its middle, for that is what lasts."""
    grid = np.unique(np.round(np.quantile(scores, np.linspace(0.03, 0.9, 45)), 3))
    tried = {}
    for i, low in enumerate(grid):
        for high in grid[i:]:
            found = np.where(scores <= low, -1, np.where(scores > high, 1, 0))
            f1 = [
                2 * ((found == k) & (labels == k)).sum() / max(1, (found == k).sum() + (labels == k).sum())
                for k in LABELS
            ]
            tried[low, high] = ((found == labels).mean() + sum(f1) / 3) / 2
    best = max(tried.values())
    good = np.array([pair for pair, value in tried.items() if value >= best - 0.003])
    low, high = good.mean(axis=0)
    return Thresholds(round(float(low), 3), round(float(high), 3))


def scores(data: Sequence[Headline], valences: Mapping[str, float]) -> np.ndarray:
    analyzer = Analyzer(valences)
    return np.array([analyzer.score(headline.text) for headline in data])


def folds(labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Each headline's fold; every label is spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(labels), int)
    for label in LABELS:
        places = np.flatnonzero(labels == label)
        rng.shuffle(places)
        fold[places] = np.arange(len(places)) % count
    return fold


def cross_validated(data: Sequence[Headline], count: int = FOLDS, seed: int = 0) -> Measure:
    chooser = Chooser(data)
    fold = folds(chooser.labels, count, seed)
    found = np.zeros(len(data), int)
    for k in range(count):
        train = fold != k
        scored = scores(data, chooser.valences(train))
        chosen = limits(scored[train], chooser.labels[train])
        found[~train] = classify(list(scored[~train]), chosen)
    return measure([headline.label for headline in data], [int(one) for one in found])


def raw_vader(data: Sequence[Headline]) -> Measure:
    """As its authors use it: ±0.05."""
    vader = SentimentIntensityAnalyzer()
    scored = [vader.polarity_scores(headline.text)["compound"] for headline in data]
    found = [1 if score >= 0.05 else -1 if score <= -0.05 else 0 for score in scored]
    return measure([headline.label for headline in data], found)


def write(data: Sequence[Headline]) -> Thresholds:
    """Valences into lexicon.tsv (VADER words that were dropped as lines of their own) and thresholds into sentiment.toml."""
    chooser = Chooser(data)
    kept = chooser.valences(np.ones(len(data), bool))
    path = PACKAGE / "lexicon.tsv"
    lines, ours = [], set()
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if line.startswith("#") or len(fields) != 4:
            lines.append(line)
            continue
        ours.add(fields[0])
        lines.append("\t".join([fields[0], f"{kept[fields[0]]:g}", *fields[2:]]))
    dropped = sorted(word for word, valence in kept.items() if valence == 0 and word not in ours)
    reason = "VADER's own word; in headlines of this trade it is not on the side it is on elsewhere"
    lines += [f"{word}\t0\t{chooser.candidates[word]:g}\t{reason}" for word in dropped]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    lexicon.cache_clear()
    chosen = limits(scores(data, {term.term: term.valence for term in lexicon()}), chooser.labels)
    path = PACKAGE / "sentiment.toml"
    text = re.sub(
        r"^negative = .*$", f"negative = {chosen.negative}", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    path.write_text(
        re.sub(r"^positive = .*$", f"positive = {chosen.positive}", text, flags=re.MULTILINE), encoding="utf-8"
    )
    return chosen


if __name__ == "__main__":
    everything = headlines(REPOSITORY.parent / "shared" / "data" / "news_sentiment")
    print("raw VADER", raw_vader(everything))
    for number in range(3):
        print("cross-validated", cross_validated(everything, seed=number))
    print(write(everything))
