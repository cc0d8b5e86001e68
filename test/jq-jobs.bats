# pype-jq --jobs: several processes put out what one does, byte for byte, whatever becomes of them.

bats_require_minimum_version 1.5.0
load lib
load flow

prepare() {
    export HOME=$PWD # no ~/.jq but our own
    # for a build with SAN=1
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0
    export LSAN_OPTIONS=suppressions=$FIXTURES/jq.lsan:print_suppressions=0
}

# events N: lines of all kinds: objects, bad ones, empty ones, two values in one, keys twice, long ones. Half of them are slower than the rest.
events() {
    awk -v n="$1" 'BEGIN {
        for (i = 1; i <= n; i++) {
            k = i % 97
            if (k == 5) print "{\"n\":"
            else if (k == 11) print ""
            else if (k == 17) print "{\"n\":" i "} {\"n\":\"x\"} {\"n\":3}"
            else if (k == 23) print "{\"n\":1,\"n\":" i "}"
            else if (k == 29) print "[" i "]"
            else if (k == 31) { t = "t"; for (j = i % 12; j > 0; j--) t = t t; print "{\"n\":" i ",\"text\":\"" t "\"}" }
            else if (k == 37) print "{\"n\":" i ".50,\"u\":\"\\u00e9\\ud83d\\ude00é\"}\r"
            else print "{\"n\":" i ",\"ok\":" (i % 2 ? "true" : "false") "}"
        } }'
}

# same JOBS ARGUMENT…: with that many processes pype-jq does what one does with ./in: output, messages, dead letters, status.
same() {
    local jobs=$1 one=0 many=0
    shift
    pype-jq --dead-letter one.dead "$@" <in >one 2>one.err || one=$?
    pype-jq --dead-letter many.dead --jobs "$jobs" "$@" <in >many 2>many.err || many=$?
    touch one.dead many.dead
    sed -i 's/"time":[0-9.]*/"time":0/' one.dead many.dead
    if ! cmp one many || ! diff one.err many.err || ! cmp one.dead many.dead || [ $one -ne $many ]; then
        echo "pype-jq --jobs $jobs $*: status $many, not $one"
        return 1
    fi
    rm one.dead many.dead
}

# run_on FILE ARGUMENT…: pype-jq in the background, reading FILE; its id is in $pid. (What runs in the background has no standard input.)
run_on() {
    cat >run_on.sh <<'EOF'
file=$1
shift
exec pype-jq "$@" <"$file" 5>&-
EOF
    start sh run_on.sh "$@"
    pid=$PID
}

