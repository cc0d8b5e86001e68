#!/usr/bin/env bats
# delivery: durable: what a flow promises when its runner is killed, or its disk is full.

load lib
load flow

prepare() {
    write_slow
}

# durable <<stages: a flow that bears many kills.
durable() {
    stages 'delivery: durable' 'restart: {limit: 1000, min: 1ms, max: 5ms}'
}

# N numbers, slowly, into out.csv.
slow_numbers() {
    durable <<END
source: pype-cron --from 0 --to $1 --every 1s
slow: {run: ./slow, ack: lines, from: source}
jq: {run: "pype-jq -c '{time}'", from: slow}
csv: {run: pype-csv -o out.csv time, from: jq}
END
}

kill_runner() {
    kill -9 "$FLOW"
    wait_gone "$FLOW"
}

newest_segment() {
    ls .pype/journal/p/*.journal | tail -n 1
}

@test "the runner is killed again and again, and run again: all rows, each once, in order; then the journal is gone" {
    slow_numbers 3000
    run_flow
    wait_for lines out.csv 20
    local i
    for i in 1 2 3 4 5; do
        kill_runner
        run_flow
        grows out.csv
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 2999
    [ ! -e .pype/journal/p ] || [ -z "$(ls .pype/journal/p/*.journal)" ]
    # It has come to its end: the next one begins anew.
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 2999
}

@test "stages and managers are killed, too" {
    durable <<'END'
source: {run: numbers -v --every 1ms, ack: page}
sed: {run: "sed -u s/x/y/", ack: lines, from: source}
jq: {run: "pype-jq -c '{time}'", from: sed}
csv: {run: pype-csv -o out.csv time, from: jq}
END
    run_flow
    wait_for test -s out.csv
    local stage
    for stage in source sed jq csv; do
        kill_stage p.$stage
        grows out.csv
        kill_manager p.csv
        kill_stage p.csv
        kill_runner
        run_flow
        grows out.csv
    done
    kill -TERM "$FLOW"
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 $(($(stopped_before p.source) - 1))
}

@test "stopped by a signal, it goes on where it was" {
    durable <<'END'
source: {run: numbers -v --every 1ms, ack: page}
jq: {run: "pype-jq -c '{time}'", from: source}
csv: {run: pype-csv -o out.csv time, from: jq}
END
    run_flow
    local i
    for i in 1 2 3; do
        wait_for test -s out.csv
        grows out.csv
        kill -TERM "$FLOW"
        flow_ends
        [ "$status" -eq 0 ]
        run_flow
    done
    grows out.csv
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
    counts out.csv 0 $(($(stopped_before p.source) - 1))
}

@test "fsync always, interval, never: a killed runner loses nothing" {
    local policy
    for policy in always interval never; do
        rm -rf .pype out.csv go
        slow_numbers 600
        sed -i "1i fsync: $policy" flow.yaml
        run_flow
        wait_for lines out.csv 20
        kill_runner
        run_flow
        grows out.csv
        kill_runner
        touch go
        run_flow
        flow_ends 20
        [ "$status" -eq 0 ]
        counts out.csv 0 599
    done
}

@test "the end of the newest segment is torn off: what is left is a state in which the pipeline was" {
    slow_numbers 2000
    run_flow
    wait_for lines out.csv 20
    local bytes
    for bytes in 1 7 100 1000; do
        kill_runner
        truncate -s -$bytes "$(newest_segment)"
        run_flow
        grows out.csv
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 1999
}

@test "the end of the newest segment is rubbish" {
    slow_numbers 1500
    run_flow
    wait_for lines out.csv 20
    kill_runner
    head -c 5000 /dev/urandom >>"$(newest_segment)"
    touch go
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 1499
}

@test "the quota is used up: the data stops, and that is said; it goes on, and nothing is lost" {
    durable <<'END'
source: {run: "numbers --to 60000 --pad 100", ack: page}
csv: {run: "echo $$ >csv.pid; [ -e go ] || kill -STOP $$; exec pype-csv -o out.csv time", from: source, ack: page, buffer: 64M}
END
    sed -i '1i quota: 1M' flow.yaml
    run_flow
    wait_for happened p full
    [ "$(du -sk .pype/journal | cut -f 1)" -le 1400 ]
    alive "$FLOW"
    kill -CONT "$(cat csv.pid)"
    flow_ends 20
    [ "$status" -eq 0 ]
    happened p resumed
    counts out.csv 0 59999
    has flow.err 'p: no room for the journal'
    has flow.err 'p: there is room for the journal again'
}

@test "the disk is full: the data stops, and goes on when there is room; a runner that is killed meanwhile loses nothing" {
    unshare -m true || skip "no small disk can be made here"
    cat >flow.yaml <<'END'
delivery: durable
pipelines:
  p:
    stages:
      source: {run: "numbers --to 60000 --pad 100", ack: page}
      csv: {run: "echo $$ >csv.pid; [ -e go ] || kill -STOP $$; exec pype-csv -o out.csv time", from: source, ack: page, buffer: 64M}
END
    mkdir .pype
    cat >within <<'END'
#!/bin/sh
mount -t tmpfs -o size=3m none .pype || exit 77
head -c 1500k /dev/zero >.pype/ballast
pype run & flow=$!
until grep -q '"event":"full"' .pype/events.ndjson; do sleep 0.01; done
touch full
kill -9 $flow
wait $flow
pype run & flow=$!
until [ "$(grep -c '"event":"full"' .pype/events.ndjson)" -ge 2 ]; do sleep 0.01; done
touch again go
kill -CONT "$(cat csv.pid)"
rm .pype/ballast
wait $flow
END
    chmod +x within
    start unshare -m ./within >flow.out 2>flow.err
    FLOW=$PID
    wait_for -30 eval 'test -e again || ! alive $FLOW'
    flow_ends 30
    [ "$status" -ne 77 ] || skip "no small disk can be made here"
    [ "$status" -eq 0 ]
    counts out.csv 0 59999
}

@test "events wait, and the pipeline is another: refused, with what is to be done; not when nothing waits" {
    slow_numbers 3000
    run_flow
    wait_for lines out.csv 20
    kill_runner
    cp flow.yaml before.yaml
    sed -i "s/^      jq:.*/      other: {run: pype-jq -c ., from: slow}/; s/from: jq/from: other/" flow.yaml
    run pype run
    [ "$status" -ne 0 ]
    [[ $output == *"the journal '"*"' is of a pipeline with other stages or edges: let the flow run to its end with the manifest as it was, or remove the directory"* ]]
    # Another command for a stage is no other pipeline.
    cp before.yaml flow.yaml
    sed -i "s/'{time}'/'{time, x: 1}'/" flow.yaml
    touch go
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 2999
    # That was its end: now it may be another.
    sed -i "s/^      jq:.*/      other: {run: pype-jq -c ., from: slow}/; s/from: jq/from: other/" flow.yaml
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    # Nor does it matter where the journal was removed.
    rm go out.csv
    run_flow
    wait_for lines out.csv 20
    kill_runner
    rm -rf .pype/journal out.csv
    cp before.yaml flow.yaml
    touch go
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 2999
}

