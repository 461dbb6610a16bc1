"""The web application: REST, WebSocket and pages on one Flask."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard import api, compression, metrics, page, requests, security, services
from dashboard.access import guard
from dashboard.live import socket
from pipeline import tracing
from pipeline.access.start import check_access
from pipeline.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Connects to nothing: the first request does, and `/ready` says what is missing. Raises SetupError."""
    check_access(settings)
    server = Flask("cryptoviz", static_folder=None)
    if settings.proxies:
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    server.config["SETTINGS"] = settings
    server.url_map.merge_slashes = False  # /crypto//data is nobody's symbol
    traces = tracing.connect(settings, "web")
    requests.mount(server, traces)
    compression.mount(server)
    services.mount(server, settings)
    guard.mount(server)
    api.mount(server)
    metrics.mount(server, socket.mount(server, settings, traces))
    page.mount(server)
    security.secure(server)
    return server
