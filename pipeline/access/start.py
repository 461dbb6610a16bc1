"""What must be set before the web server may listen."""

from ipaddress import ip_address
from typing import Final

from pipeline.errors import SetupError
from pipeline.settings import Settings

_LEAST: Final = 32
_MAKE_ONE: Final = "Make one with: openssl rand -hex 32"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def access_on(settings: Settings) -> bool:
    """`auto`: wherever others than this machine can call."""
    return settings.access == "on" or (settings.access == "auto" and not is_loopback(settings.host))


def check_access(settings: Settings) -> None:
    """Raises SetupError when people would be let in by a secret that anybody can guess."""
    if not access_on(settings):
        return
    secret = settings.secret_key.get_secret_value()
    where = f"on {settings.host}, where others can reach it," if not is_loopback(settings.host) else "with access on"
    if not secret:
        raise SetupError(f"The web server does not start {where} without CRYPTOVIZ_SECRET_KEY. {_MAKE_ONE}")
    if len(secret) < _LEAST or len(set(secret)) < 10:
        raise SetupError(
            f"CRYPTOVIZ_SECRET_KEY is too easy to guess: {_LEAST} characters by chance are the least. {_MAKE_ONE}"
        )
