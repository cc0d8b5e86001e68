#!/usr/bin/env bats
# pype run: the rules of the runner, each broken on purpose.

load lib
load flow

# ./ticker writes {"n":1}, {"n":2}, …, one each 5 ms.
prepare() {
    cat >ticker <<'END'
#!/bin/sh
i=0
while :; do
    i=$((i + 1))
    echo "{\"n\":$i}"
    sleep 0.005
done
END
    chmod +x ticker
}

@test "a flow runs to its end: data in order, status 0" {
    flow <<'END'
pipelines:
  count:
    run: |
      seq 1000 | sed 's/^/x/' | cat > out
END
    run pype run
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(sha256sum <out)" = "$(seq 1000 | sed 's/^/x/' | sha256sum)" ]
    # Started from the last to the first, finished from the first to the last.
    [ "$(jq -r 'select(.event == "started").source' .pype/events.ndjson)" = $'count.cat\ncount.sed\ncount.seq' ]
    [ "$(jq -r 'select(.event == "finished").source' .pype/events.ndjson)" = $'count.seq\ncount.sed\ncount.cat\ncount' ]
}

@test "the last stage's standard output is the runner's" {
    flow <<'END'
pipelines: {count: {run: "seq 3 | cat"}}
END
    run pype run
    [ "$output" = $'1\n2\n3' ]
}

@test "stages run in the manifest's directory, with their names, dead letters and PATH" {
    mkdir sub
    cat >sub/flow.yaml <<'END'
pipelines: {p: {env: {A: "1 2"}, run: 'sh -c "pwd; echo $A $PYPE_NAME $PYPE_DEAD_LETTER $PYPE_RESTART; command -v pype-csv" | cat'}}
END
    run pype run sub/flow.yaml
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$PWD/sub" ]
    [ "${lines[1]}" = "1 2 p.sh $PWD/sub/.pype/dead-letters/p.sh.ndjson 0" ]
    [ "${lines[2]}" = "$BIN/pype-csv" ]
}

@test "a stage killed in the middle comes back; its neighbours keep their processes; no event is torn" {
    flow <<'END'
restart: {limit: 100, min: 10ms, max: 20ms}
pipelines:
  p:
    stages:
      source: {run: './ticker'}
      middle: {run: 'cat', from: source}
      sink: {run: 'cat >> out', from: middle}
END
    run_flow
    wait_for lines out 3
    local i before source sink
    source=$(pid_of p.source) sink=$(pid_of p.sink)
    for i in 1 2 3 4 5; do
        before=$(pid_of p.middle)
        kill -9 "$before"
        wait_for replaced p.middle "$before"
    done
    wait_for lines out $(($(wc -l <out) + 3))
    [ "$(pid_of p.source)" = "$source" ]
    alive "$source"
    [ "$(pid_of p.sink)" = "$sink" ]
    alive "$sink"
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
    run grep -vE '^(\{"n":[0-9]+\})?$' out
    [ "$status" -eq 1 ]
    has flow.err 'killed by signal 9 (SIGKILL)'
    happened p.middle failed 5
    [ "$(jq -r 'select(.event == "failed") | .data.signal' .pype/events.ndjson | sort -u)" = 9 ]
}

@test "the first restart is at once, then back-off from min, doubling, with jitter" {
    flow <<'END'
restart: {limit: 5, within: 1m, min: 40ms, max: 100ms}
pipelines: {p: {run: 'exit 1'}}
END
    run pype run
    [ "$status" -eq 1 ]
    # The stage's own restarts, before the pipeline's: at once, 20-40ms, 40-80ms, 50-100ms, 50-100ms.
    run jq -r 'select(.source == "p.exit" and .event == "failed") | .data.restart_in * 1000' .pype/events.ndjson
    [ "${lines[0]}" = 0 ]
    [ "${lines[1]}" -ge 20 ]
    [ "${lines[1]}" -le 40 ]
    [ "${lines[2]}" -ge 40 ]
    [ "${lines[2]}" -le 80 ]
    [ "${lines[3]}" -ge 50 ]
    [ "${lines[3]}" -le 100 ]
    [ "${lines[4]}" -ge 50 ]
    [ "${lines[4]}" -le 100 ]
    [ "${lines[5]}" = 0 ]
}

