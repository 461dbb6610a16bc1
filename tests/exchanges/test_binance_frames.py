"""Binance's frames: every recorded one is understood or counted, and means what it says."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.errors import BadFrame
from pipeline.exchanges.binance_frames import FrameReader, Goodbye
from pipeline.exchanges.recording import read_frames
from pipeline.model import Book, Ticker, Trade

TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
    b'"q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)

#: File → (trades, best-price tickers, changes of books, other frames), as the data set's own description counts them.
RECORDED = {
    "hft_binance_spot_btcusdt_20240808.gz": (9757, 28040, 3451, 1),
    "hft_binance_spot_btcusdt_20240809.gz": (10147, 45134, 3044, 0),
    "hft_binance_spot_btcusdt_20230405.gz": (3144, 8015, 3929, 0),
    "hft_binance_usdm_btcusdt_20230404.gz": (2197, 6765, 4322, 99 + 1),
    "hft_binance_usdm_btcusdt_20230405.gz": (10738, 37440, 11788, 415),
    "cryptofeed_binance_spot_20210404_btc_eth_dot.txt.gz": (1910, 0, 2688, 118),
    "cryptofeed_binance_spot_20211012.jsonl.gz": (2, 84, 177, 2),
    "cryptofeed_binance_usdm_20210722.jsonl.gz": (91, 613, 764, 67),
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_frames_are_all_accounted_for(recordings: Path, name: str) -> None:
    reader = FrameReader()
    read: Counter[str] = Counter()
    trades: list[Trade] = []
    for _, frame in read_frames(recordings / name):
        event = reader.read(frame)
        read[type(event).__name__] += 1
        if isinstance(event, Trade):
            trades.append(event)
    ignored = Counter(reader.ignored)
    # Best prices before the first frame with a time cannot be dated.
    tickers = read["Ticker"] + ignored.pop("bookTicker", 0)
    assert (len(trades), tickers, read["Depth"], sum(ignored.values())) == RECORDED[name]
    assert all(trade.price > 0 and trade.amount > 0 and "/" in trade.symbol for trade in trades)
    if name.startswith("hft"):
        ids = [int(trade.trade_id) for trade in trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_a_trade_keeps_every_digit_and_the_takers_side() -> None:
    trade = FrameReader().read(TRADE)
    assert trade == Trade(
        "BINANCE", "BTC/USDT", 1723161255342, Decimal("61837.63000000"), Decimal("0.02000000"), "sell", "3735683259"
    )
    assert str(trade.price) == "61837.63000000"
    taken = FrameReader().read(TRADE.replace(b'"m":true', b'"m":false'))
    assert isinstance(taken, Trade) and taken.side == "buy"


def test_microseconds_become_the_milliseconds_they_lie_in() -> None:
    reader = FrameReader()
    trade = reader.read(TRADE.replace(b'"T":1723161255342', b'"T":1723161255342999'))
    assert isinstance(trade, Trade) and trade.ts == reader.clock == 1723161255342


def test_a_bare_frame_means_the_same_as_its_envelope() -> None:
    bare = TRADE.removeprefix(b'{"stream":"btcusdt@trade","data":').removesuffix(b"}")
    spaced = b'{ "data": ' + bare + b', "stream": "btcusdt@trade" }'
    reader = FrameReader()
    assert reader.read(bare) == reader.read(spaced) == reader.read(TRADE)


def test_an_aggregate_says_how_many_trades_it_stands_for() -> None:
    frame = (
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1617566591315,"s":"BTCUSDT","a":665076760,'
        b'"p":"58001.03","q":"0.08","f":745522877,"l":745522880,"T":1617566591314,"m":true,"M":true}}'
    )
    trade = FrameReader().read(frame)
    assert isinstance(trade, Trade) and (trade.trade_id, trade.count) == ("665076760", 4)


@pytest.mark.parametrize(
    "change", [(b'"m":true', b'"X":"NA","m":true'), (b"61837.63000000", b"0"), (b"0.02000000", b"0.0")]
)
def test_futures_fillers_are_no_trades(change: tuple[bytes, bytes]) -> None:
    reader = FrameReader()
    assert reader.read(TRADE.replace(*change)) is None
    assert reader.ignored == {"trade": 1}


def test_the_day_ticker_names_the_newest_trade() -> None:
    frame = (
        b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1723161256000,"s":"BTCUSDT","p":"1","P":"1","w":"1","x":"1",'
        b'"c":"61837.63","Q":"0.02","b":"61837.62","B":"3","a":"61837.64","A":"1","o":"1","h":"2","l":"1","v":"100.5",'
        b'"q":"6000000.25","O":1,"C":2,"F":1,"L":3735683259,"n":100}}'
    )
    assert FrameReader().read(frame) == Ticker(
        "BINANCE", "BTC/USDT", 1723161256000, Decimal("61837.62"), Decimal("61837.64"), Decimal("61837.63"),
        Decimal("100.5"), Decimal("6000000.25"), "3735683259",
    )  # fmt: skip


def test_a_partial_book_takes_its_symbol_from_the_stream_and_its_time_from_what_came_before() -> None:
    frame = b'{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":1,"bids":[["1.10","2"]],"asks":[["1.20","3"],["1.30","4"]]}}'
    reader = FrameReader()
    assert reader.read(frame) is None, "before any time is known a book cannot be dated"
    reader.read(TRADE)
    levels = ((Decimal("1.20"), Decimal(3)), (Decimal("1.30"), Decimal(4)))
    assert reader.read(frame) == Book("BINANCE", "BTC/USDT", 1723161255342, ((Decimal("1.10"), Decimal(2)),), levels)


def test_a_shutdown_notice_is_heard_bare_and_wrapped() -> None:
    bare = b'{"e":"serverShutdown","E":1723161255343}'
    assert FrameReader().read(bare) == Goodbye()
    assert FrameReader().read(b'{"stream":"!all","data":' + bare + b"}") == Goodbye()


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{"stream":"btcusdt@trade2","data":{"e":"novelty","E":1}}', "novelty"),
        (b'{"e":"novelty"}', "novelty"),
        (b'{"result":null,"id":1}', "reply"),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":2}', "error"),
        (b'[1,"trade"]', "unknown"),
        (b'{"channel":"heartbeats","events":[]}', "unknown"),
    ],
)
def test_what_is_unknown_is_counted(frame: bytes, kind: str) -> None:
    reader = FrameReader()
    assert reader.read(frame) is None
    assert reader.ignored == {kind: 1}


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b'{"stream":"btcusdt@trade","data":{"e":"trade"',
        TRADE.replace(b'"61837.63000000"', b'"much"'),
        b"\xff\xfe",
    ],
)
def test_what_is_broken_is_a_bad_frame(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        FrameReader().read(frame)


def test_new_fields_change_nothing() -> None:
    reader = FrameReader()
    assert reader.read(TRADE.replace(b'"M":true', b'"M":true,"zz":{"deep":[1,2]}')) == reader.read(TRADE)
