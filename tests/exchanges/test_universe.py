"""Which symbols are followed: pinned, then by volume, through halts and delistings."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from pipeline.exchanges.base import Listing
from pipeline.exchanges.universe import Wanted, choose, volumes


def listing(symbol: str, volume: str | int, trading: bool = True, last: str = "1") -> Listing:
    base, _, quote = symbol.partition("/")
    return Listing(symbol, base, quote, trading, Decimal(volume), Decimal(last))


LISTED = [
    listing("BTC/USDT", 900, last="50000"), listing("ETH/USDT", 500, last="2500"), listing("SOL/USDT", 300),
    listing("PEPE/USDT", 20), listing("ETH/BTC", "0.01", last="0.05"), listing("BTC/TRY", 90_000, last="2000000"),
    listing("USDT/TRY", 1_000_000, last="40"),
]  # fmt: skip


def chosen(pinned: str = "", quotes: str = "USDT", least: int = 0, most: int = 50, followed: str = "") -> str:
    wanted = Wanted(quotes.split(), Decimal(least), most)
    return " ".join(choose(LISTED, pinned.split(), wanted, followed.split()).symbols)


def test_by_volume() -> None:
    assert chosen() == "BTC/USDT ETH/USDT SOL/USDT PEPE/USDT"
    assert chosen(most=2) == "BTC/USDT ETH/USDT"
    assert chosen(least=100) == "BTC/USDT ETH/USDT SOL/USDT"


def test_pinned_ones_come_first_whatever_their_volume_and_quote() -> None:
    assert chosen("PEPE/USDT ETH/BTC", most=3) == "PEPE/USDT ETH/BTC BTC/USDT"
    assert chosen("ETH/BTC", quotes="") == "ETH/BTC"


def test_volumes_in_other_money_are_compared_in_the_first() -> None:
    money = volumes(LISTED, "USDT")
    assert money["ETH/BTC"] == 500  # 0.01 BTC at 50 000
    assert money["BTC/TRY"] == 2250  # 90 000 TRY at 40 to the USDT
    assert chosen(quotes="USDT TRY", most=2) == "USDT/TRY BTC/TRY"


def test_a_follower_stays_until_another_is_clearly_larger() -> None:
    rows = [listing("A/USDT", 100), listing("B/USDT", 105), listing("C/USDT", 120)]
    wanted = Wanted(["USDT"], Decimal(0), 1)
    assert choose(rows[:2], [], wanted).symbols == ("B/USDT",)
    assert choose(rows[:2], [], wanted, ["A/USDT"]).symbols == ("A/USDT",)
    assert choose(rows, [], wanted, ["A/USDT"]).symbols == ("C/USDT",)


def test_halted_ones_stay_but_do_not_come() -> None:
    rows = [listing("A/USDT", 100, trading=False), listing("B/USDT", 90)]
    wanted = Wanted(["USDT"], Decimal(0), 5)
    assert choose(rows, [], wanted).symbols == ("B/USDT",)
    found = choose(rows, [], wanted, ["A/USDT"])
    assert found.symbols == ("A/USDT", "B/USDT")
    assert found.halted == ("A/USDT",)
    assert choose(rows, ["A/USDT"], wanted).halted == ("A/USDT",)


def test_what_is_no_longer_listed_goes() -> None:
    found = choose(LISTED, ["LUNA/USDT", "BTC/USDT"], Wanted([], Decimal(0), 5), ["LUNA/USDT", "BTC/USDT"])
    assert found.symbols == ("BTC/USDT",)
    assert found.gone == ("LUNA/USDT",)


symbols = st.sampled_from([f"{base}/{quote}" for base in "ABCDE" for quote in ("USDT", "BTC")])


@given(
    st.dictionaries(symbols, st.tuples(st.integers(0, 1000), st.booleans())),
    st.lists(symbols, unique=True, max_size=4),
    st.lists(symbols, unique=True, max_size=6),
    st.integers(0, 1000),
    st.integers(1, 6),
)
def test_promises(
    rows: dict[str, tuple[int, bool]], pinned: list[str], followed: list[str], least: int, most: int
) -> None:
    listed = [listing(symbol, volume, trading) for symbol, (volume, trading) in rows.items()]
    found = choose(listed, pinned, Wanted(["USDT"], Decimal(least), most), followed)
    assert len(set(found.symbols)) == len(found.symbols) <= max(most, len(pinned))
    assert set(found.symbols) <= rows.keys()
    assert {symbol for symbol in pinned if symbol in rows} <= set(found.symbols)
    assert set(found.gone) == set(pinned) - rows.keys()
    for symbol in set(found.symbols) - set(pinned):
        assert symbol.endswith("/USDT")
        assert rows[symbol][1] or symbol in followed
    # Again with what was chosen, nothing moves.
    assert choose(listed, pinned, Wanted(["USDT"], Decimal(least), most), found.symbols).symbols == found.symbols
