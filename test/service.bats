#!/usr/bin/env bats
# pype run as a service: what it tells a service manager (sd_notify(3)), with a socket of our own in its place.

load lib

# ./listen.py ADDRESS [full]: a datagram socket; what arrives stands in ./notified, a line of JSON for each datagram. With
# "full", the socket takes no more, and nothing is read until ./go is there.
prepare() {
    cat >listen.py <<'END'
import json, os, socket, sys, time

name = sys.argv[1]
address = "\0" + name[1:] if name[0] == "@" else name
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(address)
if len(sys.argv) > 2:
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    try:
        while True:
            filler.sendto(b"full", address)
    except BlockingIOError:
        pass
with open("notified", "w", buffering=1) as out:
    while len(sys.argv) > 2 and not os.path.exists("go"):
        time.sleep(0.01)
    while True:
        out.write(json.dumps(listener.recv(65536).decode()) + "\n")
END
}

listen() {
    rm -f notified
    start "$PYTHON" listen.py "$@"
    wait_for test -e notified
    export NOTIFY_SOCKET=$1
}

# flow <<manifest: it runs in the background, its id is in $FLOW.
flow() {
    cat >flow.yaml
    start pype run >flow.out 2>flow.err
    FLOW=$PID
}

# With status 0.
stop_flow() {
    kill -TERM "$FLOW"
    wait_gone "$FLOW"
    wait "$FLOW"
}

# notified REGEX: a datagram has such a line.
notified() {
    jq -e -n --arg wanted "^($1)\$" 'any(inputs; split("\n") | any(test($wanted)))' notified
}

@test "ready once all stages of all pipelines have been started, with the status; stopping" {
    listen "$PWD/socket"
    flow <<'END'
stop_timeout: 10ms
pipelines:
  one: {run: 'sleep 1000 | cat'}
  two: {run: 'sleep 1000 | sleep 1000 | cat'}
END
    wait_for notified READY=1
    jq -e -n 'first(inputs | select(test("READY=1"))) == "READY=1\nSTATUS=5 of 5 stages run, 0 of 2 pipelines have ended, 0 failures"' notified
    stop_flow
    wait_for notified STOPPING=1
    # Each once, in this order.
    run jq -r 'split("\n")[] | select(test("^(READY|STOPPING)="))' notified
    [ "$output" = $'READY=1\nSTOPPING=1' ]
}

@test "an abstract socket; stages are told nothing of it, but of all the rest" {
    listen "@pype-test-$$-$BATS_TEST_NUMBER"
    export WATCHDOG_USEC=1000000000 LISTEN_FDS=3
    flow <<'END'
stop_timeout: 10ms
pipelines:
  p: {run: 'sh -c "env > env; exec sleep 1000" | cat'}
  q: {env: {NOTIFY_SOCKET: /mine}, run: 'sh -c "env > own; exec sleep 1000"'}
END
    wait_for notified READY=1
    wait_for has env PYPE_NAME=
    has env WATCHDOG_USEC=1000000000
    has env LISTEN_FDS=3
    run grep NOTIFY_SOCKET env
    [ "$status" -eq 1 ]
    wait_for has own NOTIFY_SOCKET=/mine
    stop_flow
}

@test "failures, pipelines that have ended" {
    listen "$PWD/socket"
    flow <<'END'
restart: {limit: 1000, min: 10ms, max: 10ms}
stop_timeout: 10ms
pipelines:
  fails: {run: 'sh -c "test -e go || exit 1; exec sleep 1000" | cat'}
  ends: {run: 'true | cat'}
END
    wait_for notified 'STATUS=[12] of 4 stages run, 1 of 2 pipelines have ended, [1-9][0-9]* failures'
    touch go
    wait_for notified 'STATUS=2 of 4 stages run, 1 of 2 pipelines have ended, [1-9][0-9]* failures'
    # A killed manager takes its stages with it; its successor's are counted anew.
    local failures
    failures=$(jq -r 'capture(", (?<n>[0-9]+) failures").n' notified | tail -n 1)
    kill -9 "$(pgrep -P "$FLOW")"
    wait_for notified "STATUS=2 of 4 stages run, 1 of 2 pipelines have ended, $((failures + 1)) failures"
    stop_flow
}

