"""The mood of the news: on the news page of all coins or one, on the terminal of the one that is shown. mood.js fills it."""

from typing import Final

from dash import html

from dashboard.components.block import block
from dashboard.components.markup import choice

_SPANS: Final = (("1", "1d", "1 day"), ("7", "7d", "7 days"), ("30", "30d", "30 days"), ("90", "90d", "90 days"))


def mood(spans: bool = False) -> list[html.Section]:
    """The dial, and the series against the price: of a week, or with `spans` as far back as is chosen."""
    return [
        block(
            "dial",
            "Fear and greed",
            [html.Div(className="figure"), html.Ul()],
            empty="Not enough days of prices and no news yet to tell.",
        ),
        block(
            "mood-series",
            "Sentiment and price" if spans else "Sentiment and price, 7 days",
            [html.Div(className="figure"), html.P(className="legend")],
            *([choice("days", _SPANS, "Span")] if spans else []),
            empty="No sentiment yet: it comes with the first articles.",
        ),
    ]


def after() -> html.Section:
    """What prices did after news."""
    head = html.Tr([html.Th(name, scope="col") for name in ("After", "5 min", "1 h", "24 h")])
    return block(
        "after",
        "After the news",
        [html.Table([html.Thead(head), html.Tbody()]), html.P("", className="note")],
        empty="No article of the last 90 days names a coin that is followed.",
    )
