#!/usr/bin/env bats
# Living with a running flow: the control socket, and pype ps, top, events, logs, restart, reload, stop.

load lib

# flow <<manifest; run_flow [OPTION…]: as in run.bats, and waits until the flow can be asked.
flow() {
    cat >flow.yaml
}

run_flow() {
    start pype run "$@" >>flow.out 2>>flow.err
    FLOW=$PID
    wait_for -30 pype ps
}

flow_ends() {
    status=0
    wait_gone "$FLOW" "${1:-10}" || return 1
    wait "$FLOW" || status=$?
}

# happened SOURCE EVENT [N]
happened() {
    [ "$(grep -c "\"event\":\"$2\",\"time\":[0-9.]*,\"source\":\"$1\"," .pype/events.ndjson)" -ge "${3:-1}" ]
}

# row NAME: what ps --json says of it.
row() {
    pype ps --json | jq -c "select(.source == \"$1\").data"
}

# state_is NAME STATE
state_is() {
    [ "$(row "$1" | jq -r .state)" = "$2" ]
}

pid_of() {
    row "$1" | jq -r .pid
}

# other_pid NAME PID: it runs, in another process than that.
other_pid() {
    local pid
    pid=$(pid_of "$1")
    if [ -z "$pid" ] || [ "$pid" = null ] || [ "$pid" = "$2" ]; then return 1; fi
    alive "$pid"
}

# words_of NAME: the command line of its process.
words_of() {
    tr '\0' ' ' <"/proc/$(pid_of "$1")/cmdline"
}

# runs_as NAME WORDS
runs_as() {
    [ "$(words_of "$1")" = "$2" ]
}

# Requests from stdin to the socket, as they are; then our side ends. Prints all answers.
ask() {
    "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(".pype/control.sock")
try:
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
except ConnectionError:
    pass
'
}

prepare() {
    flow <<'END'
pipelines:
  a: {run: "sleep 1000 | cat"}
  b: {run: "sleep 1000 | cat | cat"}
END
}

@test "no flow runs: status 1 and a clear message" {
    local command
    for command in ps top 'events -f' 'logs -f' 'restart a' reload stop; do
        run pype $command
        [ "$status" -eq 1 ]
        [ "$output" = "pype ${command%% *}: fatal: the flow is not running (state directory './.pype')" ]
    done
    for command in events logs; do
        run pype $command
        [ "$status" -eq 1 ]
        [[ $output == *'no flow has run here'* ]]
    done
}

# The managers of a killed flow hold the lock for a moment.
run_again() {
    start pype run >>flow.out 2>>flow.err
    FLOW=$PID
    until pype ps; do
        alive "$FLOW" || return 1
        sleep 0.02
    done
}

@test "a socket that a killed flow has left behind: nobody is there, and the next flow takes its place" {
    run_flow
    kill -KILL "$FLOW"
    wait_gone "$FLOW"
    [ -S .pype/control.sock ]
    run pype ps
    [ "$status" -eq 1 ]
    [[ $output == *'the flow is not running'* ]]
    wait_for run_again
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" -eq 0 ]
    [ ! -e .pype/control.sock ]
}

@test "the socket is its user's alone, whatever the umask, and however long its path" {
    local long
    long=$PWD/$(printf 'd%.0s' {1..120})
    mkdir "$long"
    umask 0
    start pype run -d "$long/state" >flow.out 2>flow.err
    FLOW=$PID
    wait_for pype ps -d "$long/state"
    [ "$(stat -c %a "$long/state/control.sock")" = 600 ]
    pype stop -d "$long/state"
    flow_ends
    [ "$status" -eq 0 ]
}

@test "other users are kept out, even if somebody opens the door" {
    [ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
    run_flow
    chmod 755 . .pype
    chmod 666 .pype/control.sock
    # The directories above are closed to others: by a descriptor.
    run "$PYTHON" -c '
import os, socket
directory = os.open(".pype", os.O_PATH)
os.setresuid(65534, 65534, 65534)
s = socket.socket(socket.AF_UNIX)
s.connect("/proc/self/fd/%d/control.sock" % directory)
print(s.recv(1000).decode(), s.recv(1000))
'
    [[ $output == *"this is another user's flow"*"b''" ]]
    pype ps
}

@test "ps: pipelines and stages, their processes, states and failures" {
    flow <<'END'
restart: {min: 1h, max: 1h}
pipelines:
  a: {run: "sleep 1000 | cat"}
  b: {run: "sh -c 'exit 3' | cat"}
  c: {run: "true"}
  d: {run: "sh -c 'exit 2' | cat"}
END
    run_flow
    wait_for state_is a.sleep up
    wait_for happened b.sh failed 2
    wait_for state_is c done
    wait_for state_is d failed
    run pype ps
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == NAME*STATE*PID*UP*STARTS*FAILURES*MODE*IN*OUT*BAD*DROPPED*RATE*QUEUE*'LAST FAILURE' ]]
    [ "$(awk 'NR > 1 {print $1}' <<<"$output" | paste -sd ' ')" = 'a a.sleep a.cat b b.sh b.cat c c.true d d.sh d.cat' ]
    grep -qE '^a\.sleep +up +[0-9]+ +[0-9]+s +1 +0 +- +- +- +- +0 +- +- +-$' <<<"$output"
    grep -qE '^b\.sh +waiting [0-9hms.]+ +- +- +2 +2 +- .*exited with 3 after .*failure 2' <<<"$output"
    grep -qE '^c\.true +done' <<<"$output"
    grep -qE '^d +failed .*it cannot go on' <<<"$output"
    [ "$(words_of a.sleep)" = 'sleep 1000 ' ]
    [ "$(row b.sh | jq '.restart_in > 1000')" = true ]
}

