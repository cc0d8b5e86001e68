# pype-socketio against a real server (npm's socket.io), and against one that does what that would never do.

load lib
load flow

prepare() {
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
}

# server [OPTIONS]: the fixture on a free port; its id is in $SERVER, what it says in ./log.
server() {
    rm -f port
    start node "$FIXTURES/socketio_server.js" port "${1:-{\}}" >>log 2>server.err
    SERVER=$PID
    wait_for [ -s port ]
    PORT=$(cat port)
    URL=http://127.0.0.1:$PORT
}

# sio ARGUMENT…: pype-socketio with a limit on its time; stdout in $output, stderr in $stderr, $status.
sio() {
    run_split timeout -s KILL 20 pype-socketio "$@"
}

# each_transport: both that there are, one a line.
each_transport() {
    printf '%s\n' polling websocket auto
}

# events: the events in $output without those of ours, without their times.
events() {
    sed 's/"time":[0-9.]*,\?//' <<<"$output" | grep -v '^{"event":"\(connected\|disconnected\|ack\)"'
}

# told WHAT [TEXT]: the server has said that.
told() {
    grep -F "\"what\":\"$1\"" log | grep -qF -- "${2:-}"
}

# count_of FILE TEXT N: at least N lines have it.
count_of() {
    [ "$(grep -cF -- "$2" "$1")" -ge "$3" ]
}

# ---- events ----

@test "each event of the server becomes an event of its name, with its argument as data" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --emit 'send="price",{"a": [1, 2.50],"s":" x  y "}' --emit 'send="two",1,[2, 3]' \
            --emit 'send="none"' --emit 'send="null",null' -n 4 "$URL"
        [ "$status" = 0 ]
        [ "$stderr" = "" ]
        [ "$(events)" = '{"event":"price","data":{"a":[1,2.5],"s":" x  y "}}
{"event":"two","data":[1,[2,3]]}
{"event":"none",}
{"event":"null","data":null}' ]
        [[ $output == '{"event":"connected","time":'*',"data":{"namespace":"/","sid":"'*'","transport":"'*'","recovered":false}}'* ]]
    done
}

@test "time is that of the clock when it came" {
    server
    before=$(date +%s)
    sio --emit 'send="x",1' -n 1 --event x "$URL"
    [[ $(tail -n 1 <<<"$output") =~ '"time":'([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge "$before" ]
    [ "${BASH_REMATCH[1]}" -le "$(date +%s)" ]
}

@test "names that are no words, and numbers, are names all the same" {
    server
    sio --emit 'send="a b.\"c\"é",1' --emit 'send="\u0061\u000a",2' --emit 'send=7,3' --emit 'send="",4' -n 4 "$URL"
    [ "$(events | cut -d, -f1 | xargs -d '\n')" = '{"event":"a b.\"c\"é" {"event":"a\n" {"event":"7" {"event":""' ]
    [ "$(tail -n 4 <<<"$output" | pype-jq -r .data | xargs)" = '1 2 3 4' ]
}

@test "--event takes some and leaves others" {
    server
    sio --event a --event 7 --emit 'send="b",1' --emit 'send="a",2' --emit 'send="aa",3' --emit 'send=7,4' -n 2 "$URL"
    [ "$(events)" = '{"event":"a","data":2}
{"event":"7","data":4}' ]
}

@test "--meta, --name and --bare; the source under a runner" {
    server
    sio --meta --emit 'send="a",1,{"b": 2}' -n 1 "$URL"
    [ "$(events)" = '{"event":"a","data":{"namespace":"/","name":"a","args":[1,{"b":2}]}}' ]
    sio --name message --emit 'send="a",1' -n 1 "$URL"
    [ "$(events)" = '{"event":"message","data":1}' ]
    sio --bare --emit 'send="a",1' -n 1 "$URL"
    [ "$(tail -n 1 <<<"$output")" = 1 ]
    PYPE_NAME=p.source sio --emit 'send="a",1' -n 1 "$URL"
    [ "$(events)" = '{"event":"a","source":"p.source","data":1}' ]
    sio --name 'a"b' "$URL"
    [ "$status" = 2 ]
}

@test "binary arguments become base64" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --emit binary -n 1 "$URL"
        [ "$(events)" = '{"event":"bin","data":[{"a":{"base64":"YWJj"},"b":[{"base64":"AP8="}],"_placeholder":1},{"base64":""}]}' ]
        [ "$stderr" = "" ]
    done
}

@test "1 MB events, and one that is longer than --max-line" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --emit big=1000000 --emit blob=750000 -n 2 "$URL"
        [ "$(tail -n 2 <<<"$output" | pype-jq '.data | if type == "string" then length else .base64 | length end' | xargs)" = '1000000 1000000' ]
    done
    sio --max-line 1000 --dead-letter letters --emit big=2000 --emit 'send="x",1' -n 1 "$URL"
    [ "$status" = 1 ]
    [ "$(events)" = '{"event":"x","data":1}' ]
    [ "$(pype-jq -r '.data.text | length' letters)" = 2011 ]
}

@test "a message over --max-message ends the connection; it is tried again" {
    server
    for transport in polling websocket; do
        sio --transport $transport --max-message 1000 --emit big=2000 --once "$URL"
        [ "$status" = 1 ]
        [[ $(tail -n 1 <<<"$output") == *'"event":"disconnected"'*'"reason":"transport error"'* ]]
    done
}

@test "many events at once, in order" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --event c --bare --emit count=50000 -n 50000 "$URL"
        [ "$status" = 0 ]
        tail -n +2 <<<"$output" | cmp - <(seq 0 49999)
    done
}

@test "an event is written when it comes" {
    server '{"tick":100}'
    start pype-socketio "$URL" >out
    wait_for lines out 2
}

# ---- acks ----

@test "--ask waits for the ack, which becomes an event, before the next is sent" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --ask 'echo=1,{"a":2}' --emit 'send="after",3' -n 1 "$URL"
        [ "$(tail -n 2 <<<"$output" | sed 's/"time":[0-9.]*,//')" = '{"event":"ack","data":{"namespace":"/","name":"echo","args":[1,{"a":2}]}}
{"event":"after","data":3}' ]
    done
}

@test "an ack that does not come ends the connection" {
    server
    sio --ask 'nobody' --ack-timeout 200ms --emit 'send="after",3' --once "$URL"
    [ "$status" = 1 ]
    [ "$(events)" = "" ]
    [[ $stderr == "pype-socketio: error: '$URL/socket.io/': no ack for 'nobody' within 200ms (--ack-timeout)" ]]
    [[ $(tail -n 1 <<<"$output") == *'"event":"disconnected"'* ]]
}

@test "events that ask for an ack get an empty one, once they are written; --no-ack" {
    server
    for transport in $(each_transport); do
        rm -f log
        : >log
        server
        sio --transport $transport --emit 'ask=1' -n 1 "$URL"
        [ "$(events)" = '{"event":"question","data":1}' ]
        wait_for told acked '"answer":[]'
    done
    : >log
    sio --meta --no-ack --emit 'ask=1' --ask echo -n 1 "$URL"
    [ "$(events)" = '{"event":"question","data":{"namespace":"/","name":"question","args":[1],"ack":true}}' ]
    wait_for told disconnect
    run told acked
    [ "$status" = 1 ]
}

@test "thousands that ask for an ack" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --event q --emit many=20000 -n 20000 "$URL"
        [ "$status" = 0 ]
        [ "$(tail -n 1 <<<"$output" | pype-jq .data)" = 19999 ]
    done
}

