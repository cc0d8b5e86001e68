# pype-exec: what commands are given, what becomes of their output, their failures and their processes, and what a kill makes of it.

load lib
load flow

prepare() {
    exec_=pype-exec
}

# numbers FROM TO: {"n":N,"time":N} for each.
numbers() {
    seq "$1" "$2" | sed 's/.*/{"n":&,"time":&}/'
}

# The processes that run a program of this name (whole command line).
running() {
    pgrep -fx -- "$1"
}

gone() {
    ! running "$1"
}

# stream COMMAND…: starts it; descriptor 5 is the other end of its standard input, its output is in ./out.
stream() {
    [ -p in ] || mkfifo in
    exec 5<>in
    start bash -c 'exec "$@" <in' - "$@" >out 5>&-
}

milliseconds() {
    local start
    start=$(date +%s%N)
    "$@"
    echo $((($(date +%s%N) - start) / 1000000))
}

@test "the event comes on standard input, what the command writes passes on" {
    numbers 1 20 >events
    $exec_ cat <events | cmp - events
    $exec_ -j 4 cat <events | cmp - events
    run -0 $exec_ sed 's/$/ /;p' <<<'{ "a" : 1.10 }'
    [ "$output" = $'{ "a" : 1.10 } \n{ "a" : 1.10 } ' ]
    run -0 $exec_ true <events
    [ "$output" = "" ]
    run -0 $exec_ cat </dev/null
    [ "$output" = "" ]
    # The last event may lack its newline.
    run -0 $exec_ cat < <(printf '{"a":1}\n\n{"a":2}')
    [ "$output" = $'{"a":1}\n{"a":2}' ]
}

@test "text, and JSON that is no object, becomes an event" {
    run -0 $exec_ printf 'a "b"\n\n[1, 2]\n7' <<<'{"time":5.50}'
    [ "${lines[0]}" = '{"event":"data","time":5.50,"data":"a \"b\""}' ]
    [ "${lines[1]}" = '{"event":"data","time":5.50,"data":[1,2]}' ]
    [ "${lines[2]}" = '{"event":"data","time":5.50,"data":7}' ]
    [ "${#lines[@]}" = 3 ]
    run -0 $exec_ --text --name said printf '{"a":1}\n' <<<'{"time":1}'
    [ "$output" = '{"event":"said","time":1,"data":"{\"a\":1}"}' ]
    run -0 $exec_ echo hi <<<'{}'
    [ $(($(date +%s) - $(pype-jq '.time | floor' <<<"$output"))) -le 5 ]
    PYPE_NAME=p.run run -0 $exec_ echo hi <<<'{"time":1}'
    [ "$output" = '{"event":"data","time":1,"source":"p.run","data":"hi"}' ]
}

@test "places for values in arguments and in the environment; no shell is involved" {
    run -0 $exec_ printf '%s|' '{.s}' 'n={.data.n}' '{.data}' '{{.s}' '{s}' '{.l[1]}' <<<'{"s":"a $(id) \"b\" ; *","data":{"n":1.10},"l":[1,true]}'
    [ "$(pype-jq -r .data <<<"$output")" = 'a $(id) "b" ; *|n=1.10|{"n":1.10}|{.s}|{s}|true|' ]
    run -0 $exec_ -e 'S=<{.s}>' --env FIX=1 env <<<'{"s":"x y"}'
    grep -qF '"data":"S=<x y>"' <<<"$output"
    grep -qF '"data":"FIX=1"' <<<"$output"
    FIX=old run -0 $exec_ -e FIX=new --into env env <<<'{}'
    [ "$(pype-jq -r .env <<<"$output" | grep ^FIX=)" = FIX=new ]
    # The shell's own places are safe.
    run -0 $exec_ --shell 'echo "$0 $1" | tr a-z A-Z' '{.s}' <<<'{"s":"$(id)"}'
    [ "$(pype-jq -r .data <<<"$output")" = 'SH $(ID)' ]
    # What is missing, null, or no argument.
    run_split -1 $exec_ --dead-letter dead echo '{.s}' <<<$'{"t":1}\n{"s":null}\n{"s":"a\\u0000b"}\n{"s":"ok"}'
    [ "$(pype-jq -r .data <<<"$output")" = ok ]
    [ "$(pype-jq -r .data.error dead)" = $'nothing at \'.s\'\nnothing at \'.s\'\na NUL character is in what the command would be given' ]
    long=$(printf '%0200000d' 0)
    run_split -1 $exec_ --dead-letter dead2 echo '{.s}' <<<'{"s":"'$long'"}'
    [ "$(pype-jq -r .data.error dead2)" = 'the arguments are too long' ]
}

