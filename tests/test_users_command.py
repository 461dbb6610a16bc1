"""`cryptoviz user …` over a real database."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from pipeline.access.secrets import verify_password
from pipeline.store.migrate import migrate
from pipeline.store.session import Session
from pipeline.store.users import Users
from tests.tools import REPOSITORY

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def user(database_url: str) -> Run:
    def run(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "user", *arguments], cwd=REPOSITORY, input=typed, text=True, capture_output=True,
            env={"PATH": "/usr/bin:/bin", "CRYPTOVIZ_DATABASE_URL": database_url, "CRYPTOVIZ_DATA": "/nonexistent"}, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


def test_people_and_keys(user: Run, database_url: str) -> None:
    code, _, said = user("add", "ann", typed="a long enough password\n")
    assert (code, "cryptoviz migrate" in said) == (2, True)
    migrate(database_url)
    assert user("add", "ann", "--admin", typed="a long enough password\n")[0] == 0
    assert user("add", "Bob", typed="another long password\n")[0] == 0
    code, _, said = user("add", "ANN", typed="a long enough password\n")
    assert (code, "already" in said) == (2, True)
    code, _, said = user("add", "eve", typed="short\n")
    assert (code, "10 to 200" in said, "short" in said) == (2, True, False)

    assert user("passwd", "bob", typed="quite another one\n")[0] == 0
    session = Session(database_url)
    found = Users(session).find("bob")
    assert found is not None
    assert found.password_hash.startswith("$argon2id$")
    assert verify_password(found.password_hash, "quite another one")
    assert not verify_password(found.password_hash, "another long password")
    session.close()

    code, key, _ = user("keys", "bob", "--new", "nightly", "--scope", "read", "--scope", "export", "--days", "30")
    assert (code, key.startswith("cvk_")) == (0, True)
    code, said, _ = user("keys", "bob")
    assert "nightly  export,read" in said or "nightly  read,export" in said
    assert key.strip() not in said
    assert user("keys", "bob", "--new", "x", "--scope", "admin")[0] == 2
    assert user("keys", "bob", "--new", "x", "--scope", "fly")[0] == 2
    number = said.split()[0]
    assert user("keys", "ann", "--revoke", number)[0] == 2
    assert user("keys", "bob", "--revoke", number)[0] == 0
    assert user("keys", "bob")[1] == ""

    assert user("disable", "bob")[0] == 0
    assert "Bob  user  disabled" in user("list")[1]
    assert user("disable", "bob", "--undo")[0] == 0
    assert "Bob  user  0 keys" in user("list")[1]
    assert user("passwd", "nobody", typed="a long enough password\n")[0] == 2
