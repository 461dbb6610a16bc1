"""What `up` asks of the network: free ports, whether something listens, whether Binance is there."""

import socket
import threading
import time
from typing import Final

import httpx

from pipeline.errors import SetupError

#: How long Binance may take to answer before `auto` takes the simulator, in seconds.
_PROBE: Final = 3.0
#: How long a web server of a killed run may take to let go of its port, in seconds.
_PORT_PATIENCE: Final = 3.0


class BinanceProbe(threading.Thread):
    """Asks Binance whether it is there, while the servers start."""

    def __init__(self, rest_url: str) -> None:
        super().__init__(daemon=True)
        self._url = f"{rest_url}/api/v3/ping"
        self.reason = f"no answer within {_PROBE:.0f} s"
        self.answered = False
        self._deadline = time.monotonic() + _PROBE

    def decided(self) -> bool:
        """Wait no longer than the probe may take; whether Binance answered."""
        self.join(max(0.0, self._deadline - time.monotonic()))
        return self.answered

    def run(self) -> None:
        try:
            code = httpx.get(self._url, timeout=_PROBE).status_code
            self.answered = code == httpx.codes.OK
            self.reason = f"HTTP {code}"
        except httpx.HTTPError as error:
            self.reason = str(error) or type(error).__name__


def free_port(host: str, port: int) -> int:
    """`port` if it is free, for 0 a free one. Raises SetupError."""
    deadline = time.monotonic() + _PORT_PATIENCE
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return int(probe.getsockname()[1])
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SetupError(
                        f"Port {port} of {host} cannot be used ({error.strerror}); choose another with --port."
                    ) from error
        time.sleep(0.1)


def await_listener(base: str, stop: threading.Event, patience: float = 10.0) -> None:
    """Until something listens at `base`, so that the collector's first attempt succeeds."""
    address = httpx.URL(base)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not stop.is_set():
        try:
            socket.create_connection((address.host, address.port or 80), 1).close()
            return
        except OSError:
            time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether a GET of `url`, on this machine (so past any proxy), is answered with 200."""
    try:
        return httpx.get(url, timeout=1.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