@test "options of the command are the command's" {
    run -0 $exec_ -j 2 grep -o -- '"n":[0-9]' <<<'{"n":1,"time":1}'
    [ "$output" = '{"event":"data","time":1,"data":"\"n\":1"}' ]
}

@test "--into" {
    run -0 $exec_ --into out echo hello <<<'{"a":1.10}'
    [ "$output" = '{"a":1.10,"out":"hello"}' ]
    run -0 $exec_ --into .a.b printf '{ "x" : [1, 2] }\n' <<<' { "a" : { } , "c":1} '
    [ "$output" = '{ "a" : { "b":{"x":[1,2]}} , "c":1}' ]
    run -0 $exec_ --into '.a["b c"]."d\"e".f' echo 1 <<<'{"a":{"z":1}}'
    [ "$output" = '{"a":{"z":1,"b c":{"d\"e":{"f":1}}}}' ]
    run -0 $exec_ --into .a echo 'two' <<<'{"a":{"z":1},"b":2}'
    [ "$output" = '{"a":"two","b":2}' ]
    run -0 $exec_ --into .a printf 'one\ntwo\n\n' <<<'{}'
    [ "$output" = '{"a":"one\ntwo\n"}' ]
    run -0 $exec_ --into .a true <<<'{}'
    [ "$output" = '{"a":""}' ]
    run_split -1 $exec_ --into .a.b echo 1 <<<$'{"a":[1]}\n{"a":{}}'
    [ "$output" = '{"a":{"b":1}}' ]
    run -2 $exec_ --into '.a[0]' true
    run -2 $exec_ --into . true
}

@test "--meta" {
    run -0 $exec_ --meta echo hi <<<'{"time":1}'
    [[ $output =~ ^'{"event":"data","time":1,"data":{"exit":0,"attempt":1,"duration":'[0-9.e-]+',"output":"hi"}}'$ ]]
    run -0 $exec_ --meta --into .r cat <<<'{"time":1}'
    [ "$(pype-jq -c '[.r.exit, .r.output]' <<<"$output")" = '[0,{"time":1}]' ]
    # The second attempt.
    run_split -0 $exec_ --meta --retries 1 --shell '[ -e tried ] && echo hi || { touch tried; exit 1; }' <<<'{}'
    [ "$(pype-jq .data.attempt <<<"$output")" = 2 ]
}

@test "--filter passes by status alone" {
    numbers 1 30 >events
    run -0 $exec_ --filter -j 3 grep -q 2 <events
    [ "$output" = "$(grep '"n":.*2.*,' events)" ]
    run_split -1 $exec_ --filter --dead-letter dead --shell 'exit $1' '{.n}' < <(numbers 1 3; echo '{"n":0}')
    [ "$output" = '{"n":0}' ]
    [ "$(pype-jq -r .data.error dead)" = $'exit status 2\nexit status 3' ]
}

@test "--jobs: in the order of events, whatever takes how long; --unordered: as they are over" {
    command='sleep 0.0$((9 - $1)); echo "{\"n\":$1}"'
    run -0 $exec_ -j 8 --shell "$command" '{.n}' < <(numbers 1 8)
    [ "$(pype-jq .n <<<"$output" | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 " ]
    run -0 $exec_ -j 8 -u --shell 'if [ $1 = 1 ]; then until [ -e go ]; do sleep 0.01; done; elif [ $1 = 8 ]; then touch go; fi; echo "{\"n\":$1}"' '{.n}' < <(numbers 1 8)
    [ "$(pype-jq .n <<<"$output" | sort -n | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 " ]
    [ "$(pype-jq .n <<<"$output" | tail -n 1)" = 1 ] || [ "$(pype-jq .n <<<"$output" | tail -n 1)" = 8 ]
    # Never more at a time.
    numbers 1 40 >events
    $exec_ -j 3 --shell 'mkdir d.$$; ls -d d.* | wc -l; sleep 0.02; rmdir d.$$' <events >out
    [ "$(pype-jq .data out | sort -n | tail -n 1)" -le 3 ]
}

