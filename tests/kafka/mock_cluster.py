"""librdkafka's own mock cluster: brokers in this process, for machines without Java.

It does all that clients do, but not the administration of topics; the library's own function makes them.
"""

import ctypes
from pathlib import Path
from typing import Final

import confluent_kafka

_PRODUCER: Final = 0
_REASON: Final = 512


def _library() -> ctypes.CDLL:
    # The one that the wheel brings and has loaded already.
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class MockCluster:
    """One broker, from the making to `stop`."""

    def __init__(self) -> None:
        self._library = _library()
        reason = ctypes.create_string_buffer(_REASON)
        size = ctypes.c_size_t(_REASON)
        settings = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        # It warns that it knows no servers, and means those that it is about to make.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", reason, size)
        self._client = ctypes.c_void_p(self._library.rd_kafka_new(_PRODUCER, settings, reason, size))
        assert self._client, reason.value
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._client, 1))
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, ctypes.c_int32(0))
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create(self, topic: str, partitions: int) -> None:
        """Nothing happens when it is there."""
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def stop(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)