@test "fan-in and events by name over kills of the runner" {
    durable <<'END'
a: {run: "numbers -v --every 1ms --names x,y,z", ack: page}
b: {run: "numbers -v --every 1ms --names x,y", ack: page}
copy: {run: "pype-jq -c '{event, time, source: \"copy\"}'", from: a}
all: {run: pype-csv -o all.csv source time, from: [copy, b]}
x: {run: pype-csv -o x.csv source time, from: [a.x, b.x]}
END
    run_flow
    wait_for lines all.csv 20
    local i
    for i in 1 2 3 4; do
        kill_runner
        run_flow
        wait_for test -s all.csv
        grows all.csv
    done
    kill -TERM "$FLOW"
    flow_ends 20
    [ "$status" -eq 0 ]
    local a b
    a=$(($(stopped_before p.a) - 1)) b=$(($(stopped_before p.b) - 1))
    sed -n 's/^copy,//p' all.csv | cmp - <(seq 0 $a)
    sed -n 's/^p.b,//p' all.csv | cmp - <(seq 0 $b)
    [ "$(wc -l <all.csv)" = $((a + b + 3)) ]
    sed -n 's/^p.a,//p' x.csv | cmp - <(seq 0 3 $a)
    sed -n 's/^p.b,//p' x.csv | cmp - <(seq 0 2 $b)
    [ "$(wc -l <x.csv)" = $((a / 3 + b / 2 + 3)) ]
}

@test "a plain stage in a durable pipeline: each event at most once, in order, none torn but where it was killed" {
    durable <<'END'
source: pype-cron --from 0 --to 3000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
plain: {run: "sed -u 's/cron/plain/'", from: slow}
sink: {run: cat >>out, from: plain}
END
    run_flow
    wait_for test -e out
    grows out
    local i
    for i in 1 2 3; do
        kill_runner
        run_flow
        grows out
        kill_stage p.plain
        grows out
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    sed -n 's/^{"event":"plain","time":\([0-9]*\),"source":"p.source"}$/\1/p' out >rows
    sort -n -c -u rows
    [ "$(tail -n 1 rows)" = 2999 ]
    # The sink is plain, too, so what the runner was killed over may be torn.
    [ "$(grep . out | wc -l)" -le $(($(wc -l <rows) + 9)) ]
}

@test "one durable stage makes all ways of its pipeline durable, of no other one" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      source: pype-cron --from 0 --to 3000 --every 1s
      slow: {run: ./slow, ack: lines, from: source}
      csv: {run: pype-csv -o out.csv time, from: slow, delivery: durable}
  q: {run: "sleep 1000 | cat"}
END
    run_flow --only p
    wait_for lines out.csv 20
    kill_runner
    [ -e .pype/journal/p ]
    [ ! -e .pype/journal/q ]
    touch go
    run_flow --only p
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 2999
}