@test "a failure: the event is in the dead letters, whole, with the reason; the others go on" {
    run_split -1 $exec_ --dead-letter dead -j 3 --shell 'echo out; [ $1 != 2 ] || { echo first >&2; echo last >&2; exit 7; }; [ $1 != 3 ] || kill -9 $$' '{.n}' < <(numbers 1 4)
    [ "${#lines[@]}" = 2 ]
    [ "$(pype-jq -r .data.error dead)" = $'exit status 7: last\nkilled by signal 9' ]
    [ "$(pype-jq -r .data.text dead)" = "$(numbers 2 3)" ]
    [ "$(pype-jq -r .data.line dead)" = $'2\n3' ]
    grep -qx 'pype-exec: first' <<<"$stderr"
    grep -qx 'pype-exec: error: line 2: exit status 7: last' <<<"$stderr"
    run_split -1 $exec_ --on-error fail false < <(numbers 1 4)
    [ "$(grep -c 'line 1: exit status 1' <<<"$stderr")" = 1 ]
}

@test "bad lines wait for what came before them: dead letters are in order" {
    run_split -1 $exec_ --dead-letter dead -j 4 --shell 'sleep 0.1; exit 1' <<<$'{"n":1}\nnonsense\n{"n":2}\n[3]'
    [ "$(pype-jq .data.line dead | tr '\n' ' ')" = "1 2 3 4 " ]
}

@test "--retries, not for status 2" {
    run_split -1 $exec_ --retries 2 --shell 'echo x >>tries; exit 1' <<<'{}'
    [ "$(wc -l <tries)" = 3 ]
    run_split -1 $exec_ --retries 2 --shell 'echo x >>tries2; exit 2' <<<'{}'
    [ "$(wc -l <tries2)" = 1 ]
    run_split -0 $exec_ --retries 2 -j 2 --shell 'echo x >>t.$1; [ $1 = 2 ] || [ $(wc -l <t.$1) = 3 ] && echo "{\"n\":$1}"' '{.n}' < <(numbers 1 2)
    [ "$output" = $'{"n":1}\n{"n":2}' ]
}

@test "a command that cannot be run ends the program with 2" {
    run -2 $exec_ no-such-program <<<'{}'
    [[ $output == *"there is no program 'no-such-program'"* ]]
    run -2 $exec_ 'echo hi | cat' <<<'{}'
    [[ $output == *"--shell"* ]]
    PYPE_CHECK=1 run -2 $exec_ no-such-program
    run -2 $exec_ --shell no-such-program <<<'{}'
    run -2 $exec_ --shell 'exit 126' <<<'{}'
    run -2 $exec_ --pool --shell 'exit 127' <<<'{}'
    run -2 $exec_ --pool --shell 'echo wrong >&2; exit 2' <<<'{}'
    printf '\x7fELF' >broken
    chmod +x broken
    run -2 $exec_ ./broken <<<'{}'
}

@test "--timeout: a command that ignores SIGTERM, and its children that hold the pipe" {
    command='trap "" TERM; sleep 71.25 & sleep 71.25'
    took=$(milliseconds $exec_ --dead-letter dead -t 200ms --kill-after 100ms --shell "$command" <<<'{}' 2>err || true)
    [ "$took" -lt 20000 ]
    [ "$(pype-jq -r .data.error dead)" = "not over after 200ms" ]
    wait_for gone 'sleep 71.25'
    # SIGTERM comes first.
    run_split -1 $exec_ -t 300ms --kill-after 20s --shell 'trap "echo asked >&2; exit 0" TERM; while :; do sleep 0.01; done' <<<'{}'
    grep -qx 'pype-exec: asked' <<<"$stderr"
    grep -q 'not over after 300ms' <<<"$stderr"
    # Without one.
    run -0 $exec_ -t 0 --shell 'sleep 0.1; echo hi' <<<'{}'
}

