#!/usr/bin/env bats
# pype-jq: the same answers as the installed jq, and the contract of a stage.

bats_require_minimum_version 1.5.0
load lib

prepare() {
    export HOME=$PWD # no ~/.jq but our own
    # for a build with SAN=1
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0
    export LSAN_OPTIONS=suppressions=$FIXTURES/jq.lsan:print_suppressions=0
}

# --- the same answers as jq ------------------------------------------------------------------------------------------

# jq's messages as ours: the line's number, then what it said.
as_ours() {
    sed -e 's/^pype-jq: error: //' \
        -e 's/^jq: error (at <stdin>:\([0-9]*\)) *:* */line \1: /' -e 's/^jq: error (at <unknown>) *:* *//' \
        -e 's/^jq: error: //' -e 's/^jq: //' -e 's/ *$//' -e '/^$/d' "$1"
}

# The status that pype-jq ends with where jq ends with $1, having said ./said.want.
our_status() {
    if grep -q 'compile error' said.want; then
        echo 2
    elif [ "$1" -ne 2 ] && grep -q '^line [0-9]' said.want; then
        echo 1 # a bad event, wherever it was; jq's status is that of the last input
    else
        echo "$1"
    fi
}

# compare_cases PART PARTS <CASES: every PARTSth case, in jq and in pype-jq: results, messages, status.
# A case is a line of arguments, as for a shell, and lines of input up to an empty one; it may have a name, "# NAME", in front.
compare_cases() {
    local arguments name words line want got want_status status n=0 differ=0
    while IFS= read -r arguments; do
        name=
        if [ "${arguments:0:2}" = '# ' ]; then
            name="${arguments:2}: "
            IFS= read -r arguments
        fi
        : >input
        while IFS= read -r line && [ -n "$line" ]; do printf '%s\n' "$line" >>input; done
        [ $((n++ % $2)) -eq "$1" ] || continue
        set -f
        eval "words=($arguments)"
        set +f
        want_status=0 status=0
        jq -c "${words[@]}" <input >want 2>said.jq || want_status=$?
        pype-jq "${words[@]}" <input >got 2>said || status=$?
        : >said.want >said.got
        if [ -s said.jq ] || [ -s said ]; then
            as_ours said.jq >said.want
            as_ours said >said.got
            want_status=$(our_status $want_status)
        fi
        if ! cmp -s want got || ! cmp -s said.want said.got || [ "$want_status" -ne $status ]; then
            differ=$((differ + 1))
            echo "${name}pype-jq $arguments: status $status, not $want_status"
            diff want got
            diff said.want said.got
        fi
    done
    echo "$n cases"
    [ $differ -eq 0 ] && [ $n -gt 50 ]
}

@test "jq: our own cases give what jq gives" {
    compare_cases 0 1 <"$FIXTURES/jq-cases"
}

@test "jq: numbers, strings, keys, duplicates and errors, each by its name, give what jq gives" {
    compare_cases 0 1 <"$FIXTURES/jq-named"
}

# jq's manual page, where it is installed (minimal images leave the manual out); the cases above stand alone, too.
manual() {
    local page
    page=$(man -w jq 2>/dev/null) || page=/usr/share/man/man1/jq.1.gz
    if [ -e "$page" ]; then
        zcat -f "$page" | awk -f "$FIXTURES/jq-manual.awk"
    else
        cat "$FIXTURES/jq-cases"
    fi
}

@test "jq: the examples of jq's manual, first half" {
    manual | compare_cases 0 2
}

@test "jq: the examples of jq's manual, second half" {
    manual | compare_cases 1 2
}

@test "jq: odd lines are taken and refused as jq does, each by itself" {
    local line n=0
    while IFS= read -r line; do
        n=$((n + 1))
        printf '%b\n' "$line" >one
        cat one >>all
        jq -c . <one >>expected 2>said || echo $n >>refused
    done <"$FIXTURES/jq-lines"
    [ "$n" -gt 60 ]
    run_split pype-jq --dead-letter dead . <all
    [ "$status" -eq 1 ]
    pype-jq . <all 2>said >got || true
    cmp expected got
    pype-jq .data.line dead | cmp - refused
}

# --- options ---------------------------------------------------------------------------------------------------------