@test "a stage over its limit: the pipeline starts afresh; over that: it has failed, others go on" {
    flow <<'END'
restart: {limit: 2, within: 1m, min: 5ms, max: 5ms}
pipelines:
  bad: {run: 'echo start >> starts; exit 1'}
  good: {run: 'sleep 1 | cat; echo done > good'}
END
    sed -i "s/sleep 1 | cat; echo done > good/sh -c \"sleep 1; echo done > good\"/" flow.yaml
    run pype run
    [ "$status" -eq 1 ]
    # 1 + 2 starts of the stage in each of 1 + 2 starts of the pipeline.
    [ "$(wc -l <starts)" -eq 9 ]
    [ -f good ]
    happened bad given_up
    happened good finished
    [[ $output == *'bad: failed after '*'the pipeline has failed'* ]]
}

@test "statuses 2, 126 and 127 are never tried again" {
    local code
    for code in 2 126 127; do
        rm -rf .pype starts
        flow <<END
pipelines: {p: {run: 'sh -c "echo start >> starts; exit $code" | cat'}}
END
        run pype run
        [ "$status" -eq 1 ]
        [ "$(wc -l <starts)" -eq 1 ]
        [[ $output == *"p.sh: exited with $code"*"it is not started again"* ]]
    done
}

@test "restart: never; restart: always" {
    flow <<'END'
pipelines: {p: {restart: never, run: 'echo start >> starts; exit 1'}}
END
    run pype run
    [ "$status" -eq 1 ]
    [ "$(wc -l <starts)" -eq 1 ]
    rm -rf .pype starts
    flow <<'END'
pipelines: {p: {restart: always, run: 'echo start >> starts; sleep 0.01'}}
END
    run_flow
    wait_for lines starts 3
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
}

@test "a stage that fails when its input has ended is not started again" {
    flow <<'END'
pipelines: {p: {run: 'seq 3 | sh -c "echo start >> starts; cat >/dev/null; exit 1" | cat'}}
END
    run pype run
    [ "$status" -eq 1 ]
    [ "$(wc -l <starts)" -eq 1 ]
    [[ $output == *"p.sh: exited with 1"*"had read all its input"* ]]
}

@test "bad events: the flow finishes, its status is 1, the dead letters have them" {
    flow <<'END'
pipelines: {p: {run: 'printf "{\"a\":1}\nnonsense\n{\"a\":2}\n" | pype-csv -o out.csv a'}}
END
    run pype run
    [ "$status" -eq 1 ]
    [ "$(cat out.csv)" = $'a\n1\n2' ]
    [ "$(jq -r .data.text .pype/dead-letters/p.csv.ndjson)" = nonsense ]
    [[ $output == *'p.csv: error: line 2: not JSON'* ]]
}

@test "a reader that has enough ends the pipeline well" {
    flow <<'END'
pipelines: {p: {run: 'yes | cat | head -n 2 > out'}}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$(cat out)" = $'y\ny' ]
}

@test "the reader of the runner's own output has gone: status 0" {
    flow <<'END'
pipelines: {p: {run: 'yes | cat'}}
END
    run bash -c 'pype run 2>err | head -n 1; echo ${PIPESTATUS[0]}; cat err'
    [ "$output" = $'y\n0' ]
}

@test "one SIGTERM: sources stop, the rest drains" {
    flow <<'END'
pipelines:
  p:
    run: |
      sh -c 'trap "echo last; exit 0" TERM; echo ready; while :; do sleep 0.01; done'
      | sh -c 'while read l; do sleep 0.2; echo "slow $l"; done; echo end'
      | cat > out
END
    run_flow
    wait_for happened p.sh started
    wait_for happened p.sh-2 started
    wait_for has out 'slow ready'
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat out)" = $'slow ready\nslow last\nend' ]
}