# ---- namespaces ----

@test "a namespace in the URL, or several with --namespace; messages and --auth of their own" {
    server
    sio --emit 'send="x",1' -n 1 --meta "$URL/chat"
    [ "$(events)" = '{"event":"x","data":{"namespace":"/chat","name":"x","args":[1]}}' ]
    sio --meta --emit 'send="all",1' --namespace /chat --emit 'send="x",1' --namespace /admin --auth '{"token":"secret"}' \
        --ask 'echo=5' --emit 'send="y",2' -n 4 "$URL"
    [ "$(events | sort)" = '{"event":"all","data":{"namespace":"/admin","name":"all","args":[1]}}
{"event":"all","data":{"namespace":"/chat","name":"all","args":[1]}}
{"event":"x","data":{"namespace":"/chat","name":"x","args":[1]}}
{"event":"y","data":{"namespace":"/admin","name":"y","args":[2]}}' ]
    [ "$(grep -c '"event":"connected"' <<<"$output")" = 2 ]
    grep -q '"event":"ack".*"namespace":"/admin","name":"echo","args":\[5\]' <<<"$output"
    sio --namespace /a "$URL/chat"
    [ "$status" = 2 ]
}

@test "--auth: an object, from a file or the environment, read at each connect" {
    server
    echo '{"token": "secret"}' >token
    sio --auth @token --emit 'send="x",1' -n 1 "$URL/admin"
    [ "$status" = 0 ]
    told connection '"auth":{"token":"secret"}'
    TOKEN='{"token":"secret"}' sio --auth env:TOKEN --emit 'send="x",1' -n 1 "$URL/admin"
    [ "$status" = 0 ]
    echo '{"token":"old"}' >token
    start pype-socketio --auth @token --retry-min 50ms --retry-max 100ms --max-failures 0 "$URL/admin" >out 2>err
    wait_for has err "namespace '/admin' refused: not allowed"
    echo '{"token":"secret"}' >new
    mv new token
    wait_for has out '"event":"connected"'
}

@test "a namespace that refuses: said, tried again, given up" {
    server
    sio --max-failures 2 --retry-min 1ms -v "$URL/admin"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [[ $stderr == *"warning: '$URL/socket.io/': namespace '/admin' refused: not allowed; next try in "* ]]
    [[ $stderr == *'refused: {"message":"not allowed","data":{"need":"token"}}'* ]]
    [[ $stderr == *"error: '$URL/socket.io/': namespace '/admin' refused: not allowed; given up after 2 failures in a row" ]]
    sio --once "$URL/nowhere"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: '$URL/socket.io/': namespace '/nowhere' refused: Invalid namespace" ]
}

@test "a namespace that refuses for a while" {
    server
    sio --retry-min 1ms --retry-max 10ms --emit 'send="x",1' -n 1 "$URL/flaky"
    [ "$status" = 0 ]
    [ "$(grep -c "not yet" <<<"$stderr")" = 2 ]
}

@test "a namespace that never answers" {
    server
    sio --timeout 300ms --once "$URL/mute"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: '$URL/socket.io/': namespace '/mute': no answer within 300ms (--timeout)" ]
}

# ---- options ----

@test "mistakes in the options: status 2, nothing is asked" {
    while read -r arguments; do
        eval "sio $arguments"
        [ "$status" = 2 ]
        [ "$output" = "" ]
        [[ $stderr == "pype-socketio: fatal: "* ]]
    done <<'END'
--auth '[]' x
--auth 'nonsense' x
--auth '{}' --auth '{}' x
--auth @missing x
--emit '=1' x
--emit '' x
--emit 'a=1]' x
--emit 'a=1],[2' x
--ask 'a={' x
--namespace chat x
--namespace '/a,b' x
--namespace /a --namespace /a x
--query x x
--path '/a?b' x
--retry-min 0 x
--retry-min 2m x
--max-message 0 x
--transport udp x
--dialect 2 x
--name 'a b' x
--once --max-failures 2 x
--cacert missing x
--cookies jar x
--digest --user a:b x
ftp://x
http://
x y
END
}

@test "PYPE_CHECK=1: a good command line is 0, and neither files nor servers are looked at" {
    PYPE_CHECK=1 sio --auth @missing --emit a=@missing --ask b=env:NONE --query @missing --cacert missing @missing
    [ "$status" = 0 ]
    [ "$output$stderr" = "" ]
}

# ---- the connection ----

@test "auto: polling, and on to a WebSocket; nothing is lost or doubled on the way" {
    server '{"tick":1}'
    for i in 1 2 3 4 5; do
        sio --event n -n 300 --bare "$URL"
        tail -n +2 <<<"$output" | pype-jq '.[1]' | cmp - <(seq 0 299)
    done
    [ "$(grep -c '"what":"upgrade"' log)" = 5 ]
}

@test "a server without polling, one without WebSockets" {
    server '{"transports":["websocket"]}'
    sio --emit 'send="x",1' -n 1 "$URL"
    [ "$status" = 0 ]
    [ "$(events)" = '{"event":"x","data":1}' ]
    sio --transport polling --once "$URL"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: '$URL/socket.io/': status 400: Transport unknown" ]
    server '{"transports":["polling"]}'
    sio --emit 'send="x",1' -n 1 "$URL"
    [ "$status" = 0 ]
}

@test "cookies of the server come back, beside those of --header" {
    server
    sio --emit 'send="x",1' --ask echo -n 1 "$URL"
    wait_for told request '"method":"POST","cookie":"node=n1; other=x"'
    sio -H 'Cookie: mine=1' --emit 'send="x",1' --ask echo -n 1 "$URL"
    wait_for told request '"method":"POST","cookie":"mine=1; node=n1; other=x"'
    wait_for told engine '"cookie":"mine=1"'
    for transport in $(each_transport); do
        : >log
        start pype-socketio --transport $transport --keep-cookies --retry-min 20ms --retry-max 20ms --max-failures 0 --emit bye "$URL" >out 2>err
        wait_for told engine '"cookie":"node=n1'
        kill "$PID"
        wait_gone "$PID"
    done
}

@test "--query and the query of the URL; --path; headers" {
    server '{"path":"/other/","only":"k"}'
    echo 'secret=a&b=c' >q
    sio -H 'X-Key: k' --path /other --query 'key=a b&c' --query @q --emit 'send="x",1' -n 1 "$URL/?token=t"
    [ "$status" = 0 ]
    told connection '"token":"t","key":"a b&c","secret":"a&b=c"'
    sio --path other -H 'X-Key: k' --emit 'send="x",1' -n 1 "$URL/other/"
    [ "$status" = 0 ]
    for transport in polling websocket; do
        sio --transport $transport --path /other --once "$URL"
        [ "$status" = 1 ]
        [ "$(wc -l <<<"$stderr")" = 1 ]
    done
    sio --transport polling --path /other --once "$URL"
    [[ $stderr == *": status 403: go away (--header, --user, --bearer or --query logs in)" ]]
}

@test "maxPayload: what is sent goes in pieces that the server takes; what never fits is status 2" {
    server '{"maxHttpBufferSize":2000}'
    for transport in $(each_transport); do
        args=()
        for i in $(seq 60); do args+=(--emit "send=\"x\",$i,\"$(printf 'y%.0s' {1..100})\""); done
        sio --transport $transport "${args[@]}" -n 60 "$URL"
        [ "$status" = 0 ]
        [ "$(tail -n +2 <<<"$output" | pype-jq '.data[0]' | xargs)" = "$(seq 60 | xargs)" ]
        sio --transport $transport --emit "send=\"$(printf 'y%.0s' {1..2100})\"" "$URL"
        [ "$status" = 2 ]
        [[ $stderr == *"'send' has 21"*" bytes, and the server takes less than 2000" ]]
    done
}

@test "nobody there, the wrong path, no Socket.IO" {
    server
    sio --once "http://127.0.0.1:1"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: 'http://127.0.0.1:1/socket.io/': cannot connect to 127.0.0.1 port 1: connection refused" ]
    sio --once --path /missing "$URL"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: '$URL/missing/': status 404 (--path says where the server of Socket.IO is)" ]
    sio --once --path /html "$URL"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-socketio: error: '$URL/html/': this is no server of Socket.IO, its answer begins with '<html>hello</html>'" ]
    sio --once --transport websocket --path /missing "$URL"
    [ "$status" = 1 ]
    sio --once --timeout 300ms --path /silent "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"timed out after 300ms"* ]]
}

@test "redirects are followed, and what is sent goes to where they lead" {
    server
    for transport in $(each_transport); do
        sio --transport $transport --path /moved --emit 'send="x",1' --ask 'echo=1' -n 1 "$URL"
        [ "$status" = 0 ]
        [ "$(events)" = '{"event":"x","data":1}' ]
    done
}

@test "Retry-After is kept" {
    server
    sio --max-failures 2 --retry-min 1ms --path /later "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"status 503; next try in 2s"* ]]
    sio --max-failures 2 --retry-min 1ms --retry-after-max 100ms --path /later "$URL"
    [[ $stderr == *"status 503; next try in 100ms"* ]]
}

@test "TLS with a CA of our own" {
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=ca -days 2 -keyout key -out cert \
            -addext subjectAltName=IP:127.0.0.1
    } 2>openssl.log
    server '{"tls":{"key":"key","cert":"cert"}}'
    for transport in $(each_transport); do
        sio --transport $transport --cacert cert --emit 'send="x",1' -n 1 "https://127.0.0.1:$PORT"
        [ "$status" = 0 ]
        [ "$(events)" = '{"event":"x","data":1}' ]
        sio --transport $transport --once "wss://127.0.0.1:$PORT"
        [ "$status" = 1 ]
    done
}

