"""From page to page: in the header, and on the phone along the lower edge."""

from typing import Any, Final

from dash import html

from dashboard.components.markup import attrs, button, icon

#: Address → name, in the order they are shown.
PAGES: Final = {
    "/": "Terminal",
    "/markets": "Markets",
    "/news": "News",
    "/data": "Data",
    "/console": "Console",
}


def links(active: str) -> list[html.A]:
    return [
        html.A(name, href=path, **(attrs(aria_current="page") if path == active else {}))
        for path, name in PAGES.items()
    ]


def pages(active: str) -> html.Nav:
    """In the header."""
    return html.Nav(links(active), className="pages", **attrs(aria_label="Pages"))


def bottom(active: str) -> html.Nav:
    """On the phone."""
    return html.Nav(links(active), className="bottom", **attrs(aria_label="Pages"))


def bar(active: str, title: str) -> html.Header:
    """The header of every page but the terminal."""
    return html.Header(
        [
            html.A(
                [icon("logo"), html.Span("CryptoViz", className="brand")],
                href="/",
                className="home",
                **attrs(aria_label="CryptoViz, the terminal"),
            ),
            html.H1(title),
            pages(active),
            settings(),
            theme(),
        ],
        className="bar",
    )


def settings() -> html.A:
    return html.A(
        [icon("settings")],
        href="/settings",
        className="settings-link",
        title="Settings",
        **attrs(aria_label="Settings"),
    )


def theme(**attributes: Any) -> html.Button:
    return button([icon("theme")], className="plain theme", label="Dark or light", **attributes)
