#!/bin/sh
# Tells nginx the scheme people see, then becomes it.
set -eu
case ${LINLI_PUBLIC_URL:-http://localhost} in
    https://*) scheme=https ;;
    http://*) scheme=http ;;
    *)
        echo "拒绝启动：LINLI_PUBLIC_URL 必须以 http:// 或 https:// 开头" \
            "/ refusing to start: LINLI_PUBLIC_URL begins with http:// or https://" >&2
        exit 78
        ;;
esac
echo "map '' \$public_scheme { default $scheme; }" >/tmp/public.conf
exec nginx -e /dev/stderr -c /etc/linli/gateway/nginx.conf -g 'daemon off;'
