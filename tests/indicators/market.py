"""Made-up markets: any seed, any price level, ticks, repeats, gaps, quiet and flat stretches."""

import math
import random

from hypothesis import strategies as st

from pipeline.indicators.bar import Bar

#: 2024-08-08T00:00:00Z
MIDNIGHT = 1_723_075_200_000


def walk(
    seed: int, count: int, level: float = 60_000.0, step: int = 300_000, flat: float = 0.05, quiet: float = 0.1
) -> list[Bar]:
    """A walk on ticks of a 1/60000 of its level. `flat`, `quiet`: shares of bars of one price, and without volume."""
    rng = random.Random(seed)
    tick = level / 60_000
    price, time, bars = level, MIDNIGHT, []
    for _ in range(count):
        before = price
        if rng.random() >= flat:
            price = max(tick, tick * round(price * math.exp(rng.gauss(0, 0.002)) / tick))
            spread = tick * rng.randrange(40)
            top, bottom = max(before, price) + spread, max(tick, min(before, price) - spread)
        else:
            price = top = bottom = before
        volume = 0.0 if rng.random() < quiet else round(rng.expovariate(1), 5)
        bars.append(Bar(time, before, top, bottom, price, volume))
        # A window without a trade has no candle.
        time += step * (1 if rng.random() < 0.95 else rng.randrange(2, 5))
    return bars


@st.composite
def markets(draw: st.DrawFn, least: int = 120, most: int = 400) -> list[Bar]:
    return walk(
        draw(st.integers(0, 2**32)),
        draw(st.integers(least, most)),
        10.0 ** draw(st.integers(-8, 12)),
        draw(st.sampled_from([5_000, 60_000, 3_600_000, 86_400_000])),
        draw(st.sampled_from([0.0, 0.05, 0.5])),
        draw(st.sampled_from([0.0, 0.1, 0.9])),
    )
