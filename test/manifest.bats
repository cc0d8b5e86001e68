# The manifest: what is accepted, and what is said of what is not (pype-flow(5)).

load lib

prepare() {
    unset PYPE_RESTART
}

# refused MESSAGE… <<manifest: `pype check` says these lines and no others, without their "flow.yaml:", and exits with 2.
refused() {
    cat >flow.yaml
    run -2 pype check
    diff <(printf 'flow.yaml:%s\n' "$@") <(echo "$output")
}

# accepted <<manifest
accepted() {
    cat >flow.yaml
    run -0 pype check
    [ "$output" = "" ]
}

@test "every mistake of a manifest in one go, each with its line and column" {
    cd "$FIXTURES"
    run -2 pype check flow-mistakes.yaml
    diff flow-mistakes.txt <(echo "$output")
    [ "${#lines[@]}" -gt 50 ]
    # By all commands alike, on stderr alone, and sorted.
    for command in "pype print" "pype run -d $BATS_TEST_TMPDIR/state"; do
        run_split -2 $command flow-mistakes.yaml
        [ "$output" = "" ]
        diff flow-mistakes.txt <(echo "$stderr")
    done
    [ ! -e "$BATS_TEST_TMPDIR/state" ]
    sort -c -s -t : -k 2n,2 -k 3n,3 flow-mistakes.txt
    run ! grep -vE '^flow-mistakes\.yaml:[0-9]+:[0-9]+: [^ ].*[^.]$' flow-mistakes.txt
}

@test "a manifest with everything in it is fine" {
    cp "$FIXTURES/flow-full.yaml" .
    run -0 pype check flow-full.yaml
    [ "$output" = "" ]
}

@test "the file is named as it was given" {
    mkdir dir
    echo 'flow: x' >dir/f.yaml
    for path in dir/f.yaml ./dir/../dir/f.yaml "$PWD/dir/f.yaml"; do
        run -2 pype check "$path"
        [ "$output" = "$path:1:1: there are no 'pipelines'" ]
    done
    run -2 pype check - <dir/f.yaml
    [ "$output" = "-:1:1: there are no 'pipelines'" ]
}

@test "a file that cannot be read is a mistake" {
    run -2 pype check
    [ "$output" = "flow.yaml:1:1: cannot read this file: No such file or directory" ]
    run -2 pype check no/such/file
    [ "$output" = "no/such/file:1:1: cannot read this file: No such file or directory" ]
    run -2 pype check .
    [ "$output" = ".:1:1: cannot read this file: Is a directory" ]
}

@test "syntax: tabs" {
    printf 'pipelines:\n\tp: {}\n' | refused '2:1: a tab cannot indent, use spaces'
    printf 'report: cat\n\tflow: x\n' | refused '2:1: a tab cannot indent, use spaces'
    printf 'pipelines:\n  p:\n    run: |\n\tcat\n' | refused '4:1: a tab cannot indent, use spaces'
}

@test "syntax: indentation" {
    refused '4:4: bad indentation: this fits no mapping above' <<'END'
pipelines:
  p:
    run: cat
   buffer: 64k
END
    refused '3:5: a pipeline is a mapping of keys to values, not a list' '4:5: bad indentation: this fits no list above' <<'END'
pipelines:
  p:
    - x
    y: z
END
}

@test "syntax: quotes that are not closed, at their beginning" {
    refused '3:10: the quote is not closed' <<'END'
pipelines:
  p:
    run: "cat
    buffer: 64k
END
    refused "1:7: the quote is not closed" <<<"flow: 'x"
}

@test "syntax: a value that needs quotes" {
    colon="a ':' here would make a key: put the value in quotes or behind '|' on lines of its own, or check the indentation"
    ended="a value has ended in front of this: put all of it in quotes, or behind '|' on lines of its own"
    refused "3:21: $colon" <<'END'
pipelines:
  p:
    run: pype-jq '{a: 1}'
END
    refused "1:11: $ended" <<<'flow: "x" y'
    refused "1:7: a value cannot begin with this character, put it in quotes" <<<'flow: @x'
    refused "1:7: a value cannot begin with '*' or '&', put it in quotes" <<<'flow: * x'
    refused "1:7: a value cannot begin with '!', put it in quotes" <<<'flow: !x!y z'
    refused "1:8: unknown escape: in \"…\" write \\\\ for a backslash, or use '…'" <<<'flow: "\q"'
}

