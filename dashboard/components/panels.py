"""The panels round the chart. panels.js gives each its header's tools, menu and states; layout.js says where it lies."""

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.components.block import said
from dashboard.components.header import FIGURES, figures
from dashboard.components.markup import attrs, button, columns, icon
from dashboard.components.mood import mood


def panel(
    id_: str, title: str, about: str, children: Sequence[Any], *, steady: bool = False, past: bool = False
) -> html.Section:
    """A panel: header, body, what is said instead of it. `about` is its help: what it shows, and where that comes from.

    `steady`: messages come all the time while the market is open; when none does, the panel says how old it is.
    `past`: it plays along in a replay; the others have nothing to say then, and are not there.
    """
    return html.Section(
        [
            html.Div(
                [
                    html.H2(title),
                    html.Span("", className="panel-age"),
                    html.Div(className="panel-tools"),
                    button(
                        [icon("more")], className="plain panel-more", label=f"Menu of {title}",
                        **attrs(aria_haspopup="menu", aria_expanded="false"),
                    ),
                    button(
                        [icon("chevron")], className="plain panel-fold", label=f"Fold {title}",
                        **attrs(aria_expanded="true"),
                    ),
                ],
                className="panel-head",
            ),
            html.Div(children, className="panel-body"),
            said(),
            html.P(about, className="panel-about", hidden=True),
        ],
        id=id_,
        className="panel",
        **attrs(aria_label=title, data_state="loading"),
        **attrs(**{name: "" for name, given in (("data_steady", steady), ("data_past", past)) if given}),
    )  # fmt: skip


def left() -> html.Div:
    return html.Div([_watchlist()], id="left", className="column")


def right() -> html.Div:
    return html.Div([_book(), _tape()], id="right", className="column")


def dock() -> html.Div:
    """Below the chart: one panel at a time, or the line of their names alone."""
    return html.Div(
        [
            html.Div(className="dock-tabs", role="toolbar", **attrs(aria_label="Below the chart")),
            _headlines(), _sentiment(), _readings(), _statistics(), _alerts(), _depth(),
        ],
        id="dock",
        **attrs(data_open="headlines"),
    )  # fmt: skip


def tabs() -> html.Nav:
    """Phone only: which panel lies below the chart. layout.js fills it."""
    return html.Nav(html.Div(className="choice", role="group", **attrs(aria_label="Panels")), id="tabs")


def _watchlist() -> html.Section:
    return panel(
        "watchlist", "Watchlist",
        "Followed symbols, live, with their change over 24 hours. Arrow keys change the symbol; a star keeps it.",
        [html.Div(className="watch-rows", role="group", **attrs(aria_label="Symbols"))],
        steady=True,
    )  # fmt: skip


def _book() -> html.Section:
    return panel(
        "book", "Order book",
        "Best offers to sell (above) and to buy (below), from the exchange's order book as it changes.",
        [
            columns(("Price", "Amount", "Total")),
            # The phone has bids and asks side by side: each needs its own names.
            columns(("Amount", "Price"), "bid-columns"),
            html.Div(className="asks"),
            html.Div([html.Span("Spread"), html.Span("–", className="spread-value")], className="spread"),
            html.Div(className="bids"),
        ],
        steady=True,
    )  # fmt: skip


def _tape() -> html.Section:
    return panel(
        "tape", "Trades",
        "Every trade of the exchange, newest first; ▲ a buyer took the offer, ▼ a seller did.",
        [columns(("Price", "Amount", "Time")), html.Div(className="rows")],
        steady=True, past=True,
    )  # fmt: skip


def _headlines() -> html.Section:
    return panel(
        "headlines", "News",
        "Articles that name the coin, from the sources followed here. The score opens its reasons.",
        [html.Ul(className="articles")],
    )  # fmt: skip


def _sentiment() -> html.Section:
    return panel(
        "sentiment", "Sentiment",
        "Fear and greed of the coin, from prices and news; and its news by the hour against the price.",
        mood(),
    )  # fmt: skip


def _readings() -> html.Section:
    return panel(
        "readings", "Indicators",
        "Newest figures at the chart's timeframe and how they are usually read. Plus adds one to the chart.",
        [html.Ul(className="reading-rows")],
    )  # fmt: skip


def _statistics() -> html.Section:
    return panel(
        "statistics", "Statistics",
        "The day's figures, changes up to a year from stored daily candles, and a converter at the last price.",
        [
            figures("statistics-day", FIGURES),
            html.Dl(className="performance"),
            html.Div(className="converter"),
        ],
    )  # fmt: skip


def _alerts() -> html.Section:
    return panel(
        "alerts", "Alerts",
        "What the server tells you of when it happens, also while no page is open. Right click or long press on the chart makes one.",
        [
            html.Div(
                [
                    html.Ul(className="alert-rows"),
                    html.P("No alerts yet. Make one here, by A, or by a right click on the chart.", className="alert-none"),
                ],
                className="alert-list",
            ),
            html.Div(
                [
                    html.H3("History"),
                    html.Ul(className="alert-history"),
                    html.P("What alerts tell you is kept here.", className="alert-never"),
                ],
                className="alert-past",
            ),
        ],
    )  # fmt: skip


def _depth() -> html.Section:
    return panel(
        "depth", "Depth",
        "What is to be bought and sold up to which price: the order book added up from the middle.",
        [html.Canvas(role="img", **attrs(aria_label="Cumulative depth of the order book"))],
        steady=True,
    )  # fmt: skip
