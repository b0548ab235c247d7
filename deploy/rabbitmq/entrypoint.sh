#!/bin/sh
# Writes the definitions (vhosts, users, rights) from the secrets, then becomes the broker.
# Passwords are given as files NAME_FILE and reach RabbitMQ only as salted SHA-256 hashes.
set -eu

refuse() {
    echo "拒绝启动：$1 / refusing to start: $2" >&2
    exit 78
}

# $1: password. RabbitMQ's own form: base64(salt + sha256(salt + password)), 4 bytes of salt.
hash_of() {
    salt=$(openssl rand -hex 4)
    digest=$({ unhex "$salt"; printf %s "$1"; } | openssl dgst -sha256 -r | cut -d' ' -f1)
    unhex "$salt$digest" | openssl base64 -A
}

unhex() {
    # shellcheck disable=SC2059 # the format is the data: octal escapes we have just made
    printf "$(printf %s "$1" | sed 's/../0x& /g' | xargs printf '\\%03o')"
}

script=
for user in linli intake linli_admin; do
    name=RABBITMQ_$(echo "$user" | tr a-z A-Z)_PASSWORD_FILE
    eval "file=\${$name:-}"
    [ -n "$file" ] || refuse "未设置 $name" "$name is not set"
    [ -s "$file" ] || refuse "密钥文件 $file 不存在或为空，请先运行 deploy/docker/secrets.sh" \
        "the secret file $file is missing or empty: run deploy/docker/secrets.sh first"
    password=$(cat "$file")
    [ ${#password} -ge 16 ] || refuse "$file 的密码太短" "the password in $file is too short"
    script="$script
s|@$user@|$(hash_of "$password")|"
done
umask 077
echo "$script" | sed -f - /etc/linli/definitions.template >/run/linli/definitions.json
exec rabbitmq-server
