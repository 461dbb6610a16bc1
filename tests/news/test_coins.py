"""Which coins a headline names: precision and recall on headlines written and labelled by hand, and the rules one by one."""

from typing import NamedTuple

import pytest

from pipeline.news import config
from pipeline.news.coins import Coins
from tests.tools import REPOSITORY

#: Headline | coins a reader would say it is about. Invented for this test.
LABELLED = """
Bitcoin slips below $60,000 as traders take profit | btc
Ethereum gas fees fall to a two-year low | eth
BTC and ETH slide ahead of Fed minutes | btc eth
$SOL breaks out while $BTC stalls | sol btc
Solana validators vote on new fee market | sol
SOL rallies 12% as memecoin volume returns | sol
El sol sale para todos, says Spanish bank | -
Cardano founder hints at summer upgrade | ada
ADA price prediction: bulls eye 50 cents | ada
Shops must comply with ADA rules, court says | -
NEAR token jumps after AI announcement | near
Bitcoin hovers near record high | btc
Near the end of the year funds rebalance | -
NEAR Protocol unveils sharded mainnet | near
Chainlink oracles go live on a new rollup | link
LINK holders stake 20 million tokens in a day | link
Click the LINK in our bio for the full report | -
Hackers used a fake link to drain wallets | -
Maker votes to raise its stablecoin savings rate | mkr
Chip maker shares fall in Tokyo | -
Market maker fined for wash trading | -
Compound treasury pauses COMP rewards on chain | comp
Compound interest explained for beginners | -
XRP gains after court ruling | xrp
Ripple wins partial victory as token holders cheer | xrp
Ripple effects of the bank failure reach Europe | -
Dogecoin jumps on tweet by billionaire | doge
DOGE co-creator sells his coins | doge
Litecoin halving: what to expect | ltc
LTC hash rate at all-time high | ltc
Binance Coin burns its 25th batch | bnb
BNB Chain pauses after bridge exploit | bnb
Bitcoin Cash forks again | bch
Bitcoin SV delisted by exchange | bsv
Bitcoin and Bitcoin Cash part ways again | btc bch
Ethereum Classic suffers another 51% attack | etc
Miners sell rigs, etc, as prices fall | -
Polkadot parachain auction ends | dot
DOT falls 8% after validators go offline | dot
US DOT proposes new rules for airlines | -
Avalanche subnets attract game studios, token price soars | avax
AVAX/USDT volume doubles | avax
Avalanche kills two skiers in the Alps | -
Uniswap governance token surges on fee switch | uni
UNI jumps 20% | uni
Uni students demand refund | -
Tether mints one billion USDT | usdt
USDC regains its peg to the dollar | usdc
Shiba Inu burns trillions of tokens | shib
Toncoin falls after founder's arrest | ton
A ton of gold moved to vaults | -
Tron founder buys more TRX | trx
Stellar and XRP holders wait for ruling | xlm xrp
Stellar earnings lift chip stocks | -
Cosmos hub upgrade: ATOM staking yields drop | atom
An atom smasher finds nothing new | -
Polygon zkEVM network halts for an hour | matic
Filecoin storage deals grow | fil
Monero delisted as privacy rules bite | xmr
Zcash halving draws close | zec
ETH/BTC ratio hits a three-year low | eth btc
BTC-USD trades sideways | btc
(BTC) miners' reserves shrink | btc
Bitcoin's correlation with gold weakens | btc
Bitcoin-backed loans return | btc
Bitcoin.com relaunches its news site | -
Follow us @bitcoin for more | -
Read more at https://a.example/bitcoin-falls | -
#Bitcoin trends worldwide | btc
Wrapped Bitcoin custody change worries DeFi | wbtc
BITCOIN AND ETHEREUM CRASH AS EXCHANGE FAILS | btc eth
EVERYTHING YOU NEED TO KNOW NEAR THE END OF THE YEAR | -
The crypto market loses $100 billion in a day | -
SEC chair to testify before Congress | -
Stablecoin bill advances in the Senate | -
DeFi lender freezes withdrawals | -
NFT marketplace lays off half its staff | -
Fed holds rates, stocks rise | -
Coinbase beats revenue estimates | -
Kraken to list new tokens next week | -
Gold hits record as dollar weakens | -
Crypto exchange Binance names new chief | -
Optimism returns to crypto funds | -
OP token unlock worries holders of the network | op
Arbitrum DAO approves ARB staking | arb
Aptos and Sui tokens climb in tandem | apt sui
SUI network stalls for two hours | sui
Algorand Foundation sells node business | algo
Hedera joins payments consortium, HBAR up 9% | hbar
Internet Computer (ICP) leads gains | icp
Aave v4 testnet opens to lenders | aave
Curve founder repays debt; CRV token rebounds 30% | crv
Yield curve inverts again | -
The Sandbox sells virtual land | sand
Sand shortage slows building in Asia | -
Injective burns tokens as INJ price doubles | inj
Celestia unlock: TIA price slides | tia
PEPE rallies as memecoins return | pepe
Bonk joins the list of exchange listings | bonk
One year on: what the merge changed | -
"""
#: Everyday sentences, with every coin of these in turn.
SENTENCES = (
    "{name} falls 5% as investors lock in gains",
    "Why {ticker} is up today",
    "Whale moves $80 million of {ticker} to exchange",
    "{name} and stablecoins: a new report",
    "Analyst: ${ticker} to test support",
)
NAMED = {
    "btc": "Bitcoin", "eth": "Ethereum", "xrp": "XRP", "doge": "Dogecoin", "bnb": "Binance Coin", "ltc": "Litecoin",
    "sol": "Solana", "ada": "Cardano", "link": "Chainlink", "dot": "Polkadot",
}  # fmt: skip


