# pype-replay: recorded events once more, in their own time.

load lib
load flow

# record T...: an event for each time, its number in n.
record() {
    local n=0 t
    for t in "$@"; do echo "{\"event\":\"e$((n % 2))\",\"time\":$t,\"n\":$((n++))}"; done
}

prepare() {
    record 100 101 103 103 106 >five
}

# times: of the events on stdin.
times() {
    sed -n 's/.*"time":\(-\{0,1\}[0-9.]*\).*/\1/p' | xargs
}

numbers() {
    sed -n 's/.*"n":\([0-9]*\).*/\1/p' | xargs
}

# took COMMAND...: its output goes to ./out, how many milliseconds it took is in $took.
took() {
    local start=$(date +%s%3N)
    "$@" >out
    took=$(($(date +%s%3N) - start))
}

# --- what comes out ---

@test "what is not changed comes byte for byte" {
    printf '%s\n' '{"time":1.10, "a":"\u00e4" }' '{ "b":1e2,"b":2}' '{"time": 1.1}' >odd
    run -0 pype-replay --speed max odd
    [ "$output" = "$(cat odd)" ]
    run -0 pype-replay --speed max <odd
    [ "$output" = "$(cat odd)" ]
    printf '{"a":1}\r\n\n  \n{"a":2}' >ends
    pype-replay --speed max ends >out
    cmp out <(printf '{"a":1}\r\n{"a":2}\n')
}

@test "files come one behind the other, packed or not; standard input" {
    gzip -c five >five.gz
    run -0 pype-replay --speed max five.gz five
    [ "$(numbers <<<"$output")" = "0 1 2 3 4 0 1 2 3 4" ]
    [[ $output != *warning* ]] || [[ $output == *'earlier than'* ]]
    run -0 bash -c 'zcat five.gz | pype-replay --speed max -'
    [ "$(numbers <<<"$output")" = "0 1 2 3 4" ]
    head -c 60 five.gz >half.gz
    run -1 pype-replay --speed max half.gz
    [[ $output == *'not a whole gzip file'* ]]
    run -1 pype-replay --speed max missing
    [[ $output == *"cannot open 'missing': No such file"* ]]
}

@test "what is no event goes to the dead letters whole, and the stream goes on" {
    {
        head -n 1 five
        echo '[1]'
        echo '{"time":"yesterday"}'
        echo '{"time":{}}'
        tail -n 1 five
    } >bad
    run_split -1 pype-replay --speed max --dead-letter letters bad
    [ "$(numbers <<<"$output")" = "0 4" ]
    [[ $stderr == *'bad: line 2: not a JSON object'* ]]
    [[ $stderr == *'bad: line 3: its time is neither a number nor'* ]]
    [ "$(pype-jq -r .data.text letters | xargs -d '\n' printf '%s|')" = '[1]|{"time":"yesterday"}|{"time":{}}|' ]
    run -1 pype-replay --speed max --on-error fail bad
    [ "${#lines[@]}" = 2 ]
}

@test "a part of the recording: --from, --to, --only, --count" {
    rec="pype-replay --speed max"
    run -0 $rec --from 101 --to 106 five
    [ "$(numbers <<<"$output")" = "1 2 3" ]
    run -0 $rec --from +3s five
    [ "$(numbers <<<"$output")" = "2 3 4" ]
    run -0 $rec --to +3s five
    [ "$(numbers <<<"$output")" = "0 1" ]
    run -0 $rec --from 1970-01-01T00:01:41Z -n 2 five
    [ "$(numbers <<<"$output")" = "1 2" ]
    run -0 $rec --only e1 five
    [ "$(numbers <<<"$output")" = "1 3" ]
    run -0 $rec --only e1 --only e0 five
    [ "$(numbers <<<"$output")" = "0 1 2 3 4" ]
    # An event without a time goes with the one before it.
    { record 100 && echo '{"n":7}' && record 105 && echo '{"n":8}'; } >some
    run -0 $rec --from 101 some
    [ "$(numbers <<<"$output")" = "0 8" ]
}

# --- times ---

