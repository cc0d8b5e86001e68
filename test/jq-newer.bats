#!/usr/bin/env bats
# The native path of pype-jq beside newer versions of jq than the installed one: what it does itself, all of them do alike.

bats_require_minimum_version 1.5.0
load lib

prepare() {
    export HOME=$PWD # no ~/.jq but our own
}

# newer MODULE VERSION [OPTION]: all programs on all lines; MODULE is jq as WebAssembly (test/node).
newer() {
    run node "$FIXTURES/jq_newer.js" "$1" "$FIXTURES/jq-programs" "$FIXTURES/jq-native-lines" ${3:+"$3"}
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "jq-$2"*' 0 differ' ]]
}

@test "jq, newer: what goes the native way is what jq 1.7 gives" {
    newer jq-1.7 1.7
}

@test "jq, newer: what goes the native way is what jq 1.8 gives" {
    newer jq-1.8 1.8
}

@test "jq, newer: … with -S, too" {
    newer jq-1.7 1.7 -S
    newer jq-1.8 1.8 -S
}
