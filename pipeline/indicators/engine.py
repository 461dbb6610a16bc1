"""The streamed set over one series, bar by bar: O(1) a bar, its whole state one msgspec struct."""

import math

import msgspec

from pipeline.indicators.bar import Bar, Figures
from pipeline.indicators.incremental import STREAMED, Streamed, Window


class Engine(msgspec.Struct, array_like=True):
    """Bars go in in order of time. Closed ones move the state; a forming one may be shown in any number of versions."""

    window: Window
    indicators: dict[str, Streamed]

    @classmethod
    def new(cls) -> "Engine":
        return cls(Window(), {type_: class_() for type_, class_ in STREAMED.items()})

    def close(self, b: Bar) -> dict[str, Figures]:
        """Type → figures at this bar, of the indicators that are warm."""
        out = self._step(b, True)
        self.window.settle()
        return out

    def form(self, b: Bar) -> dict[str, Figures]:
        """As if `b` closed as it is now; the state stays where it was."""
        return self._step(b, False)

    def _step(self, b: Bar, keep: bool) -> dict[str, Figures]:
        window = self.window
        window.put(b)
        out = {}
        for type_, indicator in self.indicators.items():
            figures = indicator.step(window, keep)
            if figures:
                out[type_] = figures
        return out

    def save(self) -> bytes:
        return _encode(self)


def restore(state: bytes) -> Engine:
    """Raises msgspec.MsgspecError when it was saved by another version."""
    return _decode(state)


def finite(figures: Figures) -> bool:
    return all(map(math.isfinite, figures.values()))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Engine).decode
