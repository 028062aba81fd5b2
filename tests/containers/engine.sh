#!/usr/bin/env bash
# A Docker engine for the container tests on a machine that has none; needs root, and Debian's or Ubuntu's packages.
#
#   tests/containers/engine.sh start FOLDER    start one, unless one answers already; FOLDER/environment tells which
#   tests/containers/engine.sh stop FOLDER     stop what was started, and remove FOLDER
#
# Everything that it keeps lies in FOLDER, which must be on a real disk. It has no bridge network and no firewall rules:
# the tests' containers share the host's network and listen on loopback. A second engine of the machine is not touched.
# The docker packages stay installed. `start` exits 1, with one line that says why, where there can be no engine.
set -euo pipefail

say() { echo "engine.sh: $*" >&2; }
fail() { say "no Docker engine: $*"; exit 1; }

answers() { [ -S "$1" ] && DOCKER_HOST="unix://$1" timeout 10 docker version >/dev/null 2>&1; }

install_docker() {
    local wanted=(docker.io) policy=/usr/sbin/policy-rc.d
    command -v apt-get >/dev/null || fail "it would be installed by apt-get, and there is none"
    # Where the command is a package of its own.
    timeout 60 apt-get -qq update >/dev/null 2>&1 || say "apt-get update failed: going on with what is known"
    apt-cache show docker-cli >/dev/null 2>&1 && wanted+=(docker-cli)
    # The package must not start an engine of its own.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        trap 'rm -f '"$policy" EXIT
    fi
    DEBIAN_FRONTEND=noninteractive timeout 150 apt-get -qq install -y --no-install-recommends "${wanted[@]}" \
        </dev/null >"$1/install.log" 2>&1 || fail "apt-get install ${wanted[*]}: $(tail -n 1 "$1/install.log")"
}

start() {
    local folder=$1 socket=$1/docker.sock
    if [ -n "${DOCKER_HOST:-}" ] || answers /var/run/docker.sock; then
        say "using the engine that is there"
        return
    fi
    [ "$(id -u)" = 0 ] || fail "starting one needs root"
    command -v dockerd >/dev/null && command -v docker >/dev/null || install_docker "$folder"
    setsid dockerd \
        --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/dockerd.pid" \
        --host "unix://$socket" --bridge=none --iptables=false --ip6tables=false \
        </dev/null >"$folder/dockerd.log" 2>&1 &
    local pid=$!
    for _ in $(seq 100); do
        if answers "$socket"; then
            printf 'export %s=%s\n' \
                DOCKER_HOST "unix://$socket" \
                PINGFOLD_TEST_KAFKA_IMAGE pingfold-test/kafka \
                PINGFOLD_TEST_CLICKHOUSE_IMAGE pingfold-test/clickhouse >"$folder/environment"
            say "started one"
            return
        fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.3
    done
    fail "dockerd: $(grep -v level=info "$folder/dockerd.log" | tail -n 1)"
}

# Ends the process whose id stands in a file, and waits for it.
end() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    for _ in $(seq 150); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

stop() {
    local folder=$1 mounted
    # Containers that a killed test left, with whatever runs in them.
    if answers "$folder/docker.sock"; then
        DOCKER_HOST="unix://$folder/docker.sock" timeout 30 docker ps --quiet --all |
            DOCKER_HOST="unix://$folder/docker.sock" timeout 60 xargs --no-run-if-empty docker rm --force >/dev/null || true
    fi
    end "$folder/dockerd.pid"
    end "$folder/exec/containerd/containerd.pid"
    # The deepest first.
    awk -v inside="$folder/" 'index($2, inside) == 1 {print $2}' /proc/mounts | sort -r |
        while read -r mounted; do umount "$mounted" || true; done
    rm -rf --one-file-system "$folder" || say "$folder could not be removed whole"
}

case "${1:-} ${2:+folder}" in
"start folder") mkdir -p "$2"; start "$(realpath "$2")" ;;
"stop folder") [ ! -d "$2" ] || stop "$(realpath "$2")" ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