@test "jq: one compact line per result, several per event" {
    run_split pype-jq '.[], {a: .}' <<<'[1, {"b" : [ 2 ]}]'
    [ "$status" -eq 0 ]
    [ "$output" = $'1\n{"b":[2]}\n{"a":[1,{"b":[2]}]}' ]
    [ -z "$stderr" ]
    run_split pype-jq --compact-output -c . <<<'{"a": 1}'
    [ "$output" = '{"a":1}' ]
}

@test "jq: -r and -j write strings raw, -a ASCII, -S sorted" {
    printf '"a\\nb" {"z":"\xc3\xa9","a":1}\n' >input
    [ "$(pype-jq -r . <input)" = $'a\nb\n{"z":"é","a":1}' ]
    [ "$(pype-jq --raw-output . <input)" = "$(pype-jq -r . <input)" ]
    [ "$(pype-jq -j '., "-"' <input)" = $'a\nb-{"z":"é","a":1}-' ]
    [ "$(pype-jq --join-output -a '.' <input)" = '"a\nb"{"z":"\u00e9","a":1}' ]
    [ "$(pype-jq --ascii-output --sort-keys '.' <input)" = $'"a\\nb"\n{"a":1,"z":"\\u00e9"}' ]
    pype-jq -r . <<<'"a\u0000b"' | cmp - <(printf 'a\0b\n')
}

@test "jq: -n runs once, input and inputs take the lines" {
    [ "$(pype-jq -n '[inputs]' <<<$'1 2\n3')" = '[1,2,3]' ]
    [ "$(pype-jq --null-input '., input, "-", input' <<<$'1 2\n3')" = $'null\n1\n"-"\n2' ]
    [ "$(pype-jq '[., input]' <<<$'1 2\n3\n4')" = $'[1,2]\n[3,4]' ]
    [ "$(pype-jq -n 1 <&-)" = 1 ]
}

@test "jq: -R takes lines as strings, empty ones too, and -s all of them as one text" {
    printf 'a\n\n {"x"\r\nb' >input
    [ "$(pype-jq -R . <input)" = $'"a"\n""\n" {\\"x\\"\\r"\n"b"' ]
    [ "$(pype-jq --raw-input --slurp . <input)" = '"a\n\n {\"x\"\r\nb"' ]
    [ "$(printf 'a' | pype-jq -Rs .)" = '"a"' ]
    [ "$(printf 'a\n\n' | pype-jq -Rs .)" = '"a\n\n"' ]
    [ "$(pype-jq -Rs . </dev/null)" = '""' ]
    [ "$(pype-jq -nRs '[inputs]' <input)" = '["a\n\n {\"x\"\r\nb"]' ]
}

@test "jq: -s runs once on an array of all events" {
    [ "$(pype-jq -s . <<<$'1\n\n{"a":2} 3')" = '[1,{"a":2},3]' ]
    [ "$(pype-jq -s . </dev/null)" = '[]' ]
    [ "$(pype-jq -ns '., input' <<<$'1\n2')" = $'null\n[1,2]' ]
}

@test "jq: --max-slurp bounds what -s takes" {
    run_split pype-jq -s --max-slurp 8 'length' <<<$'1\n2\n3\n4'
    [ "$status" -eq 0 ]
    [ "$output" = 4 ]
    run_split pype-jq -s --max-slurp 8 'length' <<<$'1\n2\n3\n4\n5'
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ "$stderr" == 'pype-jq: fatal: the input is larger than 8, '* ]]
    run_split pype-jq -Rs --max-slurp 8 'length' <<<$'1\n2\n3\n4\n5'
    [ "$status" -eq 2 ]
    # without -s it means nothing
    run_split pype-jq --max-slurp 8 . <<<$'1\n2\n3\n4\n5'
    [ "$status" -eq 0 ]
}

@test "jq: -e answers with the status" {
    run -0 pype-jq -e . <<<$'null\n1'
    run -1 pype-jq --exit-status . <<<$'1\nnull'
    run -1 pype-jq -e . <<<false
    run -4 pype-jq -e empty <<<1
    run -4 pype-jq -e . </dev/null
    run -0 pype-jq -e 'select(. == 1)' <<<$'1\n2'
    run -0 pype-jq . <<<null
    # a bad event counts for more
    run -1 pype-jq -e . <<<$'{\n1'
    run -1 pype-jq -e 'error' <<<1
    # what the program asks for, too
    run -7 pype-jq -e 'null, ("" | halt_error(7))' <<<1
    run -0 pype-jq -e 'null, halt' <<<1
}

