"""`cryptoviz web`: gunicorn with gevent. The application is imported in the forked worker, after its patching, never here."""

import ctypes
import os
import signal
import sys
from threading import Event
from typing import Any, Final

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from pipeline.access.start import access_on, check_access, is_loopback
from pipeline.settings import Settings

#: Seconds that requests get to end in; WebSockets are told at once and reconnect elsewhere.
_GRACE: Final = 2
_log = structlog.get_logger(__name__)


def run(settings: Settings, stop: Event) -> None:
    """Serve until SIGTERM or SIGINT, which gunicorn handles itself; returns then. `stop` set before means not to begin."""
    if stop.is_set():
        return
    check_access(settings)
    if not access_on(settings) and not is_loopback(settings.host):
        _log.warning("access is off: whoever reaches this address may read everything", host=settings.host)
    try:
        Arbiter(_Application(settings)).run()
    except SystemExit as ended:
        if ended.code not in (0, None):
            raise


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        for name, value in {
            "bind": f"{host}:{self._settings.port}",
            "worker_class": "gevent",
            # One process holds the hub; its one core serves a thousand sockets.
            "workers": 1,
            # The default of 1000 would refuse the 1001st socket, REST calls included.
            "worker_connections": 10_000,
            "graceful_timeout": _GRACE,
            "timeout": 60,
            "keepalive": 75,
            # In memory where there is such a thing: a heartbeat must not wait for a disk.
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108
            "control_socket_disable": True,
            "proc_name": "cryptoviz-web",
            "loglevel": "warning",
            "post_fork": _tie,
            "post_worker_init": _settle,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from psycogreen.gevent import patch_psycopg

        patch_psycopg()
        from dashboard.app import create_app

        return create_app(self._settings)


def _tie(arbiter: Any, worker: Any) -> None:
    """The worker dies with its master, even by kill -9, and so frees the port for the next one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() == 1:
            sys.exit(1)


def _settle(worker: Any) -> None:
    """Just before serving: what is loaded stays, and what every visitor loads is made ready."""
    import gc

    import gevent

    from dashboard.page import warm

    # The collector need not look at all this again, which saves pauses of 20 ms and more.
    gc.collect()
    gc.freeze()
    # In a real thread: brotli lets go of the interpreter, and the loop serves meanwhile.
    gevent.get_hub().threadpool.spawn(warm, worker.app.wsgi())