@test "SIGINT is the same; a stage in back-off does not hold it up, and drains what waits for it" {
    flow <<'END'
restart: {limit: 10, min: 60s, max: 60s}
pipelines:
  p:
    run: |
      sh -c 'echo 1; sleep 0.3; echo 2; exec sleep 100'
      | sh -c 'echo start >> starts; [ $PYPE_RESTART -ge 2 ] || exit 1; cat'
      | cat > out
END
    run_flow
    wait_for happened p.sh-2 failed 2
    local before=$SECONDS
    kill -INT "$FLOW"
    flow_ends 5
    [ "$status" -eq 0 ]
    [ $((SECONDS - before)) -le 2 ]
    [ "$(wc -l <starts)" -eq 3 ]
}

@test "a stage that dies while the pipeline drains is started once more, for what waits in its pipe" {
    flow <<'END'
pipelines:
  p:
    run: |
      sh -c 'seq 5; exec sleep 100'
      | sh -c 'if [ $PYPE_RESTART = 0 ]; then read -r n; echo "first $n"; exec sleep 100; else cat; fi'
      | cat > out
END
    run_flow -v
    wait_for has out 'first 1'
    kill -TERM "$FLOW"
    wait_for has flow.err 'p.sh: finished'
    kill -9 "$(pid_of p.sh-2)"
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(grep . out)" = $'first 1\n2\n3\n4\n5' ]
    happened p.sh-2 failed 1
    happened p.sh-2 started 2
}

@test "a stage that ignores SIGTERM is killed after stop_timeout; a second signal hurries" {
    flow <<'END'
stop_timeout: 300ms
pipelines: {p: {run: 'sh -c "trap \"\" TERM; while :; do sleep 0.05; done" | cat'}}
END
    run_flow
    wait_for happened p.sh started
    kill -TERM "$FLOW"
    flow_ends 5
    [ "$status" -eq 0 ]
    has flow.err 'does not end on SIGTERM, killed'
    rm -rf .pype
    sed -i 's/300ms/1h/' flow.yaml
    run_flow -v
    wait_for happened p.sh started
    kill -TERM "$FLOW"
    wait_for has flow.err 'stopping'
    kill -TERM "$FLOW"
    flow_ends 5
    has flow.err 'does not end on SIGTERM, killed'
}

@test "a stage and all its children die together, whoever is killed" {
    flow <<'END'
pipelines: {p: {run: '{ sleep 1000 & echo $! > child; setsid sleep 1001 & echo $! > far; wait; } | cat'}}
END
    run_flow
    wait_for test -s far
    local child far
    child=$(cat child) far=$(cat far)
    alive "$child"
    alive "$far"
    kill -9 "$FLOW"
    wait_gone "$FLOW"
    wait_for -3 run ! alive "$child"
    wait_gone "$child" 3
    wait_gone "$far" 3
    wait_gone "$(pid_of p.cat)" 3
}

@test "a killed manager is replaced, what it left is gone first, other pipelines notice nothing" {
    flow <<'END'
restart: {min: 10ms, max: 10ms}
pipelines:
  p: {run: '{ sleep 1000 & echo $! >> children; wait; } | cat'}
  q: {run: './ticker | cat >> q.out'}
END
    run_flow
    wait_for test -s children
    wait_for test -s q.out
    local manager other first cat
    manager=$(manager_of p.cat) other=$(manager_of q.cat) first=$(head -n 1 children) cat=$(pid_of p.cat)
    [ "$manager" != "$FLOW" ]
    [ "$manager" != "$other" ]
    kill -9 "$manager"
    wait_for lines children 2
    run ! alive "$first"
    run ! alive "$cat"
    [ "$(manager_of q.cat)" = "$other" ]
    happened p failed
    has flow.err 'p: killed by signal 9 (SIGKILL)'
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
}

@test "stderr of stages: whole lines with the stage's name, and the last of them in the report" {
    flow <<'END'
restart: never
report: cat > report
pipelines: {p: {run: '{ echo one >&2; printf two >&2; kill -9 $$; }'}}
END
    run_split pype run
    [ "$status" -eq 1 ]
    [[ $stderr == *$'p.stage-1: one\np.stage-1: two\n'* ]]
    [ "$(jq -c '[.event, .source, .data.signal, .data.stderr]' report | head -n 1)" = '["given_up","p.stage-1",9,["one","two"]]' ]
}