# shows NAME FILTER: what ps --json says of it passes the jq filter.
shows() {
    row "$1" | jq -e "$2" >/dev/null
}

@test "ps: how each stage takes part, what it has counted and what waits for it" {
    echo '{"n":0}' >event
    flow <<'END'
pipelines:
  ours: {run: "sh -c 'cat event event; echo bad; cat event; exec sleep 1000' | pype-jq '., .' | pype-csv -o n.csv n"}
  unread: {run: "sh -c 'cat event; exec sleep 1000' | sleep 1000"}
  silent: {run: "sleep 1000 | cat"}
  quick: {delivery: fast, run: "sh -c 'cat event; exec sleep 1000' | cat"}
  half: {run: "sh -c 'cat event; exec sleep 1000' > half.out"}
  answers:
    stages:
      source: {run: "sh -c 'cat event event; exec sleep 1000'"}
      lines: {run: "sed -u s/0/1/", from: source, ack: lines}
      eof: {run: "sort", from: source, ack: eof}
      plain: {run: "sed -u s/0/1/", from: source}
END
    run_flow
    wait_for shows ours.csv '.mode == "page" and [.in, .out, .bad, .dropped, .queue] == [6, 0, 0, 0, 0]'
    wait_for shows ours.jq '.mode == "page" and [.out, .bad, .queue] == [6, 1, 0]'
    wait_for shows ours.sh '.mode == "plain" and (has("in") or has("queue") | not)'
    wait_for shows unread.sleep '.queue == 8 and (has("mode") or has("in") | not)'
    shows silent.sleep 'has("mode") | not'
    wait_for shows quick.sh '.mode == "fast" and (has("in") or has("queue") | not)'
    shows quick.cat '.mode == "fast" and (has("in") or has("queue") | not)'
    wait_for shows answers.lines '.mode == "lines" and [.in, .out, .bad, .queue] == [2, 2, 0, 0]'
    wait_for shows answers.eof '.mode == "eof" and [.in, .queue] == [2, 0]'
    wait_for shows answers.plain '.mode == "plain" and .queue == 0 and (has("in") | not)'
    run pype ps
    grep -qE '^ours\.jq +up +[0-9]+ +[0-9]+m?s +1 +0 +page +[34] +6 +1 +0 .* 0 +-$' <<<"$output"
    # Counts outlive the stage, its manager, and the pipeline; it counts anew when that is started anew.
    kill -KILL "$(pid_of ours.jq)" "$(pid_of answers.lines)"
    wait_for shows ours.jq '.starts == 2 and .state == "up" and .mode == "page" and [.out, .bad] == [6, 1]'
    wait_for shows answers.lines '.starts == 2 and .state == "up" and .mode == "lines" and .out == 2'
    kill -KILL "$(pid_of ours)"
    wait_for shows ours '.starts == 2 and .state == "up"'
    # The foreign source begins from its beginning.
    wait_for shows ours.jq '.starts == 3 and .state == "up" and [.out, .bad] == [12, 2]'
    wait_for shows ours.csv '.in == 12'
    pype restart ours
    wait_for shows ours.jq '.starts == 1 and .state == "up" and [.out, .bad] == [6, 1]'
    pype stop
    flow_ends
}

@test "ps: the counts of a pipeline that has ended" {
    flow <<'END'
pipelines:
  a: {run: "seq 3 | sed 's/.*/{\"n\":&}/' | pype-jq . | pype-csv -o n.csv n"}
  b: {run: "sleep 1000 | cat"}
END
    run_flow
    wait_for state_is a done
    shows a.csv '.state == "done" and [.mode, .in, .queue] == ["page", 3, 0]'
    pype stop
    flow_ends
}

