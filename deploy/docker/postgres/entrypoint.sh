#!/bin/sh
# Makes the cluster and its roles on the first start, then becomes PostgreSQL.
set -eu

refuse() {
    echo "拒绝启动：$1 / refusing to start: $2" >&2
    exit 78
}

major=17
first_start=no
if [ -s "$PGDATA/PG_VERSION" ]; then
    found=$(cat "$PGDATA/PG_VERSION")
    [ "$found" = "$major" ] || refuse "数据目录是 PostgreSQL $found 的，本镜像是 $major；请先转储再恢复" \
        "the data directory is of PostgreSQL $found and this image is $major: dump and restore it first"
else
    first_start=yes
fi
/etc/linli/bootstrap/compose.sh "$first_start"
exec postgres -c config_file=/etc/linli/bootstrap/postgresql.conf
