import pytest

from pipeline.symbols import parse_symbol


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"), ("btc%2Fusdt", "BTC/USDT"), ("btc-usdt", "BTC/USDT"), ("BTCUSDT", "BTC/USDT"), ("TUSDT", "T/USDT"),
        ("T/USDT", "T/USDT"), ("RUNEEUR", "RUNE/EUR"), ("BLZETH", "BLZ/ETH"), ("LRCBTC", "LRC/BTC"), ("BTCFDUSD", "BTC/FDUSD"),
        ("1000SATSUSDT", "1000SATS/USDT"), ("", None), ("USDT", None), ("BTC/", None), ("<script>", None),
        ("BTC/USDT/ETH", None), ("é/USDT", None),
    ],
)  # fmt: skip
def test_every_spelling_is_one_symbol(text: str, symbol: str | None) -> None:
    assert parse_symbol(text) == symbol
