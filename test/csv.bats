# pype-csv: fields, headers, and the file, whatever happens to it.

load lib

prepare() {
    unset PYPE_RESTART
    csv=pype-csv
}

# is FILE TEXT: the file holds just the text (as printf '%b' has it).
is() {
    cmp "$1" <(printf '%b' "$2")
}

# hang_up: closes that; the command ends, with 0.
hang_up() {
    exec 5>&-
    wait_gone "$PID" && wait "$PID"
}

# flood COUNT: so many events with a number, a text with a newline, quotes and a comma, and the number's double.
flood() {
    awk -v count="$1" 'BEGIN {
        for (n = 1; n <= count; n++)
            printf "{\"n\":%d,\"text\":\"line %d\\n\\\"quoted\\\", %d\",\"double\":%d}\n", n, n, n, 2 * n
    }'
}

# checks FILE RUNS: a file of flood's rows: each whole, and the numbers of each of at most RUNS runs count up from 1.
checks() {
    "$PYTHON" - "$@" <<'PYTHON'
import csv, sys
runs, last = 0, 0
with open(sys.argv[1], newline='') as file:
    rows = csv.reader(file, strict=True)
    assert next(rows) == ['n', 'text', 'double']
    for n, text, double in rows:
        assert text == f'line {n}\n"quoted", {n}', text
        assert int(double) == 2 * int(n), double
        assert int(n) == last + 1 or int(n) == 1, (last, n)
        runs, last = runs + (n == '1'), int(n)
assert runs <= int(sys.argv[2]), runs
PYTHON
}

# --- columns ---

@test "a header, and a row for each event" {
    run -0 $csv price time <<<$'{"time":1,"price":2.5,"more":0}\n\n{"price":"x","time":3}\n{"time":4}'
    [ "$output" = $'price,time\n2.5,1\nx,3\n,4' ]
}

@test "a column may be a path, with a name" {
    event='{"a":{"b":[10,{"c d":"x"}],"1":2},"a.b":"dotted","":"empty","=":"equals"}'
    run -0 $csv 'x=.a.b[0]' '.a.b[1]."c d"' 'y=a["1"]' a.b '' 'z=."="' '.a.b[7]' '=.a.b[0]' <<<"$event"
    [ "${lines[0]}" = 'x,"a.b[1].""c d""",y,a.b,,z,a.b[7],' ]
    [ "${lines[1]}" = '10,x,2,dotted,empty,equals,,10' ]
    run -0 $csv . <<<'{"a":[1, 2]}'
    [ "$output" = $'.\n"{""a"":[1,2]}"' ]
}

@test "one path may stand under two names, one name over two columns" {
    run -0 $csv a=.x.y b=.x.y c=.x a=z x <<<'{"x":{"y":1},"z":2}'
    [ "$output" = $'a,b,c,a,x\n1,1,"{""y"":1}",2,"{""y"":1}"' ]
}

@test "of members with the same name the last counts" {
    run -0 $csv a b=.o.x <<<'{"a":1,"o":{"x":1,"x":2},"a":3}
{"o":{"x":1},"a":1,"o":{},"\u0061":2}'
    [ "$output" = $'a,b\n3,2\n2,' ]
}

@test "a wrong path is a mistake" {
    for path in 'x=' 'x=.a[' 'x=.a[-1]' 'x=.a..b' 'x=.a b' '.a["b]' '..'; do
        run -2 $csv "$path" </dev/null
        [[ $output == "pype-csv: fatal: column '$path': "* ]]
    done
}

@test "names are quoted as fields are" {
    run -0 $csv 'a,b' 'say "a"' $'two\nlines' é <<<'{"a,b":1,"say \"a\"":2,"two\nlines":3,"é":4}'
    [ "$output" = $'"a,b","say ""a""","two\nlines",é\n1,2,3,4' ]
}

# --- the first event names the columns ---

@test "without operands the first event names the columns" {
    run -0 $csv <<<$'{"b":1,"a":"x","c":{"d":null}}\n{"a":2,"b":3}'
    [ "$output" = $'b,a,c\n1,x,"{""d"":null}"\n3,2,' ]
    run -0 $csv </dev/null
    [ "$output" = "" ]
}

