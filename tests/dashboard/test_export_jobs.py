"""Exports in the background."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import jobs as module
from dashboard.jobs import Job
from dashboard.services import services
from pipeline.store.write import Store
from tests.dashboard.conftest import candle
from tests.dashboard.people import People, bearer
from tests.stack import eventually

JOBS = "/api/v1/export/jobs"
CANDLES = {"dataset": "candles", "symbols": ["btc-usdt"]}


def ended(client: FlaskClient, path: str, **options: Any) -> dict[str, Any]:
    assert eventually(lambda: client.get(path, **options).json["data"]["state"] not in ("waiting", "running"), 60)
    return dict(client.get(path, **options).json["data"])


def test_asked_for_watched_and_fetched(web: FlaskClient, store: Store) -> None:
    store.write([], [candle(n) for n in range(500)])
    answer = web.post(JOBS, json=CANDLES | {"start_time": "2024-08-08T12:10:00Z"})
    assert answer.status_code == 202
    path = answer.headers["Location"]
    assert answer.json["data"]["state"] in ("waiting", "running")
    job = ended(web, path)
    assert (job["state"], job["rows"], job["share"], job["name"]) == ("done", 490, 1.0, "BTC-USDT_candles_1m.csv")
    assert [one["id"] for one in web.get(JOBS).json["data"]] == [job["id"]]
    file = web.get(job["file"], buffered=True)
    assert (file.status_code, file.mimetype, len(file.data)) == (200, "text/csv", job["bytes"])
    assert "BTC-USDT_candles_1m.csv" in file.headers["Content-Disposition"]
    assert len(list(csv.DictReader(io.StringIO(file.text)))) == 490
    # A download that broke off goes on.
    part = web.get(job["file"], headers={"Range": "bytes=100-"}, buffered=True)
    assert (part.status_code, part.data) == (206, file.data[100:])
    assert web.delete(path).status_code == 200
    assert web.get(path).status_code == 404
    assert web.get(job["file"]).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"dataset": "secrets"}, "INVALID_BODY"),
        ({"dataset": "candles"}, "MISSING_PARAMETER"),
        ({"dataset": "candles", "symbols": ["?"]}, "INVALID_SYMBOL"),
        (CANDLES | {"format": "doc"}, "INVALID_BODY"),
        (CANDLES | {"interval": "2m"}, "INVALID_BODY"),
        (CANDLES | {"start_time": "2024-08-08T12:00:00"}, "INVALID_TIME"),
        (CANDLES | {"exchange": "-o"}, "INVALID_BODY"),
        (CANDLES | {"output": "/etc/passwd"}, "INVALID_BODY"),
    ],
)
def test_mistakes(web: FlaskClient, body: dict[str, Any], code: str) -> None:
    answer = web.post(JOBS, json=body)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert web.get(JOBS).json["data"] == []


def test_no_more_than_enough_and_cancelling(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = services(web.application).jobs
    slow: Callable[[Path], list[str]] = lambda path: ["sh", "-c", f"echo '[7,0.5]' >&2; sleep 60; touch {path}"]  # noqa: E731
    made = [jobs.start(Job("", "", "candles", [], "csv", "x.csv"), slow, {}) for _ in range(module.MOST)]
    answer = web.post(JOBS, json=CANDLES)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (429, "RATE_LIMITED", "10")
    assert eventually(lambda: any((job["state"], job["rows"]) == ("running", 7) for job in web.get(JOBS).json["data"]))
    assert sum(job["state"] == "running" for job in web.get(JOBS).json["data"]) == module.AT_ONCE
    for job in made:
        assert web.delete(f"{JOBS}/{job.id}").json["data"]["state"] == "cancelled"
    assert web.get(JOBS).json["data"] == []


def test_a_job_that_fails_says_so(web: FlaskClient) -> None:
    jobs = services(web.application).jobs
    job = jobs.start(
        Job("", "", "candles", [], "csv", "x.csv"), lambda path: ["sh", "-c", "echo secret >&2; exit 2"], {}
    )
    assert eventually(lambda: web.get(f"{JOBS}/{job.id}").json["data"]["state"] == "failed")
    found = web.get(f"{JOBS}/{job.id}").json["data"]
    assert "secret" not in found["error"]
    assert web.get(f"{JOBS}/{job.id}/file").status_code == 404


def test_a_server_that_went_away(web: FlaskClient) -> None:
    jobs = services(web.application).jobs
    old = int(time.time() * 1000) - 31_000
    jobs._redis.hset(
        "exports:jobs", "x", module._encode(Job("x", "", "candles", [], "csv", "x", "running", updated_at=old))
    )
    assert web.get(f"{JOBS}/x").json["data"]["state"] == "failed"


def test_everybody_has_their_own(guarded: FlaskClient, people: People, store: Store) -> None:
    ann, bob = bearer(people.token(people.ann)), bearer(people.key("export", of=people.bob))
    path = guarded.post(JOBS, json=CANDLES, headers=bob).headers["Location"]
    assert ended(guarded, path, headers=bob)["state"] == "done"
    assert guarded.get(path, headers=ann).status_code == 404
    assert guarded.get(f"{path}/file", headers=ann).status_code == 404
    assert guarded.delete(path, headers=ann).status_code == 404
    assert guarded.get(JOBS, headers=ann).json["data"] == []
    assert guarded.get(JOBS, headers=bearer(people.key("read"))).status_code == 403