@test "report: gets every failure as an event, with stage, signal and attempt; is started again if it dies" {
    flow <<'END'
restart: {limit: 3, min: 5ms, max: 5ms}
report: "head -n 1 >> report"
pipelines: {p: {run: 'sh -c "exit 1"'}}
END
    run pype run
    [ "$status" -eq 1 ]
    # A command that ends after each event gets them one by one; none is there twice.
    [ "$(head -n 1 report | jq -c '[.event, .source, .data.exit, .data.attempt]')" = '["failed","p.sh",1,1]' ]
    [ "$(sort report | uniq -d | wc -l)" -eq 0 ]
}

@test "a report command that does not read holds nothing up" {
    flow <<'END'
stop_timeout: 200ms
restart: {limit: 3, min: 1ms, max: 1ms}
report: "exec sleep 1000"
pipelines: {p: {run: 'sh -c "exit 1"'}}
END
    run_flow
    flow_ends 5
    [ "$status" -eq 1 ]
    has flow.err 'report: the command does not end, killed'
}

@test "children start with clean signals, no stray descriptors, and a process group of their own" {
    flow <<'END'
pipelines: {p: {run: '{ grep ^Sig /proc/self/status > signals; ls -l /proc/self/fd > fds; cut -d" " -f5 /proc/$$/stat > group; echo $$ > pid; } | cat'}}
END
    run bash -c 'trap "" PIPE HUP; exec pype run'
    [ "$status" -eq 0 ]
    # glibc ignores its own signals 32 and 33 in what posix_spawn starts, which make does, and nobody can undo it.
    sed -i s/180000000/000000000/ signals
    [ "$(awk '$1 == "SigBlk:" || $1 == "SigIgn:" {print $2}' signals | sort -u)" = 0000000000000000 ]
    # 0, 1, 2 and the one ls itself opened; from 10 on what belongs to the stage page, and nothing else.
    [ "$(grep -c -- ' [0-9] ->' fds)" -eq 4 ]
    grep -- ' 1[0-9] -> ' fds | grep -vE -- '/memfd:|anon_inode:\[eventfd\]' >stray || true
    [ ! -s stray ]
    sed -i '1i delivery: fast' flow.yaml
    run bash -c 'trap "" PIPE HUP; exec pype run'
    [ "$(grep -c -- '->' fds)" -eq 4 ]
    [ "$(cat group)" = "$(cat pid)" ]
}

@test "descriptors do not grow with restarts" {
    flow <<'END'
restart: {limit: 1000, min: 1ms, max: 1ms}
pipelines: {p: {run: 'sh -c "while :; do echo {}; sleep 0.01; done" | sh -c "sleep 0.01; exit 1" | cat'}}
END
    run_flow
    wait_for happened p.sh-2 failed 5
    local manager before
    manager=$(manager_of p.cat)
    before=$(ls "/proc/$manager/fd" | wc -l)
    wait_for happened p.sh-2 failed 40
    [ "$(ls "/proc/$manager/fd" | wc -l)" -le $((before + 1)) ]
    [ "$(ls "/proc/$FLOW/fd" | wc -l)" -le 20 ]
    kill -TERM "$FLOW"
    flow_ends
}

@test "a strict reader that is killed twice in the middle of a line gets over it" {
    flow <<END
restart: {limit: 100, min: 5ms, max: 20ms}
pipelines:
  p:
    stages:
      source: {run: 'while :; do seq -f "{\"n\":%.0f,\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}" 1000; done'}
      strict: {run: 'jq -c --unbuffered .n', from: source}
      sink: {run: 'cat >> out', from: strict}
END
    run_flow
    wait_for test -s out
    local i before
    for i in 1 2 3; do
        before=$(pid_of p.strict)
        kill -9 "$before" 2>/dev/null || true
        wait_for replaced p.strict "$before"
    done
    # It works again: the same process for as long as 3000 more lines take.
    local size
    size=$(stat -c %s out)
    wait_for eval '[ "$(stat -c %s out)" -gt $((size + 20000)) ]'
    kill -TERM "$FLOW"
    flow_ends
    run ! grep -qvE '^[0-9]*$' out
}

