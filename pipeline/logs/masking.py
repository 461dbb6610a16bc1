"""What must never stand in a log: passwords, keys and tokens, wherever in a line they come.

Known ones, out of the settings, are looked for as they are and as URLs, Python and JSON spell them; unknown ones by what they look like,
and by the name that they are logged under.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

from pipeline.settings import Settings

HIDDEN: Final = "***"
#: Shorter ones would be found in every second word; in a URL they are hidden all the same.
_SHORTEST: Final = 5
_NAMES: Final = r"password|passwd|pwd|secret|secret_key|token|access_token|refresh_token|api_key|apikey|authorization|cookie|credentials"
_NAMED: Final = re.compile(rf"(?:^|[_.-])(?:{_NAMES})$", re.IGNORECASE)
#: What such text has in it, in lower case, of which one is there → its looks, and what is left of it. Most lines have none, and cost
#: 2 us a value; the patterns would take 40.
_LOOKS: Final = (
    # A URL's password, up to the last @ before anything that ends a URL.
    (("://",), re.compile(r"(://[^\s/?#:@\"'<>]*):[^\s/?#\"'<>]*@"), rf"\1:{HIDDEN}@"),
    # Our own API keys, and JSON web tokens.
    (("cvk_",), re.compile(r"\bcvk_[A-Za-z0-9_-]+"), HIDDEN),
    (("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), HIDDEN),
    (("bearer", "basic"), re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # `token=…`, `"password": "…"`, in addresses, headers and texts.
    (
        ("pass", "pwd", "secret", "token", "api", "auth", "cookie", "credential"),
        re.compile(rf"\b({_NAMES})(\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\s\"'&,;}})\\]+", re.IGNORECASE),
        rf"\1\2{HIDDEN}",
    ),
)


class Mask:
    """A processor: hides secrets in every value of an event. `line` does it to what a renderer wrote."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {word for secret in secrets if len(secret) >= _SHORTEST for word in _spellings(secret)}
        # The longer one first: another may be a part of it.
        known = "|".join(re.escape(word) for word in sorted(spelled, key=len, reverse=True))
        self._known = re.compile(known) if known else None

    @classmethod
    def of(cls, settings: Settings) -> "Mask":
        return cls(_secrets(settings))

    def __call__(self, logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {name: self._hidden(name, value) for name, value in event.items()}

    def line(self, logger: Any, method: str, written: str) -> str:
        return self.text(written)

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        lower = text.lower()
        for hints, looks, instead in _LOOKS:
            if any(hint in lower for hint in hints):
                text = looks.sub(instead, text)
        return text

    def _hidden(self, name: str, value: Any) -> Any:
        if name == "exc_info" or value is None or isinstance(value, (bool, int, float)):
            return value
        if _NAMED.search(name):
            return HIDDEN
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._hidden(str(key), one) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._hidden("", one) for one in value]
        return self.text(repr(value))


def _spellings(secret: str) -> Iterable[str]:
    return secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1]


def _secrets(settings: Settings) -> Iterable[str]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif name.endswith("_url") and "@" in value:
            password = urlsplit(value).password
            if password:
                yield unquote(password)
