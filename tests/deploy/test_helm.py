"""The chart of deploy/helm: linted and rendered by Helm itself, then held against Kubernetes' own schemas and against our rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from typer.main import get_command

from pipeline.cli import app
from pipeline.settings import Settings
from tests.tools import REPOSITORY, need, tool_missing

CHART = REPOSITORY / "deploy" / "helm" / "cryptoviz"
JARS = REPOSITORY / ".tools" / "helm"
#: As `tests/helm/Chart.java` tells Helm.
SCHEMAS = JARS / "schemas" / "kubernetes_validate" / "kubernetes-json-schema" / "v1.33.0-local-strict"
#: Kinds of operators, of which those schemas know nothing.
FOREIGN = ("ScaledObject", "ServiceMonitor", "PodMonitor")
SINGLES, SHARED = {"collector", "keeper", "news"}, {"candles", "indicators", "writer", "bridge", "alerts"}
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())

_scaled = {"autoscaling": {"enabled": True}}
VALUES: dict[str, dict[str, Any]] = {
    "as-it-is": {},
    "everything": {
        "image": {"repository": "registry.example.com/cryptoviz", "tag": "1.2.3"},
        "imagePullSecrets": [{"name": "registry"}],
        "kafka": {"brokers": "k1:9092,k2:9092,k3:9192", "partitions": 24},
        "settings": {"symbols": "BTC/USDT,ETH/USDT", "simulator_seed": 12345678, "min_volume": 0.5, "trace_url": "http://tempo:4318"},
        "cold": {"url": "s3://bucket/cold?endpoint_override=minio:9000&scheme=http", "port": 9000, "secret": "minio"},
        "shared": {
            name: {**_scaled, "stable": name != "writer"} | ({"autoscaling": {"enabled": True, "max": 7}} if name == "writer" else {})
            for name in SHARED
        },
        "web": {"autoscaling": {"enabled": True}},
        "ingress": {"enabled": True, "host": "cv.example.org"},
        "exports": {"claim": "files"},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "networkPolicies": {"servers": [{"namespaceSelector": {"matchLabels": {"name": "data"}}}]},
        "podLabels": {"team": "a"}, "podAnnotations": {"note": "b"}, "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "x", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    },
    "plain": {
        "shared": {name: {"stable": False} for name in SHARED},
        "serviceAccount": {"create": False},
        "networkPolicies": {"enabled": False},
    },
}  # fmt: skip
#: Values → what Helm says of them.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"web": {"replica": 3}}, "replica"),
    "no-number": ({"kafka": {"partitions": "many"}}, "partitions"),
    "no-port": ({"kafka": {"brokers": "kafka"}}, "brokers"),
    "secret-in-the-open": ({"settings": {"database_url": "postgresql://a:b@c/d"}}, "database_url"),
    "no-limits": ({"web": {"resources": {"limits": None}}}, "limits"),
}


class Chart:
    def __init__(self, out: Path) -> None:
        self._out = out

    def said(self, name: str) -> str:
        return (self._out / name).read_text()

    def objects(self, name: str) -> list[dict[str, Any]]:
        """What Helm made of the values of that name."""
        return [one for one in yaml.safe_load_all(self.said(f"{name}.out")) if one]


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    java = need("java", "maven")
    if not any(JARS.glob("helm-java-*.jar")):
        tool_missing(f"Helm in {JARS.name}: make helm")
    folder = tmp_path_factory.mktemp("helm")
    copy, out = folder / "cryptoviz", folder / "out"
    shutil.copytree(CHART, copy)
    out.mkdir()
    # The library shows no hooks: here the Job is an object like others.
    migrate = copy / "templates" / "migrate.yaml"
    hooked, plain = migrate.read_text(), re.sub(r"    helm\.sh/hook.*\n", "", migrate.read_text())
    assert hooked.count("helm.sh/hook") == 2
    migrate.write_text(plain.replace("  annotations:\n", "", 1))
    files = []
    for name, values in (VALUES | {name: values for name, (values, _) in REFUSED.items()}).items():
        files.append(folder / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump(values))
    command = [
        java,
        "-cp",
        f"{JARS}/*",
        str(REPOSITORY / "tests" / "helm" / "Chart.java"),
        str(copy),
        str(out),
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return Chart(out)


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name of the component, the object, its pod's template) of all that runs."""
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one["metadata"]["labels"]["app.kubernetes.io/component"], one, one["spec"]["template"]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


