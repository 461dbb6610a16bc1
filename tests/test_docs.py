"""The docs name everything that can be set, called or said, and nothing in them is made up."""

import json
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
import typer

from dashboard.api.openapi import openapi
from dashboard.app import create_app
from dashboard.components.nav import PAGES
from dashboard.live import protocol
from dashboard.live.peer import UNAUTHORIZED
from dashboard.live.protocol import Subscribe
from docs import reference
from pipeline import cli
from pipeline.bus.topics import INDICATOR_TYPES, INDICATORS, TOPICS
from pipeline.live_messages import candle_data, indicator_data, news_data, ticker_data, trade_data
from pipeline.model import Article, Candle, Indicator, Ticker, Trade
from pipeline.settings import Settings
from tests.tools import REPOSITORY

DOCS = {path.name: path.read_text() for path in (REPOSITORY / "docs").glob("*.md")} | {
    "README.md": (REPOSITORY / "README.md").read_text()
}
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


def test_pages_made_from_the_code_are_new() -> None:
    for name, text in reference.pages().items():
        assert DOCS[name] == text, f"{name} is old: make reference"


def test_every_setting_is_named() -> None:
    assert [
        name for name in Settings.model_fields if f"`CRYPTOVIZ_{name.upper()}`" not in DOCS["configuration.md"]
    ] == []


def test_every_command_and_option_is_named() -> None:
    text = DOCS["running.md"] + DOCS["README.md"]
    assert [name for name in COMMANDS if f"cryptoviz {name}" not in text] == []
    groups = [
        *COMMANDS.values(),
        *(each for group in COMMANDS.values() for each in getattr(group, "commands", {}).values()),
    ]
    options = {
        option for command in (typer.main.get_command(cli.app), *groups) for parameter in command.params for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }  # fmt: skip
    assert [option for option in sorted(options) if option not in text] == []


def test_commands_in_the_docs_exist() -> None:
    for name, text in DOCS.items():
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            for command in re.findall(r"^cryptoviz (\w+)", block, re.MULTILINE):
                assert command in COMMANDS, f"{name}: cryptoviz {command}"
            for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
                assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text(), f"{name}: make {target}"


def test_every_route_is_named(settings: Callable[..., Settings]) -> None:
    rules = {rule.rule for rule in create_app(settings()).url_map.iter_rules() if rule.endpoint != "system.nothing"}
    ours = {
        re.sub("<(?!dataset|id|user|layout)[^>]+>", "<symbol>", re.sub(r"<(uuid:|int:|job_)\w+>", "<id>", rule))
        for rule in rules
        if rule.startswith(("/api/", "/health", "/ready"))
    }
    assert ours
    assert [rule for rule in sorted(ours) if f"`{rule}`" not in DOCS["rest.md"]] == []


def test_every_error_code_is_named() -> None:
    source = "".join(path.read_text() for path in (REPOSITORY / "dashboard").rglob("*.py"))
    codes = set(re.findall(r'"((?:MISSING|INVALID|NOT|DATABASE|METHOD)_[A-Z_]+)"', source))
    assert len(codes) > 8
    assert [code for code in sorted(codes) if f"`{code}`" not in DOCS["rest.md"]] == []


def test_every_operation_is_named() -> None:
    for path, methods in openapi()["paths"].items():
        assert f"`/api/v1{re.sub('{[^}]+}', '<', path).partition('<')[0]}" in DOCS["rest.md"], path
        for method in methods:
            assert f"### `{method.upper()} {path}`" in DOCS["rest-reference.md"]


def test_every_word_of_the_socket_is_named() -> None:
    text = DOCS["websocket.md"]
    assert [name for name in set(protocol.TYPES.values()) if f"`{name}`" not in text] == []
    live = "".join(path.read_text() for path in (REPOSITORY / "dashboard/live").glob("*.py"))
    actions = set(re.findall(r'action [!=]= "(\w+)"', live))
    answers = set(re.findall(r'_reply\(\s*"(\w+)"', live))
    codes = set(re.findall(r"\.end\((\d+)", live)) | {str(UNAUTHORIZED)}
    assert len(actions) == 5 and len(answers) > 4 and len(codes) > 1
    assert [word for word in sorted(actions | answers) if f"`{word}`" not in text and f'"{word}"' not in text] == []
    assert [code for code in sorted(codes) if code not in text] == []
    assert [
        name for name in (*Subscribe._fields, "recovered") if name not in ("key", "echo") and name not in text
    ] == []


