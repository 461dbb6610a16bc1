"""Every way a call can fail, as one exception and the handlers that shape the rest."""

import redis
import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from dashboard.api.answers import failed
from pipeline.errors import CryptoVizError

_CODES = {
    400: "INVALID_BODY",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    429: "RATE_LIMITED",
}
_log = structlog.get_logger(__name__)


class ApiError(CryptoVizError):
    """Something the caller is told: HTTP status, code, sentence, and for a 400 a call that works."""

    def __init__(self, status: int, code: str, message: str, example: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.example = example


def mount(server: Flask) -> None:
    server.register_error_handler(ApiError, _ours)
    server.register_error_handler(HTTPException, _http)
    server.register_error_handler(SQLAlchemyError, _database)
    server.register_error_handler(redis.RedisError, _redis)


def _ours(error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return failed(error.status, error.code, str(error), error.example)


def _http(error: Exception) -> Response | HTTPException:
    """What Flask itself refuses: in our shape under /api, as it is elsewhere."""
    assert isinstance(error, HTTPException)
    if not request.path.startswith("/api"):
        return error
    status = error.code or 500
    text = (
        f"There is nothing at {request.path}."
        if status == 404
        else f"{request.method} is not possible at {request.path}."
        if status == 405
        else error.description or error.name
    )
    response = failed(
        status,
        _CODES.get(status, "NOT_READY" if status == 503 else "DATABASE_ERROR" if status >= 500 else "INVALID_BODY"),
        text,
    )
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _database(error: Exception) -> Response:
    # The text may name hosts and users: it is for the log.
    _log.error("database", error=str(error).splitlines()[0], path=request.path)
    return failed(503, "DATABASE_ERROR", "The database does not answer. Try again in a few seconds.")


def _redis(error: Exception) -> Response:
    _log.error("redis", error=str(error), path=request.path)
    return failed(503, "NOT_READY", "The live store does not answer. Try again in a few seconds.")
