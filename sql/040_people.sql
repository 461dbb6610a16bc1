-- Who may use the terminal, and what the money is called. Small, ordinary tables; every statement can run again.

-- Names differ by more than their case. `password_hash` is whatever the hasher wrote, never a password.
CREATE TABLE IF NOT EXISTS users (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL CHECK (name <> ''),
    password_hash text        NOT NULL,
    role          text        NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    disabled      boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS users_name ON users (lower(name));

-- `kind`: coin, stable (a coin that stands for money) or fiat.
CREATE TABLE IF NOT EXISTS currencies (
    code       text        PRIMARY KEY CHECK (code = upper(code) AND code <> ''),
    name       text        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('coin', 'stable', 'fiat')),
    created_at timestamptz NOT NULL DEFAULT now()
);
-- What is there stays as it is: names may have been edited.
INSERT INTO currencies (code, name, kind) VALUES
    ('BTC', 'Bitcoin', 'coin'), ('ETH', 'Ethereum', 'coin'), ('XRP', 'XRP', 'coin'), ('ADA', 'Cardano', 'coin'),
    ('SOL', 'Solana', 'coin'), ('DOGE', 'Dogecoin', 'coin'), ('BNB', 'BNB', 'coin'), ('LTC', 'Litecoin', 'coin'),
    ('TRX', 'TRON', 'coin'), ('DOT', 'Polkadot', 'coin'), ('LINK', 'Chainlink', 'coin'), ('AVAX', 'Avalanche', 'coin'),
    ('BCH', 'Bitcoin Cash', 'coin'), ('XLM', 'Stellar', 'coin'), ('UNI', 'Uniswap', 'coin'), ('ATOM', 'Cosmos', 'coin'),
    ('ETC', 'Ethereum Classic', 'coin'), ('FIL', 'Filecoin', 'coin'), ('NEAR', 'NEAR Protocol', 'coin'), ('ZEC', 'Zcash', 'coin'),
    ('USDT', 'Tether', 'stable'), ('USDC', 'USD Coin', 'stable'), ('FDUSD', 'First Digital USD', 'stable'),
    ('TUSD', 'TrueUSD', 'stable'), ('DAI', 'Dai', 'stable'), ('EURI', 'Eurite', 'stable'),
    ('USD', 'US dollar', 'fiat'), ('EUR', 'Euro', 'fiat'), ('GBP', 'Pound sterling', 'fiat'), ('JPY', 'Yen', 'fiat'),
    ('TRY', 'Turkish lira', 'fiat'), ('BRL', 'Brazilian real', 'fiat'), ('AUD', 'Australian dollar', 'fiat'),
    ('PLN', 'Polish złoty', 'fiat'), ('RON', 'Romanian leu', 'fiat'), ('UAH', 'Ukrainian hryvnia', 'fiat'),
    ('ZAR', 'South African rand', 'fiat'), ('MXN', 'Mexican peso', 'fiat'), ('ARS', 'Argentine peso', 'fiat'),
    ('COP', 'Colombian peso', 'fiat'), ('CZK', 'Czech koruna', 'fiat'), ('IDR', 'Indonesian rupiah', 'fiat')
ON CONFLICT (code) DO NOTHING;
