"""The side panels: order book and trades. On the phone they are tabs below the chart."""

from dash import html

from dashboard.components.header import FIGURES, figures
from dashboard.components.markup import attrs, button, choice, columns, panel


def side() -> html.Div:
    return html.Div([_book(), _tape(), _stats()], id="side")


def _book() -> html.Section:
    return panel(
        "book",
        "Order book",
        [
            columns(("Price", "Amount", "Total")),
            # The phone has bids and asks side by side: each needs its own names.
            columns(("Amount", "Price"), "bid-columns"),
            html.Div(className="asks"),
            html.Div([html.Span("Spread"), html.Span("–", className="spread-value")], className="spread"),
            html.Div(className="bids"),
            html.P(
                "No order book from this source. Its levels appear here with the first one.", className="panel-empty"
            ),
        ],
    )


def _tape() -> html.Section:
    return panel(
        "tape",
        "Trades",
        [
            columns(("Price", "Amount", "Time")),
            html.Div(className="rows"),
            html.P("No trade yet. Each appears here as it happens.", className="panel-empty"),
        ],
    )


def _stats() -> html.Section:
    """Phone only: the figures a desktop has in its header."""
    return panel("stats", "Last 24 hours", [figures("stats-figures", FIGURES)])


def tabs() -> html.Nav:
    """Phone only: which panel lies below the chart."""
    panes = (("book", "Book"), ("tape", "Trades"), ("strip", "Markets"), ("stats", "Stats"))
    return html.Nav(choice("pane", [(name, title, title) for name, title in panes], "Panels"), id="tabs")


def indicators() -> html.Dialog:
    """The dialog that adds indicators and changes their parameters; studydialog.js makes what is in it."""
    return html.Dialog(
        [
            html.Div(button("Esc", className="dialog-close", label="Close"), className="picker-head"),
            html.Div(className="picker-list"),
            html.P("", className="picker-empty", hidden=True),
        ],
        id="indicators",
        **attrs(aria_label="Indicators"),
    )


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
        **attrs(aria_label="Choose a symbol"),
    )
