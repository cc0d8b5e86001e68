#!/usr/bin/env bats
# pype dead-letter: what is shown is what is there, replay gives back every byte once, and removing loses nothing.

load lib

LETTERS=.pype/dead-letters

prepare() {
    mkdir -p "$LETTERS"
}

# letter STAGE TIME MEMBERS: appends a record; MEMBERS are those of data.
letter() {
    printf '{"event":"dead_letter","time":%s,"source":"%s","data":{%s}}\n' "$2" "$1" "$3" >>"$LETTERS/$1.ndjson"
}

# some STAGE: three letters, at 10:00, 11:00 and 12:00 of 2026-11-23.
some() {
    letter "$1" 1795428000.5 '"error":"not JSON","line":1,"text":"a"'
    letter "$1" 1795431600 '"error":"not an object","line":2,"text":"[1]"'
    letter "$1" 1795435200.25 '"error":"not JSON","line":33,"text":"c"'
}

texts() {
    sed 's/.*"text":"\(.*\)"}}/\1/' "$LETTERS/$1.ndjson"
}

@test "no letters: nothing to list or show, status 0" {
    for command in list show 'list --json'; do
        run -0 pype dead-letter $command
        [ "$output" = "" ]
    done
    run -0 pype dead-letter drop --all
    [ "$output" = "" ]
    rm -r .pype
    run -0 pype dead-letter list
    [ "$output" = "" ]
    [ ! -e .pype ]
    run -1 pype dead-letter list -d nowhere
    [ "$output" = "pype: fatal: cannot find the state directory 'nowhere': No such file or directory" ]
    run -2 pype dead-letter show q.csv
    [ "$output" = "pype: fatal: there are no dead letters of 'q.csv'" ]
}