@test "--shift adds to the time and leaves the rest alone" {
    printf '%s\n' '{"a": 1.10,"time":1.123456789 ,"b":[]}' '{"time":-0.5}' '{"x":1}' >odd
    run_split -0 pype-replay --speed max --shift 1d odd
    [ "$output" = '{"a": 1.10,"time":86401.123456789 ,"b":[]}
{"time":86399.5}
{"x":1}' ]
    run_split -0 pype-replay --speed max --shift -1s odd
    [ "${lines[1]}" = '{"time":-1.5}' ]
    before=$(date +%s)
    run -0 pype-replay --speed max --shift now five
    first=$(times <<<"$output" | awk '{ print $1 }')
    awk -v a="$before" -v t="$first" 'BEGIN { exit !(t >= a && t < a + 20) }'
    times <<<"$output" | awk '{ for (i = 1; i <= NF; i++) printf "%.0f ", ($i - $1) * 1000 }' >gaps
    [ "$(cat gaps)" = "0 1000 3000 3000 6000 " ]
}

@test "--restamp: the time becomes now" {
    before=$(date +%s)
    run -0 pype-replay --speed 100 --restamp five
    times <<<"$output" | awk -v a="$before" '{ for (i = 1; i <= NF; i++) if ($i < a || $i > a + 20 || $i < $(i - 1) && i > 1) exit 1 }'
    [ "$(numbers <<<"$output")" = "0 1 2 3 4" ]
}

@test "times elsewhere, as text, in other units" {
    cat >dates <<'END'
{"data":{"ts":"2026-11-23T10:00:00Z"}}
{"data":{"ts":"2026-11-23 12:00:30.25+02:00"}}
{"data":{"ts":"2026-11-23T10:01"}}
{"data":{"ts":"1795428120.5"}}
END
    run -0 pype-replay --speed max --time .data.ts --shift 1h dates
    [ "$output" = '{"data":{"ts":"2026-11-23T11:00:00Z"}}
{"data":{"ts":"2026-11-23 13:00:30.25+02:00"}}
{"data":{"ts":"2026-11-23T11:01:00"}}
{"data":{"ts":"1795431720.5"}}' ]
    run -0 pype-replay --speed max --time data.ts --from 2026-11-23T10:01:00Z dates
    [ "${#lines[@]}" = 2 ]
    run -0 pype-replay --speed max --time .T --unit ms --shift 1500us <<<'{"T":1795428000123}'
    [ "$output" = '{"T":1795428000124.5}' ]
    run -0 pype-replay --speed max --time .T --unit ns --shift 1ns <<<'{"T":1795428000123456789}'
    [ "$output" = '{"T":1795428000123456790}' ]
    run -0 pype-replay --speed max --shift 1s <<<'{"time":1.5e3}'
    [ "$output" = '{"time":1501}' ]
    run -1 pype-replay --speed max <<<'{"time":1795428000123}'
    [[ $output == *'its time is neither'* ]]
}

# --- pace ---

@test "the first event comes at once, the others as far apart as they were recorded" {
    record 5000 5000.2 5000.6 >short
    took pype-replay short
    [ "$took" -ge 600 ]
    took pype-replay --speed 10 five
    [ "$took" -ge 600 ]
    took pype-replay --speed 0.5 <<<"$(record 1 1.2)"
    [ "$took" -ge 400 ]
    # And they come when they are due.
    record 0 1000 >far
    start pype-replay far >live
    wait_for lines live 1
    kill "$PID"
    wait_gone "$PID"
    wait "$PID"
    [ "$(numbers <live)" = 0 ]
}

@test "--max-gap shortens pauses, and not the times" {
    record 0 86400 86400.1 200000 >long
    took timeout 20 pype-replay --max-gap 200ms long
    [ "$took" -ge 500 ]
    [ "$(times <out)" = "0 86400 86400.1 200000" ]
}

@test "times that go back: the order stays, nothing waits, and it is said once" {
    record 100 102 101 99 102 50 >back
    run_split -0 pype-replay --speed 20 back
    [ "$(numbers <<<"$output")" = "0 1 2 3 4 5" ]
    [ "$(grep -c 'earlier than' <<<"$stderr")" = 1 ]
}

@test "--loop goes on in time, or as recorded" {
    run -0 pype-replay --speed max --loop 3 five
    [ "$(times <<<"$output")" = "100 101 103 103 106 107 108 110 110 113 114 115 117 117 120" ]
    run -0 pype-replay --speed max --loop 2 --pause 10s --shift 1000s five
    [ "$(times <<<"$output")" = "1100 1101 1103 1103 1106 1116 1117 1119 1119 1122" ]
    run -0 pype-replay --speed max --loop 2 --as-recorded five
    [ "$(times <<<"$output")" = "100 101 103 103 106 100 101 103 103 106" ]
    run -0 pype-replay --speed max --loop 0 -n 12 five
    [ "$(numbers <<<"$output")" = "0 1 2 3 4 0 1 2 3 4 0 1" ]
    took timeout 20 pype-replay --speed 10 --loop 2 five
    [ "$took" -ge 1300 ]
    run -1 timeout 20 pype-replay --loop 0 --only nobody five
    [[ $output == *'no event to replay'* ]]
}

@test "the reader of stdout is gone: 0, without a word, also while it waits" {
    record 0 1000 >far
    run -0 timeout 10 bash -c 'pype-replay far | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
    [ "$output" = "" ]
    run -1 bash -c 'pype-replay --speed max five >/dev/full'
    [[ $output == *'cannot write'* ]]
}

@test "mistakes: status 2, nothing is read" {
    local mistake
    for mistake in '--speed fast' '--speed 0' '--from yesterday' '--to +x' '--shift soon' '--shift 1h --restamp' \
        '--loop 2 -' '--state s' '--time .a..b' 'five -' '--unit h' '--max-gap -1s'; do
        run -2 pype-replay $mistake </dev/null
    done
    PYPE_CHECK=1 run -0 pype-replay --speed max missing
    PYPE_CHECK=1 run -2 pype-replay --speed x missing
}

# --- the place ---

@test "--state: a run goes on where the one before ended" {
    local file
    run -0 pype-replay --speed max --state s -n 2 five
    [ "$(numbers <<<"$output")" = "0 1" ]
    run -0 pype-replay --speed max --state s five
    [ "$(numbers <<<"$output")" = "2 3 4" ]
    record $(seq 100 120) >many
    gzip -k many
    for file in many many.gz; do
        pype-replay --speed max --state $file.s $file $file >out 2>/dev/null
        lines out 42
        run -0 pype-replay --speed max --state $file.s $file $file
        [ "$output" = "" ]
        rm $file.s
        start pype-replay --speed 2 --state $file.s $file >$file.out
        wait_for lines $file.out 3
        kill "$PID"
        wait_gone "$PID"
        run -0 pype-replay --speed max --state $file.s $file
        { cat $file.out && echo "$output"; } >all
        [ "$(numbers <all)" = "$(seq -s ' ' 0 20)" ]
    done
}

@test "--state: killed with -9, it begins at most a second before where it was" {
    local last first
    record $(seq 0 0.02 400) >many
    start pype-replay --state s many >out
    wait_for has s '"begun":1'
    wait_for lines out 20
    kill -9 "$PID"
    wait_gone "$PID"
    last=$(tail -n 1 out | numbers)
    run -0 timeout 10 pype-replay --state s -n 1 many
    first=$(numbers <<<"$output")
    [ "$first" -le $((last + 1)) ]
    [ "$first" -gt $((last - 100)) ]
}

@test "--state: one process at a time; what is no place; another recording" {
    record 0 1000 >far
    start pype-replay --state s far >out
    wait_for has s '"begun":1'
    run -1 pype-replay --state s far
    [[ $output == *'in use by another process'* ]]
    kill "$PID"
    wait_gone "$PID"
    echo '{"event":"something longer than the other one","time":4}' >far
    run -1 pype-replay --state s far
    [[ $output == *'not the recording that the place is from'* ]]
    echo '{"tick":3}' >other
    run -2 pype-replay --state other far
    [[ $output == *'does not hold a place'* ]]
}

# --- under the runner ---

# crash: the source is killed CRASHES (10) times.
crash() {
    local i
    for ((i = 0; i < ${CRASHES:-10}; i++)); do
        kill_stage p.source
        sleep 0.0$((RANDOM % 5))
    done
}

@test "exact: the source is killed with -9 again and again: each event once, in order, and lost time is caught up" {
    local gz now
    record $(seq 0 0.01 10) >many
    gzip -k many
    for gz in '' .gz; do
        rm -rf .pype out.csv
        stages 'restart: {limit: 1000, min: 200ms, max: 200ms}' 'buffer: 4k' <<END
source: pype-replay --speed 5 --loop 0 --pause 10ms many$gz
csv: {run: pype-csv -o out.csv n time, from: source}
END
        run_flow
        wait_for lines out.csv 5
        crash
        grows out.csv 5
        now=$(date +%s.%N)
        tail -n 1 out.csv >newest
        pype stop
        flow_ends
        [ "$status" -eq 0 ]
        awk -F, 'NR > 1 { want = (NR - 2) % 1001; round = int((NR - 2) / 1001)
            if ($1 != want || ($2 - want / 100 - 10.01 * round) ^ 2 > 1e-12) { print; bad = 1 } }
            END { exit bad }' out.csv
        # After each kill but the first nobody was there for 200 ms and more, a second of the stream.
        begun=$(sed -n 's/.*"started","time":\([0-9.]*\),"source":"p.source".*/\1/p' .pype/events.ndjson | head -n 1)
        awk -F, -v now="$now" -v begun="$begun" '{ print $2, (now - begun) * 5
            exit !($2 <= (now - begun + 0.5) * 5 && $2 >= (now - begun - 1) * 5) }' newest
    done
}

