#!/bin/sh
# Makes .venv with exactly what a lock file names. Costs nothing when it is up to date.
#
#   setup.sh        what it takes to run        (requirements.lock)
#   setup.sh dev    and to test and check       (requirements-dev.lock)
set -eu

cd "$(dirname "$0")/../.."
venv=.venv
kind=${1:-run}
packages=deploy/local/system-package.sh

stop() {
    printf '%s\n' "$1" "$2" >&2
    exit 1
}

wanted() { # of what the environment is made; a moved directory or another machine makes another
    printf '%s %s %s' "$PWD" "$(cksum <"$1")" "$(uname -sm)"
}

holds() { # $1: kind, $2: its lock file
    [ -r "$venv/.made-$1" ] && [ "$(cat "$venv/.made-$1")" = "$(wanted "$2")" ]
}

up_to_date() {
    [ -x "$venv/bin/python" ] || return 1
    holds dev requirements-dev.lock && { [ "$kind" = dev ] || holds run requirements.lock; } && return
    [ "$kind" = run ] && holds run requirements.lock
}

fits() { # new enough, 3.11 or later; a shim may stand for a version that is not there
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if fits "$python"; then return; fi
    done
    "$packages" install apt=python3 dnf=python3.12 yum=python3.12 apk=python3 zypper=python312 \
        pacman=python brew=python@3.13 || true
    for python in python3 python3.13 python3.12; do
        if fits "$python"; then return; fi
    done
    stop "需要 Python 3.11 或更新版本，请安装后重试。" "Python 3.11 or newer is needed: install it and run this again."
}

# Debian keeps ensurepip in a package of its own; without it the environment has no pip.
make_venv() {
    rm -rf "$venv"
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$packages" install "apt=python$minor-venv" apk=py3-pip zypper=python3-pip || true
    fi
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv "$venv"
        pip="$venv/bin/python -m pip"
    elif "$python" -m pip --python "$python" --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip "$venv"
        pip="$python -m pip --python $venv/bin/python"
    elif unpacked_pip; then
        "$python" -m venv --without-pip "$venv"
        pip="env PYTHONPATH=$wheel $venv/bin/python -m pip"
    else
        stop "此 Python 不能建立虚拟环境：请让管理员安装软件包 python$minor-venv，再运行一次。" \
            "This Python cannot make virtual environments: ask an administrator to install the package python$minor-venv, then run this again."
    fi
}

unpacked_pip() { # Debian's own pip, as a file that needs no rights to use
    "$packages" unpack "$PWD/.run/tools/pip" python3-pip-whl || return 1
    for wheel in "$PWD"/.run/tools/pip/usr/share/python-wheels/pip-*.whl; do [ -r "$wheel" ]; done
}

install() {
    # What pip says about itself is noise here; what went wrong is not.
    $pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$1" ||
        stop "安装 $1 失败：检查网络，或用 pip 的设置指定镜像站，再运行一次。" \
            "Installing $1 failed: check the network, or name a mirror in pip's settings, and run this again."
}

up_to_date && exit 0

printf '%s\n' "正在准备 Python 环境，约一分钟…… / preparing the Python environment, about a minute …"
find_python
[ -x "$venv/bin/python" ] && fits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
    grep -qsF "$PWD" "$venv/pyvenv.cfg" && pip="$venv/bin/python -m pip" || make_venv
rm -f "$venv"/.made-*
lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock
install "$lock"

# The project itself: importable, and `linli` as a command, straight from this directory.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$PWD" >"$site/linli.pth"
printf '#!/bin/sh\nexec "%s/bin/python" -m deploy.cli "$@"\n' "$PWD/$venv" >"$venv/bin/linli"
chmod +x "$venv/bin/linli"

wanted requirements.lock >"$venv/.made-run"
[ "$kind" != dev ] || wanted requirements-dev.lock >"$venv/.made-dev"