# is_busy PID: it has computed for a while.
is_busy() {
    [ "$(cut -d ' ' -f 14 "/proc/$1/stat")" -ge 5 ]
}

@test "events that are dropped, or that a stage does not survive: are said and reported" {
    seq 3 | sed 's/.*/{"n":&}/' >three
    seq 100000 | sed 's/.*/{"n":&}/' >many
    flow <<'END'
report: "cat >> reported"
restart: {min: 1ms, max: 1ms}
pipelines:
  drops:
    stages:
      source: {run: "sh -c 'cat many; exec sleep 1000'"}
      sink: {run: "sleep 1000", from: source, when_full: drop-newest, buffer: 4k}
  dies: {run: "sh -c 'cat three; exec sleep 1000' | pype-jq 'if .n == 2 then last(range(1e15)) else . end' | pype-csv -o n.csv n"}
END
    run_flow
    wait_for shows drops.sink '.dropped > 10'
    wait_for happened drops.sink dropped 2
    grep -q '^pype: warning: drops.sink: [0-9]* events dropped so far' flow.err
    local i
    for i in 1 2 3; do
        wait_for shows dies.jq ".starts == $i and .state == \"up\""
        wait_for is_busy "$(pid_of dies.jq)"
        kill -KILL "$(pid_of dies.jq)"
    done
    wait_for happened dies.jq dead_letter
    wait_for has n.csv 3
    [ "$(paste -sd ' ' n.csv)" = 'n 1 3' ]
    has flow.err 'pype: error: dies.jq: killed the stage 3 times'
    wait_for has reported '"dead_letter"'
    wait_for has reported '"event":"dropped"'
    pype stop --now
    flow_ends
}

@test "top: one screen if standard output is no terminal; on one until q, or until the flow has ended" {
    run_flow
    wait_for state_is a.sleep up
    run pype top
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == NAME* ]]
    [ "${#lines[@]}" -eq 8 ]
    cat >terminal.py <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("pype", ["pype", "top"])
seen = b""
while seen.count(b"a.sleep") < 2:  # two screens
    seen += os.read(terminal, 65536)
if sys.argv[1] == "q":
    os.write(terminal, b"q")
else:
    os.system("pype stop")
try:
    while data := os.read(terminal, 65536):
        seen += data
except OSError:
    pass
assert seen.endswith(b"\033[?1049l"), seen[-50:]
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
    timeout 20 "$PYTHON" terminal.py q
    timeout 20 "$PYTHON" terminal.py stop
}