# the_workers PID: of that process, in $workers; there is one at least.
the_workers() {
    mapfile -t workers < <(pgrep -P "$1")
    [ ${#workers[@]} -gt 0 ]
}

none_alive() {
    local pid
    for pid in "$@"; do
        ! alive "$pid" || return 1
    done
}

# --- the same, whatever is asked for ---

@test "jq --jobs: programs, the native way and through libjq" {
    events 6000 >in
    for program in . .n '.n + 1' '{n, at: input_line_number, of: input_filename}' '[.n, .ok] | @csv' 'select(.ok)' \
        '.n, .ok, error("no")' 'range(.n % 3)' 'empty' '.text | length' 'try (.n | ltrimstr("x") + 1) catch .'; do
        same 3 --stats "$program"
        PYPE_JQ_NATIVE=0 same 2 --stats "$program"
    done
    [ "$(wc -l <one.err)" -gt 10 ]
}

@test "jq --jobs: options" {
    events 3000 >in
    for option in -r -c -j -a -S -R -e --unbuffered -rS --on-error=fail --max-line=300 --stats -v; do
        same 3 "$option" '.n? // .'
    done
    same 2 -R -r '., length'
    same 2 --arg x 1 --argjson y '{"z":2}' '{n, x: $x, y: $y}' --args a b
    same 2 -e .ok
    same 2 -e 'select(.n == "none")'
    PYPE_JQ_VERIFY=1 same 4 --stats '{n, ok}'
    PYPE_JQ_VERIFY=1 same 4 'def f: .n; [f]'
}

@test "jq --jobs: any number of them" {
    events 2000 >in
    for jobs in 0 1 2 5 16 64; do
        same $jobs .n
    done
    run_split pype-jq --jobs 65 . </dev/null
    [ "$status" -eq 2 ]
    [[ $stderr == *"--jobs: not more than 64"* ]]
    echo 1 | PYPE_CHECK=1 pype-jq --jobs 3 .
    same 3 -P 2 .n
}

@test "jq --jobs: every program of the fixtures on all lines" {
    cp "$FIXTURES/jq-native-lines" in
    while IFS= read -r program; do
        same 2 "$program"
    done <"$FIXTURES/jq-programs"
}

@test "jq --jobs: where lines and inputs end" {
    for text in '' '\n' '\n\n \n' '1' '1\n2' '\xef\xbb\xbf1\n\xef\xbb\xbf2\n' '\r\n1\r\n' 'x' '1\n\n\n\n' '\n\n\n1'; do
        printf "$text" >in
        same 2 .
        same 2 -R .
    done
    # Lines over the limit, of all lengths, at the ends, one after the other, and the last without a newline.
    awk 'BEGIN { for (i = 0; i < 300; i++) { n = i * 37 % 400; s = ""; while (length(s) < n) s = s "1"; print s } printf "%s", s s }' >in
    same 2 --max-line 200 length
    for size in 300000 3000000; do
        { echo '{"n":1}'; head -c $size /dev/zero | tr '\0' 1; echo; echo '{"n":2}'; head -c $size /dev/zero | tr '\0' 1; } >in
        same 2 --max-line 250k '.n?'
        same 2 --max-line 250k -R length
        same 2 -R length
    done
}

@test "jq --jobs: files, one after the other" {
    events 500 >a
    printf '{"n":1}\n{"n":' >b
    : >c
    echo '{"n":7}' >in
    same 3 '[.n, input_line_number, input_filename]' a b missing c - a
    mkdir dir
    same 3 .n a dir b
}

@test "jq --jobs: results larger than what a worker has room for" {
    { seq 5; echo '{'; seq 6 9; } >in
    same 3 'range(. * 30000)'
    same 3 '"x" * 700000 * (. / .)'
    same 2 '., (range(3) | "y" * 1500000), error("then")'
}

@test "jq --jobs: lines that take longest come in their order" {
    seq 40 -1 1 >in
    same 4 '. as $n | [limit($n * 3000; repeat(1))] | length'
}

# --- lines one after the other ---

@test "jq --jobs: what needs its lines in order is left to one process" {
    events 300 >in
    for program in '[., input?]' '[., (inputs | .n?)] | length' 'debug | .n?' '.n? | stderr' 'if .n? == 50 then halt else . end' \
        'if .n? == 50 then "x" | halt_error(3) else . end' '"\(input? | .n?)"' '"a\("b\(debug)")"' \
        'def f(input): input; f(.)' 'include "m"; f'; do
        echo 'def f: .n?;' >m.jq
        same 3 -L . "$program"
        pype-jq -v -L . --jobs 3 "$program" <in 2>&1 >/dev/null | grep -q 'one process has done it all, in spite of --jobs: '
    done
    same 3 -n '[inputs?] | length'
    same 3 -s length
    same 3 -R -s length
    echo 'def f: input;' >.jq
    same 3 '[., (f | .n?)]'
}

@test "jq --jobs: names that only look like it" {
    events 300 >in
    for program in '.input?' '{input: .n?, inputs: 1, debug: 2}' '. as $input | $input' '.halt?.debug?' '"input" # debug' \
        '"say \"halt\" \("debug") input"' 'def inputs_of: .n?; inputs_of'; do
        same 3 "$program"
        pype-jq --stats --jobs 3 "$program" <in 2>said >/dev/null || true
        grep -q 'events went' said
        run grep -q 'in spite of' said
        [ "$status" -eq 1 ]
    done
}

# --- a stream ---

@test "jq --jobs: an event passes at once" {
    mkfifo pipe
    exec 5<>pipe
    run_on pipe --jobs 4 .n >out
    for n in 1 2 3 4 5 6 7; do
        echo "{\"n\":$n}" >&5
        wait_for lines out $n
    done
    printf '{"n":' >&5
    printf '{"n":8}\n{"n":9}\n' >part
    # The half line above becomes a bad event; those behind it are not touched by it.
    cat part >&5
    wait_for lines out 8
    exec 5>&-
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    [ "$(tr '\n' ' ' <out)" = "1 2 3 4 5 6 7 9 " ]
}

@test "jq --jobs: told to stop it ends after what it has read, and its workers with it" {
    mkfifo pipe
    exec 5<>pipe
    PYPE_JQ_NATIVE=0 run_on pipe --jobs 3 .n >out
    events 3000 | grep -v '{"n":$' | grep '^{.*}$' | grep -v '} {' >in
    cat in >&5
    wait_for lines out 1
    the_workers "$pid"
    kill -TERM "$pid" "${workers[@]}"
    status=0
    wait "$pid" || status=$?
    exec 5>&-
    [ "$status" -eq 0 ]
    none_alive "${workers[@]}"
    pype-jq .n in | head -n "$(wc -l <out)" | cmp - out
}

@test "jq --jobs: the reader of its output is gone" {
    yes '{"n":1}' 2>/dev/null | { status=0; pype-jq --jobs 2 .n 2>err || status=$?; echo $status >status; } | head -n 3 >out
    [ "$(cat status)" = 0 ]
    [ "$(wc -l <out)" -eq 3 ]
    [ ! -s err ]
}

@test "jq --jobs: memory does not grow with the stream, or with results" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizer has memory of its own"
    peak() {
        start "$@" >/dev/null
        most=0 rest=0
        while alive "$PID"; do
            now=$(cat "/proc/$PID/smaps_rollup" 2>/dev/null | awk '$1 == "Pss:" { print $2 }') || now=0
            [ "${now:-0}" -le $most ] || most=$now
        done
    }
    events 300000 >in
    peak pype-jq --jobs 2 . in
    echo "stream: $most KiB"
    [ $most -gt 100 ]
    [ $most -lt 20000 ]
    echo 400000 >in
    peak pype-jq --jobs 2 'range(.)' in
    echo "results: $most KiB"
    [ $most -lt 20000 ]
}

# --- kill -9 ---

@test "jq --jobs: workers are killed, again and again; nothing is lost or there twice" {
    events 300000 >in
    PYPE_JQ_NATIVE=0 pype-jq --dead-letter one.dead '[.n, 1][]' <in >one 2>/dev/null || true
    PYPE_JQ_NATIVE=0 run_on in --jobs 3 --dead-letter many.dead '[.n, 1][]' >many 2>err
    kills=0
    while alive "$pid" && [ $kills -lt "${PYPE_KILLS:-25}" ]; do
        if the_workers "$pid"; then
            kill -9 "${workers[RANDOM % ${#workers[@]}]}" 2>/dev/null && kills=$((kills + 1))
        fi
        sleep 0.0$((RANDOM % 20 + 10))
    done
    echo "$kills kills"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    [ $kills -gt 3 ]
    cmp one many
    cmp <(grep -v '^{"dead' one.dead | sed 's/"time":[0-9.]*//') <(grep -v '^{"dead' many.dead | sed 's/"time":[0-9.]*//')
    grep -q 'warning: a worker was killed by signal 9' err
}

# A line that never ends stands for one that makes libjq die.
@test "jq --jobs: a line that kills three workers is a bad event, and the stream goes on" {
    { seq 50; echo '"loop"'; seq 51 100; echo '"loop"'; echo 101; } >in
    run_on in --jobs 2 --dead-letter dead 'if . == "loop" then def f: f; f else . end' >out 2>err
    kills=0
    while [ $kills -lt 6 ]; do
        wait_for the_workers "$pid"
        # The one that works: it is in no system call.
        for worker in "${workers[@]}"; do
            state=$(sed 's/.*) //; s/ .*//' "/proc/$worker/stat" 2>/dev/null) || continue
            [ "$state" = R ] || continue
            sleep 0.05
            state=$(sed 's/.*) //; s/ .*//' "/proc/$worker/stat" 2>/dev/null) || continue
            [ "$state" = R ] || continue
            kill -9 "$worker"
            kills=$((kills + 1))
            wait_gone "$worker"
        done
    done
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    seq 101 | cmp - out
    [ "$(grep -c 'error: line [0-9]*: it has killed 3 workers' err)" -eq 2 ]
    [ "$(pype-jq -r .data.text dead | sort -u)" = '"loop"' ]
}

@test "jq --jobs: the program is killed; its workers end with it" {
    mkfifo pipe
    exec 5<>pipe
    run_on pipe --jobs 3 '. as $n | if $n == 3 then def f: f; f else . end' >out
    seq 5 >&5
    wait_for lines out 2
    the_workers "$pid"
    kill -9 "$pid"
    wait_for none_alive "$pid" "${workers[@]}"
    exec 5>&-
}

# --- under a runner ---

# killed N: the stage or one of its workers is killed, N times; what arrives is what one process makes of it.
killed() {
    local kills=0 pid end=$((SECONDS + 60)) weight=${PYPE_SAN:+30}
    weight=${weight:-800}
    seq 12000 | sed 's/.*/{"n":&}/' >events
    echo 'if .n % 50 == 7 then error("no") else . end | {n, m: ([limit('$weight'; repeat(1))] | length)}, {n, m: "two"}' >program.jq
    pype-jq -f program.jq <events 2>/dev/null | pype-csv n m >expected
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<'END'
source: pype-replay --speed max --as-recorded events
jq: {run: pype-jq --jobs 3 -f program.jq, from: source}
csv: {run: pype-csv -o out.csv n m, from: jq}
END
    run_flow
    wait_for lines out.csv 2
    while [ $kills -lt "$1" ] && alive "$FLOW"; do
        [ $SECONDS -lt $end ] || return 1
        pid=$(pid_of p.jq)
        if [ $((RANDOM % 3)) = 0 ] || ! the_workers "$pid"; then workers=("$pid"); fi
        if kill -9 "${workers[RANDOM % ${#workers[@]}]}" 2>/dev/null; then kills=$((kills + 1)); fi
        sleep 0.0$((RANDOM % 40 + 10))
    done
    flow_ends 60
    cmp expected out.csv
    echo "$kills kills"
    [ $kills -gt 5 ]
}

@test "jq --jobs: exact, the program and its workers are killed at random" {
    killed "${PYPE_KILLS:-25}"
    # Each bad event is there once.
    pype dead-letter list >letters
    cat letters
    grep -qw 240 letters
}

@test "jq --jobs: protocol: sync" {
    seq 1000 | sed 's/.*/{"n":&}/' >events
    stages 'protocol: sync' <<'END'
source: pype-replay --speed max --as-recorded events
jq: {run: "pype-jq --jobs 3 '{n: (.n * 2)}'", from: source}
csv: {run: pype-csv -o out.csv n, from: jq}
END
    run_flow
    flow_ends 60
    [ "$status" -eq 0 ]
    { echo n; seq 2 2 2000; } | cmp - out.csv
}
