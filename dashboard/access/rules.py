"""Who may call what: the first rule that fits. What no rule opens is a page, for those who are logged in."""

from enum import Enum
from typing import Final


class Need(Enum):
    """What it takes to call."""

    NOTHING = "nothing"
    READ = "read"
    EXPORT = "export"
    ADMIN = "admin"
    #: Somebody who is logged in, whatever they may do; not a program.
    PERSON = "person"
    #: As READ; a browser that has nothing to show is sent to the login page.
    PAGE = "page"
    #: ADMIN, or Prometheus with its token.
    METRICS = "metrics"


#: A path, or with a slash at its end all that begins so.
RULES: Final = (
    ("/health", Need.NOTHING),
    ("/ready", Need.NOTHING),
    ("/login", Need.NOTHING),
    ("/assets/", Need.NOTHING),
    ("/_dash-component-suites/", Need.NOTHING),
    ("/_favicon.ico", Need.NOTHING),
    ("/api/v1/auth/login", Need.NOTHING),
    ("/api/v1/auth/refresh", Need.NOTHING),
    ("/api/v1/auth/logout", Need.NOTHING),
    ("/api/v1/auth/me", Need.READ),
    ("/api/v1/auth/", Need.PERSON),
    ("/api/v1/layouts", Need.PERSON),
    ("/api/v1/layouts/", Need.PERSON),
    ("/api/v1/keys", Need.PERSON),
    ("/api/v1/keys/", Need.PERSON),
    ("/api/v1/users", Need.ADMIN),
    ("/api/v1/users/", Need.ADMIN),
    ("/api/v1/export/", Need.EXPORT),
    ("/api/", Need.READ),
    ("/metrics", Need.METRICS),
    # Asks for itself, in its first message.
    ("/ws/crypto", Need.NOTHING),
    ("/ws/", Need.READ),
)


def need(path: str) -> Need:
    return next((what for one, what in RULES if path == one or (one.endswith("/") and path.startswith(one))), Need.PAGE)