@test "restart a stage: another process, the neighbours keep theirs, no failure" {
    run_flow
    wait_for state_is b.sleep up
    local one two others
    one=$(pid_of b.sleep) two=$(pid_of b.cat) others="$(pid_of b.cat-2) $(pid_of b)"
    pype restart b.cat
    wait_for other_pid b.cat "$two"
    [ "$(pid_of b.sleep)" = "$one" ]
    # A source, too.
    pype restart b.sleep
    wait_for other_pid b.sleep "$one"
    [ "$(row b.sleep | jq -c '[.starts, .failures]')" = '[2,0]' ]
    [ "$(pid_of b.cat-2) $(pid_of b)" = "$others" ]
    run grep -c '"failed"' .pype/events.ndjson
    [ "$output" = 0 ]
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

@test "restart a stage that ignores SIGTERM: killed after stop_timeout, and no failure" {
    flow <<'END'
stop_timeout: 50ms
pipelines: {p: {run: "sleep 1000 | sh -c 'trap \"\" TERM; echo ready >&2; while :; do sleep 0.05; done'"}}
END
    run_flow
    wait_for has flow.err ready
    local pid
    pid=$(pid_of p.sh)
    pype restart p.sh
    wait_for other_pid p.sh "$pid"
    has flow.err 'p.sh: does not end on SIGTERM, killed'
    [ "$(row p.sh | jq .failures)" = 0 ]
}

@test "restart a stage in back-off: at once" {
    flow <<'END'
restart: {min: 1h, max: 1h}
pipelines: {p: {run: "sh -c 'if [ -e good ]; then exec sleep 1000; fi; exit 1' | cat"}}
END
    run_flow
    wait_for happened p.sh failed 2
    wait_for state_is p.sh waiting
    touch good
    pype restart p.sh
    wait_for state_is p.sh up
}

@test "a stage that is being restarted while the flow stops still reads what waits for it" {
    cat >sink <<'END'
#!/bin/sh
if [ -e go ]; then exec cat >out; fi
trap 'touch asked; until [ -e go ]; do sleep 0.02; done; exit 1' TERM
touch ready
while :; do sleep 0.02; done
END
    chmod +x sink
    flow <<'END'
pipelines: {p: {run: "sh -c 'seq 10; touch written; exec sleep 1000' | ./sink"}}
END
    run_flow
    wait_for test -e written
    wait_for test -e ready
    pype restart p.sink
    wait_for test -e asked
    pype stop --no-wait
    wait_for happened p.sh finished
    touch go
    flow_ends
    [ "$(cat out)" = "$(seq 10)" ]
    [ "$status" -eq 0 ]
}

@test "restart a pipeline: drained and started afresh, the others untouched; one that has failed, too" {
    flow <<'END'
pipelines:
  a: {run: "sleep 1000 | cat"}
  b: {run: "sh -c 'if [ -e good ]; then exec sleep 1000; fi; exit 2' | cat"}
END
    run_flow
    wait_for state_is a.sleep up
    wait_for state_is b failed
    local manager other
    manager=$(pid_of a)
    pype restart a
    wait_for other_pid a "$manager"
    happened a finished
    wait_for state_is a.sleep up
    touch good
    other=$(pid_of a)
    pype restart b
    wait_for state_is b.sh up
    [ "$(pid_of a)" = "$other" ]
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

@test "restart of what is not there, or cannot be" {
    flow <<'END'
pipelines:
  a: {run: "sleep 1000 | cat"}
  b: {run: "true | sleep 1000"}
END
    run_flow
    wait_for state_is b.true done
    run pype restart a.slep
    [ "$status" -eq 2 ]
    [[ $output == *"neither a pipeline nor a stage 'a.slep', did you mean 'a.sleep'?" ]]
    run pype restart b.true
    [ "$status" -eq 1 ]
    [[ $output == *"'b.true' has ended: restart its pipeline" ]]
    run pype restart
    [ "$status" -eq 2 ]
}

@test "stop: drains, waits until nothing is left; --now: at once; --no-wait" {
    flow <<'END'
pipelines: {p: {run: "sh -c 'trap \"exit 0\" TERM; seq 1000; while :; do sleep 0.02; done' | sh -c 'sleep 0.3; cat > out'"}}
END
    run_flow
    wait_for state_is p.sh up
    run pype stop
    [ "$status" -eq 0 ]
    run alive "$FLOW"
    [ "$status" -ne 0 ]
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(wc -l <out)" -eq 1000 ]
    [ "$(jq -r 'select(.event == "stopping" or .event == "ended") | .event + " " + .source' .pype/events.ndjson)" = $'stopping flow\nended flow' ]
    flow <<'END'
pipelines: {p: {run: "sleep 1000 | sh -c 'cat; exec sleep 1000'"}}
END
    run_flow
    wait_for state_is p.sleep up
    pype stop --no-wait
    wait_for state_is p stopping
    pype stop --now
    flow_ends
    [ "$status" -eq 0 ]
}

@test "reload: unchanged pipelines keep their processes, changed ones start anew, new ones start, others drain" {
    echo one >secret
    cat >goodbye <<'END'
#!/bin/sh
cat
echo gone >left
END
    chmod +x goodbye
    flow <<'END'
pipelines:
  same: {run: "sleep 1000 | cat"}
  text: {run: "sleep 1001 | cat"}
  secret: {env: {TOKEN: {file: secret}}, run: "sh -c 'echo $TOKEN; exec sleep 1000' | cat > token"}
  gone: {run: "sleep 1000 | ./goodbye"}
END
    run_flow
    wait_for has token one
    wait_for state_is gone.sleep up
    wait_for state_is text.sleep up
    wait_for state_is same.sleep up
    local same text
    same="$(pid_of same) $(pid_of same.sleep) $(pid_of same.cat)" text=$(pid_of text)
    # Nothing has changed, but the places.
    sed -i '1i # a comment' flow.yaml
    run pype reload -v
    [ "$status" -eq 0 ]
    [[ $output == *'reloaded: 0 changed, 0 added, 0 removed, 4 unchanged' ]]
    echo two >secret
    sed -i 's/sleep 1001/sleep 1002/; /gone/d' flow.yaml
    echo '  new: {run: "sleep 1000 | cat"}' >>flow.yaml
    run pype reload -v
    [ "$status" -eq 0 ]
    [[ $output == *'reloaded: 2 changed, 1 added, 1 removed, 1 unchanged' ]]
    wait_for state_is new.sleep up
    wait_for has token two
    wait_for other_pid text "$text"
    wait_for happened gone finished
    [ "$(cat left)" = gone ]
    [ -z "$(row gone)" ]
    [ "$(pid_of same) $(pid_of same.sleep) $(pid_of same.cat)" = "$same" ]
    [ "$(jq -c 'select(.event == "reloaded").data | [.changed, .added, .removed, .unchanged]' .pype/events.ndjson)" = \
        $'[[],[],[],4]\n[["text","secret"],["new"],["gone"],1]' ]
    wait_for runs_as text.sleep 'sleep 1002 '
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

@test "reload notices each setting that matters" {
    local setting settings=('restart: {limit: 3}' 'restart: {min: 1s}' 'restart: never' 'stop_timeout: 1s' 'buffer: 8k'
        'env: {A: b}' 'env: {A: c}')
    flow <<'END'
pipelines:
  p:
    stages:
      source: {run: "sleep 1000"}
      sink: {run: "cat", from: source}
END
    run_flow
    wait_for state_is p.source up
    for setting in "${settings[@]}"; do
        # Of the stage, of the pipeline, of the flow: back to nothing in between, which is a change, too.
        sed "s/cat\"/cat\", $setting/" flow.yaml >stage.yaml
        sed "s/^  p:/&\n    $setting/" flow.yaml >pipeline.yaml
        sed "1i $setting" flow.yaml >whole.yaml
        cp flow.yaml plain.yaml
        for file in stage plain pipeline plain whole plain; do
            cp $file.yaml flow.yaml
            run pype reload -v
            [ "$status" -eq 0 ]
            [[ $output == *'1 changed, 0 added, 0 removed, 0 unchanged' ]]
            run pype reload -v
            [[ $output == *'0 changed, 0 added, 0 removed, 1 unchanged' ]]
        done
    done
    pype stop --now
    flow_ends
}

@test "reload notices each setting that there is, and what a stage reads" {
    local key line settings=('delivery: durable' 'protocol: sync' 'when_full: drop-newest' 'ack: page' 'fsync: always'
        'restart: never' 'restart: always' 'restart: {limit: 3}' 'restart: {within: 1m}' 'restart: {min: 1s}'
        'restart: {max: 1h}' 'restart: {reset: 1s}' 'stop_timeout: 1s' 'buffer: 8k' 'quota: 1M' 'limits: {memory: 4G}'
        'limits: {cpu: 1h}' 'limits: {files: 100}' 'limits: {processes: 1000}' 'limits: {file_size: 1G}'
        'limits: {core: 0}' 'limits: {no_new_privs: true}' 'env: {A: b}' 'env: {A: {file: secret}}'
        'from: source.tick' 'from: other' 'run: "pype-csv source"')
    # Another user's stage has to get to its program.
    if [ "$(id -u)" = 0 ] && setpriv --reuid nobody --clear-groups test -x "$BIN/pype-csv"; then
        settings+=('user: nobody' 'user: "nobody:nogroup"')
    fi
    echo secret >secret
    # None is forgotten here.
    for key in $(sed -n 's/^\t{"\([a-z_]*\)".*/\1/p' "$ROOT/cmd/flow/manifest/settings.c"); do
        [ "$key" != user ] || continue
        [[ "${settings[*]}" =~ (^|[ {])$key: ]] || { echo "$key is not tried"; false; }
    done
    cat >plain.yaml <<'END'
pipelines:
  p:
    stages:
      source: {run: "pype-cron --every 1h"}
      other: {run: "pype-cron --every 1h"}
      more: {run: "pype-csv time", from: [source, other]}
      sink: {run: "pype-csv time", from: source}
END
    cp plain.yaml flow.yaml
    run_flow
    wait_for state_is p.source up
    for line in "${settings[@]}"; do
        key=${line%%:*}
        sed "/ sink:/{s/$key: [^,}]*\(, \)\?//; s/}\$/, ${line//\//\\/}}/; s/{, /{/; s/, *, /, /}" plain.yaml >flow.yaml
        # It is of the source.
        if [ "$key" = protocol ]; then sed "/ source:/s/}\$/, $line}/" plain.yaml >flow.yaml; fi
        if [ "$key" = ack ]; then
            sed '/ sink:/s/pype-csv time/cat/' plain.yaml >flow.yaml
            pype reload
            sed -i "/ sink:/s/}\$/, $line}/" flow.yaml
        fi
        run pype reload -v
        echo "$line: $output"
        [ "$status" -eq 0 ]
        [[ $output == *'1 changed, 0 added, 0 removed, 0 unchanged' ]]
        run pype reload -v
        [[ $output == *'0 changed, 0 added, 0 removed, 1 unchanged' ]]
        cp plain.yaml flow.yaml
        run pype reload -v
        [[ $output == *'1 changed, 0 added, 0 removed, 0 unchanged' ]]
    done
    pype stop --now
    flow_ends
}

@test "reload of --once: what comes is not started again either" {
    flow <<'END'
pipelines: {a: {run: "sleep 1000 | cat"}}
END
    run_flow --once
    wait_for state_is a.sleep up
    echo '  # nothing' >>flow.yaml
    run pype reload -v
    [[ $output == *'0 changed, 0 added, 0 removed, 1 unchanged' ]]
    sed -i "s/}}/}, b: {run: \"sh -c 'exit 1' | cat\"}}/" flow.yaml
    pype reload
    wait_for state_is b failed
    [ "$(row b.sh | jq .starts)" = 1 ]
    happened b.sh given_up
    pype stop
    flow_ends
    [ "$status" -eq 1 ]
}

@test "a reload after the link to the manifest's directory leads elsewhere: the same text, run there" {
    mkdir one two
    echo 'pipelines: {p: {run: "sleep 1000 | cat"}}' | tee one/flow.yaml >two/flow.yaml
    ln -s one current
    start pype run -d .pype current/flow.yaml >flow.out 2>flow.err
    FLOW=$PID
    wait_for state_is p.sleep up
    [ "$(readlink "/proc/$(pid_of p.sleep)/cwd")" = "$PWD/one" ]
    ln -sfn two current
    pype reload -d .pype
    wait_for runs_in "$PWD/two"
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

runs_in() {
    [ "$(readlink "/proc/$(pid_of p.sleep)/cwd")" = "$1" ]
}

@test "SIGHUP reloads" {
    run_flow
    wait_for state_is a.sleep up
    sed -i '$d' flow.yaml
    kill -HUP "$FLOW"
    wait_for happened flow reloaded
    wait_for happened b finished
    alive "$FLOW"
    state_is a up
}

@test "SIGHUP ends a flow whose terminal has gone" {
    run timeout 20 "$PYTHON" -c '
import os, pty, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("pype", ["pype", "run"])
while os.system("pype ps > /dev/null 2>&1"):
    time.sleep(0.02)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
'
    [ "$output" = 0 ]
    happened flow stopping
}

@test "a bad manifest changes nothing; all its mistakes are said, to both; status 2" {
    run_flow
    wait_for state_is b.sleep up
    wait_for state_is a.sleep up
    local before
    before=$(pype ps --json | jq -c '[.source, .data.pid]')
    printf 'pipelines:\n  c: {rum: "true"}\nfoo: 1\n' >flow.yaml
    run pype reload
    [ "$status" -eq 2 ]
    [[ $output == *"flow.yaml:2:7: unknown key 'rum'"*"flow.yaml:3:1: unknown key 'foo'"* ]]
    has flow.err "flow.yaml:2:7: unknown key 'rum'"
    has flow.err "flow.yaml:3:1: unknown key 'foo'"
    has flow.err 'the manifest has mistakes: the flow runs on as it is'
    rm flow.yaml
    kill -HUP "$FLOW"
    wait_for has flow.err 'No such file'
    [ "$(pype ps --json | jq -c '[.source, .data.pid]')" = "$before" ]
    run happened flow reloaded
    [ "$status" -ne 0 ]
}

@test "reload of a pipeline that drains: it becomes what was said last" {
    cat >slow <<'END'
#!/bin/sh
cat
until [ -e go ]; do sleep 0.02; done
END
    chmod +x slow
    echo 'pipelines: {p: {run: "sleep 1000 | ./slow"}}' >flow.yaml
    run_flow
    wait_for state_is p.sleep up
    sed -i 's/sleep 1000/sleep 1001/' flow.yaml
    pype reload
    wait_for state_is p restarting
    sed -i 's/sleep 1001/sleep 1002/' flow.yaml
    pype reload
    echo 'pipelines: {q: {run: "sleep 1000"}}' >flow.yaml
    pype reload
    wait_for state_is p stopping
    echo 'pipelines: {p: {run: "sleep 1003"}}' >flow.yaml
    pype reload
    wait_for state_is p restarting
    touch go
    wait_for runs_as p.sleep 'sleep 1003 '
    [ -z "$(row q)" ]
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

@test "reload of --only and of the report command; none while the flow stops" {
    cat >slow <<'END'
#!/bin/sh
cat
until [ -e go ]; do sleep 0.02; done
END
    chmod +x slow
    flow <<'END'
report: "cat >> first; echo ended >> first"
restart: {min: 1ms, max: 1ms}
pipelines:
  a: {run: "sleep 1000 | ./slow"}
  b: {run: "sleep 1000 | cat"}
END
    run_flow --only a
    wait_for state_is a.sleep up
    sed -i 's/first/second/g; /  b/d' flow.yaml
    echo '  c: {run: "true"}' >>flow.yaml
    run pype reload -v
    [ "$status" -eq 0 ]
    [[ $output == *'0 changed, 0 added, 0 removed, 1 unchanged' ]]
    wait_for has first ended
    kill -KILL "$(pid_of a.slow)"
    wait_for has second '"failed"'
    run grep -c failed first
    [ "$output" = 0 ]
    wait_for state_is a.slow up
    pype stop --no-wait
    run pype reload
    [ "$status" -eq 1 ]
    [[ $output == *'cannot reload: the flow is ending' ]]
    touch go
    flow_ends
    [ "$status" -eq 0 ]
    has second ended
}

@test "many reloads and restarts leave nothing behind" {
    run_flow
    wait_for state_is b.sleep up
    local before i
    cp flow.yaml original.yaml
    before=$(ls "/proc/$FLOW/fd" | wc -l)
    for i in {1..12}; do
        {
            echo "report: 'cat > /dev/null; : $i'"
            sed "2s/sleep 1000/sleep $((2000 + i))/" original.yaml
        } >flow.yaml
        pype reload
        wait_for runs_as a.sleep "sleep $((2000 + i)) "
        pype restart b
        wait_for state_is b.sleep up
    done
    [ "$(ls "/proc/$FLOW/fd" | wc -l)" -le $((before + 2)) ]
    [ "$(pgrep -P "$FLOW" | wc -l)" -le 4 ]
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

@test "events: those that are kept, also when the flow has ended; of a stage, since a time, the last" {
    flow <<'END'
pipelines:
  a: {run: "seq 3 | cat > out"}
  ab: {run: "true"}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$(pype events)" = "$(cat .pype/events.ndjson)" ]
    [ "$(pype events a | jq -r .source | sort -u | paste -sd ' ')" = 'a a.cat a.seq' ]
    [ "$(pype events a.cat | jq -r .event | paste -sd ' ')" = 'started finished' ]
    [ "$(pype events -n 1 | jq -r .event)" = ended ]
    [ "$(pype events -n 2 a)" = "$(pype events a | tail -n 2)" ]
    [ "$(pype events -n 100)" = "$(pype events)" ]
    [ -z "$(pype events -n 0)" ]
    [ "$(pype events --since now-1h)" = "$(pype events)" ]
    [ -z "$(pype events --since now+1h)" ]
    run pype events --since yesterdy
    [ "$status" -eq 2 ]
}

@test "events -f: no gap and nothing twice, whenever it begins, also when the file is turned; ends with the flow" {
    mkdir .pype
    # Nearly as much as makes the file turn.
    "$PYTHON" -c 'print("""{"event":"old","time":1,"source":"old","data":{"message":"%s"}}\n""" % ("x" * 400) * 8920, end="")' \
        >.pype/events.ndjson
    flow <<'END'
restart: {limit: 1000, min: 1ms, max: 1ms}
pipelines: {p: {run: "sh -c 'seq -f %0400g 20 >&2; [ -e enough ] || exit 1; exec sleep 1000' | cat"}}
END
    run_flow
    local i
    for i in 1 2 3 4 5 6; do
        start pype events -f p >"live.$i"
        wait_for happened_twice $((i * 5))
    done
    wait_for -30 test -e .pype/events.1.ndjson
    start pype events -f p >live.7
    wait_for happened p.sh failed 5
    touch enough
    wait_for state_is p.sh up
    pype stop
    flow_ends
    cat .pype/events.1.ndjson .pype/events.ndjson | grep '"source":"p' >all
    lines all 40
    for i in 1 2 3 4 5 6 7; do
        wait_for cmp all "live.$i"
    done
    has all '"event":"finished"'
}

# In both files.
happened_twice() {
    [ "$(cat .pype/events*.ndjson | grep -c '"failed"')" -ge "$1" ]
}

# There is a connection beside the control socket itself and the one to the manager of each pipeline.
is_followed() {
    [ "$(find "/proc/$FLOW/fd" -lname 'socket:*' | wc -l)" -ge 4 ]
}

@test "events -f -n 0 STAGE shows only what comes, at once" {
    run_flow
    wait_for state_is b.sleep up
    start pype events -f -n 0 b.cat >live
    wait_for is_followed
    kill -KILL "$(pid_of b.cat)"
    wait_for lines live 2
    [ "$(jq -r .event live | paste -sd ' ')" = 'failed started' ]
    pype stop
    wait_gone "$PID"
}

@test "logs: what stages said, with the time, by time, of a stage, the last; -f goes on, also over a turn, and ends with the flow" {
    cat >speaker <<'END'
#!/bin/sh
echo first >&2
until [ -e more ]; do sleep 0.02; done
seq -f 'number %.0f' 30000 >&2
echo end >&2
exec sleep 1000
END
    chmod +x speaker
    flow <<'END'
pipelines:
  a: {run: "./speaker | cat"}
  b: {run: "sh -c 'until [ -e second ]; do sleep 0.02; done; echo second >&2; exec sleep 1000' | cat"}
END
    run_flow
    wait_for has .pype/logs/a.speaker.log first
    start pype logs -f >live
    local follower=$PID
    wait_for has live first
    touch second
    wait_for has live second
    [ "$(pype logs | sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z //')" = $'a.speaker: first\nb.sh: second' ]
    [ "$(pype logs a.speaker | cut -d' ' -f2-)" = 'a.speaker: first' ]
    [ "$(pype logs -n 1 | cut -d' ' -f2-)" = 'b.sh: second' ]
    run pype logs c
    [ -z "$output" ]
    touch more
    wait_for -30 has live 'a.speaker: end'
    [ -s .pype/logs/a.speaker.1.log ]
    [ "$(stat -c %s .pype/logs/a.speaker.1.log)" -le $((1100 * 1024)) ]
    {
        printf 'a.speaker: first\nb.sh: second\n'
        seq -f 'a.speaker: number %.0f' 30000
        echo 'a.speaker: end'
    } >expected
    cut -d' ' -f2- live | cmp - expected
    pype logs a | cmp - <(cat .pype/logs/a.speaker.1.log .pype/logs/a.speaker.log)
    pype stop
    wait_gone "$follower"
    # Afterwards, too.
    [ "$(pype logs -n 1 a | cut -d' ' -f2-)" = 'a.speaker: end' ]
}

@test "garbage, half lines and long lines on the socket are answered or dropped; the flow goes on" {
    run_flow
    wait_for state_is a.sleep up
    run ask <<<'garbage'
    [[ $output == *'"event":"error"'*'"status":2'* ]]
    [ -z "$(printf '{"do":"ps"' | ask)" ]
    [ "$(printf '[]\n{"do":1}\n{"do":"nothing"}\n{"do":"ps\\u0000"}\n{"do":"restart"}\n\n' | ask | grep -c '"status":2')" = 6 ]
    printf '{"do":"restart","name":"a.%s"}\n{"do":"restart","name":"a."}\n{"do":"restart","name":"."}\n' "$(printf 'x%.0s' {1..500})" |
        ask >answers
    [ "$(grep -c '"status":2' answers)" = 3 ]
    # Many at once.
    [ "$(yes '{"do":"ps"}' | head -n 1000 | ask | grep -c '"event":"end"')" = 1000 ]
    # 5000 bytes without a newline.
    [[ $(head -c 5000 /dev/zero | tr '\0' x | ask) == *'a request has 4095 bytes at most'* ]]
    head -c 300000 /dev/urandom | ask >answers
    state_is a up
    alive "$FLOW"
}

@test "a thousand connections, and clients that never read: the flow goes on and can be asked" {
    flow <<'END'
restart: {limit: 1000, min: 1ms, max: 1ms}
pipelines: {p: {run: "sh -c 'seq -f %0400g 20 >&2; [ -e enough ] || exit 1; exec sleep 1000' | cat"}}
END
    run_flow
    cat >clients.py <<'END'
import socket, time
clients = []
for i in range(1000):
    s = socket.socket(socket.AF_UNIX)
    s.connect(".pype/control.sock")
    if i % 100 == 0:
        s.sendall(b"""{"do":"events"}\n""")
    if i % 100 == 1:
        s.setblocking(False)
        try:
            while True:
                s.send(b"""{"do":"ps"}\n""" * 1000)
        except OSError:
            pass
    clients.append(s)
print("connected", flush=True)
time.sleep(100)
END
    start "$PYTHON" clients.py >clients
    wait_for -30 has clients connected
    pype ps
    # Who follows and does not read is dropped when it is a mebibyte behind.
    wait_for -60 has flow.err 'control: a client does not read what happens, dropped'
    touch enough
    wait_for state_is p.sh up
    pype ps
    [ "$(ls "/proc/$FLOW/fd" | wc -l)" -le 50 ]
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
}

all_done() {
    [ "$(pype ps --json | jq -r 'select(.event == "pipeline").data.state' | sort | uniq -c | awk '{print $2 $1}' | paste -sd ' ')" = 'done999 up1' ]
}

switches() {
    awk '/^(non)?voluntary_ctxt/ {n += $2} END {print n}' "/proc/$FLOW/status"
}

@test "a thousand pipelines: ps answers in well under a second, and nothing is done while nobody asks" {
    {
        echo 'pipelines:'
        for i in {1..999}; do echo "  p$i: {run: 'true | true'}"; done
        echo '  last: {run: "sleep 1000 | cat"}'
    } >flow.yaml
    run_flow
    wait_for -90 all_done
    local begin=$EPOCHREALTIME end before
    [ "$(pype ps | wc -l)" -eq 3001 ]
    end=$EPOCHREALTIME
    [ $((${end/./} - ${begin/./})) -lt $((PYPE_SAN ? 5000000 : 700000)) ]
    before=$(switches)
    sleep 1
    [ $(($(switches) - before)) -le 2 ]
    pype stop
    flow_ends
}
