# pype-parse: each format, where the result goes, what is bad, and what becomes of a header when its reader is killed.

load lib
load flow

prepare() {
    parse=pype-parse
}

# gives TEXT RESULT ARGUMENT…: of the text (as printf %b has it) it makes just this result, and finds nothing bad.
gives() {
    local text=$1 result=$2 got
    shift 2
    got=$(printf '%b' "$text" | $parse "$@" 2>&1) || {
        echo "$parse $*: status $?: $got"
        return 1
    }
    [ "$got" = "$result" ] || {
        echo "$parse $*: $got, not $result"
        return 1
    }
}

# refuses TEXT REASON ARGUMENT…: the text is bad for that reason, and is whole in the dead letters.
refuses() {
    local text=$1 reason=$2
    shift 2
    rm -f dead
    run -1 --separate-stderr bash -c 'printf "%b" "$0" | pype-parse --dead-letter dead "$@"' "$text" "$@"
    [ "$output" = "" ] || { echo "$*: it gave $output"; return 1; }
    [[ $stderr == "pype-parse: error: line "*": "$reason ]] || { echo "$*: $stderr"; return 1; }
    [ "$(pype-jq -r .data.text dead)" = "$(printf '%b' "$text")" ] || { cat dead; return 1; }
}

# --- CSV ---

@test "csv: quotes, line breaks within them, empty fields, empty lines" {
    gives 'a,b\n1,2\n' '{"a":"1","b":"2"}' csv
    gives 'a,b\n1,2' '{"a":"1","b":"2"}' csv
    gives 'a,b\n\n\r\n,\n' '{"a":"","b":""}' csv
    gives 'a\n""\n \n' $'{"a":""}\n{"a":" "}' csv
    gives 'a,b\n"x ""y""","1\n\n2\r\n"\n' '{"a":"x \"y\"","b":"1\n\n2\r\n"}' csv
    gives 'a,b\n5" disk,a"b"\n' '{"a":"5\" disk","b":"a\"b\""}' csv
    gives '"a ""x""","b\nc"\n1,2\n' '{"a \"x\"":"1","b\nc":"2"}' csv
    gives 'a,b,a,a_2\n1,2,3,4\n' '{"a":"1","b":"2","a_2":"3","a_2_2":"4"}' csv
    gives 'é,🙂\n日本,\001\177\t\b\\\\\n' '{"é":"日本","🙂":"\u0001\u007f\t\b\\\\"}' csv
    gives '' '' csv
    gives 'a,b\n' '' csv
}

@test "csv: a byte order mark, CR LF" {
    gives '\0357\0273\0277a,b\r\n1,"2\r\n"\r\n' '{"a":"1","b":"2\r\n"}' csv
    gives 'a\r\nx\r\r\n' '{"a":"x\r"}' csv
    gives 'a,b\r\n"1","2"\r\n' '{"a":"1","b":"2"}' csv
}

@test "csv: other delimiters and headers" {
    gives 'a;b\n1;"x;y"\n' '{"a":"1","b":"x;y"}' csv -d ';'
    gives 'a\tb\n1\t"x\ty"\n' '{"a":"1","b":"x\ty"}' tsv
    gives 'a\tb\n1\t2\n' '{"a":"1","b":"2"}' csv -d tab
    gives 'a\tb\n"1\t"2"\n' '{"a":"\"1","b":"\"2\""}' tsv --no-quotes
    gives '1,2\n' '{"x":"1","y,z":"2"}' csv --header 'x,"y,z"'
    gives '1,2\n3\n' $'{"1":"1","2":"2"}\n{"1":"3"}' csv --no-header
    gives '# made by\n\na,b\n1,2\n' '{"a":"1","b":"2"}' csv --skip 1
    gives 'a,b\n1,2\n' '{"x":"1","y":"2"}' csv --header x,y --skip 1
    gives '|1|\n' '{"a":"","b":"1","c":""}' csv -d '|' --header a,b,c
}

