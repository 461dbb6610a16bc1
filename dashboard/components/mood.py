"""The mood of the news: on the news page of all coins or one, on the terminal of the one that is shown. mood.js fills it."""

from collections.abc import Sequence

from dash import html

from dashboard.components.markup import attrs


def mood() -> list[html.Section]:
    """The dial, and the series against the price."""
    return [
        _block(
            "dial",
            "Fear and greed",
            [html.Div(className="figure"), html.Ul()],
            "Not enough days of prices and no news yet to tell.",
        ),
        _block(
            "mood-series",
            "Sentiment and price, 7 days",
            [html.Div(className="figure"), html.P(className="legend")],
            "No sentiment yet: it comes with the first articles.",
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


def _block(name: str, title: str, children: Sequence[object], empty: str) -> html.Section:
    return html.Section(
        [html.H2(title), html.Div(children, className="scroll"), html.P(empty, className="block-empty")],
        className=f"block {name}",
        **attrs(data_state="loading", aria_label=title),
    )
