"""Requests and frames of the WebSocket, without a socket."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from dashboard.live import protocol
from dashboard.live.protocol import BadRequest, Key, ListSubscriptions, Ping, Subscribe, Unsubscribe, parse


def test_subscribe() -> None:
    asked = parse('{"action":"subscribe","type":"candle","symbol":"BTC/USDT","timeframe":"1m"}')
    assert asked == Subscribe(
        Key("candle", "BTC/USDT", "1m"), {"type": "candle", "symbol": "BTC/USDT", "timeframe": "1m"}, forming=False
    )
    asked = parse('{"action":"subscribe","type":"candles","symbol":"*","forming":true,"since":7,"epoch":"e"}')
    assert asked == Subscribe(
        Key("candle", "", ""), {"type": "candles", "symbol": "*", "timeframe": ""}, forming=True, since=7, epoch="e"
    )


@pytest.mark.parametrize("plural", ["trades", "candles", "indicators", "tickers", "books", "alerts"])
def test_plurals_are_aliases(plural: str) -> None:
    asked = parse(json.dumps({"action": "subscribe", "type": plural, "symbol": "BTC/USDT"}))
    assert isinstance(asked, Subscribe)
    assert asked.key.type == plural[:-1]
    assert asked.echo["type"] == plural


def test_a_timeframe_means_nothing_for_trades() -> None:
    asked = parse('{"action":"subscribe","type":"trade","symbol":"BTC/USDT","timeframe":"1m"}')
    assert isinstance(asked, Subscribe)
    assert asked.key == Key("trade", "BTC/USDT", "")


def test_the_others() -> None:
    assert parse('{"action":"ping"}') == Ping()
    assert parse('{"action":"list_subscriptions"}') == ListSubscriptions()
    assert parse('{"action":"unsubscribe","type":"trade","symbol":"btcusdt"}') == Unsubscribe(
        Key("trade", "BTC/USDT", ""), {"type": "trade", "symbol": "btcusdt", "timeframe": ""}
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"),
        ("[1]", "JSON"),
        ("nonsense", "JSON"),
        (b"\xff", "JSON"),
        ("{}", "Unknown action: null"),
        ('{"action":"dance"}', "Unknown action: dance"),
        ('{"action":7}', "Unknown action: 7"),
        ('{"action":"subscribe"}', "type"),
        ('{"action":"subscribe","type":"weather"}', "trade"),
        ('{"action":"subscribe","type":"trade","symbol":"???"}', "symbol"),
        ('{"action":"subscribe","type":"trade","symbol":7}', "symbol"),
        ('{"action":"subscribe","type":"candle","symbol":"BTC/USDT","timeframe":"2m"}', "timeframe"),
        ('{"action":"subscribe","type":"trade","forming":1}', "forming"),
        ('{"action":"subscribe","type":"trade","since":-1}', "since"),
        ('{"action":"subscribe","type":"trade","since":true}', "since"),
        ('{"action":"subscribe","type":"trade","since":1,"epoch":5}', "epoch"),
    ],
)
def test_what_is_wrong_is_said(text: str | bytes, word: str) -> None:
    with pytest.raises(BadRequest, match=word.replace("?", r"\?")):
        parse(text)


@given(
    st.one_of(st.text(), st.binary(), st.dictionaries(st.text(), st.none() | st.integers() | st.text()).map(json.dumps))
)
def test_any_input_is_a_request_or_a_reason(text: Any) -> None:
    try:
        said: object = parse(text)
    except BadRequest as error:
        said = str(error)
    assert said != ""


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_frames_are_what_the_standard_says(size: int) -> None:
    payload = b"x" * size
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(protocol.frame(payload))
    got = "".join(str(frame.payload) for frame in reader.received_frames())
    assert got == payload.decode()


def test_close_frame() -> None:
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(protocol.close_frame(1013, "too slow"))
    (frame,) = reader.received_frames()
    assert frame.payload == (1013, "too slow")


def test_message_is_one_json_object() -> None:
    assert (
        protocol.message("trade", b'{"price":61837.63000000}', 5, 9)
        == b'{"type":"trade","data":{"price":61837.63000000},"timestamp":5,"seq":9}'
    )
