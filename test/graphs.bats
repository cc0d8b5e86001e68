#!/usr/bin/env bats
# Graphs: several readers, several writers, events by name, and what happens to a reader that does not keep up.

load lib
load flow

runs_well() {
    run pype run
    [ "$status" -eq 0 ]
}

@test "fan-out: each reader has all, in order" {
    stages <<'END'
source: pype-cron --from 0 --to 30000 --every 1s
csv: {run: pype-csv -o out.csv time, from: source}
jq: {run: pype-jq -c .time >jq, from: source}
cat: {run: cat >all, from: source}
count: {run: wc -l >count, from: source, ack: eof}
END
    sed -i 's/>count/>>count/' flow.yaml
    runs_well
    counts out.csv 0 29999
    counts jq 0 29999
    [ "$(wc -l <all)" = 30000 ]
    [ "$(awk '{n += $1} END {print n}' count)" = 30000 ]
}

@test "fan-in: whole lines, all of them, those of each writer in their order" {
    stages <<'END'
a: "seq -f 'a %06.0f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 30000"
b: "seq -f 'b %06.0f' 50000"
c: sh -c 'for i in 1 2 3 4 5; do seq -f "c $i%.0f" 1000 2000; sleep 0.01; done'
all: {run: cat >out, from: [a, b, c]}
END
    runs_well
    [ -z "$output" ]
    [ "$(wc -l <out)" = $((30000 + 50000 + 5005)) ]
    grep '^a' out | cmp - <(seq -f 'a %06.0f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 30000)
    grep '^b' out | cmp - <(seq -f 'b %06.0f' 50000)
    grep '^c' out | cmp - <(for i in 1 2 3 4 5; do seq -f "c $i%.0f" 1000 2000; done)
}

@test "fan-in: a writer's last line without a newline does not run into another writer's" {
    stages <<'END'
a: printf 'a1\na2'
b: "printf 'b1\nb2'"
all: {run: cat >out, from: [a, b]}
END
    runs_well
    [ "$(sort out)" = $'a1\na2\nb1\nb2' ]
}

@test "fan-in: writers and reader are killed, nothing is lost, nothing comes twice" {
    flow <<'END'
restart: {limit: 1000, min: 1ms, max: 5ms}
buffer: 4k
pipelines:
  p:
    stages:
      a: {run: numbers -v --every 1ms, ack: page}
      b: {run: numbers -v --every 1ms, ack: page}
      a2: {run: "pype-jq -c '{time, of: .source}'", from: a}
      csv: {run: pype-csv -o out.csv time of source, from: [a2, b]}
END
    run_flow
    wait_for lines out.csv 20
    local stage
    for stage in a b a2 csv a b a2 csv; do
        kill_stage p.$stage
        grows out.csv
    done
    kill_manager p.csv
    grows out.csv
    kill -TERM "$FLOW"
    flow_ends 20
    [ "$status" -eq 0 ]
    sed -n 's/,p.a,$//p' out.csv >of_a
    sed -n 's/,,p.b$//p' out.csv >of_b
    counts of_a 0 $(($(stopped_before p.a) - 1))
    counts of_b 0 $(($(stopped_before p.b) - 1))
}

# events: of three names and of none.
events() {
    awk 'BEGIN {
        for (i = 0; i < 8000; i++)
            if (i % 4 == 3)
                printf "{\"n\":%d}\n", i
            else
                printf "{\"event\":\"%s\",\"n\":%d}\n", substr("abc", i % 4 + 1, 1), i
    }'
}

@test "events by name: of one, of several, of all; those without a name go to who takes all" {
    events >feed
    stages <<'END'
source: cat feed
a: {run: pype-jq -c .n >a, from: source.a}
bc: {run: pype-jq -c .n >bc, from: [source.b, source.c]}
all: {run: pype-jq -c .n >all, from: source}
none: {run: cat >none, from: source.d}
END
    runs_well
    counts all 0 7999
    cmp a <(seq 0 4 7999)
    sort -n bc | cmp - <(seq 0 7999 | awk '$1 % 4 == 1 || $1 % 4 == 2')
    [ ! -s none ]
}

