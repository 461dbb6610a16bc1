"""The side panels: order book and trades. On the phone they are tabs below the chart."""

from dash import html

from dashboard.components.header import figures
from dashboard.components.markup import button, choice, panel


def book() -> html.Section:
    return panel(
        "book",
        "Order book",
        [
            html.Div(className="asks"),
            html.Div([html.Span("Spread"), html.Span("–", className="spread-value")], className="spread"),
            html.Div(className="bids"),
        ],
        ("Price", "Amount", "Total"),
    )


def tape() -> html.Section:
    return panel(
        "tape",
        "Trades",
        [html.Div(className="rows"), html.P("No trade yet. Each appears here as it happens.", className="panel-empty")],
        ("Price", "Amount", "Time"),
    )


def stats() -> html.Section:
    return panel("stats", "Last 24 hours", [figures("stats-figures")])


def tabs() -> html.Nav:
    """Phone only: which panel lies below the chart."""
    panes = (("book", "Book"), ("tape", "Trades"), ("strip", "Markets"), ("stats", "Stats"))
    return html.Nav(choice("pane", [(name, title, title) for name, title in panes], "Panels"), id="tabs")


def picker() -> html.Dialog:
    """The symbol dialog."""
    return html.Dialog(
        [
            # The search field is made by picker.js: a Dash input would report every key to Dash.
            html.Div(button("Esc", id="picker-close", label="Close"), className="picker-head"),
            html.Div(className="picker-list"),
            html.P("No such symbol is followed here.", className="picker-empty", hidden=True),
        ],
        id="picker",
        **{"aria-label": "Choose a symbol"},
    )
