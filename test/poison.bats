#!/usr/bin/env bats
# An event that kills its stage again and again is put away; the stream goes on.

load lib
load flow

# poisoned <<stages: a flow that bears the deaths.
poisoned() {
    stages 'restart: {limit: 100, min: 1ms, max: 5ms}'
}

# without N: the numbers up to 2999 but for N, as out.csv must have them.
without() {
    seq 0 2999 | sed "/^$1$/d"
}

@test "an event that kills its stage three times is in the dead letters, whole, with reason and signal; all others arrive" {
    poisoned <<'END'
source: {run: numbers --to 3000 --pad 20, ack: page}
pass: {run: "pass --die-at 1700,ABRT", from: source, ack: page}
csv: {run: pype-csv -o out.csv time, from: pass}
END
    sed -i '1i limits: {core: 0}' flow.yaml
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    sed 1d out.csv | cmp - <(without 1700)
    local letters=.pype/dead-letters/p.pass.ndjson
    [ "$(wc -l <$letters)" = 1 ]
    [ "$(jq -r .data.text $letters)" = "$(PYPE_NAME=p.source numbers --to 1701 --pad 20 | tail -n 1)" ]
    [ "$(jq -r .source $letters)" = p.pass ]
    [[ $(jq -r .data.error $letters) == *'3 times'*'signal 6 (SIGABRT)'* ]]
    [ "$(grep -c '"event":"failed"' .pype/events.ndjson)" = 3 ]
    happened p.pass dead_letter
    has flow.err 'it is in the dead letters'
}

@test "the neighbours keep their processes meanwhile" {
    poisoned <<'END'
source: {run: numbers --to 3000, ack: page}
pass: {run: "pass --die-at 10,KILL", from: source, ack: page}
csv: {run: pype-csv -o out.csv time, from: pass}
END
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    [ "$(grep -c '"event":"started",.*"source":"p.source"' .pype/events.ndjson)" = 1 ]
    [ "$(grep -c '"event":"started",.*"source":"p.csv"' .pype/events.ndjson)" = 1 ]
    [ "$(grep -c '"event":"started",.*"source":"p.pass"' .pype/events.ndjson)" = 4 ]
    sed 1d out.csv | cmp - <(without 10)
}

@test "the first event, the last, and two in a row" {
    poisoned <<'END'
source: {run: numbers --to 3000, ack: page}
a: {run: "pass --die-at 0,KILL", from: source, ack: page}
b: {run: "pass --die-at 2999,KILL", from: a, ack: page}
c: {run: "pass --die-at 1000,KILL", from: b, ack: page}
d: {run: "pass --die-at 1001,KILL", from: c, ack: page}
csv: {run: pype-csv -o out.csv time, from: d}
END
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    sed 1d out.csv | cmp - <(seq 1 2998 | sed '/^100[01]$/d')
    [ "$(jq -r '.data.text | fromjson.time' .pype/dead-letters/p.?.ndjson | sort -n | paste -sd' ')" = "0 1000 1001 2999" ]
}

@test "ack: lines: a script that dies of one line" {
    cat >fragile.py <<'END'
import os, signal, sys
for line in sys.stdin:
    if '"n":700}' in line:
        os.kill(os.getpid(), signal.SIGABRT)
    print(line, end="", flush=True)
END
    poisoned <<'END'
source: "seq 2000 | sed 's/.*/{\"n\":&}/'"
script: {run: /usr/bin/python3 fragile.py, from: source, ack: lines, limits: {core: 0}}
csv: {run: pype-csv -o out.csv n, from: script}
END
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    sed 1d out.csv | cmp - <(seq 2000 | sed /^700$/d)
    [ "$(jq -r .data.text .pype/dead-letters/p.script.ndjson)" = '{"n":700}' ]
    [[ $(jq -r .data.error .pype/dead-letters/p.script.ndjson) == *'(SIGABRT)'* ]]
}

@test "a stage that is killed while it waits for input dies of no event" {
    poisoned <<'END'
source: {run: "sh -c 'seq -f {\\\"n\\\":%.0f} 100; while [ ! -e go ]; do sleep 0.01; done; echo {\\\"n\\\":101}'"}
jq: {run: "pype-jq -c '{n}'", from: source}
sed: {run: sed -u s/x/y/, from: jq, ack: lines}
csv: {run: pype-csv -o out.csv n, from: sed}
END
    run_flow
    wait_for lines out.csv 101
    local i stage
    for i in 1 2 3 4 5; do
        for stage in jq sed csv; do kill_stage p.$stage; done
    done
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    counts out.csv 1 101
    [ -z "$(cat .pype/dead-letters/* 2>/dev/null)" ]
}

# sleeps STAGE
sleeps() {
    [[ $(cat "/proc/$(pid_of "$1")/stat" 2>/dev/null) == *') S '* ]]
}

# The windows are too large for the mark: their events are all behind it, also the one that was read last.
@test "nor does a stage that holds all it has read and waits with a clock of its own" {
    poisoned <<'END'
source: {run: "sh -c 'echo {\\\"time\\\":0,\\\"n\\\":0}; seq -f {\\\"time\\\":4000,\\\"n\\\":%.0f} 100; while [ ! -e go ]; do sleep 0.01; done'"}
window: {run: pype-window --every 1h --idle 1h --by n, from: source}
csv: {run: pype-csv -o out.csv n, from: window}
END
    run_flow
    wait_for lines out.csv 2
    local i
    for i in 1 2 3 4 5; do
        wait_for sleeps p.window
        kill_stage p.window
    done
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    counts out.csv 0 100
    [ -z "$(cat .pype/dead-letters/* 2>/dev/null)" ]
}

@test "pype dead-letter shows it and gives it back" {
    poisoned <<'END'
source: {run: numbers --to 100, ack: page}
pass: {run: "pass --die-at 17,KILL", from: source, ack: page}
csv: {run: pype-csv -o out.csv time, from: pass}
END
    run_flow
    flow_ends
    run pype dead-letter list
    [[ $output == *p.pass*'(SIGKILL)'* ]]
    run pype dead-letter show
    [[ $output == *'3 times'*'"time":17,'* ]]
    [ "$(pype dead-letter replay --keep p.pass)" = "$(PYPE_NAME=p.source numbers --to 18 | tail -n 1)" ]
    sed -i 's/ --die-at 17,KILL//' flow.yaml
    pype dead-letter replay --run p.pass
    [ "$(tail -n 1 out.csv)" = 17 ]
    [ -z "$(pype dead-letter list)" ]
}
