"""News: the newest, of one coin, and why a headline has its score."""

import math
import re
from functools import cache
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.answers import ok
from dashboard.api.errors import ApiError
from dashboard.api.parameters import Cursor
from dashboard.services import services
from pipeline.store.articles import ArticleKey, ArticleRow
from pipeline.symbols import parse_symbol

routes = Blueprint("news", __name__, url_prefix="/api/v1/news")
#: CONTRACT §2.
CAP: Final = 500
#: What people type into a search box. Every word costs a look at every article.
_LONGEST, _MOST_WORDS = 200, 10
_TOKEN: Final = re.compile(r"[a-z0-9]{1,20}")


@routes.get("")
def newest() -> Response:
    low, high = _score("min_score"), _score("max_score")
    if low is not None and high is not None and low > high:
        parameters.refuse("INVALID_BODY", "min_score lies above max_score.")
    words = _text("q").split()
    if len(words) > _MOST_WORDS:
        parameters.refuse("INVALID_BODY", f"q: {len(words)} words are more than {_MOST_WORDS}.")
    limit, after, symbol = parameters.limit(50, CAP), _after(), _text("symbol")
    rows = services().articles.newest(
        limit=limit, coin=coin(symbol) if symbol else None, source=_text("source") or None, min_score=low, max_score=high,
        words=words, after=after,
    )  # fmt: skip
    return _page(rows, limit)


@routes.get("/explain")
def explain() -> Response:
    """Which words made a score, and why they count: of any `text`, or of the article at `url`."""
    url, text = _text("url", 2000), _text("text")
    if url:
        article = services().articles.at(url)
        if article is None:
            raise ApiError(404, "NOT_FOUND", f"There is no article at {url[:200]}.")
        text = article.title
    if not text:
        parameters.refuse("MISSING_PARAMETER", "Give a text, or the url of an article.")
    return ok({"text": text, **msgspec.to_builtins(_analyzer().explain(text))})


@cache
def _analyzer() -> Any:
    # VADER and its lexicon take a third of a second: only a process that is asked pays.
    from pipeline.news.sentiment import Analyzer

    return Analyzer()


@routes.get("/<path:name>")
def of_coin(name: str) -> Response:
    """By token (`btc`), in any case; or by a symbol, then by its base."""
    limit, after = parameters.limit(20, CAP), _after()
    return _page(services().articles.newest(limit=limit, coin=coin(name), after=after), limit)


def coin(text: str) -> str:
    """What a caller wrote for a coin → its token."""
    token = text.strip().lower()
    if not _TOKEN.fullmatch(token):
        symbol = parse_symbol(text)
        if symbol is None:
            parameters.refuse("INVALID_SYMBOL", f"'{text[:60]}' is not a coin. Write it like btc, or BTC/USDT.")
        token = symbol.partition("/")[0].lower()
    return token


def _page(rows: list[ArticleRow], limit: int) -> Response:
    last = rows[-1] if len(rows) == limit else None
    following = parameters.spell(Cursor(last.time, False, last.url)) if last is not None else None
    return ok(rows, {"limit": limit, "next_cursor": following})


def _after() -> ArticleKey | None:
    cursor = parameters.cursor()
    return ArticleKey(cursor.at, cursor.id) if cursor else None


def _score(name: str) -> float | None:
    given = request.args.get(name)
    if not given:
        return None
    try:
        score = float(given)
    except ValueError:
        score = math.nan
    if not -1 <= score <= 1:
        parameters.refuse("INVALID_BODY", f"{name}: '{given[:20]}' is not a number from -1 to 1.")
    return score


def _text(name: str, longest: int = _LONGEST) -> str:
    given = request.args.get(name, "").strip()
    if len(given) > longest or "\0" in given:
        parameters.refuse("INVALID_BODY", f"{name}: at most {longest} characters of text.")
    return given
