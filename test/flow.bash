# What the .bats files about running flows share. `load lib`, then `load flow`.
#
# The programs of the crash laboratory (numbers, pass) are in PATH, too.

LABORATORY=${PYPE_BUILD:-$ROOT/.build}/torture
export PATH=$BIN:$LABORATORY:$PATH

# flow <<manifest, run_flow [OPTION…]: writes ./flow.yaml, runs it in the background; its id is in $FLOW.
flow() {
    cat >flow.yaml
}

# stages [SETTING…] <<stages: writes a flow of these settings and one pipeline, p, of these stages.
stages() {
    {
        [ $# = 0 ] || printf '%s\n' "$@"
        printf '%s\n' pipelines: '  p:' '    stages:'
        sed 's/^/      /'
    } >flow.yaml
}

# ./slow hands lines on, one a millisecond, until there is a file ./go: so that kills come in the middle. It answers each.
write_slow() {
    cat >slow <<'END'
#!/usr/bin/python3
import os, sys, time
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
    if not os.path.exists("go"):
        time.sleep(0.001)
END
    chmod +x slow
}

run_flow() {
    start pype run "$@" >flow.out 2>>flow.err
    FLOW=$PID
}

# flow_ends [SECONDS]: the flow ends within 10 s; its exit status is in $status.
flow_ends() {
    status=0
    wait_gone "$FLOW" "${1:-10}" || {
        echo "the flow has not ended; it has said:" >&2
        tail -n 20 flow.err >&2
        return 1
    }
    wait "$FLOW" || status=$?
}

# happened SOURCE EVENT [N]: that event was said of that source (N times).
happened() {
    [ "$(grep -c "\"event\":\"$2\",\"time\":[0-9.]*,\"source\":\"$1\"," .pype/events.ndjson)" -ge "${3:-1}" ]
}

# pid_of STAGE: of the process that was started last.
pid_of() {
    sed -n "s/.*\"event\":\"started\",.*\"source\":\"$1\",.*\"pid\":\([0-9]*\).*/\1/p" .pype/events.ndjson | tail -n 1
}

# The manager of a pipeline is the parent of its stages.
manager_of() {
    sed 's/.*) . //; s/ .*//' "/proc/$(pid_of "$1")/stat"
}

# replaced STAGE PID: the stage runs in another process than that.
replaced() {
    local pid
    pid=$(pid_of "$1")
    [ "$pid" != "$2" ] && alive "$pid"
}

# runs STAGE: its process is alive.
runs() {
    local pid
    pid=$(pid_of "$1")
    [ -n "$pid" ] && alive "$pid"
}

# kill_stage STAGE: kill -9, and its successor runs.
kill_stage() {
    local before
    wait_for runs "$1"
    before=$(pid_of "$1")
    kill -9 "$before"
    wait_for replaced "$1" "$before"
}

# kill_manager STAGE: of its pipeline, and the stage is there again.
kill_manager() {
    local before
    wait_for runs "$1"
    before=$(pid_of "$1")
    kill -9 "$(manager_of "$1")"
    wait_for replaced "$1" "$before"
}

# kill_often STAGE N: kill -9 of whatever process the stage has, N times, at random moments.
kill_often() {
    local pid killed=0 end=$((SECONDS + 60))
    while [ $killed -lt "$2" ]; do
        [ $SECONDS -lt $end ] || return 1
        pid=$(pid_of "$1")
        if [ -n "$pid" ] && alive "$pid"; then
            kill -9 "$pid" && killed=$((killed + 1))
        fi
        sleep 0.0$((RANDOM % 40 + 10))
    done
}

# grows FILE [N]: N (20) more lines come than there are now.
grows() {
    wait_for lines "$1" $(($(wc -l <"$1") + ${2:-20}))
}

# counts FILE FROM TO: its lines are these numbers, in order, each once; a first line that is no number is a header.
counts() {
    sed '1{/^[a-z]/d}' "$1" | cmp - <(seq "$2" "$3")
}

# stopped_before SOURCE: how far a source of the laboratory (numbers -v) says it came.
stopped_before() {
    sed -n "s/^$1: info: stopped before //p" flow.err | tail -n 1
}
