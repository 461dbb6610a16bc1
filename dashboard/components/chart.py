"""The chart's layers, bottom to top, its legend and what it says when it has nothing to show."""

from dash import html

from dashboard.components.markup import attrs, button, icon

_LEGEND = (("o", "O"), ("h", "H"), ("l", "L"), ("c", "C"), ("v", "V"))


def chart() -> html.Div:
    legend = html.Div(
        [
            html.Strong("", className="legend-name"),
            *(html.Span([html.I(letter), html.B("", **attrs(data_figure=figure))]) for figure, letter in _LEGEND),
            html.Span("", className="legend-change", **attrs(data_figure="change")),
        ],
        id="legend",
        className="blank",
    )
    return html.Div(
        [
            html.Canvas(className="chart-under"),
            html.Div(html.Div(className="chart-plot"), className="chart-clip"),
            html.Canvas(
                className="chart-over",
                tabIndex=0,
                role="img",
                **attrs(aria_label="Price chart. Arrow keys pan, plus and minus zoom, End shows the newest candle."),
            ),
            # Filled by gapmarks.js: a band for each stretch whose trades are missing.
            html.Div(id="gap-marks"),
            # Filled by newsmarks.js: a diamond for each article, on the time axis.
            html.Div(id="news-marks"),
            # Filled by alertmarks.js: a bell where an alert fired, a line for each price that is waited for.
            html.Div(id="alert-marks"),
            html.Div(id="alert-lines"),
            legend,
            # Filled by drawings.js: its tools.
            html.Div(id="tools", hidden=True, role="toolbar", **attrs(aria_label="Drawing")),
            # Filled by compare.js: a chip for each symbol that is compared.
            html.Div(id="compare", hidden=True),
            # Filled by studies.js: a line for each indicator.
            html.Div(id="studies"),
            html.Div("Loading older candles…", id="chart-older", hidden=True),
            html.Div("", id="chart-stale", role="status", hidden=True),
            html.Div(
                [html.P("", id="chart-message"), button("Try again now", id="chart-retry")], className="chart-blank"
            ),
            html.Div([html.Span() for _ in range(36)], className="chart-skeleton", **attrs(aria_hidden="true")),
            button([icon("latest")], id="chart-latest", label="To the newest candle (End)", hidden=True),
        ],
        id="chart",
    )
