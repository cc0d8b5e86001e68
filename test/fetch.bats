# pype-fetch against a real server (nginx), and against one that does what it is told.

load lib
load flow

prepare() {
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
}

mock_up() {
    start "$PYTHON" "$FIXTURES/fetch_server.py" port 2>server.err
    wait_for [ -s port ]
    URL=http://127.0.0.1:$(cat port)
}

# fetch ARGUMENT…: pype-fetch with a limit on its time; stdout in $output, stderr in $stderr, $status.
fetch() {
    run_split timeout -s KILL 30 pype-fetch "$@"
}

# numbers FROM TO: {"n":N} for each.
numbers() {
    seq "$1" "$2" | sed 's/.*/{"n":&}/'
}

# asked PATTERN N: the server was asked for it N times.
asked() {
    [ "$(grep -c -- "$1" asked)" = "$2" ] || {
        grep -c -- "$1" asked
        return 1
    }
}

# body MEMBER: of the answers in $output that are echoes.
body() {
    pype-jq -c "$1" <<<"$output"
}

# one_by_one N ARGUMENT…: N events, each when the answer to the one before is out.
one_by_one() {
    local n count=$1
    shift
    rm -f in
    mkfifo in
    exec 5<>in
    start bash -c 'exec "$@" <in' - pype-fetch "$@" >out 5>&-
    for n in $(seq "$count"); do
        echo "{}" >&5
        wait_for lines out "$n"
    done
    exec 5>&-
}

# --- what is asked ---

@test "values of the event in the URL: encoded, left out, raw" {
    mock_up
    fetch "$URL/echo/{.id}?a={.a}&b={.b.c}&c=1" <<<'{"id":"x/y z?é","a":"1&2","b":{"c":[1, "q"]}}'
    [ "$status" = 0 ]
    [ "$(body .data.path)" = '"/echo/x%2Fy%20z%3F%C3%A9?a=1%262&b=%5B1%2C%22q%22%5D&c=1"' ]
    fetch "$URL/echo/{.id}?a={.a}&b={.b.c}&c=1&d={.d:json}" <<<'{"id":true,"a":null}'
    [ "$(body .data.path)" = '"/echo/true?c=1&d=null"' ]
    fetch "$URL/echo/{.path:raw}?{.query:raw}" <<<'{"path":"a/b","query":"x=1&y=2"}'
    [ "$(body .data.path)" = '"/echo/a/b?x=1&y=2"' ]
    fetch "$URL/echo/{.\"odd }:name\"}/{.l[1]}" <<<'{"odd }:name":1.50,"l":[1,2]}'
    [ "$(body .data.path)" = '"/echo/1.50/2"' ]
    # http:// may be missing.
    fetch "${URL#http://}/echo/1#part" <<<'{}'
    [ "$(body .data.path)" = '"/echo/1"' ]
}

@test "what cannot be part of a URL is a bad event, and asks nothing" {
    mock_up
    fetch --dead-letter dead "$URL/echo/{.id}/x?q={.q:raw}" <<'END'
{"id":"..","q":1}
{"id":".","q":1}
{"id":"","q":1}
{"q":1}
{"id":null,"q":1}
{"id":1,"q":"a b"}
{"id":1,"q":"a\r\nb"}
{"id":1,"q":2}
END
    [ "$status" = 1 ]
    [ "$(body .data.path)" = '"/echo/1/x?q=2"' ]
    asked echo 1
    [ "$(wc -l <dead)" = 7 ]
    [ "$(pype-jq -r .data.line dead | tr '\n' ' ')" = "1 2 3 4 5 6 7 " ]
    [ "$(pype-jq -r .data.text dead | tail -n 1)" = '{"id":1,"q":"a\r\nb"}' ]
    [[ $stderr == *"line 4: nothing at '.id'"* ]]
}

