"""sources.toml and coins.toml → what runs. A mistake in a user's file is one sentence that names it."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import SetupError
from pipeline.news.sources.base import Source
from pipeline.news.sources.page import Page
from pipeline.news.sources.reddit import Reddit
from pipeline.news.sources.rss import Rss
from pipeline.news.sources.x import X

#: `news_config` with this value: no source at all.
OFF: Final = "off"
#: `kind` of a section → what is made of each of its addresses. Raises SetupError when an option is missing.
KINDS: Final[dict[str, Callable[[str, Mapping[str, str]], Source]]] = {
    "rss": Rss,
    "page": Page,
    "reddit": Reddit,
    "x": X,
}


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section of sources.toml; `interval` in seconds."""

    name: str
    kind: str
    urls: tuple[str, ...]
    priority: int = 5
    days_back: float = 5
    interval: float = 60
    enabled: bool = True
    options: dict[str, str] = {}


class CoinConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a coin is named, besides its ticker (see coins.toml)."""

    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    ticker_is_word: bool = False


class NewsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: tuple[SourceConfig, ...] = ()
    coins: dict[str, CoinConfig] = {}


def package_text(name: str) -> str:
    """A file of this package."""
    return files("pipeline.news").joinpath(name).read_text(encoding="utf-8")


def load(where: str) -> NewsConfig:
    """The built-in files for "", no source for "off", else the file of that path; its coins are added to ours. Raises SetupError."""
    coins = msgspec.toml.decode(package_text("coins.toml"), type=dict[str, CoinConfig])
    if where == OFF:
        return NewsConfig((), coins)
    try:
        text = Path(where).read_text(encoding="utf-8") if where else package_text("sources.toml")
        config = msgspec.toml.decode(text, type=NewsConfig)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise SetupError(f"news_config: {where} cannot be used: {error}") from error
    for source in config.source:
        if source.kind not in KINDS:
            raise SetupError(f"news_config: kind {source.kind!r} of {source.name!r} is none of {', '.join(KINDS)}")
        if not source.interval > 0 or not source.priority >= 1:
            raise SetupError(f"news_config: interval of {source.name!r} must be above 0, priority at least 1")
    return NewsConfig(config.source, coins | config.coins)
