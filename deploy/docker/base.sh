#!/usr/bin/env bash
# Makes the local image linli-base:SUITE, the one root file system every other image starts from.
#
#   deploy/docker/base.sh trixie|bookworm
#
# Taken from a registry when one can be reached, else built with debootstrap from a Debian mirror.
#   MIRROR               prefix of a registry, e.g. registry.example/   (default: none)
#   LINLI_BASE_IMAGE     image to pull                                  (default: debian:SUITE-slim)
#   LINLI_BASE           auto | pull | debootstrap                      (default: auto)
#   LINLI_DEBIAN_MIRROR  Debian mirror for debootstrap                  (default: this machine's)
#   LINLI_REFRESH=1      make it again although it is there
. "$(dirname "$0")/lib.sh"

suite=${1:?suite}
image=linli-base:$suite
how=${LINLI_BASE:-auto}
wanted=${MIRROR:-}${LINLI_BASE_IMAGE:-debian:$suite-slim}

# The mirrors this machine itself uses, read at run time: "uri codename" a line.
machine_mirrors() {
    have apt-get || return 0
    apt-get indextargets --format '$(ORIGIN)|$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
        sed -n 's/^Debian|//p' | sort -u
}

debian_mirror() {
    if [ -n "${LINLI_DEBIAN_MIRROR:-}" ]; then
        echo "$LINLI_DEBIAN_MIRROR"
    else
        machine_mirrors | awk '$2 !~ /-/ {print $1; exit}'
    fi
}

security_line() {
    local uri
    uri=$(machine_mirrors | awk '$2 ~ /-security$/ {print $1; exit}')
    [ -z "$uri" ] || echo "deb $uri $suite-security main"
}

pull() {
    say "拉取基础镜像 / pulling $wanted"
    timeout "${LINLI_PULL_TIMEOUT:-60}" docker pull -q "$wanted" >"$cache/pull.log" 2>&1 &&
        from_pulled | docker build -q -t "$image" - >>"$cache/pull.log" 2>&1
}

# A pulled image asks its own mirror for packages unless another is named.
from_pulled() {
    echo "FROM $wanted"
    [ -z "${LINLI_DEBIAN_MIRROR:-}" ] || echo "RUN rm -f /etc/apt/sources.list.d/* &&" \
        "echo 'deb $LINLI_DEBIAN_MIRROR $suite main' >/etc/apt/sources.list"
}

bootstrap() {
    [ "$(id -u)" = 0 ] || die \
        "拉不到 $wanted；请以 root 运行以便用 debootstrap 制作，或用 MIRROR= 指定镜像站" \
        "cannot pull $wanted; run as root so that debootstrap can make it, or name a mirror with MIRROR="
    have debootstrap || install_packages debootstrap || die \
        "缺少 debootstrap，请安装后重试" "debootstrap is missing: install it and run again"
    local root mirror
    root=$(mktemp -d)
    mirror=$(debian_mirror)
    say "用 debootstrap 制作 $image / making $image with debootstrap"
    if ! debootstrap --variant=minbase "$suite" "$root/fs" ${mirror:+"$mirror"} \
        >"$cache/debootstrap.log" 2>&1; then
        tail -n 15 "$cache/debootstrap.log" >&2
        rm -rf "$root"
        die "debootstrap 失败；可用 LINLI_DEBIAN_MIRROR= 指定 Debian 镜像站" \
            "debootstrap failed; LINLI_DEBIAN_MIRROR= names another Debian mirror"
    fi
    security_line >>"$root/fs/etc/apt/sources.list"
    import "$root/fs"
    rm -rf "$root"
}

# What the distribution's own slim image leaves out, we leave out.
import() {
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale lintian \
        >"$1/etc/dpkg/dpkg.cfg.d/docker"
    printf 'APT::Install-Recommends "0";\n' >"$1/etc/apt/apt.conf.d/docker"
    rm -rf "$1"/usr/share/{doc,man,info,locale}/* "$1"/var/cache/apt/archives/*.deb \
        "$1"/var/lib/apt/lists/* "$1"/var/log/*
    tar -C "$1" --exclude='./dev/*' -c . |
        docker import -c 'ENV LANG=C.UTF-8' -c 'CMD ["/bin/sh"]' - "$image" >/dev/null
}

mkdir -p "$cache"
if [ -z "${LINLI_REFRESH:-}" ] && docker image inspect "$image" >/dev/null 2>&1; then
    exit 0
fi
case $how in
    pull) pull || { tail -n 3 "$cache/pull.log" >&2; die \
        "拉不到基础镜像 $wanted，可用 MIRROR= 指定镜像站" \
        "cannot pull $wanted; MIRROR= names a registry that can be reached"; } ;;
    debootstrap) bootstrap ;;
    auto) pull || bootstrap ;;
    *) die "LINLI_BASE 只能是 auto、pull 或 debootstrap" "LINLI_BASE is auto, pull or debootstrap" ;;
esac
