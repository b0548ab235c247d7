#!/bin/bash
# Healthy: the broker answers an AMQP greeting with a method frame, and the metrics page is up.
# (rabbitmq-diagnostics would start an Erlang machine for every question.)
exec 3<>/dev/tcp/127.0.0.1/5672 || exit 1
printf 'AMQP\0\0\11\1' >&3
first=$(timeout 3 head -c1 <&3 | od -An -tx1 | tr -d ' ')
[ "$first" = 01 ] || exit 1
exec 4<>/dev/tcp/127.0.0.1/15692
