"""The markets page: every followed symbol, live: a table to sort and to screen, who moved most, a map, and what moves together.

The table is AG Grid, which gridtable.js puts into `markets-slot` once it has fetched it.
"""

from collections.abc import Sequence
from typing import Final

from dash import html

from dashboard.components.block import block
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
    ("good", "Good news", "News sound good"),
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
                    block(
                        "markets-table",
                        "All markets",
                        html.Div(id="markets-slot"),
                        button("Columns", className="columns-button", hidden=True),
                        empty="No figures yet: they come with the first candles.",
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
                            block(
                                "map",
                                "By volume and change, 24 h",
                                html.Div(className="tiles"),
                                empty="No figures yet.",
                            ),
                            html.Div(
                                [
                                    block("gainers", "Gainers, 24 h", html.Ol(), empty="Nothing rose."),
                                    block("losers", "Losers, 24 h", html.Ol(), empty="Nothing fell."),
                                ],
                                className="movers",
                            ),
                        ],
                        className="map-and-movers",
                    ),
                    block(
                        "together",
                        "What moves together",
                        html.Table([html.Caption("Correlation of hourly returns"), html.Tbody()]),
                        choice("span", _SPANS, "Span"),
                        empty="It takes two symbols and some hours of prices.",
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
