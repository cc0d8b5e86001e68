# The runner's commands but `run`: check looks into the stages, print writes a script that works, help and TOOL.

load lib

# tool NAME <<script: a program pype-NAME in PATH.
tool() {
    mkdir -p programs
    cat >"programs/pype-$1"
    chmod +x "programs/pype-$1"
    PATH=$PWD/programs:$PATH
}

# pipeline TEXT: a flow.yaml of one pipeline in the short form; its text begins at 4:7.
pipeline() {
    printf 'pipelines:\n  p:\n    run: |\n%s\n' "$(sed 's/^/      /' <<<"$1")" >flow.yaml
}

@test "check: a good flow, not a word, nothing made" {
    pipeline $'pype-cron --every 1s | pype-jq \'{time}\'\n| pype-csv -o out.csv time'
    run -0 pype check
    [ "$output" = "" ]
    run -0 pype check flow.yaml
    [ "$output" = "" ]
    [ "$(ls -A)" = flow.yaml ]
}

@test "check: what our own programs find in their options and programs" {
    pipeline $'pype-cron --evry 1s\n| pype-jq \'{time\'\n| pype jq --no-such\n| pype-csv -o'
    run -2 pype check
    [[ $output == *"flow.yaml:4:7: pype-cron: unknown option '--evry', did you mean '--every'?"* ]]
    [[ $output == *"flow.yaml:5:9: pype-jq: "* ]]
    [[ $output == *"flow.yaml:6:9: pype-jq: unknown option '--no-such'"* ]]
    [[ $output == *"flow.yaml:7:9: pype-csv: -"* ]]
    run ! grep -v '^flow.yaml:[4-7]:[79]: pype-' <<<"$output"
}

@test "check: mistakes of the manifest and of the stages together, in order" {
    cat >flow.yaml <<'END'
reprot: cat
pipelines:
  p:
    stages:
      b: {run: "pype-jq '('", from: a}
      a: {run: pype-cron, restrat: never}
      c: {run: nowhere, from: b}
END
    run -2 pype check
    [ "${lines[0]}" = "flow.yaml:1:1: unknown key 'reprot', did you mean 'report'?" ]
    [[ ${lines[1]} == "flow.yaml:5:17: pype-jq: "* ]]
    [ "${lines[-2]}" = "flow.yaml:6:27: unknown key 'restrat', did you mean 'restart'?" ]
    [ "${lines[-1]}" = "flow.yaml:7:16: 'nowhere' is not in PATH" ]
}

@test "check: redirections are left out, and nothing in a text is run but pype's programs" {
    pipeline $'pype-cron --once >made 2>>made\n| pype-jq "$(touch made)"\n| { pype-jq . ; touch made; }\n| touch made | cat'
    run -0 pype check
    [ "$output" = "" ]
    [ ! -e made ]
    pipeline 'pype-jq "(" >made'
    run -2 pype check
    [ ! -e made ]
}

@test "check: programs that are not there" {
    pipeline $'nowhere x\n| A=b pype-jqq .\n| bin/there\n| bin/other\n| /no/where\n| true\n| exec cat\n| if true; then false; fi\n| "$X" y\n| (a | b)'
    mkdir bin
    printf '#!/bin/sh\n' >bin/there
    printf '#!/bin/sh\n' >bin/other
    chmod +x bin/there
    mkdir elsewhere
    cd elsewhere
    run -2 pype check ../flow.yaml
    diff - <(echo "$output") <<'END'
../flow.yaml:4:7: 'nowhere' is not in PATH
../flow.yaml:5:9: 'pype-jqq' is not in PATH, did you mean 'pype-jq'?
../flow.yaml:7:9: 'bin/other' is not there, or not executable
../flow.yaml:8:9: '/no/where' is not there, or not executable
END
}

@test "check: the programs beside pype come first in PATH, then those of env" {
    tool csv <<<$'#!/bin/sh\nexit 2'
    tool mine <<<$'#!/bin/sh\nexit 0'
    pipeline 'pype-mine | pype-csv'
    run -0 pype check
    mv programs/pype-mine .
    run -2 pype check
    [ "$output" = "flow.yaml:4:7: 'pype-mine' is not in PATH" ]
    echo "env: {PATH: '$PWD'}" >>flow.yaml
    run -0 pype check
}

@test "check: the syntax of sh" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: "echo a; fi"
      b:
        from: a
        run: |
          while true
          do cat
          fi
