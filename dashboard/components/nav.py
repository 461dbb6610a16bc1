"""From page to page: in the header, and on the phone along the lower edge."""

from collections.abc import Iterable
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


#: Those that the phone's bottom bar has room for; the rest is behind its More.
_FIRST: Final = ("/", "/markets", "/news")


def links(active: str, paths: Iterable[str] = PAGES) -> list[html.A]:
    return [html.A(PAGES[path], href=path, **(attrs(aria_current="page") if path == active else {})) for path in paths]


def pages(active: str) -> html.Nav:
    """In the header."""
    return html.Nav(links(active), className="pages", **attrs(aria_label="Pages"))


def bottom(active: str) -> html.Nav:
    """On the phone. menu.js opens what More has."""
    current = {} if active in _FIRST else attrs(aria_current="page")
    return html.Nav(
        [*links(active, _FIRST), html.Button("More", type="button", className="bottom-more", **current)],
        className="bottom",
        **attrs(aria_label="Pages"),
    )


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
            user(),
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


def user() -> html.Button:
    """Who is logged in, where anybody logs in: access.js writes the name, its menu leads to the settings and out."""
    return button([icon("user"), html.Span("", className="user-name")], className="user", hidden=True)


def theme(**attributes: Any) -> html.Button:
    return button([icon("theme")], className="plain theme", label="Dark or light", **attributes)
