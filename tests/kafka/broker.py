"""A real Kafka: one node in KRaft mode, as a process of its own on 127.0.0.1."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.embedded import processes
from pipeline.embedded.network import free_port
from tests.tools import REPOSITORY

JARS: Final = REPOSITORY / ".tools" / "kafka"
#: Any 16 bytes, in Kafka's base64.
_CLUSTER: Final = "Y3J5cHRvdml6LXRlc3RzMA"
#: Seconds. It needs four on an idle machine with two cores.
_PATIENCE: Final = 90.0


class Broker:
    """The node whose data lies in `folder`. Its port stays the same over `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        java = shutil.which("java")
        assert java is not None
        self._java = [java, "-Xms64m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self._java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*"]
        self._log = folder / "kafka.log"
        self._config = folder / "server.properties"
        self._data = folder / "logs"
        self._process: subprocess.Popen[bytes] | None = None
        port, controller = free_port("127.0.0.1", 0), free_port("127.0.0.1", 0)
        self.address = f"127.0.0.1:{port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": str(self._data),
            # Topics come from us or not at all.
            "auto.create.topics.enable": "false",
            # One node has no others to copy to, and a group's first member none to wait for.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # So long a node that was killed must wait before it may come back.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            # Segments are sparse files of full size otherwise: 10 MB an index, for each of hundreds of test partitions.
            "log.index.size.max.bytes": "65536",
        }
        self._config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        format_storage = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(self._config)]
        with self._log.open("ab") as log:
            subprocess.run([*self._java, *format_storage], stdout=log, stderr=log, check=True)

    def start(self) -> str:
        """Start and wait until it answers; the bootstrap address."""
        with self._log.open("ab") as log:
            self._process = processes.start(
                [*self._java, "kafka.Kafka", str(self._config)], log=log, death_signal=signal.SIGKILL
            )
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "reconnect.backoff.max.ms": 200})
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                client.list_topics(timeout=1)
                return self.address
            except KafkaException:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise AssertionError("Kafka did not start:\n" + self._log.read_text()[-4000:]) from None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def size(self, topic: str) -> int:
        """Bytes of its messages as they are stored."""
        return sum(file.stat().st_size for file in self._data.glob(f"{topic}-*/*.log"))

    def stop(self) -> None:
        """End it cleanly."""
        if self._process is not None:
            processes.end(self._process, signal.SIGTERM, patience=20)
            self._process = None

    def hang(self) -> None:
        """Accept connections and answer nothing, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
