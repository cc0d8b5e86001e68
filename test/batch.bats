# pype-batch: when a batch goes out, what is in it, and that a kill neither loses nor repeats an event.

load lib
load flow

prepare() {
    batch=pype-batch
}

# numbers FROM TO: {"n":N,"time":N} for each.
numbers() {
    seq "$1" "$2" | sed 's/.*/{"n":&,"time":&}/'
}

# contents OPTION…: the numbers in each batch of standard input, "1,2 3,4".
contents() {
    $batch "$@" | pype-jq -r '[.data[].n] | join(",")' | tr '\n' ' '
}

@test "--count, and the rest at the end" {
    [ "$(numbers 1 7 | contents --count 3)" = "1,2,3 4,5,6 7 " ]
    [ "$(numbers 1 6 | contents -n 3)" = "1,2,3 4,5,6 " ]
    [ "$(numbers 1 2 | contents -n 1)" = "1 2 " ]
    [ "$(contents -n 1 </dev/null)" = "" ]
}

@test "events come as they were, between them a comma; white space around them is no part of them" {
    run -0 $batch -n 9 < <(printf ' { "a" : 1.10 , "b":"\\u00e9" } \r\n\n{"time":5.50}\n{"c":"]}"}')
    [ "$output" = '{"event":"batch","time":5.50,"data":[{ "a" : 1.10 , "b":"\u00e9" },{"time":5.50},{"c":"]}"}]}' ]
}

@test "time is that of the last event that has one, else now" {
    run -0 $batch -n 3 <<<$'{"time":1}\n{"time":3}\n{"time":"x"}\n{"time":4}'
    [ "$(pype-jq .time <<<"$output")" = $'3\n4' ]
    run -0 $batch -n 3 <<<'{}'
    now=$(date +%s)
    [ $((now - $(pype-jq '.time | floor' <<<"$output"))) -le 2 ]
}

@test "--name" {
    run -0 $batch -n 1 --name 'a "b"' <<<'{"time":1}'
    [ "$output" = '{"event":"a \"b\"","time":1,"data":[{"time":1}]}' ]
}

@test "--by" {
    local n
    for n in $(seq 8); do echo "{\"n\":$n,\"k\":$((n % 3)),\"time\":$n}"; done >events
    [ "$(contents -n 2 --by k <events)" = "1,4 2,5 3,6 7 8 " ]
    run -0 $batch -n 2 --by k <events
    [ "${lines[0]}" = '{"event":"batch","time":4,"key":1,"data":[{"n":1,"k":1,"time":1},{"n":4,"k":1,"time":4}]}' ]
    run -0 $batch -n 2 -b a -b .b.c <<<'{"time":1,"b":{"c":[1, "x"]}}'
    [ "$output" = '{"event":"batch","time":1,"key":[null,[1, "x"]],"data":[{"time":1,"b":{"c":[1, "x"]}}]}' ]
    # Those that are not the same.
    run -0 $batch -n 9 -b a <<<$'{"a":null}\n{}\n{"a":"\\u0041"}\n{"a":"A"}\n{"a":"null"}'
    [ "${#lines[@]}" = 4 ]
}

@test "--max-keys: the oldest batch goes out" {
    local n
    for n in 1 2 3 1 2 3; do echo "{\"n\":$n,\"k\":$n}"; done >events
    [ "$(contents -n 9 --by k --max-keys 3 <events)" = "1,1 2,2 3,3 " ]
    [ "$(contents -n 9 --by k --max-keys 2 <events)" = "1 2 3 1 2 3 " ]
}

@test "--size: no line is longer, but that of a single event" {
    numbers 1 1000 >events
    $batch --size 500 <events >out
    [ "$(awk '{ if (length > longest) longest = length } END { print longest }' out)" -le 500 ]
    [ "$(wc -l <out)" -lt 70 ]
    pype-jq -c '.data[]' out | cmp - events
    long=$(printf '%0600d' 0 | tr 0 x)
    run -0 $batch --size 500 <<<$'{"n":1}\n{"n":"'$long$'"}\n{"n":2}'
    [ "${#lines[@]}" = 3 ]
}

@test "--max-line bounds a batch, and an event that fits in none is bad" {
    numbers 1 1000 >events
    $batch --time 1h --max-line 300 <events >out
    [ "$(awk '{ if (length > longest) longest = length } END { print longest }' out)" -le 300 ]
    pype-jq -c '.data[]' out | cmp - events
    long=$(printf '%0280d' 0 | tr 0 x)
    run_split -1 $batch -n 2 --max-line 300 --dead-letter dead <<<$'{"n":1}\n{"n":"'$long$'"}\n{"n":2}'
    [ "$(pype-jq -c '[.data[].n]' <<<"$output")" = '[1,2]' ]
    [ "$(pype-jq -r .data.error dead)" = "too long for a batch (--max-line)" ]
}

@test "an event that would be nested too deep in a batch is bad; what comes out is read by others" {
    deep() { printf '{"a":%s%s}\n' "$(printf "%0$1d" 0 | tr 0 '[')" "$(printf "%0$1d" 0 | tr 0 ']')"; }
    deep 125 >fits
    deep 126 >not
    strings="{\"a\":\"\\\"$(printf '%0300d' 0 | tr 0 '{')\"}"
    run_split -1 $batch -n 3 --dead-letter dead < <(cat fits not fits; echo "$strings")
    [ "$(pype-jq -r .data.error dead)" = "nested too deep for a batch" ]
    run -0 pype-csv event <<<"$output"
    [ "${#lines[@]}" = 2 ]
}