@test "csv: a row with fewer or more fields is bad, or ragged" {
    refuses '1,2,3\n' '3 fields, and there are names for 2' csv --header a,b
    refuses '1\n' '1 field, and there are names for 2' csv --header a,b
    refuses '"1","x,y",\n' '3 fields, and there are names for 2' csv --header a,b
    gives 'a,b\n1\n1,2,3,4\n' $'{"a":"1"}\n{"a":"1","b":"2","3":"3","4":"4"}' csv --ragged
    refuses '1,2,3\n' "field 3 has no name, and that is the name of field 1" csv --ragged --header 3,b
}

@test "csv: null and missing are texts" {
    gives 'a,b,c,d\nNULL,,"NULL",""\n' '{"a":null,"c":"NULL","d":""}' csv --null NULL --missing ''
    gives 'a,b\n,x\n' '{"a":null,"b":"x"}' csv --null ''
}

@test "csv: one quote too many costs its line, and no other" {
    printf 'a,b\n1,"x\n2,y\n3,"z"\n4,w\n' >in
    run -1 --separate-stderr $parse csv --dead-letter dead <in
    [ "$output" = $'{"a":"2","b":"y"}\n{"a":"3","b":"z"}\n{"a":"4","b":"w"}' ]
    [ "$stderr" = 'pype-parse: error: line 2: something behind the quotes of a field, which began here' ]
    [ "$(pype-jq -c '[.data.line, .data.text]' dead)" = '[2,"1,\"x"]' ]
    # To the end of the input, and two of them.
    printf 'a,b\n1,"x\n2,y\n3,"z\n4,w\n' >in
    run -1 --separate-stderr $parse csv --dead-letter two <in
    [ "$output" = $'{"a":"2","b":"y"}\n{"a":"4","b":"w"}' ]
    [ "$(pype-jq -c '[.data.line, .data.text]' two)" = $'[2,"1,\\"x"]\n[4,"3,\\"z"]' ]
    [[ $stderr == *"line 4: a quote is not closed" ]]
    refuses 'a,"b"c\n' 'something behind the quotes of a field' csv --no-header
}

@test "csv: a quote that is never closed is not held for ever" {
    { echo 'a,b'; echo '1,"x'; yes '2,y' | head -n 100000; } >in
    run -1 --separate-stderr bash -c 'set -o pipefail; pype-parse csv --max-line 64k <in | cksum'
    [ "$output" = "$(yes '{"a":"2","b":"y"}' | head -n 100000 | cksum)" ]
    [ "$stderr" = 'pype-parse: error: line 2: a quote is not closed within 64k (--max-line)' ]
}

# Lines that begin within quotes for whoever begins to read at any of them would be read as often as there are lines.
@test "csv: the worst of quotes takes time in proportion" {
    yes 'x","y' | head -n 200000 >in
    run -1 --separate-stderr timeout 60 $parse csv --no-header --dead-letter dead <in
    [ "$output" = "" ]
    pype-jq -j '.data.text + "\n"' dead | cmp - in
}

@test "csv: a long line within a record" {
    { printf 'a,b\n1,"x\n'; head -c 3000 /dev/zero | tr '\0' y; printf '\nend"\n2,z\n'; } >in
    run -1 --separate-stderr $parse csv --max-line 2k --dead-letter dead <in
    [ "${lines[-1]}" = '{"a":"2","b":"z"}' ]
    [ "$(pype-jq -c '[.data.line, .data.text]' dead)" = $'[3,null]\n[2,"1,\\"x"]\n[4,"end\\""]' ]
}

@test "csv: a header that names nothing ends it with 2" {
    run -2 $parse csv <<<$'a,"b\n1,2'
    [ "$output" = 'pype-parse: fatal: line 1: a quote is not closed, and it is to name the fields' ]
    run -2 $parse csv <<<'a,"b"c'
    [ "$output" = 'pype-parse: fatal: line 1: something behind the quotes of a field, and it is to name the fields' ]
    printf 'a,\377\n1,2\n' >in
    run -2 $parse csv <in
    [ "$output" = 'pype-parse: fatal: line 1: not UTF-8, and it is to name the fields' ]
    run -2 $parse csv -f d <<<'{"d":"a\nb"}'
    [ "$output" = 'pype-parse: fatal: line 1: more than one row, and it is to name the fields' ]
}

