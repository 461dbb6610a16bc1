"""compose.yaml, .env.example, dashboards and alert rules against the code and against each other."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from sqlalchemy.engine import make_url
from typer.main import get_command

from pipeline.cli import app
from pipeline.embedded import postgres
from pipeline.errors import SetupError
from pipeline.settings import Settings, load
from pipeline.store.engine import dsn
from pipeline.store.migrate import migrate
from tests.tools import REPOSITORY, need, tool_missing

DEPLOY = REPOSITORY / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if "cryptoviz" in one["image"]}
SETTINGS = {f"CRYPTOVIZ_{name.upper()}" for name in Settings.model_fields}
#: Of compose.yaml itself.
OUTER = {"CRYPTOVIZ_VERSION", "CRYPTOVIZ_LISTEN", "CRYPTOVIZ_HTTPS_PORT"}
#: Profile → what runs beside the core.
COLD = {"minio", "bucket"}
EXPORTERS = {"postgres-exporter", "kafka-exporter", "redis-exporter", "node-exporter"}
WATCHING = {"prometheus", "alertmanager", "grafana", "loki", "alloy"} | EXPORTERS


def test_every_worker_is_there_and_is_a_command() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {one["command"][0] for one in OURS.values()} <= commands
    workers = {"collector", "candles", "indicators", "news", "writer", "bridge", "alerts", "keeper", "web", "migrate"}
    assert set(OURS) == workers


def test_only_settings_that_exist_are_given() -> None:
    for one in OURS.values():
        assert {name for name in one["environment"] if name.startswith("CRYPTOVIZ_")} <= SETTINGS
    named = set(re.findall(r"\$\{(CRYPTOVIZ_\w+)", (REPOSITORY / "compose.yaml").read_text()))
    assert named <= SETTINGS | OUTER


def test_the_example_has_every_knob_with_its_default() -> None:
    given = dict(re.findall(r"^#(\w+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    assert given.keys() >= SETTINGS | OUTER
    for name, field in Settings.model_fields.items():
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        assert given[f"CRYPTOVIZ_{name.upper()}"] == default
    used = set(re.findall(r"\$\{(\w+)", (REPOSITORY / "compose.yaml").read_text()))
    assert used <= given.keys()


def test_one_env_file_serves_compose_and_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    every = re.sub(r"^#(\w+=)", r"\1", (REPOSITORY / ".env.example").read_text(), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(every.replace("CRYPTOVIZ_HOT_DAYS=35", "CRYPTOVIZ_HOT_DAYS=44"))
    assert load().hot_days == 44
    (tmp_path / ".env").write_text("CRYPTOVIZ_SYMBOL=BTC/USDT\n")
    with pytest.raises(SetupError, match="symbol"):
        load()


@pytest.fixture(scope="module")
def composed() -> Callable[..., dict[str, Any]]:
    """What Compose itself makes of compose.yaml: `composed("full")`."""
    program = REPOSITORY / ".tools" / "compose" / "config"
    if not program.exists():
        tool_missing("Compose's reader: make compose")

    def read(*profiles: str) -> dict[str, Any]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("CRYPTOVIZ_", "COMPOSE_"))}
        done = subprocess.run(
            [program, REPOSITORY / "compose.yaml", *profiles], env=clean, capture_output=True, text=True, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, "")
        return dict(json.loads(done.stdout))

    return read


def test_compose_takes_it_and_each_profile_adds_its_own(composed: Callable[..., dict[str, Any]]) -> None:
    core = set(composed()["services"])
    assert core == SERVICES.keys() - COLD - WATCHING
    assert set(composed("core")["services"]) == core
    assert set(composed("cold")["services"]) == core | COLD
    assert set(composed("observability")["services"]) == core | WATCHING
    whole = composed("full")
    assert set(whole["services"]) == set(SERVICES)
    for name, one in whole["services"].items():
        assert "ALL" in one["cap_drop"] and one["security_opt"] == ["no-new-privileges:true"], name
        assert one.get("read_only") or name == "kafka"
        assert one["logging"]["options"]["labels"] == "com.docker.compose.service", "else Alloy drops its lines"
        if name in OURS and name not in ("web", "migrate"):
            assert one["environment"]["CRYPTOVIZ_ALIVE"] in one["healthcheck"]["test"][1]


def test_logs_find_their_way_to_grafana() -> None:
    alloy = (DEPLOY / "alloy" / "config.alloy").read_text()
    made = {f"{kind}.{name}" for kind, name in re.findall(r'^([a-z._]+) "(\w+)" {$', alloy, re.MULTILINE)}
    used = set(re.findall(r"([a-z_]+(?:\.[a-z_]+)+)\.(?:receiver|targets)\b", alloy))
    assert used <= made and made - used == {"loki.source.file.containers"}
    assert alloy.count("{") == alloy.count("}") and alloy.count("[") == alloy.count("]")
    named = re.search(r'service=~\\"([a-z|]+)\\"', alloy)
    assert named is not None and set(named[1].split("|")) == set(OURS)
    mounts = {mount.split(":")[-2] for mount in SERVICES["alloy"]["volumes"]}
    assert {"/etc/alloy/config.alloy", "/var/lib/docker/containers"} <= mounts
    loki = yaml.safe_load((DEPLOY / "loki" / "loki.yml").read_text())
    url = f"http://loki:{loki['server']['http_listen_port']}"
    assert f'"{url}/loki/api/v1/push"' in alloy
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/loki.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("loki", url)
    assert loki["compactor"]["retention_enabled"] and loki["limits_config"]["retention_period"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_and_watched(name: str) -> None:
    one = SERVICES[name]
    tag = one["image"].partition(":")[2]
    assert tag and "latest" not in tag
    if name == "migrate":
        return
    limits = one["deploy"]["resources"]["limits"]
    assert limits["cpus"] and limits["memory"]
    assert name == "bucket" or "healthcheck" in one
    if name in OURS:
        assert one["user"] != "root" and one["read_only"] and one["cap_drop"] == ["ALL"]
        assert one["stop_grace_period"] == "30s"
    assert set(one.get("secrets", ())) <= COMPOSE["secrets"].keys()
    assert set(one["networks"]) <= COMPOSE["networks"].keys()
    for mount in one.get("volumes", ()):
        source = mount.split(":")[0]
        assert source in COMPOSE["volumes"] or (REPOSITORY / source).exists() or mount.startswith("${DOCKER_DATA:-/")
    assert set(one.get("depends_on", ())) <= SERVICES.keys()


def test_only_nginx_and_grafana_have_ports_and_on_loopback() -> None:
    ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert set(ports) == {"nginx", "grafana"}
    assert all("127.0.0.1" in port for given in ports.values() for port in given)


def test_secrets_are_made_and_not_kept() -> None:
    made = (DEPLOY / "secrets.sh").read_text()
    for secret in COMPOSE["secrets"].values():
        path = secret["file"]
        assert path.startswith("deploy/secrets/")
        assert path.removeprefix("deploy/secrets/") in made
    assert "deploy/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()


def test_secrets_of_files_are_settings(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cryptoviz_database_url").write_text("postgresql+psycopg2://a:b@c/d\n")
    monkeypatch.setattr("pipeline.settings.SECRETS", tmp_path)
    assert Settings().database_url == "postgresql+psycopg2://a:b@c/d"
    monkeypatch.setenv("CRYPTOVIZ_DATABASE_URL", "postgresql+psycopg2://e")
    assert Settings().database_url == "postgresql+psycopg2://e"


METRIC = re.compile(r"\b(?:cryptoviz|process|pg|kafka|redis|node)_\w+|\bup\b")
#: What the exporters and Prometheus's own client give, as far as it is asked for.
OTHERS = {
    "up", "process_resident_memory_bytes", "process_open_fds", "redis_connected_clients", "pg_database_size_bytes",
    "pg_stat_activity_count", "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
}  # fmt: skip
BOARDS = {path.stem: json.loads(path.read_text()) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


def known_metrics() -> set[str]:
    """Those of docs/metrics.md, which tests/test_metrics.py holds against what the parts answer."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+)", page, re.MULTILINE)
    return OTHERS | {f"{name}_bucket" if kind == "histogram" else name for name, kind in rows}


