"""Texts in other languages: nothing the page lays out is forgotten, and nothing is translated that is not said."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.page import ASSETS
from dashboard.pages import (
    console,
    data,
    markets,
    news,
    settings,
    terminal,
)

ROOT = Path(__file__).parent.parent
LANGUAGES = sorted(path.stem for path in (ASSETS / "texts").glob("*.json"))
SYMBOLS = ("BTC/USDT", "ETH/USDT")
#: Names, which are the same in every language.
NAMES = re.compile(r"CryptoViz|⌘K|REST|BTC(/USDT)?|ETH(/USDT)?|\d+[smhd]|RSI [<>] \d+|24 h|★")


def _entries(language: str) -> dict[str, str]:
    return dict(json.loads((ASSETS / "texts" / f"{language}.json").read_text("utf-8")))


def _said(component: Any) -> Iterator[str]:
    """Every text of a layout: what it shows, and what it tells those who do not see it."""
    if isinstance(component, str):
        yield component
    elif isinstance(component, (list, tuple)):
        for one in component:
            yield from _said(one)
    elif isinstance(component, Component):
        shown = component.to_plotly_json()["props"]
        for name in ("title", "aria-label", "placeholder"):
            if isinstance(shown.get(name), str):
                yield shown[name]
        yield from _said(shown.get("children"))


def _known(text: str, entries: dict[str, str]) -> bool:
    def template(english: str) -> str:
        return "(.+?)".join(map(re.escape, english.split("{}")))

    return text in entries or any(re.fullmatch(template(one), text) for one in entries if "{}" in one)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_layouts(language: str) -> None:
    entries = _entries(language)
    layouts = [
        terminal.layout(SYMBOLS),
        markets.layout(SYMBOLS),
        news.layout(SYMBOLS),
        data.layout(SYMBOLS),
        console.layout(),
        settings.layout(),
    ]
    said = {text for layout in layouts for text in _said(layout) if re.search("[A-Za-z]{2}", text)}
    assert len(said) > 100
    assert [text for text in sorted(said) if not NAMES.fullmatch(text) and not _known(text, entries)] == []


#: Call → which of its arguments is what the caller is told.
REFUSALS = {"ApiError": 2, "failed": 2, "refuse": 1, "BadRequest": 0}


def _refusals() -> set[str]:
    """What REST and the socket say of errors, {} where something of the question stands."""

    def template(node: ast.expr) -> str | None:
        if isinstance(node, ast.JoinedStr):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    said = set()
    for path in (ROOT / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                said.add(template(node.args[REFUSALS[node.func.id]]) or "")
    return {text for text in said if re.search("[A-Za-z]{2}", text.replace("{}", ""))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal(language: str) -> None:
    refusals = _refusals()
    assert len(refusals) > 50
    assert sorted(refusals - set(_entries(language))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_translated_that_nobody_says(language: str) -> None:
    sources = [*ASSETS.glob("*.js"), *(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in sources).replace("\\'", "'")
    dead = [
        english
        for english in _entries(language)
        if not all(part in code for part in english.split("{}") if len(part.strip()) > 2)
    ]
    assert dead == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_and_names_stay_in(language: str) -> None:
    for english, other in _entries(language).items():
        assert len(re.findall(r"\{\d?\}", other)) == english.count("{}"), english
