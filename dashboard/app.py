"""The web application: REST, WebSocket and pages on one Flask."""

from flask import Flask
from flask_compress import Compress

from dashboard import api, page, security, services
from dashboard.live import socket
from pipeline.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Connects to nothing: the first request does, and `/ready` says what is missing."""
    server = Flask("cryptoviz", static_folder=None)
    server.config["SETTINGS"] = settings
    # The bodies worth it are JSON and scripts; level 4 is where brotli still beats gzip and costs less than the query.
    server.config |= {"COMPRESS_BR_LEVEL": 4, "COMPRESS_MIN_SIZE": 1024, "COMPRESS_ALGORITHM": ["br", "gzip"]}
    server.url_map.merge_slashes = False  # /crypto//data is nobody's symbol
    Compress(server)
    services.mount(server, settings)
    api.mount(server)
    socket.mount(server, settings)
    page.mount(server, settings)
    security.secure(server)
    return server
