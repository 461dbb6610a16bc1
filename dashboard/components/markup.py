"""Small pieces that every component is made of."""

from collections.abc import Sequence
from typing import Any

from dash import html


def attrs(**values: str) -> dict[str, Any]:
    """`data_` and `aria_` attributes, written with the dashes that Python does not allow."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def icon(name: str) -> html.Span:
    """A glyph of `assets/icons`, drawn in the text's colour."""
    return html.Span(className=f"icon icon-{name}", **attrs(aria_hidden="true"))


def button(children: Any, *, label: str = "", **attributes: Any) -> html.Button:
    """A plain button; `label` is for those who do not see what it shows."""
    if label:
        attributes |= {"title": label, "aria-label": label}
    return html.Button(children, type="button", **attributes)


def choice(group: str, options: Sequence[tuple[str, Any, str]], label: str) -> html.Div:
    """Buttons of which one is pressed. Each option: value, what it shows, its name in words."""
    return html.Div(
        [
            button(shown, label=words, **{f"data-{group}": value, "aria-pressed": "false"})
            for value, shown, words in options
        ],
        className="choice",
        role="group",
        **attrs(aria_label=label),
    )


def columns(names: Sequence[str], extra: str = "") -> html.Div:
    """The names over a panel's columns."""
    return html.Div([html.Span(name) for name in names], className=f"columns {extra}".strip())
