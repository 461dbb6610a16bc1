"""CryptoViz from Python: `CryptoViz` (blocking) and `AsyncCryptoViz`, over REST and the WebSocket of a running server.

from pipeline.client import CryptoViz

with CryptoViz("http://127.0.0.1:8050") as viz:
    frame = viz.candles("BTC/USDT", "1h", limit=5000).pandas()
    for message in viz.live("trade", "BTC/USDT"):
        print(message.data.price, message.data.amount)
"""

from pipeline.client.asynchronous import AsyncCryptoViz
from pipeline.client.blocking import CryptoViz
from pipeline.client.calls import Refused, Unreachable
from pipeline.client.feed import Message
from pipeline.client.rows import Article, Candle, Indicator, Mood, Rows, Stats, Trade

__all__ = [
    "Article", "AsyncCryptoViz", "Candle", "CryptoViz", "Indicator", "Message", "Mood", "Refused", "Rows", "Stats", "Trade", "Unreachable",
]  # fmt: skip
