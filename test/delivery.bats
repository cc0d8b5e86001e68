#!/usr/bin/env bats
# delivery: exact: what the runner promises of the data, each promise broken on purpose.

load lib
load flow

# exact_flow N <<stages: a flow whose stages are those given; it bears many kills, and its ways hold little.
exact_flow() {
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k'
}

prepare() {
    write_slow
}

# A file of commands that die with 9 in the middle, the first time: dies_once NAME 'BEFORE' 'AFTER'.
dies_once() {
    printf '#!/bin/sh\n[ -e %s.died ] || {\n%s\ntouch %s.died\nkill -9 $$\n}\n%s\n' "$1" "$2" "$1" "$3" >"$1"
    chmod +x "$1"
}

@test "source, filter, output and manager are killed in turn: all rows, each once, in order; the neighbours stay" {
    exact_flow <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
jq: {run: "pype-jq -c '{time}'", from: slow}
csv: {run: pype-csv -o out.csv time, from: jq}
END
    run_flow
    wait_for lines out.csv 20
    local round stage other before
    for round in 1 2 3; do
        for stage in source jq slow csv; do
            before=$(for other in source jq slow csv; do [ $other = $stage ] || pid_of p.$other; done)
            kill_stage p.$stage
            grows out.csv
            [ "$(for other in source jq slow csv; do [ $other = $stage ] || pid_of p.$other; done)" = "$before" ]
        done
        kill_manager p.csv
        grows out.csv
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    counts out.csv 0 9999
    happened p.source failed 3
    happened p.jq failed 3
    happened p.csv failed 3
    happened p failed 3
}

@test "stopped while a killed manager waits to be replaced: what is on the way arrives first" {
    stages 'restart: {min: 1h, max: 1h}' 'buffer: 4M' <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
csv: {run: pype-csv -o out.csv time, from: slow}
END
    run_flow
    wait_for lines out.csv 20
    kill_manager p.csv
    grows out.csv
    kill -9 "$(manager_of p.csv)"
    wait_for happened p failed 2
    [ "$(wc -l <out.csv)" -lt 9000 ]
    kill -TERM "$FLOW"
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    happened p.source finished
    counts out.csv 0 9999
}

@test "stopped, and the manager is killed after that: another one drains, and starts no source for it" {
    stages 'buffer: 1M' <<'END'
source: sh -c "echo start >>starts; exec numbers -v"
slow: {run: ./slow, ack: lines, from: source}
csv: {run: pype-csv -o out.csv time, from: slow}
END
    run_flow
    wait_for lines out.csv 20
    kill -TERM "$FLOW"
    wait_for grep -q 'p.source: info: stopped before' flow.err
    wait_for happened p.source finished
    kill -9 "$(manager_of p.csv)"
    wait_for happened p failed
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(wc -l <starts)" -eq 1 ]
    counts out.csv 0 $(($(sed -n 's/.*stopped before //p' flow.err) - 1))
}

@test "a manager that is killed again and again while its pipeline drains: no longer than stop_timeout, and it is said" {
    stages 'restart: {limit: 1000, min: 100ms, max: 100ms}' 'stop_timeout: 1s' <<'END'
source: numbers
slow: {run: ./slow, ack: lines, from: source}
csv: {run: pype-csv -o out.csv time, from: slow}
END
    run_flow
    wait_for lines out.csv 20
    kill -TERM "$FLOW"
    wait_for happened flow stopping
    local pid
    while alive "$FLOW"; do
        pid=$(manager_of p.csv 2>/dev/null) || continue
        [ "$(sed 's/.*) . //; s/ .*//' "/proc/$pid/stat" 2>/dev/null)" != "$FLOW" ] || kill -9 "$pid"
        sleep 0.01
    done
    flow_ends
    [ "$status" -eq 1 ]
    happened p failed 2
    happened p given_up
    grep -q 'p: killed by signal 9 .*, the pipeline has failed' flow.err
}

