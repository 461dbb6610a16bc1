"""compose.yaml, .env.example, dashboards and alert rules against the code and against each other."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from pipeline.cli import app
from pipeline.errors import SetupError
from pipeline.settings import Settings, load
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
WATCHING = {"prometheus", "alertmanager", "grafana", "loki", "alloy"}


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


METRIC = re.compile(r"\bcryptoviz_\w+")


def known_metrics() -> set[str]:
    source = (REPOSITORY / "dashboard" / "metrics.py").read_text()
    found = set(METRIC.findall(source))
    return found | {f"{one}_total" for one in found} | {f"{one}_bucket" for one in found}


def test_dashboards_and_rules_ask_for_metrics_that_exist() -> None:
    known = known_metrics()
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                assert set(METRIC.findall(target["expr"])) <= known, f"{path.name}: {panel['title']}"
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    runbooks = (REPOSITORY / "docs" / "runbooks.md").read_text()
    for rule in rules:
        assert set(METRIC.findall(rule["expr"])) <= known
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert f"\n## {rule['alert']}\n" in runbooks


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
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert all(f"alertname: {rule['alert']}\n" in tested for rule in rules)
