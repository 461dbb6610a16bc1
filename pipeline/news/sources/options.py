"""Options of a source; secrets are named there, not written: `env:NAME` of the environment, `file:PATH` of a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import SetupError


def needed(kind: str, options: Mapping[str, str], name: str) -> str:
    """Raises SetupError when it is not there, or where it points to is empty."""
    given = options.get(name, "")
    how, _, where = given.partition(":")
    try:
        value = {"env": lambda: os.environ.get(where, ""), "file": lambda: Path(where).read_text("utf-8")}.get(
            how, lambda: given
        )()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"news_config: option {name} of a source of kind {kind}: {error}") from error
    if not value.strip():
        raise SetupError(
            f"news_config: a source of kind {kind} needs the option {name}"
            + (f", and {given} is empty" if given else "")
        )
    return value.strip()