@test "when a command has ended nothing of it is left, and nobody waits for who holds its output" {
    took=$(milliseconds $exec_ --shell 'sleep 72.25 & echo hi' <<<'{}' | tail -n 1)
    [ "$took" -lt 20000 ]
    wait_for gone 'sleep 72.25'
    # One that has left its group still does not hold it up.
    took=$(milliseconds $exec_ --shell 'setsid sleep 3.25 & echo hi' <<<'{}' | tail -n 1)
    [ "$took" -lt 3000 ]
}

@test "a command that does not read its input" {
    head -c 3000000 /dev/zero | tr '\0' x | sed 's/.*/{"a":"&"}/' >big
    run -0 $exec_ true <big
    run -0 $exec_ --into size --shell 'exec 0<&-; echo 1' <<<'{}'
    [ "$output" = '{"size":1}' ]
    $exec_ cat <big | cmp - <(cat big; echo)
}

@test "much output, binary output, NUL bytes, half lines" {
    $exec_ --shell 'head -c 10000000 /dev/zero | tr "\0" a' <<<'{"time":1}' >out
    [ "$(wc -c <out)" = 10000036 ]
    run_split -1 $exec_ --dead-letter dead --max-output 1M --shell 'head -c 10000000 /dev/zero' <<<'{"time":1}'
    [ "$output" = "" ]
    [ "$(pype-jq -r .data.error dead)" = "more than 1M of output (--max-output)" ]
    run_split -1 $exec_ --dead-letter dead2 --max-line 1k --shell 'head -c 2000 /dev/zero | tr "\0" a' <<<'{"time":1}'
    [ "$(pype-jq -r .data.error dead2)" = "the event would be longer than 1k (--max-line)" ]
    run_split -1 $exec_ --dead-letter dead3 printf 'ok\n\377\n' <<<'{}'
    [ "$output" = "" ]
    [ "$(pype-jq -r .data.error dead3)" = "the output is not UTF-8 at byte 4" ]
    run -0 $exec_ --invalid replace printf 'a\377b' <<<'{"time":1}'
    [ "$output" = $'{"event":"data","time":1,"data":"a\uFFFDb"}' ]
    run -0 $exec_ printf 'a\0b\nhalf' <<<'{"time":1}'
    [ "$output" = $'{"event":"data","time":1,"data":"a\\u0000b"}\n{"event":"data","time":1,"data":"half"}' ]
    # Events of 100 lines each are whole, and in order.
    $exec_ -j 3 --shell 'seq "$1"001 "$1"100' '{.n}' < <(numbers 1 30) | pype-jq .data >out
    cmp out <(for n in $(seq 30); do seq "$n"001 "$n"100; done)
}

@test "output that would be nested too deep for an event is refused" {
    deep=$(printf '%0127d' 0 | tr 0 '[')1$(printf '%0127d' 0 | tr 0 ']')
    run_split -1 $exec_ --into .a.b printf '%s' "$deep" <<<'{}'
    [ "$output" = "" ]
    run_split -0 $exec_ --into .a printf '%s' "$deep" <<<'{}'
    run -0 pype-csv a <<<"$output"
}

@test "commands have no descriptors and no variables of ours" {
    PYPE_DEAD_LETTER=dead run -0 $exec_ -j 2 --shell 'ls /proc/self/fd | tr "\n" " "; env | grep -cE "^PYPE_(STAGE|DEAD_LETTER)=" || true' <<<'{}'
    [ "$(pype-jq -r .data <<<"$output")" = "0 1 2 3 0" ]
    stages <<'END'
source: pype-replay --speed max --as-recorded events
run: {run: 'pype-exec --into fds --shell "ls /proc/self/fd | wc -w; env | grep -c ^PYPE_STAGE= || true"', from: source}
END
    numbers 1 1 >events
    run_flow
    flow_ends
    [ "$status" = 0 ]
    [ "$(pype-jq .fds flow.out | tr '\n' ' ')" = "\"4\\n0\" " ]
}