@test "jq: -f reads the program from a file, comments and all" {
    printf '#!/usr/bin/env -S pype-jq -f\n# halves\n.a / 2 # done\n' >program.jq
    [ "$(pype-jq -f program.jq <<<'{"a":4}')" = 2 ]
    [ "$(pype-jq --from-file=program.jq <<<'{"a":4}')" = 2 ]
    echo '{"a":6}' >input
    [ "$(pype-jq -f program.jq input)" = 3 ]
    run_split pype-jq -f missing.jq <<<1
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"cannot open 'missing.jq': No such file"* ]]
    printf '.a\0.b' >nul.jq
    run_split pype-jq -f nul.jq <<<1
    [ "$status" -eq 2 ]
    [[ "$stderr" == *NUL* ]]
    # a character across the 4096th byte stays whole
    { printf '"%04095d" | "' 0 && printf 'é%.0s' {1..3000} && echo '"'; } >long.jq
    [ "$(pype-jq -nrf long.jq | tr -d 'é' | wc -c)" -eq 1 ]
}

@test "jq: named and positional arguments" {
    echo '{"x": 1} [2]' >values
    printf 'text\nwith é' >text
    run_split pype-jq -n --arg a 1 --argjson b '{"c": [1.5]}' --slurpfile v values --rawfile t text '[$a, $b, $v, $t, $ARGS.named]'
    [ "$status" -eq 0 ]
    [ "$output" = '["1",{"c":[1.5]},[{"x":1},[2]],"text\nwith é",{"a":"1","b":{"c":[1.5]},"v":[{"x":1},[2]],"t":"text\nwith é"}]' ]
    [ "$(pype-jq -n --arg a 1 --arg a 2 '$a')" = '"1"' ]
    [ "$(pype-jq -n '$ARGS.positional' --args a '' -- -b --jsonargs)" = '["a","","-b","--jsonargs"]' ]
    [ "$(pype-jq -n --jsonargs '$ARGS.positional' 1 '{"a": null}' --args 1)" = '[1,{"a":null},"1"]' ]
    [ "$(pype-jq '[., $ARGS.positional]' values --args x --arg y z)" = $'[{"x":1},["x"]]\n[[2],["x"]]' ]
    [ "$(pype-jq -n '$ARGS')" = '{"positional":[],"named":{}}' ]
    # 4096 bytes are what libjq reads at once
    { printf '%04095d' 0 && printf 'é%.0s' {1..3000}; } >text
    [ "$(pype-jq -nj --rawfile t text '$t' | md5sum)" = "$(md5sum <text)" ]
}

# refused ARGUMENTS…: 2, words on stderr, no output.
refused() {
    run_split pype-jq -n 1 "$@"
    [ "$status" -eq 2 ] && [ -z "$output" ] && [ -n "$stderr" ]
}

@test "jq: arguments that are no JSON, and files that are not there, end it with 2" {
    echo '[1' >bad
    refused --argjson a '{'
    [[ "$stderr" == 'pype-jq: error: --argjson a: '* ]]
    refused --argjson a '1,2'
    refused --argjson a '1 2'
    refused --argjson a ''
    refused --slurpfile a bad
    refused --slurpfile a none
    refused --rawfile a none
    [[ "$stderr" == "pype-jq: fatal: cannot open 'none': No such file or directory" ]]
    refused --jsonargs '{'
    refused --arg a
}

@test "jq: a program that begins with a dash" {
    [ "$(pype-jq '-(.a)' <<<'{"a":1}')" = -1 ]
    [ "$(pype-jq -n -- -1)" = -1 ]
    run_split pype-jq -x
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"unknown option '-x'"* ]]
    run_split pype-jq
    [ "$status" -eq 2 ]
    [[ "$stderr" == *PROGRAM* ]]
}

@test "jq: files are read one after the other, each by its own line numbers" {
    printf '\xef\xbb\xbf1\n2' >a
    printf '\xef\xbb\xbf3\n{\n' >b
    run_split pype-jq -c '[., input_filename, input_line_number]' a missing - b <<<'"in"'
    [ "$status" -eq 2 ]
    [ "$output" = $'[1,"a",1]\n[2,"a",2]\n["in","<stdin>",1]\n[3,"b",1]' ]
    [[ "$stderr" == *"cannot open 'missing': No such file or directory"*"b: line 2: parse error: "* ]]
    [ "$(pype-jq -n '[inputs]' a a <&-)" = '[1,2,1,2]' ]
    [ "$(pype-jq -s . a a)" = '[1,2,1,2]' ]
    run_split pype-jq . missing <<<1
    [ "$status" -eq 2 ]
    [ -z "$output" ]
}