@test "--method, --header, --data, --body" {
    mock_up
    fetch -X '{.m}' "$URL/echo" <<<$'{"m":"DELETE"}\n{"m":"GET /"}\n{"m":"PUT"}'
    [ "$(body .data.method)" = $'"DELETE"\n"PUT"' ]
    [ "$status" = 1 ]
    fetch -H 'X-Id: a {.id}' -H 'X-Other: {.o}' "$URL/echo" <<<$'{"id":1,"o":"x"}\n{"id":2}\n{"id":"a\\nX-Evil: 1"}'
    [ "$(body .data.headers)" = $'{"x-id":"a 1","x-other":"x"}\n{"x-id":"a 2"}' ]
    fetch -d '{"id":"{.id}","all":{.o:json},"l":{{.x}}' "$URL/echo" <<<'{"id":"a\"b","o":{"k": 1}}'
    [ "$(body .data.body)" = '"{\"id\":\"a\\\"b\",\"all\":{\"k\":1},\"l\":{.x}}"' ]
    [ "$(body .data.method)" = '"POST"' ]
    [ "$(body '.data.headers["content-type"]')" = '"application/json"' ]
    fetch -d 'a={.id}&b={.id:raw}' -H 'Content-Type: application/x-www-form-urlencoded' "$URL/echo" <<<'{"id":"x&y"}'
    [ "$(body .data.body)" = '"a=x%26y&b=x&y"' ]
    fetch --body '{q: .id, n: (.n + 1)}' -X PUT "$URL/echo" <<<'{"id":"x","n":1}'
    [ "$(body .data.body)" = '"{\"q\":\"x\",\"n\":2}"' ]
    [ "$(body .data.method)" = '"PUT"' ]
    fetch --body .b "$URL/echo" <<<$'{"b":{"big":12345678901234567890}}\n{}'
    [ "$(body .data.body)" = '"{\"big\":12345678901234567890}"' ]
    [[ $stderr == *"line 2: --body finds nothing"* ]]
    fetch -X HEAD --meta "$URL/echo" <<<'{}'
    [ "$(body .data.body,.data.status)" = $'null\n200' ]
}

@test "what is wrong is said before anything is read" {
    local arguments
    while read -r arguments; do
        echo "$arguments"
        eval "run_split pype-fetch $arguments </dev/null"
        [ "$status" = 2 ]
        eval "PYPE_CHECK=1 run_split pype-fetch $arguments </dev/null"
        [ "$status" = 2 ]
    done <<'END'
'http://h/{.a'
'http://h/{a}'
'http://h/{.a:text}'
'http://h/{.a[}'
'{.url:raw}'
'http://{.host}/x'
--origin http://h http://h/
ftp://h/
-H '{.a}: b' http://h/
-d x --body .x http://h/
--body '{' http://h/
--into 'a..b' http://h/
--into 'a b' http://h/
--into a --bare http://h/
-j 0 http://h/
-j 501 http://h/
--cache-errors 1s http://h/
--name 'a b' http://h/
--retry-min 2s --retry-max 1s http://h/
--success 500 --fatal-status 500 http://h/
--as xml http://h/
END
    PYPE_CHECK=1 run_split pype-fetch --fatal-status 503 --origin '*' '{.url:raw}'
    [ "$status" = 0 ]
}

