"""What the chart shows, and how."""

from dash import html

from dashboard.components.markup import attrs, button, choice, icon
from pipeline.timeframes import TIMEFRAMES


def toolbar() -> html.Div:
    timeframes = [(name, name, f"{name} candles (key {key})") for key, name in enumerate(TIMEFRAMES, 1)]
    types = [("candles", icon("candles"), "Candles"), ("line", icon("line"), "Line")]
    return html.Div(
        [
            choice("timeframe", timeframes, "Timeframe"),
            html.Span(className="divider"),
            choice("type", types, "Chart type"),
            html.Span(className="divider"),
            button(
                [icon("indicators"), html.Span("Indicators", className="words")],
                id="indicators-button",
                label="Add an indicator",
            ),
            button(
                [icon("wide")],
                id="wide",
                className="plain",
                label="Chart only (Esc to leave)",
                **attrs(aria_pressed="false"),
            ),
        ],
        id="toolbar",
        role="toolbar",
        **attrs(aria_label="Chart"),
    )
