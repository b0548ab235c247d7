#!/bin/sh
# Empties the metrics directory (the files of processes that are no more would be counted for ever),
# then becomes the command. The directory must exist before Python first imports its metrics.
set -eu
rm -rf "$PROMETHEUS_MULTIPROC_DIR"
mkdir -p "$PROMETHEUS_MULTIPROC_DIR"
exec linli "$@"
