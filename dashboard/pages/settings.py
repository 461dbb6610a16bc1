"""The settings page: how it looks, who is logged in where, keys of programs, and for admins who may come in."""

from dash import html

from dashboard.components.block import block
from dashboard.components.nav import bar, bottom


def layout() -> html.Main:
    """Its blocks are made by settings.js, which knows who looks at it."""
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/settings", "Settings"),
            html.Div(
                [
                    block("appearance", "Appearance", None),
                    block("account", "Account", None),
                    block("keys", "API keys", None),
                    block("logins", "Logged in at", None),
                    block("users", "Users", None),
                ],
                className="content",
            ),
            bottom("/settings"),
        ],
        id="settings",
        className="page",
    )
