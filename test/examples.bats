#!/usr/bin/env bats
# The flows in examples/: all of them are right, and one goes on when the runner is killed.

load lib

@test "every flow in examples/ passes pype check without a word" {
    local flow flows=("$ROOT"/examples/*/flow.yaml)
    [ ${#flows[@]} -ge 2 ]
    for flow in "${flows[@]}"; do
        run pype check "$flow"
        echo "$flow: $output"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}

@test "sensors: the runner is killed and goes on; every reading is in the files once" {
    cp "$ROOT/examples/sensors/flow.yaml" .
    SENSORS_PORT=$(free_port)
    export SENSORS_PORT SENSORS='--from 2026-11-01 --to 2026-11-01T12:00'
    pype-cron --every 1s --from 2026-11-01 --to 2026-11-01T12:00 |
        pype-jq -r 'range(3) as $n | "\(.time),s\($n)"' >expected
    start pype run >first.out 2>first.err
    wait_for -30 lines readings.csv 10000
    kill -KILL "$PID"
    wait_gone "$PID"
    [ "$(wc -l <readings.csv)" -lt "$(wc -l <expected)" ]
    start pype run >flow.out 2>flow.err
    wait_gone "$PID" 60
    wait "$PID"
    sed 1d readings.csv | cut -d, -f 1,3 >got
    cmp expected got
    [ "$(grep -c ',alarm,' readings.csv)" -eq "$(sed 1d alarms.csv | wc -l)" ]
    [ "$(sort -u alarms.csv | wc -l)" -eq "$(wc -l <alarms.csv)" ]
    [ ! -d .pype/journal/sensors ]
}
