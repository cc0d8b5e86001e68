# pype-pusher against a server of our own (test/fixtures/pusher_server.js), which the official client, pusher-js, takes for one.

load lib
load flow

prepare() {
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    export HOME=$PWD
}

# server_up [VARIABLE=VALUE…]
server_up() {
    start env "$@" node "$FIXTURES/pusher_server.js" port 2>server.err
    wait_for [ -s port ]
    PORT=$(cat port)
    URL=ws://127.0.0.1:$PORT
    AUTH=http://127.0.0.1:$PORT/auth
}

# start_pusher ARGUMENT…: in the background, short pauses; ./out, ./err.
start_pusher() {
    start timeout -s KILL 60 pype-pusher --retry-min 1ms --retry-reset 1ms "$@" >out 2>err
}

# pusher ARGUMENT…: to its end; stdout in $output, stderr in $stderr, $status.
pusher() {
    run_split timeout -s KILL 20 pype-pusher --retry-min 1ms "$@"
}

# trigger CHANNEL EVENT DATA
trigger() {
    curl -sf --data-binary "$3" "http://127.0.0.1:$PORT/trigger?channel=$1&event=$2"
}

# tell ACTION [BODY]: the server does that.
tell() {
    curl -sf --data-binary "${2:-}" "http://127.0.0.1:$PORT/$1"
}

# logged N PATTERN: the server has seen that so often.
logged() {
    [ "$(grep -c -- "$2" port.log)" -ge "$1" ]
}

# Without times and numbers of connections.
timeless() {
    sed -E 's/"(time|gap|lasted|last)":[0-9.e-]+,?//g; s/,}/}/g; s/"socket_id":"[0-9.]*"/"socket_id":"S"/; s/127.0.0.1:[0-9]+/HOST/'
}

# ---- the server is one ----

@test "the official client gets the same from the server as pype-pusher" {
    server_up
    start node "$FIXTURES/pusher_client.js" "$PORT" a private-b presence-c cache-d >official 2>&1
    wait_for logged 4 '^joined'
    start_pusher --app-key app --auth-url "$AUTH" --channel a --channel private-b --channel presence-c --channel cache-d "$URL"
    wait_for logged 8 '^joined'
    trigger a price '{"x": [1, 2]}'
    trigger private-b greet 'not JSON'
    trigger presence-c x '"a string"'
    trigger cache-d x 5
    wait_for has official 'cache-d x 5'
    wait_for has out '"channel":"cache-d","data":5'
    # The official client's names for the states of a channel, in ours. It counts itself, and a trigger of its own does not come back.
    pype-jq -r 'select(.channel) | [.channel, .event, (.data | tojson)] | join(" ")' out | grep -v subscribed | sort >ours
    sed 's/pusher:member_added .*/member_added/; s/pusher:cache_miss/cache_miss/' official | grep -v 'subscription_succeeded\|member_added' | sort >theirs
    diff <(grep -v 'client-hello' ours) theirs
    has ours 'private-b client-hello {"from":"official"}'
    grep -q 'presence-c pusher:member_added {"id":"7","info":{"name":"Seven"}}' official
    [[ $(grep '"subscribed".*presence-c' out) == *'"data":{"presence":{"ids":["8","7"],"hash":'*',"count":2}}}' ]]
    # It greets us on a presence channel, with its user's id.
    trigger presence-c greet 1
    wait_for has out '"channel":"presence-c","user_id":"8","data":{"from":"official"}'
}

