"""Blocks: what the pages beside the terminal are made of. panels.js gives them the states that the terminal's panels have."""

from typing import Any

from dash import html

from dashboard.components.markup import attrs, button


def said(words: str = "") -> html.Div:
    """What stands in for a body that is empty, or could not be loaded."""
    return html.Div(
        [html.P(words), button("Try again now", className="panel-retry", hidden=True)],
        className="panel-said",
        role="status",
    )


def block(name: str, title: str, body: Any, *tools: Any, empty: str = "", state: str = "loading") -> html.Section:
    """`name` is its class and what scripts know it by; `empty` is said while there is nothing: what will appear, and when."""
    return html.Section(
        [
            html.Div([html.H2(title), html.Span("", className="panel-age"), *tools], className="block-head"),
            html.Div(body, className="scroll"),
            said(empty),
        ],
        className=f"block {name}",
        **attrs(data_block=name, data_state=state, aria_label=title),
    )
