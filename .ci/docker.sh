#!/usr/bin/env bash
# docker.sh COMMAND…: run a command where a Docker engine answers and has the scheduler's image, as root on Debian.
# No image comes from a registry: the base is a Debian made here, with the wheels that the Dockerfile installs.
# An engine that was started here ends with the command, and takes its images with it.
set -euo pipefail
work=$(mktemp -d)
engine=

main() {
    trap stop EXIT
    install_missing
    docker version >/dev/null 2>&1 || start_engine
    make_base
    quietly docker build --build-arg BASE=durable-harness-base --tag durable-harness-scheduler .
    DTS_EMULATOR_IMAGE=durable-harness-scheduler "$@"
}

install_missing() {
    local missing=()
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    [ ${#missing[@]} -eq 0 ] && return
    quietly apt-get update
    quietly env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install --yes --no-install-recommends "${missing[@]}"
}

start_engine() {
    bridge=$(ls -d /sys/class/net/docker0 2>/dev/null || true)
    dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 &
    engine=$!
    until docker version >/dev/null 2>&1; do
        kill -0 "$engine" 2>/dev/null || { cat "$work/dockerd.log"; exit 1; }
        sleep 0.2
    done
}

make_base() {
    local suite mirror root=$work/root
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Release: $suite" 'Component: main' 'Created-By: Packages' | sed -n 1p)
    quietly debootstrap --variant=minbase --include=python3,python3-pip "$suite" "$root" "$mirror"
    quietly .venv/bin/python -m pip wheel --no-deps --require-hashes -r constraints-image.txt --wheel-dir "$root/wheels"
    printf '[global]\nno-index = true\nfind-links = /wheels\nbreak-system-packages = true\n' >"$root/etc/pip.conf"
    tar --create --directory "$root" --exclude './var/cache/apt/*' . | quietly docker import - durable-harness-base
}

quietly() {
    "$@" >"$work/output" 2>&1 || { cat "$work/output"; echo "$1 failed"; exit 1; }
}

stop() {
    if [ -n "$engine" ]; then
        kill "$engine" && wait "$engine" || true
        [ -n "$bridge" ] || ip link delete docker0 || true
    fi
    rm -rf "$work"
}

main "$@"
