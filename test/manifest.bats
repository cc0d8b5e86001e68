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
    refused "3:31: unknown key 'form', did you mean 'from'?" "3:40: unknown key 'stop_timout', did you mean 'stop_timeout'?" <<'END'
pipelines:
  p: {stages: {
    a: {run: cat, buffer: 8k, form: b, stop_timout: 3}}}
END
}

@test "what later versions will have is refused with words of its own" {
    for setting in 'delivery: exact' 'delivery: durable' 'protocol: sync' 'when_full: spill' 'when_full: drop-oldest' \
        'when_full: drop-newest' 'ack: lines' 'user: nobody' 'limits: {}'; do
        key=${setting%%:*} value=${setting#*: }
        for where in "$setting" "pipelines: {p: {$setting, run: cat}}" "pipelines: {p: {stages: {a: {$setting, run: cat}}}}"; do
            echo "{$where}" >flow.yaml
            run -2 pype check
            [[ $output == *"'$value' is not available in this version: use "* || $output == *"'$key' is not available in this version"* ]]
            [[ $output != *unknown* ]]
        done
    done
}

@test "graphs that are no line are refused: fan-in, fan-out, events by name" {
    refused "5:27: from: 'fan-out' is not available in this version: a stage is read by one other" \
        "6:27: from: 'fan-in' is not available in this version: a stage reads one other" \
        "7:27: from: 'STAGE.EVENT' is not available in this version: name the stage alone, which gives all its events, and pick them with pype-jq" <<'END'
pipelines:
  p: {stages: {
      a: {run: cat},
      b: {run: cat, from: a},
      c: {run: cat, from: a},
      d: {run: cat, from: [b, c]},
      e: {run: cat, from: d.price}}}
END
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
        "9:7: 'one' is a second source beside 'two': give it a 'from', or a pipeline of its own" <<'END'
pipelines:
  p:
    stages:
      loop: {run: cat, from: pool}
      pool: {run: cat, from: loop}
      self: {run: cat, from: self}
      two: cat
      three: {run: cat, from: tow}
      one: cat
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
        for key in $all ack user limits cluster; do
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
    for value in fast async block; do
        [ "$(grep -c "\"enum\": \[\"$value\"\]" "$ROOT/examples/flow.schema.json")" = 1 ]
    done
}
