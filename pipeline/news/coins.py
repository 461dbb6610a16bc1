"""Which coins a text names. Tokens are tickers in lower case."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.news.config import CoinConfig

#: Tickers of one or two letters are initials, states and units more often than coins.
_SHORT: Final = 2
#: Above this share of capitals a headline shouts, and a word in capitals says nothing.
_SHOUTING: Final = 0.7
#: What a ticker is paired with.
_QUOTES: Final = "FDUSD|USDT|USDC|TUSD|BUSD|USD|EUR|GBP|TRY|KRW|JPY|BTC|ETH|BNB"
#: Talk of coins: with one of these beside it, an ambiguous word is taken for a coin. No "trade" or "market": they are everywhere.
_CONTEXT: Final = re.compile(
    r"\b(?:crypto\w*|coins?|altcoins?|tokens?|tokeniz\w+|blockchain\w*|stablecoins?|memecoins?|defi|nfts?|staking|stakers?|"
    r"validators?|mainnet|testnet|layer[- ][12]|smart contracts?|wallets?|on-?chain|airdrop\w*|holders|hodl\w*|bulls?|bears?|"
    r"bullish|bearish|rall(?:y|ies|ied)|price (?:analysis|predictions?|targets?|action)|prices?|surges?|soars?|plunges?|market cap|"
    r"all-?time highs?|etfs?|etps?|dapps?|web3|metaverse|hard ?forks?|sec|exchanges?|binance|coinbase|kraken|futures|network|protocol)\b"
    r"|[+-]?\d+(?:\.\d+)?%",
    re.IGNORECASE,
)
#: A name after one of these belongs to somebody else ("@bitcoin", "/bitcoin"); after a $ or # it does not.
_BEFORE: Final = r"(?<![\w@/.])"
#: "bitcoin.com" and "bitcoin_core" are other things; "bitcoin's" and "bitcoin-backed" are not.
_AFTER: Final = r"(?![\w@]|\.(?:com|org|io|net|co)\b)"


class Coins:
    """Knows the coins of `config`, and those with the tickers `bases` besides."""

    def __init__(self, config: Mapping[str, CoinConfig], bases: Iterable[str] = ()) -> None:
        coins = dict(config) | {base.lower(): CoinConfig() for base in bases if base.lower() not in config}
        tickers = {token.upper() for token in coins}
        self._names = {name.casefold(): token for token, coin in coins.items() for name in coin.names}
        self._words = {word: token for token, coin in coins.items() for word in coin.words}
        self._doubtful = {token.upper() for token, coin in coins.items() if coin.ticker_is_word or len(token) <= _SHORT}
        ticker = _any(tickers)
        # Addresses first, so that nothing is found in them; then the surest.
        self._sure = re.compile(
            rf"(?P<address>\b(?:https?://|www\.)\S+)|\$(?P<cashtag>{ticker})\b"
            rf"|{_BEFORE}(?P<base>{ticker})(?:[/-](?P<quote>{_QUOTES}|{ticker})|(?:{_QUOTES}))\b"
            rf"|\((?P<bracket>{ticker})\)",
        )
        self._cashtag = re.compile(rf"\$(?P<cashtag>{ticker})\b", re.IGNORECASE)
        self._name = re.compile(rf"{_BEFORE}#?(?P<name>{_any(self._names)}){_AFTER}", re.IGNORECASE)
        self._word = re.compile(rf"{_BEFORE}(?P<word>{_any(self._words)}){_AFTER}")
        self._ticker = re.compile(rf"{_BEFORE}#?(?P<ticker>{ticker}){_AFTER}")
        self._tickers = tickers

    def named(self, title: str, content: str = "") -> tuple[str, ...]:
        """The tokens of the coins named, the title's first, each in the order they appear."""
        # A title tells what its teaser talks about, and the other way round.
        return tuple(dict.fromkeys([*self._named(title, content), *self._named(content, title)]))

    def _named(self, text: str, around: str) -> list[str]:
        found: list[tuple[int, str]] = []
        doubtful: list[tuple[int, str]] = []

        def take(pattern: re.Pattern[str], text: str, sure: bool, names: Mapping[str, str] | None = None) -> str:
            """Notes what is found, and blanks it out for the patterns after it."""

            def note(match: re.Match[str]) -> str:
                for group, value in match.groupdict().items():
                    if value is None or group == "address":
                        continue
                    token = names[value.casefold() if sure else value] if names is not None else value.lower()
                    if names is not None or value.upper() in self._tickers:
                        (found if sure else doubtful).append((match.start(), token))
                return " " * len(match[0])

            return pattern.sub(note, text)

        left = take(self._cashtag, take(self._sure, text, True), True)
        left = take(self._name, left, True, self._names)
        shouting = _shouts(text)
        left = take(self._word, left, False, self._words)
        for match in self._ticker.finditer(left):
            ticker = match["ticker"]
            (doubtful if shouting or ticker in self._doubtful else found).append((match.start(), ticker.lower()))
        if doubtful and (found or _CONTEXT.search(left) or _CONTEXT.search(around)):
            found += doubtful
        return [token for _, token in sorted(found)]


def _any(words: Iterable[str]) -> str:
    """A pattern of all of them, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"


def _shouts(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 12 and sum(c.isupper() for c in letters) / len(letters) > _SHOUTING