# ---- the end of a connection ----

@test "the server ends the namespace, the connection, or goes: disconnected, and connected again" {
    for transport in $(each_transport); do
        server
        for how in bye 'bye all' drop; do
            start pype-socketio --transport $transport --retry-min 20ms --retry-max 20ms --max-failures 0 --emit "$how" "$URL" >out 2>err
            wait_for count_of out '"event":"connected"' 3
            kill "$PID"
            wait_gone "$PID"
            case $how in drop) reason='transport close' ;; *) reason='io server disconnect' ;; esac
            grep -q "\"event\":\"disconnected\".*\"namespace\":\"/\",\"sid\":\"[^\"]*\",\"reason\":\"$reason\"" out
            [ "$(sed -n 2p out | cut -d, -f1)" = '{"event":"disconnected"' ]
        done
        kill "$SERVER"
        wait_gone "$SERVER"
    done
}

@test "a server that restarts on the same port" {
    server '{"tick":20}'
    start pype-socketio --retry-min 50ms --retry-max 100ms --max-failures 0 "$URL" >out 2>err
    wait_for lines out 3
    kill -9 "$SERVER"
    wait_gone "$SERVER"
    wait_for has out '"event":"disconnected"'
    server "{\"tick\":20,\"port\":$PORT}"
    wait_for count_of out '"event":"connected"' 2
    has err "transport close" || has err "next try in"
    kill "$PID"
    wait_gone "$PID"
}

