"""Settings: environment (`CRYPTOVIZ_*`), files in `/run/secrets`, `.env`, `cryptoviz.toml`, in that order of precedence.

Every bad key is reported at start, all at once, with what would work.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import SetupError
from pipeline.symbols import parse_symbol

DEFAULT_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT", "ADA/USDT", "DOGE/USDT", "LTC/USDT")


#: Where containers find secrets as files.
SECRETS = Path("/run/secrets")


_MODULE_LEVEL = re.compile(r"\w+(\.\w+)*\s*=\s*(debug|info|warning|error)", re.IGNORECASE)

#: Of compose.yaml, which reads the same `.env`.
_COMPOSE = frozenset(("version", "listen", "https_port"))


class _EnvFile(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name not in _COMPOSE}


class Settings(BaseSettings):
    """One flat object, passed down by hand: nothing reads the environment but this."""

    model_config = SettingsConfigDict(
        env_prefix="CRYPTOVIZ_",
        env_file=".env",
        dotenv_filtering="match_prefix",
        toml_file="cryptoviz.toml",
        extra="forbid",
        frozen=True,
    )

    # Servers
    bus: Literal["streams", "kafka"] = Field(
        "streams", description="Message bus: Valkey Streams (embedded) or Apache Kafka (production)."
    )
    kafka_brokers: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port, comma-separated.")
    kafka_member: str = Field(
        "",
        description="Name of this process in Kafka's consumer groups, unlike any other's and the same after a restart, which then "
        "moves no partition; empty: a new member each time.",
    )
    partitions: int = Field(3, ge=1, le=1024, description="Partitions of each topic; symbols are spread over them.")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="Redis or Valkey: live bridge, cache, and the bus when it is `streams`. `unix://` works too.",
    )
    database_url: str = Field(
        "postgresql+psycopg2://cryptoviz@127.0.0.1:5432/cryptoviz",
        description="PostgreSQL or TimescaleDB, as a SQLAlchemy URL with the psycopg2 driver.",
    )

    cold_url: str = Field(
        "",
        description="Where old trades and candles move to: a folder, or s3://bucket/prefix; empty for nowhere. "
        "`up` takes a folder in `data`.",
    )
    hot_days: int = Field(
        35, ge=7, le=3650, description="Days that trades and candles stay in the database when there is a cold tier."
    )

    @property
    def stays_days(self) -> int:
        """Days that rows stay hot: what backfill fetches must not move under it."""
        return max(self.hot_days, self.backfill_days + 1)

    # Market
    exchange: str = Field(
        "auto",
        description="`binance`, `coinbase`, a name that ccxt knows, `simulator`, `replay:FILE[,FILE…]`, or `auto`: Binance if it "
        "answers within 3 s, else the simulator.",
    )
    symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_SYMBOLS, description="Symbols to follow, comma-separated."
    )
    quotes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Quote currencies, comma-separated, whose most traded symbols are followed beside `symbols`; empty: only `symbols`.",
    )
    min_volume: Decimal = Field(
        Decimal(0), ge=0, description="Least volume in 24 h of a symbol chosen by `quotes`, in the first of these."
    )
    max_symbols: int = Field(50, ge=1, le=5000, description="Symbols followed at most when `quotes` are given.")
    binance_ws_url: str = Field("wss://stream.binance.com:9443", description="Base URL of Binance's WebSocket streams.")
    binance_rest_url: str = Field("https://api.binance.com", description="Base URL of Binance's REST API.")
    coinbase_ws_url: str = Field("wss://advanced-trade-ws.coinbase.com", description="URL of Coinbase's WebSocket.")
    coinbase_rest_url: str = Field("https://api.exchange.coinbase.com", description="Base URL of Coinbase's REST API.")
    replay_speed: str = Field("1", description="Speed of a replay: a factor such as 1 or 10, or `max`.")
    seed_candles: int = Field(
        500, ge=0, le=5000, description="Newest candles per symbol and timeframe taken from the exchange at start."
    )
    backfill_days: int = Field(
        7,
        ge=0,
        le=3650,
        description="Days of 1m candles kept whole from the exchange's history, and as many candles of each coarser timeframe.",
    )

    # Simulator
    simulator_seed: int = Field(1, description="Seed of the simulated market; the same seed gives the same market.")
    simulator_rate: float = Field(
        40.0, gt=0, le=100_000, description="Trades a second of the simulated market, over all symbols."
    )

    # News
    news_config: str = Field(
        "", description="TOML file of news sources and coin names; empty for the built-in ones, `off` for no source."
    )

    # Web
    host: str = Field("127.0.0.1", description="Address the web server listens on. Anything but loopback is a choice.")
    port: int = Field(8050, ge=0, le=65535, description="Port of the web server; 0 takes a free one.")
    cors_origins: str = Field(
        "*", description="Origins that may call the API from a browser, comma-separated; `*` for all."
    )
    ws_origins: str = Field(
        "*", description="Origins whose pages may open the WebSocket, comma-separated; `*` for all. Our own always may."
    )
    exports: str = Field(
        "", description="Folder of the files of export jobs, shared by all web servers; empty for `exports` in `data`."
    )
    proxies: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front whose `X-Forwarded-For` and `-Proto` are believed."
    )

    # Access
    access: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether users log in: `auto` wherever others than this machine can call."
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs the tokens of those who are logged in; at least 32 characters, by chance."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token with which Prometheus may read `/metrics`, of the web server when access is on, and of workers.",
    )
    rate_limit: int = Field(
        1200, ge=1, le=1_000_000, description="REST calls a minute of each user and of each key, when access is on."
    )

    # House
    data: Path = Field(Path("data"), description="Folder of the embedded servers; kept between runs.")
    metrics_host: str = Field(
        "127.0.0.1", description="Address of a worker's own `/metrics`. Anything but loopback needs `metrics_token`."
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of a worker's own `/metrics`; 0 for none. Not of `up` and of the web server, whose `/metrics` is on `port`.",
    )
    alive: str = Field(
        "", description="File that a worker touches while it makes progress, for health checks; empty for none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much the logs say.")
    trace_url: str = Field(
        "", description="Where traces go, by OTLP over HTTP, such as http://tempo:4318; empty for nowhere."
    )
    trace_share: float = Field(
        0.01, ge=0, le=1, description="Share of the batches, and of the requests, that are traced."
    )
    log_levels: str = Field(
        "", description="Levels of single modules and what is in them: `pipeline.bus=debug,dashboard=warning`."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Logs as JSON, as text, or text on a terminal and JSON elsewhere."
    )

    @property
    def module_levels(self) -> dict[str, str]:
        """Module → its level."""
        pairs = (pair.partition("=") for pair in self.log_levels.split(",") if pair.strip())
        return {name.strip(): level.strip().lower() for name, _, level in pairs}

    @field_validator("log_levels")
    @classmethod
    def _log_levels(cls, value: str) -> str:
        for pair in filter(None, map(str.strip, value.split(","))):
            if not _MODULE_LEVEL.fullmatch(pair):
                raise ValueError(f"'{pair}' is not a module's level; write it like pipeline.bus=debug")
        return value

    @field_validator("symbols", mode="before")
    @classmethod
    def _symbols(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            return value
        parsed = []
        for name in names:
            symbol = parse_symbol(str(name))
            if symbol is None:
                raise ValueError(f"'{name}' is not a symbol; write it like BTC/USDT")
            parsed.append(symbol)
        if not parsed:
            raise ValueError("name at least one symbol, like BTC/USDT")
        return tuple(dict.fromkeys(parsed))

    @field_validator("quotes", mode="before")
    @classmethod
    def _quotes(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            return value
        cleaned = tuple(dict.fromkeys(str(name).strip().upper() for name in names if str(name).strip()))
        for name in cleaned:
            if not name.isalnum():
                raise ValueError(f"'{name}' is not a currency; write it like USDT")
        return cleaned

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, which we do not ship.
        for bare in ("postgresql://", "postgres://"):
            if value.startswith(bare):
                return "postgresql+psycopg2://" + value.removeprefix(bare)
        return value

    @field_validator("replay_speed")
    @classmethod
    def _speed(cls, value: str) -> str:
        try:
            fine = value == "max" or float(value) > 0
        except ValueError:
            fine = False
        if not fine:
            raise ValueError(f"'{value}' is not a speed; use a factor such as 1 or 10, or max")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        env_file = _EnvFile(settings_cls, env_file=dotenv_settings.env_file)
        sources = [init_settings, env_settings, env_file, TomlConfigSettingsSource(settings_cls)]
        if SECRETS.is_dir():
            # As containers hand them over: a file each, cryptoviz_database_url.
            sources.insert(2, SecretsSettingsSource(settings_cls, SECRETS))
        return tuple(sources)


def load(**overrides: Any) -> Settings:
    """Settings from the outside world; `overrides` (command-line flags) win. Raises SetupError naming every bad key."""
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg'].removeprefix('Value error, ')}{_got(e['loc'], e['input'])}"
            for e in error.errors()
        ]
        raise SetupError("These settings cannot be used:\n" + "\n".join(lines)) from error


def _got(key: tuple[int | str, ...], given: object) -> str:
    """What was given, unless it may be a secret or hold one: this is shown, and logged."""
    name = str(key[0]) if key else ""
    hidden = name.endswith(("_url", "_key", "_token")) or name not in Settings.model_fields
    return "" if hidden else f" (got {given!r})"
