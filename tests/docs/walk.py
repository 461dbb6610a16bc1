"""What a page of the docs tells a contributor to do, done to a copy of the tree."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.tools import REPOSITORY

#: The walks, each a page of docs/.
PAGES: Final = ("add-an-exchange.md", "add-an-indicator.md", "add-a-news-source.md", "add-a-page.md")
_BLOCK: Final = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A file that is made (`text` is all of it), or (`language` diff) lines that are put into one that is there."""

    language: str
    path: str
    text: str


def steps(page: str) -> Iterator[Step]:
    for found in _BLOCK.finditer((REPOSITORY / "docs" / page).read_text("utf-8")):
        yield Step(*found.groups())


def copy(folder: Path) -> None:
    """What git knows of, as it stands here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)


def take(folder: Path, step: Step) -> None:
    """Fails where the text no longer fits the tree."""
    path = folder / step.path
    if step.language != "diff":
        assert not path.exists(), f"{step.path} is there already"
        path.write_text(step.text, "utf-8")
        return
    lines = step.text.splitlines(keepends=True)
    assert all(line[0] in " +-\n" for line in lines), step
    before = "".join(line[1:] or "\n" for line in lines if line[0] != "+")
    after = "".join(line[1:] or "\n" for line in lines if line[0] != "-")
    text = path.read_text("utf-8")
    assert text.count("\n" + before) + text.startswith(before) == 1, f"{step.path} has these lines not once:\n{before}"
    path.write_text(text.replace(before, after, 1), "utf-8")
