"""What is released: wheel and sdist, each installed into an environment that knows nothing of the checkout, and run there."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from dashboard.api.openapi import openapi
from pipeline.settings import Settings
from tests.stack import eventually, free_port
from tests.tools import REPOSITORY

#: Asked for by whoever wants tables of that kind, or traces (the extra `tracing`); who needs one says so where it is missing.
OPTIONAL = {"polars", "opentelemetry"}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=120)
    return folder


def installed(package: Path, folder: Path) -> Path:
    """The programs of an environment in which there is `package`, beside the other packages of this one: these are 600 MB to fetch.

    What it declares is held to what it imports below.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    [site] = folder.glob("lib/python*/site-packages")
    # A plain path: the editable install of the checkout is a .pth file in there, which nobody follows.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--quiet", "--disable-pip-version-check", "install",
            "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", str(package),
        ],
        check=True, timeout=120,
    )  # fmt: skip
    return folder / "bin"


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_it_installs_and_runs(kind: str, dist: Path, tmp_path: Path, settings: Callable[..., Settings]) -> None:
    [package] = dist.glob(kind)
    programs = installed(package, tmp_path / "env")
    mine, port = settings(), free_port()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CRYPTOVIZ_", "PYTHON"))}
    env = clean | {"CRYPTOVIZ_REDIS_URL": mine.redis_url, "CRYPTOVIZ_DATABASE_URL": mine.database_url}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(
        str(programs / "python"), "-c", "import dashboard.page as d; print(d.__file__, d.ASSETS, sep='\\n')"
    ).split()
    assert all(Path(path).is_relative_to(tmp_path) for path in where), where
    assert run(str(programs / "cryptoviz"), "--version") == f"cryptoviz {PROJECT['version']}\n"
    applied = run(str(programs / "cryptoviz"), "migrate")
    files = {path.name for path in (REPOSITORY / "sql").glob("*.sql") if "timescale" not in path.name}
    assert set(re.findall(r"applied (\S+)", applied)) == files
    log = tmp_path / "web.log"
    with log.open("wb") as out:
        web = subprocess.Popen(
            [programs / "cryptoviz", "web", "--port", str(port)], cwd=tmp_path, env=env, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"

        def answers(path: str) -> bool:
            try:
                return httpx.get(url + path, timeout=5).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        assert eventually(lambda: answers("/ready"), 60), log.read_text()[-3000:]
        assert answers("/") and answers("/assets/app.js") and answers("/assets/texts/fr.json")
        assert httpx.get(f"{url}/api/v1/openapi.json").json()["info"]["version"] == PROJECT["version"]
    finally:
        web.terminate()
        assert web.wait(30) == 0


def test_the_wheel_has_what_belongs_to_it(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"pipeline", "dashboard", f"cryptoviz-{PROJECT['version']}.dist-info"}
    assert not [name for name in names if "__pycache__" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_version_is_in_one_place() -> None:
    assert openapi()["info"]["version"] == PROJECT["version"]
    newest = re.findall(r"^## (\S+)", (REPOSITORY / "docs" / "changelog.md").read_text(), re.MULTILINE)[0]
    assert newest == PROJECT["version"]
    for folder in ("pipeline", "dashboard"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            assert f'"{PROJECT["version"]}"' not in path.read_text(), path


def named(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_what_is_imported_is_declared() -> None:
    """By us, or by what we declare: pydantic-settings brings pydantic."""
    there: set[str] = set()
    more = {named(each) for each in PROJECT["dependencies"]}
    while more:
        there |= more
        needed = (Requirement(each) for name in more for each in requires(name) or ())
        more = {
            named(each.name) for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})
        } - there
    owners = packages_distributions()
    for path in (path for folder in ("pipeline", "dashboard") for path in (REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in (
                {name.partition(".")[0] for name in names}
                - {"pipeline", "dashboard"}
                - sys.stdlib_module_names
                - OPTIONAL
            ):
                found = {named(owner) for owner in owners.get(top, ())}
                assert found & there, (
                    f"{path.relative_to(REPOSITORY)} imports {top}, of {found or 'nobody'}: declare it"
                )


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem
)
def test_workflows_run_what_anybody_runs_by_hand(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"^\s*- run: (.*)", path.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        made = re.fullmatch(r'(?:sudo env "PATH=\$PATH" )?make ((?:[a-z]+ ?)+)', command)
        assert made and set(made[1].split()) <= targets, command
