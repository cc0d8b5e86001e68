# The native path of pype-jq: it gives what jq gives, byte for byte, and libjq has the rest.

bats_require_minimum_version 1.5.0
load lib

prepare() {
    export HOME=$PWD # no ~/.jq but our own
    # for a build with SAN=1
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0
    export LSAN_OPTIONS=suppressions=$FIXTURES/jq.lsan:print_suppressions=0
}

# compare PART PARTS [OPTION]: every PARTSth program on all lines, in jq and in pype-jq. What jq cannot do with a line it says, and goes on.
compare() {
    local program n=0 differ=0 option=${3:--c}
    while IFS= read -r program; do
        [ $((n++ % $2)) -eq "$1" ] || continue
        jq -c "$option" "$program" <"$FIXTURES/jq-native-lines" >want 2>/dev/null || true
        PYPE_JQ_VERIFY=1 pype-jq --stats "$option" "$program" <"$FIXTURES/jq-native-lines" >got 2>said || true
        grep -q 'events went the native way' said || { echo "not native: $program"; differ=$((differ + 1)); }
        if ! cmp -s want got || grep -q differ said; then
            differ=$((differ + 1))
            echo "pype-jq $option '$program'"
            diff want got || true
            grep differ said || true
        fi
    done <"$FIXTURES/jq-programs"
    [ $differ -eq 0 ] && [ $n -gt 300 ]
}

@test "jq, native: every program on every line as jq, part 1" {
    compare 0 4
}

@test "jq, native: every program on every line as jq, part 2" {
    compare 1 4
}

@test "jq, native: every program on every line as jq, part 3" {
    compare 2 4
}

@test "jq, native: every program on every line as jq, part 4" {
    compare 3 4
}

@test "jq, native: with sorted keys as jq" {
    compare 1 5 -S
}

@test "jq, native: -S with -r, -j and -a, and in what libjq does" {
    local options
    for options in -Sr -Sj -Sa; do
        jq -c $options '.,tojson' <"$FIXTURES/jq-native-lines" >want
        pype-jq $options '.,tojson' <"$FIXTURES/jq-native-lines" >got
        cmp want got
        PYPE_JQ_NATIVE=0 pype-jq $options '.,tojson' <"$FIXTURES/jq-native-lines" >got
        cmp want got
    done
}

# Only versions before 1.7 have it.
@test "jq, native: leaf_paths where libjq has it" {
    local program
    if ! jq -n '[leaf_paths]' >/dev/null 2>&1; then
        run pype-jq '[leaf_paths]' </dev/null
        [ "$status" -eq 2 ]
        return
    fi
    for program in leaf_paths '[leaf_paths]' '[leaf_paths|join(".")?]' '. as $d|[leaf_paths as $p|{($p|map(tostring)|join(".")):($d|getpath($p))}]|add'; do
        jq -c "$program" <"$FIXTURES/jq-native-lines" >want 2>/dev/null || true
        PYPE_JQ_VERIFY=1 pype-jq --stats "$program" <"$FIXTURES/jq-native-lines" >got 2>said || true
        grep -q 'info: [1-9][0-9]* events went the native way' said
        cmp want got
    done
}

@test "jq, native: random programs on random lines, both ways" {
    # The same ones each time; make fuzz has others.
    run "$PYTHON" "$ROOT/test/fuzz/jq.py" --seconds "${PYPE_FUZZ_SECONDS:-60}" --seed "${PYPE_FUZZ_SEED:-1}"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == *' 0 differ'* ]]
    [[ ! ${lines[-1]} == *' 0 pairs'* ]]
}

@test "jq, native: events of very many objects" {
    jq -nc '{items: [range(1000) | {id: ., name: "x", price: (. + 0.5)}]}' >lines
    for program in . '.items[]' '[.items[] | select(.price > 500) | .id]'; do
        run -0 --separate-stderr pype-jq --stats "$program" <lines
        diff <(jq -c "$program" lines) - <<<"$output"
        [ "$stderr" = "pype-jq: info: 1 events went the native way" ]
    done
}