@test "descriptors are not leaked, children are not left, memory is bounded" {
    numbers 1 300 >events
    (
        ulimit -n 64
        $exec_ -j 4 --shell 'head -c 100000 /dev/zero | tr "\0" x; echo; exit $(($1 % 2))' '{.n}' <events 2>err | wc -l
    ) >count || true
    [ "$(cat count)" = 150 ]
    stream $exec_ -j 2 cat
    cat events >&5
    wait_for lines out 300
    [ "$(ls "/proc/$PID/fd" | wc -l)" -lt 16 ]
    # The keeper of the leash alone.
    [ "$(pgrep -P "$PID" | wc -l)" = 1 ]
    exec 5>&-
    wait_gone "$PID"
    numbers 1 3000 >events
    /usr/bin/time -q -f %M -o peak $exec_ --pool --unordered -j 2 sed -u 's/$/ /' <events >out
    cmp <(sort out) <(sed 's/$/ /' events | sort)
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 16000 ]
}

# --- a pool ---

write_echo() {
    cat >echo.py <<'END'
import json, os, sys, time
for line in sys.stdin:
    event = json.loads(line)
    n = event["n"]
    if event.get("die") and (event["die"] == "always" or not os.path.exists("died.%d" % n)):
        open("died.%d" % n, "w").close()
        sys.stdout.write("half a line")
        sys.stdout.flush()
        print("poison", file=sys.stderr)
        sys.exit(3)
    if event.get("hang"):
        time.sleep(100)
    with open("seen", "a") as f:
        f.write("%d %d\n" % (os.getpid(), n))
    print(json.dumps({"n": n, "pid": os.getpid()}), flush=True)
END
}

@test "--pool: a line for a line, in order" {
    write_echo
    numbers 1 500 >events
    run_split -0 $exec_ --pool -j 3 "$PYTHON" echo.py <events
    pype-jq .n <<<"$output" | cmp - <(seq 500)
    [ "$(cut -d ' ' -f 1 seen | sort -u | wc -l)" -le 3 ]
    $exec_ --pool cat <events | cmp - events
    $exec_ --pool -j 4 --ahead 1 cat <events | cmp - events
    run -0 $exec_ --pool --into .a --meta cat <<<'{"n":1}'
    [ "$(pype-jq -c '[.a.output, .a.attempt, .a.exit]' <<<"$output")" = '[{"n":1},1,null]' ]
    # An empty answer passes nothing on.
    run -0 $exec_ --pool sed -u 's/.*2.*//' < <(numbers 1 3)
    [ "$(pype-jq .n <<<"$output" | tr '\n' ' ')" = "1 3 " ]
}

@test "--pool: one that dies in the middle; its events are given to another, none is lost, none is there twice" {
    write_echo
    for n in $(seq 300); do
        if [ $((n % 50)) = 7 ]; then echo "{\"n\":$n,\"die\":\"once\"}"; else echo "{\"n\":$n}"; fi
    done >events
    run_split -0 $exec_ --pool -j 2 "$PYTHON" echo.py <events
    pype-jq .n <<<"$output" | cmp - <(seq 300)
    grep -q 'line 7: the command ended without an answer: exit status 3: poison, trying again' <<<"$stderr"
    rm died.*
    run_split -0 $exec_ --pool -u -j 2 "$PYTHON" echo.py <events
    pype-jq .n <<<"$output" | sort -n | cmp - <(seq 300)
}

@test "--pool: an event that kills the command three times is poison, those behind it are not" {
    write_echo
    { numbers 1 40; echo '{"n":41,"die":"always"}'; numbers 42 90; } >events
    run_split -1 $exec_ --pool -j 2 --dead-letter dead "$PYTHON" echo.py <events
    pype-jq .n <<<"$output" | cmp - <(seq 90 | grep -vx 41)
    [ "$(pype-jq -r .data.text dead)" = '{"n":41,"die":"always"}' ]
    [ "$(pype-jq -r .data.error dead)" = "the command ended without an answer: exit status 3: poison" ]
    [ "$(grep -c 'line 41: .*trying again' <<<"$stderr")" = 2 ]
}

