"""How long to wait before trying again: exponential, capped, with full jitter so that many clients never come back at once."""

import random


class Backoff:
    """Seconds between attempts. `first` is the ceiling of the first wait, doubled each time up to `cap`."""

    def __init__(self, first: float = 0.5, cap: float = 30.0) -> None:
        self._first = first
        self._cap = cap
        self._ceiling = first

    def next(self, at_least: float = 0.0) -> float:
        """The next wait, never shorter than `at_least` (a server's Retry-After) nor than a quarter of the ceiling."""
        ceiling = self._ceiling
        self._ceiling = min(self._cap, ceiling * 2)
        return max(at_least, random.uniform(ceiling / 4, ceiling))

    def reset(self) -> None:
        """The last attempt worked."""
        self._ceiling = self._first