END
    run -2 pype check
    [[ ${lines[0]} == "flow.yaml:4:19: "* ]]
    [[ ${lines[1]} == "flow.yaml:10:11: "* ]]
    # What only sh finds.
    pipeline $'for i\nin 1 2 do; cat'
    printf 'pipelines: {p: {stages: {a: "cat; then", b: {run: "cat &&", from: a}}}}\n' >flow.yaml
    run -2 pype check
    [[ ${lines[0]} == "flow.yaml:1:30: sh: line 1: Syntax error: "* ]]
    [[ ${lines[1]} == "flow.yaml:1:52: sh: line 1: Syntax error: "* ]]
}

@test "check: stages see their env, run in the manifest's directory, without input" {
    tool look <<'END'
#!/bin/sh
echo "$A $B $PYPE_CHECK $PWD $(cat) $#" >&2
echo to stdout
END
    mkdir dir
    cat >dir/flow.yaml <<'END'
env: {A: flow, B: flow}
pipelines: {p: {stages: {a: {run: pype-look "$A b" $B '', env: {A: stage}}}}}
END
    run_split -0 pype check dir/flow.yaml <<<x
    [ "$output" = "" ]
    [ "$stderr" = "dir/flow.yaml:2:35: warning: stage flow 1 $PWD/dir  3" ]
}

