"""The console page: REST and the WebSocket by hand."""

from dash import html

from dashboard.components.block import block
from dashboard.components.markup import attrs, button
from dashboard.components.nav import bar, bottom


def layout() -> html.Main:
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/console", "Console"),
            html.Div(
                [
                    html.Section(
                        [
                            html.H2("WebSocket"),
                            html.Div(
                                [
                                    html.Div(
                                        [
                                            button("Connect", className="connect"),
                                            html.Span("closed", className="connection", role="status"),
                                            html.Span("", className="counts"),
                                        ],
                                        className="console-line",
                                    ),
                                    # Its fields are made by console.js: Dash inputs would report every key to Dash.
                                    html.Div(className="console-line ask"),
                                    html.Div(className="console-line quick"),
                                    html.Div(className="console-line raw"),
                                ],
                                className="console-form",
                            ),
                        ],
                        className="block",
                        **attrs(aria_label="WebSocket"),
                    ),
                    block(
                        "frames-block",
                        "Frames",
                        html.Ol(className="frames", tabIndex=0, **attrs(aria_label="Frames, newest first")),
                        button("Pause", className="plain pause", **attrs(aria_pressed="false")),
                        button("Clear", className="plain clear"),
                        empty="Nothing yet: connect, and subscribe to something.",
                        state="empty",
                    ),
                    html.Section(
                        [
                            html.H2("REST"),
                            # Made by restconsole.js of /api/v1/openapi.json.
                            html.Div(className="console-form rest"),
                        ],
                        className="block",
                        **attrs(aria_label="REST"),
                    ),
                ],
                className="content",
            ),
            bottom("/console"),
        ],
        id="console",
        className="page",
    )
