# Shared by the scripts of this directory (source it; do not run it).
# shellcheck shell=bash
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${LINLI_IMAGE_CACHE:-$repo/.run/images}

say() { printf '\033[1m» %s\033[0m\n' "$*" >&2; }

# One sentence in Chinese, one in English, and out.
die() {
    printf '错误：%s / Error: %s\n' "$1" "$2" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Installs system packages when that is possible; true only if they are there afterwards.
install_packages() {
    [ "$(id -u)" = 0 ] && have apt-get || return 1
    local log
    log=$(mktemp)
    say "安装系统软件包 / installing packages: $*"
    if { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 15 "$log" >&2
    rm -f "$log"
    return 1
}

# $1: seconds. Retries `docker version` until the engine answers.
engine_answers() {
    local left=$1
    until docker version >/dev/null 2>&1; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 1
    done
}

# Starts an engine of our own when none answers; $engine_pid is then its process id.
engine_pid=""
start_engine() {
    have docker && engine_answers 0 && return 0
    # Where docker's own socket is only closed to this user, starting another engine would not help.
    [ "$(id -u)" = 0 ] || return 1
    if ! have dockerd; then
        install_packages docker.io iptables || return 1
    fi
    # Debian 13 has the client in a package of its own.
    have docker || install_packages docker-cli || return 1
    unset DOCKER_HOST DOCKER_CONTEXT
    engine_answers 5 && return 0 # the package may have started it
    mkdir -p "$cache"
    say "启动 Docker 引擎 / starting a Docker engine"
    setsid dockerd >"$cache/dockerd.log" 2>&1 </dev/null &
    engine_pid=$!
    engine_answers 40 && return 0
    tail -n 20 "$cache/dockerd.log" >&2
    stop_engine
    return 1
}

stop_engine() {
    [ -n "$engine_pid" ] || return 0
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    engine_pid=""
}