@test "--pool: no answer in time" {
    write_echo
    { numbers 1 3; echo '{"n":4,"hang":1}'; numbers 5 9; } >events
    run_split -1 $exec_ --pool -t 1s -r 0 --dead-letter dead "$PYTHON" echo.py <events
    [ "$(pype-jq .n <<<"$output" | tr '\n' ' ')" = "1 2 3 5 6 7 8 9 " ]
    [ "$(pype-jq -r .data.error dead)" = "no answer: not over after 1s" ]
}

@test "--pool: too long an answer, and one line more than asked for" {
    run_split -1 $exec_ --pool --max-output 1k --dead-letter dead "$PYTHON" -uc 'import sys
for line in sys.stdin: print("x" * 5000 if "2" in line else line, end="\n" if "2" in line else "")' < <(numbers 1 3)
    [ "$(pype-jq .n <<<"$output" | tr '\n' ' ')" = "1 3 " ]
    [ "$(pype-jq -r .data.error dead)" = "more than 1k of output (--max-output)" ]
    run_split -0 $exec_ --pool "$PYTHON" -uc 'import sys
for line in sys.stdin: print(line, end="")
print("total")' < <(numbers 1 3)
    [ "$(pype-jq .n <<<"$output" | tr '\n' ' ')" = "1 2 3 " ]
    grep -q 'a line more than it was given: total' <<<"$stderr"
}

# --- the ends ---

@test "SIGTERM: what was read is finished" {
    for mode in '' --pool; do
        rm -f out go begun
        stream $exec_ $mode --shell 'while read -r line; do touch begun; until [ -e go ]; do sleep 0.01; done; echo "$line"; done'
        numbers 1 3 >&5
        wait_for [ -e begun ]
        kill -TERM "$PID"
        touch go
        wait_gone "$PID"
        wait "$PID"
        cmp out <(numbers 1 3)
        exec 5>&-
    done
}

@test "it ends when its reader has gone" {
    numbers 1 2000 >events
    run -0 bash -c "set -o pipefail; $exec_ -j 2 cat <events | head -n 1"
    [ "${#lines[@]}" = 1 ]
}

@test "killed: neither commands nor what they have started outlive it" {
    numbers 1 2 >events
    for mode in '' --pool; do
        start bash -c 'exec "$@" <events' - $exec_ $mode -j 2 --shell 'sleep 73.25 & sleep 73.25' >out
        wait_for running 'sleep 73.25'
        kill -9 "$PID"
        wait_for gone 'sleep 73.25'
    done
}

@test "wrong options" {
    for options in "" "-j 0 cat" "-j 2000 cat" "--ahead 3 cat" "--pool --ahead 0 cat" "--pool --filter cat" \
        "--filter --into a cat" "--filter --meta cat" "--into a[ cat" "-e =1 cat" "-e A cat" "-t x cat" "--max-output 0 cat" \
        "echo {.a[}" "echo {.a" "--pool echo {.a}" "--pool -e A={.a} cat"; do
        run -2 $exec_ $options </dev/null
        [ "$output" ]
        PYPE_CHECK=1 run -2 $exec_ $options
    done
    PYPE_CHECK=1 run -0 $exec_ -j 3 -e 'A={.b}' echo '{.a}'
    [ "$output" = "" ]
}

# --- kill -9 under a runner ---

# So many kills, PYPE_KILLS=50 makes it more; and events enough for them.
KILLS=${PYPE_KILLS:-15}
COUNT=$((KILLS * 150))

# killed ARGUMENT…: pype-exec under a runner, killed so often.
killed() {
    write_slow
    numbers 1 $COUNT >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 64k' <<END
source: pype-replay --speed max --as-recorded events
slow: {run: ./slow, ack: lines, from: source, buffer: 4k}
exec: {run: "pype-exec $*", from: slow}
END
    run_flow
    wait_for lines flow.out 2
    kill_often p.exec "$KILLS"
    kill_manager p.exec
    touch go
    flow_ends 60
}

