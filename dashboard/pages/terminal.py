"""The terminal: everything on one screen, for the symbol and timeframe that the address names."""

import json
from collections.abc import Sequence

from dash import html

from dashboard.components.chart import chart
from dashboard.components.dialogs import indicators, picker
from dashboard.components.header import header
from dashboard.components.markup import attrs
from dashboard.components.nav import bottom
from dashboard.components.panels import dock, left, right, tabs
from dashboard.components.toolbar import toolbar


def layout(symbols: Sequence[str]) -> html.Main:
    """`symbols`: those that are followed. The scripts in `assets` fill and move what this lays out."""
    return html.Main(
        [
            html.Div(id="banner", className="banner", role="status"),
            header(),
            html.Nav(id="strip", **attrs(aria_label="Markets")),
            toolbar(),
            # Filled by replay.js: what steers a replay.
            html.Div(id="replay", role="toolbar", hidden=True, **attrs(aria_label="Replay")),
            left(),
            chart(),
            dock(),
            tabs(),
            right(),
            picker(),
            indicators(),
            bottom("/"),
        ],
        id="terminal",
        **attrs(data_symbols=json.dumps(list(symbols)), data_chart="loading", data_connection="waiting"),
    )