@test "csv: what pype-csv writes comes back equal" {
    cat >events.py <<'END'
import json, random, sys
rng = random.Random(int(sys.argv[1]))
parts = ["", "a", " ", ",", ";", "|", "\t", '"', '""', "\n", "\r", "\r\n", "é", "🙂", "\\", "\x01", "\x7f", "'", "#", "1", "a b", "\ufeff"]
for _ in range(500):
    print(json.dumps({k: "".join(rng.choice(parts) for _ in range(rng.randrange(5))) for k in ['n', 'x,"y"\n', "ö"]},
                     ensure_ascii=rng.random() < 0.5))
END
    for seed in 1 2 3 4; do
        "$PYTHON" events.py $seed >events
        pype-jq -c . events >want
        for d in ',' ';' tab '|' ' ' "'" '#' '\'; do
            pype-csv -d "$d" <events | $parse csv -d "$d" | pype-jq -c . | cmp - want
            pype-csv -d "$d" --crlf <events | $parse csv -d "$d" | pype-jq -c . | cmp - want
            pype-csv --no-header -d "$d" <events | $parse csv -d "$d" --header 'n,"x,""y""
",ö' | pype-jq -c . | cmp - want
        done
        pype-csv -d tab <events | $parse tsv | pype-jq -c . | cmp - want
        pype-csv n <events | $parse csv | cmp - <(pype-jq -c '{n}' events)
    done
}

@test "csv: the same as Python's module, on what it writes and on whatever there is" {
    cat >compare.py <<'END'
import csv, io, json, random, subprocess, sys
rng = random.Random(7)
def ours(text, *options):
    run = subprocess.run(["pype-parse", "csv", "--no-header", *options], input=text.encode(), capture_output=True)
    return run.returncode, [list(json.loads(line).values()) for line in run.stdout.decode().splitlines()]
parts = ["", "a", " ", ",", ";", '"', "\n", "\r", "é", "x y", "\\", "1.5"]
for quoting in csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC:
    for end in "\n", "\r\n":
        # It does not put quotes around a CR that ends no line.
        some = parts if end == "\r\n" else [part for part in parts if part != "\r"]
        rows = [["".join(rng.choice(some) for _ in range(rng.randrange(6))) for _ in range(rng.randrange(1, 6))]
                for _ in range(2000)]
        out = io.StringIO(newline="")
        csv.writer(out, quoting=quoting, lineterminator=end).writerows(rows)
        assert ours(out.getvalue()) == (0, rows), (quoting, end)
same = 0
for _ in range(int(sys.argv[1])):
    text = "".join(rng.choice(['a', ',', '"', '"', '\n', ' ']) for _ in range(rng.randrange(20)))
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        status, rows = ours(text)
        assert status == 1, repr(text)
        continue
    assert ours(text) == (0, rows), repr(text)
    same += 1
assert same > 20
END
    "$PYTHON" compare.py "${PYPE_PARSE_TEXTS:-300}"
}

# --- pairs ---

@test "logfmt" {
    gives 'a=1 b="x y" c= d e="" f=a=b\n' '{"a":"1","b":"x y","c":"","d":true,"e":"","f":"a=b"}' logfmt
    gives '  a=1 \t b=2 \r\n' '{"a":"1","b":"2"}' logfmt
    gives 'm="a \\"b\\" \\\\ \\n \\u00e9 \\ud83d\\ude42" n=1\n' '{"m":"a \"b\" \\ \n é 🙂","n":"1"}' logfmt
    gives 'm="\\d+ \\"x\\""\n' '{"m":"\\d+ \"x\""}' logfmt
    gives 'a.b=1 é=x"y at=2\n' '{"a.b":"1","é":"x\"y","at":"2"}' logfmt
    gives 'a=1\n\nb=2\n' $'{"a":"1"}\n{"b":"2"}' logfmt
    gives 'a=1 b=x\nb=y a=2\na=3 c=1 b=z\n' $'{"a":"1","b":"x"}\n{"b":"y","a":"2"}\n{"a":"3","c":"1","b":"z"}' logfmt
    refuses 'a="x\n' "the quote of 'a' is not closed" logfmt
    refuses 'a="x\\"\n' "the quote of 'a' is not closed" logfmt
    refuses 'a="x"y\n' "something behind the quotes of 'a'" logfmt
    refuses 'a=1 =2\n' "a '=' where a name should be, at byte 5" logfmt
    refuses 'a"b"=1\n' "a quote where a name should be, at byte 2" logfmt
}

