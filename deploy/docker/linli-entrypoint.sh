#!/bin/sh
# Becomes the command. A web service is several processes that add their metrics up in a directory, which
# must be there before Python first imports them; a worker is one process and is scraped by itself.
set -eu
if [ "${1:-}" = web ]; then
    export PROMETHEUS_MULTIPROC_DIR=/run/linli/metrics
    mkdir -p "$PROMETHEUS_MULTIPROC_DIR"
fi
exec linli "$@"