# --- what a program may do -------------------------------------------------------------------------------------------

@test "jq: input_line_number and input_filename" {
    [ "$(pype-jq '[input_line_number, input_filename]' <<<$'1 2\n\n3')" = \
        $'[1,"<stdin>"]\n[1,"<stdin>"]\n[3,"<stdin>"]' ]
    [ "$(pype-jq -n '[input_line_number, input_filename]' <<<1)" = '[0,null]' ]
}

@test "jq: the environment and the program's own place" {
    export PLACE=here
    [ "$(pype-jq -nc '[$ENV.PLACE, env.PLACE, $__loc__]')" = '["here","here",{"file":"<top-level>","line":1}]' ]
}

@test "jq: debug and stderr go to standard error as they are" {
    run_split pype-jq 'debug | stderr | .a' <<<'{"a":"x"}'
    [ "$status" -eq 0 ]
    [ "$output" = '"x"' ]
    [ "$stderr" = $'["DEBUG:",{"a":"x"}]\n{"a":"x"}' ]
}

@test "jq: halt ends the stream, halt_error with its own status and words" {
    run_split pype-jq '., halt' <<<$'1\n2'
    [ "$status" -eq 0 ]
    [ "$output" = 1 ]
    run_split pype-jq '., ("no more\n" | halt_error)' <<<$'1\n2'
    [ "$status" -eq 5 ]
    [ "$output" = 1 ]
    [ "$stderr" = 'no more' ]
    run_split pype-jq 'halt_error(3)' <<<'{"a":"b"}'
    [ "$status" -eq 3 ]
    [ "$stderr" = '{"a":"b"}' ]
    pype-jq -n '"a\u0000b" | halt_error(0)' 2>said
    printf 'a\0b' | cmp - said
    # bad events before it are not forgotten
    run_split pype-jq 'if . == 2 then halt else . end' <<<$'1\n{\n2\n3'
    [ "$status" -eq 1 ]
    [ "$output" = 1 ]
}

@test "jq: modules, with -L and beside the program" {
    mkdir lib other
    echo 'def twice: . * 2;' >lib/m.jq
    echo '{"k": [1]}' >lib/d.json
    echo 'import "m" as m; def four: m::twice | m::twice;' >lib/n.jq
    [ "$(pype-jq -L lib 'import "n" as n; n::four' <<<1)" = 4 ]
    [ "$(pype-jq -Llib 'include "m"; import "d" as $d; twice, $d' <<<1)" = $'2\n[{"k":[1]}]' ]
    [ "$(pype-jq --library-path other -L lib -n 'include "m"; 2|twice')" = 4 ]
    echo 'include "m"; twice' >lib/main.jq
    echo 'include "m" {search: "./"}; twice' >lib/relative.jq
    [ "$(pype-jq -L lib -f lib/main.jq <<<3)" = 6 ]
    [ "$(pype-jq -f lib/relative.jq <<<3)" = 6 ]
    # without -L nothing is found, which libjq 1.6 must be kept from treating as a bug
    run_split pype-jq 'import "m" as m; .' <<<1
    [ "$status" -eq 2 ]
    [[ "$stderr" == *'module not found: m'* ]]
    mkdir .jq
    cp lib/m.jq .jq/
    [ "$(pype-jq 'include "m"; twice' <<<1)" = 2 ]
}

@test "jq: ~/.jq is read" {
    echo 'def thrice: . * 3;' >.jq
    [ "$(pype-jq thrice <<<1)" = 3 ]
}

@test "jq: a program that does not compile: 2, every line of jq's message ours" {
    run_split pype-jq $'.a\n| foo(1)' <<<1
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == 'pype-jq: error: foo/1 is not defined at <top-level>, line 2'* ]]
    [[ "${stderr_lines[-1]}" == 'pype-jq: error: 1 compile error' ]]
    run -0 grep -vc '^pype-jq: error: [^ ]\|^pype-jq: error:     ' <(printf '%s\nx\n' "$stderr")
    [ "$output" = 1 ]
    for program in '.a |' '}' '{' '"\(1' 'def f: ;' 'input(1)'; do
        run_split pype-jq "$program" </dev/null
        [ "$status" -eq 2 ]
        [ -n "$stderr" ]
    done
}

