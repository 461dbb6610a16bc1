"""The same article under another spelling, another address, another day."""

import pytest
import redis

from pipeline.news.seen import Seen, near_equal, words
from pipeline.news.sources.base import Item

DAY = 86_400_000

SAME = [
    ("Bitcoin liquidations hit $1 billion", "Bitcoin liquidation hit $1 billion"),
    ("SEC approves spot ether ETFs", "SEC Approves Spot Ether ETFs!"),
    ("BREAKING: SEC approves spot ether ETFs", "SEC approves spot ether ETFs"),
    ("Coinbase’s new wallet is out now", "Coinbase's new wallet is out now"),
    ("The market for Bitcoin options grows fast", "Market for Bitcoin options grows fast"),
    ("Update: Exchange halts withdrawals after hack", "Exchange halts withdrawals after hack"),
]
DIFFERENT = [
    ("Bitcoin rises 5% in one day", "Bitcoin rises 6% in one day"),
    ("Bitcoin gains as stocks fall again", "Bitcoin falls as stocks fall again"),
    ("Market wrap", "Market wrap"),
    ("Price analysis 3/12: BTC, ETH, SOL", "Price analysis 3/14: BTC, ETH, SOL"),
    ("Ether ETF gets approved by the SEC", "Solana ETF gets approved by the SEC"),
    ("Tether mints 1 billion USDT", "Tether mints 2 billion USDT"),
    ("Binance hires a new chief officer", "Binance fires a new chief officer now"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_near_equal(one: str, other: str) -> None:
    assert near_equal(words(one), words(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_not_near_equal(one: str, other: str) -> None:
    assert not near_equal(words(one), words(other))


def test_what_was_published_is_not_published_again(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    try:
        seen, now = Seen(client), 1_723_118_400_000
        first = Item("https://a.example/1", "SEC approves spot ether ETFs")
        twice = Item("https://b.example/9", "SEC approves spot ether ETFs!")
        other = Item("https://b.example/8", "Exchange halts all withdrawals again")
        assert seen.unseen([first, twice, other, first], now) == [first, other]
        # Not published yet (the bus was away): it comes again.
        assert seen.unseen([first], now) == [first]
        seen.published([first, other], now)
        edited = Item(first.url, "Something else altogether was written here")
        assert seen.unseen([first, edited, other, twice], now) == []
        # A restart remembers, by address and by title.
        again = Seen(client)
        copy = Item("https://c.example/7", "SEC approves spot ether ETFs")
        assert again.unseen([first, copy], now + DAY) == []
        # After three days the same words are another story; under the address they had they are not.
        later = Item("https://d.example/6", "Exchange halts all withdrawals again")
        assert again.unseen([other, later], now + 4 * DAY) == [later]
    finally:
        client.close()
