# pype-dedupe: what passes once, what is remembered and for how long, and what a kill makes of it.

load lib
load flow

prepare() {
    dedupe=pype-dedupe
}

# events WORD…: {"k":WORD,"time":N} for each, N from 1; a WORD is JSON.
events() {
    local n=0 word
    for word in "$@"; do echo "{\"k\":$word,\"time\":$((++n))}"; done
}

# times OPTION…: the times of what passes of standard input, in a line.
times() {
    $dedupe "$@" | pype-jq .time | tr '\n' ' '
}

# numbered COUNT KEYS: events with a key that comes again by chance, low ones often, and a value that changes now and then.
numbered() {
    awk -v count="$1" -v keys="$2" 'BEGIN {
        seed = 1
        for (n = 0; n < count; n++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            share = seed / 2147483648
            printf "{\"time\":%d,\"k\":%d,\"v\":%d}\n", n, keys * share * share, int(n / 900) % 2
        }
    }'
}

# --- keys ---

@test "an event passes once; its time does not count" {
    run_split -0 $dedupe <<<$'{"a":1,"time":1}\n{"time":2,"a":1}\n\n{"a":1,"b":2}\n{"a":1,"time":3,"b":2}\n{"a":2}\n{"a":1}'
    [ "$output" = $'{"a":1,"time":1}\n{"a":1,"b":2}\n{"a":2}' ]
    [ "$stderr" = "" ]
}

@test "what passes is byte for byte what came" {
    run -0 $dedupe -k a <<<$' { "a" : 1.10 , "b":"\\u00e9" } \n{"a":1.10}\n{"a":1.1}'
    [ "$output" = $' { "a" : 1.10 , "b":"\\u00e9" } \n{"a":1.1}' ]
}

@test "which keys are the same" {
    while read -r same first second; do
        run -0 $dedupe -k .k <<<"{\"k\":$first}"$'\n'"{\"k\":$second}"
        [ "${#lines[@]}" = $((2 - same)) ] || { echo "$same $first $second"; false; }
    done <<'END2'
1 1 1
0 1 2
0 1 1.0
0 1 "1"
0 null false
0 null "null"
0 "" null
1 "é" "\u00e9"
1 "a/b" "a\/b"
0 "a" "b"
1 [1,2] [1,2]
0 [1,2] [2,1]
0 [] {}
0 {"a":1} {"a":2}
1 {"a":[true]} {"a":[true]}
END2
    run -0 $dedupe -k k <<<$'{"k":[1,2]}\n{"k":[1, 2 ]}\n{"k":null}\n{}\n{"x":1}'
    [ "$output" = $'{"k":[1,2]}\n{"k":null}\n{}' ]
}

@test "several keys count together, and parts do not run into each other" {
    run -0 $dedupe -k a -k .b.c <<<$'{"a":"x","b":{"c":"yz"}}\n{"a":"xy","b":{"c":"z"}}\n{"a":"x","b":{"c":"yz"},"d":1}\n{"a":"x"}'
    [ "$output" = $'{"a":"x","b":{"c":"yz"}}\n{"a":"xy","b":{"c":"z"}}\n{"a":"x"}' ]
}

@test "--max-keys: the one that passed longest ago is forgotten" {
    [ "$(events 1 2 1 3 1 2 3 | times -k k --max-keys 2)" = "1 2 4 5 6 7 " ]
    [ "$(events 1 2 1 3 3 2 1 | times -k k --max-keys 2)" = "1 2 4 7 " ]
    [ "$(events 1 2 1 3 1 2 3 | times -k k --max-keys 3)" = "1 2 4 " ]
}

@test "--ttl by the time of events" {
    [ "$(events 1 1 1 1 1 1 1 1 | times -k k --ttl 3s --event-time)" = "1 4 7 " ]
    [ "$(events 1 2 1 2 1 2 1 2 | times -k k --ttl 3s --event-time)" = "1 2 5 6 " ]
    # One that comes late is no news.
    run -0 $dedupe -k k --ttl 10 --event-time <<<$'{"k":1,"time":100}\n{"k":1,"time":50}\n{"k":1,"time":110.5}'
    [ "${#lines[@]}" = 2 ]
    run_split -1 $dedupe -k k --ttl 10 --event-time --dead-letter dead <<<$'{"k":1,"time":"x"}\n{"k":1}\n{"k":1,"time":1e300}\n{"k":1,"time":1}'
    [ "$output" = '{"k":1,"time":1}' ]
    [ "$(wc -l <dead)" = 3 ]
}

