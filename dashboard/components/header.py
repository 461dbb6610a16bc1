"""Top of the terminal: symbol, price, its day, connection, theme."""

from dash import html

from dashboard.components.markup import button, icon

#: Figure → what it is called. The same set is the phone's Stats tab.
FIGURES = (("high", "24h High"), ("low", "24h Low"), ("volume", "24h Volume"), ("open", "24h Open"), ("range", "24h Range"))
#: Those that a desktop header has room for.
_IN_HEADER = ("high", "low", "volume")


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
            figures("header-stats", _IN_HEADER),
            html.Div([html.Span(className="dot"), html.Span("Connecting…", id="connection-text")], id="connection", role="status"),
            button([icon("theme")], id="theme", className="plain", label="Dark or light"),
        ],
        id="header",
    )


def figures(id_: str, names: tuple[str, ...] = tuple(name for name, _ in FIGURES)) -> html.Dl:
    """Figures of the last 24 hours; the page fills every `data-stat` it finds."""
    return html.Dl(
        [
            html.Div([html.Dt(label), html.Dd("–", **{"data-stat": name})])
            for name, label in FIGURES
            if name in names
        ],
        id=id_,
    )
