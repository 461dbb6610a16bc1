"""The same thing said over and over: some of it, and then how often it came."""

import logging
import threading
import time
from typing import Final

#: Of one place, within a minute: more than any part says while it waits with back-off for a server (12).
MOST: Final = 20
_MINUTE: Final = 60.0
#: Places remembered; libraries that build their messages anew each time would make them endless.
_PLACES: Final = 1000

_Place = tuple[str, int, str]


class _Said:
    __slots__ = ("began", "held", "said")

    def __init__(self, began: float) -> None:
        self.began = began
        self.said = 0
        self.held = 0


class Repeats(logging.Filter):
    """A filter of `handler`: holds back what one place says too often, and says through the handler how much it held. Debug
    lines are let through: who asked for them wants them all."""

    def __init__(self, handler: logging.Handler, minute: float = _MINUTE) -> None:
        super().__init__()
        self._handler = handler
        self._minute = minute
        self._lock = threading.Lock()
        self._places: dict[_Place, _Said] = {}
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO or isinstance(record, _Summary):
            return True
        # Before its arguments are filled in: those of one place differ.
        event = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
        place = (record.name, record.levelno, str(event))
        now = time.monotonic()
        with self._lock:
            over = self._over(now) if place not in self._places and len(self._places) >= _PLACES else {}
            said = self._places.get(place)
            if said is not None and now - said.began >= self._minute:
                over[place] = self._places.pop(place)
                said = None
            if said is None:
                said = self._places[place] = _Said(now)
            passes = said.said < MOST
            if passes:
                said.said += 1
            else:
                said.held += 1
                self._look_later()
        self._tell(over)
        return passes

    def tell(self) -> None:
        """Say what was held back in minutes that are over."""
        with self._lock:
            self._timer = None
            over = self._over(time.monotonic())
            if any(said.held for said in self._places.values()):
                self._look_later()
        self._tell(over)

    def _look_later(self) -> None:
        # Nobody may come again to whom it could be told.
        if self._timer is None:
            self._timer = threading.Timer(self._minute, self.tell)
            self._timer.daemon = True
            self._timer.start()

    def _over(self, now: float) -> dict[_Place, _Said]:
        """Take those whose minute is over out of the memory; when none is, the oldest."""
        over = {place: said for place, said in self._places.items() if now - said.began >= self._minute}
        if not over and len(self._places) >= _PLACES:
            oldest = next(iter(self._places))
            over[oldest] = self._places[oldest]
        for place in over:
            del self._places[place]
        return over

    def _tell(self, over: dict[_Place, _Said]) -> None:
        for (name, level, event), said in over.items():
            if said.held:
                text = f"{event} … repeated {said.held} times"
                self._handler.handle(_Summary(name, level, "", 0, "%s", (text,), None))


class _Summary(logging.LogRecord):
    """Counted itself it would be a place of its own each time."""
