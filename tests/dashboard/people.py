"""Who there is where access is on, the server that asks them, and its socket."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dashboard.access.tokens import Tokens
from pipeline.access.secrets import digest, hash_password, hint, make_key
from pipeline.settings import Settings
from pipeline.store.api_keys import ApiKeys
from pipeline.store.logins import Logins
from pipeline.store.session import Session
from pipeline.store.users import User, Users
from tests.stack import Program, eventually, free_port

SECRET = "3f1c9a7be0d24856b1f7a09c8e62d5410f2b"
PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
CANDLES = "/api/v1/crypto/data?symbol=BTC/USDT"


class People:
    """Who there is: ann, an admin, and bob, who is not."""

    def __init__(self, database_url: str) -> None:
        self.session = Session(database_url)
        self.users, self.logins, self.keys = Users(self.session), Logins(self.session), ApiKeys(self.session)
        self.ann = self.users.add("ann", HASH, "admin")
        self.bob = self.users.add("Bob", HASH)

    def key(self, *scopes: str, of: User | None = None, name: str = "script") -> str:
        key = make_key()
        self.keys.add((of or self.ann).id, name, hint(key), digest(key), list(scopes), None)
        return key

    def login(self, user: User) -> UUID:
        login = uuid4()
        self.logins.begin(login, user.id, digest("secret"), "pytest")
        return login

    def token(self, user: User, secret: str = SECRET, life: int = 600) -> str:
        return Tokens(secret).issue(user.id, self.login(user), life)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Server:
    def __init__(self, settings: Settings, folder: Path, name: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = Program(
            "web", "--port", str(self.port), log=folder / f"{name}.log",
            CRYPTOVIZ_REDIS_URL=settings.redis_url, CRYPTOVIZ_DATABASE_URL=settings.database_url,
            CRYPTOVIZ_ACCESS="on", CRYPTOVIZ_SECRET_KEY=SECRET, CRYPTOVIZ_RATE_LIMIT="100", **environment,
        )  # fmt: skip
        assert eventually(self._answers), self.program.log.read_text()

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health").status_code == 200
        return False

    def connect(self, **options: Any) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/ws/crypto", **options)

    def stop(self) -> str:
        assert self.program.stop(10) == 0
        return self.program.log.read_text()


def ask(ws: ClientConnection, **request: Any) -> dict[str, Any]:
    ws.send(json.dumps(request))
    return dict(json.loads(ws.recv(5)))


def closed(ws: ClientConnection, within: float = 5) -> int:
    end = time.monotonic() + within
    with suppress(ConnectionClosed):
        while True:
            ws.recv(max(0.1, end - time.monotonic()))
    return ws.close_code or 0