@test "events by name: names with dots, quotes and other letters; what only looks like a name is none" {
    cat >feed <<'END'
{"event":"a.b","n":1}
{"event":"\u00e4 \"x\"","n":2}
{"n":3,"data":{"event":"a.b"}}
{"event":["a.b"],"n":4}
{"n":5,"event":"\u0061.b"}
{"event":"x","n":6,"event":"a.b"}
{"event":"a.b","n":7,"event":"x"}
{"event":"a","n":8}
END
    stages <<'END'
source: cat feed
dot: {run: pype-jq -c .n >dot, from: source.a.b}
umlaut: {run: pype-jq -c .n >umlaut, from: 'source.ä "x"'}
END
    runs_well
    [ "$(cat dot)" = $'1\n5\n6' ]
    [ "$(cat umlaut)" = 2 ]
}

@test "events by name: what is no event is said, and in the dead letters of who asks for names; others have it" {
    printf '{"event":"a","n":1}\nnonsense\n[2]\n{"event":"a","n":3}\n' >feed
    stages <<'END'
source: cat feed
a: {run: pype-jq -c .n >a, from: [source.a, source.b]}
all: {run: cat >all, from: source}
END
    run_flow
    flow_ends
    [ "$(cat a)" = $'1\n3' ]
    cmp all feed
    [ "$(jq -r .data.text .pype/dead-letters/p.a.ndjson)" = $'nonsense\n[2]' ]
    [ "$(grep -c "p.a: from 'source': not an event" flow.err)" = 2 ]
    [ ! -s .pype/dead-letters/p.all.ndjson ]
}

@test "a diamond: both sides come together, each event by both" {
    stages <<'END'
source: pype-cron --from 0 --to 20000 --every 1s
left: {run: "pype-jq -c '{l: .time}'", from: source}
right: {run: "pype-jq -c '{r: .time}'", from: source}
odd: {run: "pype-jq -c 'select(.r % 2 == 1)'", from: right}
csv: {run: pype-csv -o out.csv l r, from: [left, odd]}
END
    runs_well
    sed -n 's/,$//p' out.csv >left
    sed -n 's/^,//p' out.csv >right
    counts left 0 19999
    cmp right <(seq 1 2 19999)
    [ "$(wc -l <out.csv)" = 30001 ]
}

