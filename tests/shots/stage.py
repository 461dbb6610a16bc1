"""What the pictures show: a market, its news and every clock of the stack, the same in each run.

The market is the simulator's, by a seed and from a fixed start, and nobody trades after `END`. The clocks of all processes go by
clock.c: on from `START`, and from `END` they stand, so that nothing on a page grows older while it is looked at.
"""

import struct
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final

from pipeline.exchanges.simulator import Simulator
from tests.feed import Feed
from tests.stack import Up, eventually
from tests.tools import need

#: A Monday in the afternoon, and 21 s before a minute ends.
END: Final = datetime(2026, 3, 2, 14, 38, 39, tzinfo=UTC)
#: Time for the pages to open on a busy machine.
START: Final = END - timedelta(seconds=170)
SEED: Final = 7
RATE: Final = 80
SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT", "ADA/USDT", "DOGE/USDT", "LTC/USDT")
_CLOCK: Final = Path(__file__).with_name("clock.c")

#: Hours before `END`, headline, teaser. All made up.
_NEWS: Final = (
    (103.0, "Bitcoin slides as traders take profits", "Spot volumes fell to a three-week low."),
    (98.5, "Ethereum upgrade goes live without a hitch", "Fees dropped by a third within the hour."),
    (91.0, "Solana outage halts trading for two hours", "Validators restarted the network at noon."),
    (80.2, "Pension fund adds bitcoin to its portfolio", "The position is small, and the first of its kind."),
    (72.6, "Regulator sues exchange over unregistered tokens", "The exchange says it will fight the case in court."),
    (66.1, "XRP rallies after court win", "The ruling ends a dispute of four years."),
    (55.4, "Dogecoin payments arrive at a large retailer", "Checkout takes some seconds, the company says."),
    (47.9, "Ethereum developers delay next fork", "A bug in a test network needs more time."),
    (40.3, "Bitcoin miners' revenue falls to a yearly low", "Hash price has halved since the autumn."),
    (33.7, "BNB burn removes two million coins", "It is the largest since the programme began."),
    (26.2, "Cardano wallet flaw exposes small number of users", "A fix is out; users are told to update."),
    (19.8, "Litecoin gains as payment volume hits record", "Merchants report a fifth more transactions."),
    (11.5, "Solana funds see record inflows", "Investors put in more than in the three months before."),
    (6.4, "Ether steady ahead of inflation figures", "Options point to a quiet week."),
    (2.1, "Hackers drain bridge of $40 million in ether", "The team has paused withdrawals."),
    (1.2, "Bitcoin surges past resistance on strong ETF demand", "Buyers took up every offer below the level."),
    (0.3, "Bitcoin holds gains as open interest climbs", "Funding stays moderate."),
)


class Stage:
    """The running stack: `with Stage(folder) as stage: …`; `stand()` when everything up to `END` is stored."""

    def __init__(self, folder: Path) -> None:
        library = folder / "clock.so"
        subprocess.run([need("cc", "gcc"), "-O2", "-shared", "-fPIC", "-o", library, _CLOCK, "-ldl"], check=True)
        self._clock = folder / "clock"
        self._set(round(START.timestamp() * 1e9) - time.time_ns(), 0)
        self._feed = Feed()
        for hours, title, teaser in _NEWS:
            at = END - timedelta(hours=hours)
            self._feed.add(title, f"https://wire.example/{at:%Y%m%d%H%M}", teaser, at)
        news = folder / "news.toml"
        news.write_text(self._feed.config("Newswire"))
        self._market = Simulator(SEED, RATE, SYMBOLS, round(START.timestamp() * 1000), process=True).start()
        self._market.control("pause", at=round(END.timestamp() * 1000))
        self.up = Up(
            folder, "--exchange", "binance", "--symbols", ",".join(SYMBOLS),
            CRYPTOVIZ_BINANCE_WS_URL=self._market.ws_url, CRYPTOVIZ_BINANCE_REST_URL=self._market.rest_url,
            CRYPTOVIZ_NEWS_CONFIG=str(news),
            LD_PRELOAD=str(library), SHOTS_CLOCK=str(self._clock), TZ="UTC",
        )  # fmt: skip
        self.url = self.up.url

    def _set(self, offset: int, standing: int) -> None:
        """In ns; processes see it at once. The file is written over, for they have it mapped."""
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("=qq", offset, standing))

    def __enter__(self) -> "Stage":
        self.up.ready(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.up.close()
        self._market.stop()
        self._feed.close()

    def stand(self) -> None:
        """Wait for `END`, and stop the clocks."""
        end = round(END.timestamp() * 1000)
        assert eventually(lambda: self._market.stats()["now"] >= end, 240), "the market did not come to its end"
        # What was on its way arrives.
        time.sleep(2)
        self._set(0, end * 1_000_000)
