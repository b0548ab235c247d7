#!/bin/sh
# Makes the cluster, its roles and databases on the first start, then becomes PostgreSQL.
# Passwords are given as files POSTGRES_<ROLE>_PASSWORD_FILE; the superuser has none and cannot sign in
# over the network (see pg_hba.conf).
set -eu

refuse() {
    echo "拒绝启动：$1 / refusing to start: $2" >&2
    exit 78
}

roles="intake intake_owner points points_owner partners partners_owner notify notify_owner"
settings=/etc/linli/postgres/postgresql.conf
volume=/var/lib/postgresql/data
major=17
cluster=$volume/$major

for role in $roles; do
    name=POSTGRES_$(echo "$role" | tr a-z A-Z)_PASSWORD_FILE
    eval "file=\${$name:-}"
    [ -n "$file" ] || refuse "未设置 $name" "$name is not set"
    [ -s "$file" ] || refuse "密钥文件 $file 不存在或为空，请先运行 deploy/docker/secrets.sh" \
        "the secret file $file is missing or empty: run deploy/docker/secrets.sh first"
done

for other in "$volume"/[0-9]*; do
    case $other in
        "$cluster" | "$cluster.new" | "$volume/[0-9]*") ;;
        *) refuse "数据卷里是 PostgreSQL $(basename "$other") 的数据，本镜像是 $major；请先转储再恢复" \
            "the volume holds data of PostgreSQL $(basename "$other") and this image is $major: dump and restore it" ;;
    esac
done

# psql reads each password from its file: none is ever on a command line or in the environment.
variables() {
    for role in $roles; do
        name=POSTGRES_$(echo "$role" | tr a-z A-Z)_PASSWORD_FILE
        eval "echo \"\\\\set ${role}_password \\\`cat \$$name\\\`\""
    done
}

# A server that only this container's socket reaches, while the roles are brought up to date.
with_server() {
    pg_ctl -D "$1" -w -s -o "-c config_file=$settings -c listen_addresses='' -c log_min_messages=error" start
    { variables; echo "\\i /etc/linli/bootstrap/bootstrap.sql"; } |
        psql -X -q -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres -d postgres
    pg_ctl -D "$1" -w -s -m fast stop
}

# Made beside its place and renamed when whole: a first start that is interrupted begins again.
if [ ! -d "$cluster" ]; then
    rm -rf "$cluster.new"
    initdb -D "$cluster.new" -U postgres --auth=peer --encoding=UTF8 --data-checksums \
        --locale-provider=builtin --locale=C.UTF-8 >/tmp/initdb.log || { cat /tmp/initdb.log >&2; exit 1; }
    with_server "$cluster.new"
    mv "$cluster.new" "$cluster"
else
    # Passwords that were changed in the secrets take effect with a restart.
    with_server "$cluster"
fi
exec postgres -D "$cluster" -c config_file="$settings"
