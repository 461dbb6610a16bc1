#!/bin/sh
# Makes what is missing in deploy/secrets: passwords by chance, a certificate of our own. What is there stays.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
# Containers run as other users: the folder keeps strangers out, the files can be read inside.
random() { openssl rand -hex 24 | tr -d '\n'; }
once() { [ -s "$1" ] || { "$2" > "$1.new"; chmod 644 "$1.new"; mv "$1.new" "$1"; echo "made deploy/secrets/$1"; }; }
url() { printf 'postgresql+psycopg2://cryptoviz:%s@timescaledb:5432/cryptoviz' "$(cat postgres_password)"; }
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj "/CN=${CRYPTOVIZ_HOST:-localhost}" \
        -addext "subjectAltName=DNS:${CRYPTOVIZ_HOST:-localhost}" -keyout tls_key.new -out /dev/stdout 2>/dev/null
    chmod 644 tls_key.new
    mv tls_key.new tls_key
}
keys() {
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$(cat object_store_user)" "$(cat object_store_password)"
}
once postgres_password random
once database_url url
once tls_certificate certificate
once secret_key random
once metrics_token random
once grafana_password random
once reader_password random
once object_store_user random
once object_store_password random
once object_store_keys keys