@test "list: a row per stage that has letters, in columns" {
    some quotes.csv
    letter a.b 1795428000 '"error":"tab\tand more","text":"x"'
    : >"$LETTERS/a.empty.ndjson"
    printf '{"event":"dead' >>"$LETTERS/a.b.ndjson"
    echo junk >"$LETTERS/a.b.ndjson.new"
    run -0 pype dead-letter list
    diff - <(echo "$output") <<END
STAGE       LETTERS  TORN      BYTES  OLDEST                     NEWEST                     LAST ERROR
a.b               1     1        $(($(wc -c <"$LETTERS/a.b.ndjson") + 1))  2026-11-23T10:00:00+00:00  2026-11-23T10:00:00+00:00  tab	and more
quotes.csv        3     0        $(wc -c <"$LETTERS/quotes.csv.ndjson")  2026-11-23T10:00:00+00:00  2026-11-23T12:00:00+00:00  not JSON
END
    run -0 pype dead-letter list quotes
    [ ${#lines[@]} = 2 ]
}

@test "list --json: an event per stage" {
    some quotes.csv
    run -0 pype dead-letter list --json
    [ "$(jq -c 'del(.time)' <<<"$output")" = '{"event":"dead_letters","source":"quotes.csv","data":{"letters":3,"torn":0,"bytes":'"$(wc -c <"$LETTERS/quotes.csv.ndjson")"',"oldest":1795428000.5,"newest":1795435200.25,"error":"not JSON"}}' ]
    [ "$(jq '.time - now | fabs < 60' <<<"$output")" = true ]
}

@test "show: when, where, why, and the line" {
    letter q.csv 1795428000.5 '"error":"not JSON","line":12,"text":"a\u001b[1m\\ \u00e9"'
    letter q.csv 1795431600 '"error":"killed the stage three times","at":3400,"signal":11,"text":"{}"'
    letter q.csv 1795431600 '"error":"ended the stage","line":7,"at":18446744073709551614,"exit":1,"base64":"Yf/+"'
    letter q.csv '"soon"' '"text":""'
    run -0 pype dead-letter show
    diff - <(echo "$output") <<'END'
2026-11-23T10:00:00.5+00:00 q.csv: line 12: not JSON
  a\x1b[1m\ é
2026-11-23T11:00:00+00:00 q.csv: byte 3400: signal 11: killed the stage three times
  {}
2026-11-23T11:00:00+00:00 q.csv: line 7: byte 18446744073709551614: exit 1: ended the stage
  a\xff\xfe
- q.csv: 
  
END
}

@test "show: a long line is cut between characters, with its length" {
    letter q.csv 1795428000 '"error":"e","text":"'"a$(printf 'é%.0s' {1..1500})"'"'
    run -0 pype dead-letter show
    [ "${lines[1]}" = "  a$(printf 'é%.0s' {1..999})... (3001 bytes)" ]
}

@test "show: limit and filters" {
    some q.csv
    some q.jq
    run -0 pype dead-letter show --limit 1
    [ "$(grep -c ': line 33: ' <<<"$output")" = 2 ]
    [ ${#lines[@]} = 4 ]
    run -0 pype dead-letter show --limit 0
    [ "$output" = "" ]
    run -0 pype dead-letter show --since 2026-11-23T11:00:00Z q.csv
    [ "$(grep -o 'line [0-9]*' <<<"$output" | xargs)" = "line 2 line 33" ]
    run -0 pype dead-letter show --since 1795428000.5 --error JSON --limit 1 q.csv
    [ "$(grep -o 'line [0-9]*' <<<"$output" | xargs)" = "line 33" ]
    run -0 pype dead-letter show --error 'an obj' q
    [ "$(grep -o 'line [0-9]*' <<<"$output" | xargs)" = "line 2 line 2" ]
    run -2 pype dead-letter show --since yesterday
    [[ $output == "pype: fatal: --since: 'yesterday' is not a time, such as "* ]]
}

@test "show --json: the records as they are" {
    some q.csv
    letter q.csv 1 ' "text" : "\u0041" '
    run -0 pype dead-letter show --json
    diff "$LETTERS/q.csv.ndjson" <(echo "$output")
    run -0 pype dead-letter show --json --error object
    diff <(sed -n 2p "$LETTERS/q.csv.ndjson") <(echo "$output")
}

@test "half a record is shown as what it is, and spoils nothing" {
    some q.csv
    printf '{"event":"dead_letter","time":17954' >>"$LETTERS/q.csv.ndjson"
    printf '\n' >>"$LETTERS/q.csv.ndjson"
    letter q.csv 1795435201 '"error":"e","text":"after"'
    printf '{"event":"dead_letter","time":179' >>"$LETTERS/q.csv.ndjson"
    run -0 pype dead-letter show
    [ "${#lines[@]}" = 12 ]
    [ "${lines[6]}" = "- q.csv: half a record, of a writer that was killed:" ]
    [ "${lines[7]}" = '  {"event":"dead_letter","time":17954' ]
    [ "${lines[9]}" = "  after" ]
    [ "${lines[11]}" = '  {"event":"dead_letter","time":179' ]
    run_split -0 pype dead-letter show --json
    [ ${#lines[@]} = 4 ]
    [ "$stderr" = "pype: warning: q.csv: 2 half records, of writers that were killed, are left out" ]
    run_split -0 pype dead-letter replay q.csv
    [ "$output" = $'a\n[1]\nc\nafter' ]
    [ "$stderr" = "pype: warning: 2 records hold no whole line: they are not replayed, and stay" ]
    [ "$(wc -l <"$LETTERS/q.csv.ndjson")" = 2 ]
    run -0 pype dead-letter drop --since 0 q.csv
    [ "$output" = "q.csv: 0 dropped" ]
    run -0 pype dead-letter drop q.csv
    [ "$output" = "q.csv: 2 dropped" ]
    [ ! -s "$LETTERS/q.csv.ndjson" ]
}

@test "a record that is just being written is not half a record" {
    some q.csv
    printf '{"event":"dead_letter","time":17954' >>"$LETTERS/q.csv.ndjson"
    exec 7<"$LETTERS/q.csv.ndjson"
    flock 7
    run_split -0 pype dead-letter list --json 7>&-
    [ "$(jq -c '[.data.letters, .data.torn]' <<<"$output")" = '[3,0]' ]
    run_split -0 pype dead-letter replay --keep q.csv 7>&-
    [ "$output" = $'a\n[1]\nc' ]
    [ "$stderr" = "" ]
    exec 7>&-
    run -0 pype dead-letter list --json
    [ "$(jq -c '[.data.letters, .data.torn]' <<<"$output")" = '[3,1]' ]
}

@test "which stages are meant" {
    some quotes.csv
    some quotes.jq
    some other.jq
    run -0 pype dead-letter list quotes
    [[ ${lines[1]} == "quotes.csv "* ]]
    [[ ${lines[2]} == "quotes.jq "* ]]
    [ ${#lines[@]} = 3 ]
    run -0 pype dead-letter list other quotes.jq other.jq
    [[ ${lines[1]} == "other.jq "* ]]
    [ ${#lines[@]} = 3 ]
    run -2 pype dead-letter show quotes.cvs
    [ "$output" = "pype: fatal: there are no dead letters of 'quotes.cvs', did you mean 'quotes.csv'?" ]
    run -2 pype dead-letter drop quots
    [ "$output" = "pype: fatal: there are no dead letters of 'quots', did you mean 'quotes'?" ]
    run -2 pype dead-letter show quote
    run -2 pype dead-letter replay quotes
    [ "$output" = "pype: fatal: replay takes one stage, but there are letters of several, 'quotes.csv' and 'quotes.jq'" ]
    run -0 pype dead-letter replay other
    [ "$output" = $'a\n[1]\nc' ]
}

@test "where the letters are: -d, -f" {
    some q.csv
    mkdir elsewhere
    cd elsewhere
    run -0 pype dead-letter list -d ../.pype
    [ ${#lines[@]} = 2 ]
    run -0 pype dead-letter show -f ../no-such.yaml q.csv
    [ ${#lines[@]} = 6 ]
    run -0 pype dead-letter list
    [ "$output" = "" ]
    run -0 pype dead-letter list -f nowhere.yaml -d ../.pype
    [ ${#lines[@]} = 2 ]
}

@test "what the command line may not say" {
    some q.csv
    run -2 pype dead-letter
    run -2 pype dead-letter reply q.csv
    [ "$output" = "pype: fatal: 'reply' is none of list, show, replay, drop, did you mean 'replay'?" ]
    run -2 pype dead-letter replay
    [ "$output" = "pype: fatal: replay takes one STAGE" ]
    run -2 pype dead-letter replay q.csv q.csv
    run -2 pype dead-letter drop
    [ "$output" = "pype: fatal: drop takes a STAGE, or --all" ]
    run -2 pype dead-letter drop --all q.csv
    while read -r words; do
        run -2 pype dead-letter $words
        [ "$output" = "pype: fatal: ${words%% *} takes no ${words##* }" ]
    done <<'END'
list --keep
list --run
list --all
show --all
show --run
replay q.csv --json
replay q.csv --all
drop q.csv --keep
drop q.csv --json
END
    run -2 pype dead-letter list --since 0
    run -2 pype dead-letter drop --limit 1 q.csv
    [ "$(texts q.csv | xargs)" = "a [1] c" ]
}

@test "PYPE_CHECK=1: the command line alone" {
    PYPE_CHECK=1 run -0 pype dead-letter replay no.where -d nowhere
    [ "$output" = "" ]
    PYPE_CHECK=1 run -2 pype dead-letter replay no.where --all
    PYPE_CHECK=1 run -2 pype dead-letter show --since x
    some q.csv
    PYPE_CHECK=1 run -0 pype dead-letter drop --all
    [ "$(texts q.csv | xargs)" = "a [1] c" ]
}

@test "replay: every byte of what was refused, in order, and then it is gone" {
    head -c 300000 /dev/urandom | tr '\n\0' '..' >raw
    { printf 'a\tb"\\\x00c\n \nnot UTF-8 \xff\xfe\n'; cat raw; printf '\nlast'; } >lines
    PYPE_NAME=q.csv run -1 pype-csv --max-line 100k --dead-letter "$LETTERS/q.csv.ndjson" -o out.csv n <lines
    [ "$(grep -c '"base64"' "$LETTERS/q.csv.ndjson")" = 2 ]
    { sed '/^ $/d' lines; echo; } >wanted
    pype dead-letter replay --keep q.csv | cmp wanted
    [ "$(wc -l <"$LETTERS/q.csv.ndjson")" = 4 ]
    pype dead-letter replay q.csv | cmp wanted
    [ -e "$LETTERS/q.csv.ndjson" ]
    [ ! -s "$LETTERS/q.csv.ndjson" ]
    run -0 pype dead-letter replay q.csv
    [ "$output" = "" ]
}

@test "replay: filters" {
    some q.csv
    run -0 pype -v dead-letter replay -v --error 'not JSON' --since 1795430000 q.csv
    [ "$output" = $'c\npype: info: q.csv: 1 replayed, 1 removed' ] || [ "$output" = $'pype: info: q.csv: 1 replayed, 1 removed\nc' ]
    [ "$(texts q.csv | xargs)" = "a [1]" ]
}

@test "replay: the letters stay if they cannot be written" {
    some q.csv
    run -1 sh -c 'pype dead-letter replay q.csv >/dev/full'
    [ "$output" = "pype: fatal: cannot write to standard output, all letters stay: No space left on device" ]
    [ "$(texts q.csv | xargs)" = "a [1] c" ]
    # A reader that goes without having read, though all of it fits into the pipe.
    { pype dead-letter replay q.csv 2>err || echo $? >status; } | sleep 0.1
    [ "$(cat status)" = 1 ]
    [ "$(cat err)" = "pype: fatal: cannot write to standard output, all letters stay: Broken pipe" ]
    [ "$(texts q.csv | xargs)" = "a [1] c" ]
    run -1 sh -c 'pype dead-letter replay q.csv >&-'
    [ "$(texts q.csv | xargs)" = "a [1] c" ]
    printf '{"event":"dead_letter","data":{"base64":"@@@@"}}\n' >"$LETTERS/q.odd.ndjson"
    run -0 pype dead-letter replay q.odd
    [ "$output" = "pype: warning: 1 records hold no whole line: they are not replayed, and stay" ]
    [ -s "$LETTERS/q.odd.ndjson" ]
}

@test "replay into a program that refuses them again, into the same letters" {
    for ((i = 0; i < 20000; i++)); do printf 'bad %d, and many more of that sort\n' $i; done >lines
    run -1 pype-csv --dead-letter "$LETTERS/q.csv.ndjson" -o out.csv n <lines
    before=$(stat -c %s "$LETTERS/q.csv.ndjson")
    pype dead-letter replay q.csv | { timeout 60 pype-csv --dead-letter "$LETTERS/q.csv.ndjson" -o out.csv n 2>err || echo $? >status; }
    [ "$(cat status)" = 1 ]
    pype dead-letter replay q.csv | cmp lines
    [ "$before" -gt 1000000 ]
}

@test "drop: says how many of each stage" {
    some q.csv
    some q.jq
    some r.jq
    run -0 pype dead-letter drop --error 'not JSON' q
    [ "$output" = $'q.csv: 2 dropped\nq.jq: 2 dropped' ]
    [ "$(texts q.csv)$(texts q.jq)" = '[1][1]' ]
    chmod 640 "$LETTERS/r.jq.ndjson"
    run -0 pype dead-letter drop --since 1795435200.25 --all
    [ "$output" = $'q.csv: 0 dropped\nq.jq: 0 dropped\nr.jq: 1 dropped' ]
    [ "$(texts r.jq | xargs)" = "a [1]" ]
    [ "$(stat -c %a "$LETTERS/r.jq.ndjson")" = 640 ]
    run -0 pype dead-letter drop --all
    [ "$output" = $'q.csv: 1 dropped\nq.jq: 1 dropped\nr.jq: 2 dropped' ]
    [ "$(cat "$LETTERS"/*)" = "" ]
    [ "$(ls "$LETTERS" | xargs)" = "q.csv.ndjson q.jq.ndjson r.jq.ndjson" ]
}

# writer N: bad lines "N-I", each put into the letters of q.csv at once, until ./stop is there.
writer() {
    local i=0
    while [ ! -e stop ]; do
        for j in {1..200}; do echo "$1-$((i++))"; done
    done | pype-csv --dead-letter "$LETTERS/q.csv.ndjson" -o "out.$1" n 2>/dev/null || true
}

# wrote N: at least 1000 lines of that writer are in the letters, or in ./got.
wrote() {
    [ "$(cat got "$LETTERS/q.csv.ndjson" | grep -cE "(^|\")$1-")" -ge 1000 ]
}

# in_order FILE WRITERS: the lines N-I of each writer are 0, 1, 2, … without a gap, and nothing else is there.
in_order() {
    awk -F- -v writers="$2" '
        NF != 2 || $2 != next_of[$1]++ { print NR ": " $0; bad = 1; exit }
        END { for (w in next_of) { n++; if (next_of[w] < 1000) bad = 1; print w, next_of[w] } exit bad || n != writers }' "$1"
}

@test "replay while stages write: nothing is lost, nothing comes twice" {
    : >"$LETTERS/q.csv.ndjson"
    start writer 1
    one=$PID
    start writer 2
    two=$PID
    : >got
    wait_for -30 lines "$LETTERS/q.csv.ndjson" 1000
    for i in {1..25}; do pype dead-letter replay q.csv >>got; done
    wait_for -30 wrote 1
    wait_for -30 wrote 2
    touch stop
    wait_gone "$one" 30
    wait_gone "$two" 30
    pype dead-letter replay q.csv >>got
    in_order got 2
}

@test "replays at the same time: each letter comes at least once, and none is lost" {
    seq 5000 | sed 's/^/1-/' >lines
    run -1 pype-csv --dead-letter "$LETTERS/q.csv.ndjson" -o out.csv n <lines
    for i in 1 2 3; do start pype dead-letter replay q.csv >"got.$i" && pids[i]=$PID; done
    for i in 1 2 3; do wait_gone "${pids[i]}"; done
    sort -u got.* | cmp - <(sort lines)
    [ ! -s "$LETTERS/q.csv.ndjson" ]
}

@test "kill -9 while letters are removed and others written: what is to stay stays, once" {
    for i in {1..1000}; do letter q.csv 1 '"error":"old","text":"old"'; done
    mv "$LETTERS/q.csv.ndjson" old
    : >got
    start writer 2
    for i in {1..30}; do
        # One write(2), at the end: nothing gets in between.
        cat old >>"$LETTERS/q.csv.ndjson"
        timeout -s KILL "0.0$((RANDOM % 5))$((RANDOM % 10))" pype dead-letter drop --error old q.csv >>dropped || true
    done
    wait_for -30 wrote 2
    touch stop
    wait_gone "$PID" 30
    run -0 pype dead-letter drop --error old q.csv
    run -0 pype dead-letter list --json
    [ "$(jq .data.torn <<<"$output")" = 0 ]
    pype dead-letter replay q.csv | grep -v old >got
    in_order got 1
}

@test "memory is that of the longest record, not that of the file" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers take memory of their own"
    letter q.csv 1 '"error":"e","text":"'"$(head -c 1000 /dev/zero | tr '\0' x)"'"'
    for i in {1..16}; do
        cat "$LETTERS/q.csv.ndjson" "$LETTERS/q.csv.ndjson" >double
        mv double "$LETTERS/q.csv.ndjson"
    done
    [ "$(stat -c %s "$LETTERS/q.csv.ndjson")" -gt 60000000 ]
    ulimit -v 40000
    run -0 pype dead-letter list
    [[ ${lines[1]} == "q.csv    65536 "* ]]
    run -0 sh -c 'pype dead-letter show --limit 1 q.csv | wc -l'
    [ "$output" = 2 ]
    run -0 sh -c 'pype dead-letter replay q.csv | wc -l'
    [ "$output" = 65536 ]
    [ ! -s "$LETTERS/q.csv.ndjson" ]
}

# ./flow.yaml: a chain of three, its output in out.csv.
chain() {
    cat >flow.yaml <<'END'
env: {FIELD: n}
pipelines:
  q:
    run: |
      printf '{"n":1}\n{"m":2}\n{"n":3}\n{"m":4}\n'
      | pype-jq 'if .n then . else error("no n") end'
      | pype-csv -o out.csv $FIELD
END
}

@test "replay --run: through the mended stage and what follows it, and then they are gone" {
    chain
    run -1 pype run
    [ "$(xargs <out.csv)" = "n 1 3" ]
    [ "$(pype dead-letter replay --keep q.jq)" = $'{"m":2}\n{"m":4}' ]
    # Not mended yet.
    run_split -1 pype dead-letter replay --run q.jq
    [[ $stderr == *"q.jq: error: line 1: no n"* ]]
    [[ $stderr == *"pype: error: q.jq: ended with status 1"* ]]
    [[ $stderr == *"pype: fatal: the letters were not handled to the end: all of them stay" ]]
    [ "$(wc -l <"$LETTERS/q.jq.ndjson")" = 2 ]
    [ "$(xargs <out.csv)" = "n 1 3" ]
    sed -i 's/if .n .*/{n: (.n \/\/ .m)}'"'"'/' flow.yaml
    run -0 pype dead-letter replay --run --keep q.jq
    [ "$output" = "" ]
    [ "$(wc -l <"$LETTERS/q.jq.ndjson")" = 2 ]
    [ "$(xargs <out.csv)" = "n 1 3 2 4" ]
    cd /
    run -0 pype dead-letter replay --run -f "$BATS_TEST_TMPDIR/flow.yaml" q.jq
    cd "$BATS_TEST_TMPDIR"
    [ ! -s "$LETTERS/q.jq.ndjson" ]
    [ "$(xargs <out.csv)" = "n 1 3 2 4 2 4" ]
    # Nothing to replay: nothing runs.
    sed -i 's/pype-csv/{ touch made; cat; } | pype-csv/' flow.yaml
    run -0 pype dead-letter replay --run q.jq
    [ ! -e made ]
}

@test "replay --run: what stages see, and where their letters go" {
    some p.b
    cat >flow.yaml <<'END'
env: {A: 1}
pipelines:
  p:
    env: {A: 2}
    stages:
      a: echo
      b: {run: 'echo "$A $PYPE_NAME $PYPE_RESTART ${PYPE_DEAD_LETTER:-none} $PWD"; cat', from: a, env: {A: 3}}
      c: {run: 'echo "$A $PYPE_NAME $PYPE_RESTART $PYPE_DEAD_LETTER"; cat', from: b}
END
    run -0 pype dead-letter replay --run p.b
    diff - <(echo "$output") <<END
2 p.c 1 $PWD/$LETTERS/p.c.ndjson
3 p.b 1 none $PWD
a
[1]
c
END
    [ ! -s "$LETTERS/p.b.ndjson" ]
}

@test "replay --run: a stage that fails, is killed, or does not read keeps the letters" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: echo
      b: {run: "cat; $DO", from: a}
      c: {run: cat, from: b}
      d: {run: "echo x", from: c}
END
    some p.b
    some p.d
    export DO
    for DO in 'exit 3' 'kill -9 $$'; do
        run_split -1 pype dead-letter replay --run p.b
        [[ $stderr == *"pype: error: p.b: "*"pype: fatal: "*" all of them stay" ]]
    done
    run_split -1 pype dead-letter replay --run p.d
    [[ $stderr == "pype: error: cannot write to 'p.d': Broken pipe"* ]]
    [ "$(texts p.b | xargs)$(texts p.d | xargs)" = "a [1] ca [1] c" ]
}

@test "replay --run: what it cannot run" {
    for stage in p.a p.b p.gone r.a; do some "$stage"; done
    printf 'pipelines:\n  p: {run: "echo | cat"}\n' >flow.yaml
    run -2 pype dead-letter replay --run p.a
    [ "$output" = "pype: fatal: the flow has no stage 'p.a'" ]
    printf 'pipelines:\n  p: {stages: {a: echo, b: {run: cat, from: a}}}\n' >flow.yaml
    run -2 pype dead-letter replay --run p.a
    [ "$output" = "pype: fatal: 'p.a' is a source: it reads no events" ]
    run -2 pype dead-letter replay --run p.gone
    [ "$output" = "pype: fatal: the flow has no stage 'p.gone'" ]
    run -2 pype dead-letter replay --run r.a
    [ "$output" = "pype: fatal: the flow has no stage 'r.a'" ]
    rm flow.yaml
    run -2 pype dead-letter replay --run p.b
    [ "$(texts p.a | xargs)$(texts p.b | xargs)" = "a [1] ca [1] c" ]
}

@test "replay --run: a graph, only from where it is a chain" {
    for stage in b c f; do some "p.$stage"; done
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: echo
      b: {run: cat, from: a}
      c: {run: cat, from: b}
      d: {run: cat, from: b}
      e: {run: cat, from: [c, d]}
      f: {run: cat, from: e}
END
    run -2 pype dead-letter replay --run p.b
    [ "$output" = "pype: fatal: 'p.b' is read by several stages, and --run can only run a chain" ]
    run -2 pype dead-letter replay --run p.c
    [ "$output" = "pype: fatal: 'p.e' reads several stages, and --run can only run a chain" ]
    run -0 pype dead-letter replay --run p.f
    [ "$output" = $'a\n[1]\nc' ]
    sed -i 's/from: e/from: e.x/' flow.yaml
    some p.e
    run -2 pype dead-letter replay --run p.e
    [ "$output" = "pype: fatal: 'p.f' reads only the events 'x', and --run can only run a chain that reads all" ]
    [ "$(texts p.b | xargs)$(texts p.e | xargs)" = "a [1] ca [1] c" ]
}

@test "replay --run: not while the flow runs; without --run, it may" {
    cat >flow.yaml <<'END'
pipelines:
  p: {stages: {a: "touch runs; exec sleep 60", cat: {run: cat, from: a}}}
END
    some p.cat
    start pype run >flow.out 2>&1
    wait_for [ -e runs ]
    run -1 pype dead-letter replay --run p.cat
    [ "$output" = "pype: fatal: the flow runs already, as process $PID (state directory '$PWD/.pype')" ]
    [ "$(texts p.cat | xargs)" = "a [1] c" ]
    run -0 pype dead-letter replay p.cat
    [ "$output" = $'a\n[1]\nc' ]
}
