"""An article's address in one spelling, so that the same article is known again wherever its link was found."""

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

#: As the wire takes it (pipeline.wire).
_LONGEST: Final = 2000
#: Parameters that say where the reader came from, never what is read.
_TRACKING: Final = re.compile(
    r"utm_\w+|at_(?:medium|campaign|custom\d|link_\w+|format|bbc_team|ptr_\w+)|traffic_source|fbclid|gclid|dclid|msclkid|yclid|"
    r"igshid|mc_[ce]id|_hs\w+|ref|ref_src|ref_url|referrer|source|src|cmp|cmpid|ns_\w+|ocid|ito|xtor|spm|outputtype",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]+\]")
_SAFE_PATH: Final = "/:@!$&'()*+,;=~-._"
_PORTS: Final = {"http": 80, "https": 443}


def canonical(link: str, base: str = "") -> str | None:
    """The address without tracking, fragment, default port and superfluous escapes; None when it is not a web address.

    Idempotent: canonical(canonical(x)) == canonical(x).
    """
    link = re.sub(r"[\x00-\x20\x7f\\]", "", link)
    try:
        parts = urlsplit(urljoin(base, link) if base else link)
        scheme, port = parts.scheme.lower(), parts.port
        host = (parts.hostname or "").rstrip(".")
        host = f"[{host}]" if ":" in host else host.encode("idna").decode().lower()
    except ValueError:
        return None
    if scheme not in _PORTS or not _HOST.fullmatch(host) or parts.username is not None:
        return None
    netloc = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    path = quote(unquote(parts.path, errors="surrogateescape"), safe=_SAFE_PATH, errors="surrogateescape") or "/"
    if "%2F" in parts.path.upper() or "%25" in parts.path:
        # Unescaping these would change what is meant.
        path = quote(parts.path, safe=_SAFE_PATH + "%")
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(k)]
    url = urlunsplit((scheme, netloc, path, urlencode(sorted(kept)), ""))
    return url if len(url) <= _LONGEST else None