@test "a second runner on the same state directory is refused with the first one's pid and the directory" {
    flow <<'END'
pipelines: {p: {run: 'sleep 100'}}
END
    run_flow -d state
    wait_for test -s state/events.ndjson
    run pype run -d state
    [ "$status" -eq 1 ]
    [ "$output" = "pype: fatal: the flow runs already, as process $FLOW (state directory '$PWD/state')" ]
    # Another directory is another flow's.
    run pype run -d other --once --only p <(echo 'pipelines: {p: {run: "true"}}')
    [ "$status" -eq 0 ]
    alive "$FLOW"
    kill -TERM "$FLOW"
    flow_ends
}

@test "a stage that keeps the page over its pipes and writes nothing holds nobody up" {
    cat >quiet.py <<END
import sys
sys.path.insert(0, "$ROOT/examples")
import stage
stage.handle = lambda page, line, members: b""
stage.main()
END
    flow <<END
pipelines:
  p:
    stages:
      source: pype-cron --from 2000-01-01 --to 2000-02-01 --every 1m
      quiet: {run: "PYTHONDONTWRITEBYTECODE=1 $PYTHON quiet.py", from: source, ack: page}
END
    run_flow
    flow_ends 20
    [ "$status" -eq 0 ]
}

@test "a mark that stands for more output than is usually held" {
    flow <<END
pipelines:
  p:
    stages:
      source: yes {} | head -n 100000
      long: {run: "$PYTHON $ROOT/examples/stage.py a=$(printf '%100s' | tr ' ' x)", from: source, ack: page}
      count: {run: "wc -l >count", from: long}
END
    run_flow
    flow_ends 20
    [ "$(cat count)" -eq 100000 ]
}

@test "what a dead runner has left behind is waited for, but not for ever" {
    mkdir .pype
    echo 1234567 >.pype/lock
    start flock .pype/lock sh -c 'echo held > held; while [ ! -e go ]; do sleep 0.01; done'
    wait_for has held held
    flow <<'END'
pipelines: {p: {run: 'echo a'}}
END
    run pype run
    [ "$status" -eq 1 ]
    [ "$output" = "pype: fatal: the flow runs already, as process 1234567 (state directory '$PWD/.pype')" ]
    run_flow
    # It waits: it has the lock's file open.
    wait_for sh -c "ls -l /proc/$FLOW/fd | grep -q .pype/lock"
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat flow.out)" = a ]
    [ "$(cat .pype/lock)" = "$FLOW" ]
}

@test "after a kill -9 of the runner the next one runs at once" {
    local i
    flow <<'END'
pipelines: {p: {run: 'sh -c "echo start >> starts; exec sleep 100" | cat'}, q: {run: 'sleep 100 | cat'}}
END
    for i in 1 2 3 4 5; do
        run_flow
        wait_for lines starts "$i"
        kill -9 "$FLOW"
    done
    run_flow
    wait_for lines starts 6
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
}

@test "--only, --state, and a flow that is not there" {
    flow <<'END'
pipelines: {a: {run: 'echo a'}, bee: {run: 'echo b'}, c: {run: 'echo c > c'}}
END
    run pype run --only bee -d state
    [ "$status" -eq 0 ]
    [ "$output" = b ]
    [ -f state/events.ndjson ]
    [ ! -e .pype ]
    run pype run --only bee --only a --only a -d state
    [ "$status" -eq 0 ]
    [ "$(sort <<<"$output")" = $'a\nb' ]
    [ ! -e c ]
    run pype run --only a --only bea
    [ "$status" -eq 2 ]
    [ "$output" = "pype: fatal: the flow has no pipeline 'bea', did you mean 'bee'?" ]
    run pype run --only ''
    [ "$status" -eq 2 ]
    [[ $output == *"no pipeline ''"* ]]
    [ ! -e .pype ]
    run pype run none.yaml
    [ "$status" -eq 2 ]
    [[ $output == *none.yaml* ]]
}

