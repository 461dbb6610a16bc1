"""A bus that takes nothing of some topics for a while, as one that is full does."""

import threading
from collections.abc import Collection, Sequence
from typing import Any

from pipeline.bus.base import Bus, BusUnavailable, Record


class Refusing:
    """While `refusing` is set; `refused` tells that it has."""

    def __init__(self, bus: Bus, topics: Collection[str], refusing: threading.Event, refused: threading.Event) -> None:
        self._bus, self._topics, self._refusing, self._refused = bus, topics, refusing, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def publish(self, topic: str, records: Sequence[Record]) -> None:
        if self._refusing.is_set() and topic in self._topics:
            self._refused.set()
            raise BusUnavailable("full")
        self._bus.publish(topic, records)