@test "several outputs write whole lines to standard output" {
    flow <<'END'
pipelines:
  p:
    stages:
      a: "seq -f 'a%.0f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 20000"
      b: "seq -f 'b%.0f' 20000"
      x: {run: "sed 's/^/x/'", from: a}
      y: {run: "sed 's/^/y/'", from: [a, b]}
  q: {run: "seq -f 'q%.0f' 20000 | cat"}
END
    run pype check
    runs_well
    pype run >out 2>err
    [ "$(wc -l <out)" = 80000 ]
    grep '^xa' out | cmp - <(seq -f 'xa%.0f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 20000)
    grep '^ya' out | cmp - <(seq -f 'ya%.0f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 20000)
    grep '^yb' out | cmp - <(seq -f 'yb%.0f' 20000)
    grep '^q' out | cmp - <(seq -f 'q%.0f' 20000)
}

@test "pipelines that write to the same file write whole lines" {
    local i
    {
        echo pipelines:
        for i in 1 2 3 4 5 6 7 8; do echo "  p$i: {run: \"seq -f '$i %.0f $(printf 'x%.0s' {1..90}) $i' 50000 | cat\"}"; done
    } >flow.yaml
    pype run >out
    for i in 1 2 3 4 5 6 7 8; do
        grep "^$i " out | cmp - <(seq -f "$i %.0f $(printf 'x%.0s' {1..90}) $i" 50000)
    done
    [ "$(wc -l <out)" = 400000 ]
}

# A slow reader: three outputs, of which the second is stopped. stalled WHEN_FULL
N=60000
stalled() {
    stages <<END
source: {run: "numbers --to $N", ack: page}
one: {run: pype-csv -o one.csv time, from: source}
two: {run: "echo go >go; pype-csv -o two.csv time", from: source, buffer: 64k, when_full: $1}
three: {run: pype-csv -o three.csv time, from: source}
END
    # It stops itself before it reads anything, so what the others do depends on no clock.
    sed -i 's/echo go >go; pype-csv/echo \$\$ >two.pid; kill -STOP \$\$; exec pype-csv/' flow.yaml
    run_flow
    wait_for test -s two.pid
    wait_for stopped "$(cat two.pid)"
}

stopped() {
    [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" = T ]
}

# The last number of events that were dropped on the way to the second one.
dropped() {
    sed -n 's/.*"event":"dropped",.*"source":"p.two",.*"dropped":\([0-9]*\).*/\1/p' .pype/events.ndjson | tail -n 1
}

goes_on() {
    kill -CONT "$(cat two.pid)"
    flow_ends 20
    [ "$status" -eq 0 ]
    counts one.csv 0 $((N - 1))
    counts three.csv 0 $((N - 1))
}

others_are_through() {
    wait_for -20 lines one.csv $((N + 1))
    wait_for -20 lines three.csv $((N + 1))
    [ ! -s two.csv ]
}

# still FILE: it does not grow any more.
still() {
    local before
    before=$(stat -c %s "$1")
    sleep 0.1
    [ "$(stat -c %s "$1")" = "$before" ]
}

@test "a reader stands still, when_full: block: the others wait, and nothing is lost" {
    stalled block
    wait_for test -s one.csv
    wait_for still one.csv
    [ "$(wc -l <one.csv)" -lt $N ]
    [ -z "$(dropped)" ]
    goes_on
    counts two.csv 0 $((N - 1))
}

@test "a reader stands still, when_full: drop-newest: the others go on; what it has and what was dropped is all" {
    stalled drop-newest
    others_are_through
    wait_for test -n "$(dropped)"
    goes_on
    sed 1d two.csv >rows
    sort -n -c -u rows
    [ "$(head -n 1 rows)" = 0 ]
    [ "$(($(wc -l <rows) + $(dropped)))" = $N ]
    # The oldest stayed: no gap before the first one.
    [ "$(sed -n 500p rows)" = 499 ]
}

@test "a reader stands still, when_full: drop-oldest: the same, but it has the newest" {
    stalled drop-oldest
    others_are_through
    wait_for test -n "$(dropped)"
    goes_on
    sed 1d two.csv >rows
    sort -n -c -u rows
    [ "$(tail -n 1 rows)" = $((N - 1)) ]
    [ "$(($(wc -l <rows) + $(dropped)))" = $N ]
}

@test "a reader stands still, when_full: spill: the others go on, and it has all later, in order" {
    stalled spill
    others_are_through
    [ -z "$(dropped)" ]
    goes_on
    counts two.csv 0 $((N - 1))
}

@test "spill: the manager is killed while there is something on disk, nothing is lost" {
    stalled spill
    others_are_through
    rm two.pid
    kill -9 "$(manager_of p.two)"
    wait_for test -s two.pid
    wait_for stopped "$(cat two.pid)"
    goes_on
    counts two.csv 0 $((N - 1))
}

@test "spill: the quota is used up: the others wait, and nothing is lost" {
    stalled "spill, quota: 1M"
    wait_for test -s one.csv
    wait_for still one.csv
    goes_on
    counts two.csv 0 $((N - 1))
}

@test "a branch that has failed for good ends the pipeline: the source stops, the others have all it wrote" {
    stages <<'END'
source: {run: numbers -v --every 1ms, ack: page}
dies: {run: "sh -c 'head -n 5 >/dev/null; exit 1'", from: source, restart: never}
csv: {run: pype-csv -o out.csv time, from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    happened p.dies given_up
    counts out.csv 0 $(($(sed -n 's/.*stopped before //p' flow.err) - 1))
}

@test "a branch whose limit is exceeded starts the pipeline anew, and the other branch loses and doubles nothing" {
    flow <<'END'
restart: {limit: 2, within: 1m, min: 1ms, max: 5ms}
pipelines:
  p:
    stages:
      source: {run: numbers --to 300 --every 1ms, ack: page}
      dies: {run: "sh -c '[ -e enough ] && exec cat; echo >>tries; [ $(wc -l <tries) -lt 4 ] || touch enough; exit 1'", from: source}
      csv: {run: pype-csv -o out.csv time, from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    happened p failed
    counts out.csv 0 299
}
