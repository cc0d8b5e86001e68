#!/usr/bin/env bats
# protocol: sync: an event is handled to its end, by all stages, before the next one begins.

load lib
load flow

# Stages of the laboratory write down when an event began and ended, on the clock that all processes share:
# "NUMBER BEGIN END" in STAGE.log; numbers, when it was begun and when it was through. overlaps FILE…: how many events began in any
# stage before the one before had ended in all of them, and how many events there were.
overlaps() {
    cat "$@" | awk '
        !($1 in first) || $2 < first[$1] { first[$1] = $2 }
        !($1 in last) || $3 > last[$1] { last[$1] = $3 }
        END { for (n in first) printf "%.0f %.0f\n", first[n], last[n] }' | sort -n | awk '
        $1 < latest { found++ }
        $2 > latest { latest = $2 }
        END { print found + 0, NR }'
}

# lock_step PROTOCOL
lock_step() {
    flow <<END
protocol: $1
restart: {limit: 1000, min: 1ms, max: 5ms}
pipelines:
  p:
    stages:
      source: {run: numbers --to 300 --log source.log, ack: page}
      left: {run: pass --delay 100us --log left.log, ack: page, from: source}
      right: {run: pass --delay 300us --log right.log, ack: page, from: source}
      below: {run: pass --log below.log, ack: page, from: left}
      one: {run: pype-csv -o one.csv time, from: below}
      both: {run: pype-csv -o both.csv time, from: [below, right]}
END
    run_flow
}

@test "at no moment two events are in the flow, on all branches; without sync they are" {
    lock_step sync
    flow_ends 20
    [ "$status" -eq 0 ]
    counts one.csv 0 299
    sed 1d both.csv | cmp - <(for i in $(seq 0 299); do echo "$i"; echo "$i"; done)
    [ "$(overlaps ./*.log)" = "0 300" ]
    rm -rf .pype ./*.log ./*.csv
    lock_step async
    flow_ends 20
    [ "$status" -eq 0 ]
    local found
    read -r found _ < <(overlaps ./*.log)
    [ "$found" -gt 100 ]
}

@test "stages and the manager are killed: still in lock step, nothing is lost, nothing comes twice" {
    lock_step sync
    sed -i 's/--to 300/--to 2000 --every 1ms/' flow.yaml
    kill "$FLOW"
    flow_ends
    rm -rf .pype ./*.log ./*.csv
    run_flow
    wait_for lines one.csv 20
    local stage
    for stage in source left right below one both left source; do
        kill_stage p.$stage
        grows one.csv
    done
    kill_manager p.one
    grows one.csv
    flow_ends 30
    [ "$status" -eq 0 ]
    counts one.csv 0 1999
    sed 1d both.csv | cmp - <(for i in $(seq 0 1999); do echo "$i"; echo "$i"; done)
}

@test "a source that waits for its reader goes on when that is replaced" {
    cat >stuck <<'END'
#!/usr/bin/python3
import os, sys, time
for number, line in enumerate(sys.stdin):
    if number == 4 and not os.path.exists("once"):
        open("once", "w").close()
        time.sleep(1000)
    print(line, end="", flush=True)
END
    chmod +x stuck
    flow <<'END'
protocol: sync
restart: {limit: 1000, min: 1ms, max: 5ms}
pipelines:
  p:
    stages:
      source: {run: numbers --to 50, ack: page}
      stuck: {run: ./stuck, from: source, ack: lines}
      csv: {run: pype-csv -o out.csv time, from: stuck}
END
    run_flow
    wait_for test -e once
    # Nothing moves: the source has written one event more than what came out.
    [ "$(wc -l <out.csv)" = 5 ]
    # Its successor may be through before anybody sees it alive.
    kill -9 "$(pid_of p.stuck)"
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(grep -c '"event":"started",.*"source":"p.stuck"' .pype/events.ndjson)" = 2 ]
    counts out.csv 0 49
    [ "$(jq -r 'select(.event == "started" and .source == "p.source").event' .pype/events.ndjson)" = started ]
}

@test "a filter that lets nothing through does not hold up the flow" {
    flow <<'END'
protocol: sync
pipelines:
  p:
    stages:
      source: {run: numbers --to 1000, ack: page}
      few: {run: "pype-jq -c 'select(.time % 100 == 0) | .time'", from: source}
      none: {run: "pype-jq -c empty", from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    cmp flow.out <(seq 0 100 999)
}

@test "pype-jq -n and -s, which need all of the input, do not hold up the flow: they say what it costs, once" {
    local program
    for program in "-n '[inputs.time] | add'" "-s 'map(.time) | add'" "'.time + ([inputs.time] | add)'"; do
        flow <<END
protocol: sync
pipelines:
  p:
    stages:
      source: {run: numbers --to 1000, ack: page}
      all: {run: "pype-jq $program", from: source}
END
        run_flow
        flow_ends 20
        [ "$status" -eq 0 ]
        [ "$(cat flow.out)" = 499500 ]
        [ "$(grep -c 'p.all: warning: holds what .protocol: sync. wants to be handled at once' flow.err)" = 1 ]
        rm -rf .pype flow.err
    done
}

@test "it stops at once when it is told to" {
    flow <<'END'
protocol: sync
pipelines:
  p:
    run: pype-cron --from 0 --every 1s | pype-jq -c '{time}' | pype-csv -o out.csv time
END
    run_flow
    wait_for lines out.csv 20
    kill -TERM "$FLOW"
    flow_ends 5
    [ "$status" -eq 0 ]
    counts out.csv 0 $(($(wc -l <out.csv) - 2))
}