@test "kv" {
    gives 'a=1 b=x=y\n' '{"a":"1","b":"x=y"}' kv
    gives 'a: 1 ; b: x y ;; c:\n' '{"a":"1","b":"x y","c":""}' kv --pair-separator ';' --value-separator ':'
    gives 'a->1, b->"2"\n' '{"a":"1","b":"\"2\""}' kv --pair-separator ', ' --value-separator '->'
    gives 'a 1\tb x y\n' '{"a":"1","b":"x y"}' kv --pair-separator tab --value-separator ' '
    refuses 'a=1 b\n' "no '=' in 'b'" kv
    refuses 'a=1 =2\n' "a value without a name" kv
    refuses ';;\n' 'nothing in it' kv --pair-separator ';'
}

# --- formats with names of their own ---

@test "regex" {
    gives 'GET /x 200\n' '{"method":"GET","path":"/x","status":"200"}' \
        regex '^(?<method>\w+) (?<path>\S+) (?<status>\d+)(?: (?<more>.*))?'
    gives 'é-ü\n' '{"a":"é","b":"ü"}' regex '(?<a>\pL)-(?<b>\pL)'
    refuses 'x\n' 'does not match' regex '(?<a>\d)'
    refuses "$(printf 'a%.0s' {1..40})b\\n" 'the regular expression gave up: *' regex '^(?<a>(a+)+)+$'
    run -2 $parse regex '(\d)'
    [[ $output == *"no group has a name, as (?<name>...) has" ]]
    run -2 $parse regex '(?<a'
    [[ $output == *"regular expression '(?<a': "*" at byte 4" ]]
    run -2 $parse regex
    [[ $output == *"regex needs a regular expression" ]]
}

@test "syslog: RFC 5424, RFC 3164, and lines of files" {
    gives '<34>1 2003-10-11T22:14:15.003Z h su - ID47 [a@1 b="c \\"d\\""][e] hello\n' \
        '{"time":1065910455.003,"priority":34,"facility":"auth","severity":"crit","host":"h","app":"su","msgid":"ID47","structured":{"a@1":{"b":"c \"d\""},"e":{}},"message":"hello"}' syslog
    gives '<13>1 - - - - - -\n' '{"priority":13,"facility":"user","severity":"notice","message":""}' syslog
    gives '2026-11-25T10:00:00+01:00 h app[7]: hi\n' '{"time":1795597200,"host":"h","app":"app","procid":"7","message":"hi"}' syslog
    printf '<86>Nov 25 10:00:00 h sshd[12]: hi\nNov 25 10:00:00 h x: y\n' | $parse syslog | pype-jq -c '[(.time | todate[4:]), .priority, .app]' >out
    cmp out <(printf '["-11-25T10:00:00Z",86,"sshd"]\n["-11-25T10:00:00Z",null,"x"]\n')
    refuses 'hello\n' 'neither a priority nor a time as syslog has them' syslog
}

@test "clf, combined" {
    log='127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.0" 200 2326'
    row='{"time":971211336,"host":"127.0.0.1","user":"frank","method":"GET","path":"/a?b=1","protocol":"HTTP/1.0","status":200,"bytes":2326'
    gives "$log\\n" "$row}" clf
    gives "$log \"http://x/\" \"Mozilla (\\\\\"x\\\\\" \\\\xc3\\\\xa9)\"\\n" "$row,\"referer\":\"http://x/\",\"agent\":\"Mozilla (\\\"x\\\" é)\"}" combined
    gives "$log \"-\" \"\\\\xff\"\\n" "$row,\"agent\":\"\\\\xff\"}" combined
    gives '::1 - a b [10/Oct/2000:13:55:36 +0000] "\\x16\\x03" 400 -\n' '{"time":971186136,"host":"::1","user":"a b","request":"\u0016\u0003","status":400}' clf
    gives '::1 - - [10/Oct/2000:13:55:36 +0000] "-" 408 -\n' '{"time":971186136,"host":"::1","status":408}' clf
    refuses "$log x\\n" "something behind the last field: 'x'" clf
    refuses "$log\\n" 'no referer in quotes behind the bytes' combined
    refuses '::1 - - [32/Oct/2000:13:55:36 +0000] "-" 408 -\n' "not a time: '32/Oct/2000:13:55:36 +0000'" clf
    refuses '::1 - - [10/Oct/2000:13:55:36 +0000] "-" x -\n' "field 'status' is no number: 'x'" clf
    refuses 'x\n' "does not begin with 'host ident user \\[time\\] '" clf
}

