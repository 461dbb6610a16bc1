"""News on the socket: one channel for all of it, and each article to those who asked for a coin that it names."""

from typing import Final, NamedTuple

import msgspec

from dashboard.live.protocol import Key
from pipeline.live import channel

CHANNEL: Final = channel("news")
#: `BTCUSDT` is a symbol as much as a token. Only quotes that no coin's name ends with: WBTC is a coin, not W in BTC.
_QUOTES: Final = ("usdt", "usdc", "fdusd")


class _Article(msgspec.Struct):
    symbols: list[str]


_decode = msgspec.json.Decoder(_Article).decode


class Share(NamedTuple):
    """What of the news one subscription was given, in one `epoch`: all after `since` up to `upto` in the answer, then what comes."""

    epoch: str
    since: int
    upto: int

    def live(self, epoch: str, seq: int) -> bool:
        """Whether a message that comes now is still to be given."""
        return epoch != self.epoch or seq > self.upto

    def covers(self, epoch: str, seq: int) -> bool:
        """Whether it was, or will be, given by this subscription."""
        return epoch != self.epoch or seq > self.since


def coins(data: bytes) -> frozenset[str]:
    """The tokens that an article's data names."""
    return frozenset(_decode(data).symbols)


def matches(key: Key, named: frozenset[str]) -> bool:
    """Whether a subscription asked for one of these coins: by token, or by a symbol that has it for a base."""
    if not key.symbol:
        return True
    token, pair, _ = key.symbol.lower().partition("/")
    if token in named:
        return True
    return not pair and any(token.removesuffix(quote) in named for quote in _QUOTES if token.endswith(quote))
