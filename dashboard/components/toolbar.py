"""What the chart shows, and how."""

from typing import Final

from dash import html

from dashboard.components.markup import attrs, button, choice, icon
from pipeline.timeframes import TIMEFRAMES

_TYPES: Final = (
    ("candles", "Candles"),
    ("heikin", "Heikin-Ashi"),
    ("bars", "Bars"),
    ("line", "Line"),
    ("area", "Area"),
)
_SCALES: Final = (
    ("linear", "Lin", "Linear scale"),
    ("log", "Log", "Logarithmic scale"),
    ("percent", "%", "Per cent of the first bar in view"),
)


def toolbar() -> html.Div:
    timeframes = [(name, name, f"{name} candles (key {key})") for key, name in enumerate(TIMEFRAMES, 1)]
    types = [(name, icon(name), words) for name, words in _TYPES]
    return html.Div(
        [
            choice("timeframe", timeframes, "Timeframe"),
            html.Span(className="divider"),
            choice("type", types, "Chart type"),
            html.Span(className="divider"),
            choice("scale", _SCALES, "Price scale"),
            html.Span(className="divider"),
            button(
                [icon("draw"), html.Span("Draw", className="words")],
                id="draw-button",
                label="Draw on the chart",
                **attrs(aria_pressed="false"),
            ),
            button(
                [icon("indicators"), html.Span("Indicators", className="words")],
                id="indicators-button",
                label="Add an indicator",
            ),
            button([icon("compare")], id="compare-button", className="plain", label="Compare with another symbol"),
            button([icon("calendar")], id="dates-button", className="plain", label="Go to a date, or replay it (G)"),
            button([icon("fit")], id="fit", className="plain", label="Fit: as much as can be seen, prices scaled (F)"),
            button([icon("camera")], id="camera", className="plain", label="Save a picture of the chart"),
            button([icon("layout")], id="layout-button", className="plain", label="Layout: panels and what is kept"),
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
