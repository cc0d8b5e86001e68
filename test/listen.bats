# pype-listen, asked by real clients: curl, logger, socat, rsyslogd, bash; and by some that do what no client should.

load lib
load flow
bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 2 \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout key.pem -out cert.pem 2>openssl.log
}

prepare() {
    TLS=$BATS_FILE_TMPDIR
    unset http_proxy https_proxy all_proxy
}

# listen ARGUMENT…: pype-listen in the background, its events in ./out; PORTS are those of its addresses, PORT the first.
listen() {
    rm -f ports
    start pype-listen --port-file ports "$@" >>out 2>>err
    LISTEN=$PID
    wait_for [ -s ports ]
    mapfile -t PORTS <ports
    PORT=${PORTS[0]}
    URL=http://127.0.0.1:$PORT
}

# post [CURL-ARGUMENT…]: the status in $CODE, body and headers of the answer in ./answer and ./headers. What it sends is JSON if
# it is not said otherwise.
post() {
    case $* in *Content-Type*) ;; *) set -- -H 'Content-Type: application/json' "$@" ;; esac
    CODE=$(curl -s -m 20 -o answer -D headers -w '%{http_code}' "$@") || CODE=failed$?
}

# ends [STATUS]: it ends when told to, with this status.
ends() {
    local status=0
    kill "$LISTEN"
    wait_gone "$LISTEN" 15
    wait "$LISTEN" || status=$?
    [ "$status" = "${1:-0}" ]
}

# data: what the events in ./out carry.
data() {
    sed -E 's/^\{"event":"[^"]*","time":[0-9.]+,("source":"[^"]*",)?"data":(.*)\}$/\2/' out
}

client() {
    "$PYTHON" "$FIXTURES/listen_client.py" "$@"
}

to_tcp() {
    cat >"/dev/tcp/127.0.0.1/$1"
}

hmac() { # ALGORITHM SECRET: of stdin, in hex
    openssl dgst -"$1" -hmac "$2" | sed 's/.*= //'
}

# ---- requests ----

@test "a request becomes an event in one line, which is there when it is answered" {
    listen http://127.0.0.1:0
    before=$(date +%s)
    post -H 'Content-Type: application/json' -d $'{ "a" : [1,\n 2], "s": " x  y " }\n' "$URL/any/path"
    [ "$CODE" = 200 ]
    [ "$(cat answer)" = '{"events":1}' ]
    [[ $(cat out) =~ ^'{"event":"data","time":'([0-9]+)(\.[0-9]+)?',"data":{"a":[1,2],"s":" x  y "}}'$ ]]
    [ $((BASH_REMATCH[1] - before)) -le 20 ]
    post -X PUT -d '"put"' "$URL"
    [ "$CODE" = 200 ]
    [ "$(data | tail -n 1)" = '"put"' ]
    ends 0
    [ ! -e ports ]
    [ ! -s err ]
}

@test "--bare, --name, NAME=, \$PYPE_NAME" {
    PYPE_NAME=main.hooks listen --name hook 0 other=0
    post -d 1 "$URL" -H 'Content-Type: text/json'
    post -d '{}' "http://127.0.0.1:${PORTS[1]}"
    [[ $(sed -n 1p out) == '{"event":"hook","time":'*',"source":"main.hooks","data":1}' ]]
    [[ $(sed -n 2p out) == '{"event":"other",'* ]]
    ends
    rm out
    listen --bare 0
    post -d '{"a": 1}' "$URL"
    [ "$(cat out)" = '{"a":1}' ]
    run pype-listen --name 'a"b' 0
    [ "$status" = 2 ]
}