@test "jq: PYPE_CHECK=1 compiles and reads nothing" {
    mkfifo never
    exec 8<>never
    PYPE_CHECK=1 run_split timeout 5 pype-jq .a <never 8>&-
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    PYPE_CHECK=1 run_split timeout 5 pype-jq '.a |' <never 8>&-
    [ "$status" -eq 2 ]
    PYPE_CHECK=1 run_split timeout 5 pype-jq . missing <never 8>&-
    [ "$status" -eq 0 ]
    exec 8>&-
}

# --- bad events ------------------------------------------------------------------------------------------------------

@test "jq: a bad event is said with its line and kept whole, and the stream goes on" {
    printf '%s\n' '{"a":{"b":1}}' '' '{"a":' '{"a":7}' '"unterminated' '{"a":{"b":2}}' >input
    run_split pype-jq --dead-letter dead .a.b <input
    [ "$status" -eq 1 ]
    [ "$output" = $'1\n2' ]
    [ "${#stderr_lines[@]}" -eq 3 ]
    [[ "${stderr_lines[0]}" == 'pype-jq: error: line 3: parse error: Unfinished JSON term at EOF at column '* ]]
    [[ "${stderr_lines[1]}" == 'pype-jq: error: line 4: Cannot index number with '*'b'* ]]
    [[ "${stderr_lines[2]}" == 'pype-jq: error: line 5: parse error: Unfinished string at EOF at column '* ]]
    [ "$(pype-jq -r .data.text dead)" = "$(sed -n 3,5p input)" ]
    [ "$(pype-jq -c '[.event, .data.line]' dead)" = $'["dead_letter",3]\n["dead_letter",4]\n["dead_letter",5]' ]
    [ "$(pype-jq -r .data.error dead | sed -n 2p)" = "${stderr_lines[1]#pype-jq: error: line 4: }" ]
    PYPE_DEAD_LETTER=dead2 PYPE_NAME=flow.price run_split pype-jq .a.b <input
    [[ "${stderr_lines[1]}" == 'flow.price: error: line 4: '* ]]
    [ "$(wc -l <dead2)" -eq 3 ]
}

@test "jq: --on-error=fail ends at the first bad event" {
    run_split pype-jq --on-error=fail --dead-letter dead .a <<<$'{"a":1}\n2\n{"a":3}'
    [ "$status" -eq 1 ]
    [ "$output" = 1 ]
    [[ "$stderr" == 'pype-jq: fatal: line 2: Cannot index number with '* ]]
    [ "$(pype-jq .data.text dead)" = '"2"' ]
    run_split pype-jq --on-error=fail . <<<$'1\n}\n2'
    [ "$status" -eq 1 ]
    [ "$output" = 1 ]
}

@test "jq: what came before an error is kept, what the line still holds is dropped" {
    run_split pype-jq --dead-letter dead '.[] | 1 / .' <<<$'[1,0,2] [4]\n[1]'
    [ "$status" -eq 1 ]
    [ "$output" = $'1\n1' ]
    [ "$(wc -l <dead)" -eq 1 ]
    run_split pype-jq . <<<$'1 2 ] 3\n4'
    [ "$status" -eq 1 ]
    [ "$output" = $'1\n2\n4' ]
}

@test "jq: an error that is not a string, and one that is caught" {
    run_split pype-jq 'error' <<<'{"a":1}'
    [ "$status" -eq 1 ]
    [ "$stderr" = 'pype-jq: error: line 1: (not a string): {"a":1}' ]
    run_split pype-jq 'try error catch .a' <<<'{"a":1}'
    [ "$status" -eq 0 ]
    [ "$output" = 1 ]
    [ -z "$stderr" ]
}

@test "jq: input skips bad lines; an event for which it finds nothing is kept" {
    run_split pype-jq -n '[inputs]' <<<$'1\n{\n2'
    [ "$status" -eq 1 ]
    [ "$output" = '[1,2]' ]
    [[ "$stderr" == 'pype-jq: error: line 2: parse error: '* ]]
    run_split pype-jq --dead-letter dead '[., input]' <<<$'1\n2\n"odd"'
    [ "$status" -eq 1 ]
    [ "$output" = '[1,2]' ]
    [[ "$stderr" == 'pype-jq: error: line 3: '* ]]
    [ "$(pype-jq -r .data.text dead)" = '"odd"' ]
    # a line that was read by the program and made it fail
    run_split pype-jq -n --dead-letter dead2 'inputs | .a' <<<$'{"a":1}\n2\n{"a":3}'
    [ "$status" -eq 1 ]
    [ "$output" = 1 ]
    [ "$(pype-jq -r .data.text dead2)" = 2 ]
}