@test "a member that comes twice is one column, and a name may be anything" {
    printf '{"a":1,"b":2,"a":3}\n{"a":4,"a":5}\n' | $csv >out 2>err
    is out 'a,b\n3,2\n5,\n'
    is err ''
    printf '{"n\\u0000l":1,"":2,"\\u00e9\\n":3,"a.b":4}\n' | $csv >out
    is out 'n\0l,,"é\n",a.b\n1,2,3,4\n'
}

@test "an object without members names no columns" {
    printf '{}\n [] \n {}\n{"a":1}\n{}\n' >in
    run_split -1 $csv --dead-letter dead <in
    [ "$output" = $'a\n1\n""' ]
    said="the first event names the columns, 1 to 16384, and has 0 members"
    [ "${stderr_lines[0]}" = "pype-csv: error: line 1: $said" ]
    [ "${#stderr_lines[@]}" = 3 ]
    [ "$(jq -r .data.text dead)" = $'{}\n [] \n {}' ]
    awk 'BEGIN { for (i = 0; i <= 16384; i++) printf "%s\"%d\":1", i ? "," : "{", i; print "}\n{\"a\":1}" }' >in
    run_split -1 $csv <in
    [ "$output" = $'a\n1' ]
}

@test "members that have no column are said, some and their number" {
    seq 25 | sed 's/.*/{"a":&,"x\\"y":1,"z":2}/; 1s/.*/{"a":1}/; 2s/.*/{"a":0,"a":2}/' >in
    run_split -0 $csv <in
    [ "$output" = "a"$'\n'"$(seq 25)" ]
    [ "${stderr_lines[0]}" = "pype-csv: warning: line 3: member 'x\\\"y' has no column" ]
    [ "${stderr_lines[9]}" = "pype-csv: warning: line 12: member 'x\\\"y' has no column" ]
    [ "${stderr_lines[10]}" = "pype-csv: warning: 23 events with a member that has no column in all" ]
    [ "${#stderr_lines[@]}" = 11 ]
    # With operands, what is left out is meant to be.
    run_split -0 $csv a <in
    [ "$stderr" = "" ]
}

# --- fields ---

@test "every kind of value has its form" {
    event='{"s":"x","n":-1.50E+3,"t":true,"f":false,"z":null,"a":[1, "a b" ],"o": {"k" : { } },"e":""}'
    run -0 $csv s n t f z a o e m <<<"$event"
    [ "${lines[1]}" = 'x,-1.50E+3,true,false,,"[1,""a b""]","{""k"":{}}",,' ]
    # What the man page's table says of each.
    run -0 $csv --null NULL --missing '?,' a b <<<'{"a":null}'
    [ "${lines[1]}" = 'NULL,"?,"' ]
}

@test "numbers are written as they came" {
    numbers="1.10 1e1000 12345678901234567890 -0 0.0 1E-7 100000000000000000000000000000000000000000 2.50e+05"
    for number in $numbers; do
        run -0 $csv n <<<"{\"n\":$number}"
        [ "${lines[1]}" = "$number" ]
        run -0 $csv n <<<"{\"n\":[ $number ]}"
        [ "${lines[1]}" = "[$number]" ]
    done
}

@test "escapes are resolved" {
    printf '%s\n' '{"a":"\u00e9\ud83d\ude00\u0000|\u0001\u007f\b\f\t\/\\"}' '{"a":"\udc00"}' '{"a":"é😀"}' | $csv a >out
    is out 'a\né😀\0|\x01\x7f\b\f\t/\\\n\xef\xbf\xbd\né😀\n'
}