@test "fixed" {
    gives 'AB  12 rest of é\n' '{"a":"AB","b":"12","c":"rest of é"}' fixed a:1-2,b:3-6,c:8-
    gives 'é日本x\n' '{"a":"é","b":"日本","c":"x"}' fixed a:1,b:2-3,c:4
    gives 'x\n' '{"a":"x"}' fixed a:1,b:2-3
    gives 'xyz\n' '{"b":"z","a":"xy"}' fixed b:3,a:1-2
    for spec in a a:0 a:3-2 a:1-2, :x a:1-2x a:99999999999; do
        run -2 $parse fixed "$spec"
        [[ $output == *"is no column, as name:1-8, name:9 or name:10- are" ]] || { echo "$spec: $output"; false; }
    done
}

# --- types and times ---

@test "--types: a number only if it is written as it would be written again" {
    for n in 0 1 -1 1.5 1.50 -0.25 123456789012345 0.0; do gives "$n\\n" "{\"a\":$n}" csv --header a --types; done
    for n in 007 +1 .5 5. 1e5 -0 -0.0 1234567890123456 0x10 1,5 '1 ' NaN True ''; do
        gives "\"\",\"$n\"\\n" "{\"a\":\"\",\"b\":\"$n\"}" csv --header a,b --types
        gives "x\\t$n\\n" "{\"a\":\"x\",\"b\":\"$n\"}" tsv --header a,b --types
    done
    gives 'true,false,null,"1",2\n' '{"a":true,"b":false,"c":null,"d":"1","e":"2"}' csv --header a,b,c,d,e --types --string e
    gives 'a=1 b=x c="1"\n' '{"a":1,"b":"x","c":"1"}' logfmt --types
    gives 'a=1 b=2\n' '{"a":"1","b":"2"}' logfmt --types --string a,b
}

@test "--number: what is meant as a number" {
    while read -r from to; do
        gives "\"$from\"\\n" "{\"a\":$to}" csv --header a --number x,a
    done <<'END'
1 1
+1.50 1.50
007 7
-.5 -0.5
5. 5
1e5 1e5
5.E+3 5E+3
12345678901234567890 12345678901234567890
0 0
00 0
END
    gives '  1 ,\n' '{"a":1,"b":null}' csv --header a,b --number a --number b
    for n in x 1x -- . 1e 1.2.3 '1 2' Infinity 0x1; do
        refuses "$n\\n" "field 'a' is no number: '$n'" csv --header a --number a
    done
}

@test "--time" {
    # TEXT SECONDS [FORMAT]
    while IFS='|' read -r text seconds format; do
        gives "$text\\n" "{\"event\":\"data\",\"time\":$seconds,\"data\":{\"t\":\"$text\"}}" csv -d '|' --header t --time "t$format"
    done <<'END'
2026-11-25T10:00:00Z|1795600800
2026-11-25T10:00:00.125+01:00|1795597200.125
2026-11-25 10:00|1795600800
1795600800|1795600800
1795600800.5|1795600800.5
10/Oct/2000:13:55:36 -0700|971211336
1795600800250|1795600800.25|=ms
-1500|-1.5|=ms
1795600800.25|1795600800.25|=s
1795600800000000001|1795600800.000000001|=ns
25.11.2026 10:00|1795600800|=%d.%m.%Y %H:%M
2026-11-25 10:00:00,123 +0100|1795597200.123|=%Y-%m-%d %H:%M:%S,%f %z
END
    # Local time, if it has no offset.
    TZ=Europe/Berlin gives '2026-11-25 10:00:00\n' '{"event":"x","time":1795597200,"data":{"t":"2026-11-25 10:00:00"}}' \
        csv --header t --name x --time t='%Y-%m-%d %H:%M:%S'
    for bad in now x 1h 2026-02-30 2026-11-25+1d 99999999999; do
        refuses "$bad\\n" "field 't' is no time: '$bad'" csv --header t --time t
    done
    refuses 'a=1\n' "there is no field 't', which has the time" logfmt --time t
    refuses '2026-02-30\n' "field 't' is no time: '2026-02-30'" csv --header t --time t=%Y-%m-%d
    run -2 $parse csv --time t=x
    [[ $output == *"the format is s, ms, us, ns, or one of strptime(3)"* ]]
}

