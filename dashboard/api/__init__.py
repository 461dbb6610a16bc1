"""REST, as CONTRACT §2 has it: one module a resource, one place each for answers, errors and parameters."""

from flask import Flask

from dashboard.api import (
    alerts,
    auth,
    cors,
    crypto,
    errors,
    export,
    export_jobs,
    indicators,
    layouts,
    markets,
    news,
    openapi,
    people,
    quality,
    sentiment,
    stats,
    system,
)


def mount(server: Flask) -> None:
    """Add every route to `server`. Its `config` holds what they use (dashboard.app)."""
    for blueprint in (
        alerts.routes,
        auth.routes,
        crypto.routes,
        export.routes,
        export_jobs.routes,
        indicators.routes,
        markets.routes,
        news.routes,
        openapi.routes,
        layouts.routes,
        people.routes,
        quality.routes,
        sentiment.routes,
        stats.routes,
        system.routes,
    ):
        server.register_blueprint(blueprint)
    errors.mount(server)
    cors.mount(server)
