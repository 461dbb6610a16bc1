"""Access tokens: JWTs that say for ten minutes who is logged in, by which login. What they say is looked up again (authority)."""

import time
from typing import Final
from uuid import UUID

import jwt
import msgspec

#: Seconds. Short: a token that leaked is soon worthless, and the page renews its own.
LIFE: Final = 600
_ALGORITHM: Final = "HS256"
_WHO: Final = "cryptoviz"


class InvalidToken(Exception):
    """Why a token is refused, for the caller to read."""


class Claims(msgspec.Struct, frozen=True):
    """`until` in Unix seconds."""

    user: int
    login: UUID
    until: int


class Tokens:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, user: int, login: UUID, life: int = LIFE) -> str:
        now = int(time.time())
        claims = {"iss": _WHO, "aud": _WHO, "sub": str(user), "sid": str(login), "iat": now, "exp": now + life}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims:
        """Raises InvalidToken."""
        try:
            found = jwt.decode(
                token, self._secret, algorithms=[_ALGORITHM], audience=_WHO, issuer=_WHO,
                options={"require": ["exp", "iat", "sub", "sid"]},
            )  # fmt: skip
            return Claims(int(found["sub"]), UUID(found["sid"]), int(found["exp"]))
        except jwt.ExpiredSignatureError:
            raise InvalidToken("The access token has expired. Refresh it, or log in again.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise InvalidToken("The access token is not one of this server's.") from None