# Events give rise to a line each.
write_pool() {
    cat >pool.py <<'END'
import os, random, re, sys, time
for line in sys.stdin:
    if not os.path.exists("go"):
        time.sleep(random.random() / 500)
    print('{"n":%s}' % re.search(r'"n":(\d+)', line).group(1), flush=True)
    # Commands are killed, too.
    if random.random() < 0.002:
        os.kill(os.getpid(), 9)
END
    seq $COUNT | sed 's/.*/{"n":&}/' >expected
}

# Events give rise to one line, to three, or fail.
write_once() {
    cat >once.sh <<'END'
n=$1
case $n in *3) exit 1 ;; *7) many="0 1 2" ;; *) many=0 ;; esac
for i in $many; do printf '{"n":%d,"part":%d}\n' "$n" "$i"; done
END
    awk -v count=$COUNT 'BEGIN { for (n = 1; n <= count; n++) for (i = 0; i < (n % 10 == 3 ? 0 : n % 10 == 7 ? 3 : 1); i++)
        printf "{\"n\":%d,\"part\":%d}\n", n, i }' >expected
}

# letters: the numbers of the events in the dead letters, as they are there.
letters() {
    cat .pype/dead-letters/* | pype-jq -r .data.text | pype-jq .n
}

@test "killed again and again: --pool, in order" {
    write_pool
    killed --pool --retries 100 -j 2 "$PYTHON" pool.py
    [ "$status" = 0 ]
    cmp flow.out expected
}

@test "killed again and again: --pool --unordered" {
    write_pool
    killed --pool --retries 100 -u -j 3 "$PYTHON" pool.py
    [ "$status" = 0 ]
    sort -t: -k2n flow.out | cmp - expected
}

@test "killed again and again: a command for each event, in order; dead letters, too" {
    write_once
    killed -j 3 sh once.sh "'{.n}'"
    cmp flow.out expected
    letters | cmp - <(seq 3 10 $COUNT)
}

@test "killed again and again: a command for each event, --unordered" {
    write_once
    killed -u -j 3 sh once.sh "'{.n}'"
    sort -t: -k2n -k3 flow.out | cmp - expected
    letters | cmp - <(seq 3 10 $COUNT)
}

@test "killed: output that is larger than the buffer" {
    cat >slowly.py <<'END'
import os, sys, time
for number, line in enumerate(sys.stdin):
    sys.stdout.write(line)
    sys.stdout.flush()
    if number % 20 == 0 and not os.path.exists("go"):
        time.sleep(0.005)
END
    numbers 1 40 >events
    for option in '' -u; do
        rm -rf .pype flow.out flow.err go
        stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 16k' <<END
source: pype-replay --speed max --as-recorded events
exec: {run: "pype-exec $option -j 2 seq '{.n}0001' '{.n}1000'", from: source}
slow: {run: "$PYTHON slowly.py", ack: lines, from: exec}
END
        run_flow
        wait_for lines flow.out 2
        kill_often p.exec "${PYPE_KILLS:-8}"
        touch go
        flow_ends 60
        [ "$status" = 0 ]
        if [ "$option" ]; then
            pype-jq .data flow.out | sort -n | cmp - <(for n in $(seq 40); do seq "$n"0001 "$n"1000; done | sort -n)
        else
            pype-jq .data flow.out | cmp - <(for n in $(seq 40); do seq "$n"0001 "$n"1000; done)
        fi
    done
}

@test "protocol: sync: nobody waits for ever" {
    numbers 1 5 >events
    for command in '-j 3 cat' '--pool -j 3 cat' '--pool --unordered -j 3 cat'; do
        rm -rf .pype flow.out
        stages 'protocol: sync' <<END
source: pype-replay --speed max --as-recorded events
exec: {run: pype-exec $command, from: source}
END
        run_flow
        flow_ends 20
        [ "$status" = 0 ]
        [ "$(pype-jq .n flow.out | tr '\n' ' ')" = "1 2 3 4 5 " ]
    done
}