@test "the runner's own standard output is exact, too, when the stages before it and the manager are killed" {
    exact_flow <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
jq: {run: pype-jq -c .time, from: slow}
END
    run_flow
    wait_for lines flow.out 20
    local i
    for i in 1 2 3; do
        kill_stage p.jq
        grows flow.out
        kill_stage p.slow
        grows flow.out
        kill_manager p.jq
        grows flow.out
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    counts flow.out 0 9999
}

@test "plain stages that are killed lose events, but tear and double none, and the stream goes on" {
    exact_flow <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
sed: {run: "sed -u 's/.*time\"://; s/,.*//'", from: slow}
cat: {run: cat, from: sed}
sink: {run: cat >>out, from: cat}
END
    run_flow
    wait_for lines out 20
    local i
    for i in 1 2 3 4; do
        kill_stage p.sed
        grows out
        kill_stage p.cat
        grows out
    done
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    run ! grep -qvE '^[0-9]*$' out
    grep . out >numbers
    sort -n -c -u numbers
    [ "$(tail -n 1 numbers)" = 9999 ]
}

@test "ack: lines: sed and a Python script are killed again and again, nothing is lost, nothing comes twice" {
    cat >double.py <<'END'
import re, sys
for line in sys.stdin:
    print(re.sub(r"\d+", lambda number: str(int(number.group()) * 2), line), end="", flush=True)
END
    exact_flow <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
held: {run: "sed 's/cron/held/'", from: slow, ack: lines}
sed: {run: "sed -u 's/,\"source.*/}/'", from: held, ack: lines}
python: {run: /usr/bin/python3 double.py, from: sed, ack: lines}
csv: {run: pype-csv -o out.csv time event, from: python}
END
    run_flow
    wait_for lines out.csv 20
    local i
    for i in 1 2 3; do
        kill_stage p.python
        grows out.csv
        kill_stage p.sed
        kill_stage p.held
        grows out.csv
    done
    kill_manager p.sed
    kill_stage p.slow
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    cmp out.csv <(echo time,event && seq -f '%.0f,held' 0 2 19998)
}

@test "ack: eof: batches, of which none is empty; the end of the input is none of its own" {
    flow <<'END'
pipelines:
  sort:
    ack: eof
    run: "printf '3\n1\n2\n' | sort >sorted"
  count:
    ack: eof
    buffer: 4k
    run: seq 200000 | cat | wc -l >>counts
  awk:
    ack: eof
    run: 'sh -c "echo 1; echo 2; while [ ! -e go ]; do sleep 0.01; done; echo 3" | awk "{n += \$1} END {print NR, n}" >>sums'
END
    run_flow
    wait_for has sums '2 3'
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat sorted)" = $'1\n2\n3' ]
    [ "$(cat sums)" = $'2 3\n1 3' ]
    run ! grep -qx 0 counts
    [ "$(awk '{n += $1} END {print n}' counts)" = 200000 ]
}

@test "ack: eof: what comes of a batch may be more than there is room for, and its reader may have enough of it" {
    flow <<'END'
buffer: 4k
pipelines:
  p:
    stages:
      source: seq 200000
      sort: {run: sort -n, from: source, ack: eof}
      slow: {run: "while read -r n; do sleep 0.1; echo $n; exec cat; done", from: sort}
      sink: {run: cat >out, from: slow}
  q:
    stages:
      source: yes
      sort: {run: sort, from: source, ack: eof}
      head: {run: head -n 2 >two, from: sort}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    counts out 1 200000
    [ "$(cat two)" = $'y\ny' ]
}

@test "ack: eof: a batch is read again when its stage was killed" {
    dies_once count 'head -n 3 >/dev/null' 'exec awk "{n += \$1} END {print n}"'
    flow <<'END'
pipelines:
  p:
    stages:
      source: seq 1000
      count: {run: ./count, from: source, ack: eof}
      sink: {run: cat >>out, from: count}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    happened p.count failed 1
    [ "$(awk '{n += $1} END {print n}' out)" = 500500 ]
}

