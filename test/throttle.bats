# pype-throttle: rates, samples, quiet and windows, by the clock and by the time of events, and what a kill makes of it.

load lib
load flow

prepare() {
    throttle=pype-throttle
}

# at TIME…: {"n":N,"time":TIME} for each, N from 1.
at() {
    local n=0 time
    for time in "$@"; do echo "{\"n\":$((++n)),\"time\":$time}"; done
}

# passes OPTION…: the numbers of what passes of standard input, in a line.
passes() {
    $throttle "$@" | pype-jq .n | tr '\n' ' '
}

# milliseconds COMMAND…: how long it takes.
milliseconds() {
    local from
    from=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - from) / 1000000))
}

# --- by the time of events ---

@test "--rate by the time of events" {
    [ "$(at 0 1 2 3 4 5 6 7 8 9 | passes --rate 1/3s --excess drop --event-time)" = "1 4 7 10 " ]
    [ "$(at 0 0 0 0 10 10 10 10 | passes --rate 1/5s --burst 3 --excess drop --event-time)" = "1 2 3 5 6 " ]
    # Times that go back do not turn the clock back.
    [ "$(at 100 50 60 103 | passes --rate 1/3s --excess drop --event-time)" = "1 4 " ]
}

@test "--every by the time of events" {
    [ "$(at 0 1 2 3 4 5 6 7 8 9 | passes --every 3s --event-time)" = "1 4 7 10 " ]
    [ "$(at 0 1 2 3 4 5 6 7 8 9 | passes --every 3s --keep first --event-time)" = "1 4 7 10 " ]
    [ "$(at 0 1 2 3 4 5 6 7 8 9 | passes --every 3s --keep last --event-time)" = "3 6 9 10 " ]
    [ "$(at 0 10 11 30 | passes --every 5s --keep last --event-time)" = "1 3 4 " ]
}

@test "--debounce by the time of events" {
    [ "$(at 0 1 2 10 11 30 31.5 33.4 35.4 | passes --debounce 2s --event-time)" = "3 5 8 9 " ]
    [ "$(at | passes --debounce 2s --event-time)" = "" ]
}

@test "--sample" {
    [ "$(at 0 0 0 0 0 0 0 | passes --sample 3)" = "1 4 7 " ]
    [ "$(at 0 0 0 | passes --sample 1)" = "1 2 3 " ]
}

@test "each value of --by on its own" {
    local n
    for n in $(seq 0 9); do echo "{\"n\":$n,\"time\":$n,\"by\":$((n % 2))}"; done >events
    [ "$(passes --sample 2 --by by <events)" = "0 1 4 5 8 9 " ]
    [ "$(passes --every 4s --by by --event-time <events)" = "0 1 4 5 8 9 " ]
    [ "$(passes --every 4s --keep last --by by --event-time <events)" = "2 3 6 7 8 9 " ]
    [ "$(passes --rate 1/4s --excess drop --by by --event-time <events)" = "0 1 4 5 8 9 " ]
    [ "$(passes --debounce 2s --by by --event-time <events)" = "0 1 2 3 4 5 6 7 8 9 " ]
    [ "$(passes --debounce 3s --by by --event-time <events)" = "8 9 " ]
}

@test "--max-keys: what there is no room for passes, or begins anew" {
    local n
    for n in 1 2 3 1 2 3; do echo "{\"n\":$n,\"time\":0,\"by\":$n}"; done >events
    [ "$(passes --sample 2 --by by <events)" = "1 2 3 " ]
    [ "$(passes --sample 2 --by by --max-keys 2 <events)" = "1 2 3 1 2 3 " ]
    [ "$(passes --debounce 9s --event-time --by by --max-keys 2 <events)" = "1 2 3 1 2 3 " ]
    [ "$(passes --debounce 9s --event-time --by by --max-keys 3 <events)" = "1 2 3 " ]
    [ "$(passes --every 9s --keep last --event-time --by by --max-keys 1 <events | wc -w)" = 6 ]
}

@test "what passes is byte for byte what came" {
    run -0 $throttle --debounce 1s <<<' { "a" : 1.10 , "b":"\u00e9" } '
    [ "$output" = ' { "a" : 1.10 , "b":"\u00e9" } ' ]
    run -0 $throttle --sample 1 < <(printf '{"a":1}\n\n{"a":2}')
    [ "$output" = $'{"a":1}\n{"a":2}' ]
}

# --- by the clock ---

@test "--rate waits" {
    at $(seq 11) >events
    took=$(milliseconds $throttle --rate 20/s <events)
    [ "$took" -ge 490 ]
    took=$(milliseconds $throttle --rate 20/s --burst 6 <events)
    [ "$took" -ge 240 ]
    [ "$($throttle --rate 100/s <events)" = "$(cat events)" ]
    [ "$($throttle --rate 1000000/s <events)" = "$(cat events)" ]
}

