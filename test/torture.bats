#!/usr/bin/env bats
# The crash laboratory (test/torture/run, `make torture`), in short. The seed of each run is fixed; what fails says it.

load lib

# torture [WORD…]: must find everything right. What this machine does not allow is skipped.
torture() {
    run env PYPE_BIN="$BIN" "$PYTHON" "$ROOT/test/torture/run" --verbose "$@"
    echo "$output"
    [ "$status" -ne 77 ] || skip "${output##*$'\n'}"
    [ "$status" -eq 0 ]
}

# rounds N KIND [WORD…]: of about two seconds each.
rounds() {
    torture --rounds "$1" --round 2 --graph "${@:2}"
}

@test "the checker finds each event that is lost, doubled, torn or in the wrong place" {
    torture checker --seed 1
}

@test "examples/stage.py keeps its page over its pipes: killed, it loses nothing" {
    torture page --seed 1
}

@test "rings: killed, sources, filters and outputs lose nothing, without a runner" {
    torture rings --seed 1
    torture rings --seed 6
}

@test "fast: losses are the only harm that kills do" {
    rounds 1 linear --delivery fast --seed 7
}

@test "exact: sources, filters, outputs and managers are killed, nothing is lost or there twice: in a row" {
    rounds 2 linear --seed 11
}

@test "exact: the same for one that fans out" {
    rounds 1 fan --seed 21
}

@test "exact: the same for one that fans out and in again" {
    rounds 1 diamond --seed 31
}

@test "exact: the same for any graph" {
    rounds 2 random --seed 41
}

@test "exact, sync: the same in lock step" {
    rounds 1 random --protocol sync --seed 51
}

@test "durable: the runner is killed, and goes on" {
    rounds 1 random --delivery durable --targets stages,managers,runner --pause 0.1 --seed 61
}

@test "one of three outputs stands still: the others wait (block)" {
    torture stall --seed 1
}

@test "one of three outputs stands still: the others go on, and it gets all later (spill)" {
    torture spill --seed 1
}

@test "one of three outputs stands still: the others go on, what it does not get is counted (drop-oldest, drop-newest)" {
    torture drop-oldest --seed 1
    torture drop-newest --seed 1
}

@test "an output's disk is full: the data waits, and goes on when there is room" {
    torture full --seed 1
}

@test "the disk of a durable flow is full: the data waits, and goes on when there is room" {
    torture journal --seed 1
}

@test "an output's disk is slow: the data waits, memory does not grow" {
    torture slow --seed 1
}

@test "an event that kills its stage three times is in the dead letters, all others arrive" {
    torture poison --seed 1
    torture poison-and-kills --seed 1
}

@test "sync: at no moment two events are in the flow" {
    torture sync --seed 1
}

@test "restarts leak neither descriptors nor memory" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers keep memory"
    torture leak --seed 1
}

@test "kill -9 of the runner: no process is alive a second later" {
    torture orphans --seed 1
}