@test "jq: -n and -s fail as a whole" {
    run_split pype-jq -n --dead-letter dead '1, error("no")' <<<5
    [ "$status" -eq 1 ]
    [ "$output" = 1 ]
    [ "$stderr" = 'pype-jq: error: no' ]
    run_split pype-jq -s --dead-letter dead 'error("no")' <<<5
    [ "$status" -eq 1 ]
    [ "$stderr" = 'pype-jq: error: no' ]
    [ ! -e dead ]
    run_split pype-jq -s . <<<$'1\n{\n2'
    [ "$status" -eq 1 ]
    [ "$output" = '[1,2]' ]
}

@test "jq: a byte order mark is skipped on the first line only" {
    printf '\xef\xbb\xbf1\n2\n\xef\xbb\xbf3\n4\n' >input
    run_split pype-jq . <input
    [ "$status" -eq 1 ]
    [ "$output" = $'1\n2\n4' ]
    [[ "$stderr" == 'pype-jq: error: line 3: '* ]]
}

@test "jq: bytes that libjq overlooks are refused" {
    local bytes n=0
    for bytes in '\0' '\0garbage' '1\0garbage' '"a\0b"' '[1\0]' '\0361' '[1,2\036' '{"a":1\0363' '"12\036' '1 \0362'; do
        printf "$bytes"'\n'
        n=$((n + 1))
    done >input
    run_split pype-jq --dead-letter dead . <input
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "$(pype-jq -n '[inputs] | length' dead)" -eq $n ]
    [ "${stderr_lines[2]}" = 'pype-jq: error: line 3: parse error: byte 0x00 at column 2' ]
    # a text that is not JSON may hold them
    [ "$(printf 'a\0b\036\n' | pype-jq -R .)" = '"a\u0000b\u001e"' ]
}

@test "jq: long lines, deep nesting, raw bytes" {
    { printf '"' && head -c 16777213 /dev/zero | tr '\0' x && printf '"\n'; } >long
    [ "$(pype-jq length long)" -eq 16777213 ]
    sed 's/^"/"yy/' long >longer
    run_split pype-jq --dead-letter dead length longer - <<<'"ab"'
    [ "$status" -eq 1 ]
    [ "$output" = 2 ]
    [[ "$stderr" == *'line 1: longer than 16M (--max-line)' ]]
    pype-jq --max-line 64M -r .data.base64 dead | base64 -d | cmp - <(head -c -1 longer)
    for n in 255 257 10001 1000000; do
        head -c $n /dev/zero | tr '\0' '['
        head -c $n /dev/zero | tr '\0' ']'
        echo
    done >deep
    run_split pype-jq -n 'reduce inputs as $x (0; . + 1)' deep
    [ "$status" -eq 1 ]
    [ "$output" -ge 1 ]
    [[ "$stderr" == *'depth limit'* ]]
    # 300 000 bytes of anything: no crash, and every line answered one way or the other
    openssl enc -aes-128-ctr -K 0 -iv 0 -in /dev/zero 2>/dev/null | head -c 300000 >noise
    run_split pype-jq --dead-letter noise.dead 'empty' <noise
    [ "$status" -eq 1 ]
    [[ "${stderr_lines[-1]}" == 'pype-jq: error: '*' bad events in all' ]]
}

# --- a stage ---------------------------------------------------------------------------------------------------------

# Starts pype-jq ARGUMENTS… with the fifos ./in (descriptor 8) and ./out (descriptor 9).
start_between() {
    mkfifo in out
    exec 8<>in 9<>out
    # A background command has no standard input, unless it opens it itself.
    start sh -c 'exec pype-jq "$@" <in >out 2>said' sh "$@" 8>&- 9>&-
}

