"""Top of the terminal: symbol, price, its day, the other pages, connection, theme."""

from collections.abc import Mapping
from typing import Final

from dash import html

from dashboard.components.markup import attrs, button, icon
from dashboard.components.nav import pages, settings, theme, user

#: Those that a desktop header has room for.
_SHORT: Final = {"high": "24h High", "low": "24h Low", "volume": "24h Volume"}
#: All of them: the phone's Stats tab.
FIGURES: Final = _SHORT | {"open": "24h Open", "range": "24h Range"}


def header() -> html.Header:
    return html.Header(
        [
            html.A([icon("logo"), html.Span("CryptoViz", className="brand")], href="/", id="logo", title="CryptoViz"),
            button(
                [html.H1("", id="symbol-name"), icon("chevron"), html.Kbd("⌘K")],
                id="symbol-button",
                label="Choose a symbol (⌘K or Ctrl+K)",
            ),
            html.Div([html.Span("–", id="price"), html.Span("", id="change")], className="quote"),
            figures("header-stats", _SHORT),
            button(
                [html.Span("Sentiment"), html.B("–")],
                id="mood-chip",
                title="Fear and greed of the coin, 0 to 100. Opens the panel Sentiment.",
                **attrs(data_state="loading"),
            ),
            pages("/"),
            html.Div(
                [html.Span(className="dot"), html.Span("Connecting…", id="connection-text")],
                id="connection",
                role="status",
            ),
            settings(),
            theme(),
            user(),
        ],
        id="header",
    )


def figures(id_: str, shown: Mapping[str, str]) -> html.Dl:
    """Figures of the last 24 hours, name → words; the page fills every `data-stat` it finds."""
    return html.Dl(
        [html.Div([html.Dt(words), html.Dd("–", **attrs(data_stat=name))]) for name, words in shown.items()],
        id=id_,
    )
