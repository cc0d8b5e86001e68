#!/usr/bin/env bats
# As whom a stage runs, and within which limits.

load lib
load flow

# limited LIMITS COMMAND…: a stage under these limits runs the command, whose output is in ./out.
limited() {
    printf '%s\n' "$2" >command
    cat >flow.yaml <<END
restart: never
pipelines: {p: {run: 'sh ./command >out 2>&1', limits: {$1}}}
END
    run pype run
}

# as_root: goes on in a directory that others get to, too.
as_root() {
    [ "$(id -u)" = 0 ] || skip "only root can run a stage as another user"
    SITE=$(mktemp -d /tmp/pype-rights.XXXXXX)
    chmod 755 "$SITE"
    cd "$SITE"
    setpriv --reuid nobody --regid nogroup --clear-groups test -x "$BIN/pype" || skip "nobody cannot get to '$BIN'"
}

teardown() {
    stop_all
    cd /
    [ -z "${SITE:-}" ] || rm -rf "$SITE"
}

@test "each limit is set for the stage, for it alone" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: {run: "ulimit -a >limited", limits: {memory: 2G, cpu: 1h, files: 100, file_size: 1M, core: 0}}
      b: {run: "ulimit -a >free"}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$(sh -c 'ulimit -a' | diff - free)" = "" ]
    grep -qE '^(vmemory|address space|virtual memory).* 2097152$' limited
    grep -qE '^time.* 3600$' limited
    grep -qE '^nofiles.* 100$' limited
    grep -qE '^file.* 2048$' limited
    grep -qE '^coredump.* 0$' limited
}

@test "memory: more than that is not to be had" {
    limited 'memory: 100M' "$PYTHON -c 'x = bytearray(300 << 20)'"
    [ "$status" -eq 1 ]
    has out MemoryError
    limited 'memory: 1G' "$PYTHON -c 'x = bytearray(300 << 20)'"
    [ "$status" -eq 0 ]
}

@test "cpu: the stage is ended by SIGXCPU" {
    limited 'cpu: 1s, core: 0' 'exec sh -c "while :; do :; done"'
    [ "$status" -eq 1 ]
    [[ $output == *'(SIGXCPU)'* ]] || [[ $output == *'(SIGKILL)'* ]]
}

@test "files: no more are opened" {
    limited 'files: 20' "$PYTHON -c 'files = [open(\"/dev/null\") for i in range(100)]'"
    [ "$status" -eq 1 ]
    has out 'Too many open files'
}

@test "file_size: no file grows beyond it" {
    limited 'file_size: 64k, core: 0' 'trap "" XFSZ; head -c 1M /dev/zero >big'
    [ "$status" -eq 1 ]
    [ "$(stat -c %s big)" = 65536 ]
}

@test "core: 0: no core file, else there may be one" {
    limited 'core: 0' 'grep "Max core" /proc/self/limits'
    [[ $(cat out) =~ core\ file\ size\ +0\ +0 ]]
    limited 'core: 1M' 'grep "Max core" /proc/self/limits'
    [[ $(cat out) =~ core\ file\ size\ +1048576\ +1048576 ]]
}

@test "no_new_privs" {
    limited 'no_new_privs: true' 'grep NoNewPrivs /proc/self/status'
    [ "$(cut -f 2 out)" = 1 ]
    limited 'no_new_privs: false' 'grep NoNewPrivs /proc/self/status'
    [ "$(cut -f 2 out)" = 0 ]
}

@test "limits: the nearest wins, the others stay as further out" {
    cat >flow.yaml <<'END'
limits: {files: 111, core: 0}
pipelines:
  p: {limits: {files: 222}, run: "grep -E 'open files|core' /proc/self/limits >p"}
  q: {run: "grep -E 'open files|core' /proc/self/limits >q"}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$(awk '{print $(NF - 2), $(NF - 1)}' p)" = $'0 0\n222 222' ]
    [ "$(awk '{print $(NF - 2), $(NF - 1)}' q)" = $'0 0\n111 111' ]
}

@test "user: the stage runs as that user, with its groups, HOME, USER and LOGNAME; its neighbours do not" {
    as_root
    cat >flow.yaml <<'END'
pipelines:
  p: {run: "sh -c 'id -u; id -g; id -G; echo $HOME $USER $LOGNAME'", user: nobody}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$(id -u nobody)" ]
    [ "${lines[1]}" = "$(id -g nobody)" ]
    [ "${lines[2]}" = "$(id -G nobody)" ]
    [ "${lines[3]}" = "$(getent passwd nobody | cut -d: -f6) nobody nobody" ]
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: {run: id -un, user: 'nobody:daemon'}
      b: {run: "sh -c 'cat; id -un; id -gn'", from: a}
END
    run pype run
    [ "$status" -eq 0 ]
    [ "$output" = $'nobody\nroot\nroot' ]
}

@test "user: env goes before HOME and USER of the user" {
    as_root
    cat >flow.yaml <<'END'
pipelines: {p: {run: "sh -c 'echo $HOME $USER'", user: nobody, env: {HOME: /elsewhere}}}
END
    run pype run
    [ "$output" = "/elsewhere nobody" ]
}

@test "user: data is exact, and the dead letters are written, as another user, over kills" {
    as_root
    umask 077
    seq 3000 | sed 's/.*/{"n":&}/; /[05]00}$/s/.*/&\nbad &/' >feed
    cat >flow.yaml <<'END'
restart: {limit: 100, min: 1ms, max: 5ms}
pipelines:
  p:
    stages:
      source: {run: cat feed}
      slow: {run: "sed -u 's/x/y/'", from: source, ack: lines}
      jq: {run: "pype-jq -c '{n}'", from: slow, user: nobody}
      csv: {run: "pype-csv -o out.csv n", from: jq}
END
    run_flow
    wait_for happened p.jq started
    local i
    for i in 1 2 3; do
        kill -9 "$(pid_of p.jq)" 2>/dev/null || true
        sleep 0.02
    done
    flow_ends
    [ "$status" -eq 1 ]
    counts out.csv 1 3000
    [ "$(jq -r .data.text .pype/dead-letters/p.jq.ndjson)" = "$(grep '^bad' feed)" ]
    [ "$(stat -c %U .pype/dead-letters/p.jq.ndjson)" = nobody ]
}

@test "user: one that is not there, and what only root can do, are mistakes of the manifest" {
    cat >flow.yaml <<'END'
pipelines: {p: {run: echo a, user: nosuchuser}}
END
    run pype run
    [ "$status" -eq 2 ]
    [[ $output == flow.yaml:1:*nosuchuser* ]]
    as_root
    printf 'pipelines: {p: {run: echo a, user: root}}\n' >flow.yaml
    chmod 644 flow.yaml
    run setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/pype" run flow.yaml
    [ "$status" -eq 2 ]
    [[ $output == flow.yaml:1:* ]]
}
