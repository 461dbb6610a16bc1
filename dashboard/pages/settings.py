"""The settings page: how it looks, who is logged in where, keys of programs, and for admins who may come in."""

from dash import html

from dashboard.components.markup import attrs
from dashboard.components.nav import bar, bottom


def layout() -> html.Main:
    """Its blocks are made by settings.js, which knows who looks at it."""
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/settings", "Settings"),
            html.Div(
                [
                    _block("Appearance", "appearance"),
                    _block("Account", "account"),
                    _block("API keys", "keys"),
                    _block("Logged in at", "logins"),
                    _block("Users", "users"),
                ],
                className="content",
            ),
            bottom("/settings"),
        ],
        id="settings",
        className="page",
    )


def _block(title: str, name: str) -> html.Section:
    return html.Section(
        [html.H2(title), html.Div(className="scroll")],
        className=f"block {name}",
        **attrs(aria_label=title, data_state="loading"),
    )
