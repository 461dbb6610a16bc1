"""Messages keep every digit, and what cannot be read says which field was wrong."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus.base import Message, partition_of
from pipeline.bus.topics import INDICATOR_TYPES, bars
from pipeline.errors import BadMessage
from pipeline.model import FIGURES, Article, Candle, Indicator, Ticker, Trade
from pipeline.wire import (
    article_record,
    bar_record,
    indicator_record,
    number,
    read,
    read_article,
    read_bar,
    read_indicator,
    read_ticker,
    read_trade,
    ticker_record,
    trade_record,
)

amounts = st.decimals(min_value="1E-18", max_value="1E15", allow_nan=False, allow_infinity=False, places=18).filter(
    bool
)
TRADE = {
    "type": "trade", "exchange": "BINANCE", "symbol": "BTC/USDT", "event_ts": 1763640000123, "price": 91234.5, "amount": 0.012,
    "side": "buy", "trade_id": "5123456789",
}  # fmt: skip


@given(amounts, amounts, st.integers(0, 2**47), st.sampled_from(["buy", "sell"]), st.integers(1, 99))
def test_a_trade_comes_back_to_the_last_digit(price: Decimal, amount: Decimal, ts: int, side, count: int) -> None:
    trade = Trade("BINANCE", "BTC/USDT", ts, price, amount, side, "7", count)
    again = read_trade(trade_record(trade).value)
    assert again == trade
    assert (number(again.price), number(again.amount)) == (number(price), number(amount))


def test_a_repaired_trade_stays_marked() -> None:
    trade = Trade("BINANCE", "BTC/USDT", 1, Decimal(2), Decimal(3), "buy", "7", repaired=True)
    assert read_trade(trade_record(trade).value) == trade
    assert b"repaired" not in trade_record(Trade("BINANCE", "BTC/USDT", 1, Decimal(2), Decimal(3), "buy", "7")).value


def test_digits_stay_as_the_exchange_sent_them() -> None:
    value = trade_record(
        Trade("BINANCE", "BTC/USDT", 1, Decimal("61837.63000000"), Decimal("0.00000001"), "buy", "7")
    ).value
    assert b'"price":61837.63000000,"amount":0.00000001,' in value


def test_the_contracts_own_example_is_read() -> None:
    trade = read_trade(json.dumps(TRADE).encode())
    assert trade == Trade(
        "BINANCE", "BTC/USDT", 1763640000123, Decimal("91234.5"), Decimal("0.012"), "buy", "5123456789"
    )


@pytest.mark.parametrize(
    "change",
    [{"price": "91234.5"}, {"trade_id": 5123456789}, {"symbol": "btcusdt"}, {"symbol": "BTC-USDT"}, {"unknown": [1]}],
)
def test_other_spellings_are_read_the_same(change: dict[str, object]) -> None:
    assert read_trade(json.dumps(TRADE | change).encode()) == read_trade(json.dumps(TRADE).encode())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": "NaN"}, "price"),
        ({"price": -1}, "price"),
        ({"price": 0}, "price"),
        ({"amount": "1e999"}, "amount"),
        ({"side": "up"}, "side"),
        ({"symbol": "?"}, "symbol"),
        ({"exchange": 'X"Y'}, "exchange"),
        ({"event_ts": -5}, "time"),
        ({"trade_id": 'a"b'}, "trade_id"),
        ({"trade_id": "a\tb"}, "trade_id"),
        ({"trade_id": None}, "trade_id"),
        ({"type": "bar"}, "type"),
    ],
)
def test_a_bad_trade_says_which_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadMessage, match=field):
        read_trade(json.dumps(TRADE | change).encode())


@given(st.binary(max_size=200))
def test_noise_is_refused_not_raised_through(noise: bytes) -> None:
    for reader in (read_trade, read_bar, read_ticker):
        with pytest.raises(BadMessage):
            reader(noise)


def test_bars_and_tickers_come_back() -> None:
    figures = map(Decimal, ("1.10", "2.00", "1", "2", "1E-8"))
    candle = Candle("BINANCE", "BTC/USDT", "1m", 60_000, 120_000, *figures, 3, True, 60_001, 119_000, False, "live")
    record = bar_record(candle)
    assert read_bar(record.value) == candle
    body = json.loads(record.value)
    assert (body["duration_ms"], body["type"], record.key) == (58_999, "bar", b"BINANCE|BTCUSDT|1m|60000")
    assert record.headers["source"] == "collector-ws"
    ticker = Ticker("BINANCE", "BTC/USDT", 5, Decimal("1"), None, Decimal("3.50"), last_trade_id="7")
    assert read_ticker(ticker_record(ticker).value) == ticker


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"window_start": 60_001}, "window_start"),
        ({"timeframe": "2m"}, "timeframe"),
        ({"high": 1}, "high"),
        ({"volume": -1}, "volume"),
    ],
)
def test_a_bad_bar_says_which_field(change: dict[str, object], field: str) -> None:
    candle = Candle("BINANCE", "BTC/USDT", "1m", 60_000, 120_000, *map(Decimal, "35241"), 3, True)
    with pytest.raises(BadMessage, match=field):
        read_bar(json.dumps(json.loads(bar_record(candle).value) | change).encode())


def test_a_bar_on_the_wrong_topic_is_refused() -> None:
    candle = Candle("BINANCE", "BTC/USDT", "1m", 60_000, 120_000, *map(Decimal, "35241"), 3, True)
    with pytest.raises(BadMessage, match="timeframe"):
        read(Message(bars("5m"), 0, "0", None, bar_record(candle).value, {}))


def test_all_messages_of_a_symbol_share_a_partition() -> None:
    keys = [b"BINANCE|BTCUSDT", b"BINANCE|BTCUSDT|1m|60000", b"BINANCE|BTCUSDT|1d|0"]
    assert len({partition_of(key, 7) for key in keys}) == 1


@given(
    st.dictionaries(st.sampled_from(FIGURES), st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from(INDICATOR_TYPES),
)
def test_indicators_come_back_as_they_went(figures: dict[str, float], type_: str) -> None:
    sent = Indicator(1_763_640_000_000, "BTC/USDT", "1m", type_, **figures)
    record = indicator_record(sent)
    assert read_indicator(record.value) == sent
    assert record.key == b"BINANCE|BTCUSDT|1m|1763640000000"
    assert set(json.loads(record.value)) == {
        "type", "time", "symbol", "timeframe", "indicator_type", "exchange", *figures,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"timeframe": "2m"}, "timeframe"),
        ({"time": 1_763_640_000_001}, "time"),
        ({"symbol": "?"}, "symbol"),
        ({"value": None}, "value"),
        ({"value": "much"}, "value"),
    ],
)
def test_bad_indicators_name_the_field(change: dict[str, object], word: str) -> None:
    fine = {
        "type": "indicator",
        "time": 1_763_640_000_000,
        "symbol": "BTC/USDT",
        "timeframe": "1m",
        "indicator_type": "rsi",
    }
    with pytest.raises(BadMessage, match=word):
        read_indicator(json.dumps(fine | {"value": 1.5} | change).encode())


def test_articles_come_back_as_they_went() -> None:
    sent = Article(1, "CoinDesk", "https://a.example/b?c=1", 'A "title"\twith\nall', "", -0.75, ("btc", "eth"))
    record = article_record(sent)
    assert read_article(record.value) == sent
    assert record.key == sent.url.encode()
    assert json.loads(record.value)["sentiment_score"] == -0.75


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://a.example/" + "x" * 3000}, "url"),
        ({"sentiment_score": 1.5}, "sentiment_score"),
        ({"symbols": ["<b>"]}, "symbols"),
        ({"title": "a\0b"}, "NUL"),
        ({"time": -1}, "time"),
        ({"title": None}, "title"),
    ],
)
def test_bad_articles_name_the_field(change: dict[str, object], word: str) -> None:
    fine = {"type": "news", "time": 1, "source": "s", "url": "https://a.example/", "title": "t"}
    with pytest.raises(BadMessage, match=word):
        read_article(json.dumps(fine | change).encode())


def test_coins_of_articles_are_lower_case_and_once() -> None:
    body = {
        "type": "news",
        "time": 1,
        "source": "s",
        "url": "https://a.example/",
        "title": "t",
        "symbols": ["BTC", "btc", "Eth"],
    }
    assert read_article(json.dumps(body).encode()).symbols == ("btc", "eth")
