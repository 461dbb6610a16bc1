"""Many messages at once mean what each means alone: as rows, as WebSocket data, as trades. Whatever stands between them."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadMessage
from pipeline.live_messages import trade_data
from pipeline.model import Trade
from pipeline.store.write import _trade_line
from pipeline.trade_messages import relayed, rows
from pipeline.wire import read_trade, read_trades, trade_record

decimals = st.decimals(min_value="0.00000001", max_value="1000000", places=8)
trades = st.builds(
    Trade, st.just("BINANCE"), st.sampled_from(["BTC/USDT", "1INCH/BTC"]), st.integers(10**12, 10**13), decimals, decimals,
    st.sampled_from(["buy", "sell"]), st.integers(0, 10**12).map(str), st.sampled_from([1, 1, 1, 2]),
    repaired=st.sampled_from([False, False, True]),
)  # fmt: skip
ONE = Trade("BINANCE", "BTC/USDT", 1_723_161_600_001, Decimal("1.5"), Decimal(2), "buy", "7")
VALUE = trade_record(ONE).value
#: What strangers may put on the topic: legal in other spellings, broken, or meant to shift its neighbours.
STRANGE = [
    b"", b"{}", b"[]", b"\xff\xfe", b"null", VALUE[:40], VALUE[40:], VALUE + b"," + VALUE, VALUE + b"\n" + VALUE, VALUE + b"\n",
    b"\n", VALUE.replace(b",", b",\n"), b" " + VALUE, VALUE.replace(b"buy", "b\u00fcy".encode()), b"\r" + VALUE, VALUE + b"\x00",
    VALUE.replace(b'"7"', b"7"), VALUE.replace(b'"7"', b'"<7>"'), VALUE.replace(b":1.5", b":0.00"), VALUE.replace(b":1.5", b":01.5"),
    VALUE.replace(b":1.5", b":-1.5"), VALUE.replace(b":1.5", b":NaN"), VALUE.replace(b":1.5", b':"1.5"'),
    VALUE.replace(b":1.5", b":1.5e2"), VALUE.replace(b'"buy"', b'"bid"'), VALUE.replace(b"BTC/USDT", b"btc/usdt"),
    VALUE.replace(b"BTC/USDT", b"BTCUSDT"), VALUE.replace(b"BINANCE", b'BIN","x":"Y'), VALUE.replace(b"1723161600001", b"17"),
    VALUE.replace(b"1723161600001", b"4503599627370495"), VALUE.replace(b"}", b',"event_ts":5}'),
]  # fmt: skip
messages = st.lists(st.one_of(trades.map(lambda t: trade_record(t).value), st.sampled_from(STRANGE)), max_size=12)


def alone(value: bytes) -> Trade | None:
    try:
        return read_trade(value)
    except BadMessage:
        return None


@given(messages)
def test_many_trades_are_read_as_each_alone(values: list[bytes]) -> None:
    assert read_trades(values) == [alone(value) for value in values]


@given(messages)
def test_rows_are_those_of_the_trades_and_the_rest_is_told(values: list[bytes]) -> None:
    lines, others = rows(values)
    short = [value for place, value in enumerate(values) if place not in others]
    assert lines == [_trade_line(read_trade(value)) for value in short]


@given(messages)
def test_data_for_the_sockets_is_that_of_the_trades(values: list[bytes]) -> None:
    for value, short in zip(values, relayed(values), strict=True):
        if short is not None:
            trade = read_trade(value)
            assert short[0] == trade.symbol
            assert json.loads(short[1], parse_float=Decimal) == json.loads(trade_data(trade), parse_float=Decimal)


@given(st.lists(trades, min_size=1))
def test_ours_all_go_the_short_way(made: list[Trade]) -> None:
    values = [trade_record(trade).value for trade in made if trade.count == 1 and not trade.repaired]
    assert rows(values) == ([_trade_line(read_trade(value)) for value in values], [])
    assert None not in relayed(values)


@pytest.mark.parametrize("strange", STRANGE)
def test_a_stranger_takes_nobody_with_it(strange: bytes) -> None:
    values = [VALUE, strange, VALUE]
    read = read_trades(values)
    assert (read[0], read[2], len(read)) == (ONE, ONE, 3)
    lines, others = rows(values)
    assert len(lines) + len(others) == 3


def test_a_time_that_no_clock_shows_is_refused() -> None:
    with pytest.raises(BadMessage, match="time"):
        read_trade(VALUE.replace(b"1723161600001", b"253402300800000"))
    last = read_trade(VALUE.replace(b"1723161600001", b"253402300799999"))
    assert _trade_line(last).startswith("9999-12-31 23:59:59.999+00\t")
