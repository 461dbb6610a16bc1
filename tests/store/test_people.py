"""Users and currencies."""

from collections.abc import Iterator

import psycopg2
import pytest

from pipeline.errors import SetupError
from pipeline.settings import DEFAULT_SYMBOLS
from pipeline.store.currencies import Currencies, Currency
from pipeline.store.migrate import migrate
from pipeline.store.session import Session
from pipeline.store.users import Users


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    migrate(database_url)
    session = Session(database_url)
    yield session
    session.close()


def test_users_are_found_in_any_case_and_names_are_taken_once(session: Session) -> None:
    users = Users(session)
    anna = users.add("Anna", "$argon2id$secret", "admin")
    assert users.find("aNNA") == anna and users.find("bert") is None
    assert "secret" not in repr(anna) and "secret" not in str(anna)
    with pytest.raises(SetupError, match="already"):
        users.add("ANNA", "other")
    users.add("bert", "x")
    assert [(user.name, user.role) for user in users.all()] == [("Anna", "admin"), ("bert", "user")]
    assert users.set_password("anna", "new") and users.disable("anna") and not users.disable("nobody")
    changed = users.find("Anna")
    assert changed is not None and (changed.password_hash, changed.disabled) == ("new", True)
    assert users.disable("anna", False) and users.remove("ANNA") and not users.remove("anna")
    assert [user.name for user in users.all()] == ["bert"]
    with pytest.raises(psycopg2.Error):
        users.add("", "x")


def test_currencies_are_seeded_and_an_edited_name_stays(session: Session, database_url: str) -> None:
    currencies = Currencies(session)
    codes = {currency.code for currency in currencies.all()}
    assert {part for symbol in DEFAULT_SYMBOLS for part in symbol.split("/")} <= codes
    assert currencies.find("btc") == Currency("BTC", "Bitcoin", "coin")
    assert currencies.find("NOPE") is None
    assert {"USDT", "USDC"} <= {currency.code for currency in currencies.all("stable")}
    currencies.put(Currency("btc", "Bitcoin, the first", "coin"))
    currencies.put(Currency("NEW", "New coin", "coin"))
    with session.transaction() as cursor:
        cursor.execute("DELETE FROM schema_migrations")
    migrate(database_url)
    assert currencies.find("BTC") == Currency("BTC", "Bitcoin, the first", "coin")
    assert len(currencies.all()) == len(codes) + 1


def test_a_session_connects_again_after_an_error(session: Session) -> None:
    with pytest.raises(psycopg2.Error), session.transaction() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with session.transaction() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
