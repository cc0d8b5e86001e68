# pype-sse against nginx, pype-serve, and a server in node that replays from Last-Event-ID and behaves as badly as it is told to.
#
# What the bytes of a stream mean is checked by test/unit/sse_stream.c and sse_records.c.

load lib
load flow

prepare() {
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    export HOME=$PWD
}

server_up() {
    start node "$FIXTURES/sse_server.js" port 2>server.err
    wait_for [ -s port ]
    URL=http://127.0.0.1:$(cat port)
}

# sse ARGUMENT…: pype-sse with a limit on its time and short pauses; stdout in $output, stderr in $stderr, $status.
sse() {
    run_split timeout -s KILL 20 pype-sse --retry-min 1ms "$@"
}

# bytes STRING [PARAMETER…]: the URL of a stream of these bytes, as printf has them.
bytes() {
    local IFS='&'
    echo "$URL/bytes?hex=$(printf "$1" | od -An -v -tx1 | tr -d ' \n')&${*:2}"
}

# asked N [PATTERN]: the server has had N requests (like that).
asked() {
    [ "$(grep -c -- "${2:-}" port.log)" -ge "$1" ]
}

# The last event IDs that were sent, one a line.
ids_sent() {
    cut -d'|' -f3 port.log
}

# Without times.
timeless() {
    sed -E 's/"(time|gap|lasted|last)":[0-9.e-]+,?//g; s/,}/}/g'
}

# ---- events ----