@test "fields are quoted where they must be, and only there" {
    printf '%s\n' '{"a":"x,y"}' '{"a":"\""}' '{"a":"say \"a\", \"b\""}' '{"a":"x\r"}' '{"a":"\n"}' '{"a":"x\r\ny"}' |
        $csv a >out
    is out 'a\n"x,y"\n""""\n"say ""a"", ""b"""\n"x\r"\n"\n"\n"x\r\ny"\n'
    printf '%s\n' '{"a":" x "}' '{"a":"a;b|c\td"}' '{"a":"'"'"'\\"}' '{"a":"=1+2"}' '{"a":"\u2028"}' | $csv a >out
    is out 'a\n x \na;b|c\td\n'"'"'\\\n=1+2\n\xe2\x80\xa8\n'
}

@test "an empty field alone in its row is written as quotes" {
    printf '%s\n' '{"a":""}' '{"a":null}' '{}' | $csv a >out
    is out 'a\n""\n""\n""\n'
    printf '%s\n' '{"a":"","b":""}' '{}' | $csv a b >out
    is out 'a,b\n,\n,\n'
    $csv '' <<<'{"":"x"}' >out
    is out '""\nx\n'
}

@test "the delimiter can be chosen" {
    event='{"a":"x;y|z\tt,u s","b":1}'
    run -0 $csv -d ';' a b <<<"$event"
    [ "$output" = $'a;b\n"x;y|z\tt,u s";1' ]
    for tab in '\t' tab $'\t'; do
        run -0 $csv --delimiter "$tab" a b <<<"$event"
        [ "$output" = $'a\tb\n"x;y|z\tt,u s"\t1' ]
    done
    run -0 $csv --delimiter='|' a b <<<'{"a":"x,y","b":"|"}'
    [ "$output" = $'a|b\nx,y|"|"' ]
    run -0 $csv -d: a b <<<'{"a":{"b":[]},"b":"\u003a"}'
    [ "$output" = $'a:b\n"{""b"":[]}":":"' ]
    run -0 $csv -d ' ' a b <<<"$event"
    [ "$output" = $'a b\n"x;y|z\tt,u s" 1' ]
    run -0 $csv -d '\' a b <<<'{"a":"\\","b":"\u005c\t"}'
    [ "$output" = $'a\\b\n"\\"\\"\\\t"' ]
}

@test "a delimiter that cannot be one is refused" {
    for delimiter in '' '"' $'\n' $'\r' + - . 0 9 e E z ,, '\n' é TAB; do
        run -2 $csv -d "$delimiter" a </dev/null
        [[ $output == "pype-csv: fatal: --delimiter takes "*"not '"* ]]
    done
}

@test "--crlf ends rows with CR LF" {
    printf '%s\n' '{"a":"x\ny","b":1}' '{"b":"\r"}' | $csv --crlf a b >out
    is out 'a,b\r\n"x\ny",1\r\n,"\r"\r\n'
}

@test "the header comes without an event, --no-header leaves it out" {
    run -0 $csv a b </dev/null
    [ "$output" = a,b ]
    run -0 $csv --no-header a b <<<'{"a":1,"b":2}'
    [ "$output" = 1,2 ]
    run -0 $csv --no-header <<<'{"a":1,"b":2}'
    [ "$output" = 1,2 ]
    run -0 $csv --no-header a </dev/null
    [ "$output" = "" ]
}

