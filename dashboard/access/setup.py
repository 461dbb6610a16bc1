"""Access as the web server has it: off, or an authority and the limits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import redis

from dashboard.access.authority import Authority
from dashboard.access.limits import Limits
from pipeline.access.start import access_on
from pipeline.settings import Settings


class Access(NamedTuple):
    authority: Authority
    limits: Limits


def access(settings: Settings, client: redis.Redis, aside: Callable[[Callable[[], Any]], Any]) -> Access | None:
    """None where it is off. Nothing connects before the first use."""
    if not access_on(settings):
        return None
    authority = Authority(settings.database_url, settings.secret_key.get_secret_value(), aside)
    return Access(authority, Limits(client, settings.rate_limit))
