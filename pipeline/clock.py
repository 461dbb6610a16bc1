"""The machine's own clock. For reports and time-outs only: candles and trades go by the exchange's."""

import time


def now_ms() -> int:
    return time.time_ns() // 1_000_000
