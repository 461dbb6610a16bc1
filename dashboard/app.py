"""The web application: REST, WebSocket and pages on one Flask."""

from flask import Flask

from dashboard import api, compression, metrics, page, requests, security, services
from dashboard.live import socket
from pipeline.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Connects to nothing: the first request does, and `/ready` says what is missing."""
    server = Flask("cryptoviz", static_folder=None)
    server.config["SETTINGS"] = settings
    server.url_map.merge_slashes = False  # /crypto//data is nobody's symbol
    requests.mount(server)
    compression.mount(server)
    services.mount(server, settings)
    api.mount(server)
    metrics.mount(server, socket.mount(server, settings))
    page.mount(server)
    security.secure(server)
    return server