@test "--rate --excess drop" {
    [ "$(at $(seq 100) | passes --rate 1/1h --excess drop)" = "1 " ]
    [ "$(at $(seq 100) | passes --rate 1/1h --burst 5 --excess drop)" = "1 2 3 4 5 " ]
}

@test "--every by the clock" {
    [ "$(at 1 2 3 | passes --every 1h)" = "1 " ]
    stream $throttle --every 200ms --keep last >out
    at 1 2 3 >&5
    wait_for has out '"n":3'
    [ "$(wc -l <out)" = 1 ]
    at 1 2 >&5
    wait_for lines out 2
    tail -n 1 out | grep -q '"n":2'
    exec 5>&-
}

@test "--debounce by the clock: an event passes after quiet" {
    stream $throttle --debounce 300ms >out
    for _ in 1 2 3 4 5; do
        at 1 2 3 >&5
        sleep 0.02
    done
    wait_for has out '"n":3'
    [ "$(wc -l <out)" -lt 4 ]
    at 1 >&5
    wait_for has out '"n":1'
    exec 5>&-
}

@test "what waits passes at the end, and at SIGTERM" {
    [ "$(at 1 2 3 | passes --debounce 1h)" = "3 " ]
    [ "$(at 1 2 3 | passes --every 1h --keep last)" = "3 " ]
    for signal in TERM INT HUP; do
        # A job in the background ignores SIGINT, unless it is set to the default again.
        stream env --default-signal=INT $throttle --debounce 1h -v 2>err >out
        at 1 2 >&5
        # It has read them.
        wait_for empty_pipe
        sleep 0.1
        kill -$signal "$PID"
        wait_gone "$PID"
        wait "$PID"
        [ "$(cat out)" = '{"n":2,"time":2}' ]
        [ "$(cat err)" = "pype-throttle: info: 2 events, 1 passed on, 1 dropped" ]
    done
}

# Nothing is unread in ./in.
empty_pipe() {
    "$PYTHON" -c 'import fcntl, struct, sys, termios
sys.exit(struct.unpack("i", fcntl.ioctl(5, termios.FIONREAD, b"0000"))[0] != 0)'
}

@test "SIGTERM: what was read and waits for its rate goes out at once" {
    stream $throttle --rate 1/1h >out
    # In one piece: while the second waits, nothing is read.
    echo "$(at 1 2 3)" >&5
    wait_for has out '"n":1'
    wait_for empty_pipe
    kill "$PID"
    wait_gone "$PID"
    wait "$PID"
    [ "$(wc -l <out)" = 3 ]
}

@test "it ends when its reader has gone" {
    at $(seq 50) >events
    run -0 bash -c "set -o pipefail; $throttle --rate 100/s <events | head -n 1"
    [ "${#lines[@]}" = 1 ]
}

# --- mistakes ---

@test "bad events go to the dead letters, the others on" {
    run_split -1 $throttle --sample 1 --dead-letter dead <<<$'{"a":1}\nnonsense\n[1]\n{"a":2}'
    [ "$output" = $'{"a":1}\n{"a":2}' ]
    [ "$(pype-jq -r .data.text dead)" = $'nonsense\n[1]' ]
    run_split -1 $throttle --debounce 1s --event-time --dead-letter late <<<$'{"time":"x"}\n{"time":1}\n{"a":1}'
    [ "$output" = '{"time":1}' ]
    [ "$(wc -l <late)" = 2 ]
}

@test "wrong options" {
    for options in "" "--rate 1" "--rate 0/s" "--rate 1/s --sample 2" "--sample 0" "--debounce 1s --every 1s" "--sample 2 --burst 3" \
        "--sample 2 --excess drop" "--debounce 1s --keep last" "--rate 1/s --event-time" "--sample 2 --event-time" \
        "--sample 2 --max-keys 0" "--sample 2 --by a[" "--every never" "--sample 2 operand"; do
        run -2 $throttle $options
        [ "$output" ]
        PYPE_CHECK=1 run -2 $throttle $options
    done
    PYPE_CHECK=1 run -0 $throttle --rate 10/s --burst 3 --by a
    [ "$output" = "" ]
}

@test "memory is bounded" {
    awk 'BEGIN { for (n = 0; n < 500000; n++) printf "{\"k\":%d,\"time\":%d}\n", n, n }' >events
    /usr/bin/time -q -f %M -o peak $throttle --debounce 1000s --event-time --by k --max-keys 10000 <events >out
    cmp out events
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 16000 ]
    /usr/bin/time -q -f %M -o peak $throttle --every 1000s --event-time --by k --max-keys 10000 <events >out
    cmp out events
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 16000 ]
}

# --- kill -9 ---