def test_every_field_of_a_message_is_named() -> None:
    now, one = 1_763_640_000_000, Decimal(1)
    messages = {
        "trade": trade_data(Trade("BINANCE", "BTC/USDT", now, one, one, "buy", "1")),
        "candle": candle_data(Candle("BINANCE", "BTC/USDT", "1m", now, now, one, one, one, one, one, 1, True)),
        "ticker": ticker_data(Ticker("BINANCE", "BTC/USDT", now)),
        "indicator": indicator_data(Indicator(now, "BTC/USDT", "1m", "rsi", value=1.0)),
        "news": news_data(Article(now, "CoinDesk", "https://a.example", "Title")),
    }
    for name, data in messages.items():
        [row] = re.findall(rf"^\| `{name}` \|.*", DOCS["websocket.md"], re.MULTILINE)
        row += " value" if name == "indicator" else ""  # its figures are on a page of their own
        assert json.loads(data).keys() <= set(re.findall(r"\w+", row)), name


def test_every_topic_is_named() -> None:
    text = DOCS["architecture.md"]
    named = [name for name in TOPICS if f"`{name}`" in text]
    assert [name for name in TOPICS if name not in named and name not in INDICATORS] == []
    assert "`crypto.indicators.<type>`" in text
    assert [name for name in INDICATOR_TYPES if f"| `{name}` |" not in DOCS["indicators.md"]] == []


def test_every_page_has_its_words_and_its_picture() -> None:
    for path in (*PAGES, "/settings", "/login"):
        assert f"`{path}`" in DOCS["terminal.md"] + DOCS["guide.md"], path
    shown = re.findall(r"!\[[^\]]+\]\((pictures/[^)]+)\)", DOCS["guide.md"])
    assert len(shown) > 6
    for name in shown:
        size = (REPOSITORY / "docs" / name).stat().st_size
        assert size < 250_000, f"{name} is in every clone for good: {size} bytes"


def test_every_key_is_named() -> None:
    sheet = (REPOSITORY / "assets/help.js").read_text()
    keys = [keys for keys, _ in re.findall(r"\['([^']+)', '([^']+)'\]", sheet)]
    table = "\n".join(re.findall(r"^\| .*", DOCS["terminal.md"], re.MULTILINE)).lower()
    assert len(keys) > 8
    for key in re.split(r", | … |(?<=[+←]) ", ", ".join(keys)):
        assert key.lower().replace("−", "-") in table, key


def test_every_target_of_make_is_named() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert len(targets) > 8
    assert [name for name in targets if f"`make {name}`" not in DOCS["contributing.md"]] == []


def test_every_page_is_in_the_site() -> None:
    listed = re.findall(r": ([\w-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted({*DOCS, "index.md"} - {"README.md"})


def test_every_fault_of_the_simulator_is_named() -> None:
    source = (REPOSITORY / "pipeline/exchanges/simulator/control.py").read_text()
    actions = re.findall(r'^            "(\w+)": (?:self\._\w+,|lambda)', source, re.MULTILINE)
    assert len(actions) > 10
    assert [action for action in actions if f"`{action}`" not in DOCS["exchanges.md"]] == []


@pytest.mark.parametrize("name", sorted(DOCS))
def test_links_lead_somewhere(name: str) -> None:
    folder = REPOSITORY / ("docs" if name != "README.md" else ".")
    for target in re.findall(r"\]\(([^)#]+)", DOCS[name]):
        assert target.startswith("http") or (folder / target).exists(), f"{name} links to {target}"


def test_paths_in_contributing_exist() -> None:
    where = DOCS["contributing.md"].partition("## Where things are")[2].partition("\n## ")[0]
    for path in re.findall(r"^\| (.*?) \|", where, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", path):
            candidates = (REPOSITORY / name, REPOSITORY / "pipeline" / name, REPOSITORY / "dashboard" / name)
            assert any(one.exists() for one in candidates), name
