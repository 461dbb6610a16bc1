"""News over REST: CONTRACT §2."""

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from pipeline.model import Article
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON


def article(n: int, *coins: str, score: float | None = 0.0, title: str = "", source: str = "CoinDesk") -> Article:
    """The n-th, at the n-th minute after noon."""
    return Article(NOON + n * 60_000, source, f"https://a.example/{n}", title or f"Story {n}", "", score, coins)


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.json
    return [int(row["url"].rsplit("/", 1)[1]) for row in answer.json["data"]]


def test_an_article_has_every_key(web: FlaskClient, store: Store) -> None:
    store.write([], [], [], [Article(NOON, "Wire", "https://a.example/1", "Up", "All of it", 0.75, ("btc", "eth"))])
    (row,) = web.get("/api/v1/news").json["data"]
    assert datetime.fromisoformat(row.pop("created_at"))
    assert row == {
        "time": "2024-08-08T12:00:00Z", "source": "Wire", "url": "https://a.example/1", "title": "Up", "content": "All of it",
        "sentiment_score": 0.75, "symbols": ["btc", "eth"],
    }  # fmt: skip


def test_none_is_an_empty_list(web: FlaskClient) -> None:
    answer = web.get("/api/v1/news")
    assert answer.json["data"] == []
    assert answer.json["pagination"] == {"limit": 50, "next_cursor": None}
    assert web.get("/api/v1/news/btc").json["pagination"]["limit"] == 20


def test_filters(web: FlaskClient, store: Store) -> None:
    store.write([], [], [], [
        article(0, "btc", score=-0.8, title="Exchange drained of 100% of its coins"),
        article(1, "btc", "eth", score=0.6, title="ETF approved", source="Cointelegraph"),
        article(2, score=None, title="A week_in crypto"),
        article(3, "sol", score=0.25, title="Etf filing for Solana"),
    ])  # fmt: skip
    base = "/api/v1/news"
    assert numbers(web.get(base)) == [3, 2, 1, 0]
    assert numbers(web.get(f"{base}?source=cointelegraph")) == [1]
    assert numbers(web.get(f"{base}?min_score=0.25")) == [3, 1]
    assert numbers(web.get(f"{base}?max_score=-0.5")) == [0]
    assert numbers(web.get(f"{base}?min_score=-1&max_score=1")) == [3, 1, 0]
    assert numbers(web.get(f"{base}?q=etf")) == [3, 1]
    assert numbers(web.get(f"{base}?q=SOLANA etf")) == [3]
    assert numbers(web.get(f"{base}?q=100%25")) == [0], "a per cent sign is itself"
    assert numbers(web.get(f"{base}?q=week_")) == [2]
    assert numbers(web.get(f"{base}?q=~'; DROP TABLE news")) == []
    assert numbers(web.get(f"{base}/btc")) == [1, 0]
    for spelling in ("ETH", "ETH/USDT", "eth-usdt", "ETH%2FUSDT"):
        assert numbers(web.get(f"{base}/{spelling}")) == [1]
    assert numbers(web.get(f"{base}/nosuch")) == []


@pytest.mark.parametrize("route", ["/api/v1/news", "/api/v1/news/btc"])
def test_pages_give_every_article_once(web: FlaskClient, store: Store, route: str) -> None:
    # Three of one instant.
    store.write(
        [],
        [],
        [],
        [Article(NOON + n // 3 * 1000, "W", f"https://a.example/{n}", "T", symbols=("btc",)) for n in range(8)],
    )
    seen: list[int] = []
    cursor = ""
    while True:
        answer = web.get(f"{route}?limit=2{cursor}")
        seen += numbers(answer)
        if (following := answer.json["pagination"]["next_cursor"]) is None:
            break
        # News that comes meanwhile moves nothing.
        store.write([], [], [], [Article(NOON + 60_000, "W", "https://a.example/99", "T", symbols=("btc",))])
        cursor = f"&cursor={following}"
    assert sorted(seen) == list(range(8))


def test_the_cap_is_500(web: FlaskClient) -> None:
    assert web.get("/api/v1/news?limit=5000").json["pagination"]["limit"] == 500
    assert web.get("/api/v1/news/btc?limit=501").json["pagination"]["limit"] == 500


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ("?limit=0", "INVALID_LIMIT", "500"),
        ("?min_score=x", "INVALID_BODY", "min_score"),
        ("?max_score=1.5", "INVALID_BODY", "max_score"),
        ("?min_score=nan", "INVALID_BODY", "min_score"),
        ("?min_score=0.5&max_score=0", "INVALID_BODY", "above"),
        ("?q=" + "a " * 11, "INVALID_BODY", "words"),
        ("?q=" + "a" * 201, "INVALID_BODY", "200"),
        ("?source=%00", "INVALID_BODY", "source"),
        ("?cursor=xyz", "INVALID_CURSOR", "cursor"),
        ("/%3F", "INVALID_SYMBOL", "coin"),
        ("/BTC$", "INVALID_SYMBOL", "coin"),
    ],
)
def test_what_is_wrong_is_named(web: FlaskClient, query: str, code: str, word: str) -> None:
    answer = web.get("/api/v1/news" + query)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert word in answer.json["error"]
    assert web.get(answer.json["example"]).status_code == 200


def test_an_explanation_names_words_and_reasons(web: FlaskClient, store: Store) -> None:
    store.write([], [], [], [article(1, "btc", title="Exchange hacked, funds drained")])
    by_text = web.get("/api/v1/news/explain?text=Exchange hacked, funds drained").json["data"]
    by_url = web.get("/api/v1/news/explain?url=https://a.example/1").json["data"]
    assert by_text == by_url
    assert by_text["label"] == "negative"
    assert {part["term"] for part in by_text["parts"]} >= {"hacked", "drained"}
    assert all(part["reason"] for part in by_text["parts"])
    assert web.get("/api/v1/news/explain").json["code"] == "MISSING_PARAMETER"
    assert web.get("/api/v1/news/explain?url=https://a.example/none").status_code == 404