@test "a server that goes silent is given up" {
    for transport in $(each_transport); do
        : >log
        server '{"pingInterval":200,"pingTimeout":200}'
        start pype-socketio --transport $transport --once "$URL" >out 2>err
        client=$PID
        wait_for has out '"event":"connected"'
        wait_for count_of log '"what":"heartbeat"' 4
        alive "$client"
        kill -STOP "$SERVER"
        wait_gone "$client"
        kill -CONT "$SERVER"
        has out '"reason":"ping timeout"'
        has err "nothing came for 400ms, not even a heartbeat"
    done
}

@test "--heartbeat: another limit for silence" {
    server
    sio --heartbeat 200ms --once "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"nothing came for 200ms, not even a heartbeat" ]]
}

@test "--once: 0 if the server ended it, 1 if it was lost or never came" {
    server
    sio --once --emit bye "$URL"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    [ "$(wc -l <<<"$output")" = 2 ]
    sio --once --max-failures 3 "$URL"
    [ "$status" = 2 ]
}

@test "told to stop: in good order, at once, status 0" {
    server '{"tick":10}'
    for transport in $(each_transport); do
        : >log
        start pype-socketio --transport $transport "$URL" >out 2>err
        wait_for lines out 5
        kill -TERM "$PID"
        wait_gone "$PID" 3
        run wait "$PID"
        wait_for told disconnect '"reason":"transport '
        [ ! -s err ]
    done
    start pype-socketio --retry-min 1h --retry-max 1h http://127.0.0.1:1 2>err
    wait_for has err 'next try'
    kill -TERM "$PID"
    wait_gone "$PID" 3
}

