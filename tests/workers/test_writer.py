"""The writer's sorting of a batch."""

import gc
import weakref

from pipeline.bus.base import Message
from pipeline.bus.topics import TRADES
from pipeline.workers.writer import sort


def test_a_batch_with_bad_messages_goes_when_it_is_done_with() -> None:
    gc.disable()
    try:
        batch = sort([Message(TRADES, 0, "1-1:0", None, b"no trade", {})] * 3)
        kept = [weakref.ref(error) for _, error in batch.bad]
        assert len(kept) == 3
        del batch
        assert [one() for one in kept] == [None] * 3
    finally:
        gc.enable()
