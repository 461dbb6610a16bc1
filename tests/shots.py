"""Screenshots of the running terminal: docs/terminal.png, and desktop and phone in dark and light in build/shots.

`python -m tests.shots [--seconds 20]`: how long the market runs before they are taken.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.browser import DESKTOP, PHONE, Terminal, chromium
from tests.stack import Up
from tests.tools import REPOSITORY

FOLDER: Final = REPOSITORY / "build" / "shots"
README: Final = REPOSITORY / "docs" / "terminal.png"
#: It is in every clone for good.
MOST_BYTES: Final = 250_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        up = Up(Path(folder), "--exchange", "simulator", "--rate", "80")
        try:
            up.ready()
            problems = [
                problem
                for name, options in (("desktop", DESKTOP), ("phone", PHONE))
                for theme in ("dark", "light")
                for problem in _shoot(browser, up.url, f"{name}-{theme}.png", seconds, color_scheme=theme, **options)
            ]
        finally:
            up.close()
    README.write_bytes((FOLDER / "desktop-dark.png").read_bytes())
    size = README.stat().st_size
    print(f"{README.relative_to(REPOSITORY)}  {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        problems.append(f"{README.name} is larger than {MOST_BYTES / 1000:.0f} kB")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


def _shoot(browser: Browser, url: str, name: str, seconds: float, **options: object) -> list[str]:
    """Take one; what went wrong on the page."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    terminal = Terminal(context, url).open()
    terminal.drawn()
    terminal.page.wait_for_selector("#terminal[data-connection=live]")
    terminal.page.wait_for_timeout(seconds * 1000 / 4)
    path = FOLDER / name
    terminal.page.screenshot(path=path)
    print(path.relative_to(REPOSITORY))
    context.close()
    return [f"{name}: {problem}" for problem in terminal.problems]


if __name__ == "__main__":
    sys.exit(main())
