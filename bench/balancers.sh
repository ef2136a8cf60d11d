#!/usr/bin/env bash
# balancers.sh BIN DIR [SECONDS [ROUNDS]]: walproxy beside haproxy and nginx in front of the same mock, in one run.
#
# For a read (a get of one record) and a write (an add of 5 KB) and each balancer, medians of alternating rounds:
#   per core   requests a second of the balancer's own CPU time, 16 connections
#   p50, p99   what it adds to the answer's time at one connection, against going straight to the server
# walproxy does what the others do not: it writes each add to its log and syncs it before the client is answered.
set -euo pipefail
bin="$1" dir="$2" seconds="${3:-3}" rounds="${4:-3}"
for program in haproxy nginx wrk jq curl; do
    command -v "$program" >/dev/null || { echo "balancers.sh: needs $program (Debian: haproxy nginx-light wrk jq curl)" >&2 && exit 77; }
done
dir="$(cd "$dir" && pwd)"
root=/api/v2/tenants/default_tenant/databases/default_database/collections
pids=()
trap '((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null; wait' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
start() { # start NAME COMMAND...: the pid as pid_NAME
    "${@:2}" >"$dir/$1.log" 2>&1 &
    pids+=($!)
    printf -v "pid_$1" %s $!
}
await() { for _ in $(seq 100); do curl -sf -o /dev/null "$1/api/v2/version" && return; sleep 0.05; done; echo "balancers.sh: $1 does not answer" >&2 && exit 4; }

declare -A url
for name in direct haproxy nginx walproxy; do url[$name]="http://127.0.0.1:$(free_port)"; done
port_of() { echo "${url[$1]##*:}"; }

cat >"$dir/haproxy.cfg" <<CFG
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend front
    bind 127.0.0.1:$(port_of haproxy)
    default_backend back
backend back
    server chroma 127.0.0.1:$(port_of direct)
CFG
cat >"$dir/nginx.conf" <<CFG
worker_processes 1;
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/nginx-error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $dir/nginx-body;
    proxy_temp_path $dir/nginx-proxy;
    fastcgi_temp_path $dir/nginx-fastcgi;
    uwsgi_temp_path $dir/nginx-uwsgi;
    scgi_temp_path $dir/nginx-scgi;
    upstream chroma { server 127.0.0.1:$(port_of direct); keepalive 64; }
    server {
        listen 127.0.0.1:$(port_of nginx);
        keepalive_requests 1000000000;
        client_body_buffer_size 64k;
        location / { proxy_pass http://chroma; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
CFG
start direct "$bin/mockchroma" --port "$(port_of direct)"
await "${url[direct]}"
start haproxy haproxy -db -f "$dir/haproxy.cfg"
start nginx nginx -c "$dir/nginx.conf"
start walproxy env PRIMARY_URL="${url[direct]}" LISTEN="127.0.0.1:$(port_of walproxy)" WAL_DIR="$dir/wal" LOG_LEVEL=warn "$bin/walproxy"
for name in haproxy nginx walproxy; do await "${url[$name]}"; done

id="$(curl -sf "${url[direct]}$root" -H 'content-type: application/json' -d '{"name":"bench"}' | jq -er .id)"
add() { # add ID: a body of 5 KB
    python3 -c 'import sys; v = ",".join("0.%08d" % (i * 104729 % 99999999) for i in range(384)); print("{\"ids\":[\"%s\"],\"embeddings\":[[%s]],\"documents\":[\"%s\"]}" % (sys.argv[1], v, "x" * 850))' "$1"
}
curl -sf -o /dev/null "${url[direct]}$root/$id/add" -H 'content-type: application/json' -d "$(add first)"
cat >"$dir/read.lua" <<LUA
wrk.method = "POST"
wrk.path = "$root/$id/get"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"ids":["first"]}'
LUA
# The same record over and over: an add of an id that is there changes nothing, so that all rounds are alike.
cat >"$dir/write.lua" <<LUA
wrk.method = "POST"
wrk.path = "$root/$id/add"
wrk.headers["content-type"] = "application/json"
wrk.body = [==[$(add first)]==]
LUA

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
number() { awk -v what="$2" '$1 == what { v = $2; m = v ~ /us$/ ? 1 : v ~ /ms$/ ? 1000 : 1000000; sub(/[a-z]+$/, "", v); printf "%.0f", v * m }' <<<"$1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

hertz="$(getconf CLK_TCK)"
for kind in read write; do
    for _ in $(seq "$rounds"); do
        for name in direct haproxy nginx walproxy; do
            pid="pid_$name"
            before="$(ticks "${!pid}")"
            many="$(wrk -t1 -c16 -d"${seconds}s" --latency -s "$dir/$kind.lua" "${url[$name]}")"
            after="$(ticks "${!pid}")"
            count="$(awk '/requests in/ { print $1 }' <<<"$many")"
            if grep -q 'Non-2xx' <<<"$many"; then echo "balancers.sh: $name: $(grep Non-2xx <<<"$many")" >&2 && exit 4; fi
            one="$(wrk -t1 -c1 -d"${seconds}s" --latency -s "$dir/$kind.lua" "${url[$name]}")"
            awk -v c="$count" -v t=$((after - before)) -v hz="$hertz" 'BEGIN { printf "%.0f\n", c / ((t > 0 ? t : 1) / hz) }' >>"$dir/$kind-$name-core"
            number "$one" 50% >>"$dir/$kind-$name-p50" && echo >>"$dir/$kind-$name-p50"
            number "$one" 99% >>"$dir/$kind-$name-p99" && echo >>"$dir/$kind-$name-p99"
        done
    done
    haproxy_core="$(median <"$dir/$kind-haproxy-core")"
    for name in haproxy nginx walproxy; do
        core="$(median <"$dir/$kind-$name-core")"
        printf '%s through %-8s %6d/s per core (%s of haproxy), p50 +%d us, p99 +%d us\n' "$kind" "$name" "$core" \
            "$(awk -v a="$core" -v b="$haproxy_core" 'BEGIN { printf "%.2f", a / b }')" \
            $(($(median <"$dir/$kind-$name-p50") - $(median <"$dir/$kind-direct-p50"))) \
            $(($(median <"$dir/$kind-$name-p99") - $(median <"$dir/$kind-direct-p99")))
    done
done