@test "--time: a batch goes out when it has waited long enough" {
    stream $batch --time 300ms >out
    numbers 1 2 >&5
    wait_for lines out 1
    [ "$(pype-jq -c '[.data[].n]' out)" = '[1,2]' ]
    numbers 3 3 >&5
    wait_for lines out 2
    [ "$(tail -n 1 out | pype-jq -c '[.data[].n]')" = '[3]' ]
    exec 5>&-
    wait_gone "$PID"
    wait "$PID"
}

@test "--time: also while events come all the time, for each key on its own" {
    (
        for n in $(seq 40); do
            echo "{\"n\":$n,\"k\":$((n % 2))}"
            sleep 0.02
        done
    ) | $batch --time 100ms --by k >out
    [ "$(wc -l <out)" -ge 6 ]
    [ "$(pype-jq '.data[].n' out | sort -n | tr '\n' ' ')" = "$(seq 40 | tr '\n' ' ')" ]
}

@test "SIGTERM: what was read goes out" {
    for signal in TERM INT HUP; do
        # A job in the background ignores SIGINT, unless it is set to the default again.
        stream env --default-signal=INT $batch -n 3 >out
        numbers 1 5 >&5
        wait_for lines out 1
        kill -$signal "$PID"
        wait_gone "$PID"
        wait "$PID"
        [ "$(pype-jq -c '[.data[].n]' out)" = $'[1,2,3]\n[4,5]' ]
    done
}

@test "bad events go to the dead letters, the others into batches" {
    run_split -1 $batch -n 2 --dead-letter dead <<<$'{"n":1}\nnonsense\n[1]\n{"n":2}'
    [ "$(pype-jq -c '[.data[].n]' <<<"$output")" = '[1,2]' ]
    [ "$(pype-jq -r .data.text dead)" = $'nonsense\n[1]' ]
}

@test "wrong options" {
    for options in "" "--count x" "--size 1x" "--time x" "-n 0" "-n 2 --by a[" "-n 2 --max-keys 0" "-n 2 operand"; do
        run -2 $batch $options
        [ "$output" ]
        PYPE_CHECK=1 run -2 $batch $options
    done
    PYPE_CHECK=1 run -0 $batch -n 2 --by a
    [ "$output" = "" ]
}

@test "it ends when its reader has gone" {
    numbers 1 100000 >events
    run -0 bash -c "set -o pipefail; $batch -n 3 <events | head -n 1"
    [ "${#lines[@]}" = 1 ]
}

@test "memory is bounded: all batches together hold four lines at most" {
    awk 'BEGIN { for (n = 0; n < 300000; n++) printf "{\"n\":%d,\"k\":%d}\n", n, n % 1000 }' >events
    /usr/bin/time -q -f %M -o peak $batch --time 1h --by k --max-line 64k <events >out
    [ "$(pype-jq '.data[].n' out | sort -n | cmp - <(seq 0 299999))" = "" ]
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 12000 ]
}

# --- kill -9 ---

# killed N KEYS OPTION…: pype-batch under a runner, killed N times: of each key all events, each once, in order, in batches.
killed() {
    local kills=$1 keys=$2
    shift 2
    rm -rf .pype go out flow.err
    write_slow
    awk -v keys="$keys" 'BEGIN {
        seed = 1
        for (n = 1; n <= 15000; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            share = seed / 2147483648
            printf "{\"n\":%d,\"time\":%d,\"k\":%d}\n", n, n, keys * share * share
        }
    }' >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 64k' <<END
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source, buffer: 4k}
batch: {run: pype-batch $*, from: slow}
END
    run_flow
    wait_for lines flow.out 2
    kill_often p.batch "$kills"
    kill_manager p.batch
    touch go
    flow_ends 40
    [ "$status" = 0 ]
    pype-jq -c '.data[]' flow.out | sed 's/,"source":"[^"]*"//' >came
    sort -t: -k2n came | cmp - events
    # In the order of each key.
    sort -s -t: -k4 came | cmp - <(sort -s -t: -k4 events)
}

@test "killed again and again: --count" {
    killed "${PYPE_KILLS:-50}" 1 -n 7
    cmp flow.out <($batch -n 7 <events)
}

@test "killed again and again: --count by key" {
    killed "${PYPE_KILLS:-30}" 10 -n 7 --by k
    cmp flow.out <($batch -n 7 --by k <events)
}

@test "killed again and again: --time" {
    killed "${PYPE_KILLS:-20}" 1 --time 10ms
    killed "${PYPE_KILLS:-20}" 30 --time 20ms -n 9 --by k
}

@test "killed again and again: more keys than the page has room for" {
    killed "${PYPE_KILLS:-20}" 2000 -n 5 --by k
}

@test "killed again and again: batches larger than the buffer has room for" {
    killed "${PYPE_KILLS:-10}" 1 -n 5000
    [ "$(wc -l <flow.out)" -gt 3 ]
}

@test "protocol: sync: batches of one event, and nobody waits for ever" {
    numbers 1 4 >events
    stages 'protocol: sync' <<'END'
source: pype-replay --speed max --as-recorded events
batch: {run: pype-batch -n 3, from: source}
END
    run_flow
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(pype-jq -c '[.data[].n]' flow.out | tr '\n' ' ')" = "[1] [2] [3] [4] " ]
}