@test "check: warnings do not fail it, silent failures and deaths are said" {
    tool warns <<<$'#!/bin/sh\necho "pype-warns: warning: old" >&2'
    tool fails <<<$'#!/bin/sh\nexit 1'
    tool dies <<<$'#!/bin/sh\nkill -9 $$'
    tool floods <<<$'#!/bin/sh\nyes | cat -n | head -c 1000000 >&2; exit 2'
    pipeline 'pype-warns'
    run -0 pype check
    [ "$output" = "flow.yaml:4:7: warning: pype-warns: warning: old" ]
    pipeline $'pype-fails\n| pype-dies'
    run -2 pype check
    [ "${lines[0]}" = "flow.yaml:4:7: 'pype-fails' with PYPE_CHECK=1 ended with status 1, and said nothing" ]
    [ "${lines[-1]}" = "flow.yaml:5:9: 'pype-dies' with PYPE_CHECK=1 was killed by signal 9" ]
    pipeline pype-floods
    run -2 pype check
    [ ${#lines[@]} = 7282 ]
}

@test "check: who does not end is killed with all it started, and said" {
    tool hangs <<'END'
#!/bin/sh
sleep 1000 &
echo $! >>pids
echo $$ >>pids
trap '' TERM
wait
END
    tool leaves <<'END'
#!/bin/sh
sleep 1000 &
echo $! >>pids
END
    pipeline $'pype-hangs\n| pype-leaves\n| cat'
    start=$SECONDS
    run -2 pype check
    [ "$output" = "flow.yaml:4:7: 'pype-hangs' with PYPE_CHECK=1 has not ended after 10s" ]
    [ $((SECONDS - start)) -lt 20 ]
    [ "$(wc -l <pids)" = 3 ]
    while read -r pid; do wait_gone "$pid" 2; done <pids
}

@test "check: several at a time" {
    tool waits <<<$'#!/bin/sh\nsleep 1'
    printf 'pipelines: {p: {run: "%s"}}\n' "$(yes pype-waits | head -n 8 | paste -sd '|')" >flow.yaml
    start=$SECONDS
    run -0 pype check
    [ $((SECONDS - start)) -lt 7 ]
}

@test "check: the report command, and secrets" {
    cat >flow.yaml <<'END'
report: pype-jqq .
env: {TOKEN: {file: token}, OTHER: {file: dir}}
pipelines: {p: {run: cat}}
END
    mkdir dir
    mkfifo token
    run -2 timeout 10 pype check
    diff - <(echo "$output") <<'END'
flow.yaml:1:9: 'pype-jqq' is not in PATH, did you mean 'pype-jq'?
flow.yaml:2:21: cannot read the secret 'token': not a regular file
flow.yaml:2:43: cannot read the secret 'dir': not a regular file
END
    rm token
    echo secret >token
    sed -i 's/, OTHER.*}}/}/; s/jqq/jq/' flow.yaml
    run -0 pype check
    [ "$output" = "" ]
}

@test "check: stages that nobody reads and that are no outputs" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: pype-cron --once
      b: {run: pype-jq ., from: a}
      c: {run: pype-jq . >file, from: a}
      d: {run: pype-csv -o x, from: a}
      e: {run: cat, from: a}
  q: {run: pype-cron --once | pype-jq .}
END
    run -0 pype check
    [ "$output" = "" ]
    cat >>flow.yaml <<'END'
  r:
    stages:
      a: pype-cron --once
      b: {run: pype-jq ., from: a}
      c: pype-cron --once
      d: {run: pype-jq . 2>log, from: a.x}
END
    run -0 pype check
    diff - <(echo "$output") <<'END'
flow.yaml:14:10: warning: nobody reads 'c', so its events are mixed with those of 'b' on standard output
flow.yaml:15:16: warning: nobody reads 'd', so its events are mixed with those of 'b' on standard output
END
}

@test "check: its own options" {
    run -2 pype check a b
    [[ $output == "pype check: fatal: too many operands"* ]]
    run -2 pype check --only x
    [[ $output == "pype check: fatal: unknown option '--only'"* ]]
    run -0 pype check --help
    [[ ${lines[0]} == "pype check: "* ]]
}

# Prints the flow and runs the script; its output in ./out.
run_printed() {
    pype print "$@" >script
    sh -n script
    sh script >out 2>err </dev/null
    [ ! -s err ]
}

@test "print: the script does what the flow does" {
    cp "$FIXTURES/flow-full.yaml" flow.yaml
    run_printed --only short
    [ "$(cat out)" = '{"a":"MSFT|no"}' ]
    run_printed --only long
    [ "$(cat out)" = "$(printf "%s yes O'Reilly\n" 30 2 1)" ]
    run_printed --only short --only long
    [ "$(sort out)" = "$(printf '%s\n' "1 yes O'Reilly" "2 yes O'Reilly" "30 yes O'Reilly" '{"a":"MSFT|no"}')" ]
    [ "$(tail -n 1 script)" = wait ]
    grep -qx '# not in here: report: cat >/dev/null' script
    run_printed
    for line in "2 yes O'Reilly" '{"a":"MSFT|no"}' 'a:{"event":"a","n":3}' 'b:{"event":"hour"}' '{"event":"cron","t":2}'; do
        grep -qF -- "$line" out
    done
    [ "$(wc -l <out)" = 11 ]
    [ "$(wc -l <all.txt)" = 4 ]
    [ "$(grep '^# not in here' script)" = '# not in here: report: cat >/dev/null
# not in here: short.printf: limits
# not in here: short.grep: limits
# not in here: short.stage-3: limits
# not in here: short.cat: limits
# not in here: short.cat-2: limits
# not in here: long.first: limits
# not in here: long.middle: ack: lines, limits
# not in here: long.last: limits
# not in here: graph.ticks: limits
# not in here: graph.hours: ack: page, limits
# not in here: graph.a: delivery: durable, when_full: drop-oldest, ack: eof, limits
# not in here: graph.b: delivery: durable, limits, lines of more than 4096 bytes in one piece
# not in here: graph.all: when_full: spill, limits, lines of more than 4096 bytes in one piece
# not in here: graph.both: delivery: durable, when_full: drop-newest, limits, lines of more than 4096 bytes in one piece
# not in here: lock.cron: protocol: sync, limits
# not in here: lock.sed: ack: lines, limits
# not in here: lock.jq: limits' ]
}

@test "print: one plain pipeline stays plain" {
    pipeline $'pype-cron --from 0 --to 3 --every 1s # comment\n| pype-jq \'.time |\n . + 1\' | cat'
    pype print >script
    diff - script <<'END'
#!/bin/sh
# the flow flow

# pipeline p
pype-cron --from 0 --to 3 --every 1s |
	pype-jq '.time |
 . + 1' |
	cat
END
    [ "$(sh script)" = $'1\n2\n3' ]
}

@test "print: the same text as the runner" {
    pipeline $'pype-cron --from 0 --to 3 --every 1s\n| pype-jq \'{time, n: 1}\'\n| pype-csv -o out.csv'
    run_printed
    mv out.csv printed.csv
    run -0 pype run -d state
    cmp out.csv printed.csv
    [ "$(wc -l <out.csv)" = 4 ]
}

@test "print: lists, here-documents, pipes in a stage, negation" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: |
        cat <<X
        a $(echo b)
        X
      b: {run: "cat; echo c", from: a}
      c: {run: 'cat | tac # and back | tac', from: b}
      d: {run: "! grep -c zzz\n", from: c}
END
    run_printed
    [ "$(cat out)" = 0 ]
}

@test "print: env in any quotes, secrets by their file only" {
    printf 'top secret\n\n' >token
    cat >flow.yaml <<'END'
env:
  A: "it's \"$HOME\" `x` \\ \n!"
  TOKEN: {file: token}
  B: flow
pipelines:
  p:
    env: {B: pipeline}
    run: printf '%s|%s|%s' "$A" "$TOKEN" "$B"
END
    pype print >script
    run ! grep -q 'top secret' script
    [ "$(sh script)" = "it's \"\$HOME\" \`x\` \\ "$'\n'"!|top secret|pipeline" ]
    mkdir elsewhere
    cd elsewhere
    pype print ../flow.yaml >script
    [ "$(sh script | tail -n 1)" = '!|top secret|pipeline' ]
}

@test "print: events by name in a line" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      a: printf '{"event":"%s"}\n' x y "it's" x z '\"('
      b: {run: cat, from: a}
      c: {run: cat -n, from: [b.x, "b.it's", 'b."(']}
END
    pype print >script
    diff - script <<'END'
#!/bin/sh
# the flow flow

# pipeline p
printf '{"event":"%s"}\n' x y "it's" x z '\"(' |
	cat |
	pype-jq 'select(.event == "x" or .event == "it'\''s" or .event == "\"(")' |
	cat -n
END
    run_printed
    [ "$(awk '{ print $2 }' out | xargs -d '\n')" = '{"event":"x"} {"event":"it'"'"'s"} {"event":"x"} {"event":"\"("}' ]
}

@test "print: graphs, by named pipes, the same lines as the graph says" {
    cat >flow.yaml <<'END'
env: {A: flow}
pipelines:
  p:
    env: {B: pipeline}
    stages:
      one: {run: 'for i in $(seq 1000); do echo "{\"event\":\"$((i % 3))\",\"n\":$i,\"A\":\"$A\"}"; done', env: {A: stage}}
      two: echo "{\"event\":\"0\",\"n\":\"$B\"}"
      all: {run: sort >all, from: [one, two]}
      zero: {run: sort >zero, from: [one.0, two.0]}
      some: {run: "(grep -c .)", from: [one.0, one.1]}
      first: {run: head -n 1, from: one}
      copy: {run: 'while read -r line; do echo "$line"; done', from: one}
      again: {run: sort >again, from: [copy, copy.x.y, "copy. "]}
      count: {run: cat | wc -l, from: copy.2}
END
    sed -i 's/\[copy, copy.x.y, "copy. "\]/[copy.0, copy.1, copy.2, "copy. "]/' flow.yaml
    mkdir tmp
    TMPDIR=$PWD/tmp run_printed
    [ "$(sort -n out)" = $'{"event":"1","n":1,"A":"stage"}\n333\n667' ] || [ "$(sort out)" = "$(printf '333\n667\n{"event":"1","n":1,"A":"stage"}\n' | sort)" ]
    [ "$(wc -l <all)" = 1001 ]
    [ "$(wc -l <zero)" = 334 ]
    grep -qxF '{"event":"0","n":"pipeline"}' all
    grep -qxF '{"event":"0","n":"pipeline"}' zero
    [ "$(grep -cF '"A":"stage"' all)" = 1000 ]
    cmp again <(grep stage all)
    # Nothing stays behind.
    [ -z "$(ls -A tmp)" ]
}

@test "print: a graph ends when its sources are told to, and drains" {
    cat >flow.yaml <<'END'
pipelines:
  p:
    stages:
      one: {run: pype-cron --every 50ms}
      two: {run: pype-jq ., from: one}
      out: {run: cat >out, from: [one, two]}
      end: {run: 'cat >/dev/null; echo done >end', from: one}
END
    pype print >script
    mkdir tmp
    TMPDIR=$PWD/tmp start sh script
    wait_for lines out 4
    kill -TERM "$PID"
    wait_gone "$PID"
    wait_for lines end 1
    [ $(($(wc -l <out) % 2)) = 0 ]
    [ -z "$(ls -A tmp)" ]
}

@test "print: mistakes, unknown pipelines, no space" {
    echo 'flow: x' >flow.yaml
    run_split -2 pype print
    [ "$output" = "" ]
    [ "$stderr" = "flow.yaml:1:1: there are no 'pipelines'" ]
    pipeline cat
    run -2 pype print --only q
    [[ $output == "pype print: fatal: the flow has no pipeline 'q', did you mean 'p'?"* ]]
    run -1 sh -c 'pype print >/dev/full'
    [[ $output == "pype print: fatal: cannot write to standard output: "* ]]
}

@test "help: commands and tools, by group where the manual is near" {
    tool mine <<<$'#!/bin/sh\n[ "$1" = --help ] && echo "pype-mine: do what I want" && echo usage'
    tool hangs <<<$'#!/bin/sh\nsleep 1000'
    tool silent <<<'not a program'
    mkdir -p opt/bin opt/share/man/man1
    for program in "$BIN"/pype*; do ln "$program" opt/bin/ 2>/dev/null || cp "$program" opt/bin/; done
    cp "$ROOT"/man/*.1 opt/share/man/man1/
    run -0 opt/bin/pype help
    help=$output
    run -0 opt/bin/pype --help
    [ "$output" = "$help" ]
    for command in run check graph print help; do grep -qE "^  $command +[a-z]" <<<"$help"; done
    group=
    while IFS= read -r line; do
        case $line in
        *:) group=${line%:} ;;
        '  '[a-z]*)
            name=$(awk '{ print $1 }' <<<"$line") summary=$(sed 's/^ *[^ ]* *//' <<<"$line")
            for folder in sources processors outputs; do
                if [ -e "$ROOT/cmd/$folder/$name.c" ] || [ -d "$ROOT/cmd/$folder/$name" ]; then
                    [ "$group" = "$folder" ]
                    [ "$(opt/bin/pype-$name --help | head -n 1)" = "pype-$name: $summary" ]
                    listed+=" $name"
                fi
            done
            ;;
        esac
    done <<<"$help"
    for program in "$BIN"/pype-*; do [[ " $listed " == *" ${program##*-} "* ]]; done
    [[ $help == *$'other tools:\n'* ]]
    [[ $help == *$'\n  mine          do what I want\n'* ]]
    grep -qE '^  hangs *$' <<<"$help"
    grep -qE '^  silent *$' <<<"$help"
}

@test "help TOOL: --help without a terminal, man with one" {
    [ "$(pype help csv)" = "$(pype-csv --help)" ]
    [ "$(pype help check)" = "$(pype check --help)" ]
    mkdir -p opt/bin opt/share/man/man1 opt/share/man/man5 programs
    for program in "$BIN"/pype "$BIN"/pype-csv; do ln "$program" opt/bin/ 2>/dev/null || cp "$program" opt/bin/; done
    touch opt/share/man/man1/pype-csv.1 opt/share/man/man5/pype-event.5
    printf '#!/bin/sh\necho "man $*"\n' >programs/man
    chmod +x programs/man
    PATH=$PWD/programs:$PATH
    run -0 script -qec 'opt/bin/pype help csv' /dev/null
    [[ $output == "man $PWD/opt/bin/../share/man/man1/pype-csv.1"* ]]
    [ "$(opt/bin/pype help csv)" = "$(pype-csv --help)" ]
    [ "$(opt/bin/pype help event)" = "man $PWD/opt/bin/../share/man/man5/pype-event.5" ]
    run -2 pype help cvs
    [[ $output == *"'cvs' is neither a command nor a tool, did you mean 'csv'?"* ]]
}

@test "TOOL is pype-TOOL: arguments, input, status; beside pype first, then in PATH" {
    [ "$(echo '{"a b":1}' | pype csv -d ';' 'a b')" = $'a b\n1' ]
    run -2 pype csv --no-such
    [[ $output == "pype-csv: fatal: unknown option '--no-such'"* ]]
    run -0 pype csv --help
    [[ $output == "pype-csv: "* ]]
    tool csv <<<$'#!/bin/sh\necho mine'
    tool mine <<<$'#!/bin/sh\necho "$0 $*"; exit 7'
    [[ $(pype csv --help) == "pype-csv: "* ]]
    run -7 pype mine a 'b c' --help
    [ "$output" = "$PWD/programs/pype-mine a b c --help" ]
}

@test "neither a command nor a tool: exit 2, with what is near" {
    run -2 pype chekc
    [ "$output" = "pype: fatal: 'chekc' is neither a command nor a tool, did you mean 'check'? (try 'pype help')" ]
    run -2 pype cvs
    [[ $output == *"did you mean 'csv'?"* ]]
    run -2 pype ../bin/pype-csv
    [[ $output == "pype: fatal: '../bin/pype-csv' is neither"* ]]
    run -2 pype ''
    run -2 pype
    [[ $output == "pype: fatal: command missing"* ]]
    run -2 pype --
    run -0 pype -v help check
    [[ $output == "pype check: "* ]]
    run -0 pype --version
    [[ $output =~ ^pype\ [0-9.]+$ ]]
}
