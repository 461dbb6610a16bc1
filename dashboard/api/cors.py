"""Which pages of other origins may read the API, and the answer to every OPTIONS."""

from flask import Flask, Response, current_app, request


def mount(server: Flask) -> None:
    server.before_request(_preflight)
    server.after_request(_allow)


def _preflight() -> Response | None:
    if request.method != "OPTIONS":
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    response.headers["Access-Control-Allow-Headers"] = request.headers.get(
        "Access-Control-Request-Headers", "Content-Type, Authorization"
    )
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _allow(response: Response) -> Response:
    if not request.path.startswith(("/api/", "/health", "/ready", "/ws/")):
        return response
    allowed = [origin.strip() for origin in current_app.config["SETTINGS"].cors_origins.split(",")]
    if "*" in allowed:
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.vary.add("Origin")
        if (origin := request.headers.get("Origin", "")) in allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
    return response
