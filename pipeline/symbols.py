"""Symbol spelling: `BTC/USDT` inside, `BTCUSDT` at Binance and in bus keys, anything readable at the door."""

import re
from urllib.parse import unquote

# Longest first where one ends with another, so FDUSD is never read as FD/USD's quote. Enough to split every spot symbol
# of Binance without its exchangeInfo, which a recording may lack.
_QUOTES = """
    FDUSD BFUSD USDT USDC TUSD BUSD USDP USDS USD1 BIDR BVND IDRT BKRW AEUR EURI DOGE TRX XRP DOT BTC ETH BNB SOL PAX
    VAI DAI UST EUR GBP TRY BRL AUD RUB UAH NGN ZAR IDR PLN RON ARS JPY MXN COP CZK USD
""".split()  # noqa: SIM905 - sixty quoted names are harder to read
_SEPARATED = re.compile(r"^([A-Z0-9]{1,20})[/\-_:]([A-Z0-9]{1,20})$")
_PLAIN = re.compile(r"^[A-Z0-9]{2,40}$")


def parse_symbol(text: str) -> str | None:
    """`BTC/USDT`, `BTC%2FUSDT`, `btc-usdt`, `BTCUSDT` → `BTC/USDT`; None when it cannot be a symbol."""
    text = unquote(text).strip().upper()
    if match := _SEPARATED.match(text):
        return f"{match[1]}/{match[2]}"
    if _PLAIN.match(text):
        for quote in sorted(_QUOTES, key=len, reverse=True):
            if text.endswith(quote) and len(text) > len(quote):
                return f"{text[: -len(quote)]}/{quote}"
    return None


def plain(symbol: str) -> str:
    """`BTC/USDT` → `BTCUSDT`, as in bus keys and at Binance."""
    return symbol.replace("/", "")