@test "--ttl by the clock" {
    (
        for _ in $(seq 8); do
            echo '{"k":1}'
            sleep 0.1
        done
    ) | $dedupe -k k --ttl 300ms >out
    [ "$(wc -l <out)" -ge 2 ]
    [ "$(wc -l <out)" -lt 8 ]
    [ "$(events 1 1 1 | times -k k --ttl 1h)" = "1 " ]
}

@test "--changes" {
    [ "$(events 1 1 2 2 1 1 1 3 | times --changes -k k)" = "1 3 5 8 " ]
    [ "$(events '"a"' '"a"' null null | times -c -k k)" = "1 3 " ]
    run -0 $dedupe --changes --key v --by s <<<$'{"s":1,"v":1}\n{"s":2,"v":1}\n{"s":1,"v":1}\n{"s":2,"v":2}\n{"s":1,"v":2}\n{"s":1,"v":1}\n{"s":1}\n{"s":1}'
    [ "$output" = $'{"s":1,"v":1}\n{"s":2,"v":1}\n{"s":2,"v":2}\n{"s":1,"v":2}\n{"s":1,"v":1}\n{"s":1}' ]
    run -0 $dedupe --changes <<<$'{"v":1,"time":1}\n{"v":1,"time":2}\n{"v":2}\n{"v":1}'
    [ "$output" = $'{"v":1,"time":1}\n{"v":2}\n{"v":1}' ]
    # With --ttl it is said again now and then.
    [ "$(events 1 1 1 1 2 2 2 2 | times -c -k k --ttl 3s --event-time)" = "1 4 5 8 " ]
}

@test "bad events go to the dead letters, the others on" {
    run_split -1 $dedupe --dead-letter dead <<<$'{"a":1}\nnonsense\n[1]\n{"a":1}\n{"a":2}'
    [ "$output" = $'{"a":1}\n{"a":2}' ]
    [ "${#stderr_lines[@]}" = 2 ]
    [ "$(pype-jq -r .data.text dead)" = $'nonsense\n[1]' ]
    run_split -1 $dedupe --on-error fail <<<$'{"a":1}\nnonsense\n{"a":2}'
    [ "$output" = '{"a":1}' ]
}

@test "-v counts" {
    run_split -0 $dedupe -v -k k --max-keys 2 < <(events 1 2 2 3)
    [ "$stderr" = "pype-dedupe: info: 4 events, 3 passed on, 1 seen before; 1 keys forgotten (--max-keys)" ]
}

@test "wrong options" {
    run -2 $dedupe -k 'a['
    [[ $output == *"--key 'a['"* ]]
    run -2 $dedupe --by a
    run -2 $dedupe --event-time
    run -2 $dedupe --max-keys 0
    run -2 $dedupe --max-keys 400001 --state s
    run -2 $dedupe --ttl never
    run -2 $dedupe operand
    PYPE_CHECK=1 run -0 $dedupe -k a --state s
    [ ! -e s ]
    [ "$output" = "" ]
    PYPE_CHECK=1 run -2 $dedupe -k 'a['
}

@test "one event passes at once, and SIGTERM ends it" {
    mkfifo in
    exec 5<>in
    start_on in $dedupe -k a >out 5>&-
    echo '{"a":1}' >&5
    wait_for has out '{"a":1}'
    kill "$PID"
    wait_gone "$PID"
    wait "$PID"
    exec 5>&-
}

@test "memory is bounded" {
    awk 'BEGIN { for (n = 0; n < 1000000; n++) printf "{\"k\":%d}\n", n }' >events
    /usr/bin/time -q -f %M -o peak $dedupe -k k --max-keys 10000 <events >out
    cmp out events
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 12000 ]
}

# --- the state ---

@test "--state: the next run goes on" {
    [ "$(events 1 2 1 | times -k k --state s)" = "1 2 " ]
    [ "$(events 1 3 2 | times -k k --state s)" = "2 " ]
    [ "$(events 1 3 2 4 | times -k k --state s)" = "4 " ]
    [ "$(stat -c %a s)" = 600 ]
}

