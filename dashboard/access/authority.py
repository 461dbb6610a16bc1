"""Logs in, refreshes, logs out, and says who a token or key belongs to."""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import msgspec
import structlog

from dashboard.access.tokens import InvalidToken, Tokens
from pipeline.access.secrets import KEY_PREFIX, digest, verify_password
from pipeline.store.api_keys import ApiKeys
from pipeline.store.layouts import Layouts
from pipeline.store.logins import Logins, Turn
from pipeline.store.session import Session
from pipeline.store.users import Role, User, Users

#: Seconds that what the database said of a login or key is believed: how long somebody may go on after being kept out.
_BELIEVED: Final = 1.0
_MOST_REMEMBERED: Final = 10_000

#: What a user may do; a key may do what it was given of that.
SCOPES: Final[dict[Role, frozenset[str]]] = {
    "user": frozenset({"read", "export"}),
    "admin": frozenset({"read", "export", "admin"}),
}
_log = structlog.get_logger(__name__)


class Identity(msgspec.Struct, frozen=True):
    """Who calls. `until`: Unix seconds at which the token they showed ends; a key has none. `login` of a user, not of a key."""

    kind: Literal["user", "key"]
    id: int
    user: int
    name: str
    scopes: frozenset[str]
    until: int | None = None
    login: UUID | None = None

    def __str__(self) -> str:
        """What their calls are counted under."""
        return f"{self.kind}:{self.id}"


class Grant(msgspec.Struct, frozen=True):
    """What a login gives: the access token, and the refresh token unless the caller has it already."""

    access: str
    refresh: str | None
    user: User


class Authority:
    """Raises psycopg2 errors. `aside` runs what takes CPU for long without stopping everybody else."""

    def __init__(self, database_url: str, secret: str, aside: Callable[[Callable[[], Any]], Any]) -> None:
        self._session = Session(database_url)
        self.users = Users(self._session)
        self.logins = Logins(self._session)
        self.keys = ApiKeys(self._session)
        self.layouts = Layouts(self._session)
        self.tokens = Tokens(secret)
        self._aside = aside
        self._believed: dict[str, tuple[float, Identity | None]] = {}

    def close(self) -> None:
        self._session.close()

    # -- logging in --------------------------------------------------------------------------------------------------

    def verify(self, name: str, password: str) -> User | None:
        """The user, if name and password are right and they may come in."""
        user = self.users.find(name)
        right = self._aside(lambda: verify_password(user.password_hash if user else None, password))
        return user if user is not None and right and not user.disabled else None

    def begin(self, user: User, agent: str) -> Grant:
        login, secret = uuid4(), secrets.token_urlsafe(32)
        self.logins.begin(login, user.id, digest(secret), agent[:200])
        return Grant(self.tokens.issue(user.id, login), f"{login}.{secret}", user)

    def refresh(self, token: str) -> Grant | None:
        """None when it is refused. A refresh token is good once."""
        login, secret = _taken_apart(token)
        if login is None:
            return None
        new = secrets.token_urlsafe(32)
        turn = self.logins.rotate(login, digest(secret), digest(new))
        if turn is Turn.STOLEN:
            self.forget()
            _log.warning("a refresh token was used twice: the login is over", login=str(login))
        user = self.logins.user(login) if turn in (Turn.NEW, Turn.AGAIN) else None
        if user is None:
            return None
        return Grant(self.tokens.issue(user.id, login), f"{login}.{new}" if turn is Turn.NEW else None, user)

    def end(self, token: str) -> None:
        """Log out whoever holds this refresh token."""
        login, secret = _taken_apart(token)
        # Only who knows the newest token may: an old one ends the login just as well, as stolen.
        if login is not None and (user := self.logins.user(login)) is not None:
            if self.logins.rotate(login, digest(secret), digest(secrets.token_urlsafe(32))) is Turn.NEW:
                self.logins.end(login, user.id)
            self.forget()

    # -- who calls ---------------------------------------------------------------------------------------------------

    def identify(self, credential: str) -> Identity:
        """Of an access token or an API key. Raises InvalidToken."""
        if credential.startswith(KEY_PREFIX):
            found = self._believe(digest(credential).hex(), lambda: self._of_key(credential))
            if found is None:
                raise InvalidToken("The API key is not known here, was revoked, or has expired.")
            return found
        claims = self.tokens.read(credential)
        found = self._believe(f"{claims.login}", lambda: self._of_login(claims.login))
        if found is None or found.user != claims.user:
            raise InvalidToken("The login is over. Log in again.")
        return msgspec.structs.replace(found, until=claims.until)

    def forget(self) -> None:
        """Ask the database again, at once: somebody was kept out."""
        self._believed.clear()

    def _of_key(self, credential: str) -> Identity | None:
        key = self.keys.find(digest(credential))
        if key is None:
            return None
        return Identity("key", key.id, key.user_id, key.name, frozenset(key.scopes))

    def _of_login(self, login: UUID) -> Identity | None:
        user = self.logins.user(login)
        if user is None:
            return None
        return Identity("user", user.id, user.id, user.name, SCOPES[user.role], login=login)

    def _believe(self, name: str, ask: Callable[[], Identity | None]) -> Identity | None:
        now = time.monotonic()
        known = self._believed.get(name)
        if known is not None and now - known[0] < _BELIEVED:
            return known[1]
        found = ask()
        if len(self._believed) >= _MOST_REMEMBERED:
            self._believed.clear()
        self._believed[name] = (now, found)
        return found


def _taken_apart(token: str) -> tuple[UUID | None, str]:
    login, _, secret = token.partition(".")
    try:
        return UUID(login), secret
    except ValueError:
        return None, ""
