#!/usr/bin/env bash
# rehearsal.sh BIN DIR [ROUNDS]: how many times faster than the clock the guide's incidents are rehearsed, on the engines
# whose time is virtual.  Medians of alternating rounds, from the start of the stack to the verdict; each beside its aim.
set -euo pipefail
bin="$1" dir="$2" rounds="${3:-5}"
root="$(cd "$(dirname "$0")/.." && pwd)"
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

declare -A aim=([01-primary-down-sim]=10000 [02-high-pending-sim]=10000 [03-replay-failures-sim]=1000)
for _ in $(seq "$rounds"); do
    for scenario in 01-primary-down 02-high-pending 03-replay-failures; do
        for engine in sim leap; do
            name="$scenario-$engine"
            "$bin/waldrill" run "$root/scenarios/guide/$scenario.yaml" --engine "$engine" --quiet --out "$dir/$name" >"$dir/$name.txt" ||
                { cat "$dir/$name.txt" >&2 && exit 1; }
            jq .wall_s "$dir/$name/results.json" >>"$dir/$name.wall"
            jq .simulated_s "$dir/$name/results.json" >"$dir/$name.simulated"
        done
    done
done
for scenario in 01-primary-down 02-high-pending 03-replay-failures; do
    for engine in sim leap; do
        name="$scenario-$engine"
        awk -v name="$scenario on $engine" -v wall="$(median <"$dir/$name.wall")" -v simulated="$(<"$dir/$name.simulated")" \
            -v aim="${aim[$name]:-100}" 'BEGIN { printf "%-26s %7.1f s in %6.3f s: %6d times (aim %d)\n", name, simulated, wall, simulated / wall, aim }'
    done
done