def sources() -> dict[str, str]:
    """uid → type."""
    files = (DEPLOY / "grafana" / "provisioning" / "datasources").glob("*.yml")
    return {one["uid"]: one["type"] for file in files for one in yaml.safe_load(file.read_text())["datasources"]}


def test_prometheus_asks_everybody_where_they_answer() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (workers,) = jobs["workers"]["dns_sd_configs"]
    assert set(workers["names"]) == set(OURS) - {"web", "migrate"}
    for name in workers["names"]:
        assert OURS[name]["environment"]["CRYPTOVIZ_METRICS_PORT"] == workers["port"]
        assert "cryptoviz_metrics_token" in OURS[name]["secrets"]
    asked = {
        job["static_configs"][0]["targets"][0].partition(":")[0] for job in jobs.values() if "static_configs" in job
    }
    assert asked == EXPORTERS | {"localhost"}


def test_dashboards_and_rules_ask_for_metrics_that_exist() -> None:
    known = known_metrics()
    assert set(BOARDS) == {"trading", "pipeline", "live", "database", "news"}
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            assert sources()[panel["datasource"]["uid"]] == panel["datasource"]["type"]
            for target in panel["targets"]:
                if panel["datasource"]["uid"] == "prometheus":
                    asked = set(METRIC.findall(re.sub(r'"[^"]*"', "", target["expr"])))
                    assert asked and asked <= known, f"{name}: {panel['title']}: {asked - known}"
    runbooks = (REPOSITORY / "docs" / "runbooks.md").read_text()
    for rule in RULES:
        assert set(METRIC.findall(re.sub(r'"[^"]*"', "", rule["expr"]))) <= known, rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert f"\n## {rule['alert']}\n" in runbooks
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"^## (\w+)$", runbooks, re.MULTILINE))


