# What the .bats files share. `load lib` at the top of each.
#
# A test runs in its own empty directory with the programs first in PATH. What it starts with
# `start` is stopped by `teardown`, by its process id, whatever the test does.

bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${PYPE_BIN:-$ROOT/bin}
FIXTURES=$ROOT/test/fixtures
export NODE_PATH=${PYPE_BUILD:-$ROOT/.build}/node/node_modules # ws, socket.io … (test/node)
PYTHON=/usr/bin/python3 # Debian's: a python3 earlier in PATH may lack its modules
export PATH=$BIN:$PATH
export LC_ALL=C.UTF-8 TZ=UTC
unset PYPE_NAME PYPE_CHECK PYPE_DEAD_LETTER PYPE_STAGE PYPE_RESTART

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    if declare -F prepare >/dev/null; then prepare; fi
}

teardown() {
    stop_all
}

# start COMMAND…: runs it in the background, out of bats' way; its id is in $PID, its output in ./NAME.out and .err
# if it was not redirected. Stopped by teardown.
start() {
    "$@" 3>&- 4>&- &
    PID=$!
    echo "$PID" >>"$BATS_TEST_TMPDIR/.started"
}

# start_on FILE COMMAND…: starts it with FILE as standard input; in the background it has none, unless it opens it itself.
start_on() {
    # shellcheck disable=SC2016
    start bash -c 'exec "$@" <"$0"' "$@"
}

# stream COMMAND…: starts it; descriptor 5 is the other end of its standard input.
stream() {
    [ -p in ] || mkfifo in
    exec 5<>in
    start_on in "$@" 5>&-
}

stop_all() {
    local pid
    [ -f "$BATS_TEST_TMPDIR/.started" ] || return 0
    while read -r pid; do
        kill -TERM "$pid" 2>/dev/null || continue
        wait_gone "$pid" 3 || kill -KILL "$pid" 2>/dev/null
    done <"$BATS_TEST_TMPDIR/.started"
    rm -f "$BATS_TEST_TMPDIR/.started"
}

# alive PID: it runs (a zombie does not).
alive() {
    local state
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}

# wait_gone PID [SECONDS]
wait_gone() {
    local end=$((SECONDS + ${2:-10}))
    while alive "$1"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# wait_for [-SECONDS] COMMAND…: until it succeeds; fails after 10 (or SECONDS) seconds.
wait_for() {
    local limit=10
    case $1 in -[0-9]*)
        limit=${1#-}
        shift
        ;;
    esac
    local end=$((SECONDS + limit))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -le $end ] || {
            echo "gave up waiting for: $*" >&2
            return 1
        }
        sleep 0.02
    done
}

# between A B NUMBER…
between() {
    local a=$1 b=$2 n
    shift 2
    [ $# -gt 0 ]
    for n; do
        if [ "$n" -lt "$a" ] || [ "$n" -gt "$b" ]; then
            echo "$n is not in $a-$b ($*)"
            return 1
        fi
    done
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# lines FILE N: the file has at least N lines.
lines() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# has FILE TEXT: the file holds the text.
has() {
    grep -qF -- "$2" "$1"
}

# A TCP port of the loopback that is free now, below the range the kernel gives to clients.
free_port() {
    local port
    while :; do
        port=$((10000 + RANDOM % 20000))
        if ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

listening() {
    (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start_nginx PORT <<'server blocks': an nginx of our own in ./nginx, with the http{} content from stdin; @DIR@ and @PORT@ are put in.
start_nginx() {
    local dir=$PWD/nginx
    mkdir -p "$dir/tmp" "$dir/www"
    {
        echo "daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;"
        echo "events { worker_connections 512; }"
        echo "http { access_log $dir/access.log; default_type application/json; root $dir/www;"
        local t
        for t in client_body proxy fastcgi uwsgi scgi; do echo "${t}_temp_path $dir/tmp/$t;"; done
        sed "s,@DIR@,$dir,g; s,@PORT@,$1,g"
        echo "}"
    } >"$dir/nginx.conf"
    start nginx -p "$dir" -c "$dir/nginx.conf"
    wait_for listening "$1"
}

# run_split COMMAND…: as bats' run, with stdout in $output and stderr in $stderr.
run_split() {
    run --separate-stderr "$@"
}