def chosen(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def test_helm_finds_nothing_to_mend(chart: Chart) -> None:
    lint = chart.said("lint").splitlines()
    assert lint[0] == "passed", lint
    assert [line for line in lint[1:] if not line.startswith("[INFO]")] == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_its_name(chart: Chart, name: str) -> None:
    assert REFUSED[name][1] in chart.said(f"{name}.refused")


@cache
def schema(kind: str, api: str) -> jsonschema.protocols.Validator:
    group = re.sub(r"^([^./]*)[^/]*/", r"\1-", api)
    read = lambda file: json.loads((SCHEMAS / file).read_text())  # noqa: E731
    definitions = Resource.from_contents(read("_definitions.json"), DRAFT202012)
    registry: Any = Registry().with_resource("_definitions.json", definitions)
    return jsonschema.Draft202012Validator(read(f"{kind.lower()}-{group}.json"), registry=registry)


@pytest.mark.parametrize("name", VALUES)
def test_kubernetes_knows_every_field(chart: Chart, name: str) -> None:
    if not SCHEMAS.is_dir():
        tool_missing("Kubernetes' schemas: make helm")
    objects = chart.objects(name)
    named = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(set(named)) == len(named)
    for one in objects:
        if one["kind"] not in FOREIGN:
            schema(one["kind"], one["apiVersion"]).validate(one)


@pytest.mark.parametrize("name", VALUES)
def test_every_worker_runs_with_no_more_than_it_needs(chart: Chart, name: str) -> None:
    objects = chart.objects(name)
    found = {component: (one, pod) for component, one, pod in pods(objects)}
    assert set(found) == SINGLES | SHARED | {"web", "migrate"}
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    for component, (one, pod) in found.items():
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert container["args"][0] == component and component in commands
        assert spec["automountServiceAccountToken"] is False
        inside = container["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert inside["readOnlyRootFilesystem"] and not inside["allowPrivilegeEscalation"]
        assert inside["capabilities"] == {"drop": ["ALL"]}
        for kind in ("requests", "limits"):
            assert container["resources"][kind].keys() == {"cpu", "memory"}
        if component != "migrate":
            assert {"startupProbe", "livenessProbe"} <= container.keys()
            assert spec["terminationGracePeriodSeconds"] >= 30
            assert chosen(one["spec"]["selector"], pod["metadata"]["labels"])
        if component in SINGLES:
            assert (one["kind"], one["spec"]["replicas"]) == ("Deployment", 1)
            assert one["spec"]["strategy"] == {"type": "Recreate"}
        # A mounted file is a secret's, under the name that the settings look for.
        items = next(volume for volume in spec["volumes"] if volume["name"] == "secrets")["secret"]["items"]
        assert {item["path"].removeprefix("cryptoviz_") for item in items} <= Settings.model_fields.keys()
        assert ("cryptoviz_secret_key" in {item["path"] for item in items}) == (component == "web")
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("name", VALUES)
def test_settings_exist_and_none_is_secret(chart: Chart, name: str) -> None:
    objects = chart.objects(name)
    (settings,) = of_kind(objects, "ConfigMap")
    given = dict(settings["data"])
    for _, _, pod in pods(objects):
        given |= {one["name"]: one.get("value") for one in pod["spec"]["containers"][0].get("env", ())}
    ours = {key.removeprefix("CRYPTOVIZ_").lower() for key in given if key.startswith("CRYPTOVIZ_")}
    assert ours <= Settings.model_fields.keys()
    assert not ours & {"database_url", "redis_url", "secret_key", "metrics_token"}
    open_urls = {"CRYPTOVIZ_COLD_URL", "CRYPTOVIZ_TRACE_URL"}
    assert "://" not in "".join(str(value) for key, value in given.items() if key not in open_urls)
    # They are what the program takes for itself.
    values = {
        key.removeprefix("CRYPTOVIZ_").lower(): value
        for key, value in given.items()
        if key.startswith("CRYPTOVIZ_") and value
    }
    read = Settings(_env_file=None, **values)  # type: ignore[call-arg]
    assert (read.bus, read.log_format, read.alive) == ("kafka", "json", "/tmp/alive")
    if name == "everything":
        assert (read.simulator_seed, str(read.min_volume)) == (12345678, "0.5")
        assert read.partitions == 24


@pytest.mark.parametrize("name", VALUES)
def test_maintenance_takes_one_at_a_time(chart: Chart, name: str) -> None:
    objects = chart.objects(name)
    budgets = of_kind(objects, "PodDisruptionBudget")
    for component, one, pod in pods(objects):
        if one["kind"] == "Job":
            continue
        mine = [budget for budget in budgets if chosen(budget["spec"]["selector"], pod["metadata"]["labels"])]
        assert [budget["spec"]["maxUnavailable"] for budget in mine] == [1], component


@pytest.mark.parametrize("name", VALUES)
def test_the_way_in_ends_at_a_port_that_is_open(chart: Chart, name: str) -> None:
    objects = chart.objects(name)
    web = next(pod for component, _, pod in pods(objects) if component == "web")
    service = next(one for one in of_kind(objects, "Service") if one["metadata"]["name"] == "cv-web")
    assert service["spec"]["selector"].items() <= web["metadata"]["labels"].items()
    container = web["spec"]["containers"][0]
    (port,) = container["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert container["args"][-1] == str(port["containerPort"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]
    for ingress in of_kind(objects, "Ingress"):
        (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
        assert path["backend"]["service"] == {"name": "cv-web", "port": {"name": service["spec"]["ports"][0]["name"]}}
        assert ingress["spec"]["tls"][0]["hosts"] == [ingress["spec"]["rules"][0]["host"]]
    claim = next(volume for volume in web["spec"]["volumes"] if volume["name"] == "exports")["persistentVolumeClaim"][
        "claimName"
    ]
    assert {claim} == ({one["metadata"]["name"] for one in of_kind(objects, "PersistentVolumeClaim")} or {"files"})


def test_who_is_stable_has_a_name_of_its_own_in_the_group(chart: Chart) -> None:
    for name in VALUES:
        objects = chart.objects(name)
        services = {one["metadata"]["name"] for one in of_kind(objects, "Service")}
        for component, one, pod in pods(objects):
            env = {variable["name"]: variable for variable in pod["spec"]["containers"][0].get("env", ())}
            stable = one["kind"] == "StatefulSet"
            assert ("CRYPTOVIZ_KAFKA_MEMBER" in env) == stable
            if stable:
                assert component in SHARED
                assert one["spec"]["serviceName"] in services
                source = env["CRYPTOVIZ_KAFKA_MEMBER"]["valueFrom"]
                assert source == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert {one["metadata"]["name"] for one in of_kind(chart.objects("as-it-is"), "StatefulSet")} == {
        "cv-alerts",
        "cv-candles",
        "cv-indicators",
    }


def test_lag_scales_the_groups_that_there_are(chart: Chart) -> None:
    objects = chart.objects("everything")
    running = {one["metadata"]["name"]: one for _, one, _ in pods(objects)}
    scaled = of_kind(objects, "ScaledObject")
    assert {one["metadata"]["name"] for one in scaled} == {f"cv-{name}" for name in SHARED}
    for one in scaled:
        spec, component = one["spec"], one["metadata"]["name"].removeprefix("cv-")
        target = running[spec["scaleTargetRef"]["name"]]
        assert target["kind"] == spec["scaleTargetRef"]["kind"]
        assert "replicas" not in target["spec"], "two would say how many there are"
        assert spec["maxReplicaCount"] == (7 if component == "writer" else 24)
        (trigger,) = spec["triggers"]
        source = (REPOSITORY / "pipeline" / "workers" / f"{component}.py").read_text()
        assert f'GROUP: Final = "{trigger["metadata"]["consumerGroup"]}"' in source
        assert trigger["metadata"]["bootstrapServers"] == "k1:9092,k2:9092,k3:9192"
        assert re.fullmatch(r"\d+", trigger["metadata"]["lagThreshold"])
    (web,) = of_kind(objects, "HorizontalPodAutoscaler")
    assert web["spec"]["scaleTargetRef"]["name"] in running and "replicas" not in running["cv-web"]["spec"]
    assert of_kind(chart.objects("as-it-is"), "ScaledObject") == []


def test_only_what_is_named_may_be_reached(chart: Chart) -> None:
    objects = chart.objects("everything")
    policies = [one["spec"] for one in of_kind(objects, "NetworkPolicy")]
    open_in, open_out = {}, {}
    for component, _, pod in pods(objects):
        mine = [one for one in policies if chosen(one["podSelector"], pod["metadata"]["labels"])]
        assert any(one["policyTypes"] == ["Ingress", "Egress"] and len(one) == 2 for one in mine), "all is shut first"
        for side, ports in (("ingress", open_in), ("egress", open_out)):
            ports[component] = {port["port"] for one in mine for rule in one.get(side, ()) for port in rule["ports"]}
    assert open_in == {component: {"web": {8050}, "migrate": set()}.get(component, {9100}) for component in open_in}
    servers = {53, 5432, 6379, 9092, 9192, 4318}
    for component, ports in open_out.items():
        outside = {443, 9443} if component in SINGLES else set()
        cold = {9000} if component in ("keeper", "web") else set()
        assert ports == servers | outside | cold, component
    everywhere = [rule for one in policies for rule in one.get("egress", ()) if "to" not in rule]
    assert everywhere == [], "with `servers` given nothing is open to anywhere"


def test_prometheus_asks_every_worker(chart: Chart) -> None:
    objects = chart.objects("everything")
    (monitor,) = of_kind(objects, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    asked = set()
    for component, _, pod in pods(objects):
        if not chosen(monitor["spec"]["selector"], pod["metadata"]["labels"]):
            continue
        asked.add(component)
        container = pod["spec"]["containers"][0]
        (port,) = container["ports"]
        env = {one["name"]: one.get("value") for one in container["env"]}
        assert port["name"] == endpoint["port"]
        given = Settings(
            _env_file=None, metrics_host=env["CRYPTOVIZ_METRICS_HOST"], metrics_port=env["CRYPTOVIZ_METRICS_PORT"],
            metrics_token="t",
        )  # type: ignore[call-arg, arg-type]  # fmt: skip
        assert given.metrics_port == port["containerPort"] and given.metrics_host == "0.0.0.0"
        # Without the token it would not start.
        items = next(one for one in pod["spec"]["volumes"] if one["name"] == "secrets")["secret"]["items"]
        assert endpoint["authorization"]["credentials"]["key"] in {
            item["key"] for item in items if item["path"] == "cryptoviz_metrics_token"
        }
    assert asked == SINGLES | SHARED
    for name in ("as-it-is", "plain"):
        others = chart.objects(name)
        assert of_kind(others, "PodMonitor") == []
        assert all("ports" not in pod["spec"]["containers"][0] for part, _, pod in pods(others) if part != "web")


def test_kubernetes_and_compose_give_the_same() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["singles"].keys() | values["shared"].keys() == SINGLES | SHARED
    version = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version[1]
    assert COMPOSE["services"]["web"]["command"] == ["web", "--host", "0.0.0.0", "--port", "8050"]