# --- where it goes ---

@test "--name makes events" {
    gives 'a\n1\n' '{"event":"price","data":{"a":"1"}}' csv --name price
    PYPE_NAME=p.parse gives 'a\n1\n' '{"event":"price","source":"p.parse","data":{"a":"1"}}' csv --name price
    gives '<13>1 2026-11-25T10:00:00Z h - - - - x\n' \
        '{"event":"log","time":1795600800,"data":{"priority":13,"facility":"user","severity":"notice","host":"h","message":"x"}}' syslog --name log
}

@test "--field: the result in place of the text, all else byte for byte" {
    printf '%s\n' '{"event": "data", "n":1.10,"data":"a=1\n","z":[1, 2] }' >in
    [ "$($parse logfmt -f .data <in)" = '{"event": "data", "n":1.10,"data":{"a":"1"},"z":[1, 2] }' ]
    printf '%s\n' '{"a":{"b":["x","k=\"q \\\"r\\\"\""]},"c":1}' >in
    [ "$($parse logfmt -f '.a.b[1]' <in)" = '{"a":{"b":["x",{"k":"q \"r\""}]},"c":1}' ]
    gives '{"d":"{\\"a\\": [1, 2.50]}"}\n' '{"d":{"a":[1,2.50]}}' json -f d
    gives '{"d":"[1]"}\n' '{"d":[1]}' json -f d
}

@test "--into, --merge, and the time of the event" {
    gives '{"d":"a=1"}\n' '{"d":"a=1","r":{"a":"1"}}' logfmt -f d --into r
    gives '{"r":0,"d":"a=1","x":2}\n' '{"r":{"a":"1"},"d":"a=1","x":2}' logfmt -f d --into r
    gives '{"x":1, "d":"a=1 x=2","y":3}\n' '{"y":3,"a":"1","x":"2"}' logfmt -f d --merge
    gives '{"x":{"d":"a=1"}}\n' '{"x":{"d":"a=1"},"a":"1"}' logfmt -f .x.d --merge
    gives '{"time":1,"d":"t=7"}\n' '{"time":7,"d":{"t":"7"}}' logfmt -f d --time t
    gives '{"d":"t=7","time":1}\n' '{"d":{"t":"7"},"time":7}' logfmt -f d --time t
    gives '{"d":"t=7"}\n' '{"d":"t=7","time":7,"r":{"t":"7"}}' logfmt -f d --time t --into r
    gives '{"time":1,"d":"t=7 time=x"}\n' '{"time":7,"t":"7"}' logfmt -f d --time t --merge
    gives '{"time":1,"d":"::1 - - [10/Oct/2000:13:55:36 +0000] \\"-\\" 408 -"}\n' \
        '{"time":971186136,"d":{"host":"::1","status":408}}' clf -f d
    refuses '{"d":"[1]"}\n' 'not a JSON object, which --merge needs' json -f d --merge
    refuses '{"time":"t=7"}\n' 'the time and the row belong into the same member' logfmt -f time --time t
}

@test "--field: what cannot be parsed is bad, passed on or dropped" {
    refuses '{"x":1}\n' "there is no 'd'" logfmt -f d
    refuses '{"d":1}\n' "'d' is no string" logfmt -f d
    refuses '{"d":"=" }\n' "a '=' where a name should be, at byte 1" logfmt -f d
    refuses '{"d":"1,2\\n3,4"}\n' 'more than one row' csv --header a,b -f d
    refuses '{"d":"1,\\"2\\n"}\n' 'a quote is not closed' csv --header a,b -f d
    gives '{"d":1 }\n{"d":"a=1"}\n' $'{"d":1 }\n{"d":{"a":"1"}}' logfmt -f d --no-match pass
    gives '{"d":1 }\n{"d":"a=1"}\n' '{"d":{"a":"1"}}' logfmt -f d --no-match drop
}

