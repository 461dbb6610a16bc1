"""What a test does when the machine lacks something."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def tool_missing(reason: str) -> NoReturn:
    """A program or package this test needs is not there: a failure under CI, a loud skip elsewhere."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"under CI every tool must be there: {reason}", pytrace=False)
    pytest.skip(f"MISSING TOOL: {reason}")


def recordings_missing(folder: Path) -> NoReturn:
    """Recordings lie beside the checkout and are nobody's to install: always a skip."""
    pytest.skip(f"recordings are not here: {folder} (see the README)")


def need(program: str, package: str) -> str:
    """Where `program` is; Debian has it in `package`."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        tool_missing(f"{program}; as root: apt-get install {package}")
    return found
