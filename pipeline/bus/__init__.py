"""Kafka in production, Valkey Streams when embedded, behind one protocol (`base.py`)."""

from pipeline.bus.base import Bus
from pipeline.settings import Settings


def connect(settings: Settings) -> Bus:
    """The bus that the settings name. Connects lazily: the first call may raise BusUnavailable."""
    if settings.bus == "kafka":
        from pipeline.bus.kafka import KafkaBus

        return KafkaBus(settings.kafka_brokers, partitions=settings.partitions, member=settings.kafka_member)
    from pipeline.bus.streams import StreamsBus

    return StreamsBus(settings.redis_url, partitions=settings.partitions)
