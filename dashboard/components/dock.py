"""Below the chart: news of the coin, depth of the book, statistics. Closed it is one line."""

from dash import html

from dashboard.components.markup import attrs, button
from dashboard.components.mood import mood

_PANES = (("news", "News"), ("depth", "Depth"), ("mood", "Mood"), ("statistics", "Statistics"))


def dock() -> html.Section:
    """dock.js opens and fills it."""
    return html.Section(
        [
            html.Div(
                [button(title, **{"data-dock": name, "aria-expanded": "false"}) for name, title in _PANES],
                className="dock-tabs",
            ),
            html.Div(
                [
                    html.Div(
                        [html.Ul(className="articles"), html.P("", className="dock-empty")],
                        tabIndex=0,
                        **attrs(data_of="news"),
                    ),
                    html.Div(
                        [
                            html.Canvas(role="img", **attrs(aria_label="Cumulative depth of the order book")),
                            html.P("No order book from this source.", className="dock-empty"),
                        ],
                        **attrs(data_of="depth"),
                    ),
                    html.Div(mood(), **attrs(data_of="mood")),
                    html.Div(
                        [html.Dl(className="performance"), html.Div(className="converter")],
                        **attrs(data_of="statistics"),
                    ),
                ],
                className="dock-body",
            ),
        ],
        id="dock",
        **attrs(aria_label="More about the symbol"),
    )