@test "--field: of CSV the first event has the header" {
    gives '{"n":1,"data":"a,b"}\n{"n":2,"data":"1,\\"x\\ny\\""}\n' '{"n":2,"data":{"a":"1","b":"x\ny"}}' csv -f data
}

# --- bad lines ---

@test "what is bad is said with its line, whole in the dead letters, and the rest goes on" {
    printf 'a,b\n1,2\n3\n4,5\n\377,1\n"6\n\377",7\n8,9\n' >in
    run -1 --separate-stderr $parse csv --dead-letter dead <in
    [ "$output" = $'{"a":"1","b":"2"}\n{"a":"4","b":"5"}\n{"a":"8","b":"9"}' ]
    [ "$stderr" = $'pype-parse: error: line 3: 1 field, and there are names for 2\npype-parse: error: line 5: not UTF-8\npype-parse: error: line 6: not UTF-8' ]
    [ "$(pype-jq -r '.data.base64 // empty' dead | base64 -d | od -An -c | tr -d ' \n')" = '377,1"6\n377",7' ]
    run -1 --separate-stderr $parse csv --on-error fail <in
    [ "$output" = '{"a":"1","b":"2"}' ]
    run -1 --separate-stderr $parse csv --invalid replace <in
    [ "${lines[2]}" = '{"a":"�","b":"1"}' ]
    [ "${lines[3]}" = '{"a":"6\n�","b":"7"}' ]
}

@test "options that do not go together are refused" {
    while IFS='|' read -r options reason; do
        eval "run -2 $parse $options"
        [[ $output == "pype-parse: fatal: "$reason ]] || { echo "$options: $output"; false; }
    done <<'END'
scv|unknown format 'scv', did you mean 'csv'?
logfmt x|logfmt takes no operand 'x'
fixed|fixed needs columns: NAME:FROM-TO,...
logfmt --header a|--header, --no-header, --ragged, --no-quotes and --delimiter are for csv and tsv
csv --pair-separator x|--pair-separator and --value-separator are for kv
syslog --types|--types, --number, --string, --null, --missing and --time are not for syslog
csv --header a --no-header|--header and --no-header exclude each other
csv --merge|--into, --merge and --no-match need --field
json|json needs --field: what is JSON by lines are events already
csv -f a --name x|--name is for lines: not with --field
csv -f a --into b --merge|--into and --merge exclude each other
csv -f a --into time|--into time: that is for the time of the event
kv --pair-separator ''|a separator is empty
csv -d é|--delimiter takes one ASCII character, no quote or line break, or \\t, not 'é'
csv -f a..b|--field 'a..b': *
csv --header 'a,"b'|--header 'a,"b': a quote is not closed
END
}

@test "PYPE_CHECK=1 compiles what it was given" {
    export PYPE_CHECK=1
    run -0 $parse regex '(?<a>x)'
    run -2 $parse regex '(?<a'
    run -0 $parse csv -f .a --into b --header a,b
}

@test "an event passes at once" {
    mkfifo in out
    start bash -c 'exec pype-parse csv <in >out'
    exec 5>in 6<out
    printf 'a,b\n1,"x' >&5
    printf '\ny"\n' >&5
    read -t 10 -r line <&6
    [ "$line" = '{"a":"1","b":"x\ny"}' ]
    printf '2,3' >&5
    kill -TERM "$PID"
    wait "$PID"
    exec 5>&- 6<&-
}

@test "a million lines in bounded memory" {
    { echo time,symbol,price,note; yes '1795392000,AAPL,101.50,"say ""x"""' | head -n 1000000; } |
        /usr/bin/time -q -f %M -o peak $parse csv --types >out
    [ "$(wc -l <out)" = 1000000 ]
    [ "$(tail -n 1 out)" = '{"time":1795392000,"symbol":"AAPL","price":101.50,"note":"say \"x\""}' ]
    [ "$PYPE_SAN" ] || [ "$(tail -n 1 peak)" -lt 8192 ]
}

