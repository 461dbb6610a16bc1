"""Which symbols are followed now: the collector writes it, the other workers and the web read it. In Redis, per exchange."""

from typing import Any, Final

import msgspec
import redis

from pipeline.settings import Settings

_KEY: Final = "followed:"


class Followed(msgspec.Struct, frozen=True):
    """`symbols` in the order they are shown; of these `halted` do not trade now."""

    symbols: tuple[str, ...]
    halted: tuple[str, ...] = ()


def write(client: Any, settings: Settings, followed: Followed) -> None:
    """Raises redis.RedisError."""
    client.set(_KEY + settings.exchange, msgspec.json.encode(followed))


def read(client: Any, settings: Settings) -> Followed:
    """Those of the settings until the collector has said otherwise, and when Redis is away."""
    if not settings.quotes:
        return Followed(settings.symbols)
    try:
        found = client.get(_KEY + settings.exchange)
    except redis.RedisError:
        found = None
    return msgspec.json.decode(found, type=Followed) if found else Followed(settings.symbols)
