#!/usr/bin/env bash
# Makes every password and key of the compose stack, once: ./secrets/NAME, one value a file.
#
#   deploy/docker/secrets.sh [DIR]        default: LINLI_SECRETS, else ./secrets beside docker-compose.yml
#
# What is there is never changed, so it may be run again after an update that needs a new one. The
# directory is closed to everybody else (0700); the files in it can be read by the containers' own users,
# each of which sees only those given to it. Keep a copy apart from the database's backups: without the
# field keys the personal data cannot be read.
. "$(dirname "$0")/lib.sh"

have openssl || die "缺少 openssl，请安装后重试" "openssl is missing: install it and run again"
dir=${1:-${LINLI_SECRETS:-$repo/secrets}}
umask 077
mkdir -p "$dir"
chmod 0700 "$dir"
count() { find "$dir" -maxdepth 1 -type f ! -name '.*' | wc -l; }
before=$(count)

# $1: name; the value on standard input. Written whole or not at all, never over one that is there.
keep() {
    [ ! -s "$dir/$1" ] || { cat >/dev/null; return 0; }
    cat >"$dir/.$1.new"
    chmod 0444 "$dir/.$1.new"
    mv "$dir/.$1.new" "$dir/$1"
}

# Letters and digits only: they stand in URLs.
password() { openssl rand -hex 24 | tr -d '\n'; }
key() { openssl rand -base64 32 | tr -d '\n'; }
value() { cat "$dir/$1"; }

for user in linli intake linli_admin; do
    password | keep "rabbitmq_$user"
done
printf 'amqp://linli:%s@rabbitmq:5672/linli' "$(value rabbitmq_linli)" | keep broker_url
printf 'amqp://intake:%s@rabbitmq:5672/partners' "$(value rabbitmq_intake)" | keep partner_broker_url
printf 'http://linli_admin:%s@rabbitmq:15672' "$(value rabbitmq_linli_admin)" | keep rabbitmq_management_url

for service in intake points partners notify; do
    for role in "$service" "${service}_owner"; do
        password | keep "postgres_$role"
        printf 'postgresql://%s:%s@postgres:5432/%s' "$role" "$(value "postgres_$role")" "$service" |
            keep "${role}_database_url"
    done
done

for name in session_key contact_key intake_field_key intake_index_key notify_field_key notify_index_key \
    points_time_bank_key; do
    key | keep "$name"
done
password | keep sms_access_key_id
password | keep sms_access_key_secret
password | keep sms_receipt_token
password | keep grafana_admin_password

made=$(($(count) - before))
if [ "$made" = 0 ]; then
    say "密钥齐全，未作改动 / all secrets are there, nothing changed: $dir"
else
    say "已生成 $made 个密钥 / made $made secrets: $dir"
fi