@test "a stage that is killed while the runner stops loses nothing" {
    exact_flow <<'END'
source: {run: numbers -v, ack: page}
slow: {run: ./slow, ack: lines, from: source}
jq: {run: "pype-jq -c '{time}'", from: slow}
csv: {run: pype-csv -o out.csv time, from: jq}
END
    run_flow
    wait_for lines out.csv 20
    kill -TERM "$FLOW"
    wait_for has flow.err 'info: stopped before'
    local last stage
    last=$(stopped_before p.source)
    for stage in slow jq csv; do
        kill_stage p.$stage
        grows out.csv
    done
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    counts out.csv 0 $((last - 1))
}

@test "bad events are said once, are once in the dead letters, and count, however often the stage is killed" {
    seq 20000 | sed 's/.*/{"n":&}/; /:[1-4]\?[05]0}$/s/.*/&\nbad &/' >feed
    grep -n '^bad' feed | cut -d: -f1 >expected
    exact_flow <<'END'
source: cat feed
slow: {run: ./slow, ack: lines, from: source}
jq: {run: "pype-jq -c '{n}'", from: slow}
csv: {run: pype-csv -o out.csv n, from: jq}
END
    run_flow
    wait_for lines out.csv 20
    local i
    for i in 1 2 3 4 5 6 7 8; do
        kill_stage p.jq
        grows out.csv 40
    done
    touch go
    flow_ends 20
    [ "$status" -eq 1 ]
    counts out.csv 1 20000
    # The line numbers go on over the kills.
    jq .data.line .pype/dead-letters/p.jq.ndjson | cmp - expected
    jq -r .data.text .pype/dead-letters/p.jq.ndjson | cmp - <(grep '^bad' feed)
    sed -n 's/.*p.jq: error: line \([0-9]*\): .*/\1/p' flow.err | cmp - expected
}

@test "the death of a writer is no end for its reader" {
    exact_flow <<'END'
source: pype-cron --from 0 --to 10000 --every 1s
slow: {run: ./slow, ack: lines, from: source}
plain: {run: "cat >>out; echo end >>ends", from: slow}
csv: {run: pype-csv -o out.csv time, from: slow}
END
    run_flow
    wait_for lines out.csv 20
    local i plain csv
    plain=$(pid_of p.plain) csv=$(pid_of p.csv)
    for i in 1 2 3 4 5; do
        kill_stage p.slow
        grows out.csv
        kill_stage p.source
        grows out.csv
    done
    [ ! -e ends ]
    [ "$(pid_of p.plain) $(pid_of p.csv)" = "$plain $csv" ]
    touch go
    flow_ends 20
    [ "$status" -eq 0 ]
    [ "$(cat ends)" = end ]
    counts out.csv 0 9999
    [ "$(wc -l <out)" = 10000 ]
}

@test "lines of 1 MB and 17 MB pass a buffer of 4k" {
    cat >long.py <<'END'
for size in 1, 10 ** 6, 2, 17 << 20, 3:
    print('{"d":"%s"}' % ("x" * size))
END
    exact_flow <<'END'
source: $PYTHON long.py
jq: {run: pype-jq -c --max-line 20M ., from: source}
cat: {run: cat, from: jq}
length: {run: "pype-jq -c --max-line 20M '{n: (.d | length)}'", from: cat}
all: {run: wc -c >size, from: cat}
routed: {run: "cat >routed", from: [cat.x, length]}
END
    export PYTHON
    run_flow
    flow_ends 30
    [ "$status" -eq 0 ]
    [ "$(cat routed)" = $'{"n":1}\n{"n":1000000}\n{"n":2}\n{"n":17825792}\n{"n":3}' ]
    [ "$(cat size)" = $((1 + 1000000 + 2 + 17825792 + 3 + 5 * 9)) ]
}

