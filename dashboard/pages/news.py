"""The news page: what is written about the coins, how good or bad it sounds, what prices did after it, how the sources are doing."""

from collections.abc import Sequence

from dash import html

from dashboard.components.block import block
from dashboard.components.markup import attrs, button, choice
from dashboard.components.mood import after, mood
from dashboard.components.nav import bar, bottom

_MOODS = (("", "All", "Every article"), ("good", "Good", "Good news"), ("bad", "Bad", "Bad news"))
#: Coins offered as filters; the search field finds the others.
_COINS = 10


def layout(symbols: Sequence[str]) -> html.Main:
    """`symbols`: those that are followed; their bases can be filtered by."""
    bases = list(dict.fromkeys(symbol.partition("/")[0] for symbol in symbols))[:_COINS]
    coins = [("", "All coins", "Every coin"), *((base.lower(), base, f"News of {base}") for base in bases)]
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/news", "News"),
            html.Div(
                [
                    html.Div(
                        # The search field is made by news.js: a Dash input would report every key to Dash.
                        [choice("coin", coins, "Coin"), choice("mood", _MOODS, "Sentiment")],
                        className="filters",
                    ),
                    html.Div(
                        [
                            block(
                                "feed",
                                "Articles",
                                [
                                    html.Ul(className="articles"),
                                    button("Older articles", className="older", hidden=True),
                                ],
                            ),
                            html.Div(
                                [
                                    *mood(spans=True),
                                    after(),
                                    block("sources", "Sources", html.Ul(), empty="No source is switched on."),
                                ],
                                className="aside",
                            ),
                        ],
                        className="columns-2",
                    ),
                ],
                className="content",
            ),
            bottom("/news"),
        ],
        id="news",
        className="page",
        **attrs(data_symbols=" ".join(symbols)),
    )
