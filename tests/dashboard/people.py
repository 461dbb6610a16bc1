"""Who there is where access is on."""

from uuid import UUID, uuid4

from dashboard.access.tokens import Tokens
from pipeline.access.secrets import digest, hash_password, hint, make_key
from pipeline.store.api_keys import ApiKeys
from pipeline.store.logins import Logins
from pipeline.store.session import Session
from pipeline.store.users import User, Users

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
