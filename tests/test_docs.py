"""The docs name everything that can be set, called or said, and nothing in them is made up."""

import re
from collections.abc import Callable

import pytest
import typer

from dashboard.app import create_app
from dashboard.live import protocol
from pipeline import cli
from pipeline.settings import Settings
from tests.tools import REPOSITORY

DOCS = {path.name: path.read_text() for path in (REPOSITORY / "docs").glob("*.md")} | {
    "README.md": (REPOSITORY / "README.md").read_text()
}
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


def test_every_setting_is_named() -> None:
    assert [name for name in Settings.model_fields if f"`{name}`" not in DOCS["running.md"]] == []


def test_every_command_and_option_is_named() -> None:
    text = DOCS["running.md"] + DOCS["README.md"]
    assert [name for name in COMMANDS if f"cryptoviz {name}" not in text] == []
    options = {
        option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts
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


def test_every_word_of_the_socket_is_named() -> None:
    text = DOCS["websocket.md"]
    assert [name for name in set(protocol.TYPES.values()) if f"`{name}`" not in text] == []
    for word in ("subscribe", "unsubscribe", "ping", "list_subscriptions", "forming", "since", "epoch", "recovered"):
        assert word in text


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
    for path in re.findall(r"^\| (.*?) \|", DOCS["contributing.md"], re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", path):
            candidates = (REPOSITORY / name, REPOSITORY / "pipeline" / name, REPOSITORY / "dashboard" / name)
            assert any(one.exists() for one in candidates), name