@test "exact: bad lines of a killed source are in the dead letters once" {
    # More than fits into what lies between.
    awk 'BEGIN { for (; n < 20000; n++) printf "{\"n\":%d,\"time\":%d,\"text\":\"%200d\"}\nbad %d\n", n, n, n, n }' >mixed
    write_slow
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<END
source: pype-replay --speed max mixed
slow: {run: ./slow, ack: lines, from: source}
csv: {run: pype-csv -o out.csv n, from: slow}
END
    run_flow
    wait_for lines out.csv 5
    crash
    touch go
    flow_ends 30
    counts out.csv 0 19999
    pype-jq -r .data.text .pype/dead-letters/p.source.ndjson | cmp - <(seq -f 'bad %.0f' 0 19999)
}

@test "durable: the runner is killed, the source goes on where it was" {
    local i
    record $(seq 0 0.01 10) >many
    stages 'delivery: durable' 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<END
source: pype-replay --speed 4 many
csv: {run: pype-csv -o out.csv n, from: source}
END
    run_flow
    wait_for lines out.csv 20
    for i in 1 2 3; do
        kill -9 "$FLOW"
        wait_gone "$FLOW"
        run_flow
        grows out.csv
    done
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 1000
}

@test "durable: a flow that is stopped goes on behind the last event when it runs again" {
    local i
    record $(seq 0 0.01 20) >many
    for source in 'source: pype-replay --speed 4 many' \
        'file: pype-replay --speed max many
source: {run: pype-replay --speed 4, from: file, stop_timeout: 100ms}'; do
        rm -rf .pype out.csv
        stages 'delivery: durable' <<END
$source
csv: {run: pype-csv -o out.csv n, from: source}
END
        for i in 1 2 3; do
            run_flow
            wait_for lines out.csv $((i * 20))
            # On a slow machine, all may have come meanwhile.
            pype stop || [ "$i" -gt 1 ]
            flow_ends 20
        done
        run_flow
        flow_ends 20
        [ "$status" -eq 0 ]
        counts out.csv 0 2000
    done
}

@test "exact: a recording that comes from another stage" {
    local i
    record $(seq 0 0.01 10) >many
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<END
file: pype-replay --speed max many
replay: {run: pype-replay --speed 4, from: file}
csv: {run: pype-csv -o out.csv n, from: replay}
END
    run_flow
    wait_for lines out.csv 20
    for i in 1 2 3 4; do
        kill_stage p.replay
        grows out.csv 5
    done
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 1000
}

@test "sync: one event in the flow at a time" {
    record $(seq 0 300) >many
    stages 'protocol: sync' <<END
source: pype-replay --speed max many
csv: {run: pype-csv -o out.csv n, from: source}
END
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 300
}