@test "the signatures are those of Pusher's documentation" {
    # A server that gives the socket_id of the documentation, and keeps what it is sent.
    cat >server.js <<'END'
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("listening", () => require("fs").writeFileSync("port", String(server.address().port)));
server.on("connection", (socket) => {
	socket.send('{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1234.1234\\",\\"activity_timeout\\":120}"}');
	socket.on("message", (text) => require("fs").appendFileSync("sent", text + "\n"));
});
END
    start node server.js
    wait_for [ -s port ]
    start_pusher --app-key 278d425bdf160c739803 --secret 7ad3773142a6692b25b8 --channel private-foobar --channel presence-foobar \
        --user-data '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}' "ws://127.0.0.1:$(cat port)"
    wait_for lines sent 2
    [ "$(cat sent)" = '{"event":"pusher:subscribe","data":{"channel":"private-foobar","auth":"278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"}}
{"event":"pusher:subscribe","data":{"channel":"presence-foobar","auth":"278d425bdf160c739803:afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c","channel_data":"{\"user_id\":10,\"user_info\":{\"name\":\"Mr. Pusher\"}}"}}' ]
}

# ---- events ----

@test "connected, subscribed, events with channel and data, disconnected" {
    server_up
    start_pusher --app-key app --channel a --channel b -n 5 "$URL"
    wait_for logged 2 '^joined'
    trigger a price '{"x": [1,  2]}'
    trigger b 'q%22%C3%A9' 'no JSON'
    trigger a n 12345678901234567890
    trigger c price 1
    tell send '{"event":"odd", "channel":"a", "data":{"a": 1}}'
    tell send '{"event":"none","channel":"a"}'
    wait_gone "$PID"
    wait "$PID"
    [ "$(timeless <out)" = '{"event":"connected","data":{"url":"ws://HOST/app/app","attempt":1,"socket_id":"S"}}
{"event":"subscribed","channel":"a","data":{}}
{"event":"subscribed","channel":"b","data":{}}
{"event":"price","channel":"a","data":{"x":[1,2]}}
{"event":"q\"é","channel":"b","data":"no JSON"}
{"event":"n","channel":"a","data":12345678901234567890}
{"event":"odd","channel":"a","data":{"a":1}}
{"event":"none","channel":"a"}
{"event":"disconnected","data":{"code":1000,"reason":"","error":"closed","ours":true,"messages":5}}' ] || {
        timeless <out
        false
    }
    [ ! -s err ]
}

@test "--event, --text, --bare, \$PYPE_NAME, the URL with the key" {
    server_up
    export PYPE_NAME=main.source
    start_pusher --channel a --event x --event 'q"' -n 2 "$URL/app/app"
    wait_for logged 1 '^joined'
    trigger a y 1
    trigger a x '{"a":1}'
    trigger a 'q%22' 3
    wait_gone "$PID"
    [ "$(timeless <out | grep '"channel":"a"' | sed 1d)" = '{"event":"x","source":"main.source","channel":"a","data":{"a":1}}
{"event":"q\"","source":"main.source","channel":"a","data":3}' ]
    unset PYPE_NAME
    start_pusher --channel a --bare --text -n 2 "$URL/app/app/"
    wait_for logged 2 '^joined'
    trigger a x '{"a": 1}'
    trigger a x ''
    wait_gone "$PID"
    [ "$(cat out)" = $'"{\\"a\\": 1}"\n""' ]
}

@test "presence channels tell who comes and goes; two connections of one user are one" {
    server_up
    start_pusher --app-key app --secret secret --user-data '{"user_id": 1}' --channel presence-c "$URL"
    first=$PID
    wait_for logged 1 '^joined'
    start pype-pusher --app-key app --auth-url "$AUTH?user=2" --channel presence-c "$URL" >out2
    second=$PID
    wait_for has out '"event":"member_added"'
    start pype-pusher --app-key app --auth-url "$AUTH?user=2" --channel presence-c "$URL" >out3
    wait_for has out3 '"count":2'
    kill "$second" "$PID"
    wait_for has out '"event":"member_removed"'
    alive "$first"
    [ "$(timeless <out | grep member)" = '{"event":"member_added","channel":"presence-c","data":{"user_id":"2","user_info":{"name":"Seven"}}}
{"event":"member_removed","channel":"presence-c","data":{"user_id":"2"}}' ]
}

@test "a cache channel gives its last event, or says that it has none" {
    server_up
    start_pusher --app-key app --channel cache-d -n 1 "$URL"
    wait_for has out '{"event":"cache_miss"'
    trigger cache-d x 7
    wait_gone "$PID"
    start_pusher --app-key app --channel cache-d -n 1 "$URL"
    wait_gone "$PID"
    [ "$(timeless <out | sed -n 3p)" = '{"event":"x","channel":"cache-d","data":7}' ]
}

@test "what is no message of the protocol is said and kept whole" {
    server_up
    start_pusher --app-key app --channel a --dead-letter dead --max-message 200 --max-line 250 -n 1 "$URL"
    wait_for logged 1 '^joined'
    tell send 'no JSON'
    tell send '{"channel":"a"}'
    tell send '[1]'
    trigger a x 1
    wait_gone "$PID"
    status=0
    wait "$PID" || status=$?
    [ "$status" = 1 ]
    [ "$(grep -c . dead)" = 3 ]
    has dead '"text":"{\"channel\":\"a\"}"'
    [ "$(grep -c 'a message is no event of the protocol' err)" = 3 ]
    grep -q '"event":"x"' out
}

# ---- authorization ----

@test "--auth-url is asked with its own headers and credentials, which the server of the channels does not get" {
    server_up
    export TOKEN=t0ken
    start_pusher --app-key app --channel private-b --channel 'presence-@a=b,c.d;e' --auth-url "$AUTH" -H 'X-A: one' --bearer env:TOKEN \
        --origin https://example.org "$URL"
    wait_for logged 2 '^joined'
    logged 1 '^auth private-b Bearer t0ken one$'
    logged 1 '^auth presence-@a=b,c.d;e Bearer t0ken one$'
    logged 1 '^connected /app/app?protocol=7&client=pype&version=[0-9.]*&flash=false https://example.org - -$'
    start pype-pusher --app-key app --channel a -H 'X-A: two' "$URL"
    wait_for logged 1 '^connected .* - - two$'
}

@test "an authorization that is refused for good ends it, with 2; one that may come is tried for again" {
    server_up
    while IFS='|' read -r query said; do
        pusher --app-key app --channel a --channel private-b --auth-url "$AUTH?$query" "$URL"
        [ "$status" = 2 ]
        [ "$stderr" = "pype-pusher: error: '$URL/app/app': $said" ]
        [ "$(timeless <<<"$output" | tail -n 1 | cut -d, -f1)" = '{"event":"disconnected"' ]
    done <<'CASES'
status=403|channel 'private-b': --auth-url refuses: status 403
status=404|channel 'private-b': --auth-url refuses: status 404
wrong|channel 'private-b': the server refuses: bad signature, status 401
CASES
    has port.log 'refused private-b'
    pusher --app-key app --secret wrong --channel private-b "$URL"
    [ "$status" = 2 ]
    [[ $output == *'"event":"subscription_error","time":'*',"channel":"private-b","data":{"type":"AuthError","error":"bad signature","status":401}}'* ]]
    for query in status=503 status=429 junk; do
        pusher --app-key app --channel private-b --auth-url "$AUTH?$query" --max-failures 3 "$URL"
        [ "$status" = 1 ]
        [[ $stderr == *'given up after 3 failures in a row' ]]
    done
    pusher --app-key app --channel private-b --auth-url http://127.0.0.1:1/ --max-failures 2 "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"channel 'private-b': --auth-url: cannot connect to 127.0.0.1 port 1: connection refused; given up"* ]]
}

@test "what cannot be is said before anything is opened" {
    while IFS='|' read -r arguments said; do
        # shellcheck disable=SC2086 # words
        run_split pype-pusher $arguments
        [ "$status" = 2 ]
        [ "$stderr" = "pype-pusher: fatal: $said" ]
    done <<'CASES'
--channel a|no --app-key, and no URL
--app-key k|no --channel
--app-key k --channel a --channel a|--channel 'a' is there twice
--app-key k --channel a/b|--channel 'a/b' is none: letters, digits and _-=@,.; up to 200 of them
--app-key k --channel private-encrypted-a --secret s|--channel 'private-encrypted-a': encrypted channels cannot be read
--app-key k --channel private-a|--channel 'private-a' takes --auth-url or --secret
--app-key k --channel presence-a --secret s|--channel 'presence-a' takes --user-data with --secret
--app-key k --channel presence-a --secret s --user-data {}|--user-data takes a JSON object with a "user_id"
--app-key k --channel a --user-data {}|--user-data needs --secret
--app-key k --channel a --secret s --auth-url x|--auth-url and --secret exclude each other
--app-key k --channel a --cluster eu ws://x|a URL and --cluster exclude each other
--app-key k --channel a ws://x/app/k|--app-key and a URL with /app/KEY exclude each other
--channel a ws://x|URL 'ws://x': no --app-key, and no /app/KEY at its end
--app-key k --channel a ws://x/?a=b|URL 'ws://x/?...': the query is made here
--app-key k --channel a ftp://x|bad URL 'ftp://x': neither ws nor wss
--app-key k/l --channel a|--app-key takes letters, digits, '_' and '-'
CASES
    PYPE_CHECK=1 run -0 pype-pusher --app-key k --channel '#server-to-user-1' --channel private-a --secret @none --cluster eu
}

# ---- the end of a connection, and the next ----

@test "close codes: 4000-4099 end it with 2, 4100-4199 wait, 4200-4299 come back at once" {
    server_up
    for code in 4000 4001 4009 4099 4300 4999; do
        pusher --app-key "close-$code" --channel a "$URL"
        [ "$status" = 2 ]
        [[ $stderr == *"closed by the server with code $code: because" ]]
    done
    pusher --app-key nobody --channel a "$URL"
    [ "$status" = 2 ]
    [[ $stderr == *"closed by the server with code 4001: Application does not exist" ]]
    for code in 4100 4199 4201 4299 1000 1011 3000; do
        pusher --app-key "close-$code" --channel a --max-failures 3 "$URL"
        [ "$status" = 1 ]
        [[ $stderr == *"code $code: because; given up after 3 failures in a row" ]]
    done
    # Told, but not closed.
    pusher --app-key error-4003 --channel a "$URL"
    [ "$status" = 2 ]
    [[ $stderr == *"the server says: because (4003)" ]]
    pusher --app-key error-4100 --channel a --max-failures 2 "$URL"
    [ "$status" = 1 ]
    # A long pause, which is not for 4200: what comes of it are two connections, then a third that waits.
    start timeout 20 pype-pusher --retry-min 10h --retry-max 10h --app-key app --channel a "$URL" >out 2>err
    wait_for logged 1 '^joined'
    tell 'close?code=4200'
    wait_for logged 2 '^joined'
    [ "$(grep -c '"event":"connected"' out)" = 2 ]
    tell 'close?code=4100'
    wait_for grep -q '"code":4100' out
    wait_for grep -q 'code 4100: told to; next try in [1-9]' err
}

@test "a 4200 again and again is not followed at once each time" {
    server_up
    start pype-pusher --retry-min 10h --retry-max 10h --app-key close-4200 --channel a "$URL" 2>err
    wait_for lines err 2
    sleep 0.3
    [ "$(grep -c '^connected' port.log)" = 2 ]
}

@test "a lost connection: disconnected and connected tell the gap, and every channel is joined again" {
    server_up
    start_pusher --app-key app --secret secret --channel a --channel private-b "$URL"
    wait_for logged 2 '^joined'
    trigger a x 1
    wait_for has out '"event":"x"'
    tell drop
    wait_for logged 4 '^joined'
    trigger private-b x 2
    wait_for grep -q '"channel":"private-b","data":2' out
    [[ $(grep '"disconnected"' out) == *'"code":1006,"reason":"","error":"'*'","ours":false,"messages":1,"last":'*',"lasted":'* ]]
    [[ $(grep '"connected"' out | tail -n 1) == *'"attempt":1,"socket_id":"'*'","gap":'*',"last":'* ]]
}

@test "nobody there, a server that says nothing, one that answers no subscription: failures" {
    server_up
    pusher --app-key app --channel a --max-failures 2 ws://127.0.0.1:1
    [ "$status" = 1 ]
    [[ $stderr == *"cannot connect to 127.0.0.1 port 1: connection refused; given up after 2 failures in a row" ]]
    pusher --app-key mute --channel a --timeout 300ms --max-failures 1 "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"no connection was established by the server within 300ms; given up"* ]]
    pusher --app-key gone --channel a --timeout 300ms --once "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"not all channels were joined within 300ms" ]]
}

@test "a silent server is pinged after its activity timeout, and left if it does not answer" {
    server_up ACTIVITY=1
    start_pusher --app-key app --channel a --ping-timeout 500ms "$URL"
    wait_for logged 2 '^ping'
    [ "$(grep -c '^connected' port.log)" = 1 ]
    start timeout 20 pype-pusher --retry-min 1ms --timeout 0 --app-key gone --channel a --ping 100ms --ping-timeout 200ms "$URL" >out2 2>err2
    wait_for logged 2 '^connected /app/gone'
    grep -q '"error":"no answer to a ping for 200ms","ours":true' out2
    # Whose ping is answered.
    tell send '{"event":"pusher:ping","data":"{}"}'
    wait_for logged 1 '^pong'
}

@test "--heartbeat: no event of a channel for so long, pings or not" {
    server_up
    start_pusher --app-key app --channel a --ping 50ms --heartbeat 400ms "$URL"
    wait_for logged 2 '^joined'
    [[ $(grep '"disconnected"' out | head -n 1) == *'"error":"no event for 400ms","ours":true'* ]]
    logged 3 '^ping'
}

@test "--once ends with the connection: 0 if it was closed well, else 1; it ends with 0 when it is told to" {
    server_up
    start timeout 20 pype-pusher --app-key app --channel a --once --retry-reset 1ms "$URL" >out 2>err
    wait_for logged 1 '^joined'
    tell 'close?code=1000'
    wait "$PID"
    start timeout 20 pype-pusher --app-key app --channel a --once --retry-reset 1ms "$URL" >out 2>err
    wait_for logged 2 '^joined'
    tell drop
    status=0
    wait "$PID" || status=$?
    [ "$status" = 1 ]
    for key in app mute; do
        start env --default-signal=INT pype-pusher --app-key $key --channel a "$URL" >out 2>err
        wait_for logged 1 "^connected /app/$key"
        sleep 0.2
        kill -INT "$PID"
        wait "$PID"
    done
    run -0 timeout 10 bash -c "pype-pusher --app-key app --channel a $URL | head -n 1; exit \${PIPESTATUS[0]}"
    [[ $output == '{"event":"connected"'* ]]
}

# ---- what is promised ----

# Of the lines of stdin, by connection: the numbers are those of the server, without a hole or a double.
whole_connections() {
    "$PYTHON" -c '
import json, sys
before, total, connections, last = None, 0, 0, 0
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "connected":
        before, connections = None, connections + 1
        if connections > 1:
            assert "gap" in event["data"] or event["data"].get("resumed"), line
    if event["event"] == "n":
        n = event["data"]["n"]
        assert before is None or n == before + 1, (before, n)
        assert n > last, (last, n)
        before = last = n
        total += 1
print(connections, total)
'
}

@test "kill -9 under exact, drops besides: within a connection no hole and no double, and each gap can be seen" {
    server_up EVERY=1
    local n=${PYPE_KILLS:-50} i
    stages 'restart: {limit: 1000, min: 1ms, max: 2ms}' 'buffer: 16k' <<END
source: pype-pusher --retry-min 1ms --retry-max 5ms --retry-reset 1ms --app-key app --channel numbers $URL
all: {run: pype-jq -c ., from: source}
END
    run_flow
    wait_for lines flow.out 20
    for ((i = 0; i < n; i++)); do
        kill_stage p.source
        [ $((i % 5)) != 0 ] || tell drop
        sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
    done
    grows flow.out 50
    pype stop
    flow_ends 20
    happened p.source failed "$n"
    run -0 whole_connections <flow.out
    echo "# $n kills: connections, events: $output" >&3
    [ "${output#* }" -gt "$n" ]
    [ "$(grep -c '"resumed":true' flow.out)" -gt 0 ]
}

@test "--count counts on behind a kill" {
    server_up EVERY=5
    stages 'restart: {limit: 1000, min: 1ms, max: 2ms}' <<END
source: pype-pusher --retry-min 1ms --app-key app --channel numbers -n 200 $URL
n: {run: pype-jq .data.n, from: source.n}
END
    run_flow
    for i in 10 30 60; do
        wait_for lines flow.out $i
        kill_stage p.source
    done
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(wc -l <flow.out)" = 200 ]
    [ "$(sort -n flow.out | uniq -d)" = "" ]
}
