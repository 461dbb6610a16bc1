"""`cryptoviz user …`: who may use the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import SetupError

if TYPE_CHECKING:
    from pipeline.store.api_keys import ApiKeys
    from pipeline.store.logins import Logins
    from pipeline.store.users import User, Users

users = typer.Typer(help="Who may use the terminal, and the keys of their programs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the embedded servers. [default: data]")]


@users.command("add")
def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="May manage users, too.")] = False,
    data: Data = None,
) -> None:
    """Let somebody in. Asks for a password, or reads it from standard input."""
    from pipeline.access.secrets import hash_password

    if not name.strip() or len(name) > 60 or not name.isprintable():
        raise SetupError("A name has 1 to 60 characters that can be printed.")
    with _store(data) as (people, _, _):
        if people.find(name):
            raise SetupError(f"There is a user '{name}' already. A new password: cryptoviz user passwd {name}")
        user = people.add(name.strip(), hash_password(_password()), "admin" if admin else "user")
    typer.echo(f"{user.name} may come in{', and manage users' if admin else ''}.")


@users.command("passwd")
def passwd(name: Name, data: Data = None) -> None:
    """A new password. Ends every login of theirs."""
    from pipeline.access.secrets import hash_password

    with _store(data) as (people, logins, _):
        user = _known(people, name)
        people.set_password(name, hash_password(_password()))
        logins.end_all(user.id)
    typer.echo(f"{user.name} has a new password, and is logged out everywhere.")


@users.command("list")
def list_(data: Data = None) -> None:
    """Everybody who is known."""
    with _store(data) as (people, _, keys):
        found = people.all()
        for user in found:
            state = "  disabled" if user.disabled else ""
            typer.echo(
                f"{user.name}  {user.role}{state}  {len(keys.of(user.id))} keys  since {user.created_at:%Y-%m-%d}"
            )
    if not found:
        typer.echo("Nobody yet: cryptoviz user add NAME --admin")


@users.command("disable")
def disable(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    data: Data = None,
) -> None:
    """Keep somebody out, and their programs with them, within a second."""
    with _store(data) as (people, logins, _):
        user = _known(people, name)
        people.disable(name, not undo)
        if not undo:
            logins.end_all(user.id)
    typer.echo(f"{user.name} {'may come in again' if undo else 'is kept out'}.")


@users.command("keys")
def keys(
    name: Name,
    new: Annotated[str | None, typer.Option("--new", help="Make a key, with this name. It is shown once.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What the new key may do: read, export, admin; may be repeated. [default: read]"),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days the new key is good. [default: for ever]")
    ] = None,
    revoke: Annotated[
        int | None, typer.Option("--revoke", help="Number of a key that is to be refused from now on.")
    ] = None,
    data: Data = None,
) -> None:
    """The keys of somebody's programs: show, make, revoke."""
    from pipeline.access import secrets

    with _store(data) as (people, _, store):
        user = _known(people, name)
        if revoke is not None:
            if not store.revoke(revoke, user.id):
                raise SetupError(f"{user.name} has no key {revoke}.")
            typer.echo(f"Key {revoke} is refused from now on.")
        elif new is not None:
            scopes = list(dict.fromkeys(scope or ["read"]))
            for one in scopes:
                if one not in secrets.SCOPES:
                    raise SetupError(f"'{one}' is no scope: {', '.join(secrets.SCOPES)}.")
            if "admin" in scopes and user.role != "admin":
                raise SetupError(f"{user.name} is no admin, so no key of theirs can be.")
            key = secrets.make_key()
            until = datetime.now(UTC) + timedelta(days=days) if days else None
            store.add(user.id, new, secrets.hint(key), secrets.digest(key), scopes, until)
            typer.echo(key)
        else:
            for known in store.of(user.id):
                ends = f"  until {known.expires_at:%Y-%m-%d}" if known.expires_at else ""
                used = f"  used {known.used_at:%Y-%m-%d %H:%M}" if known.used_at else "  never used"
                typer.echo(f"{known.id}  {known.hint}…  {known.name}  {','.join(known.scopes)}{ends}{used}")


@contextmanager
def _store(data: Path | None) -> Iterator["tuple[Users, Logins, ApiKeys]"]:
    import psycopg2

    from pipeline.embedded.folder import attached
    from pipeline.settings import load
    from pipeline.store.api_keys import ApiKeys
    from pipeline.store.logins import Logins
    from pipeline.store.session import Session
    from pipeline.store.users import Users

    session = Session(attached(load(data=data)).database_url)
    try:
        yield Users(session), Logins(session), ApiKeys(session)
    except psycopg2.errors.UndefinedTable:
        raise SetupError("The database has no tables yet: cryptoviz migrate") from None
    except psycopg2.OperationalError as error:
        reason, _, _ = str(error).partition("\n")
        raise SetupError(f"The database does not answer: {reason}") from error
    finally:
        session.close()


def _known(people: "Users", name: str) -> "User":
    user = people.find(name)
    if user is None:
        raise SetupError(f"There is no user '{name}': cryptoviz user list")
    return user


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
