# Every program that reads events, fed with what is none: it does not crash, its memory stays bounded, every bad line is
# in the dead letters, whole, and every good one is handled.
#
# PYPE_ROBUST_BYTES=1G: how many random bytes each program gets (32M).

load lib

setup_file() {
    export CORPORA=$BATS_FILE_TMPDIR
    "$PYTHON" "$FIXTURES/robust.py" random "$(numfmt --from=iec "${PYPE_ROBUST_BYTES:-32M}")" 1 >"$CORPORA/random"
    "$PYTHON" "$FIXTURES/robust.py" mixed 40000 2 >"$CORPORA/mixed"
    "$PYTHON" "$FIXTURES/robust.py" long 100000000 >"$CORPORA/long"
}

# The programs that read events: they have --dead-letter and --on-error.
readers() {
    local program
    for program in "$BIN"/pype*; do
        if [ "$("$program" --complete | cut -f 1 | grep -cxE -e '--(dead-letter|on-error)')" = 2 ]; then
            echo "${program##*/}"
        fi
    done
}

# The operands with which each of them can be run.
operands() {
    case $1 in
    pype-csv) echo name ;;
    pype-batch) echo --count 100 ;;
    pype-exec) echo --pool -j 2 cat ;;
    pype-fetch) echo --emit-errors --max-failures 1 --cache 1h --cache-errors 1h http://127.0.0.1:1/ ;;
    pype-jq) echo . ;;
    pype-parse) echo json --field .no.such --no-match pass ;;
    pype-throttle) echo --sample 1 ;;
    pype-window) echo --count 1000 --time .when count ;;
    pype-replay) echo --speed max --time .when ;;
    pype-serve) echo --listen 127.0.0.1:0 ;;
    esac
}

# feed CORPUS PROGRAM OPTION…: runs it; sets $status and $peak (KiB); dead letters, output and messages in ./dead, ./out, ./err.
feed() {
    local corpus=$1 program=$2
    shift 2
    rm -f dead peak
    status=0
    # shellcheck disable=SC2046 # words
    timeout 60 /usr/bin/time -q -f %M -o peak "$BIN/$program" --dead-letter dead "$@" $(operands "$program") \
        <"$corpus" >out 2>err 3>&- 4>&- || status=$?
    peak=$(tail -n 1 peak)
    [ "$status" -lt 124 ] || {
        echo "$program $* <$(basename "$corpus"): status $status"
        tail -n 20 err
        return 1
    }
}

# Sanitizers take what memory they want.
below() {
    [ "$PYPE_SAN" ] || [ "$peak" -le "$1" ] || {
        echo "$2: $peak KiB, more than $1"
        return 1
    }
}

# kept CORPUS PROGRAM: the dead letters are right. How many: $bad.
kept() {
    bad=$("$PYTHON" "$FIXTURES/robust.py" check "$1" dead "$([ "$2" = pype-jq ] && echo any)") || {
        echo "$2"
        return 1
    }
}

# timeless FILE: without what the clock says.
timeless() {
    sed 's/"time":[^,]*//; s/"duration":[^,]*//' "$1"
}

@test "there are such programs" {
    for program in pype-csv pype-jq pype-serve; do readers | grep -qx $program; done
}

@test "random bytes" {
    for program in $(readers); do
        feed "$CORPORA/random" "$program"
        [ "$status" = 1 ]
        below 16384 "$program"
        kept "$CORPORA/random" "$program"
        [ "$bad" -gt 10000 ]
    done
}

@test "events among cut, glued, nested and mutilated ones" {
    for program in $(readers); do
        feed "$CORPORA/mixed" "$program"
        [ "$status" = 1 ]
        below 16384 "$program"
        kept "$CORPORA/mixed" "$program"
        [ "$bad" -gt 10000 ]
        # The first ten are said, then the total.
        [ "$(grep -c ': error: line ' err)" -lt 20 ]
        grep -q " $bad bad events" err
    done
}

@test "the same in small pieces, and without a dead letter file" {
    head -n 300 "$CORPORA/mixed" >part
    for program in $(readers); do
        feed part "$program"
        mv out whole
        mv dead dead.whole
        status=0
        # shellcheck disable=SC2046 # words
        dd if=part ibs=97 obs=97 2>/dev/null |
            "$BIN/$program" --dead-letter dead $(operands "$program") >out 2>err || status=$?
        [ "$status" = 1 ]
        cmp <(timeless out) <(timeless whole)
        cmp <(timeless dead) <(timeless dead.whole)
        status=0
        "$BIN/$program" $(operands "$program") <part >out 2>err || status=$?
        [ "$status" = 1 ]
        cmp <(timeless out) <(timeless whole)
    done
}

@test "a line of 100 MB is kept whole, in bounded memory" {
    for program in $(readers); do
        feed "$CORPORA/long" "$program" --max-line 1M
        [ "$status" = 1 ]
        below 16384 "$program"
        has err "line 2: longer than 1M"
        [ "$(wc -l <dead)" = 1 ]
        # A record ends in "}} and a newline.
        offset=$(head -c 500 dead | grep -obF '"base64":"' | cut -d : -f 1)
        tail -c +$((offset + 11)) dead | head -c -4 | base64 -d >line
        cmp line <(sed -n 2p "$CORPORA/long" | head -c -1)
        case $program in
        pype-csv) [ "$(cat out)" = $'name\nfirst\nlast' ] ;;
        pype-jq) [ "$(cat out)" = $'{"name":"first"}\n{"name":"last"}' ] ;;
        esac
    done
}

@test "a line just below the limit passes, in bounded memory" {
    "$PYTHON" "$FIXTURES/robust.py" long 1000000 >corpus
    for program in $(readers); do
        feed corpus "$program" --max-line 1M
        [ "$status" = 0 ]
        below 32768 "$program"
        [ ! -e dead ]
    done
}

@test "--on-error=fail stops at the first bad event" {
    printf '{"name":"a"}\n{"name"\n{"name":"b"}\n{"name"\n' >corpus
    for program in $(readers); do
        feed corpus "$program" --on-error=fail
        [ "$status" = 1 ]
        has err "line 2: "
        [ "$(wc -l <dead)" = 1 ]
        run ! grep -q b out
    done
}

@test "standard input that cannot be read is a failure" {
    for program in $(readers); do
        feed / "$program"
        [ "$status" = 1 ]
        has err "cannot read standard input"
        status=0
        # shellcheck disable=SC2046 # words
        timeout 10 "$BIN/$program" $(operands "$program") <&- >out 2>err || status=$?
        [ "$status" = 1 ]
        [ -s err ]
    done
}

@test "a bad event that cannot be kept is a failure" {
    printf '{"name"\n' >corpus
    for program in $(readers); do
        feed corpus "$program" --dead-letter /dev/full
        [ "$status" = 1 ]
        has err "dead letters '/dev/full'"
        feed corpus "$program" --dead-letter no/such/directory/dead
        [ "$status" = 1 ]
        has err "no/such/directory/dead"
    done
}
