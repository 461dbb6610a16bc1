"""Every way a call can fail, as one exception and the handlers that shape the rest."""

import psycopg2
import redis
import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from dashboard.api.answers import failed
from pipeline.errors import ColdUnavailable, CryptoVizError

_CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 429: "RATE_LIMITED"}
_log = structlog.get_logger(__name__)


class ApiError(CryptoVizError):
    """Something the caller is told: HTTP status, code, sentence, and for a 400 a call that works."""

    def __init__(self, status: int, code: str, message: str, example: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.example = example
        #: Seconds, if the caller is told when to come again.
        self.retry_after: int | None = None


def mount(server: Flask) -> None:
    server.register_error_handler(ApiError, _ours)
    server.register_error_handler(HTTPException, _http)
    server.register_error_handler(SQLAlchemyError, _database)
    server.register_error_handler(psycopg2.Error, _database)
    server.register_error_handler(redis.RedisError, _redis)
    server.register_error_handler(ColdUnavailable, _cold)


def _ours(error: Exception) -> Response:
    assert isinstance(error, ApiError)
    response = failed(error.status, error.code, str(error), error.example)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http(error: Exception) -> Response | HTTPException:
    """What Flask itself refuses: in our shape under /api, as it is elsewhere."""
    assert isinstance(error, HTTPException)
    if not request.path.startswith("/api"):
        return error
    status = error.code or 500
    if status == 405 and _unknown():
        status = 404
    if status == 404:
        return failed(404, "NOT_FOUND", f"There is nothing at {request.path}.")
    if status == 405:
        response = failed(405, "METHOD_NOT_ALLOWED", f"{request.method} is not possible at {request.path}.")
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ("GET",)))
        return response
    code = "INVALID_BODY" if status < 500 else "NOT_READY"
    return failed(status, _CODES.get(status, code), error.description or error.name)


def _unknown() -> bool:
    """Whether a GET would find nothing there either."""
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.match(method="GET")[0] == "system.nothing"


def _database(error: Exception) -> Response:
    # The text may name hosts and users: it is for the log.
    _log.error("database", error=str(error).partition("\n")[0], path=request.path)
    return failed(503, "DATABASE_ERROR", "The database does not answer. Try again in a few seconds.")


def _cold(error: Exception) -> Response:
    _log.error("cold tier", error=str(error), path=request.path)
    return failed(
        503, "DATABASE_ERROR", "Older data cannot be read now. Ask for a newer range, or try again in a few seconds."
    )


def _redis(error: Exception) -> Response:
    _log.error("redis", error=str(error), path=request.path)
    return failed(503, "NOT_READY", "The live store does not answer. Try again in a few seconds.")
