"""The data page: whether anything is missing, what was repaired, and how the parts that keep it so are doing."""

from collections.abc import Sequence

from dash import html

from dashboard.components.block import block
from dashboard.components.markup import attrs
from dashboard.components.nav import bar, bottom

#: Columns beside the symbol and its hours: field of the ledger, heading, meaning.
_FIGURES = (
    ("trades_stored", "Stored", "Trades in the database"),
    ("trades_missing", "Missing", "Trades that the exchange numbered and we do not have"),
    ("trades_repaired", "Repaired", "Trades fetched by number after a break"),
    ("duplicates", "Duplicates", "Trades that came twice and were dropped"),
    ("gaps", "Gaps", "Breaks that cannot be repaired"),
    ("candles_checked", "Checked", "Candles held against the exchange's own"),
    ("candles_mismatched", "Differ", "Checked candles that differed, since replaced by the exchange's"),
    ("lag_p50_ms", "Lag p50", "From the exchange's clock to the database, median"),
    ("lag_p99_ms", "Lag p99", "From the exchange's clock to the database, 99th percentile"),
)


def layout(symbols: Sequence[str]) -> html.Main:
    """`symbols`: those that are followed, and so can be exported."""
    head = [html.Th("Symbol", scope="col"), html.Th("Last 24 hours", scope="col", className="hours")]
    head += [
        html.Th(words, scope="col", title=meaning, **attrs(data_field=field)) for field, words, meaning in _FIGURES
    ]
    return html.Main(
        [
            html.Div(className="banner", role="status"),
            bar("/data", "Data"),
            html.Div(
                [
                    html.Section(
                        [html.P("", className="verdict"), html.P("", className="verdict-detail")],
                        className="summary",
                        role="status",
                        **attrs(data_state="loading"),
                    ),
                    block(
                        "ledger",
                        "Completeness",
                        html.Table(
                            [html.Caption("Ledger of quality, last 24 hours"), html.Thead(html.Tr(head)), html.Tbody()]
                        ),
                        empty="The first hour is counted within half a minute of the first trades.",
                    ),
                    block(
                        "gaps",
                        "Gaps",
                        html.Ul(),
                        empty="No gap: every trade that was missed could be fetched again.",
                    ),
                    block(
                        "storage",
                        "Storage",
                        html.Table(
                            [
                                html.Caption("What lies where"),
                                html.Thead(
                                    html.Tr(
                                        [
                                            html.Th(name, scope="col")
                                            for name in ("Dataset", "Tier", "Rows, about", "Size", "Reaches")
                                        ]
                                    )
                                ),
                                html.Tbody(),
                            ]
                        ),
                        empty="Nothing is stored yet.",
                    ),
                    block("parts", "Parts", html.Ul(), empty="Nothing has reported yet."),
                    # Its fields are made by data.js: Dash inputs would report every change to Dash.
                    block("export", "Export", html.Div(className="export-form")),
                ],
                className="content",
            ),
            bottom("/data"),
        ],
        id="data",
        className="page",
        **attrs(data_symbols=" ".join(symbols)),
    )
