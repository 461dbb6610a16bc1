"""Passwords and keys: how they are made, and the digests that are kept instead of them."""

import secrets
from hashlib import sha256
from typing import Final, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.errors import SetupError

Scope = Literal["read", "export", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
#: Every key begins so: people and secret scanners know it when they see it.
KEY_PREFIX: Final = "cvk_"
_SHORTEST: Final = 10
_LONGEST: Final = 200
#: Letters of a key that are shown to tell it from others.
_HINT: Final = len(KEY_PREFIX) + 6

#: RFC 9106's second choice, the library's defaults: 64 MiB, three passes. Some 50 ms that an attacker pays for each try.
_hasher = PasswordHasher()
#: Compared with when there is no such user, so that the answer takes as long.
_NOBODY: Final = _hasher.hash(secrets.token_urlsafe())


def check_password(password: str) -> str:
    """Raises SetupError when it cannot be one."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise SetupError(f"A password has {_SHORTEST} to {_LONGEST} characters; this one has {len(password)}.")
    if len(set(password)) < 4:
        raise SetupError("This password is one letter again and again. A sentence makes a good one.")
    return password


def hash_password(password: str) -> str:
    """Argon2id."""
    return _hasher.hash(check_password(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Takes as long whether there is a user (`password_hash`) or not. Longer passwords than there can be are not even tried."""
    if len(password) > _LONGEST:
        return False
    try:
        _hasher.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def make_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hint(key: str) -> str:
    return key[:_HINT]


def digest(secret: str) -> bytes:
    """Of something with 256 bits of chance in it, which needs no slow hash."""
    return sha256(secret.encode()).digest()