class Found(NamedTuple):
    headlines: int
    right: int
    wrong: int
    missed: int
    notes: list[str]

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def coins() -> Coins:
    return Coins(config.load("off").coins)


def labelled() -> list[tuple[str, set[str]]]:
    out = []
    for line in LABELLED.strip().splitlines():
        title, _, names = line.rpartition(" | ")
        out.append((title, set(names.split()) - {"-"}))
    for token, name in NAMED.items():
        out += [(sentence.format(name=name, ticker=token.upper()), {token}) for sentence in SENTENCES]
    return out


def measured() -> Found:
    known = coins()
    every = labelled()
    right = wrong = missed = 0
    notes = []
    for title, expected in every:
        named = set(known.named(title))
        right += len(named & expected)
        wrong += len(named - expected)
        missed += len(expected - named)
        if named != expected:
            notes.append(f"{title}: {sorted(named)}, not {sorted(expected)}")
    return Found(len(every), right, wrong, missed, notes)


def test_precision_and_recall_are_as_the_docs_say() -> None:
    found = measured()
    print("\n".join(found.notes))
    line = f"{found.headlines} headlines: precision {found.precision:.1%}, recall {found.recall:.1%}".replace("%", " %")
    assert found.precision >= 0.95
    assert found.recall >= 0.9
    assert line in (REPOSITORY / "docs" / "news.md").read_text(), line


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("BTC", ("btc",)),
        ("btc", ()),
        ("$btc", ("btc",)),
        ("wBTC is not it: XBTCX", ()),
        ("BTCUSDT and ETHBTC", ("btc", "eth")),
        ("BTC/EUR", ("btc",)),
        ("ethereum, then bitcoin", ("eth", "btc")),
        ("", ()),
    ],
)
def test_the_rules(text: str, tokens: tuple[str, ...]) -> None:
    assert coins().named(text) == tokens


def test_every_base_that_is_followed_is_known() -> None:
    followed = Coins(config.load("off").coins, ["QQQX", "T"])
    assert followed.named("QQQX doubles; $T too") == ("qqqx", "t")
    assert followed.named("T cells and other stories") == (), "one letter is an initial"
    assert coins().named("QQQX doubles") == ()


def test_the_title_tells_what_the_teaser_talks_about() -> None:
    assert coins().named("SOL outperforms", "The token of the Solana network rose.") == ("sol",)
    assert coins().named("Fed day", "Bitcoin and ether fell.") == ("btc", "eth")
