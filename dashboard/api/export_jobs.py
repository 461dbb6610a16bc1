"""Exports made in the background: asked for, watched, fetched."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, request, send_file

from dashboard.access import guard
from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.body import body
from dashboard.api.errors import ApiError
from dashboard.api.export import FORMATS, MOST_SYMBOLS, command, environment, parsed
from dashboard.jobs import Job, TooMany
from dashboard.services import services
from pipeline.exports.datasets import DATASETS
from pipeline.exports.files import Request, name
from pipeline.timeframes import TIMEFRAMES

routes = Blueprint("export_jobs", __name__, url_prefix="/api/v1/export/jobs")


class NewJob(msgspec.Struct, forbid_unknown_fields=True):
    """As the parameters of GET /export/<dataset>."""

    dataset: str
    symbols: Annotated[list[Annotated[str, msgspec.Meta(max_length=60)]], msgspec.Meta(max_length=MOST_SYMBOLS)] = []
    interval: str = "1m"
    exchange: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")] | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    format: str = "csv"


@routes.post("")
def start() -> Response:
    wanted = body(NewJob)
    for field, value, allowed in (
        ("dataset", wanted.dataset, DATASETS), ("format", wanted.format, FORMATS), ("interval", wanted.interval, TIMEFRAMES)
    ):  # fmt: skip
        if value not in allowed:
            parameters.refuse("INVALID_BODY", f"{field}: '{value[:20]}' is none of {', '.join(allowed)}.")
    for field, at in (("start_time", wanted.start_time), ("end_time", wanted.end_time)):
        if at is not None and at.tzinfo is None:
            parameters.refuse("INVALID_TIME", f"{field}: needs a zone, like 2026-01-31T12:00:00Z.")
    symbols = parsed(wanted.symbols, DATASETS[wanted.dataset])
    exchange = wanted.exchange or parameters.exchange()
    asked = Request(
        wanted.dataset, symbols, wanted.interval, exchange, wanted.start_time, wanted.end_time, wanted.format
    )
    job = Job(
        "", _owner(), asked.dataset, list(symbols), asked.format, name(asked, symbols[0] if len(symbols) == 1 else None)
    )
    try:
        job = services().jobs.start(job, lambda path: [*command(asked, str(path)), "--progress"], environment())
    except TooMany:
        refused = ApiError(
            429, "RATE_LIMITED", "Enough exports of yours are being made already. Try again when one is done."
        )
        refused.retry_after = 10
        raise refused from None
    response = ok(_shown(job))
    response.status_code = 202
    response.headers["Location"] = f"{request.path}/{job.id}"
    return response


@routes.get("")
def every() -> Response:
    """The caller's own, newest first."""
    return ok([_shown(job) for job in services().jobs.of(_owner())])


@routes.get("/<job_id>")
def one(job_id: str) -> Response:
    return ok(_shown(_found(job_id)))


@routes.get("/<job_id>/file")
def file(job_id: str) -> Response:
    """May be fetched in parts, and again."""
    job = _found(job_id)
    path = services().jobs.file(job)
    if job.state != "done" or not path.exists():
        raise ApiError(404, "NOT_FOUND", f"There is no file: the job is {job.state}.")
    response = send_file(
        path.resolve(), mimetype=FORMATS[job.format], as_attachment=True, download_name=job.name, conditional=True
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.delete("/<job_id>")
def end(job_id: str) -> Response:
    """Cancel it, or throw its file away."""
    job = _found(job_id)
    services().jobs.end(job)
    return ok(_shown(msgspec.structs.replace(job, state="cancelled")))


def _found(job_id: str) -> Job:
    job = services().jobs.find(job_id[:64], _owner())
    if job is None:
        raise ApiError(404, "NOT_FOUND", "You have no such export.")
    return job


def _owner() -> str:
    who = guard.caller()
    return "" if who is None else f"user:{who.user}"


def _shown(job: Job) -> dict[str, Any]:
    found = msgspec.structs.asdict(job)
    del found["owner"]
    found["file"] = f"/api/v1/export/jobs/{job.id}/file" if job.state == "done" else None
    return found
