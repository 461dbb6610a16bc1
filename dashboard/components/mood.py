"""The mood of the news: on the news page of all coins or one, on the terminal of the one that is shown. mood.js fills it."""

from collections.abc import Sequence
from typing import Final

from dash import html

from dashboard.components.markup import attrs, choice

_SPANS: Final = (("1", "1d", "1 day"), ("7", "7d", "7 days"), ("30", "30d", "30 days"), ("90", "90d", "90 days"))


def mood(spans: bool = False) -> list[html.Section]:
    """The dial, and the series against the price: of a week, or with `spans` as far back as is chosen."""
    return [
        _block(
            "dial",
            "Fear and greed",
            [html.Div(className="figure"), html.Ul()],
            "Not enough days of prices and no news yet to tell.",
        ),
        _block(
            "mood-series",
            "Sentiment and price" if spans else "Sentiment and price, 7 days",
            [html.Div(className="figure"), html.P(className="legend")],
            "No sentiment yet: it comes with the first articles.",
            choice("days", _SPANS, "Span") if spans else None,
        ),
    ]


def after() -> html.Section:
    """What prices did after news."""
    head = html.Tr([html.Th(name, scope="col") for name in ("After", "5 min", "1 h", "24 h")])
    return _block(
        "after",
        "After the news",
        [html.Table([html.Thead(head), html.Tbody()]), html.P("", className="note")],
        "No article of the last 90 days names a coin that is followed.",
    )


def _block(
    name: str, title: str, children: Sequence[object], empty: str, tools: html.Div | None = None
) -> html.Section:
    head = html.H2(title) if tools is None else html.Div([html.H2(title), tools], className="block-head")
    return html.Section(
        [head, html.Div(children, className="scroll"), html.P(empty, className="block-empty")],
        className=f"block {name}",
        **attrs(data_state="loading", aria_label=title),
    )
