"""Where messages go that cannot be read: kept as they came, with what was wrong."""

from typing import Final

from pipeline.bus.base import Bus, Message, Record
from pipeline.bus.topics import DEADLETTER

#: Characters of the error that a header holds; it may quote the message, which we keep whole anyway.
_ERROR: Final = 500


def dead_letter(bus: Bus, message: Message, error: Exception) -> None:
    """Publish the message to the dead letters, durably. Raises BusUnavailable."""
    where = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": message.offset,
        "error": str(error)[:_ERROR] or type(error).__name__,
    }
    bus.publish(DEADLETTER, [Record(message.key or b"", message.value, {**message.headers, **where})])