@test "--state: in pieces it is as in one, whatever the numbers are" {
    numbered 30000 1000 >events
    for options in "-k k --max-keys 300" "-k k --max-keys 1000" "-c -k v -b k" "-c -k v -b k --max-keys 400" "-k k --ttl 500s --event-time"; do
        rm -f s out
        $dedupe $options <events >expected
        split -n l/7 events part.
        for part in part.*; do $dedupe $options --state s <"$part" >>out; done
        cmp out expected
        [ "$(wc -l <out)" -lt 30000 ]
    done
}

@test "--state: another --max-keys keeps what there is room for" {
    [ "$(events 1 2 3 4 | times -k k --state s)" = "1 2 3 4 " ]
    [ "$(events 4 3 | times -k k --state s --max-keys 2)" = "" ]
    [ "$(events 3 4 1 | times -k k --state s --max-keys 100)" = "3 " ]
}

@test "--state: what it refuses" {
    events 1 | $dedupe -k k --state s >out
    run -2 $dedupe -k other --state s <<<'{}'
    [ "$output" = "pype-dedupe: fatal: 's' was made with other keys: take another file, or remove it" ]
    run -2 $dedupe -c -k k --state s <<<'{}'
    echo nonsense >t
    run -2 $dedupe -k k --state t <<<'{}'
    [[ $output == *"is not a state file of pype-dedupe" ]]
    [ "$(cat t)" = nonsense ]
    head -c 5000 s >u
    run -2 $dedupe -k k --state u <<<'{}'
    run -1 $dedupe -k k --state /nowhere/s <<<'{}'
    rm s s.lock
    mkfifo in
    exec 5<>in
    start_on in $dedupe -k k --state s 5>&-
    wait_for test -e s
    run -1 $dedupe -k k --state s <<<'{}'
    exec 5>&-
    [[ $output == *"is another process's" ]]
}

# --- kill -9 ---

@test "--state in a shell: kill -9 loses no first event; at most the last ones come twice" {
    mkfifo in
    for round in 1 2 3 4 5; do
        exec 5<>in
        start_on in $dedupe -k k --state s >>out 5>&-
        for n in $(seq 20); do echo "{\"k\":$((n + round * 10))}" >&5; done
        wait_for has out "{\"k\":$((20 + round * 10))}"
        # What it waits behind is kept.
        sleep 0.1
        kill -9 "$PID"
        wait "$PID" || true
        exec 5>&-
    done
    cmp out <(seq 11 70 | sed 's/.*/{"k":&}/')
}

# killed N OPTION…: pype-dedupe under a runner, killed N times, puts out what it does when nobody kills it.
killed() {
    local kills=$1
    shift
    rm -rf .pype s go out.csv flow.err
    write_slow
    numbered 20000 1000 >events
    $dedupe "$@" <events | pype-csv time >expected
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<END
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source}
dedupe: {run: pype-dedupe $* --state s, from: slow}
csv: {run: pype-csv -o out.csv time, from: dedupe}
END
    run_flow
    wait_for lines out.csv 20
    kill_often p.dedupe "$kills"
    kill_manager p.dedupe
    touch go
    flow_ends 40
    [ "$status" = 0 ]
    cmp out.csv expected
    [ "$(wc -l <expected)" -lt 20000 ]
}

@test "killed again and again with --state: every first event once, no other" {
    killed "${PYPE_KILLS:-50}" -k k --max-keys 300
}

@test "killed again and again with --changes and --state" {
    killed "${PYPE_KILLS:-10}" -c -k v -b k
}

@test "killed again and again with --ttl --event-time and --state" {
    killed "${PYPE_KILLS:-10}" -k k --ttl 700s --event-time
}

@test "without --state a kill loses nothing, and what was seen is forgotten" {
    write_slow
    numbered 3000 1000 >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<'END'
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source}
dedupe: {run: pype-dedupe -k k, from: slow}
csv: {run: pype-csv -o out.csv --no-header k time, from: dedupe}
END
    run_flow
    wait_for lines out.csv 20
    kill_often p.dedupe 5
    touch go
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(cut -d, -f1 out.csv | sort -u | wc -l)" = "$(pype-jq .k events | sort -u | wc -l)" ]
    [ "$(sort out.csv | uniq -d | wc -l)" = 0 ]
}