def test_dashboards_ask_the_database_for_what_it_has(database_url: str, tmp_path: Path) -> None:
    """As the role that may only look, made by the file that compose.yaml gives the database."""
    # The image runs the files that lie there, after its own, and looks into no folder.
    assert (
        "./deploy/timescaledb/reader.sql:/docker-entrypoint-initdb.d/900_reader.sql:ro"
        in SERVICES["timescaledb"]["volumes"]
    )
    password = tmp_path / "password"
    password.write_text("quite a secret")
    made = (DEPLOY / "timescaledb" / "reader.sql").read_text().replace("/run/secrets/reader_password", str(password))
    psql = postgres.programs() / "psql"
    done = subprocess.run(
        [psql, "-v", "ON_ERROR_STOP=1", "-q", dsn(database_url)], input=made, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    try:
        migrate(database_url)
        reader = make_url(dsn(database_url)).set(username="cryptoviz_reader", password="quite a secret")
        with (
            psycopg2.connect(reader.render_as_string(hide_password=False)) as connection,
            connection.cursor() as cursor,
        ):
            for sql in _queries("trading", "news"):
                cursor.execute(sql)
            for refused in ("SELECT * FROM users", "SELECT * FROM api_keys", "DELETE FROM trades"):
                with pytest.raises(psycopg2.Error):
                    cursor.execute(refused)
                connection.rollback()
        connection.close()
    finally:
        # Roles are the server's, which other tests share.
        with psycopg2.connect(dsn(database_url)) as connection, connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY cryptoviz_reader; DROP ROLE cryptoviz_reader")
        connection.close()


def _queries(*boards: str) -> Iterator[str]:
    """Their SQL, with what Grafana puts into it."""
    for name in boards:
        for panel in BOARDS[name]["panels"]:
            for target in panel["targets"]:
                if "rawSql" in target:
                    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 > now() - interval '1 hour'", target["rawSql"])
                    yield sql.replace("$symbol", "BTC/USDT").replace("$timeframe", "1m")


def test_rules_by_promtool(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    folder = shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    config, token = folder / "prometheus.yml", tmp_path / "token"
    token.write_text("t")
    config.write_text(config.read_text().replace("/run/secrets/cryptoviz_metrics_token", str(token)))
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = (DEPLOY / "prometheus" / "alerts_test.yml").read_text()
    assert all(f"alertname: {rule['alert']}\n" in tested for rule in RULES)