@test "random strings come back from another reader, with every delimiter" {
    cat >make.py <<'PYTHON'
import json, random
r = random.Random(1)
parts = ['"', '""', ',', ';', '\t', '|', '\n', '\r', '\r\n', ' ', '\\', "'", 'a', 'Z', '0', '-', 'é', '\u20ac', '😀',
         '\x01', '\x7f', '\ufeff']
def word():
    if r.random() < .02:
        return r.choice(parts) * r.randrange(70000 // 4)
    return ''.join(r.choice(parts) for _ in range(r.randrange(9)))
with open('in', 'w') as events, open('want', 'w') as want:
    for _ in range(500):
        row = [word() for _ in range(4)]
        want.write(json.dumps(row) + '\n')
        events.write(json.dumps(dict(zip('abcd', row)), ensure_ascii=r.random() < .5) + '\n')
PYTHON
    cat >check.py <<'PYTHON'
import csv, json, sys
want = [['a', 'b', 'c', 'd']] + [json.loads(line) for line in open('want')]
with open('out', newline='', encoding='utf-8') as out:
    got = list(csv.reader(out, delimiter=sys.argv[1], strict=True))
assert got == want
with open('out', 'rb') as out:
    rows = out.read()
assert rows.endswith(b'd"\r\n' if sys.argv[2] == 'crlf' else b'\n') or rows.endswith(b'\r\n') == (sys.argv[2] == 'crlf')
PYTHON
    "$PYTHON" make.py
    for delimiter in , ';' $'\t' '|' ' ' "'"; do
        for ends in lf crlf; do
            $csv -d "$delimiter" $([ $ends = lf ] || echo --crlf) a b c d <in >out
            "$PYTHON" check.py "$delimiter" $ends
        done
    done
}

@test "the rows are those that jq makes" {
    "$PYTHON" - >in <<'PYTHON'
import json, random
r = random.Random(2)
values = [None, True, False, 0, -1.5, 1e300, 123456789, '', 'x', 'a,b', '"', 'two\nlines', '\r\n', 'é', '😀', ' ', '\\']
for _ in range(2000):
    print(json.dumps({k: r.choice(values) for k in 'abcd' if r.random() < .9}))
PYTHON
    $csv --no-header a b .c x=.d <in >got
    jq -r '[.a, .b, .c, .d] | @csv' <in >want
    "$PYTHON" - <<'PYTHON'
import csv
def value(field):
    try:
        return float(field)
    except ValueError:
        return field
got, want = ([[value(f) for f in row] for row in csv.reader(open(name, newline=''))] for name in ('got', 'want'))
assert len(want) == 2000 and got == want
PYTHON
}

# --- bad events ---

@test "bad events are said and kept, and the stream goes on" {
    printf '%s\n' '{"a":1}' nonsense '[2]' '{"a":' '{"a":"\ud800"}' 3 '{"a":4}' >in
    printf '{"a":"\xff"}\n{"a":5}' >>in
    run_split -1 $csv --dead-letter dead a <in
    [ "$output" = $'a\n1\n4\n5' ]
    [ "${stderr_lines[0]}" = "pype-csv: error: line 2: not JSON: expected a value at column 1" ]
    [ "${stderr_lines[1]}" = "pype-csv: error: line 3: not a JSON object" ]
    [ "${#stderr_lines[@]}" = 6 ]
    [ "$(jq -c '[.event, .source, .data.line]' dead | tail -n 1)" = '["dead_letter","pype-csv",8]' ]
    [ "$(jq -r '.data.text // (.data.base64 | @base64d)' dead | head -n 5)" = "$(sed -n '2,6p' in)" ]
    run_split -1 env PYPE_NAME=p.csv PYPE_DEAD_LETTER=dead2 $csv a <in
    [[ ${stderr_lines[0]} == "p.csv: error: line 2: "* ]]
    [ "$(wc -l <dead2)" = 6 ]
    run_split -1 $csv --max-line 4 a <<<'{"a":12}'
    [ "$stderr" = "pype-csv: error: line 1: longer than 4 (--max-line)" ]
}

@test "--on-error=fail writes what came before, and ends" {
    printf '%s\n' '{"a":1}' nonsense '{"a":2}' >in
    run_split -1 $csv --on-error=fail --dead-letter dead a <in
    [ "$output" = $'a\n1' ]
    [ "$stderr" = "pype-csv: fatal: line 2: not JSON: expected a value at column 1" ]
    run_split -1 $csv --on-error=fail -o out a <in
    is out 'a\n1\n'
    [ "$(jq -r .data.text dead)" = nonsense ]
    # And so does all else that ends it.
    run_split -1 $csv --dead-letter /dev/full -o out2 a <in
    is out2 'a\n1\n'
}

# --- when rows are written ---

@test "an event passes at once while standard input stays open" {
    stream $csv a >out
    wait_for is out 'a\n'
    echo '{"a":1}' >&5
    wait_for is out 'a\n1\n'
    printf '{"a":2}\n{"a":' >&5
    wait_for is out 'a\n1\n2\n'
    printf '3}' >&5
    hang_up
    is out 'a\n1\n2\n3\n'
}

@test "an event passes at once into a file, too" {
    stream $csv -o file --fsync
    echo '{"b":3}' >&5
    wait_for is file 'b\n3\n'
    echo '{"b":4}' >&5
    wait_for is file 'b\n3\n4\n'
    hang_up
}

# writes PID: how often it has called write(2).
writes() {
    sed -n 's/^syscw: //p' "/proc/$1/io"
}

@test "a flood goes in blocks" {
    [ -r /proc/self/io ] || skip "no /proc/PID/io"
    flood 50000 >events
    for out in stdout file; do
        stream $csv -o ${out/stdout/-} n double >>stdout
        cat events >&5
        wait_for has $out 50000,100000
        # 0.7 MB in blocks of 64 KiB, and a few more where the reader was faster than cat.
        [ "$(writes "$PID")" -lt 1000 ]
        hang_up
    done
    cmp stdout file
}

@test "a signal: writes what was read, and ends with 0" {
    for signal in TERM INT HUP; do
        # A job in the background ignores SIGINT, unless it is set to the default again.
        stream env --default-signal=INT $csv -o file a
        printf '{"a":1}\n{"a":2}\n{"a":' >&5
        wait_for has file 2
        kill -$signal "$PID"
        wait_gone "$PID"
        wait "$PID"
        is file 'a\n1\n2\n'
        rm file
    done
}

@test "it ends with 0, without a word, when its reader has gone" {
    flood 100000 >events
    run -0 bash -c 'set -o pipefail; pype-csv n <events | head -n 1'
    [ "$output" = n ]
    stream bash -c 'set -o pipefail; pype-csv n 2>err | head -n 2 >out'
    echo '{"n":1}' >&5
    wait_for is out 'n\n1\n'
    echo '{"n":2}' >&5
    wait_gone "$PID"
    wait "$PID"
    is err ''
}

@test "what cannot be written is a failure" {
    flood 10000 >events
    run -1 bash -c 'pype-csv n <events >/dev/full'
    [[ $output == "pype-csv: fatal: cannot write to standard output: "* ]]
    run -1 $csv -o /dev/full n <events
    [[ $output == "pype-csv: fatal: cannot write to '/dev/full': "* ]]
    run -1 $csv -o /dev/full n </dev/null
    run -1 $csv -o no/such/file n <events
    [[ $output == "pype-csv: fatal: cannot open 'no/such/file': No such file or directory" ]]
    run -1 $csv -o / n <events
    [[ $output == "pype-csv: fatal: cannot open '/': "* ]]
}

@test "a device or a FIFO may be the file" {
    run -0 $csv -o /dev/null --append --fsync n <<<'{"n":1}'
    [ "$output" = "" ]
    mkfifo pipe
    start cat pipe >out
    run -0 $csv -o pipe n <<<'{"n":1}'
    wait_for is out 'n\n1\n'
    run -0 bash -c 'pype-csv -o /dev/stdout n <<<"{\"n\":1}" | cat'
    [ "$output" = $'n\n1' ]
}

# --- the file ---

@test "an existing file is replaced" {
    printf 'something longer that was here before, with no end' >file
    run -0 $csv -o file a <<<'{"a":1}'
    [ "$output" = "" ]
    is file 'a\n1\n'
    $csv -o file a b </dev/null
    is file 'a,b\n'
    umask 027
    $csv -o new </dev/null
    [ "$(stat -c '%a %s' new)" = "640 0" ]
}

@test "--append goes on with a file" {
    for i in 1 2 3; do $csv --append -o file a b <<<"{\"a\":$i,\"b\":\"x,y\"}"; done
    is file 'a,b\n1,"x,y"\n2,"x,y"\n3,"x,y"\n'
    $csv --append -o file a b </dev/null
    [ "$(wc -l <file)" = 4 ]
    : >empty
    $csv -a -o empty a <<<'{"a":1}'
    is empty 'a\n1\n'
    run -2 $csv --append a </dev/null
    [ "$output" = "pype-csv: fatal: --append needs a file (-o FILE)" ]
}

@test "--append: quotes, line ends and a byte order mark in the header make no difference" {
    for header in 'a,"b ""c""",\n' '"a","b ""c""",""\n' 'a,"b ""c""",\r\n' '"a","b ""c""",""\r\n' \
        '\xef\xbb\xbfa,"b ""c""",\n'; do
        printf '%b' "$header" >file
        run -0 $csv --append -o file a 'b "c"' '' <<<'{"a":1}'
        [ "$output" = "" ]
        is file "${header}1,,\n"
    done
}

@test "--append: a file with other columns is left alone" {
    for header in 'a\n' 'a,\n' 'a,b,c\n' 'b,a\n' 'a;b\n' 'a,B\n' 'a, b\n' '\n' 'a,b,\n' 'ab\n' '"a,b"\n' '# a,b\n' \
        'a,b,c\n1,2\n"torn' 'a,bb' 'some text' 'ab' 'a,b,' '\0'; do
        printf '%b' "$header" >file
        cp file before
        run -2 $csv --append -o file a b <<<'{"a":1}'
        [[ $output == "pype-csv: fatal: 'file' begins with other columns: "* ]]
        cmp file before
    done
    printf 'time,price\n1,2\n' >file
    run -2 $csv --append -o file time <<<'{"time":1}'
    [ "$output" = "pype-csv: fatal: 'file' begins with other columns: time,price" ]
    head -c 17000000 /dev/zero >file
    run -2 $csv --append -o file a </dev/null
    [ "$output" = "pype-csv: fatal: 'file' is no CSV file: its first row is longer than 16M" ]
    [ "$(stat -c %s file)" = 17000000 ]
}

@test "--append without operands: the file's header names the columns" {
    printf '"b;""1""";a.b;\xc3\xa9\r\n' >file
    run -0 $csv -d ';' --append -o file <<<'{"a.b":1,"\u00e9":2,"b;\"1\"":3,"c":4}'
    [ "$output" = "pype-csv: warning: line 1: member 'c' has no column" ]
    is file '"b;""1""";a.b;\xc3\xa9\r\n3;1;2\n'
    run -0 $csv --append -o new <<<'{"x":1}'
    is new 'x\n1\n'
    # Half a header names nothing.
    printf 'ti' >file
    run -2 $csv --append -o file <<<'{"ti":1}'
    is file ti
}

@test "--append --no-header knows no header" {
    printf '1,2\n3,' >file
    $csv --append --no-header -o file x y <<<'{"x":4,"y":5}' 2>err
    is file '1,2\n4,5\n'
    is err "pype-csv: warning: 'file' ends in the middle of a row: cut off its last 2 bytes\n"
    $csv --append --no-header -o file <<<'{"z":"6","x":7}'
    is file '1,2\n4,5\n6,7\n'
}

@test "a torn last row is cut, wherever it was torn" {
    printf '%s\n' '{"a":"x","b":"1\n2\n\"3\",4"}' '{"a":"\n","b":""}' '{"a":null,"b":"\"\"\n"}' | $csv -o whole a b
    "$PYTHON" - <<'PYTHON'
text, start = open('whole', newline='').read(), 0
for end in range(len(text) + 1):
    # A newline ends a row if the quotes before it are even.
    if text[:end].endswith('\n') and text[:end].count('"') % 2 == 0:
        start = end
    open(f'torn.{end}', 'w', newline='').write(text[:end])
    open(f'want.{end}', 'w', newline='').write((text[:start] or 'a,b\n') + 'end,1\n')
PYTHON
    [ "$(ls torn.* | wc -l)" -gt 30 ]
    for file in torn.*; do
        $csv --append -o $file a b <<<'{"a":"end","b":1}' 2>err
        cmp $file "want.${file#torn.}"
    done
    head -c -1 whole >file
    run -0 $csv --append -o file a b </dev/null
    [ "$output" = "pype-csv: warning: 'file' ends in the middle of a row: cut off its last 8 bytes" ]
}

@test "a quote within a plain field means nothing" {
    printf 'a,b\n5" disk,"x\ny"\n,1\n""x,3\n' >file
    cp file before
    run -0 $csv --append -o file a b <<<'{"a":1}'
    [ "$output" = "" ]
    cmp file <(cat before; echo 1,)
}

@test "a large file is gone on with" {
    flood 200000 | $csv -o file n text double
    head -c -5 file >torn
    $csv --append -o torn n text double <<<'{"n":1,"text":"line 1\n\"quoted\", 1","double":2}' 2>err
    checks torn 2
    cmp torn <(head -n -2 file; printf '1,"line 1\n""quoted"", 1",2\n')
    has err "ends in the middle of a row"
}

@test "PYPE_RESTART: goes on with the file instead of replacing it" {
    $csv -o file a <<<'{"a":1}'
    PYPE_RESTART=1 $csv -o file a <<<'{"a":2}'
    printf 3 >>file
    PYPE_RESTART=17 $csv -o file a <<<'{"a":4}'
    is file 'a\n1\n2\n4\n'
    PYPE_RESTART=1 run -2 $csv -o file b <<<'{"b":1}'
    is file 'a\n1\n2\n4\n'
    # Without operands, too.
    PYPE_RESTART=2 $csv -o file <<<'{"a":5}'
    is file 'a\n1\n2\n4\n5\n'
    # It did not get as far as a header: that is no reason to give up.
    printf 'a' >file
    PYPE_RESTART=1 $csv -o file <<<'{"ab":6}'
    is file 'ab\n6\n'
    PYPE_RESTART=0 $csv -o file a <<<'{"a":7}'
    is file 'a\n7\n'
    PYPE_RESTART= $csv -o file a <<<'{"a":8}'
    is file 'a\n8\n'
}

@test "a second writer waits, and goes on when the first has ended" {
    stream $csv --append -o file a
    first=$PID
    echo '{"a":1}' >&5
    wait_for is file 'a\n1\n'
    echo '{"a":3}' >more
    start_on more $csv --append -o file a 5>&-
    second=$PID
    echo '{"a":2}' >&5
    wait_for is file 'a\n1\n2\n'
    alive "$second"
    exec 5>&-
    wait "$first"
    wait "$second"
    is file 'a\n1\n2\n3\n'
}

@test "a second writer gives up in the end, and has changed nothing" {
    stream $csv -o file a
    echo '{"a":1}' >&5
    wait_for is file 'a\n1\n'
    run -1 $csv -o file b <<<'{"b":2}' 5>&-
    [ "$output" = "pype-csv: fatal: 'file' is being written by another process" ]
    is file 'a\n1\n'
    hang_up
}

@test "a file that may not grow further has no half row" {
    flood 20000 >events
    # bash counts in blocks of 1024 bytes.
    run -1 bash -c 'ulimit -f 300; exec pype-csv -o file n text double <events'
    [[ $output == "pype-csv: fatal: cannot write to 'file': File too large" ]]
    checks file 1
    [ "$(stat -c %s file)" -gt 100000 ]
    [ "$(stat -c %s file)" -lt 307200 ]
    # What was there before stays.
    head -n 3 file >file2
    cp file2 before
    run -1 bash -c 'ulimit -f 1; exec pype-csv --append -o file2 n text double <events'
    cmp file2 before
    run -1 bash -c 'ulimit -f 0; exec pype-csv -o new n <events'
    [ ! -s new ]
    # Standard output that is such a file: no signal, either.
    run -1 bash -c 'ulimit -f 1; exec pype-csv n <events >new2'
    [[ $output == "pype-csv: fatal: cannot write to standard output: File too large" ]]
}

@test "a full disk leaves no half row" {
    flood 20000 >events
    mkdir disk
    unshare --user --map-root-user --mount mount -t tmpfs none disk 2>/dev/null || skip "no tmpfs of our own"
    # shellcheck disable=SC2016
    run -1 unshare --user --map-root-user --mount bash -c '
        mount -t tmpfs -o size=200k none disk
        pype-csv -o disk/file n text double <events
        status=$?
        cp disk/file file
        exit $status'
    [[ $output == "pype-csv: fatal: cannot write to 'disk/file': No space left on device" ]]
    checks file 1
    [ "$(wc -l <file)" -gt 1000 ]
}

# shim: ./shim.so notes each fdatasync(2) with the file's size in ./synced, and fails while ./broken is there.
shim() {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers must be loaded first"
    cat >shim.c <<'C'
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int fdatasync(int fd)
{
	struct stat status;
	FILE *file = fopen("synced", "a");
	fstat(fd, &status);
	fprintf(file, "%lld\n", (long long)status.st_size);
	fclose(file);
	if (access("broken", F_OK) != 0)
		return 0;
	errno = EIO;
	return -1;
}
C
    gcc -shared -fPIC -o shim.so shim.c
}

@test "--fsync has each block on disk" {
    shim
    flood 20000 | LD_PRELOAD=$PWD/shim.so $csv --fsync -o file n text double
    # Each time there is no more than a block that is not on disk yet, and in the end nothing.
    awk '$1 - last > 80000 { exit 1 } { last = $1 }' synced
    [ "$(tail -n 1 synced)" = "$(stat -c %s file)" ]
    [ "$(uniq -d synced)" = "" ]
    rm synced
    flood 1000 | LD_PRELOAD=$PWD/shim.so $csv -o file n
    [ ! -e synced ]
    : >broken
    LD_PRELOAD=$PWD/shim.so run -1 $csv --fsync -o file n </dev/null
    [ "$output" = "pype-csv: fatal: cannot sync 'file': Input/output error" ]
    run -2 $csv --fsync n </dev/null
    [ "$output" = "pype-csv: fatal: --fsync needs a file (-o FILE)" ]
}

@test "kill -9 at any moment: with restarts every row is whole" {
    flood 50000 >events
    for ((i = 0; i < 20; i++)); do
        PYPE_RESTART=$i start_on events $csv -o file n text double 2>>err
        sleep "$(printf 0.%03d $((i * i / 4 + RANDOM % 4)))"
        kill -9 "$PID" 2>/dev/null || true
        wait "$PID" || true
    done
    PYPE_RESTART=$i $csv -o file n text double <events 2>>err
    run ! grep -v 'in the middle of a row' err
    checks file 21
    [ "$(tail -n 2 file | head -n 1)" = '50000,"line 50000' ]
    # Some were killed in the middle.
    [ "$(grep -c '^50000,' file)" -lt "$(grep -c '^1,' file)" ]
}

@test "kill -9 while events come one by one, and none of what was written is lost" {
    for ((i = 0; i < 5; i++)); do
        PYPE_RESTART=$i stream $csv -o file n
        for ((j = 0; j < 20; j++)); do echo "{\"n\":$((i * 20 + j))}" >&5; done
        wait_for lines file $((1 + (i + 1) * 20))
        kill -9 "$PID"
        wait "$PID" || true
    done
    cmp file <(echo n; seq 0 99)
}

@test "a million events in bounded memory" {
    yes '{"time":1795428000.123,"name":"AAPL","text":"say \"a\", \"b\"","price":{"last":101.5}}' | head -n 1000000 |
        /usr/bin/time -q -f %M -o peak $csv -o file time name text last=.price.last
    [ "$(wc -l <file)" = 1000001 ]
    [ "$(tail -n 1 file)" = '1795428000.123,AAPL,"say ""a"", ""b""",101.5' ]
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 8192 ]
}

@test "PYPE_CHECK opens nothing" {
    PYPE_CHECK=1 run -0 $csv -o file --append a b=.c
    [ "$output" = "" ]
    [ ! -e file ]
    PYPE_CHECK=1 run -2 $csv -o file 'a=.['
    PYPE_CHECK=1 run -2 $csv -d é
    PYPE_CHECK=1 run -2 $csv --append a
    [ ! -e file ]
}