@test "--once: nothing is started again; the first failure ends its pipeline, which drains" {
    flow <<'END'
restart: {limit: 100, min: 1ms, max: 1ms}
pipelines:
  always: {restart: always, run: 'sh -c "echo start >> always; echo a" | cat >> out'}
  fails:
    stages:
      source: {run: 'sh -c "echo start >> fails; echo b; exit 1"', restart: {limit: 50}}
      middle: {run: 'cat', from: source}
      sink: {run: 'cat >> out', from: middle}
END
    run pype run --once
    [ "$status" -eq 1 ]
    [ "$(cat always fails)" = $'start\nstart' ]
    [ "$(sort out)" = $'a\nb' ]
    [[ $output == *'fails.source: exited with 1'*'it is not started again'* ]]
    happened always finished
    happened fails given_up
    run pype run --once --only always
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(wc -l <always)" -eq 2 ]
}

@test "--once: nor is a manager, or a stage while its pipeline drains" {
    flow <<'END'
pipelines:
  killed: {run: 'sh -c "echo start >> killed; exec sleep 100"'}
  drains: {run: 'echo a | sh -c "echo start >> drains; read l; sleep 0.1; exit 1" | cat'}
END
    run_flow --once
    wait_for happened drains given_up
    wait_for lines killed 1
    kill -9 "$(manager_of killed.sh)"
    flow_ends
    [ "$status" -eq 1 ]
    [ "$(cat killed drains)" = $'start\nstart' ]
    happened killed given_up
}

@test "a hundred stages in a row" {
    {
        echo 'pipelines: {p: {run: "seq 100000'
        for _ in $(seq 98); do echo '| cat'; done
        echo '| sha256sum > out"}}'
    } >flow.yaml
    sed -i ':a;N;$!ba;s/\n/ /g' flow.yaml
    run pype run
    [ "$status" -eq 0 ]
    [ "$(cat out)" = "$(seq 100000 | sha256sum)" ]
}

@test "six hundred stages and their descriptors: more than a process may usually have open; the stages get the usual" {
    {
        echo 'pipelines: {p: {run: "sh -c \"ulimit -n\"'
        for _ in $(seq 598); do echo '| cat'; done
        echo '| cat > out"}}'
    } | tr '\n' ' ' >flow.yaml
    run bash -c 'ulimit -S -n 1024; exec pype run'
    [ "$output" = "" ]
    [ "$status" -eq 0 ]
    [ "$(cat out)" = 1024 ]
}

@test "a reader that ends while the writer waits for room on its account does not stop the others" {
    cat >flow.yaml <<'EOF'
pipelines:
  p:
    stages:
      source: {run: "seq 100000 | jq -c '{event: \"n\", n: .}'"}
      both: {run: "pype-jq .", from: source}
      stays: {run: "pype-jq .n | tail -n1 > out", from: both, buffer: 4k}
      # It reads nothing, and meanwhile the ring fills up.
      goes: {run: "sleep 1", from: both.n, buffer: 4k}
EOF
    start pype run
    wait_gone "$PID" 20
    [ "$(cat out)" = 100000 ]
}

@test "a stage that holds its input lets go of it for a line that is longer than its buffer" {
    cat >flow.yaml <<'EOF'
pipelines:
  p:
    stages:
      source: {run: "echo '{}'; jq -nc '{a: (\"x\" * 700000)}'"}
      both: {run: "pype-jq .", from: source}
      holds: {run: "pype-jq -s length > out", from: both, buffer: 4k}
EOF
    start pype run
    wait_gone "$PID" 20
    [ "$(cat out)" = 2 ]
}

@test "a stage that is suspended is woken, and ends when it is told to" {
    flow <<'X'
stop_timeout: 1h
pipelines: {p: {run: "sh -c 'echo $$ >pid; kill -STOP $$; sleep 1000' | cat"}}
X
    run_flow
    wait_for test -s pid
    wait_for grep -q "^State:.T" "/proc/$(cat pid)/status"
    kill "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
}