# A shape is what lines have in common; whatever else they have must be noticed.
@test "jq, native: lines that look nearly alike" {
    local line='{"a":1,"b":"x","c":{"d":[1,"y",null]},"e":true}' i j
    for ((i = 0; i < 20; i++)); do echo "$line"; done >lines
    for ((i = 0; i < ${#line}; i++)); do
        echo "$line"
        for j in '"' '{' ' ' 1 , '\' ']' x; do echo "${line:0:i}$j${line:i+1}"; done
        echo "${line:0:i}${line:i+1}"
        echo "${line:0:i}"
    done >>lines
    # What jq takes: each line by itself, in one run that does not end at the first mistake.
    for program in . .a '{a,d:.c.d[1]}' .c 'select(.b=="x")|.e'; do
        PYPE_JQ_NATIVE=0 pype-jq "$program" <lines >want 2>said.want || true
        pype-jq --stats "$program" <lines >got 2>said.got || true
        cmp want got
        diff said.want <(grep -v ' info: ' said.got)
        grep -q 'info: [1-9][0-9]* events went the native way' said.got
        grep -q 'went to libjq: a line that is not one JSON value' said.got
    done
}

@test "jq, native: --stats says what went which way, and why" {
    run_split pype-jq --stats '.a+1' <<<$'{"a":1}\n{"a":"x"}\n{"a":2}\n{"a":1}{"a":2}'
    [ "$status" -eq 1 ]
    [ "$output" = $'2\n3\n2\n3' ]
    [[ $stderr == *'2 events went the native way'* ]]
    [[ $stderr == *'1 events went to libjq: operands that do not fit'* ]]
    [[ $stderr == *'1 events went to libjq: a line that is not one JSON value'* ]]
    run_split pype-jq --stats 'input_line_number' <<<1
    [ "$stderr" = 'pype-jq: info: all events went to libjq: a function' ]
}

@test "jq, native: PYPE_JQ_NATIVE=0 and ~/.jq switch it off" {
    PYPE_JQ_NATIVE=0 run_split pype-jq --stats . <<<1
    [ "$stderr" = 'pype-jq: info: all events went to libjq: PYPE_JQ_NATIVE=0' ]
    echo 'def length: "mine";' >.jq
    run_split pype-jq --stats length <<<'[1]'
    [ "$output" = '"mine"' ]
    [ "$stderr" = 'pype-jq: info: all events went to libjq: ~/.jq' ]
}

@test "jq, native: a program that does not compile is refused before anything is read" {
    for program in '.a.' '.[' 'foo' '1/0' '.a|=' '{(1)}' '$x' '"\(1"' 'if 1 then 2'; do
        run_split pype-jq "$program" </dev/null
        [ "$status" -eq 2 ]
        [ -n "$stderr" ]
    done
}

@test "jq, native: -r, -j and -e as ever" {
    [ "$(pype-jq -r .a <<<'{"a":"x\ty\u00e9"}')" = $'x\tyé' ]
    [ "$(pype-jq -j '.[]' <<<'["a",1,"b"]')" = a1b ]
    run pype-jq -e .a <<<'{"a":false}'
    [ "$status" -eq 1 ]
    run pype-jq -e '.a,.b' <<<'{"a":false,"b":1}'
    [ "$status" -eq 0 ]
    run pype-jq -e empty <<<'{}'
    [ "$status" -eq 4 ]
}

@test "jq, native: what a line gives before libjq has to take it over is not given twice" {
    [ "$(pype-jq '.[]+1' 2>/dev/null <<<'[1,2,"x"]' | tr '\n' ' ')" = '2 3 ' ]
    [ "$(pype-jq '.[]|tostring' <<<'[1,2,[1e1000]]' | tr '\n' ' ')" = '"1" "2" "[1.7976931348623157e+308]" ' ]
}

@test "jq, native: memory does not grow with the stream, nor with what a line gives" {
    yes '{"a":[1,2,3],"b":"x\u00e9"}' | head -n 200000 >lines
    run /usr/bin/time -f %M pype-jq '[.a|map(.+1),add]|tostring, (.b//empty)' lines
    limit=8192
    [ -z "$PYPE_SAN" ] || limit=600000
    [ "${lines[-1]}" -lt $limit ]
}