@test "a line longer than --max-line is a bad event, and the stream goes on" {
    cat >long.py <<'END'
for size in 1, 200000, 2:
    print('{"d":"%s"}' % ("x" * size))
END
    exact_flow <<'END'
source: $PYTHON long.py
jq: {run: "pype-jq -c --max-line 100k '{n: (.d | length)}'", from: source}
END
    export PYTHON
    run_flow
    flow_ends 30
    [ "$status" -eq 1 ]
    [ "$(cat flow.out)" = $'{"n":1}\n{"n":2}' ]
    [ "$(jq .data.line .pype/dead-letters/p.jq.ndjson)" = 2 ]
}

@test "a last line without a newline is a line; empty lines stay between plain stages, ours pass them over" {
    flow <<'END'
pipelines:
  ours: {run: "printf '{\"n\":1}\n\n\n{\"n\":2}' | pype-jq -c '{n}' | pype-csv -o out.csv n"}
  plain: {run: "printf 'a\n\n\nb' | cat | cat >out"}
  end: {run: "printf '1\n\n2' | sed -u 's/^/x/'"}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$output" = $'x1\nx\nx2' ]
    [ "$(cat out.csv)" = $'n\n1\n2' ]
    cmp out <(printf 'a\n\n\nb')
}

@test "60 readers of one stage have all it writes" {
    local i
    {
        echo 'source: seq 5000'
        for i in $(seq 60); do echo "r$i: {run: cat >out.$i, from: source}"; done
    } | exact_flow
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
    for i in $(seq 60); do counts out.$i 1 5000; done
}

@test "a reader that has enough leaves the others theirs" {
    exact_flow <<'END'
source: seq 20000
head: {run: head -n 2 >two, from: source}
all: {run: cat >all, from: source}
cut: {run: head -n 3, from: source}
last: {run: cat >three, from: cut}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    counts two 1 2
    counts three 1 3
    counts all 1 20000
}

@test "in a compound stage and behind a redirection a tool of ours works as a plain one" {
    seq 2000 | sed 's/.*/{"n":&}/' >feed
    exact_flow <<'END'
source: {run: pype-jq -c . <feed}
both: {run: "{ pype-jq -c '{n}' | pype-jq -c '{n: (.n * 2)}'; }", from: source}
list: {run: "pype-jq -c '{n: (.n / 2)}'; :", from: both}
file: {run: pype-jq -c . >file, from: list}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    [ ! -s flow.err ]
    cmp file feed
}

@test "pype-jq -n and -s may hold more than the buffer: they say that it is lost if they are killed, and do it" {
    seq 20000 | sed 's/.*/{"n":&}/' >feed
    exact_flow <<'END'
source: cat feed
all: {run: "pype-jq -c -n '[inputs.n] | add'", from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat flow.out)" = 200010000 ]
    has flow.err 'p.all: warning: holds more of its input than the buffer of '
    sed -i "s/-c -n '\[inputs.n\] | add'/-c -s 'map(.n) | add'/" flow.yaml
    rm flow.err
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat flow.out)" = 200010000 ]
    [ "$(grep -c 'holds more of its input' flow.err)" = 1 ]
}

@test "pype-jq -s holding less than the buffer is told all again when it was killed" {
    flow <<'END'
pipelines:
  p:
    restart: {limit: 100, min: 1ms, max: 5ms}
    stages:
      source: {run: "seq -f '{\"n\":%.0f}' 3000; while [ ! -e go ]; do sleep 0.01; done"}
      all: {run: "pype-jq -c -s 'map(.n) | add'", from: source}
END
    run_flow
    wait_for happened p.all started
    local i
    for i in 1 2 3; do kill_stage p.all; done
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat flow.out)" = 4501500 ]
    run ! grep -q 'holds more' flow.err
}