# --- kill -9 ---

# rows N: CSV with a header of two lines, records of one to three lines, bad ones among them.
rows() {
    awk -v count="$1" 'BEGIN {
        print "n,\"a \"\"long\"\"\nname\",text"
        for (n = 1; n <= count; n++)
            if (n % 10 == 0) printf "%d,too few\n", n
            else if (n % 3 == 0) printf "%d,\"line %d\nline \"\"%d\"\"\n\",x\n", n, n, n
            else printf "%d,a,b\n", n
    }'
}

@test "exact: csv is killed again and again, and what comes is the same, byte for byte" {
    write_slow
    rows 4000 >rows.csv
    $parse csv --dead-letter wanted.dead <rows.csv >wanted 2>/dev/null || true
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<'END'
source: cat rows.csv
slow: {run: ./slow, ack: lines, from: source}
parse: {run: pype-parse csv, from: slow}
END
    run_flow
    wait_for lines flow.out 20
    local i
    for ((i = 0; i < ${PYPE_PARSE_KILLS:-20}; i++)); do
        kill_stage p.parse
    done
    [ ! -e go ]
    alive "$FLOW"
    touch go
    flow_ends 30
    cmp flow.out wanted
    happened p.parse failed "${PYPE_PARSE_KILLS:-20}"
    # Each bad row is there once.
    cmp <(pype-jq -c '[.data.line, .data.text]' .pype/dead-letters/p.parse.ndjson) \
        <(pype-jq -c '[.data.line, .data.text]' wanted.dead)
}

@test "exact: the header of an event's text is known after a kill, too" {
    write_slow
    awk 'BEGIN { print "{\"data\":\"n,double\"}"; for (n = 1; n <= 3000; n++) printf "{\"n\":%d,\"data\":\"%d,%d\"}\n", n, n, 2 * n }' >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<'END'
source: cat events
slow: {run: ./slow, ack: lines, from: source}
parse: {run: "pype-parse csv -f data --types", from: slow}
END
    run_flow
    local i
    for ((i = 0; i < 5; i++)); do
        grows flow.out 5
        kill_stage p.parse
    done
    [ ! -e go ]
    touch go
    flow_ends 30
    cmp flow.out <(awk 'BEGIN { for (n = 1; n <= 3000; n++) printf "{\"n\":%d,\"data\":{\"n\":%d,\"double\":%d}}\n", n, n, 2 * n }')
}

@test "exact: a header that cannot be kept is refused; with --header it goes" {
    { seq -s , 1 2000; seq -s , 1 2000; } >wide
    stages <<'END'
source: cat wide
parse: {run: pype-parse csv, from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 1 ]
    has flow.err 'p.parse: fatal: the header has 8892 bytes, more than the 3000 that are kept for a restart'
    [ ! -s flow.out ]
    stages <<'END'
source: cat wide
parse: {run: 'pype-parse csv --skip 1 --header "$(head -n 1 wide)"', from: source}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    cmp flow.out <(pype-parse csv <wide)
}

@test "exact: a record that is begun is left to the next process when the flow is stopped" {
    printf 'a,b\n1,2\n3,"x\n' >rows.csv
    stages <<'END'
source: cat rows.csv; sleep 60
parse: {run: pype-parse csv, from: source}
END
    run_flow
    wait_for has flow.out '"2"'
    kill_stage p.parse
    kill -TERM "$(pid_of p.parse)"
    grows .pype/events.ndjson 1
    [ "$(cat flow.out)" = '{"a":"1","b":"2"}' ]
    [ ! -s .pype/dead-letters/p.parse.ndjson ]
}

@test "sync: a record of several lines does not stand still" {
    printf '["a,b", "1,\\"x", "", "y\\"", "3,4"][.time]' >lines.jq
    stages 'protocol: sync' <<'END'
source: pype-cron --from 0 --to 5 --every 1s
lines: {run: pype-jq -r -f lines.jq, from: source}
parse: {run: pype-parse csv, from: lines}
END
    run_flow
    flow_ends
    [ "$status" -eq 0 ]
    [ "$(cat flow.out)" = $'{"a":"1","b":"x\\n\\ny"}\n{"a":"3","b":"4"}' ]
}
