"""The markets page: every followed symbol, live: a table to sort and to screen, a map by volume and change, and what moves together."""

from collections.abc import Sequence
from typing import Final

from dash import html

from dashboard.components.markup import attrs, choice
from dashboard.components.nav import bar, bottom

#: Field of a row → heading, meaning. markets.js sorts by them.
COLUMNS: Final = (
    ("symbol", "Symbol", ""),
    ("last", "Price", "Last trade"),
    ("change", "24 h", "Change since 24 hours ago"),
    ("spark", "", "Close of each of the last 24 hours"),
    ("high", "High", "Highest price of 24 hours"),
    ("low", "Low", "Lowest price of 24 hours"),
    ("volume", "Volume", "Traded in 24 hours, in the quote currency"),
    ("rsi", "RSI 1 h", "RSI(14) of the last closed hour: above 70 overbought, below 30 oversold"),
    ("trend", "Trend 1 h", "Price against the mean of the last 20 hours"),
    ("mood", "Mood", "Mood of the news of a day, −1 to 1"),
)
_SCREENS: Final = (
    ("", "All", "Every symbol"),
    ("starred", "★", "Favourites"),
    ("up", "Gainers", "Higher than 24 hours ago"),
    ("down", "Losers", "Lower than 24 hours ago"),
    ("oversold", "RSI < 30", "Oversold by the hour"),
    ("overbought", "RSI > 70", "Overbought by the hour"),
    ("good", "Good mood", "News sound good"),
)


def layout(symbols: Sequence[str]) -> html.Main:
    """`symbols`: those that are followed."""
    head = html.Tr(
        [html.Th(words, scope="col", title=meaning, **attrs(data_field=field)) for field, words, meaning in COLUMNS]
    )
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/markets", "Markets"),
            html.Div(
                [
                    # The search field is made by marketpage.js: a Dash input would report every key to Dash.
                    html.Div([choice("screen", _SCREENS, "Screen")], className="filters"),
                    _block(
                        "markets-table",
                        "All markets",
                        html.Table([html.Caption("Live prices"), html.Thead(head), html.Tbody()]),
                        "No market matches. Widen the filters.",
                    ),
                    html.Div(
                        [
                            _block("map", "By volume and change, 24 h", html.Div(className="tiles"), "No figures yet."),
                            _block(
                                "together",
                                "What moves together, 7 days",
                                html.Table([html.Caption("Correlation of hourly returns"), html.Tbody()]),
                                "It takes two symbols and some hours of prices.",
                            ),
                        ],
                        className="halves",
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


def _block(name: str, title: str, body: html.Table | html.Div, empty: str) -> html.Section:
    return html.Section(
        [html.H2(title), html.Div(body, className="scroll"), html.P(empty, className="block-empty")],
        className=f"block {name}",
        **attrs(data_state="loading", aria_label=title),
    )
