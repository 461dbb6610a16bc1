"""Dash on our Flask server: the page's frame, its scripts and styles, all served from here.

The live path never goes through Dash: the layout is delivered once, and `assets/*.js` keeps it moving from the socket.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import dash
import dash_ag_grid
import plotly
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.fingerprint import build_fingerprint
from flask import Flask, Response, after_this_request, has_request_context, request

from dashboard import bundle, compression
from dashboard.pages import (
    console,
    data,
    login,
    markets,
    news,
    settings,
    terminal,
)
from dashboard.services import services

_HERE: Final = Path(__file__).resolve().parent
#: In the checkout beside the packages, in the wheel inside this one.
ASSETS: Final = next(folder for folder in (_HERE / "_assets", _HERE.parent / "assets") if folder.is_dir())

#: Name → layout of what shows these symbols. What no other name fits is the terminal's.
_PAGES: Final[dict[str, Callable[[Sequence[str]], html.Main]]] = {
    "console": lambda symbols: console.layout(),
    "data": data.layout,
    "markets": markets.layout,
    "news": news.layout,
    "settings": lambda symbols: settings.layout(),
    "terminal": terminal.layout,
}
#: Loaded apart from the others.
_APART: Final = frozenset(("theme.js", "texts.js", "login.js", "login.css"))

_PLOTLY: Final = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

# Dash would load the grid on every page, half a megabyte of it; gridtable.js fetches it where there is a table.
_GRID: Final = dash_ag_grid._js_dist[0]
_GRID["async"] = "lazy"

# theme.js and texts.js come first and block: no page is painted in the wrong colours. plot.js fetches Plotly once there are candles.
_FRAME: Final = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="dark light">
<meta name="description" content="Real-time candles, order book and trades of cryptocurrency markets.">
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/assets/icons/logo.svg">
<script src="/assets/theme.js"></script>
<script src="/assets/texts.js"></script>
<meta name="plotly" content="PLOTLY">
<meta name="grid" content="GRID">
<meta name="access" content="ACCESS">
{%css%}
<link rel="stylesheet" href="STYLES">
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}<script src="SCRIPTS"></script>{%renderer%}</footer>
</body>
</html>"""


def mount(server: Flask) -> Dash:
    """Serve the terminal at `/` and `/t/<symbol>`, the other pages at their names."""
    # Before Dash, which answers any address.
    login.mount(server)
    bundles = bundle.mount(server, ASSETS, _APART)
    frame = _FRAME
    for name, value in (
        ("PLOTLY", _plotly_url()),
        ("GRID", _grid_url()),
        ("ACCESS", "on" if services(server).access else "off"),
        ("STYLES", bundles[".css"]),
        ("SCRIPTS", bundles[".js"]),
    ):
        frame = frame.replace(name, value)
    app = Dash(
        __name__,
        server=server,
        assets_folder=str(ASSETS),
        assets_ignore=".*",  # they come in the bundles
        index_string=frame,
        title="CryptoViz",
        update_title="",
        compress=False,
    )

    def layout() -> html.Div:
        """Asked for by each page that opens: the symbols are those that are followed by then."""
        symbols = services(server).followed().symbols
        pages = [_PAGES[name](symbols) for name in _asked()]
        return html.Div([*pages, dcc.Store(id="started")])

    app.layout = layout
    # Runs once the layout is in the document: the page's own scripts take over from here.
    app.clientside_callback(ClientsideFunction("cryptoviz", "start"), Output("started", "data"), Input("started", "id"))
    # What security.py lets run: the few words Dash writes into the page itself. Known only when every callback is there.
    server.config["CSP_SCRIPT_HASHES"] = app.csp_hashes()
    return app


def _asked() -> Iterable[str]:
    """The page that asks for its layout, by its Referer; all of them when that does not say. The browser shows one of them in any case
    (theme.js), but Dash needs 0.8 ms for each element of those that it does not show."""
    if not has_request_context():
        return _PAGES
    after_this_request(_not_kept)
    if not request.referrer:
        return _PAGES
    named = urlsplit(request.referrer).path.removeprefix("/")
    return (named if named in _PAGES else "terminal",)


def _not_kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def warm(server: Flask) -> None:
    """Compress the largest file ahead of the first visitor. May run in a thread."""
    compression.warm(server, _plotly_url(), _PLOTLY.read_bytes())


def _plotly_url() -> str:
    """The plotly.js of the plotly package, as Dash serves it; named by version, so that browsers keep it for good."""
    return _suite("plotly", f"package_data/{_PLOTLY.name}", dash.__version__ + plotly.__version__, _PLOTLY)


def _grid_url() -> str:
    """The script of dash-ag-grid; it finds its other part, the grid itself, beside it."""
    path = _GRID["relative_package_path"]
    return _suite("dash_ag_grid", path, dash_ag_grid.__version__, Path(dash_ag_grid.__file__).parent / path)


def _suite(package: str, path: str, version: str, file: Path) -> str:
    name = build_fingerprint(path, version, int(file.stat().st_mtime))
    return f"/_dash-component-suites/{package}/{name}"