@test "a stage that has never been started: not ready" {
    listen "$PWD/socket"
    # Too long for any system to run.
    flow <<END
stop_timeout: 10ms
pipelines:
  bad: {restart: always, run: cat $(printf '%0200000d' 0)}
  good: {run: sleep 1000}
END
    wait_for has flow.err 'bad.cat: cannot run it'
    wait_for notified 'STATUS=1 of 2 stages run.*'
    kill -TERM "$FLOW"
    wait_for notified STOPPING=1
    wait_gone "$FLOW"
    run notified READY=1
    [ "$status" -ne 0 ]
}

@test "the watchdog is fed twice in its time, if it is this process's" {
    listen "$PWD/socket"
    export WATCHDOG_USEC=100000
    flow <<<'pipelines: {p: {run: sleep 1000, stop_timeout: 10ms}}'
    wait_for lines notified 8
    notified WATCHDOG=1
    stop_flow
    [ "$(grep -c WATCHDOG=1 notified)" -ge 4 ]
    export WATCHDOG_PID=1
    listen "$PWD/socket2"
    flow <<<'pipelines: {p: {run: sleep 0.5}}'
    wait_for notified STOPPING=1
    run grep WATCHDOG notified
    [ "$status" -eq 1 ]
}

@test "a socket that is full holds nothing up, and is told later; one that is not there is no trouble" {
    listen "$PWD/socket" full
    flow <<<'pipelines: {p: {run: "sh -c \"echo a > out; exec sleep 1000\"", stop_timeout: 10ms}}'
    wait_for has out a
    touch go
    wait_for notified READY=1
    stop_flow
    cat >flow.yaml <<<'pipelines: {p: {run: "true"}}'
    local address
    for address in "$PWD/nowhere" relative @ "/$(printf '%0200d' 0)" ''; do
        NOTIFY_SOCKET=$address run pype run
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}

# times_said REGEX: how often this was said, so far.
times_said() {
    jq -r 'split("\n")[]' notified | grep -cxE "$1" || true
}

# said TIMES REGEX
said() {
    [ "$(times_said "$2")" -eq "$1" ]
}

last_status() {
    [ "$(jq -r 'split("\n")[] | select(startswith("STATUS="))' notified | tail -n 1)" = "STATUS=$1" ]
}

@test "a reload: said when it begins and when it is over, with mistakes too; what runs on is counted on" {
    listen "$PWD/socket"
    flow <<'END'
stop_timeout: 10ms
pipelines:
  same: {run: 'sleep 1000 | cat'}
  changed: {run: 'sleep 1001 | cat'}
  gone: {run: 'sleep 1000 | cat'}
END
    wait_for said 1 READY=1
    sed -i 's/1001/1002/; /gone/d' flow.yaml
    echo "  new: {run: 'sleep 1000 | sleep 1000 | cat'}" >>flow.yaml
    pype reload
    wait_for said 2 READY=1
    wait_for notified 'STATUS=7 of 7 stages run, 0 of 3 pipelines have ended, 0 failures'
    jq -r 'split("\n")[] | select(test("^(READY|RELOADING)="))' notified >order
    [ "$(paste -sd ' ' order)" = 'READY=1 RELOADING=1 READY=1' ]
    notified 'MONOTONIC_USEC=[0-9]+'
    cp flow.yaml good.yaml
    echo 'nonsense' >>flow.yaml
    run pype reload
    [ "$status" -eq 2 ]
    wait_for said 3 READY=1
    [ "$(times_said RELOADING=1)" = 2 ]
    # A pipeline that is started anew has not ended.
    cp good.yaml flow.yaml
    echo "  short: {run: 'until [ -e go ]; do sleep 0.02; done; if [ -e more ]; then exec sleep 1000; fi'}" >>flow.yaml
    pype reload
    wait_for notified 'STATUS=8 of 8 stages run, 0 of 4 pipelines have ended, 0 failures'
    touch go
    wait_for last_status '7 of 8 stages run, 1 of 4 pipelines have ended, 0 failures'
    touch more
    pype restart short
    wait_for last_status '8 of 8 stages run, 0 of 4 pipelines have ended, 0 failures'
    stop_flow
    wait_for notified STOPPING=1
    [ "$(times_said READY=1)" = 4 ]
}
