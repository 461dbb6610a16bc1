"""The wheel: it holds all that the program needs, and runs without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.tools import REPOSITORY

PROBE = """
import pathlib, sys
import dashboard.page, pipeline.cli
here = pathlib.Path(sys.argv[1])
for module in (dashboard.page, pipeline.cli):
    assert pathlib.Path(module.__file__).is_relative_to(here), module.__file__
assert dashboard.page.ASSETS.is_relative_to(here), dashboard.page.ASSETS
print(len(list(dashboard.page.ASSETS.glob("*.js"))), len(list((here / "pipeline" / "_sql").glob("*.sql"))))
sys.argv = ["cryptoviz", "--help"]
pipeline.cli.main()
"""


def test_it_runs_without_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    files = tmp_path / "files"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(files)
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
    assert "dashboard/_assets/texts/fr.json" in names
    probe = [sys.executable, "-c", PROBE, str(files)]
    elsewhere = {**os.environ, "PYTHONPATH": str(files)}
    done = subprocess.run(probe, cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    scripts, migrations = map(int, done.stdout.split("\n")[0].split())
    assert scripts == len(list((REPOSITORY / "assets").glob("*.js")))
    assert migrations == len(list((REPOSITORY / "sql").glob("*.sql"))) > 0
    assert "Usage" in done.stdout
