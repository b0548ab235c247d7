#!/usr/bin/env bash
# Brings the whole stack of docker-compose.yml up on a real engine, plays the example month through its
# gateway and its broker, looks at what is running, and takes everything down again (`make test-compose`).
#
# Exit code 0 also when no engine can be had: the last line then begins with SKIP and says why. A stack that
# does not come up, or a month that does not come out as expected, is a failure with the tails of the logs.
#
#   LINLI_RABBITMQ_SUITE   trixie (RabbitMQ 4.0), bookworm (3.10) or both    (default: trixie)
#   LINLI_MONTH            directory of the month                           (default: examples/demo-district)
#   LINLI_UP_WITHIN        seconds the stack may take to become healthy      (default: 300)
. "$(dirname "$0")/lib.sh"

here=$repo/deploy/docker
work=$(mktemp -d)
export LINLI_SECRETS=$work/secrets LINLI_GATEWAY_PORT=127.0.0.1:0 COMPOSE_PROJECT_NAME=linlitest$$
export LINLI_MONTH=${LINLI_MONTH:-$repo/examples/demo-district}
export LINLI_PUBLIC_URL=http://gateway:8080 COMPOSE_INTERACTIVE_NO_CLI=1

skip() {
    echo "SKIP: $1 / $2"
    exit 0
}

# Compose as a plug-in of docker, or the program of its own that older systems have.
compose_program() {
    if docker compose version >/dev/null 2>&1; then
        compose_command="docker compose"
    elif have docker-compose; then
        compose_command=docker-compose
    else
        return 1
    fi
}
compose_files="--project-directory $repo -f $repo/docker-compose.yml"
# shellcheck disable=SC2086 # words on purpose
compose() { $compose_command $compose_files "$@"; }

# Containers of this run, as "service state health exit-code" lines; of one-off runs only the state counts.
states() {
    docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter label=com.docker.compose.oneoff=False | xargs -r docker inspect -f \
        '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.ExitCode}}'
}

fail() {
    echo "失败：$1 / FAILED: $2" >&2
    states | column -t >&2 || true
    compose logs --no-color --tail=25 2>/dev/null | cut -c1-400 >&2 || true
    exit 1
}

take_down() {
    local code=$?
    trap - EXIT
    if [ -n "${compose_command:-}" ]; then
        compose down -v --remove-orphans >/dev/null 2>&1 ||
            echo "容器未能清理，请运行 docker ps 查看 / some containers are left, see docker ps" >&2
    fi
    stop_engine
    rm -rf "$work"
    exit "$code"
}

# $1: seconds. True when every long-running service is healthy and both one-shots have ended well.
wait_healthy() {
    local until=$((SECONDS + $1)) now
    while [ "$SECONDS" -lt "$until" ]; do
        now=$(states)
        if grep -Eq '^[a-z-]+ exited none [1-9]' <<<"$now"; then return 1; fi
        if [ -n "$now" ] && ! grep -Evq ' running healthy | exited none 0$' <<<"$now"; then return 0; fi
        sleep 1
    done
    return 1
}

# Grafana's image comes from its makers only; everything else is built here.
grafana=yes
look_for_grafana() {
    local image
    image=${MIRROR:-}$(sed -n 's|.*image: ${MIRROR:-}\(grafana/.*\)|\1|p' "$repo/docker-compose.yml")
    docker image inspect "$image" >/dev/null 2>&1 && return
    timeout 120 docker pull -q "$image" >/dev/null 2>&1 && return
    grafana=no
    say "不测 Grafana：拉不到镜像 $image / Grafana is left out: its image $image cannot be pulled"
}

services() {
    compose config --services | grep -vxE 'linli|linli-play' | while read -r service; do
        [ "$service" = grafana ] && [ "$grafana" = no ] || echo "$service"
    done
}

containers() { docker ps -q --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"; }

# $1: suite that the broker comes from.
run_with() {
    local started=$SECONDS tag=4.0
    [ "$1" = trixie ] || tag=3.10
    export LINLI_RABBITMQ_TAG=$tag
    say "RabbitMQ $tag：启动全部服务 / starting every service"
    # shellcheck disable=SC2046 # names of services hold no spaces
    compose up -d $(services) >"$work/up.log" 2>&1 ||
        { tail -n 20 "$work/up.log" >&2; fail "compose up 出错" "compose up ended with an error"; }
    wait_healthy "${LINLI_UP_WITHIN:-300}" || fail "服务未能全部就绪" "not every service became healthy"
    say "全部就绪：$((SECONDS - started)) 秒 / all healthy after $((SECONDS - started)) s"
    # shellcheck disable=SC2046
    docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(containers) | sort

    started=$SECONDS
    timeout "${LINLI_PLAY_WITHIN:-900}" $compose_command $compose_files run --rm -T linli-play ||
        fail "示例月份的结果不符" "the month did not come out as expected"
    say "月份走完：$((SECONDS - started)) 秒 / the month is through after $((SECONDS - started)) s"

    # shellcheck disable=SC2046
    docker inspect $(containers) | python3 "$here/checks.py" containers ||
        fail "容器的限制不合要求" "a container is not restricted as it should be"
    compose run --rm -T --entrypoint python linli -m deploy.docker.checks stack ||
        fail "运行中的服务不合要求" "what is running is not as it should be"
    compose down -v --remove-orphans >"$work/down.log" 2>&1 ||
        { tail -n 5 "$work/down.log" >&2; fail "未能清理" "it could not be taken down"; }
}

trap take_down EXIT
trap 'exit 130' INT TERM
start_engine || skip "没有可用的 Docker 引擎，也无法安装" "there is no Docker engine and none can be installed here"
compose_program || { install_packages docker-compose && compose_program; } ||
    skip "没有 docker compose，也无法安装" "there is no docker compose and it cannot be installed here"
LINLI_RABBITMQ_SUITE=${LINLI_RABBITMQ_SUITE:-trixie}
case $LINLI_RABBITMQ_SUITE in
    both) suites="trixie bookworm" ;;
    trixie | bookworm) suites=$LINLI_RABBITMQ_SUITE ;;
    *) fail "LINLI_RABBITMQ_SUITE 只能是 trixie、bookworm 或 both" "LINLI_RABBITMQ_SUITE is trixie, bookworm or both" ;;
esac
"$here/images.sh" postgres prometheus gateway linli
for suite in $suites; do
    LINLI_RABBITMQ_SUITE=$suite "$here/images.sh" rabbitmq
done
"$here/secrets.sh"
look_for_grafana
for suite in $suites; do
    run_with "$suite"
done
say "容器测试通过 / the containers are as they should be"
