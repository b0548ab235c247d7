#!/bin/sh
# Gets a package of the operating system, as far as our rights allow.
#
#   system-package.sh install apt=NAME dnf=NAME apk=NAME ...   through the system's package manager
#   system-package.sh unpack DIRECTORY NAME                    Debian's files into a directory, no root
#
# Exit code: 0 it is there, 1 it was tried and failed, 2 there is no way to try.
set -eu

say() { printf '%s\n' "$*" >&2; }

as_root() { # needs no password, or is not done at all
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

apt_install() {
    policy=/usr/sbin/policy-rc.d
    made=
    # The package would start a system-wide service; we only want the program.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made=yes
    fi
    result=0
    apt_get install "$1" || { apt_get update && apt_get install "$1"; } || result=1
    [ -z "$made" ] || as_root rm -f "$policy"
    return "$result"
}

apt_get() {
    wait_for_lock='-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3'
    set -- "$1" ${2:+"--no-install-recommends" "$2"}
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq $wait_for_lock "$@" >/dev/null
}

install() {
    for choice; do
        tool=${choice%%=*} name=${choice#*=}
        case "$tool" in
            apt) command -v apt-get >/dev/null 2>&1 || continue ;;
            *) command -v "$tool" >/dev/null 2>&1 || continue ;;
        esac
        if [ "$tool" != brew ] && ! may_be_root; then return 2; fi
        say "正在安装系统软件包 $name（$tool） / installing the system package $name ($tool)"
        case "$tool" in
            apt) apt_install "$name" ;;
            dnf | yum) as_root "$tool" install -y -q "$name" >&2 ;;
            apk) as_root apk add --quiet "$name" >&2 ;;
            zypper) as_root zypper --non-interactive --quiet install "$name" >&2 ;;
            pacman) as_root pacman -S --noconfirm --needed "$name" >&2 ;;
            brew) brew install --quiet "$name" >&2 ;;
            *) return 2 ;;
        esac
        return
    done
    return 2
}

unpack() {
    command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 2
    target=$1 name=$2
    state=$target/apt
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
    say "正在下载 $name 到 $target（无需管理员权限） / fetching $name into $target (no root needed)"
    if ! needed=$(closure "$name" 2>/dev/null); then
        # The system's package lists are missing or old: keep lists of our own.
        private="-o Dir::State::Lists=$state/lists -o Dir::Cache=$state/cache"
        # shellcheck disable=SC2086
        apt-get -qq $private update >&2
        needed=$(closure "$name") || return 1
    fi
    # shellcheck disable=SC2086
    (cd "$state/debs" && apt-get -qq ${private:-} -o Acquire::Retries=3 download $needed >&2)
    for archive in "$state"/debs/*.deb; do dpkg -x "$archive" "$target"; done
    rm -rf "$state"
}

closure() { # the package and what it needs that the system does not have
    # shellcheck disable=SC2086
    plan=$(apt-get ${private:-} -s -o Debug::NoLocking=1 install --no-install-recommends "$1") || return 1
    printf '%s\n' "$plan" | awk '/^Inst /{print $2}'
}

private=
action=${1:?install or unpack}
shift
"$action" "$@"