@test "connected, the events with name, id and data, disconnected" {
    server_up
    sse --once "$(bytes 'id: 7\nevent: price\ndata: {"a": [1,  2]}\n\ndata: not JSON\n\nid\ndata: 5\ndata: 6\n\n')"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    [ "$(timeless <<<"$output")" = '{"event":"connected","data":{"url":"'"$URL"'/bytes?...","attempt":1}}
{"event":"price","id":"7","data":{"a":[1,2]}}
{"event":"message","id":"7","data":"not JSON"}
{"event":"message","data":"5\n6"}
{"event":"disconnected","data":{"error":"the server ended the stream","ours":false,"messages":3}}' ]
    [[ $output =~ '"time":'([0-9]+) ]]
    [ $(($(date +%s) - BASH_REMATCH[1])) -le 5 ]
}

@test "--text, --name, --event, --bare, \$PYPE_NAME" {
    server_up
    stream=$(bytes 'event: a\ndata: {"n":1}\n\ndata: 2\n\nevent: b\ndata: 3\n\nevent: "q"\ndata: 4\n\n')
    sse --once --bare "$stream"
    [ "$output" = $'{"n":1}\n2\n3\n4' ]
    sse --once --bare --text "$stream"
    [ "$output" = $'"{\\"n\\":1}"\n"2"\n"3"\n"4"' ]
    sse --once --bare --event b --event message "$stream"
    [ "$output" = $'2\n3' ]
    PYPE_NAME=main.source sse --once --name tick --event message "$stream"
    [ "$(timeless <<<"$output" | sed -n 2p)" = '{"event":"tick","source":"main.source","data":2}' ]
    sse --once --event '"q"' "$stream"
    [ "$(timeless <<<"$output" | sed -n 2p)" = '{"event":"\"q\"","data":4}' ]
    sse --once --name 'a"b' "$stream"
    [ "$status" = 2 ]
}

@test "pieces cut anywhere, compressed or not, from nginx or piece by piece" {
    server_up
    text='\xef\xbb\xbfid: \xc3\xa9\r\ndata: {"n":\r\ndata: "\xe2\x82\xac"}\r\n\r\n:\rretry: 5\r\revent: x\ndata\n\n'
    for cut in 1 2 3 7; do
        sse --once --event message "$(bytes "$text" cut=$cut)"
        [ "$(timeless <<<"$output" | sed -n 2p)" = '{"event":"message","id":"é","data":{"n":"€"}}' ]
    done
    sse --once --bare "$URL/numbers?to=500&end&gzip"
    [ "$(grep -o '"n":[0-9]*' <<<"$output")" = "$(seq -f '"n":%g' 1 500)" ]
    port=$(free_port)
    start_nginx "$port" <<'NGINX'
        server {
            listen 127.0.0.1:@PORT@;
            gzip on; gzip_types text/event-stream; gzip_min_length 1;
            location / { default_type text/event-stream; }
        }
NGINX
    { printf "$text"; seq -f 'data: %g
' 1 30000; printf 'data: last, without an end'; } >nginx/www/stream
    sse --once --bare "http://127.0.0.1:$port/stream"
    [ "$(sed 1,2d <<<"$output")" = "$(seq 1 30000)" ]
    [ "$(curl -s --compressed -o "$BATS_TEST_TMPDIR/plain" -w '%header{content-encoding}' "http://127.0.0.1:$port/stream")" = gzip ]
    sse --once --bare --no-compression "http://127.0.0.1:$port/stream"
    [ "$(sed 1,2d <<<"$output")" = "$(seq 1 30000)" ]
}

@test "over TLS and HTTP/2" {
    port=$(free_port)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout key.pem -out cert.pem 2>openssl.log
    start_nginx "$port" <<NGINX
        server {
            listen 127.0.0.1:@PORT@ ssl http2;
            ssl_certificate $PWD/cert.pem;
            ssl_certificate_key $PWD/key.pem;
            default_type text/event-stream;
        }
NGINX
    seq 1 30000 | sed 's/.*/id: &\ndata: &\n/' >nginx/www/stream
    sse --once --bare --cacert cert.pem "https://127.0.0.1:$port/stream"
    [ "$output" = "$(seq 1 30000)" ]
    [ "$(tail -n 1 nginx/access.log | grep -c 'HTTP/2.0" 200')" = 1 ]
    sse --once "https://127.0.0.1:$port/stream"
    [ "$status" = 1 ]
    [[ $stderr == *'certificate not accepted: '*' (--cacert FILE trusts its issuer)' ]]
}

@test "what pype-serve shows, with the gap that its buffer leaves" {
    mkfifo in
    start sh -c 'pype-serve --listen 0 --port-file served --history 1000 <in' 2>serve.err
    exec 7>in
    wait_for [ -s served ]
    seq -f '{"event":"n","n":%g}' 1 100 >&7
    start pype-sse --retry-min 1ms -n 150 --event n "http://127.0.0.1:$(cat served)/events" >out 2>err
    wait_for grep -q '"n":100}' out
    seq -f '{"event":"n","n":%g}' 101 150 >&7
    exec 7>&-
    wait_gone "$PID"
    [ "$(grep -o '"n":[0-9]*' out)" = "$(seq -f '"n":%g' 1 150)" ]
    grep -q '"id":"150-' out
}

@test "NDJSON and JSON text sequences, by the type or by --format" {
    server_up
    for type in application/x-ndjson 'application/jsonl;charset=utf-8' application/ndjson; do
        sse --once --bare "$(bytes '{"a": 1}\r\n\n"x"\n3' type="$(sed 's/;/%%3b/' <<<"$type" | xargs printf)" cut=2)"
        [ "$status" = 0 ]
        [ "$output" = $'{"a":1}\n"x"\n3' ]
    done
    sse --once --bare "$(bytes '\x1e{"a":\n 1}\n\x1e2\n' type=application/json-seq cut=1)"
    [ "$output" = $'{"a":1}\n2' ]
    sse --once --bare --format ndjson "$(bytes '{"a":1}\n' type=application/json)"
    [ "$output" = '{"a":1}' ]
    sse --once --bare --format json-seq "$(bytes '\x1e{"a":1}\n' type=)"
    [ "$output" = '{"a":1}' ]
    sse --once --bare --format ndjson --text "$(bytes 'a b\n' type=text/plain)"
    [ "$output" = '"a b"' ]
    asked 2 '|application/json-seq, \*/\*;q=0.5|\||application/x-ndjson, \*/\*;q=0.5|'
    sse --once "$(bytes '{"a":1}\n{"b"' type=application/x-ndjson)"
    [ "$status" = 1 ]
    [[ $output == *'"event":"message"'*'"data":{"a":1}}'*'"messages":1,'* ]]
}

@test "a record is an event as soon as it is there" {
    server_up
    start pype-sse --bare "$(bytes '\x1e{"a":1}\n' type=application/json-seq hold)" >out
    wait_for has out '{"a":1}'
    start pype-sse --bare "$(bytes '{"b":1}\n' type=application/ndjson hold)" >out2
    wait_for has out2 '{"b":1}'
    start pype-sse --bare --timeout 200ms "$(bytes 'data: 1\n\n' hold)" >out3
    wait_for has out3 1
    sleep 0.5 # longer than --timeout, which is for the headers
    alive "$PID"
}

# ---- bad ----

@test "what cannot become an event is said, counted and kept whole" {
    server_up
    sse --once --bare --dead-letter dead "$(bytes '{"a":1}\n{"b" 2}\n3\n' type=application/x-ndjson)"
    [ "$status" = 1 ]
    [ "$output" = $'{"a":1}\n3' ]
    [ "$stderr" = "pype-sse: error: a line is not JSON: expected ':' at byte 5" ]
    has dead '"text":"{\"b\" 2}"'
    sse --once --bare --dead-letter dead2 "$(bytes 'data: \xff\n\nevent: \xff\ndata: 2\n\ndata: 3\n\n')"
    [ "$status" = 1 ]
    [ "$output" = 3 ]
    has dead2 '"base64":"/w=="'
    has dead2 '"text":"2"'
    sse --once --bare --dead-letter dead3 "$(bytes 'junk\x1e1\n2\n\x1etrue\x1e3\n' type=application/json-seq)"
    [ "$status" = 1 ]
    [ "$output" = $'1\n3' ]
    [ "$(grep -c . dead3)" = 3 ]
    sse --once --bare --dead-letter dead4 "$(bytes '{"a":1}\n{"b":2' type=application/x-ndjson break)"
    [ "$status" = 1 ]
    [ "$output" = '{"a":1}' ]
    has dead4 '"text":"{\"b\":2"'
}

@test "events over the limits: bad, and the stream goes on; memory does not grow with them" {
    server_up
    long=$(head -c 60 /dev/zero | tr '\0' x)
    sse --once --max-message 50 --bare "$(bytes "id: 1\ndata: $long\n\ndata: 2\n\n")"
    [ "$status" = 1 ]
    [ "$output" = 2 ]
    [ "$stderr" = "pype-sse: error: an event has 60 bytes, over the limit of --max-message, and was not kept" ]
    sse --once --max-line 100 --max-message 80 --dead-letter dead "$(bytes "data: $long\n\ndata: 2\n\n")"
    [ "$(timeless <<<"$output" | grep -c '"event":"message"')" = 1 ]
    has dead "\"text\":\"$long\""
    sse --once --max-line 99 --max-message 100 "$URL/204"
    [ "$status" = 2 ]
    [ "$PYPE_SAN" ] || {
        port=$(free_port)
        start_nginx "$port" <<<'server { listen 127.0.0.1:@PORT@; location / { default_type text/event-stream; } }'
        { printf 'data: '; head -c 100000000 /dev/zero | tr '\0' x; printf '\n\ndata: 2\n\n'; } >nginx/www/long
        /usr/bin/time -q -f %M -o peak pype-sse --once --bare --max-message 1M "http://127.0.0.1:$port/long" >out 2>err || true
        [ "$(cat out)" = 2 ]
        [ "$(cat peak)" -lt 20000 ]
    }
}

@test "an id that cannot be sent back is ignored, which is said" {
    server_up
    sse --once --bare "$(bytes 'id: 1\ndata: 1\n\nid: \xff\ndata: 2\n\n')"
    [ "$output" = $'1\n2' ]
    [[ $stderr == "pype-sse: warning: '$URL/bytes?...': an event ID is ignored: it has a NUL"* ]]
}

# ---- answers that are no stream ----

@test "204 is the end; a type or status that is no stream is fatal; what may pass is tried again" {
    server_up
    sse "$URL/204"
    [ "$status" = 0 ]
    [ "$output$stderr" = "" ]
    while IFS='|' read -r parameters said; do
        sse "$URL/bytes?$parameters"
        [ "$status" = 2 ]
        [ "$stderr" = "pype-sse: error: '$URL/bytes?...': $said" ]
    done <<'CASES'
type=text/html|the answer is text/html, which is no stream (--format reads it as one)
type=|the answer is of no type, which is no stream (--format reads it as one)
type=text/event-streams|the answer is text/event-streams, which is no stream (--format reads it as one)
status=404|status 404
status=401|status 401
status=206|status 206
CASES
    for status_ in 500 503 429 408; do
        rm -f port.log
        sse --max-failures 3 "$URL/bytes?status=$status_"
        [ "$status" = 1 ]
        [[ $stderr == *"status $status_; given up after 3 failures in a row" ]]
        [ "$(grep -c . port.log)" = 3 ]
    done
    sse -n 1 --bare "$URL/trouble?status=503&times=4"
    [ "$status" = 0 ]
    [ "$output" = '{"n":1,"more":""}' ]
    sse --retry-status 404,5xx -n 1 --bare "$URL/trouble?status=404&times=2"
    [ "$output" = '{"n":1,"more":""}' ]
    sse --retry-status 500 "$URL/bytes?status=503"
    [ "$status" = 2 ]
    sse --retry-status 5x "$URL/204"
    [ "$status" = 2 ]
    sse --once "$URL/bytes?status=503"
    [ "$status" = 1 ]
    sse --max-failures 2 http://127.0.0.1:1/
    [ "$status" = 1 ]
    [[ $stderr == *"cannot connect to 127.0.0.1 port 1: connection refused; given up after 2 failures in a row" ]]
}

@test "the type of a stream is taken in any case and with parameters" {
    server_up
    sse --once --bare "$(bytes 'data: 1\n\n' 'type=TEXT/Event-Stream;charset=windows-1252')"
    [ "$output" = 1 ]
}

@test "Retry-After and the stream's retry are the least pause, --retry-after-max the longest" {
    server_up
    before=$(date +%s%N)
    sse -n 1 --bare "$URL/trouble?status=503&times=1&after=1"
    [ "$status" = 0 ]
    [ $((($(date +%s%N) - before) / 1000000)) -ge 1000 ]
    before=$(date +%s%N)
    sse -n 4 --bare "$(bytes 'retry: 400\ndata: 1\n\n')"
    [ "$output" = $'1\n1\n1\n1' ]
    [ $((($(date +%s%N) - before) / 1000000)) -ge 1200 ]
    sse -n 2 --bare --retry-after-max 50ms "$(bytes 'retry: 99999999999999999999\ndata: 1\n\n')"
    [ "$status" = 0 ]
    sse -n 1 --bare --retry-after-max 50ms "$URL/trouble?status=429&times=1&after=3600"
    [ "$status" = 0 ]
}

@test "a stream that ends at once without an event is a failure, one that brought something is none" {
    server_up
    sse --max-failures 4 "$(bytes ':\n')"
    [ "$status" = 1 ]
    [ "$(grep -c . port.log)" = 4 ]
    [[ $stderr == *"the stream ends at once, without an event; given up after 4 failures in a row" ]]
    sse --max-failures 4 -n 30 --bare "$(bytes 'data: 1\n\n')"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 30 ]
    [ "$stderr" = "" ]
    rm port.log
    start pype-sse --retry-min 1ms --retry-reset 1ns --max-failures 4 "$(bytes ':\n')" >out
    wait_for asked 8
    alive "$PID"
}

@test "a server that drops again and again does not fill the log" {
    server_up
    sse -n 150 --bare "$URL/numbers?drop=1"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 150 ]
    [ "$(grep -c 'next try in' <<<"$stderr")" = 11 ]
}

@test "a token that has been refused is renewed when it connects again" {
    server_up
    echo 0 >token
    start pype-sse --retry-min 1ms -n 6 --bare --bearer-command 'echo $(($(cat token) + 1)) >token; cat token' "$URL/numbers?drop=2&token=2" >out 2>err
    wait_gone "$PID"
    [ "$(grep -o '"n":[0-9]*' out | xargs)" = "n:1 n:2 n:3 n:4 n:5 n:6" ]
    # Each token is good for two requests; the fourth is the third again.
    [ "$(cat token)" = 2 ]
    [ "$(ids_sent | xargs)" = '- 2 4 4' ]
    [ ! -s err ] || [ "$(grep -c 'closed in the middle' err)" = "$(grep -c . err)" ]
}

@test "redirects are followed, with the headers" {
    server_up
    sse -n 1 --bare --last-event-id 41 "$URL/redirect?to=/numbers"
    [ "$output" = '{"n":42,"more":""}' ]
    [ "$(ids_sent | xargs)" = "41 41" ]
    sse --max-redirects 0 "$URL/redirect?to=/numbers"
    [ "$status" = 2 ]
    [[ $stderr == *"status 307 (--max-redirects follows redirects)" ]]
}

@test "what is sent: method, body, headers" {
    server_up
    sse --once -d '{"stream":true}' -H 'Accept: text/x' "$(bytes 'data: 1\n\n')"
    sse --once -X PUT --format sse "$(bytes 'data: 1\n\n')"
    [ "$(sed -E 's/\|[^|]*\|-/|/' port.log)" = 'POST||text/x|{"stream":true}
PUT||text/event-stream|' ]
}

# ---- time ----

@test "--heartbeat: nothing for so long, not even a comment, is the end of a connection" {
    server_up
    start pype-sse --retry-min 1ms --heartbeat 500ms "$URL/comments?n=20" >out 2>err
    wait_for has out '"disconnected"'
    grep -q '"error":"nothing came for 500ms","ours":true,"messages":1,' out
    # The comments came for a second.
    [ "$(sed -n 's/.*"lasted":\([0-9]*\).*/\1/p' out | head -n 1)" -ge 1 ]
    wait_for asked 2
    run_split timeout -s KILL 20 pype-sse --timeout 200ms --max-failures 1 "$URL/silent"
    [ "$status" = 1 ]
    [[ $stderr == *"timed out after 200ms while waiting for the answer"* ]]
}

@test "a reader that stands still is no silence of the server, and nothing is lost meanwhile" {
    server_up
    timeout -s KILL 20 pype-sse --bare --heartbeat 300ms -n 3000 "$URL/numbers?size=500&to=3000" 2>err | (
        sleep 1.5
        cat
    ) >out
    [ "$(grep -o '"n":[0-9]*' out)" = "$(seq -f '"n":%g' 1 3000)" ]
    [ "$(grep -c . port.log)" = 1 ]
}

@test "it ends with 0 when it is told to, when its reader has gone, and waits without work" {
    server_up
    for where in 'numbers?to=1' silent 'bytes?status=503'; do
        start env --default-signal=INT pype-sse --retry-min 1m "$URL/$where" >out 2>err
        wait_for asked 1 "$where"
        sleep 0.1
        kill -INT "$PID"
        status=0
        wait "$PID" || status=$?
        [ "$status" = 0 ]
    done
    has out '' || true
    run -0 timeout 10 bash -c "pype-sse '$URL/numbers?to=1' | head -n 1; exit \${PIPESTATUS[0]}"
    [[ $output == '{"event":"connected"'* ]]
    start pype-sse "$URL/numbers?to=1" >out
    wait_for lines out 2
    switches() { sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$PID/status"; }
    sleep 0.2
    before=$(switches)
    sleep 0.5
    [ "$(switches)" = "$before" ]
}

# ---- where it is ----

@test "it comes back with the last event ID: drops in the middle of events lose and double nothing" {
    server_up
    for kind in '' '&gzip'; do
        rm -f port.log
        sse -n 200 --bare "$URL/numbers?drop=7&to=200$kind"
        [ "$status" = 0 ]
        [ "$(grep -o '"n":[0-9]*' <<<"$output")" = "$(seq -f '"n":%g' 1 200)" ]
        # What is still in the compressor when the server drops does not come, so that there are more drops.
        if [ "$kind" ]; then
            [ "$(ids_sent | head -n 1)" = - ]
            ids_sent | tail -n +2 | sort -nc
        else
            [ "$(ids_sent | xargs)" = "- $(seq -s ' ' 7 7 199)" ]
        fi
    done
    sse -n 20 "$URL/numbers?drop=7&to=200"
    [ "$(grep -c '"event":"disconnected"' <<<"$output")" = 3 ]
    [[ $(grep '"event":"disconnected"' <<<"$output" | head -n 1) == *'"messages":7,"last_event_id":"7","last":'* ]]
    [[ $(grep '"event":"connected"' <<<"$output" | sed -n 2p) == *'"gap":'*',"last_event_id":"7","last":'* ]]
}

@test "the id of an event that is filtered, bad or empty counts, too" {
    server_up
    sse --once --event a "$(bytes 'id: 5\nevent: b\ndata: 1\n\n')"
    [[ $output == *'"messages":0,"last_event_id":"5",'* ]]
    sse --once "$(bytes 'id: 5\n\n')"
    [[ $output == *'"last_event_id":"5"'* ]]
    sse --once "$(bytes 'id: 5\ndata: \xff\n\n')"
    [[ $output == *'"last_event_id":"5"'* ]]
}

@test "--last-event-id begins behind an event; --state goes on, also after kill -9, and at worst repeats" {
    server_up
    sse -n 2 --bare --last-event-id 10 "$URL/numbers"
    [ "$(grep -o '"n":[0-9]*' <<<"$output" | xargs)" = '"n":11 "n":12' ] || [ "$(grep -o '[0-9]*' <<<"$output" | xargs)" = "11 12" ]
    sse -n 3 --bare --state place "$URL/numbers"
    sse -n 3 --bare --state place --last-event-id 100 "$URL/numbers"
    [ "$(grep -oE '[0-9]+' <<<"$output" | xargs)" = "4 5 6" ]
    [ "$(cat place)" = '{"last_event_id":"6"}' ]
    start pype-sse --bare --state place "$URL/numbers?every=1" >out
    wait_for lines out 50
    run_split pype-sse --state place "$URL/numbers"
    [ "$status" = 1 ]
    [[ $stderr == *"--state 'place' is in use by another process" ]]
    wait_for grep -qv '"6"' place
    kill -9 "$PID"
    wait_gone "$PID"
    last=$(tail -n 1 out | grep -oE '[0-9]+')
    sse -n 100 --bare --state place "$URL/numbers"
    first=$(head -n 1 <<<"$output" | grep -oE '[0-9]+')
    [ "$first" -gt 6 ]
    [ "$first" -le $((last + 1)) ]
    echo nonsense >place
    sse --state place "$URL/numbers"
    [ "$status" = 2 ]
}

# kills N: the source of ./flow.yaml is killed N times at random moments, as long as the flow runs.
kills() {
    local i
    for ((i = 0; i < $1; i++)); do
        kill_stage p.source
        sleep "0.0$((RANDOM % 10))"
    done
}

@test "kill -9 under exact, drops besides: each event of a server that replays comes once, in order" {
    server_up
    local n=${PYPE_KILLS:-50}
    stages 'restart: {limit: 1000, min: 1ms, max: 2ms}' 'buffer: 16k' <<END
source: pype-sse --retry-min 1ms --retry-max 5ms --max-failures 0 -n 100000 "$URL/numbers?drop=97&every=1"
n: {run: pype-jq .data.n, from: source.n}
END
    run_flow
    wait_for lines flow.out 20
    kills "$n"
    grows flow.out 200
    wait_for -30 lines flow.out $((n * 10))
    pype stop
    flow_ends 20
    counts flow.out 1 "$(wc -l <flow.out)"
    happened p.source failed "$n"
}

@test "kill -9 under exact with events larger than a block: each comes once, and each connection is told" {
    server_up
    local n=$((${PYPE_KILLS:-50} / 5))
    stages 'restart: {limit: 1000, min: 1ms, max: 2ms}' <<END
source: pype-sse --retry-min 1ms --retry-max 5ms --max-failures 0 -n 100000 "$URL/numbers?size=300000&every=3"
n: {run: "pype-jq -c '[.event, .data.n]'", from: source}
END
    run_flow
    wait_for lines flow.out 5
    kills "$n"
    grows flow.out
    pype stop
    flow_ends 20
    sed -n 's/\["n",\([0-9]*\)\]/\1/p' flow.out >numbers
    counts numbers 1 "$(wc -l <numbers)"
    [ "$(grep -c connected flow.out)" -gt "$n" ]
}

@test "protocol: sync; a new flow goes on at --state" {
    server_up
    stages 'protocol: sync' <<END
source: pype-sse --retry-min 1ms -n 30 --state place "$URL/numbers?drop=7"
n: {run: pype-jq .data.n, from: source.n}
END
    run_flow
    flow_ends 20
    counts flow.out 1 30
    [ "$(cat place)" = '{"last_event_id":"30"}' ]
    rm -rf .pype
    run_flow
    flow_ends 20
    counts flow.out 31 60
}

@test "without ids a kill leaves a gap, which is told" {
    server_up
    stages 'restart: {limit: 1000, min: 1ms, max: 2ms}' <<END
source: pype-sse --retry-min 1ms "$(bytes 'data: 1\n\n' hold)"
all: {run: pype-jq -c ., from: source}
END
    run_flow
    wait_for lines flow.out 2
    kill_stage p.source
    wait_for lines flow.out 4
    grep '"event":"connected"' flow.out | sed -n 2p | grep -q '"resumed":true,"last":[0-9.]*}'
    pype stop
    flow_ends 20
}
