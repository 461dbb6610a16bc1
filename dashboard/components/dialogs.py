"""Dialogs of the terminal."""

from dash import html

from dashboard.components.markup import attrs, button


def indicators() -> html.Dialog:
    """The dialog that adds indicators; studydialog.js makes what is in it."""
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