@test "an event that names the host is held to --origin" {
    mock_up
    fetch --origin "$URL" --emit-errors '{.u:raw}' <<END
{"u":"$URL/echo/1"}
{"u":"http://127.0.0.1:1/echo/2"}
{"u":"$URL@127.0.0.1:1/echo/3"}
{"u":"file:///etc/passwd"}
{"u":"${URL#http://}/echo/4"}
END
    [ "$status" = 0 ]
    [ "$(body '.data.path // .data.error' | sed 's/ at none.*//')" = '"/echo/1"
"'"'http://127.0.0.1:1/echo/2'"' is
"'"'http://127.0.0.1:1/echo/3'"' is
"bad URL: neither http nor https"
"/echo/4"' ] || { echo "$output"; false; }
}

# --- what becomes of it ---

@test "an event for each answer, as pype-rest writes them" {
    mock_up
    fetch "$URL/body/{.k}" <<<$'{"k":"spaced"}\n{"k":"text"}\n{"k":"empty"}\n{"k":"bom"}'
    [ "$status" = 0 ]
    [[ ${lines[0]} =~ ^'{"event":"data","time":'[0-9]+',"data":{"a":[1,2.50],"s":" x "}}'$ ]]
    [ "$(body .data | tail -n 3)" = $'"hello\\n\\"you\\""\nnull\n{"a":1}' ]
    PYPE_NAME=p.f fetch --name got "$URL/body/{.k}" <<<'{"k":"bom"}'
    [[ $output =~ ^'{"event":"got","time":'[0-9]+',"source":"p.f","data":{"a":1}}'$ ]]
    fetch --bare "$URL/body/{.k}" <<<'{"k":"spaced"}'
    [ "$output" = '{"a":[1,2.50],"s":" x "}' ]
    fetch --as text --bare "$URL/body/{.k}" <<<'{"k":"bom"}'
    [ "$output" = '"{\"a\":1}"' ]
}

@test "--into: byte for byte, in all places" {
    mock_up
    fetch --into a.w "$URL/body/bom" <<'END'
{}
 { "a" : { } , "n":1.0 } 
{"a":{"w":{"old":1},"z":"é"}}
{"a":{"x":1},"a2":{"w":1}}
{"a":7}
{"x":1}
END
    [ "$status" = 1 ]
    [ "$output" = '{"a":{"w":{"a":1}}}
{ "a" : { "w":{"a":1}} , "n":1.0 }
{"a":{"w":{"a":1},"z":"é"}}
{"a":{"x":1,"w":{"a":1}},"a2":{"w":1}}
{"x":1,"a":{"w":{"a":1}}}' ]
    [ "$stderr" = "pype-fetch: error: line 5: nothing can be put into 'a', which is no object" ]
    asked bom 5
    fetch --into x.y.z "$URL/body/empty" <<<'{"x":{}}'
    [ "$output" = '{"x":{"y":{"z":null}}}' ]
    fetch --into .a "$URL/body/empty" <<<'{"a":1,"b":2}'
    [ "$output" = '{"a":null,"b":2}' ]
}

@test "--meta and --meta-header" {
    mock_up
    fetch --meta "http://me:pw@${URL#http://}/echo/{.n}" <<<'{"n":1}'
    [ "$(body '.data | keys')" = '["attempt","body","duration","status","type","url"]' ]
    [ "$(body '.data | [.url, .status, .type, .attempt, .body.path]')" = "[\"$URL/echo/1\",200,\"application/json\",1,\"/echo/1\"]" ]
    fetch --into m --meta-header x-server "$URL/echo/{.n}" <<<'{"n":1}'
    [ "$(body .m.headers)" = '{"x-server":"mock"}' ]
}

@test "answers that cannot be used" {
    mock_up
    fetch --retry-min 1ms --max-failures 2 --dead-letter dead "$URL/body/{.k}" <<<$'{"k":"binary"}\n{"k":"bom"}'
    [ "$status" = 1 ]
    [ "$(body .data)" = '{"a":1}' ]
    [[ $stderr == *"the body is neither JSON nor a text in UTF-8"* ]]
    fetch --retry-min 1ms --max-failures 2 --as json "$URL/body/text" <<<'{}'
    [[ $stderr == *"the body is not JSON: "*"given up after 2 failures"* ]]
    # Nested as deep as events may be, but not within another one.
    fetch --bare "$URL/body/deep" <<<'{}'
    [ "$status" = 0 ]
    fetch --into a.b "$URL/body/deep" <<<'{}'
    [ "$status" = 1 ]
    [[ $stderr == *"the answer cannot be part of an event: "* ]]
    fetch --max-body 1k "$URL/big/1025" <<<'{}'
    [[ $stderr == *"line 1: '$URL/big/1025': the body is over the limit of 1k (--max-body raises it)" ]]
    asked big 1
    fetch --max-line 1k "$URL/big/1010" <<<'{}'
    [[ $stderr == *"with its answer it is longer than 1k (--max-line)" ]]
}

# --- order ---

@test "answers in the order of the events, whatever the order they come in; --unordered" {
    mock_up
    numbers 1 8 | timeout 20 pype-fetch -j 8 --bare "$URL/turn/{.n}/8" >out
    cmp out <(seq 8)
    kill "$PID"
    wait_gone "$PID"
    rm port
    mock_up
    numbers 1 8 | timeout 20 pype-fetch -j 8 --bare --unordered "$URL/turn/{.n}/8" >out
    sort -n out | cmp - <(seq 8)
    [ "$(tail -n 1 out)" -lt "$(head -n 1 out)" ]
}

@test "an answer goes out while the input is open; the next event is asked for meanwhile" {
    mock_up
    mkfifo in
    exec 5<>in
    start bash -c 'exec "$@" <in' - pype-fetch -j 2 --bare "$URL/slow/{.ms}/x" >out 5>&-
    echo '{"ms":0}' >&5
    wait_for lines out 1
    echo '{"ms":300}' >&5
    wait_for asked slow/300 1
    echo '{"ms":0}' >&5
    wait_for asked slow/0 2
    wait_for lines out 3
    exec 5>&-
}

@test "--jobs is the most at a time, one if not given" {
    mock_up
    numbers 1 40 | pype-fetch --jobs 4 --bare "$URL/slow/20/{.n}" >out
    [ "$(pype-jq -r .path out)" = "$(seq 40 | sed 's,^,/slow/20/,')" ]
    [ "$(curl -s "$URL/count")" = 4 ]
    # Connections are used again.
    [ "$(grep slow asked | cut -d' ' -f3 | sort -u | wc -l)" -le 4 ]
    kill "$PID"
    wait_gone "$PID"
    rm port
    mock_up
    numbers 1 5 | pype-fetch --bare "$URL/slow/5/{.n}" >out
    [ "$(curl -s "$URL/count")" = 1 ]
}

@test "bad lines are put away in the order of the input" {
    mock_up
    { echo '{"n":0,"s":500}'; echo bad; echo '{"n":1,"s":500}'; echo '[]'; echo '{"n":2,"s":200}'; } >events
    fetch -j 5 --max-failures 1 --dead-letter dead "$URL/status/{.s}" <events
    [ "$status" = 1 ]
    [ "$(pype-jq -r .data.line dead | tr '\n' ' ')" = "1 2 3 4 " ]
    fetch -j 5 --unordered --max-failures 1 --dead-letter dead2 "$URL/status/{.s}" <events
    [ "$(pype-jq -r .data.line dead2 | tr '\n' ' ')" = "1 2 3 4 " ]
    [ "$(body .data)" = '{"why":"so"}' ]
    # One that is longer than lines may be, too.
    { echo '{"s":"slow/200/1"}'; echo '{"s":"status/404"}'; head -c 300000 /dev/zero | tr '\0' x; echo; echo '{"s":"status/410"}'; } >events
    fetch -j 5 --max-line 1k --dead-letter dead3 "$URL/{.s:raw}" <events
    [ "$status" = 1 ]
    [ "$(pype-jq '[.data.line, (.data.text // .data.base64 | length)]' -c dead3 | tr -d '\n')" = '[2,18][3,400000][4,18]' ]
}

# --- failures ---

@test "a failure that may pass is tried again" {
    mock_up
    fetch --retry-min 1ms --retry-max 5ms --meta "$URL/{.k}" <<END
{"k":"x"}
END
    [ "$status" = 1 ] # 404 is no failure that passes
    asked /x 1
    fetch --retry-min 1ms --retry-max 5ms --meta "$URL/{.k:raw}" <<'END'
{"k":"fail/3/500/a"}
{"k":"drop/a"}
{"k":"half/a"}
END
    [ "$status" = 0 ]
    [ "$(body .data.body)" = $'{"tries":4}\n2\n[1,2]' ]
    [ "$(body .data.attempt | tr -d '\n')" = 412 ] # libcurl itself asks again if a kept connection is closed
    [[ $stderr == *"'$URL/fail/3/500/a': status 500; next try in "* ]]
    fetch --retry-min 1ms --max-failures 3 "$URL/fail/3/500/b" <<<'{}'
    [ "$status" = 1 ]
    [[ $stderr == *"error: line 1: '$URL/fail/3/500/b': status 500; given up after 3 failures" ]]
    fetch --retry-min 1ms --retry-max 2ms --max-failures 0 --bare "$URL/fail/12/503/c" <<<'{}'
    [ "$output" = '{"tries":13}' ]
}

@test "Retry-After is heeded, up to a limit" {
    mock_up
    local begin=$EPOCHREALTIME
    fetch --retry-min 1ms --retry-max 1ms --bare "$URL/busy/a" <<<'{}'
    [ "$output" = 1 ]
    [ "$(pype-jq -n "$EPOCHREALTIME - $begin >= 1")" = true ]
    fetch --retry-min 1ms --retry-max 1ms --retry-after-max 10ms --bare "$URL/busy/b" <<<'{}'
    [ "$output" = 1 ]
    [[ $stderr == *"next try in 10ms"* ]]
}

@test "--success, --retry-status, --fatal-status" {
    mock_up
    fetch --success 200,404 --bare "$URL/status/404" <<<'{}'
    [ "$output" = '{"why":"so"}' ]
    fetch --retry-status 404 --retry-min 1ms --bare "$URL/fail/1/404/a" <<<'{}'
    [ "$output" = '{"tries":2}' ]
    fetch --retry-status 404 --retry-min 1ms "$URL/fail/1/500/a" <<<'{}'
    [ "$status" = 1 ]
    asked fail/1/500/a 1
    # All before the event is out.
    fetch -j 4 --fatal-status 401 --bare "$URL/{.k:raw}" <<<$'{"k":"slow/100/1"}\n{"k":"status/401"}\n{"k":"slow/0/2"}'
    [ "$status" = 2 ]
    [ "$(body .path)" = '"/slow/100/1"' ]
    [[ $stderr == *"fatal: '$URL/status/401': status 401 (--user, --bearer or --header logs in)" ]]
}

@test "nobody is there; the timeout" {
    fetch --retry-min 1ms --max-failures 2 --dead-letter dead http://127.0.0.1:1/ <<<$'{"a": 1}'
    [ "$status" = 1 ]
    [ "$(pype-jq -r .data.text dead)" = '{"a": 1}' ]
    [ "$(pype-jq -r .data.error dead)" = "'http://127.0.0.1:1/': cannot connect to 127.0.0.1 port 1: connection refused; given up after 2 failures" ]
    mock_up
    fetch --timeout 100ms --max-failures 1 "$URL/slow/5000/1" <<<'{}'
    [[ $stderr == *"timed out after 100ms while waiting for the answer" ]]
}

@test "--emit-errors and --on-error=fail" {
    mock_up
    fetch --emit-errors --max-failures 1 "$URL/status/{.s}" <<<$'{"s":404}\n{"s":200}\n{"t":1}'
    [ "$status" = 0 ]
    [ "$(body '[.event, .data.status, .data.error, .data.event]')" = "[\"error\",404,\"'$URL/status/404': status 404\",{\"s\":404}]
[\"data\",null,null,null]
[\"error\",null,\"nothing at '.s'\",{\"t\":1}]" ]
    fetch --into a --emit-errors "$URL/status/{.s}" <<<$'{"s":404}\n{"s":200}'
    [ "$(body 'del(.error.duration)')" = "{\"s\":404,\"error\":{\"url\":\"$URL/status/404\",\"status\":404,\"error\":\"'$URL/status/404': status 404\",\"attempt\":1}}
{\"s\":200,\"a\":{\"why\":\"so\"}}" ]
    fetch -j 3 --on-error fail --into a "$URL/status/{.s}" <<<$'{"s":200}\n{"s":404}\n{"s":201}'
    [ "$status" = 1 ]
    [ "$output" = '{"s":200,"a":{"why":"so"}}' ]
}

@test "messages are limited" {
    mock_up
    numbers 1 50 | pype-fetch -j 4 "$URL/status/404" >out 2>err || status=$?
    [ "$status" = 1 ]
    [ ! -s out ]
    [ "$(wc -l <err)" = 11 ]
    has err '50 bad events in all'
}

# --- the cache ---

@test "--cache: one request for the same, also while it is under way" {
    mock_up
    for n in $(seq 30); do echo "{\"n\":$n,\"k\":$((n % 3))}"; done >events
    fetch -j 8 --cache 1m --into a "$URL/slow/50/{.k}" <events
    [ "$status" = 0 ]
    [ "$(body '[.n, .a.path]')" = "$(for n in $(seq 30); do echo "[$n,\"/slow/50/$((n % 3))\"]"; done)" ]
    asked slow/50 3
    # Without it each event asks.
    fetch -j 8 --into a "$URL/echo/{.k}" <events
    asked echo/ 30
    # By method, headers and body, too.
    for n in 1 1 2 2; do echo "{\"n\":$n}"; done >events
    fetch --cache 1m -d '{.n}' "$URL/echo/body" <events
    asked "POST /echo/body" 2
    fetch --cache 1m -H 'X-Id: {.n}' "$URL/echo/header" <events
    asked /echo/header 2
}

@test "--cache-size, the time of --cache, --cache-errors" {
    mock_up
    for n in 1 2 3 1 2 3; do echo "{\"n\":$n}"; done >events
    fetch --cache 1m --cache-size 2 "$URL/echo/a/{.n}" <events
    asked echo/a 6
    fetch --cache 1m --cache-size 3 "$URL/echo/b/{.n}" <events
    asked echo/b 3
    one_by_one 3 --cache 1ns "$URL/echo/c"
    asked echo/c 3
    one_by_one 3 --cache 1m "$URL/echo/d"
    asked echo/d 1
    one_by_one 3 --cache 1m --emit-errors "$URL/status/404"
    asked status/404 3
    one_by_one 3 --cache 1m --cache-errors 1m --emit-errors "$URL/status/410"
    asked status/410 1
    fetch --cache 1m --cache-errors 1m "$URL/status/418" < <(numbers 1 3)
    asked status/418 1
    [ "$status" = 1 ]
    [ "$(wc -l <<<"$stderr")" = 3 ]
}

# --- limits ---

@test "memory does not grow with the stream, nor with what waits for its turn" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers keep memory back"
    mock_up
    {
        echo '{"p":"slow/1500/1"}'
        yes '{"p":"big/2000000"}' | head -n 200
    } >events
    env time -f %M -o peak timeout 60 pype-fetch -j 50 --cache 1m --cache-size 1 --bare "$URL/{.p:raw}" <events | wc -l >count
    [ "$(cat count)" = 201 ]
    # 64M are held, and what is on its way.
    [ "$(tail -n 1 peak)" -lt 200000 ]
}

# --- nginx, logging in ---

@test "nginx: a login, a Unix socket, connections that are used again" {
    PORT=$(free_port)
    start_nginx "$PORT" <<'END'
log_format c '$connection';
access_log @DIR@/connections c;
server {
    listen 127.0.0.1:@PORT@;
    listen unix:@DIR@/socket;
    location / { if ($http_authorization != "Bearer t0ken") { return 401; } return 200 '{"uri":"$request_uri"}'; }
}
END
    numbers 1 500 >events
    echo t0ken >token
    pype-fetch -j 16 --bearer @token --into a "http://127.0.0.1:$PORT/{.n}" <events >out
    cmp out <(seq 500 | sed 's,.*,{"n":&\,"a":{"uri":"/&"}},')
    [ "$(sort -u nginx/connections | wc -l)" -le 16 ]
    fetch --bearer-command 'cat token' --unix-socket nginx/socket --bare "http://any/{.n}" <<<'{"n":1}'
    [ "$output" = '{"uri":"/1"}' ]
}

# --- the end ---

@test "SIGTERM: what was read is finished; SIGPIPE: no word" {
    mock_up
    mkfifo in
    exec 5<>in
    start bash -c 'exec "$@" <in' - pype-fetch -j 2 --bare "$URL/slow/200/{.n}" >out 2>err 5>&-
    numbers 1 4 >&5
    wait_for asked slow 2
    kill -TERM "$PID"
    status=0
    wait "$PID" || status=$?
    [ "$status" = 0 ]
    [ "$(pype-jq .path out)" = $'"/slow/200/1"\n"/slow/200/2"\n"/slow/200/3"\n"/slow/200/4"' ]
    exec 5>&-
    numbers 1 100 | { pype-fetch --bare "$URL/echo/{.n}" 2>err; echo $? >status; } | head -n 1 >out
    [ "$(cat status)" = 0 ]
    [ ! -s err ]
}

@test "SIGTERM: what fails is not tried again" {
    mock_up
    mkfifo in
    exec 5<>in
    start bash -c 'exec "$@" <in' - pype-fetch --retry-min 1m --max-failures 0 --dead-letter dead "$URL/status/500" 2>err 5>&-
    echo '{"n":1}' >&5
    wait_for has err "next try in"
    kill -TERM "$PID"
    wait_gone "$PID" 5
    [ "$(pype-jq -r .data.text dead)" = '{"n":1}' ]
    exec 5>&-
}

# --- kill -9 ---

# killed N OPTION…: a flow whose fetch is killed N times; what came is in ./flow.out, the dead letters in ./dead.
killed() {
    local kills=$1
    shift
    rm -rf .pype go flow.out flow.err dead port
    write_slow
    mock_up
    awk 'BEGIN {
        for (n = 1; n <= 2000; n++)
            printf n % 97 == 0 ? "bad %d\n" : "{\"n\":%d,\"time\":1,\"p\":\"%s\"}\n", n, n % 50 == 0 ? "status/404" : "slow/" (n * 7 % 5)
    }' >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 64k' <<END
source: cat events
slow: {run: ./slow, ack: lines, from: source, buffer: 4k}
fetch: {run: "pype-fetch --into a --dead-letter dead $* $URL/{.p:raw}", from: slow}
END
    run_flow
    wait_for lines flow.out 2
    kill_often p.fetch "$kills"
    kill_manager p.fetch
    touch go
    flow_ends 60
    [ "$status" = 1 ] # there are dead letters
    sed 's/^{"n":\([0-9]*\),.*/\1/' flow.out >came
}

expected() {
    awk '$0 !~ /^bad|status/ { gsub(/^{"n":|,.*/, ""); print }' events
}

@test "killed again and again: each answer once, in order; each failure once in the dead letters, in order" {
    killed "${PYPE_KILLS:-20}" -j 6
    cmp came <(expected)
    pype-jq -r .data.text dead | cmp - <(grep -E '^bad|status' events)
    [ "$(wc -l <asked)" -ge 1940 ]
}

@test "killed again and again: --unordered: each answer once" {
    killed "${PYPE_KILLS:-20}" -j 6 --unordered
    sort -n came | cmp - <(expected)
    # It was unordered, indeed.
    run cmp came <(expected)
    [ "$status" != 0 ]
    pype-jq -r .data.text dead | cmp - <(grep -E '^bad|status' events)
}

@test "an event that is waited for when it is killed is not to blame" {
    mock_up
    echo '{"n":1}' >events
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<END
source: cat events
fetch: {run: "pype-fetch --into a $URL/slow/1000/{.n}", from: source}
END
    run_flow
    for n in 1 2 3 4 5; do
        wait_for asked slow "$n"
        kill_stage p.fetch
    done
    flow_ends 20
    [ "$status" = 0 ]
    asked slow 6
    [ "$(pype-jq .n flow.out)" = 1 ]
}

@test "protocol: sync: each answer before the next event" {
    mock_up
    numbers 1 20 >events
    stages 'protocol: sync' <<END
source: pype-replay --speed max --as-recorded events
fetch: {run: "pype-fetch -j 8 --into a $URL/echo/{.n}", from: source}
END
    run_flow
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(pype-jq -r .a.path flow.out)" = "$(seq 20 | sed 's,^,/echo/,')" ]
    [ "$(curl -s "$URL/count")" = 1 ]
}

@test "a stage that is told to restart leaves what it has not got an answer for to its successor" {
    mock_up
    numbers 1 40 >events
    stages <<END
source: cat events
fetch: {run: "pype-fetch -j 2 --into a $URL/slow/50/{.n}", from: source}
END
    run_flow
    wait_for lines flow.out 3
    pid=$(pid_of p.fetch)
    pype restart p.fetch
    wait_for replaced p.fetch "$pid"
    flow_ends 20
    [ "$status" = 0 ]
    counts <(sed 's/^{"n":\([0-9]*\),.*/\1/' flow.out) 1 40
    # Each was asked for once: those under way were finished.
    asked slow 40
}