@test "syntax: brackets, keys, block texts" {
    refused "1:7: a ',' or ']' is missing in the list that begins here" <<<'flow: [a, b'
    refused "1:7: a ',' or '}' is missing in the mapping that begins here" <<<'flow: {a: b'
    refused "2:1: a key without ':' behind it" <<<$'flow: x\npipelines\nreport: cat'
    refused "1:9: nothing may stand here: the text begins on the next line" <<<$'flow: | x\n  y'
    refused "1:1: there are no 'pipelines'" "1:3: a key must be a word" <<<$'? [a]\n: b'
}

@test "syntax: what comes before a mistake is looked at, what may come behind it is not missed" {
    refused "1:1: unknown key 'flaw', did you mean 'flow'?" "5:29: 'buffer' takes a size from 4k to 1G, not 'x'" \
        "7:20: the quote is not closed" <<'END'
flaw: x
pipelines:
  p:
    stages:
      a: {run: cat, buffer: x}
      b: {run: cat, from: c}
      c: {env: {B: "no end
END
}

@test "syntax: not a text, not UTF-8" {
    printf 'flow: \303\251\377\n' | refused '1:8: this is not UTF-8'
    printf 'flow: x\nreport: \303\251\001\n' | refused '2:10: a control character'
    printf 'flow: "a\\0b"\n' | refused "1:1: there are no 'pipelines'" '1:7: a NUL character in a text'
    printf '\376\377\0f\0l\0o\0w' | refused '1:1: this is not UTF-8'
    refused '1:1: the manifest is empty' <<<'# nothing'
    refused '1:1: a manifest is a mapping of keys to values, not a list' <<<'[a]'
    refused "1:1: there are no 'pipelines'" '2:1: a second document: a manifest is one' <<<$'flow: x\n---\nflow: y'
}

@test "a byte order mark, CRLF and JSON are fine" {
    printf '\357\273\277pipelines:\r\n  p:\r\n    run: |\r\n      cat |\r\n      cat\r\n' | accepted
    printf '{"flow": "x", "pipelines": {"p": {"stages": {"a": "cat", "b": {"from": ["a"], "run": "cat"}}}}}' | accepted
}

@test "what is too large or too deep ends at once" {
    { printf 'flow: '; printf '[%.0s' {1..200000}; } | refused '1:70: nested more than 64 deep'
    head -c 1100000 /dev/zero | tr '\0' '#' | refused '1:1: this file is larger than a manifest may be (1 MiB)'
    seq -f 'k%.0f: x' 60000 >flow.yaml
    seq -f 'k%.0f: x' 20000 >>flow.yaml
    start=$SECONDS
    run -2 pype check
    [ ${#lines[@]} = 80001 ]
    [ "${lines[80000]}" = "flow.yaml:80000:1: 'k20000' is there already, on line 20000" ]
    [ $((SECONDS - start)) -lt 20 ]
    { echo 'pipelines:'; seq -f '  p%.0f: {run: "true"}' 1001; } | refused '2:3: more than 1000 pipelines'
}

@test "control characters of a manifest do not reach the terminal, and messages have a limit" {
    printf '"a\\e[31m\\x7f\\nb": x\n' | refused "1:1: unknown key 'a\\x1b[31m\\x7f\\x0ab'" "1:1: there are no 'pipelines'"
    printf 'flow: %05000d.\n' 0 >flow.yaml
    run -2 pype check
    [ "${#lines[1]}" -lt 1100 ]
    [[ ${lines[1]} == flow.yaml:1:7:*... ]]
}

@test "plain words are what their keys make of them" {
    accepted <<'END'
flow: no
env: {A: no, B: 30, C: 1.0, D: ~, E: null, F: 0x10, G: 2026-11-23, H: y, "I": off}
restart: {limit: "3", within: '5'}
pipelines: {1: {run: cat}, true: {run: cat}, 3-4: {run: cat}}
END
    run -0 pype print
    for value in A=\'no\' B=\'30\' C=\'1.0\' D=\'~\' E=\'null\' F=\'0x10\' G=\'2026-11-23\' H=\'y\' I=\'off\'; do
        [[ $output == *"export $value"* ]]
    done
}

@test "misspelt words: the nearest one is named" {
    refused "1:1: unknown key 'pipeline', did you mean 'pipelines'?" "1:1: there are no 'pipelines'" <<<'pipeline: {}'
    refused "1:1: unknown key 'zzzz'" "1:1: there are no 'pipelines'" <<<'zzzz: {}'
    refused "3:32: unknown key 'form', did you mean 'from'?" "3:41: unknown key 'stop_timout', did you mean 'stop_timeout'?" <<'END'
pipelines:
  p: {stages: {
    a: {run: cat, env: {A: b}, form: b, stop_timout: 3}}}
END
}

@test "what later versions will have is refused with words of its own" {
    refused "1:2: 'cluster' is not available in this version" <<<'{cluster: {}, pipelines: {p: {run: cat}}}'
}

@test "graphs: several sources, several readers, events by name" {
    accepted <<'END'
pipelines:
  p: {stages: {
      a: {run: cat},
      b: {run: cat, from: a},
      c: {run: cat, from: [a.price, "a.it's. \u00e9 b", b.price]},
      d: {run: cat, from: [b, c, e]},
      e: {run: cat},
      f: {run: cat, from: [e.x.y]}}}
END
    refused "3:76: 'a' is named twice" "4:44: 'a.x' is named twice" "5:31: 'a.x' is named beside 'a', which is all its events" \
        "6:33: 'a.y' is named beside 'a', which is all its events" "7:28: no event behind the '.' of 'a.'" \
        "8:28: there is no stage '' in this pipeline, did you mean 'a'?" \
        "8:32: there is no stage 'bb' in this pipeline, did you mean 'b'?" \
        "9:27: 'h' reads itself" "10:28: 'from' takes STAGE, STAGE.EVENT or a list of them, not a list" <<'END'
pipelines:
  p: {stages: { a: cat,
      b: {run: cat, from: [a.x, a.y, a.x.y, b1]}, b1: {run: cat, from: [a, a]},
      c: {run: cat, from: [a.x, b1.x, a.y, a.x]},
      d: {run: cat, from: [a, a.x]},
      e: {run: cat, from: [a.y, a]},
      f: {run: cat, from: [a.]},
      g: {run: cat, from: [.x, bb.x]},
      h: {run: cat, from: h.x},
      i: {run: cat, from: [[a]]}}}
END
}

@test "graphs: 60 readers and 60 read, no more" {
    stages() {
        echo 'pipelines: {p: {stages: {all: {run: cat, from: ['
        seq -f 's%.0f,' "$1"
        echo ']}, a: cat,'
        seq -f 's%.0f: {run: cat, from: a},' "$1"
        echo '}}}'
    }
    stages 60 | accepted
    stages 61 | refused "62:1: 'all' reads more than 60 times" "124:23: 'a' is read more than 60 times"
    stages 70 | refused "62:1: 'all' reads more than 60 times" "133:23: 'a' is read more than 60 times"
}

@test "settings: nearer ones mend what is wrong further out" {
    accepted <<'END'
protocol: sync
when_full: drop-oldest
delivery: fast
ack: lines
fsync: always
quota: 2M
pipelines:
  a: {protocol: async, when_full: block, run: cat | cat}
  b: {delivery: durable, when_full: block, run: pype-cron --once | sed -u p | pype-jq .}
  c:
    delivery: exact
    stages:
      a: {run: cat, protocol: async}
      b: {run: cat, from: a, when_full: spill, ack: eof}
  d: {run: cat}
END
}

@test "settings: what has an effect somewhere is not warned of, nor what stands beside a mistake elsewhere" {
    accepted <<'END'
fsync: always
pipelines:
  a: {run: cat | cat}
  b: {stages: {a: cat, b: {run: cat, from: a, delivery: durable}, c: {run: cat, from: a}}}
END
    refused "4:36: there is no stage 'x' in this pipeline, did you mean 'b'?" <<'END'
fsync: always
pipelines:
  a: {run: cat | cat}
  b: {stages: {b: {run: cat, from: x, delivery: durable, fsync: never}}}
END
    cat >flow.yaml <<'END'
fsync: always
pipelines:
  a: {run: cat | cat, delivery: exact}
  b: {run: cat, delivery: durable}
END
    run -0 pype check
    [ "$output" = "flow.yaml:1:1: warning: 'fsync' has no effect without 'delivery: durable'" ]
    # All commands say it.
    run_split -0 pype run -d state <<<''
    [ "$stderr" = "flow.yaml:1:1: warning: 'fsync' has no effect without 'delivery: durable'" ]
}

@test "settings: programs that are known to write other lines than they read" {
    cat >flow.yaml <<'END'
ack: lines
pipelines:
  p: {run: grep x | cat | sed x | X=1 /usr/bin/grep x | sort | pype-jq .}
  q: {stages: {a: cat, b: {run: wc -l, from: a, ack: eof}, c: {run: head -n 1, from: a, ack: lines}, d: {run: sort | cat, from: a}}}
END
    run -0 pype check
    rest="'ack: lines' is for one line out for each line in, and"
    diff - <(echo "$output") <<END
flow.yaml:3:35: warning: $rest 'grep' does not do that: use eof
flow.yaml:3:57: warning: $rest 'sort' does not do that: use eof
flow.yaml:4:89: warning: $rest 'head' does not do that: use eof
END
}

@test "the stage page: which stages keep it" {
    # stage TEXT [SETTING]: the second of three stages in lock step.
    stage() {
        printf 'pipelines: {p: {protocol: sync, stages: {a: pype-cron --once, b: {run: "%s", from: a%s}, c: {run: pype-csv, from: b}}}}' \
            "$1" "${2:+, $2}"
    }
    for text in 'pype-jq .' "$BIN/pype-jq ." 'A=b pype-jq . 2>log' '2>&1 pype-jq .' 'pype jq .' 'pype-jq . 3<x'; do
        stage "$text" | accepted
        stage "$text" 'ack: page' | accepted
    done
    for text in cat '{ pype-jq .; }' 'pype-jq . | pype-jq .' 'pype-jq . >x' 'pype-jq . <x' 'pype-jq .; cat' '(pype-jq .)' \
        'pype-jq . 0<x' 'pype-jq . 1>>x' 'exec pype-jq .' '$X pype-jq .' 'if true; then pype-jq .; fi' 'pype-jq . <<X\n{}\nX\n'; do
        stage "$text" | refused "1:73: 'protocol: sync' waits until each stage has handled an event, and 'b' does not say when: give it 'ack: lines', 'ack: eof' or 'ack: page'"
        for ack in page eof; do stage "$text" "ack: $ack" | accepted; done
    done
}

@test "the machine: users, and limits beyond its own" {
    cat >flow.yaml <<'END'
limits: {processes: 10}
pipelines:
  a: {user: nobody, run: cat}
  b: {user: nowhere, run: cat}
  c: {user: "root:nowhere", run: cat}
  d: {limits: {files: 1000000, memory: 64T}, run: cat}
END
    denied=', only root can start stages as another user'
    cat >wanted.root <<'END'
flow.yaml:1:1: warning: limits: 'processes' has no effect on root: give the stage a 'user'
flow.yaml:4:7: there is no user 'nowhere' on this machine
flow.yaml:5:7: there is no group 'nowhere' on this machine
flow.yaml:6:7: warning: limits: 'processes' has no effect on root: give the stage a 'user'
END
    cat >wanted.other <<'END'
flow.yaml:3:7: only root can start stages as another user
flow.yaml:4:7: there is no user 'nowhere' on this machine
flow.yaml:4:7: only root can start stages as another user
flow.yaml:5:7: there is no group 'nowhere' on this machine
flow.yaml:5:7: only root can start stages as another user
flow.yaml:6:7: limits: only root can raise 'files' above 100
END
    if [ "$(id -u)" = 0 ]; then
        run -2 pype check
        diff wanted.root <(echo "$output")
        # Somebody else, where the programs can be reached by everybody.
        mkdir -m 755 all
        cp "$BIN/pype" all/
        for path in "$PWD" "${PWD%/*}" "$BATS_RUN_TMPDIR"; do chmod a+x "$path"; done
        su -s /bin/sh nobody -c "test -x $PWD/all/pype"
        run -2 su -s /bin/sh nobody -c "ulimit -n 100; $PWD/all/pype check - <<'END'
$(cat flow.yaml)
END"
    else
        run -2 sh -c 'ulimit -n 100; pype check'
    fi
    diff wanted.other <(sed 's/^-:/flow.yaml:/' <<<"$output")
    # Who only looks at the flow is not bothered.
    for command in print graph; do
        run -0 pype $command
        [[ $output != *nowhere*machine* ]]
    done
}

@test "a long form: a line in any order is fine; cycles, lost ones, second sources are not" {
    accepted <<'END'
pipelines:
  p:
    stages:
      d: {run: cat, from: c}
      b: {run: cat, from: a}
      c: {run: cat, from: [b]}
      a: "true"
END
    refused "4:30: a cycle: 'loop' reads 'pool' reads 'loop'" "6:30: 'self' reads itself" \
        "8:31: there is no stage 'tow' in this pipeline, did you mean 'two'?" \
        "10:30: a cycle: 'four' reads 'five' reads 'four'" <<'END'
pipelines:
  p:
    stages:
      loop: {run: cat, from: pool}
      pool: {run: cat, from: loop}
      self: {run: cat, from: self}
      two: cat
      three: {run: cat, from: tow}
      one: cat
      four: {run: cat, from: [one, two, five.a]}
      five: {run: cat, from: [four.b]}
END
}

# keys LEVEL: the keys that the JSON Schema lets the flow, a pipeline or a stage have.
keys() {
    "$PYTHON" -c '
import json, sys
schema = json.load(open(sys.argv[1]))
level = {"flow": schema, "pipeline": schema["definitions"]["pipeline"],
         "stage": schema["definitions"]["stage"]["oneOf"][1]}[sys.argv[2]]
print(*sorted(level["properties"]))' "$ROOT/examples/flow.schema.json" "$1"
}

@test "the JSON Schema, the manual page and the program know the same keys" {
    # What the program knows: it has no unknown keys among all that the others name.
    all=$(for level in flow pipeline stage; do keys $level | tr ' ' '\n'; done | sort -u)
    table=$(sed -n '/^\.It Sy key Ta Sy in a/,/^\.El/p' "$ROOT/man/pype-flow.5" | grep '^\.It Ic')
    for level in flow pipeline stage; do
        known=
        for key in $all cluster; do
            case $level in
            flow) echo "{$key: {}}" ;;
            pipeline) echo "{pipelines: {p: {$key: {}}}}" ;;
            stage) echo "{pipelines: {p: {stages: {s: {$key: {}}}}}}" ;;
            esac >flow.yaml
            run -2 pype check
            [[ $output == *"unknown key '$key'"* || $output == *"'$key' is not available"* ]] || known+="$key "
        done
        [ "$known" = "$(keys $level) " ]
        [ "$known" = "$(grep "Ta [a-z, ]*$level" <<<"$table" | awk '{ print $3 }' | sort | xargs) " ]
    done
    # And the same values.
    for key in delivery protocol when_full ack fsync; do
        echo "{$key: '?'}" >flow.yaml
        run -2 pype check
        words=$(sed -n "s/.*'$key' takes \(.*\), not .*/\1/p" <<<"$output")
        schema=$("$PYTHON" -c 'import json, sys; print(*json.load(open(sys.argv[1]))["definitions"][sys.argv[2]]["enum"], sep=", ")' \
            "$ROOT/examples/flow.schema.json" $key)
        [ "$words" = "$schema" ]
        for word in ${words//,/}; do
            grep -qE "^\.It (Ic $key : )?Cm $word( |$)" "$ROOT/man/pype-flow.5"
        done
    done
}