@test "the reader of standard output goes: status 0, without a word" {
    server '{"tick":5}'
    run_split bash -c "set -o pipefail; pype-socketio $URL | head -n 3"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    [ "$(wc -l <<<"$output")" = 3 ]
}

# ---- a server that cannot be trusted ----

OPEN='0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'

# liar ANSWER…: a server that answers so.
liar() {
    rm -f port
    start node "$FIXTURES/socketio_liar.js" port "$(printf '%s\n' "$@" | jq -Rc . | jq -sc 'map(if startswith("status:") then .[7:] | tonumber else . end)')" \
        2>server.err
    LIAR=$PID
    wait_for [ -s port ]
    URL=http://127.0.0.1:$(cat port)
}

@test "malformed packets are bad events: said, kept whole, and the connection goes on" {
    bad=('9' 'x' '' '4' '49' '42' '42{}' '42[]' '42[null]' '42[[1]]' '42["a"' '42["a",01]' '42["a"]x' '4212345678901234567890["a"]'
        '43[]' '431' '430{}' '41["x"]' '44' '441' '451["a"]' '45-["a"]' '451001-["a"]' '455' '40{"sid":"again"}' '430["unasked"]'
        '42/other,["a"]' '0{"sid":"x"}' '3' '5' 'b!' 'bYWJ' 'bYWJj' $'42["\x01"]' '4"' '44{"message":1}' '42"a"')
    answers=("$OPEN" '40{"sid":"s2"}')
    for packet in "${bad[@]}"; do answers+=("$packet" '42["ok",1]'); done
    for transport in $(each_transport); do
        [ "$transport" != auto ] || continue
        liar "${answers[@]}"
        rm -f letters
        sio --transport $transport --dead-letter letters -n ${#bad[@]} "$URL"
        [ "$status" = 1 ]
        [ "$(events | sort | uniq -c | xargs)" = "${#bad[@]} {event:ok,data:1}" ]
        # What is kept is what the layer that does not understand it was given.
        pype-jq -r .data.text letters | sed 's/^bYWJj$/YWJj/' >kept
        printf '%s\n' "${bad[@]}" | sed 's/^4//; s/^bYWJj$/YWJj/' | cmp - kept
        kill "$LIAR"
    done
}

@test "attachments that do not come, are too many, or are named wrongly" {
    liar "$OPEN" '40{"sid":"s"}' '451-["a",{"_placeholder":true,"num":0}]' '42["ok"]' \
        $'451-["a",{"_placeholder":true,"num":1}]\x1ebYWJj' $'451-["a",{"_placeholder":true,"num":-1}]\x1ebYWJj' \
        $'452-["b",{"num":1, "_placeholder":true} ,{"x":{"_placeholder":true,"num":0}}]\x1ebYQ==\x1ebYg==' \
        $'451-["c",{"_placeholder":true,"num":0,"x":1},{"_placeholder":false,"num":0},"{\\"_placeholder\\":true,\\"num\\":0}"]\x1ebYWJj' \
        $'451-["d",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]\x1eb' '450-["e"]' '42["end"]'
    sio --transport polling --dead-letter letters -n 6 "$URL"
    [ "$status" = 1 ]
    [ "$(events)" = '{"event":"ok",}
{"event":"b","data":[{"base64":"Yg=="},{"x":{"base64":"YQ=="}}]}
{"event":"c","data":[{"_placeholder":true,"num":0,"x":1},{"_placeholder":false,"num":0},"{\"_placeholder\":true,\"num\":0}"]}
{"event":"d","data":[{"base64":""},{"base64":""}]}
{"event":"e",}
{"event":"end",}' ]
    [ "$(pype-jq -r .data.error letters | sed "s/.*': //" | sort | uniq -c | sed 's/^ *//')" = "1 a packet came in the middle of another one's attachments
2 a placeholder names no attachment" ]
}

@test "one attachment named a million times does not fill the memory" {
    payload=$(printf ',{"_placeholder":true,"num":0}%.0s' {1..1000})
    liar "$OPEN" '40{"sid":"s"}' "451-[\"a\"$payload]"$'\x1eb'"$(head -c 30000 /dev/zero | base64 -w 0)" '42["end"]'
    sio --transport polling --max-line 10M -n 1 "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *'with its attachments it is too large'* ]]
    [ "$(events)" = '{"event":"end",}' ]
}

@test "handshakes that are none" {
    for answer in '' '{}' '0' '0{}' '0[]' '0{"sid":1}' '0{"sid":"a b","pingInterval":1,"pingTimeout":1}' \
        '0{"sid":"a","pingInterval":0,"pingTimeout":1}' '0{"sid":"a","pingInterval":"x","pingTimeout":1}' '2' '4x' 'hello' 'bYWJj' 'b!' \
        '0{"sid":"a","pingInterval":1e99,"pingTimeout":1}'; do
        for transport in $(each_transport); do
            liar "$answer"
            sio --transport $transport --once "$URL"
            [ "$status" = 1 ]
            [ "$output" = "" ]
            [ "$(wc -l <<<"$stderr")" = 1 ]
            kill "$LIAR"
        done
    done
}

@test "a server of Socket.IO 2 is none for us: status 2" {
    liar '97:0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}2:40'
    sio "$URL"
    [ "$status" = 2 ]
    [[ $stderr == *"the server speaks Socket.IO 2, and this is a client for 3 and later" ]]
    for transport in $(each_transport); do
        liar '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}' 40
        sio --transport $transport "$URL"
        [ "$status" = 2 ]
    done
}

@test "names and numbers of a server that are too long for a cursor are left out" {
    liar "$OPEN" "40{\"sid\":\"$(printf 's%.0s' {1..300})\"}"
    sio --transport polling --once --timeout 300ms "$URL"
    [ "$status" = 2 ]
    liar "$OPEN" "40{\"sid\":\"s\",\"pid\":\"$(printf 'p%.0s' {1..300})\"}" '42["a",1,"PQvX-_1"]'
    sio --transport polling -n 1 "$URL"
    [ "$(events)" = '{"event":"a","data":[1,"PQvX-_1"]}' ]
}

@test "a session that the server has forgotten" {
    liar "$OPEN" status:400
    sio --transport polling --once "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"status 400"* ]]
}

# ---- connection state recovery ----

RECOVERY='"connectionStateRecovery":{}'

# whole FILE: the numbers of the events "w" in it, from the first on, each once and in order.
whole() {
    pype-jq -r 'select(.event == "w") | .data' "$1" >numbers
    cmp numbers <(seq "$(head -n 1 numbers)" "$(tail -n 1 numbers)")
}

@test "recovery: what was missed comes after a lost connection, and nothing twice" {
    server "{$RECOVERY,\"world\":3}"
    for transport in $(each_transport); do
        start pype-socketio --transport $transport --retry-min 100ms --retry-max 100ms --emit 'send="x",1' --max-failures 0 "$URL" >out 2>err
        for i in 1 2 3; do
            grows out 20
            kill -USR2 "$SERVER" # drops all connections
            wait_for count_of out '"recovered":true' $i
        done
        grows out 20
        kill "$PID"
        wait_gone "$PID"
        whole out
        [ "$(grep -c '"recovered":false' out)" = 1 ]
        [ "$(grep -c '"event":"disconnected"' out)" = 3 ]
        [ "$(grep -o '"sid":"[^"]*"' out | sort -u | wc -l)" = 1 ]
    done
}

@test "recovery: what was missed comes behind connected" {
    server "{$RECOVERY}"
    start pype-socketio --transport websocket --retry-min 500ms --retry-max 500ms "$URL" >out 2>err
    client=$PID
    wait_for has out connected
    sio --emit 'all="a",1' --ask echo --emit 'send="x"' --event x -n 1 "$URL"
    wait_for has out '"event":"a"'
    kill -USR2 "$SERVER"
    wait_for has out disconnected
    sio --emit 'all="a",2' --emit 'all="a",3' --ask echo --emit 'send="x"' --event x -n 1 "$URL"
    wait_for count_of out '"event":"a"' 3
    [ "$(pype-jq -r '"\(.event) \(.data | if type == "object" then .recovered else . end)"' out | xargs)" = \
        'connected false a 1 disconnected null connected true a 2 a 3' ]
    kill "$client"
}

@test "recovery: a server that has forgotten says so" {
    server "{$RECOVERY,\"world\":10}"
    start pype-socketio --retry-min 50ms --retry-max 50ms --max-failures 0 "$URL" >out 2>err
    wait_for lines out 3
    kill -9 "$SERVER"
    wait_gone "$SERVER"
    server "{$RECOVERY,\"world\":10,\"port\":$PORT}"
    wait_for count_of out '"recovered":false' 2
}

@test "recovery: the server's offset is no argument; what only looks a little like one is" {
    server "{$RECOVERY}"
    sio --transport websocket --meta --emit 'send="a",1,"word"' --ask echo --emit 'fast="b",2,"message"' --emit 'send="c"' --emit 'ask=3,"PQvX-_1"' -n 4 "$URL"
    [ "$(events | sed 's/"offset":"[0-9A-Za-z._-]*"/OFFSET/')" = '{"event":"a","data":{"namespace":"/","name":"a","args":[1,"word"],OFFSET}}
{"event":"b","data":{"namespace":"/","name":"b","args":[2,"message"]}}
{"event":"c","data":{"namespace":"/","name":"c","args":[],OFFSET}}
{"event":"question","data":{"namespace":"/","name":"question","args":[3,"PQvX-_1"],"ack":true}}' ]
    sio --no-recovery --emit 'send="a",1' -n 1 "$URL"
    [[ $(events) == '{"event":"a","data":[1,"'???????*'"]}' ]]
}

# ---- Socket.IO 0.9 ----

# old_server [OPTIONS]
old_server() {
    rm -f port
    start node --no-deprecation "$FIXTURES/socketio_09_server.js" port "${1:-{\}}" >>log 2>server.err
    SERVER=$PID
    wait_for [ -s port ]
    URL=http://127.0.0.1:$(cat port)
}

# old ARGUMENT…: sio --dialect 0.9
old() {
    sio --dialect 0.9 "$@"
}

@test "0.9: events, messages, acks both ways, over both transports" {
    old_server
    for transport in $(each_transport); do
        : >log
        old --transport $transport --emit 'say="a",{"x": 1},[2]' --emit 'say="none"' --emit 'text="h:e:l+lo"' --emit 'json={"j":[1]}' \
            --ask 'echo=1,"two"' --emit 'ask=3' -n 5 "$URL"
        [ "$status" = 0 ]
        [ "$stderr" = "" ]
        [ "$(sed 's/"time":[0-9.]*,\?//; s/"sid":"[^"]*"/SID/; s/"transport":"[a-z]*"/TRANSPORT/' <<<"$output")" = '{"event":"connected","data":{"namespace":"/",SID,TRANSPORT,"recovered":false}}
{"event":"a","data":[{"x":1},[2]]}
{"event":"none",}
{"event":"message","data":"h:e:l+lo"}
{"event":"message","data":{"j":[1]}}
{"event":"ack","data":{"namespace":"/","name":"echo","args":[1,"two"]}}
{"event":"question","data":3}' ]
        wait_for told acked
        wait_for told disconnect
        case $transport in polling) told connection xhr-polling ;; *) told connection websocket ;; esac
    done
}

@test "0.9: many events at once, with characters outside of the basic plane" {
    old_server
    for transport in polling websocket; do
        old --transport $transport --bare --emit count=5000 -n 5000 "$URL"
        [ "$status" = 0 ]
        [ "$stderr" = "" ]
        tail -n +2 <<<"$output" | cmp - <(seq -f '[%.0f,"😀�"]' 0 4999)
    done
}

@test "0.9: namespaces, one that refuses, a handshake that is refused" {
    old_server
    for transport in polling websocket; do
        old --transport $transport --meta --emit 'say="x",1' --namespace /chat --namespace / -n 2 "$URL"
        [ "$(events | sort)" = '{"event":"x","data":{"namespace":"/","name":"x","args":[1]}}
{"event":"x","data":{"namespace":"/chat","name":"x","args":[1]}}' ]
        old --transport $transport --emit 'say="x",1' -n 1 "$URL/chat"
        [ "$(events)" = '{"event":"x","data":1}' ]
        old --transport $transport --once "$URL/admin"
        [ "$status" = 1 ]
        [ "$stderr" = "pype-socketio: error: '$URL/socket.io/': namespace '/admin' refused: unauthorized" ]
    done
    old_server '{"token":"t"}'
    old --emit 'say="x",1' -n 1 "$URL?token=t"
    [ "$status" = 0 ]
    old --once "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"status 403 (--header, --user, --bearer or --query logs in)" ]]
}

@test "0.9: heartbeats, silence, the server ends it" {
    for transport in polling websocket; do
        old_server '{"heartbeat interval":1,"heartbeat timeout":2,"close timeout":2,"polling duration":1,"tick":500}'
        case $transport in polling) limit="--heartbeat 2s" ;; *) limit= ;; esac
        start pype-socketio --dialect 0.9 --transport $transport $limit --once "$URL" >out 2>err
        client=$PID
        wait_for has out '"event":"connected"'
        wait_for lines out 10 # several heartbeats
        alive "$client"
        kill -STOP "$SERVER"
        wait_gone "$client"
        kill -CONT "$SERVER"
        has out '"reason":"ping timeout"'
        # One that has nothing to catch up with.
        old_server
        old --transport $transport --once --emit bye "$URL"
        [ "$status" = 0 ]
        [[ $output == *'"event":"disconnected"'*'"reason":"io server disconnect"'* ]]
    done
}

@test "0.9: what is none of its packets is a bad event; a newer server is none" {
    liar 's1:60:60:websocket,xhr-polling' '1::' 'x' '5:::{"name":1}' '5:::{"name":"a","args":{}}' '5:x::{"name":"a"}' '5::a:{"name":"a"}' '4:::{' \
        '6:::x' '6:::1+{}' '9::' '5' '' $'\xef\xbf\xbd99\xef\xbf\xbd2::' '5:::{"name":"ok"}'
    old --transport polling --dead-letter letters -n 1 "$URL"
    [ "$status" = 1 ]
    [ "$(events)" = '{"event":"ok",}' ]
    [ "$(wc -l <letters)" = 11 ]
    server
    old --once "$URL"
    [ "$status" = 1 ]
    [ "$(wc -l <<<"$stderr")" = 1 ]
    old --auth '{}' "$URL"
    [ "$status" = 2 ]
}

@test "0.9: a server that does not know the client any more has ended the connection" {
    hello=('s1:60:60:xhr-polling' '1::')
    liar "${hello[@]}" '5:::{"name":"a"}' '7:::1+0' "${hello[@]}" '7::/other:1+0' '5:::{"name":"b"}'
    old --transport polling --retry-min 1ms -n 2 "$URL"
    [ "$status" = 1 ]
    [ "$(jq -rc '[.event, .data.reason?]' <<<"$output" | xargs)" = \
        '[connected,null] [a,null] [disconnected,transport close] [connected,null] [b,null]' ]
    [[ $stderr == *"the server closes the connection; next try in"*"a packet for a namespace that was not asked for"* ]]
    liar "${hello[@]}" '7:::1+0'
    old --transport polling --once "$URL"
    [ "$status" = 0 ]
}

# ---- killed under a runner ----

KILLS=${PYPE_SOCKETIO_KILLS:-12}

# source_flow OPTION…: a flow that runs pype-socketio with these options and writes what came to out.csv.
source_flow() {
    cat >columns.jq <<'END'
{event, sid: (.data | if type == "array" then .[0] elif type == "object" then .sid else null end),
        n: (.data | if type == "array" then .[1] elif type == "object" then .recovered else . end)}
END
    stages "restart: {limit: 1000, within: 1h, min: 1ms, max: 5ms}" <<END
source: pype-socketio --retry-min 1ms --retry-max 10ms --max-failures 0 $*
columns: {run: pype-jq -f columns.jq, from: source}
csv: {run: pype-csv --append -o out.csv event sid n, from: columns}
END
    run_flow
    wait_for lines out.csv 10
}

# kill_source N: kill -9, N times, at moments of chance, but each after more events have come through.
kill_source() {
    local i
    for ((i = 0; i < $1; i++)); do
        grows out.csv 3
        sleep "0.0$((RANDOM % 10))"
        kill_stage p.source
    done
    grows out.csv 3
}

stop_flow() {
    kill -TERM "$FLOW"
    flow_ends
    [ "$status" = 0 ]
}

@test "killed again and again: of each connection a beginning, without holes or doubles" {
    for transport in polling websocket; do
        rm -rf .pype out.csv
        server '{"tick":1,"pingInterval":500,"pingTimeout":500}'
        source_flow "--transport $transport --event n" "$URL"
        kill_source "$KILLS"
        stop_flow
        # Each connection begins with connected, and goes on from 0.
        awk -F, 'NR == 1 { next }
            $1 == "connected" { if ($2 in next_n) bad = 1; next_n[$2] = 0; now = $2; next }
            $1 == "disconnected" { next }
            $1 != "n" || $2 != now || $3 != next_n[$2]++ { print; bad = 1 }
            END { exit bad }' out.csv
        [ "$(grep -c '^connected' out.csv)" -gt "$KILLS" ]
        kill "$SERVER"
        wait_gone "$SERVER"
    done
}

@test "killed again and again, with recovery: no hole at all, nothing twice" {
    server "{$RECOVERY,\"world\":1}"
    source_flow "--transport websocket" "$URL"
    kill_source "$KILLS"
    stop_flow
    sed -n 's/^w,,//p' out.csv >numbers
    cmp numbers <(seq "$(head -n 1 numbers)" "$(tail -n 1 numbers)")
    [ "$(grep -c '^connected,.*,false' out.csv)" = 1 ]
    [ "$(grep -c '^connected,.*,true' out.csv)" -ge "$KILLS" ]
}

@test "protocol: sync" {
    server '{"tick":5}'
    stages 'protocol: sync' <<END
source: pype-socketio --event n -n 100 $URL
columns: {run: "pype-jq 'select(.event == \"n\") | {n: .data[1]}'", from: source}
csv: {run: pype-csv -o out.csv n, from: columns}
END
    run_flow
    flow_ends 20
    [ "$status" = 0 ]
    counts out.csv 0 99
}

@test "--count goes on when the source was killed" {
    server '{"tick":2}'
    source_flow --transport websocket --event n -n 600 "$URL"
    kill_source 3
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(grep -c '^n,' out.csv)" = 600 ]
}
