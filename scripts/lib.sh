# shellcheck shell=bash
# What the scripts share: where the tree is, how many jobs, and steps that are timed and told.
# Sourced, never run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
JOBS="${JOBS:-$(nproc)}"
export ROOT JOBS

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# configure_and_build PRESET [TARGET...]: quiet unless it fails.
configure_and_build() {
    local preset="$1" log
    shift
    mkdir -p "$ROOT/build"
    log="$ROOT/build/$preset.log"
    if ! (cd "$ROOT" && cmake --preset "$preset" && ninja -C "build/$preset" -j "$JOBS" "$@") >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        die "preset $preset does not build (whole log: build/$preset.log)"
    fi
}

# A run with processes, played again (twice at most) when it proved nothing: exit status 3 says that this machine was
# too busy to offer the load in time, which is no verdict on anybody.
run_in_time() { # run_in_time ARGUMENTS of waldrill run
    local status try
    for try in 1 2 3; do
        status=0
        build/bin/waldrill run "$@" || status=$?
        ((status == 3 && try < 3)) || return "$status"
        say "the run proved nothing; once more"
    done
}
