"""News on the socket: by coin, by symbol, once each (after a break: test_socket.py)."""

import json

import pytest

from dashboard.live.hub import Hub
from dashboard.live.protocol import Key, Subscribe, parse
from pipeline.live import Payload, channel
from pipeline.live_messages import news_data
from pipeline.model import Article
from tests.dashboard.test_hub import client, read, seqs

NEWS = channel("news")


def article(n: int, *coins: str) -> bytes:
    return news_data(Article(1_723_118_400_000 + n, "Wire", f"https://a.example/{n}", f"Story {n}", "", 0.5, coins))


def key(symbol: str) -> Key:
    asked = parse(json.dumps({"action": "subscribe", "type": "news", "symbol": symbol}))
    assert isinstance(asked, Subscribe)
    return asked.key


@pytest.mark.parametrize(
    ("symbol", "gets"),
    [
        ("", [1, 2, 3, 4]),
        ("*", [1, 2, 3, 4]),
        ("btc", [1, 3]),
        ("BTC", [1, 3]),
        ("BTC/USDT", [1, 3]),
        ("btc-usdt", [1, 3]),
        ("BTCUSDT", [1, 3]),
        ("ETH/BTC", [2, 3]),
        ("wbtc", []),
        ("usdt", []),
    ],
)
def test_who_gets_which_article(symbol: str, gets: list[int]) -> None:
    hub = Hub(lambda: None)
    one = client(hub, key(symbol))
    stories = [article(1, "btc"), article(2, "eth"), article(3, "btc", "eth"), article(4)]
    hub.publish(NEWS, Payload(False, "e", 1, stories))
    assert seqs(one) == gets


def test_once_however_many_subscriptions_match() -> None:
    hub = Hub(lambda: None)
    one = client(hub, key("btc"), key("BTC/USDT"), key("BTC/EUR"), key("eth"), key("*"))
    hub.publish(NEWS, Payload(False, "e", 1, [article(1, "btc", "eth")]))
    (message,) = read(one)
    assert message["type"] == "news"
    assert set(message["data"]) >= {"time", "source", "url", "title", "content", "sentiment_score", "symbols"}
    hub.unsubscribe(one, key("*"))
    hub.publish(NEWS, Payload(False, "e", 2, [article(2), article(3, "eth")]))
    assert seqs(one) == [3]
    assert hub.stats()["messages_broadcast"] == 2, "what nobody asked for is not counted"
