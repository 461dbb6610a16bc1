"""The markets page: every followed symbol, live: a table to sort and to screen, who moved most, a map, and what moves together.

The table is AG Grid, which gridtable.js puts into `markets-slot` once it has fetched it.
"""

from collections.abc import Sequence
from typing import Any, Final

from dash import html

from dashboard.components.markup import attrs, button, choice
from dashboard.components.nav import bar, bottom

#: What each filters by is in screens.js.
_SCREENS: Final = (
    ("", "All", "Every symbol"),
    ("starred", "★", "Favourites"),
    ("up", "Gainers", "Higher than 24 hours ago"),
    ("down", "Losers", "Lower than 24 hours ago"),
    ("oversold", "RSI < 30", "Oversold by the hour"),
    ("overbought", "RSI > 70", "Overbought by the hour"),
    ("good", "Good mood", "News sound good"),
)
#: Hours.
_SPANS: Final = (("24", "1d", "1 day"), ("168", "7d", "7 days"), ("720", "30d", "30 days"))


def layout(symbols: Sequence[str]) -> html.Main:
    """`symbols`: those that are followed."""
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/markets", "Markets"),
            html.Div(
                [
                    # The search field is made by marketpage.js: a Dash input would report every key to Dash.
                    html.Div(
                        [choice("screen", _SCREENS, "Screen"), html.Div(className="own-screens")],
                        className="filters",
                    ),
                    _block(
                        "markets-table",
                        "All markets",
                        html.Div(id="markets-slot"),
                        "",
                        html.Span("", className="stale", role="status", hidden=True),
                        button("Columns", className="columns-button", hidden=True),
                    ),
                    html.Div(
                        [html.Div(), button("As at first", className="reset")],
                        className="columns-box",
                        role="group",
                        hidden=True,
                        **attrs(aria_label="Columns"),
                    ),
                    html.Div(
                        [
                            _block("map", "By volume and change, 24 h", html.Div(className="tiles"), "No figures yet."),
                            html.Div(
                                [
                                    _block("gainers", "Gainers, 24 h", html.Ol(), "Nothing rose."),
                                    _block("losers", "Losers, 24 h", html.Ol(), "Nothing fell."),
                                ],
                                className="movers",
                            ),
                        ],
                        className="map-and-movers",
                    ),
                    _block(
                        "together",
                        "What moves together",
                        html.Table([html.Caption("Correlation of hourly returns"), html.Tbody()]),
                        "It takes two symbols and some hours of prices.",
                        choice("span", _SPANS, "Span"),
                    ),
                ],
                className="content",
            ),
            bottom("/markets"),
        ],
        id="markets",
        className="page",
        **attrs(data_symbols=" ".join(symbols)),
    )


def _block(name: str, title: str, body: html.Table | html.Div | html.Ol, empty: str, *tools: Any) -> html.Section:
    return html.Section(
        [
            html.Div([html.H2(title), *tools], className="block-head") if tools else html.H2(title),
            html.Div(body, className="scroll"),
            html.P(empty, className="block-empty"),
        ],
        className=f"block {name}",
        **attrs(data_state="loading", aria_label=title),
    )
