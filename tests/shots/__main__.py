"""Pictures of every page: compared with the approved ones in docs/pictures, which the guide and the README show.

`python -m tests.shots` takes them into build/shots and fails where one differs by more than a hundredth of its pixels; what
differs is painted red in `*-diff.png`. `--approve` makes them the approved ones: look at them first.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from tests.browser import DESKTOP, PHONE, Terminal, chromium
from tests.shots.compare import TOLERANCE, difference, keep, show
from tests.shots.stage import END, Stage
from tests.tools import REPOSITORY

FOLDER: Final = REPOSITORY / "build" / "shots"
APPROVED: Final = REPOSITORY / "docs" / "pictures"
#: An approved picture is in every clone for good.
MOST_BYTES: Final = 250_000
DEVICES: Final = {"": DESKTOP, "-phone": PHONE}
THEMES: Final = ("dark", "light")
#: Name → address. The terminal is opened while there is trade, for its list of trades begins when it is opened.
PAGES: Final = {
    "markets": "/markets",
    "news": "/news",
    "data": "/data",
    "console": "/console",
    "settings": "/settings",
}
#: Seconds for a page of eight on two cores.
_PATIENCE: Final = 90.0
#: What tells of this machine and this run, not of the market.
_VOLATILE: Final = {
    "#connection-text": "Live 12 ms",
    # PostgreSQL takes nobody's environment, and so has a clock of its own.
    "#data .ledger td:nth-last-child(2)": "38 ms",
    "#data .ledger td:last-child": "112 ms",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--approve", action="store_true", help="store what is taken as approved")
    approve = parser.parse_args().approve
    for folder in (FOLDER, APPROVED):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, Stage(Path(folder)) as stage:
        problems = _take(browser, stage)
    for picture in sorted(path for path in FOLDER.glob("*.png") if not path.stem.endswith("-diff")):
        approved = APPROVED / picture.name
        if approve:
            keep(picture, approved)
            print(f"{approved.relative_to(REPOSITORY)}  {approved.stat().st_size / 1000:.0f} kB")
            if approved.stat().st_size > MOST_BYTES:
                problems.append(f"{approved.name} is larger than {MOST_BYTES / 1000:.0f} kB")
            continue
        if not approved.exists():
            problems.append(f"{picture.name} has no approved picture: look at it, then make shots ARGS=--approve")
            continue
        part = difference(picture, approved)
        print(f"{picture.relative_to(REPOSITORY)}  {part:.2%} differs")
        if part > TOLERANCE:
            show(picture, approved, picture.with_name(f"{picture.stem}-diff.png"))
            problems.append(f"{picture.name}: {part:.2%} of the pixels differ from the approved one")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


def _take(browser: Browser, stage: Stage) -> list[str]:
    """Every page on every device in every theme; what went wrong on them."""
    contexts = {
        f"{device}-{theme}": browser.new_context(color_scheme=theme, timezone_id="UTC", locale="en-US", **options)  # type: ignore[arg-type]
        for device, options in DEVICES.items()
        for theme in THEMES
    }
    terminals = {name: Terminal(context, stage.url) for name, context in contexts.items()}
    for terminal in terminals.values():
        terminal.page.goto(f"{stage.url}/t/BTC-USDT")
    for terminal in terminals.values():
        terminal.ready(_PATIENCE)
        terminal.drawn()
    stage.stand()
    problems = []
    for name, terminal in terminals.items():
        _shoot(terminal.page, f"terminal{name}")
        problems += [f"terminal{name}: {problem}" for problem in terminal.problems]
        terminal.page.close()
    for name, context in contexts.items():
        for page, address in PAGES.items():
            opened = Terminal(context, stage.url)
            opened.page.clock.set_fixed_time(END)
            opened.page.goto(stage.url + address)
            opened.page.wait_for_load_state("networkidle")
            _shoot(opened.page, f"{page}{name}")
            problems += [f"{page}{name}: {problem}" for problem in opened.problems]
            opened.page.close()
    return problems


def _shoot(page: Page, name: str) -> None:
    page.bring_to_front()
    page.wait_for_timeout(1_500)
    page.evaluate(
        "(volatile) => { for (const [where, text] of Object.entries(volatile))"
        " document.querySelectorAll(where).forEach((each) => { each.textContent = text; }); }",
        _VOLATILE,
    )
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    print(path.relative_to(REPOSITORY), flush=True)


if __name__ == "__main__":
    sys.exit(main())
