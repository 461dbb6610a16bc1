"""Small pieces that every component is made of."""

from collections.abc import Sequence
from typing import Any

from dash import html


def icon(name: str) -> html.Span:
    """A glyph of `assets/icons`, drawn in the text's colour."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def button(children: Any, *, label: str = "", **attributes: Any) -> html.Button:
    """A plain button; `label` is for those who do not see what it shows. Underscores in attributes become dashes."""
    named = {key.rstrip("_").replace("_", "-") if key.startswith(("data_", "aria_")) else key: value for key, value in attributes.items()}
    if label:
        named |= {"title": label, "aria-label": label}
    return html.Button(children, type="button", **named)


def choice(group: str, options: Sequence[tuple[str, Any, str]], label: str) -> html.Div:
    """Buttons of which one is pressed. Each option: value, what it shows, its name in words."""
    return html.Div(
        [button(shown, label=words, **{f"data-{group}": value, "aria-pressed": "false"}) for value, shown, words in options],
        className="choice",
        role="group",
        **{"aria-label": label},
    )


def panel(id_: str, title: str, children: Sequence[Any], columns: Sequence[str] = ()) -> html.Section:
    """A side panel: header, names of its columns, body."""
    return html.Section(
        [
            html.H2(title),
            html.Div([html.Span(column) for column in columns], className="columns"),
            *children,
        ],
        id=id_,
        className="panel",
        **{"aria-label": title},
    )
