#!/bin/bash
# http-healthy PORT PATH: true when the server in this container answers 200. The answer is read to its end,
# so that no server has to log a caller who hung up.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
read -r -t 4 _ status _ <&3
timeout 2 cat <&3 >/dev/null
[ "$status" = 200 ]