@test "jq: an event passes at once" {
    local line
    start_between .a
    echo '{"a":"first"}' >&8
    read -t 10 -r line <&9
    [ "$line" = '"first"' ]
    printf '{"a":1} {"a":2}\n{"a":' >&8
    read -t 10 -r line <&9
    [ "$line" = 1 ]
    read -t 10 -r line <&9
    [ "$line" = 2 ]
    echo '3}' >&8
    read -t 10 -r line <&9
    [ "$line" = 3 ]
}

@test "jq: SIGTERM ends it with 0 after what it has read" {
    local line status=0
    start_between .a
    echo '{"a":1}' >&8
    read -t 10 -r line <&9
    printf '{"a":2}\n{"a":' >&8
    read -t 10 -r line <&9
    [ "$line" = 2 ]
    kill -TERM "$PID"
    wait_gone "$PID"
    wait "$PID" || status=$?
    [ "$status" -eq 0 ]
    [ ! -s said ]
}

@test "jq: SIGTERM ends inputs, and the program can finish" {
    local line status=0
    start_between -n --unbuffered 'inputs, "end"'
    echo 1 >&8
    read -t 10 -r line <&9
    kill -TERM "$PID"
    read -t 10 -r line <&9
    [ "$line" = '"end"' ]
    wait "$PID" || status=$?
    [ "$status" -eq 0 ]
}

@test "jq: SIGTERM while input waits: the event that it waits for is kept whole" {
    local line status=0
    start_between --dead-letter dead --unbuffered '"begun", [., input]'
    has_read() { [ "$(sed -n 's/^rchar: //p' "/proc/$PID/io")" -gt "$1" ]; }
    # The other half does not end, and takes so much room that the reader moves it to the front of its buffer.
    printf '{"half":"of a pair"}\n' >&8
    head -c 200000 /dev/zero | tr '\0' x >&8
    read -t 10 -r line <&9
    wait_for has_read 200000
    kill -TERM "$PID"
    wait "$PID" || status=$?
    [ "$status" -eq 1 ]
    [ "$(pype-jq -r .data.text dead)" = '{"half":"of a pair"}' ]
}

@test "jq: --unbuffered writes each result at once, without it they go in blocks" {
    start pype-jq -n --unbuffered '1, last(range(1e12))' >out
    wait_for has out 1
    kill -KILL "$PID"
    start pype-jq -n '1, (range(2e5) | select(. < 0)), ("said" | stderr), last(range(1e12))' >blocks 2>said
    wait_for has said said
    [ ! -s blocks ]
    kill -KILL "$PID"
}

@test "jq: the reader of standard output has gone: 0, without a word" {
    run_split bash -c 'timeout -s KILL 10 pype-jq -n "range(infinite)" | head -n 1; echo "${PIPESTATUS[0]}"'
    [ "$output" = $'0\n0' ]
    [ -z "$stderr" ]
    run_split bash -c 'timeout -s KILL 10 pype-jq -nj "range(infinite)" | head -c 1; echo "${PIPESTATUS[0]}"'
    [ "$output" = 00 ]
    [ -z "$stderr" ]
}

@test "jq: standard output that cannot be written ends it with 1" {
    run_split bash -c 'pype-jq . <<<1 >/dev/full'
    [ "$status" -eq 1 ]
    [ "$stderr" = 'pype-jq: fatal: cannot write to standard output: No space left on device' ]
    run_split timeout -s KILL 10 bash -c 'pype-jq -nj "range(infinite)" >/dev/full'
    [ "$status" -eq 1 ]
}

@test "jq: memory does not grow with the stream" {
    local small large
    export ASAN_OPTIONS=$ASAN_OPTIONS:fast_unwind_on_malloc=1:quarantine_size_mb=1 # freed memory counts as free
    # the last lines are its own /proc/self/status: bad events, which the dead letters keep
    peak() {
        pype-jq --dead-letter "$1.dead" "if .n % 100 == 0 then .a.b.c else {n, s: (.s | ascii_downcase)} end" \
            "$1" /proc/self/status >/dev/null 2>&1 || true
        pype-jq -r 'select(.data.text | startswith("VmHWM")) | .data.text | gsub("[^0-9]"; "")' "$1.dead"
    }
    seq -f '{"n":%.0f,"s":"Some Text","a":[1,2,{"x":null}]}' 300000 >many
    head -n 20000 many >few
    small=$(peak few)
    large=$(peak many)
    echo "$small kB, $large kB"
    [ "$small" -gt 0 ]
    [ "$large" -lt $((small + small / 4 + 512)) ]
}