@test "paths: one, any, and those whose last word is the name of the event" {
    local port
    port=$(free_port)
    listen "a=http://127.0.0.1:$port/one" "http://127.0.0.1:$port/hooks/" "b=http://127.0.0.1:$port/hooks/special"
    [ "${PORTS[*]}" = "$port $port $port" ]
    for path in /one /hooks/github /hooks/ /hooks/special; do
        post -d '{}' "$URL$path?x=y"
        [ "$CODE" = 200 ]
    done
    [ "$(sed 's/^{"event":"//; s/".*//' out | xargs)" = "a github data b" ]
    for path in / /one/ /two /hooks /hooks/a/b /hooks/a.b; do
        post -d '{}' "$URL$path"
        [ "$CODE" = 404 ]
    done
    [ "$(cat answer)" = '{"error":"nothing is at this path"}' ]
    lines out 4
}

@test "--items: an event for each element, and all or none" {
    listen --bare --items .data.list 0
    post -d '{"data":{"list":[ {"id": 1}, 2, "x" ]}}' "$URL"
    [ "$(cat answer)" = '{"events":3}' ]
    [ "$(cat out)" = $'{"id":1}\n2\n"x"' ]
    post -d '{"data":{"list":[]}}' "$URL"
    [ "$CODE $(cat answer)" = '200 {"events":0}' ]
    for body in '{"data":{"list":[1,2,]}}' '{"data":{"list":[1,2]' '{"data":3}' '[]' ''; do
        post -d "$body" "$URL"
        [ "$CODE" = 400 ]
    done
    [ "$(cat answer)" = '{"error":"the body is not JSON: empty at byte 1"}' ] || has answer 'not JSON'
    [ "$(wc -l <out)" = 3 ]
}

@test "lines of JSON: by their type, or with --lines; all or none" {
    listen --bare 0
    post -H 'Content-Type: application/x-ndjson; charset=utf-8' --data-binary $'{"a":1}\r\n\n {"a": 2}\n3' "$URL"
    [ "$(cat answer)" = '{"events":3}' ]
    [ "$(cat out)" = $'{"a":1}\n{"a":2}\n3' ]
    post -H 'Content-Type: application/x-ndjson' --data-binary $'{"a":1}\n{"a":\n' "$URL"
    [ "$CODE" = 400 ]
    has answer 'line 2 is not JSON'
    [ "$(wc -l <out)" = 3 ]
    ends
    listen --bare --lines 0
    post --data-binary $'"x"\n"y"' "$URL"
    [ "$(tail -n 2 out)" = $'"x"\n"y"' ]
}

@test "forms, text, and what is neither" {
    listen --bare 0
    post() {
        CODE=$(curl -s -m 20 -o answer -w '%{http_code}' "$@")
    }
    post -d '[1, 2]' "$URL" # curl calls it a form
    [ "$(cat out)" = '[1,2]' ]
    post -d 'payload=%7B%22a%22%3A1%7D&b=x+y&c=1&c=%C3%BC&d' "$URL"
    [ "$(tail -n 1 out)" = '{"payload":"{\"a\":1}","b":"x y","c":["1","ü"],"d":""}' ]
    post -d 'a=%FF' "$URL"
    [ "$CODE" = 400 ]
    post -d "$(printf 'a%s=1&' {1..1001})" "$URL"
    [ "$CODE" = 400 ]
    post --data-binary $'\xef\xbb\xbf{}' -H 'Content-Type: application/json' "$URL"
    [ "$(tail -n 1 out)" = '{}' ]
    ends
    listen --bare --text 0
    post --data-binary $'two\nlines "quoted"\n' "$URL"
    [ "$(tail -n 1 out)" = '"two\nlines \"quoted\"\n"' ]
    post --data-binary $'\xff' "$URL"
    [ "$CODE" = 400 ]
    ends
    listen --bare --text --lines 0
    post --data-binary $'one\r\ntwo\n' "$URL"
    [ "$(tail -n 2 out)" = $'"one"\n"two"' ]
}

@test "--meta says how it was sent, and by whom" {
    listen --bare --meta --meta-header x-event --meta-header X-None http://0/in/
    post -d '[1, 2]' -H 'X-Event: push "x"' "$URL/in/github?a=b&c=%20"
    [[ $(cat out) =~ ^'{"method":"POST","path":"/in/github","query":"a=b&c=%20","headers":{"x-event":"push \"x\""},"peer":"127.0.0.1:'[0-9]+'","body":[1,2]}'$ ]]
    ends
    listen --bare --meta tcp://0 udp://0 unix:socket
    echo '{"tcp": 1}' | to_tcp "$PORT"
    echo '{"udp": 1}' >"/dev/udp/127.0.0.1/${PORTS[1]}"
    echo '{"unix": 1}' | socat - UNIX-CONNECT:socket
    wait_for lines out 4
    grep -qE '^\{"peer":"127.0.0.1:[0-9]+","body":\{"tcp":1\}\}$' out
    grep -qE '^\{"peer":"127.0.0.1:[0-9]+","body":\{"udp":1\}\}$' out
    grep -qE '^\{"peer":"unix","pid":[0-9]+,"uid":'$UID',"gid":[0-9]+,"body":\{"unix":1\}\}$' out
}

@test "what is refused: 400, 404, 405, 413, 415, and why; it is counted, and makes no event" {
    listen --max-body 100 http://0/a
    big=$(printf 'x%.0s' {1..200})
    while IFS='|' read -r code reason arguments; do
        eval "post $arguments"
        [ "$CODE" = "$code" ]
        has answer "$reason"
    done <<'CASES'
400|the body is not JSON: |-d '{"a":' "$URL/a"
400|the body is not JSON: |-d '' "$URL/a"
404|nothing is at this path|-d 1 "$URL/b"
405|not with this method|-X DELETE "$URL/a"
405|not with this method|"$URL/a"
413|the body is too large|-d "\"$big\"" "$URL/a"
413|the body is too large|-H 'Transfer-Encoding: chunked' -d "\"$big\"" "$URL/a"
415|uncompressed|-H 'Content-Encoding: gzip' -d 1 "$URL/a"
CASES
    post -X PATCH -d 1 "$URL/a"
    grep -qi '^allow: POST, PUT' headers
    ends 0
    [ ! -s out ]
    [ "$(grep -c 'is refused with' err)" = 9 ]
}

@test "--method takes others; --answer and --answer-status answer otherwise" {
    listen --bare --method PATCH --method DELETE --answer 'thank you' --answer-status 202 0
    post -X PATCH -d 1 -H 'Content-Type: a/b' "$URL"
    [ "$CODE $(cat answer)" = "202 thank you" ]
    grep -qi '^content-type: text/plain' headers
    post -X POST -d 1 "$URL"
    [ "$CODE" = 405 ]
    ends
    listen --bare --answer '{"text":"hi"}' 0
    post -d '{}' "$URL"
    [ "$CODE $(cat answer)" = '200 {"text":"hi"}' ]
    grep -qi '^content-type: application/json' headers
    ends
    listen --bare --answer-status 204 0
    post -d '{}' "$URL"
    [ "$CODE $(cat answer)" = "204 " ]
}

@test "--count ends after so many events" {
    listen --count 2 --items . 0
    post -d '[1]' "$URL"
    alive "$LISTEN"
    post -d '[2,3]' "$URL"
    [ "$CODE" = 200 ]
    wait_gone "$LISTEN"
    wait "$LISTEN"
    [ "$(data)" = $'1\n2\n3' ]
}

# ---- who may ----

@test "--bearer and --user: any of them" {
    printf 't0ken\n' >token
    export LOGIN=me:secret
    listen --bearer @token --bearer other --user env:LOGIN 0
    for good in 'Bearer t0ken' 'bearer other' "Basic $(printf me:secret | base64)"; do
        post -d '{}' -H "Authorization: $good" "$URL"
        [ "$CODE" = 200 ]
    done
    for bad in 'Bearer t0ke' 'Bearer t0kenx' 'Bearer' 'Basic t0ken' "Basic $(printf me:secre | base64)" ''; do
        post -d '{}' -H "Authorization: $bad" "$URL"
        [ "$CODE" = 401 ]
    done
    grep -qi '^www-authenticate: Basic' headers
    lines out 3
    [ "$(grep -c secret err)" = 0 ]
}

@test "--hmac: GitHub's signature, by openssl's HMAC" {
    listen --hmac old --hmac 'It'"'"'s a Secret' 0
    printf '{"zen": "Keep it logically awesome."}' >body
    post --data-binary @body -H "X-Hub-Signature-256: sha256=$(hmac sha256 "It's a Secret" <body)" "$URL"
    [ "$CODE" = 200 ]
    post --data-binary @body -H "X-Hub-Signature-256: sha256=$(hmac sha256 old <body | tr a-f A-F)" "$URL"
    [ "$CODE" = 200 ]
    for bad in "sha256=$(hmac sha256 wrong <body)" "$(hmac sha256 old <body)" "sha1=$(hmac sha1 old <body)" sha256= ''; do
        post --data-binary @body -H "X-Hub-Signature-256: $bad" "$URL"
        [ "$CODE" = 403 ]
    done
    post -d '{"zen": "Keep it logically awesome!"}' -H "X-Hub-Signature-256: sha256=$(hmac sha256 old <body)" "$URL"
    [ "$CODE" = 403 ]
    has answer 'the signature is not good'
    [ "$(wc -l <out)" = 2 ]
    # The example of GitHub's documentation.
    ends
    listen --text --hmac "It's a Secret to Everybody" 0
    post -d 'Hello, World!' "$URL" \
        -H 'X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    [ "$CODE" = 200 ]
}

@test "--hmac-header, -algorithm, -encoding, -prefix" {
    listen --hmac key --hmac-header X-Shop-Hmac --hmac-encoding base64 0
    post -d '{}' -H "X-Shop-Hmac: $(printf '{}' | openssl dgst -sha256 -hmac key -binary | base64)" "$URL"
    [ "$CODE" = 200 ]
    ends
    listen --hmac key --hmac-algorithm sha1 0
    post -d '{}' -H "X-Hub-Signature: sha1=$(printf '{}' | hmac sha1 key)" "$URL"
    [ "$CODE" = 200 ]
    ends
    listen --hmac key --hmac-algorithm sha512 --hmac-header X-S --hmac-prefix 'v=' 0
    post -d '{}' -H "X-S: v=$(printf '{}' | hmac sha512 key)" "$URL"
    [ "$CODE" = 200 ]
    run pype-listen --hmac key --hmac-style stripe --hmac-header X 0
    [ "$status" = 2 ]
}

@test "--hmac-style: Stripe's, Slack's and Standard Webhooks, and not those of yesterday" {
    now=$(date +%s)
    listen --hmac wrong --hmac key --hmac-style stripe 0
    signed() { printf '%s.{}' "$1" | hmac sha256 key; }
    post -d '{}' -H "Stripe-Signature: t=$now,v1=0000,v1=$(signed "$now"),v0=00" "$URL"
    [ "$CODE" = 200 ]
    for bad in "t=$((now - 1)),v1=$(signed "$now")" "v1=$(signed "$now")" "t=$now,v0=$(signed "$now")"; do
        post -d '{}' -H "Stripe-Signature: $bad" "$URL"
        [ "$CODE" = 403 ]
    done
    for old in $((now - 400)) $((now + 400)); do
        post -d '{}' -H "Stripe-Signature: t=$old,v1=$(signed "$old")" "$URL"
        [ "$CODE" = 403 ]
        has answer 'too old'
    done
    ends
    listen --hmac key --hmac-style slack 0
    post -d '{}' -H "X-Slack-Request-Timestamp: $now" -H "X-Slack-Signature: v0=$(printf 'v0:%s:{}' "$now" | hmac sha256 key)" "$URL"
    [ "$CODE" = 200 ]
    post -d '{}' -H "X-Slack-Signature: v0=$(printf 'v0:%s:{}' "$now" | hmac sha256 key)" "$URL"
    [ "$CODE" = 403 ]
    ends
    listen --hmac "whsec_$(printf key | base64)" --hmac-style standard 0
    good=$(printf 'msg_1.%s.{}' "$now" | openssl dgst -sha256 -hmac key -binary | base64)
    post -d '{}' -H 'webhook-id: msg_1' -H "webhook-timestamp: $now" -H "webhook-signature: v1,AAAA v1,$good" "$URL"
    [ "$CODE" = 200 ]
    post -d '{}' -H 'webhook-id: msg_2' -H "webhook-timestamp: $now" -H "webhook-signature: v1,$good" "$URL"
    [ "$CODE" = 403 ]
}

@test "--rate: 429 and when to come back; others are not concerned" {
    listen --rate 2/h 0
    post -d '{}' "$URL"
    post -d '{}' "$URL"
    [ "$CODE" = 200 ]
    post -d '{}' "$URL"
    [ "$CODE" = 429 ]
    [[ $(tr -d '\r' <headers) =~ [Rr]etry-[Aa]fter:\ ([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -gt 1700 ]
    [ "${BASH_REMATCH[1]}" -le 1801 ]
    post -d '{}' --interface 127.0.0.2 "$URL"
    [ "$CODE" = 200 ]
    run pype-listen --rate 1/y 0
    [ "$status" = 2 ]
}

@test "pages of the web: only those of --cors" {
    listen 0
    post -d '{}' -H 'Origin: https://evil.example' "$URL"
    [ "$CODE" = 403 ]
    ends
    listen --cors https://ours.example 0
    post -d '{}' -H 'Origin: https://evil.example' "$URL"
    [ "$CODE" = 403 ]
    post -d '{}' -H 'Origin: https://ours.example' "$URL"
    [ "$CODE" = 200 ]
    grep -qi '^access-control-allow-origin: https://ours.example' headers
    post -X OPTIONS -H 'Origin: https://ours.example' -H 'Access-Control-Request-Method: POST' "$URL"
    [ "$CODE" = 204 ]
    grep -qi '^access-control-allow-methods: POST, PUT' headers
}

@test "--verify-token answers the challenge of who knows it" {
    listen --verify-token t0ken http://0/hook
    post "$URL/hook?hub.mode=subscribe&hub.verify_token=t0ken&hub.challenge=1158%20201444"
    [ "$CODE $(cat answer)" = "200 1158 201444" ]
    post "$URL/hook?hub.mode=subscribe&hub.verify_token=t0k&hub.challenge=1"
    [ "$CODE" = 405 ]
}

@test "https with a certificate of ours" {
    listen --cert "$TLS/cert.pem" --key "$TLS/key.pem" https://0 http://0
    post --cacert "$TLS/cert.pem" -d '{"tls":true}' "https://127.0.0.1:$PORT"
    [ "$CODE" = 200 ]
    post -d '{"tls":false}' "http://127.0.0.1:${PORTS[1]}"
    [ "$CODE" = 200 ]
    [ "$(data)" = $'{"tls":true}\n{"tls":false}' ]
    post --cacert "$TLS/cert.pem" --tls-max 1.1 -d '{}' "https://127.0.0.1:$PORT"
    [[ $CODE == failed* ]]
    run pype-listen https://0
    [ "$status" = 2 ]
    run timeout 5 pype-listen --cert "$TLS/key.pem" https://0
    [ "$status" = 2 ]
}

# ---- ids ----

@test "--id: a request that comes again makes no events again" {
    listen --bare --id X-Id --id-window 3 0
    post -d '{"n":1}' -H 'X-Id: a' "$URL"
    [ "$(cat answer)" = '{"events":1}' ]
    post -d '{"n":2}' -H 'X-Id: a' "$URL"
    [ "$CODE $(cat answer)" = '200 {"events":0,"known":true}' ]
    for id in b c d; do post -d '{"n":3}' -H "X-Id: $id" "$URL"; done
    post -d '{"n":4}' -H 'X-Id: a' "$URL" # out of the window
    post -d '{"n":5}' "$URL" # without an id
    post -d '{"n":5}' "$URL"
    [ "$(cat out)" = $'{"n":1}\n{"n":3}\n{"n":3}\n{"n":3}\n{"n":4}\n{"n":5}\n{"n":5}' ]
    ends
    rm out
    listen --bare --id .event.id 0
    post -d '{"event":{"id":"x"},"n":1}' "$URL"
    post -d '{"n":2,"event":{"id":"x"}}' "$URL"
    post -d '{"event":{"id":"y"},"n":3}' "$URL"
    [ "$(grep -o '"n":.' out | tr -d '\n')" = '"n":1"n":3' ]
    run pype-listen --id .a --text 0
    [ "$status" = 2 ]
}

# ---- no room ----

# A reader that takes nothing: ./pipe is held open by descriptor 8.
stopped_reader() {
    mkfifo pipe
    exec 8<>pipe
}

@test "nobody reads: a request waits, then 503; what was answered with 200 arrives, and the rest when it is sent again" {
    stopped_reader
    start pype-listen --bare --hold 300ms --port-file ports 0 >pipe 2>err
    wait_for [ -s ports ]
    URL=http://127.0.0.1:$(cat ports)
    body='"'$(head -c 20000 /dev/zero | tr '\0' x)
    good=0
    for i in {1..40}; do
        post -d "$body$i\"" -H 'Content-Type: a/b' "$URL"
        [ "$CODE" = 200 ] || break
        good=$i
    done
    [ "$good" -gt 2 ]
    [ "$CODE" = 503 ]
    grep -qi '^retry-after: ' headers
    cat <&8 >got 3>&- &
    reader=$!
    post -d "${body}again\"" -H 'Content-Type: a/b' "$URL"
    [ "$CODE" = 200 ]
    exec 8<&-
    wait_for lines got $((good + 1))
    tr -d 'x"' <got | diff - <(seq "$good"; echo again)
    kill "$reader"
}

@test "nobody reads: TCP is not read any more, and nothing is lost" {
    stopped_reader
    start pype-listen --bare --port-file ports tcp://0 >pipe 2>err
    wait_for [ -s ports ]
    seq 1000000 >numbers
    start socat -u FILE:numbers "TCP:127.0.0.1:$(cat ports)"
    sender=$PID
    sleep 1
    alive "$sender"
    [ "$(awk '/VmHWM/ { print $2 }' "/proc/$(head -n 1 .started)/status")" -lt "${PYPE_SAN:+9}99999" ]
    exec 9<pipe 8<&-
    head -n 1000000 <&9 | cmp - numbers
}

@test "a reader that has gone: status 0" {
    start bash -c 'pype-listen --port-file ports 0 2>err | head -n 1 >out; echo ${PIPESTATUS[0]} >status'
    wait_for [ -s ports ]
    post -d '{}' "http://127.0.0.1:$(cat ports)"
    wait_for [ -s status ]
    [ "$(cat status)" = 0 ]
}

# ---- clients that should not be ----

@test "slow and silent clients are cut off" {
    listen --timeout 1s 0
    run client trickle "$PORT" 20
    [[ $output =~ cut\ off\ after\ ([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -le 15 ]
    run client half "$PORT"
    [ "$output" = "cut off" ]
    has err 'has not sent a whole request in time (--timeout)'
    post -d '{}' "$URL"
    [ "$CODE" = 200 ]
}

@test "a head without end" {
    listen 0
    run client heads "$PORT" 1000000
    [[ $output == "HTTP/1.1 4"* || $output == "cut off" ]]
    post -d '{}' "$URL"
    [ "$CODE" = 200 ]
}

@test "--max-clients: the next ones are told so, or closed" {
    listen --max-clients 3 0 tcp://0
    start "$PYTHON" "$FIXTURES/listen_client.py" crowd "$PORT" 3 >crowd
    crowd=$PID
    wait_for has crowd open
    wait_for eval 'post -d "{}" "$URL"; [ $CODE = 503 ]'
    grep -qi '^retry-after: ' headers
    run timeout 5 socat -u "TCP:127.0.0.1:${PORTS[1]}" -
    [ "$status" = 0 ]
    has err 'there are 3 connections (--max-clients)'
    kill "$crowd"
    wait_for eval 'post -d "{}" "$URL"; [ $CODE = 200 ]'
}

@test "SIGTERM: a request under way is answered, no other is taken" {
    listen 0
    mkfifo body
    start curl -s -m 20 -X POST -T body -o late -w '%{http_code}' "$URL" >code
    curl=$PID
    exec 7>body
    printf '{"late":' >&7
    sleep 0.5
    kill "$LISTEN"
    wait_for eval '! listening $PORT'
    printf 'true}' >&7
    exec 7>&-
    wait_gone "$curl"
    [ "$(cat code)" = 200 ]
    wait_gone "$LISTEN"
    wait "$LISTEN"
    [ "$(data)" = '{"late":true}' ]
}

# ---- lines over TCP and Unix sockets ----

@test "TCP: lines, whole ones, whatever they come in; the last may lack its newline" {
    listen --bare tcp://0
    { printf '{"a": 1}\r\n\n{"a"'; sleep 0.2; printf ':2}\n[3]'; } | to_tcp "$PORT"
    wait_for lines out 3
    [ "$(cat out)" = $'{"a":1}\n{"a":2}\n[3]' ]
    ends
}

@test "TCP: what is no JSON, or too long, is bad, and the rest goes on" {
    listen --bare --max-body 100 --dead-letter dead tcp://0
    { echo '{"a":1}'; echo '{"a" 2}'; head -c 1000 /dev/zero | tr '\0' x; echo; echo '{"a":3}'; printf '{"a":'; } | to_tcp "$PORT"
    wait_for has err 'expected'
    wait_for lines dead 2
    [ "$(cat out)" = $'{"a":1}\n{"a":3}' ]
    has err 'a message of 1000 bytes, over the limit (--max-body)'
    grep -qF '"text":"{\"a\" 2}"' dead
    grep -qF '"text":"{\"a\":"' dead
}

@test "TCP: a line that is begun and not ended is cut off" {
    listen --timeout 1s --text --bare --dead-letter dead tcp://0
    mkfifo slow
    start socat -u OPEN:slow "TCP:127.0.0.1:$PORT"
    exec 7>slow
    printf 'whole\nhalf' >&7
    wait_for has err 'the rest of a message has not come in time'
    exec 7>&-
    [ "$(cat out)" = '"whole"' ]
    grep -qF '"text":"half"' dead
}

@test "--text: lines are strings" {
    listen --bare --text --dead-letter dead tcp://0
    printf 'one "quoted"\r\n\xff\nthree' | to_tcp "$PORT"
    wait_for lines out 2
    [ "$(cat out)" = $'"one \\"quoted\\""\n"three"' ]
    grep -qF '"base64":"/w=="' dead
}

@test "many connections at once, each in its order" {
    listen --bare --max-clients 30 tcp://0
    for i in {1..20}; do seq -f "[$i,%g]" 500 | to_tcp "$PORT" 3>&- & done
    wait_for lines out 10000
    for i in {1..20}; do grep "^\[$i," out | diff - <(seq -f "[$i,%g]" 500); done
    jobs -p | xargs -r kill 2>/dev/null || true
}

@test "Unix sockets: mode, one that is left over, one that is in use" {
    listen --bare --mode 660 unix:socket unix-dgram:dsocket
    [ "$(stat -c %a socket dsocket | xargs)" = "660 660" ]
    echo '{"a":1}' | socat - UNIX-CONNECT:socket
    echo '{"b":1}' | socat - UNIX-SENDTO:dsocket
    wait_for lines out 2
    run timeout 5 pype-listen unix:socket
    [ "$status" = 1 ]
    [[ $output == *"cannot listen at 'unix:socket': address"*"in use"* || $output == *"in use"* ]]
    run timeout 5 pype-listen unix-dgram:dsocket
    [ "$status" = 1 ]
    kill -9 "$LISTEN"
    wait_gone "$LISTEN"
    [ -S socket ]
    listen --bare unix:socket unix-dgram:dsocket
    echo '{"a":2}' | socat - UNIX-CONNECT:socket
    wait_for lines out 3
    ends
    [ ! -e socket ]
    [ ! -e dsocket ]
}

@test "HTTP over a Unix socket; a socket that was given" {
    listen --bare http://unix:socket
    post --unix-socket socket -d '{"a":1}' http://x/
    [ "$CODE" = 200 ]
    ends
    start "$PYTHON" "$FIXTURES/listen_client.py" given pype-listen -v --bare fd:3 >>out 2>given
    wait_for has given listening
    post -d '{"given":true}' "http://127.0.0.1:$(head -n 1 given)"
    [ "$CODE" = 200 ]
    [ "$(cat out)" = $'{"a":1}\n{"given":true}' ]
    run timeout 5 pype-listen fd:77
    [ "$status" = 1 ]
}

# ---- datagrams ----

@test "UDP: a datagram is an event, or its lines are" {
    listen --bare udp://0
    printf '{"a":\n 1}\n' | socat -u - "UDP:127.0.0.1:$PORT"
    wait_for lines out 1
    [ "$(cat out)" = '{"a":1}' ]
    ends
    listen --bare --lines udp://0
    printf '1\n2\n\n3' | socat -u - "UDP:127.0.0.1:$PORT"
    wait_for lines out 4
    [ "$(tail -n 3 out | xargs)" = "1 2 3" ]
    printf 'x\n4' | socat -u - "UDP:127.0.0.1:$PORT"
    wait_for lines out 5
    has err 'not JSON'
}

@test "UDP: what the kernel drops is said" {
    stopped_reader
    start pype-listen --bare --text --receive-buffer 8k --port-file ports udp://0 >pipe 2>err
    wait_for [ -s ports ]
    "$PYTHON" - "$(cat ports)" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b"x" * 1000, ("127.0.0.1", int(sys.argv[1])))
END
    wait_for grep -qE 'the kernel has dropped [0-9]+ datagrams so far' err
    dropped=$(grep -oE 'dropped [0-9]+' err | tail -n 1 | grep -o '[0-9]*')
    exec 9<pipe 8<&-
    cat <&9 >got 3>&- &
    wait_for lines got $((3000 - dropped))
    kill "$(head -n 1 .started)"
    wait_gone "$(head -n 1 .started)"
    dropped=$(grep -oE 'dropped [0-9]+' err | tail -n 1 | grep -o '[0-9]*')
    [ "$(wc -l <got)" = $((3000 - dropped)) ]
}

@test "Unix datagrams: as large as they come, and senders wait" {
    listen --bare --text unix-dgram:socket
    "$PYTHON" - <<'END'
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000)
s.connect("socket")
s.send(b"x" * 150000)
for i in range(2000):
    s.send(b"%d" % i)
END
    wait_for lines out 2001
    [ "$(head -n 1 out | wc -c)" = 150003 ]
    diff <(tail -n +2 out | tr -d '"') <(seq 0 1999)
}

# ---- syslog ----

@test "--syslog: logger's messages, over UDP and TCP, in both formats, lines and counted" {
    listen --bare --syslog udp://0 tcp://0
    common=(-p auth.crit -t su --id=77 -n 127.0.0.1)
    logger "${common[@]}" -d -P "$PORT" --rfc5424=notq 'one  [x]'
    logger "${common[@]}" -d -P "$PORT" --rfc3164 'two: x'
    logger "${common[@]}" -T -P "${PORTS[1]}" --rfc5424=notq --msgid ID47 --sd-id zoo@123 --sd-param 'tiger="hung\"ry"' 'three'
    logger "${common[@]}" -T -P "${PORTS[1]}" --octet-count --rfc3164 $'four\nlines'
    wait_for lines out 4
    host=$(hostname)
    start='{"priority":34,"facility":"auth","severity":"crit","host":"'$host'","app":"su","procid":"77"'
    grep -qxF "$start"',"message":"one  [x]"}' out
    grep -qxF "$start"',"message":"two: x"}' out
    grep -qxF "$start"',"msgid":"ID47","structured":{"zoo@123":{"tiger":"hung\"ry"}},"message":"three"}' out
    grep -qF ',"message":"four' out
}

@test "--syslog: the examples of the RFCs, and what is not as they want it" {
    export TZ=Europe/Berlin
    listen --syslog udp://0
    while IFS='~' read -r message time data; do
        printf '%b' "$message" | socat -u - "UDP:127.0.0.1:$PORT"
        wait_for eval 'tail -n 1 out | grep -qF -- "$data"'
        tail -n 1 out | grep -qF "\"data\":$data}"
        [ "$time" = now ] || tail -n 1 out | grep -qF "\"time\":$time,"
    done <<'CASES'
<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \0357\0273\0277'su root' failed~1065910455.003~{"priority":34,"facility":"auth","severity":"crit","host":"mymachine.example.com","app":"su","msgid":"ID47","message":"'su root' failed"}
<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time~1061727255.000003~{"priority":165,"facility":"local4","severity":"notice","host":"192.0.2.1","app":"myproc","procid":"8710","message":"%% It's time"}
<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [a@1 iut="3" eventSource="App"][b@2 class="high"]~1065910455.003~{"priority":165,"facility":"local4","severity":"notice","host":"h","app":"evntslog","msgid":"ID47","structured":{"a@1":{"iut":"3","eventSource":"App"},"b@2":{"class":"high"}},"message":""}
<0>1 - - - - - -~now~{"priority":0,"facility":"kern","severity":"emerg","message":""}
<13>1 - h a - - [broken x] text~now~{"priority":13,"facility":"user","severity":"notice","host":"h","app":"a","message":"[broken x] text"}
<13>2026-11-25T10:00:00+01:00 h app[5]: text~1795597200~{"priority":13,"facility":"user","severity":"notice","host":"h","app":"app","procid":"5","message":"text"}
<13>only text~now~{"priority":13,"facility":"user","severity":"notice","message":"only text"}
<999>x~now~{"message":"<999>x"}
no priority~now~{"message":"no priority"}
<13>a\0377b~now~{"priority":13,"facility":"user","severity":"notice","message":"a�b","base64":"PDEzPmH/Yg=="}
CASES
    # A time without a year, in local time: the nearest.
    printf '<34>%s mymachine su: failed for lonvick on /dev/pts/8' "$(date -d '2 days ago 13:14:15' '+%b %e %T')" |
        socat -u - "UDP:127.0.0.1:$PORT"
    wait_for eval 'tail -n 1 out | grep -q lonvick'
    tail -n 1 out | grep -qF "\"time\":$(date -d '2 days ago 13:14:15' +%s),"
    tail -n 1 out | grep -qF '"host":"mymachine","app":"su","message":"failed for lonvick on /dev/pts/8"'
}

@test "--syslog: counted frames and lines in one stream, and one that is too long" {
    listen --bare --syslog --max-body 1k tcp://0
    {
        printf '9 <13>a\nb c<13>line\n7 <13>x\ny'
        printf '5000 '
        head -c 5000 /dev/zero | tr '\0' z
        printf '8 <13>last\n20 <13>cut'
    } | to_tcp "$PORT"
    wait_for has err 'ended in the middle of a message'
    grep -o '"message":".*"' out | diff - <(printf '%s\n' '"message":"a\nb c"' '"message":"line"' '"message":"x\ny"' '"message":"last"')
    has err 'a message of 5000 bytes'
}

@test "--syslog: rsyslogd forwards to it" {
    command -v rsyslogd >/dev/null || PATH=$PATH:/usr/sbin
    listen --bare --syslog tcp://0
    cat >rsyslog.conf <<END
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$PWD/log")
action(type="omfwd" target="127.0.0.1" port="$PORT" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
END
    start rsyslogd -n -i "$PWD/pid" -f "$PWD/rsyslog.conf" >rsyslog.log 2>&1
    wait_for [ -S log ]
    for i in {1..100}; do echo "<13>app[5]: message $i"; done | while read -r line; do
        printf %s "$line" | socat -u - "UNIX-SENDTO:log"
    done
    wait_for lines out 100
    diff <(grep -oE 'message [0-9]+' out) <(seq -f 'message %g' 100)
    [ "$(grep -c '"app":"app","procid":"5"' out)" = 100 ]
}

# ---- in a flow ----

# answered FILE: the numbers that were answered are in ./got; how many are there twice is in $TWICE.
answered() {
    tail -n +2 got | sort -n >arrived
    sort -n "$1" >sent
    comm -23 <(sort -u sent) <(sort -u arrived) >missing
    [ ! -s missing ]
    TWICE=$(uniq -d arrived | wc -l)
}

# crash ARGUMENT…: kills the source LISTEN_KILLS times while clients send.
crash() {
    local port
    port=$(free_port)
    rm -rf .pype got stop sent*
    stages "delivery: exact" 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<END
source: pype-listen $* http://$port
out: {run: "pype-csv -o got n=.data.n", from: source}
END
    run_flow
    wait_for listening "$port"
    start "$PYTHON" "$FIXTURES/listen_client.py" send "$port" 4 stop >numbers 2>failed
    local sender=$PID
    for ((i = 0; i < ${LISTEN_KILLS:-10}; i++)); do
        wait_for -20 lines numbers $((i * 50 + 50))
        sleep "0.0$((RANDOM % 10))"
        kill_stage p.source
    done
    wait_for -20 lines numbers $((i * 50 + 100))
    touch stop
    wait_gone "$sender" 30
    kill "$FLOW"
    flow_ends
    [ "$status" = 0 ]
    answered numbers
    echo "# ${LISTEN_KILLS:-10} kills: $(wc -l <numbers) answered, $TWICE of them twice; $(cat failed)" >&3
}

@test "exact: killed with -9 over and over, every event that was answered with 200 is there" {
    crash
}

@test "exact, with --id: … and there once" {
    crash --id X-Id
    [ "$TWICE" = 0 ]
}

@test "exact: one large event and many small ones, killed: none is dropped for the one before" {
    port=$(free_port)
    stages "delivery: exact" 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<END
source: pype-listen --bare http://$port
out: {run: "pype-jq -c .n", from: source}
END
    run_flow
    wait_for listening "$port"
    URL=http://127.0.0.1:$port
    head -c 300000 /dev/zero | tr '\0' x >filler
    for i in 1 2 3; do
        { printf '{"n":"large %s","x":"' $i; cat filler; printf '"}'; } >large
        post --data-binary @large "$URL"
        [ "$CODE" = 200 ]
        kill_stage p.source
        wait_for listening "$port"
        post -d "{\"n\":\"small $i\"}" "$URL"
        [ "$CODE" = 200 ]
    done
    wait_for lines flow.out 6
    [ "$(cut -c 1-8 flow.out | tr -d '"' | xargs)" = "large 1 small 1 large 2 small 2 large 3 small 3" ]
}

@test "sync: the answer comes when the event has been handled to its end" {
    port=$(free_port)
    cat >gate <<'END'
#!/usr/bin/python3
import os, sys, time
for line in sys.stdin:
    while not os.path.exists("go"):
        time.sleep(0.01)
    os.remove("go")
    sys.stdout.write(line)
    sys.stdout.flush()
END
    chmod +x gate
    stages "protocol: sync" <<END
source: pype-listen --bare --hold 1s --items . http://$port
gate: {run: ./gate, from: source, ack: lines}
out: {run: "pype-csv -o got n", from: gate}
END
    run_flow
    wait_for listening "$port"
    URL=http://127.0.0.1:$port
    start curl -s -o /dev/null -w '%{http_code}\n' -d '[{"n":1},{"n":2}]' "$URL" >code
    sleep 0.3
    [ ! -s code ]
    touch go
    sleep 0.3
    [ ! -s code ]
    touch go
    wait_for [ -s code ]
    [ "$(cat code)" = 200 ]
    [ "$(cat got)" = $'n\n1\n2' ]
    post -d '[{"n":3}]' "$URL"
    [ "$CODE" = 503 ] # it is under way all the same
    touch go
    wait_for lines got 4
}

@test "durable: what was answered is there although the runner is killed the next moment" {
    port=$(free_port)
    URL=http://127.0.0.1:$port
    for policy in interval always; do
        rm -rf .pype got
        stages "delivery: durable" "fsync: $policy" <<END
source: pype-listen --bare http://$port
out: {run: "pype-csv -o got n", from: source}
END
        for i in 1 2 3 4 5; do
            run_flow
            wait_for listening "$port"
            post -d "{\"n\":$i}" "$URL"
            [ "$CODE" = 200 ]
            kill -9 "$FLOW"
            wait_gone "$FLOW"
            wait_for eval '! listening $port'
        done
        run_flow
        wait_for lines got 6
        [ "$(cat got)" = "$(printf 'n\n'; seq 5)" ]
        kill "$FLOW"
        flow_ends
    done
}

@test "durable: nothing is answered while the journal does not have it; exact: no manager is needed" {
    for delivery in exact durable; do
        port=$(free_port)
        rm -rf .pype got code
        stages "delivery: $delivery" <<END
source: pype-listen --bare http://$port
out: {run: "pype-csv -o got n", from: source}
END
        run_flow
        wait_for listening "$port"
        post -d '{"n":1}' "http://127.0.0.1:$port"
        wait_for lines got 2
        manager=$(manager_of p.source)
        kill -STOP "$manager"
        start curl -s -m 20 -o /dev/null -w '%{http_code}\n' -d '{"n":2}' "http://127.0.0.1:$port" >code
        if [ $delivery = durable ]; then
            sleep 0.5
            [ ! -s code ]
            kill -CONT "$manager"
        fi
        wait_for [ -s code ]
        [ "$(cat code)" = 200 ]
        kill -CONT "$manager"
        wait_for lines got 3
        kill "$FLOW"
        flow_ends
    done
}

@test "exact and durable: the manager is killed, and every event that was answered with 200 is there once" {
    for delivery in exact durable; do
        port=$(free_port)
        rm -rf .pype got stop
        stages "delivery: $delivery" 'restart: {limit: 1000, min: 1ms, max: 5ms}' <<END
source: pype-listen --id X-Id http://$port
out: {run: "pype-csv -o got n=.data.n", from: source}
END
        run_flow
        wait_for listening "$port"
        start "$PYTHON" "$FIXTURES/listen_client.py" send "$port" 4 stop >numbers 2>failed
        sender=$PID
        for i in 1 2 3; do
            wait_for -20 lines numbers $((i * 200))
            kill_manager p.source
        done
        wait_for -20 lines numbers 1000
        touch stop
        wait_gone "$sender" 30
        kill "$FLOW"
        flow_ends
        answered numbers
        [ "$TWICE" = 0 ]
    done
}

@test "exact: a stage that is stuck: 503, and then what was answered with 200 is there; TCP waits" {
    port=$(free_port)
    cat >gate <<'END'
#!/usr/bin/python3
import os, sys, time
while not os.path.exists("go"):
    time.sleep(0.01)
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
END
    chmod +x gate
    stages "buffer: 64k" <<END
source: pype-listen --bare --hold 500ms --port-file ports http://$port tcp://0
gate: {run: ./gate, from: source, ack: lines}
out: {run: "pype-csv -o got n", from: gate}
END
    run_flow
    wait_for listening "$port"
    URL=http://127.0.0.1:$port
    filler=$(head -c 50000 /dev/zero | tr '\0' x)
    for i in {1..100}; do
        post -d "{\"n\":$i,\"x\":\"$filler\"}" "$URL"
        [ "$CODE" = 200 ] || break
    done
    [ "$CODE" = 503 ]
    [ "$i" -gt 2 ]
    start bash -c 'seq -f "{\"n\":%g,\"x\":\"tcp\"}" 100001 130000 >"/dev/tcp/127.0.0.1/$0"' "$(tail -n 1 ports)"
    touch go
    wait_for lines got $((30000 + i))
    grep -v 1..... got | counts /dev/stdin 1 $((i - 1))
    grep 1..... got | cmp - <(seq 100001 130000)
}

@test "sync: lines over TCP, one at a time" {
    port=$(free_port)
    stages "protocol: sync" <<END
source: pype-listen --bare tcp://$port
out: {run: "pype-csv -o got n", from: source}
END
    run_flow
    wait_for listening "$port"
    seq -f '{"n":%g}' 2000 | to_tcp "$port"
    wait_for lines got 2001
    counts got 1 2000
}

@test "IPv6" {
    listen --bare --meta --rate 1/h 'http://[::1]:0/x' 'udp://[::1]:0'
    post -d 1 "http://[::1]:$PORT/x"
    [ "$CODE" = 200 ]
    [[ $(cat out) == *'"peer":"[::1]:'*',"body":1}' ]]
    post -d 1 "http://[::1]:$PORT/x"
    [ "$CODE" = 429 ]
    printf 2 | socat -u - "UDP6:[::1]:${PORTS[1]}"
    wait_for lines out 2
    run pype-listen tcp://::1:80
    [ "$status" = 2 ]
}

@test "the memory does not grow with the stream" {
    [ -z "$PYPE_SAN" ] || skip "the sanitizers need more"
    start pype-listen --bare --port-file ports 0 tcp://0 >/dev/null 2>err
    wait_for [ -s ports ]
    mapfile -t PORTS <ports
    yes '{"a":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' | head -n 1000000 | to_tcp "${PORTS[1]}"
    head -c 900000 /dev/zero | tr '\0' 1 >large
    for _ in {1..20}; do post --data-binary @large -H 'Content-Type: a/b' "http://127.0.0.1:${PORTS[0]}"; done
    [ "$CODE" = 200 ]
    [ "$(awk '/VmHWM/ { print $2 }' "/proc/$PID/status")" -lt 32768 ]
}
