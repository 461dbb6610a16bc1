"""The commands and calls that the docs show, run as they stand. Those of Python: tests/client."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.model import Article, Indicator
from pipeline.settings import Settings
from pipeline.store.write import Store
from tests.dashboard.conftest import NOON, candle, store, trade
from tests.dashboard.test_socket import Web, server
from tests.tools import REPOSITORY, need

__all__ = ["server", "store"]  # fixtures

PAGES = ("exports.md", "rest.md", "quick-start.md")
#: Minutes from noon to 2026-02-01: the examples want what is newer than January.
FEBRUARY = (1_769_904_000_000 - NOON) // 60_000


def test_they_do_what_they_say(server: Web, store: Store, settings: Callable[..., Settings], tmp_path: Path) -> None:
    need("curl", "curl")
    both = ("BTC/USDT", "ETH/USDT")
    store.write(
        [trade(n, symbol=symbol) for n in range(5) for symbol in both],
        [candle(FEBRUARY + n, symbol=symbol) for n in range(5) for symbol in both],
        [Indicator(NOON, symbol, "1m", "rsi", value=50.0) for symbol in both],
        [Article(NOON, "CoinDesk", "https://a.example/1", "Bitcoin soars", symbols=("btc",))],
    )
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CRYPTOVIZ_DATABASE_URL": settings().database_url,
    }
    for page in PAGES:
        text = (REPOSITORY / "docs" / page).read_text("utf-8")
        blocks = re.findall(r"^```sh\n((?:cryptoviz export|curl) .*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert blocks, page
        for block in blocks:
            # A call that is refused is a failure, too.
            script = re.sub(r"(127\.0\.0\.1|localhost):8050", f"127.0.0.1:{server.port}", block).replace(
                "curl ", "curl -fsS "
            )
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", script],
                cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, f"{page}\n{done.stdout}{done.stderr}"
            for name in re.findall(r"(?:-o|>) (\w[\w.]*)", block):
                assert (tmp_path / name).stat().st_size > 0, name
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet", ".json"}
    assert len((tmp_path / "btc.csv").read_text().splitlines()) == 6