# killed N OPTION…: pype-throttle under a runner, killed N times; what came out is in ./out.csv, what comes out without
# kills in ./expected. The events have a number, a time that grows now and then, and one of five keys.
killed() {
    local kills=$1
    shift
    rm -rf .pype go out.csv flow.err
    write_slow
    awk 'BEGIN {
        seed = 1
        for (n = 1; n <= 15000; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            time += int(seed / 65536) % 3 == 0
            printf "{\"n\":%d,\"time\":%d,\"by\":%d}\n", n, time, int(seed / 65536) % 97 % 5
        }
    }' >events
    [ "${REFERENCE:-yes}" != yes ] || $throttle "$@" <events | pype-csv n by >expected
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 64k' <<END
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source, buffer: 4k}
throttle: {run: pype-throttle $*, from: slow}
csv: {run: pype-csv -o out.csv n by, from: throttle}
END
    run_flow
    wait_for lines out.csv 2
    kill_often p.throttle "$kills"
    kill_manager p.throttle
    touch go
    flow_ends 40
    [ "$status" = 0 ]
    run ! grep 'what it holds' flow.err
}

@test "killed again and again: --sample" {
    killed "${PYPE_KILLS:-15}" --sample 3
    cmp out.csv expected
}

@test "killed again and again: --rate and --every by the time of events" {
    killed "${PYPE_KILLS:-10}" --rate 1/5s --burst 2 --excess drop --event-time
    cmp out.csv expected
    killed "${PYPE_KILLS:-10}" --every 5s --event-time
    cmp out.csv expected
}

@test "killed again and again: --rate by the clock loses and repeats nothing" {
    REFERENCE=no killed "${PYPE_KILLS:-10}" --rate 20000/s --burst 10
    sed 1d out.csv | cut -d, -f1 | cmp - <(seq 15000)
}

@test "killed again and again: --debounce, by key" {
    killed "${PYPE_KILLS:-50}" --debounce 4s --by by --event-time
    cmp out.csv expected
}

@test "killed again and again: --debounce and --every by the clock: nothing comes twice, and the last event of each key passes" {
    for options in "--debounce 30ms --by by" "--debounce 3ms" "--every 20ms --keep last --by by" "--every 20ms --keep last"; do
        REFERENCE=no killed "${PYPE_KILLS:-8}" "$options"
        sed 1d out.csv >rows
        [ "$(cut -d, -f1 rows | sort | uniq -d | wc -l)" = 0 ]
        case $options in
        *--by*) for by in 0 1 2 3 4; do
            [ "$(grep ",$by$" rows | tail -n 1)" = "$(pype-jq -r "select(.by == $by) | \"\(.n),\(.by)\"" events | tail -n 1)" ]
            grep ",$by$" rows | cut -d, -f1 | sort -n -c
        done ;;
        *) [ "$(tail -n 1 rows | cut -d, -f1)" = 15000 ] && cut -d, -f1 rows | sort -n -c ;;
        esac
    done
}

@test "more than the buffer has room for: said, and the stream goes on" {
    awk 'BEGIN { print "{\"time\":0,\"by\":-1}"; for (n = 0; n < 20000; n++) printf "{\"time\":%d,\"by\":%d}\n", n, n % 3 }' >events
    stages 'buffer: 4k' <<'END'
source: pype-replay --speed max --as-recorded events
throttle: {run: pype-throttle --debounce 1h --by by --event-time, from: source}
csv: {run: pype-csv -o out.csv time by, from: throttle}
END
    run_flow
    flow_ends 20
    [ "$status" = 0 ]
    grep -q 'holds back more than can be kept' flow.err
    grep -q '^0,-1$' out.csv
    grep -q '^19999,' out.csv
}

@test "protocol: sync: nobody waits for what is held back" {
    for n in 1 2 3 4; do echo "{\"n\":$n,\"time\":$n}"; done >events
    stages 'protocol: sync' <<'END'
source: pype-replay --speed max --as-recorded events
throttle: {run: pype-throttle --debounce 1h, from: source}
csv: {run: pype-csv -o out.csv n, from: throttle}
END
    run_flow
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(cat out.csv)" = $'n\n4' ]
}

@test "killed with many keys: what is let go of may be lost, but nothing comes twice, and the stream goes on" {
    awk 'BEGIN { for (n = 0; n < 6000; n++) printf "{\"n\":%d,\"time\":%d,\"by\":%d}\n", n, n, n == 0 ? -1 : n % 1000 }' >events
    write_slow
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<'END'
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source, buffer: 4k}
throttle: {run: pype-throttle --debounce 500s --by by --event-time, from: slow}
csv: {run: pype-csv --no-header -o out.csv n, from: throttle}
END
    run_flow
    wait_for lines out.csv 2
    kill_often p.throttle 5
    touch go
    flow_ends 30
    [ "$status" = 0 ]
    [ "$(sort out.csv | uniq -d | wc -l)" = 0 ]
    [ "$(wc -l <out.csv)" -gt 5000 ]
}
