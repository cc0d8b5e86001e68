# pype-websocket against npm ws, Python's websockets and nginx, and against a server that breaks every rule (websocket_cases.py).

load lib
load flow

# Keys and certificates, once for all tests: our CA, and a server's for 127.0.0.1 and localhost.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    {
        local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
        openssl req -x509 "${key[@]}" -subj "/CN=our CA" -days 2 -keyout ca.key -out ca.pem
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >names
        openssl req "${key[@]}" -subj "/CN=server" -keyout server.key -out server.csr
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem -days 2
        cat server.key server.pem >both.pem
    } >openssl.log 2>&1
}

prepare() {
    TLS=$BATS_FILE_TMPDIR
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
}

# A server of npm ws that does what the path asks for; with "tls" also one with TLS.
server_up() {
    touch log
    start node "$FIXTURES/websocket_server.js" port log 2>server.err
    wait_for [ -s port ]
    URL=ws://127.0.0.1:$(cat port)
    [ "${1:-}" = tls ] || return 0
    start node "$FIXTURES/websocket_server.js" tls-port log "$TLS/server.key" "$TLS/server.pem" 2>server.err
    wait_for [ -s tls-port ]
    SECURE=wss://127.0.0.1:$(cat tls-port)
}

# ws ARGUMENT…: pype-websocket with a limit on its time; stdout in $output, stderr in $stderr, $status.
ws() {
    run_split timeout -s KILL 20 pype-websocket "$@"
}

# The data of the events of one name in $output, one a line.
data() {
    jq -c "select(.event == \"$1\").data" <<<"$output"
}

# logged N PATTERN: the server has written N lines like that.
logged() {
    [ "$(grep -c -- "$2" log)" -ge "$1" ]
}

# ---- the protocol ----

conforms() {
    run "$PYTHON" "$FIXTURES/websocket_cases.py" "$1"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *" cases, 0 failed" ]]
}

@test "frames: lengths, as short as they can be, up to the limit" {
    conforms lengths
}

@test "frames: control frames, reserved bits and opcodes, masks" {
    conforms control
}

@test "frames: fragments" {
    conforms fragments
}

@test "frames: UTF-8, also in pieces" {
    conforms utf8
}

@test "frames: every way to close" {
    conforms closing
}

@test "permessage-deflate: contexts, windows, fragments, bombs" {
    conforms deflate
}

@test "the handshake: only what is asked for is taken" {
    conforms handshake
}

# ---- events ----

@test "a connection, its messages and its end are events" {
    server_up
    ws --once --send '{"a": [1,  2]}' --send hello --send 'close 1000 done' "$URL/echo?key=secret"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    [ "$(data connected)" = '{"url":"'"$URL"'/echo?...","attempt":1}' ]
    [ "$(data message)" = $'{"a":[1,2]}\n"hello"' ]
    [[ $(data disconnected) == '{"code":1000,"reason":"done","error":"closed by the server with code 1000: done","ours":false,"messages":2,"last":'* ]]
    [ "$(jq -r .event <<<"$output" | tr '\n' ' ')" = "connected message message disconnected " ]
    [ "$(jq -s 'map(.time) | . == sort and (now - .[0] < 60)' <<<"$output")" = true ]
}

@test "--bare writes the messages alone" {
    server_up
    ws --once --bare --send '[1]' --send '"x"' --send 'close 1000' "$URL/echo"
    [ "$output" = $'[1]\n"x"' ]
}

@test "--format: JSON if it is, or always text, or nothing else than JSON" {
    server_up
    local sends=(--send '{"a":1}' --send '12' --send 'no {json' --send 'close 1000')
    ws --once "${sends[@]}" "$URL"
    [ "$(data message)" = $'{"a":1}\n12\n"no {json"' ]
    ws --once --format text "${sends[@]}" "$URL"
    [ "$(data message)" = $'"{\\"a\\":1}"\n"12"\n"no {json"' ]
    ws --once --format json --dead-letter dead "${sends[@]}" "$URL"
    [ "$status" = 1 ]
    [ "$(data message)" = $'{"a":1}\n12' ]
    [[ $stderr == *"error: a message is not JSON: "* ]]
    [ "$(jq -r .data.text dead)" = 'no {json' ]
}

@test "--binary: base64, or unpacked, or text; what cannot be is kept" {
    server_up
    ws --count 5 "$URL/binary"
    [ "$status" = 0 ]
    [ "$(data message | tail -n 2)" = $'"eyJwbGFpbiI6MX0="\n"/wA="' ]
    ws --count 1 --binary gzip --max-failures 1 "$URL/binary"
    [ "$(data message)" = '{"packed":"gzip"}' ]
    local option kind
    while read -r option kind; do
        ws --count 1 --binary "$option" --dead-letter "dead-$option" "$URL/binary"
        [ "$(data message)" = "{\"packed\":\"$kind\"}" ]
    done <<<$'gzip gzip\nzlib deflate\ndeflate deflateRaw'
    [ "$(wc -l <dead-deflate)" = 2 ]
    ws --count 1 --binary text --dead-letter dead "$URL/binary"
    [ "$(data message)" = '{"plain":1}' ]
    [ "$status" = 1 ]
    [[ $stderr == *"a binary message is not UTF-8"* ]]
}

@test "an event that would be over --max-line is bad; a message over --max-message closes the connection" {
    server_up
    local long
    long=$(printf '\\%.0s' {1..900})
    ws --once --max-line 1k --dead-letter dead --send "$long" --send 'close 1000' "$URL/echo"
    [ "$status" = 1 ]
    [ "$(data message)" = "" ]
    [ "$(jq -r .data.text dead)" = "$long" ]
    ws --once --max-message 100 --send "$long" "$URL/echo"
    [ "$status" = 1 ]
    [ "$(data disconnected | jq -c '[.code, .ours, .error]')" = '[1009,true,"the server sent a message over the limit"]' ]
    wait_for has log '"closed":1009'
}

# ---- what is said ----

@test "--send: in order, and again on every connection" {
    server_up
    echo second >text
    THIRD=third ws --count 6 --retry-min 1ms --retry-max 2ms --max-failures 0 --send first --send @text --send env:THIRD --send gone "$URL/echo"
    [ "$status" = 0 ]
    [ "$(data message | tr '\n' ' ')" = '"first" "second" "third" "first" "second" "third" ' ]
    [ "$(data connected | wc -l)" = 2 ]
    [ "$(data disconnected | jq .code | head -n 1)" = 1006 ]
}

@test "--expect: the next is sent when the answer is there; --ignore leaves answers out" {
    server_up
    ws --count 2 --expect .event=welcome --send '{"login":"secret"}' --expect .event=in --send '{"subscribe":"a"}' \
        --expect '"to":"a"' --send '{"subscribe":"b"}' --ignore .event=welcome --ignore .event=in "$URL/login"
    [ "$status" = 0 ]
    [ "$(data message)" = $'{"event":"subscribed","to":"a"}\n{"event":"subscribed","to":"b"}' ]
    [ "$(jq -r 'select(.got).got' log | tr '\n' ' ')" = '{"login":"secret"} {"subscribe":"a"} {"subscribe":"b"} ' ]
}

@test "--expect: what does not come in time is a failure" {
    server_up
    ws --max-failures 2 --retry-min 1ms --retry-max 2ms --expect-timeout 100ms --send '{"login":"wrong"}' --expect .event=in --send '{"subscribe":"a"}' "$URL/login"
    [ "$status" = 1 ]
    [[ $stderr == *"no message with '.event=in' for 100ms; given up after 2 failures in a row" ]]
    [ "$(data disconnected | jq -s -c 'map([.code, .ours])')" = '[[1000,true],[1000,true]]' ]
    run ! has log subscribe
}

@test "commands are run for each connection: what to send, the URL, the token" {
    server_up
    cat >count <<'END'
#!/bin/sh
echo x >>"$1"
wc -l <"$1"
END
    chmod +x count
    ws --count 2 --max-failures 0 --retry-min 1ms --retry-max 2ms --send-command 'echo "{\"n\":$(./count n)}"' --send gone \
        --bearer-command 'echo token$(./count t)' --url-command "echo $URL/echo?\$(./count u)"
    [ "$status" = 0 ]
    [ "$(data message)" = $'{"n":1}\n{"n":2}' ]
    [ "$(jq -r 'select(.asks) | .asks + " " + .headers.authorization' log)" = $'/echo?1 Bearer token1\n/echo?2 Bearer token2' ]
}

@test "a command that fails, or takes too long, is a failure" {
    server_up
    ws --once --url-command 'echo no key >&2; exit 3'
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [[ $stderr == *"--url-command: "*"no key"* ]]
    ws --once --url-command 'echo ftp://x'
    [[ $stderr == *"--url-command: neither ws nor wss" ]]
    ws --once --timeout 200ms --bearer-command 'sleep 20' "$URL"
    [ "$status" = 1 ]
    ws --once --send-command 'false' "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"--send-command: "* ]]
    [ "$(data disconnected | jq .code)" = 1000 ]
}

@test "headers, origin, subprotocols, user agent" {
    server_up
    ws --once --send 'close 1000' -H 'X-A: 1' --header 'Cookie: a=b' --origin https://here.example --protocol one --protocol two -A me "$URL/echo?q=ü"
    [ "$status" = 0 ]
    [ "$(data connected | jq -r .protocol)" = two ]
    jq -s -e '.[0].headers | .["x-a"] == "1" and .cookie == "a=b" and .origin == "https://here.example" and .["user-agent"] == "me"
        and .["sec-websocket-protocol"] == "one, two" and .["sec-websocket-version"] == "13"' log
    jq -s -e '.[0].asks == "/echo?q=%C3%BC"' log
    ws --once --protocol one "$URL"
    [ "$status" = 1 ]
    [[ $stderr == *"it chose none of the subprotocols" ]]
}

@test "who we are: --user, --bearer, ~/.netrc, the URL itself" {
    server_up
    ws --once "$URL/401"
    [ "$status" = 1 ]
    [[ $stderr == *"the server says 401 Unauthorized" ]]
    echo secret >token
    local port=${URL##*:}
    printf '# ours\nmachine other login x password y\nmachine 127.0.0.1\n login "n m" password "p\\"w"\n' >.netrc
    ws --once --send 'close 1000' --user me:pw "$URL/401"
    [ "$status" = 0 ]
    ws --once --send 'close 1000' --bearer @token "$URL/401"
    ws --once --send 'close 1000' --netrc "$URL/401"
    ws --once --send 'close 1000' "ws://a%40b:c@127.0.0.1:$port/401"
    [ "$(jq -r 'select(.asks).headers.authorization // empty' log | tail -n 4)" = "Basic $(printf me:pw | base64)
Bearer secret
Basic $(printf 'n m:p"w' | base64)
Basic $(printf a@b:c | base64)" ]
    run ! grep -rq 'c@127' <<<"$output$stderr"
}

@test "redirects are followed, and credentials stay with their host" {
    server_up
    ws --once --send 'close 1000' --user me:pw "$URL/redirect"
    [ "$status" = 0 ]
    jq -s -e '[.[] | select(.asks)] | .[1].asks == "/echo?redirected" and .[1].headers.authorization' log
    ws --once "$URL/loop"
    [ "$status" = 1 ]
    [[ $stderr == *"too many redirects"* ]]
    [ "$(grep -c '"asks":"/loop"' log)" = 11 ]
    ws --once --max-redirects 0 "$URL/redirect"
    [[ $stderr == *"the server says 302 Found" ]]
    ws --once "$URL/nowhere"
    [[ $stderr == *"redirected to a malformed URL"* ]]
    rm log
    ws --once --send 'close 1000' --user me:pw -H 'Cookie: a=b' "$URL/away?to=ws://localhost:$(cat port)/echo?far"
    [ "$status" = 0 ]
    jq -s -e '[.[] | select(.asks)] | .[0].headers.authorization and .[1].asks == "/echo?far" and
        .[1].headers.host[:10] == "localhost:" and (.[1].headers | has("authorization") or has("cookie") | not)' log
}

# ---- again ----

@test "nobody is there: it tries again, and gives up after --max-failures" {
    ws --max-failures 3 --retry-min 1ms --retry-max 2ms ws://127.0.0.1:1/
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$(grep -c 'next try in' <<<"$stderr")" = 2 ]
    [[ $stderr == *"cannot connect to 127.0.0.1 port 1: connection refused; given up after 3 failures in a row" ]]
    ws --once ws://nosuch.invalid/
    [ "$status" = 1 ]
    [[ $stderr == *"cannot find the host nosuch.invalid" ]]
}

@test "pauses are by chance, up to a bound that doubles; a good connection begins anew" {
    ws --max-failures 8 --retry-min 100ms --retry-max 400ms ws://127.0.0.1:1/
    sed -n 's/.*next try in \(.*\)ms$/\1/p' <<<"$stderr" >pauses
    [ "$(wc -l <pauses)" = 7 ]
    awk '{ bound = NR > 3 ? 400 : 100 * 2 ^ (NR - 1) } $1 > bound + 1 { print NR, $1; exit 1 }' pauses
    [ "$(sort -u pauses | wc -l)" -gt 1 ]
}

@test "a server that drops each connection after a while is connected to again and again" {
    server_up
    ws --count 12 --max-failures 2 --retry-reset 50ms --retry-min 1ms --retry-max 2ms "$URL/drop?ms=100"
    [ "$status" = 0 ]
    [ "$(data connected | wc -l)" = 12 ]
    [ "$(data disconnected | jq -s -c 'map(.code) | unique')" = '[1000,1001]' ]
    [ "$(data connected | jq -s 'map(select(.gap and .last)) | length')" = 11 ]
    ws --max-failures 3 --retry-reset 5s --retry-min 1ms --retry-max 2ms "$URL/drop?ms=20"
    [ "$status" = 1 ]
    [ "$(data disconnected | wc -l)" = 3 ]
    [[ $stderr == *"closed by the server with code 1001: dropped; given up after 3 failures in a row" ]]
}

@test "Retry-After is honoured, up to --retry-after-max" {
    server_up
    local before
    before=$(now_ms)
    ws --count 1 --retry-min 1ms --retry-max 2ms --send hello "$URL/503"
    [ "$status" = 0 ]
    [ $(($(now_ms) - before)) -ge 1000 ]
    [[ $stderr == *"the server says 503 Service Unavailable; next try in 1s" ]]
    [ "$(data connected | jq .attempt)" = 2 ]
    ws --max-failures 2 --retry-min 1ms --retry-max 2ms --retry-after-max 30ms "$URL/429/long"
    [ "$status" = 1 ]
    [[ $stderr == *"next try in 30ms"* ]]
}

@test "--fatal-codes: close codes and statuses after which it is pointless" {
    server_up
    ws --fatal-codes 1008,4001-4005 --send 'close 4003 key' "$URL/echo"
    [ "$status" = 2 ]
    [[ $stderr == *"error: "*"closed by the server with code 4003: key" ]]
    ws --fatal-codes 401,403 "$URL/401"
    [ "$status" = 2 ]
    ws --fatal-codes 4001-4005 --max-failures 1 --send 'close 4006' "$URL/echo"
    [ "$status" = 1 ]
    ws --fatal-codes 1006 --max-failures 1 ws://127.0.0.1:1/
    [ "$status" = 1 ]
}

@test "--once: the end of the connection is the end; 0 if the server closed it as one does" {
    server_up
    local code
    for code in 1000 1001; do
        ws --once --send "close $code" "$URL"
        [ "$status" = 0 ]
    done
    for code in 1011 4000; do
        ws --once --send "close $code" "$URL"
        [ "$status" = 1 ]
    done
    ws --once --send gone "$URL"
    [ "$status" = 1 ]
    [ "$(data disconnected | jq -c '[.code, .error]')" = '[1006,"the connection was closed without a word"]' ]
}

# ---- signs of life ----

@test "pings: one that answers stays, one that is mute is given up" {
    server_up
    start pype-websocket --ping 100ms --ping-timeout 10s "$URL/silent" >out 2>err
    wait_for logged 5 '"ping":true'
    [ "$(wc -l <out)" = 1 ]
    ws --once --ping 100ms --ping-timeout 200ms "$URL/silent?mute"
    [ "$status" = 1 ]
    [ "$(data disconnected | jq -c '[.code, .ours, .error]')" = '[1006,true,"no answer to a ping for 200ms"]' ]
}

@test "pings of the server are answered" {
    server_up
    start pype-websocket "$URL/silent?pings=20" >out
    wait_for logged 10 '"pong":true'
}

@test "--heartbeat: no message for that long, and it connects anew" {
    server_up
    ws --max-failures 2 --retry-min 1ms --retry-max 2ms --heartbeat 200ms "$URL/silent"
    [ "$status" = 1 ]
    [ "$(data disconnected | jq -s -c 'map([.ours, .error])')" = '[[true,"no message for 200ms"],[true,"no message for 200ms"]]' ]
}

@test "--heartbeat-send: a sign of life of the server's own; the answers are left out" {
    server_up
    start pype-websocket --heartbeat 2s --heartbeat-every 100ms --heartbeat-send '{"ping":1}' --ignore .pong=1 "$URL/login" >out 2>err
    wait_for logged 30 'got.*ping'
    [ "$(jq -c -r .event out | tr '\n' ' ')" = 'connected message ' ]
}

@test "a server that stalls in the handshake, or before TLS" {
    server_up
    ws --once --timeout 300ms "$URL/stall"
    [ "$status" = 1 ]
    [[ $stderr == *"timed out after 300ms while waiting for the answer" ]]
    ws --once --timeout 300ms "wss://127.0.0.1:$(nothing_said)/"
    [ "$status" = 1 ]
    [[ $stderr == *"timed out after 300ms while starting TLS" ]]
}

@test "the limits for the connection do not end it later" {
    server_up
    ws --count 3 --timeout 400ms --connect-timeout 300ms "$URL/numbers?ms=400"
    [ "$status" = 0 ]
    [ "$(data connected | wc -l)" = 1 ]
}

# A port on which connections are accepted, and nothing is ever said.
nothing_said() {
    "$PYTHON" -c '
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
kept = []
s.settimeout(20)
try:
    while True: kept.append(s.accept())
except OSError: pass' >silent-port 3>&- 4>&- &
    echo $! >>"$BATS_TEST_TMPDIR/.started"
    wait_for [ -s silent-port ]
    cat silent-port
}

# ---- TLS and proxies ----

@test "TLS: the certificate is checked; large messages that TLS cuts oddly come whole" {
    server_up tls
    ws --once "$SECURE"
    [ "$status" = 1 ]
    [[ $stderr == *"certificate not accepted: "* ]]
    ws --once --cacert "$TLS/ca.pem" --send 'close 1000' "$SECURE"
    [ "$status" = 0 ]
    ws --once --insecure --send 'close 1000' "$SECURE"
    [ "$status" = 0 ]
    ws --count 1 --cacert "$TLS/ca.pem" "$SECURE/big"
    [ "$(data message | wc -c)" = 1040003 ]
    ws --count 1 --cacert "$TLS/ca.pem" "$SECURE/big?deflate"
    [ "$(data connected | jq .compressed)" = true ]
    [ "$(data message | wc -c)" = 1040003 ]
    ws --once --cacert "$TLS/ca.pem" --tls-min 1.3 --pinned-key sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= "$SECURE"
    [ "$status" = 1 ]
    [[ $stderr == *"the server's key is not the one that is pinned" ]]
    ws --cacert nowhere.pem "$SECURE"
    [ "$status" = 2 ]
}

@test "TLS: large messages go out, too" {
    server_up tls
    head -c 1040000 /dev/zero | tr '\0' x >large
    ws --count 1 --cacert "$TLS/ca.pem" --send @large "$SECURE/echo"
    [ "$status" = 0 ]
    [ "$(data message | wc -c)" = 1040003 ]
    ws --count 1 --cacert "$TLS/ca.pem" --send @large "$SECURE/echo?deflate"
    [ "$(data message | wc -c)" = 1040003 ]
}

@test "nginx that offers HTTP/2 passes it on" {
    server_up
    start_nginx "$(free_port)" <<NGINX
        server {
            listen 127.0.0.1:@PORT@ ssl http2;
            ssl_certificate $TLS/server.pem;
            ssl_certificate_key $TLS/server.key;
            location / {
                proxy_pass http://127.0.0.1:$(cat port);
                proxy_http_version 1.1;
                proxy_set_header Upgrade \$http_upgrade;
                proxy_set_header Connection upgrade;
            }
        }
NGINX
    ws --count 1 --cacert "$TLS/ca.pem" --send hello "wss://127.0.0.1:$(sed -n 's/.*listen 127.0.0.1:\([0-9]*\).*/\1/p' nginx/nginx.conf)/echo"
    [ "$status" = 0 ]
    [ "$(data message)" = '"hello"' ]
}

@test "proxies: HTTP and HTTPS, for ws and wss, with a name; one that refuses" {
    server_up tls
    local proxy secure
    proxy=$(free_port)
    printf 'Port %s\nListen 127.0.0.1\nTimeout 20\nLogFile "%s"\nBasicAuth you pass\nConnectPort %s\nConnectPort %s\n' \
        "$proxy" "$PWD/proxy.log" "$(cat port)" "$(cat tls-port)" >proxy.conf
    start tinyproxy -d -c proxy.conf
    wait_for listening "$proxy"
    secure=$(free_port)
    printf 'foreground = yes\npid =\n[p]\naccept = 127.0.0.1:%s\nconnect = 127.0.0.1:%s\ncert = %s\n' "$secure" "$proxy" "$TLS/both.pem" >stunnel.conf
    start stunnel stunnel.conf 2>stunnel.err
    wait_for listening "$secure"
    ws --count 1 --send hi --proxy "http://you:pass@127.0.0.1:$proxy" "$URL/echo"
    [ "$(data message)" = '"hi"' ]
    has proxy.log "CONNECT 127.0.0.1:$(cat port)"
    ws --count 1 --cacert "$TLS/ca.pem" --proxy "http://you:pass@127.0.0.1:$proxy" "$SECURE/big"
    [ "$(data message | wc -c)" = 1040003 ]
    has proxy.log "CONNECT 127.0.0.1:$(cat tls-port)"
    ws --count 1 --cacert "$TLS/ca.pem" --proxy "https://you:pass@127.0.0.1:$secure" "$SECURE/big"
    [ "$(data message | wc -c)" = 1040003 ]
    https_proxy=you:pass@127.0.0.1:$proxy ws --count 1 --cacert "$TLS/ca.pem" --send env "$SECURE/echo"
    [ "$(data message)" = '"env"' ]
    ws --once --proxy "http://127.0.0.1:$proxy" "$URL/echo"
    [ "$status" = 1 ]
    [[ $stderr == *"the proxy refuses: response 407"* ]]
    ws --once --proxy "http://you:pass@127.0.0.1:$proxy" ws://127.0.0.1:1/
    [ "$status" = 1 ]
    [[ $stderr == *"the proxy refuses: response 403"* ]]
}

@test "another server: Python's websockets, with compression, both ways" {
    cat >server.py <<'END'
import asyncio, websockets
async def echo(ws):
    async for m in ws:
        if m == "bye": await ws.close(1000, "bye")
        else: await ws.send(m)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as s:
        open("port", "w").write(str(s.sockets[0].getsockname()[1]))
        await asyncio.Future()
asyncio.run(main())
END
    start "$PYTHON" server.py 2>server.err
    wait_for [ -s port ]
    "$PYTHON" -c 'print("".join(chr(c) for c in range(0x20, 0xd7ff)) * 5)' >large
    ws --once --format text --send short --send @large --send @large --send bye "ws://127.0.0.1:$(cat port)"
    [ "$status" = 0 ]
    [ "$(data connected | jq .compressed)" = true ]
    [ "$(data message | jq -r . | sed -n 2p | cmp - large)" = "" ]
    [ "$(data message | jq -r . | sed -n 3p | cmp - large)" = "" ]
    ws --once --no-compression --send bye "ws://127.0.0.1:$(cat port)"
    [ "$(data connected | jq .compressed)" = null ]
}

@test "--unix-socket, --resolve, --connect-to" {
    server_up
    start "$PYTHON" -c '
import socket, sys, threading
s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen()
c, _ = s.accept(); d = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def move(a, b):
    while x := a.recv(65536): b.sendall(x)
    b.shutdown(socket.SHUT_WR)
threading.Thread(target=move, args=(c, d)).start(); move(d, c)' "$(cat port)"
    wait_for [ -S sock ]
    ws --count 1 --send hi --unix-socket sock ws://name.example/echo
    [ "$(data message)" = '"hi"' ]
    ws --count 1 --send hi --resolve "name.example:$(cat port):127.0.0.1" "ws://name.example:$(cat port)/echo"
    [ "$(data message)" = '"hi"' ]
    ws --count 1 --send hi --connect-to "name.example:80:127.0.0.1:$(cat port)" ws://name.example/echo
    [ "$(data message)" = '"hi"' ]
    [ "$(jq -r 'select(.asks).headers.host' log)" = "name.example
name.example:$(cat port)
name.example" ]
}

# ---- standard input ----

@test "--stdin: each line is a message; --close-on-eof ends behind the last, and hears the answers" {
    server_up
    run_split timeout 20 pype-websocket --bare --stdin --close-on-eof "$URL/echo?quiet" < <(seq 20000)
    [ "$status" = 0 ]
    [ "$(seq 20000 | cmp - <(echo "$output"))" = "" ]
    wait_for has log '"closed":1000'
}

@test "--stdin: what is not gone when the connection ends goes out on the next" {
    server_up
    mkfifo in
    start sh -c "exec pype-websocket --stdin --retry-min 1ms --retry-max 2ms --max-failures 0 '$URL/echo' <in >out 2>err"
    exec 7>in
    echo one >&7
    wait_for has out '"data":"one"'
    kill_server
    echo two >&7
    echo three >&7
    start node "$FIXTURES/websocket_server.js" port2 log 2>server.err
    wait_for [ -s port2 ]
    # The same port as before, for which a name stands.
    start "$PYTHON" -c '
import socket, sys, threading
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
c, _ = s.accept(); d = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
def move(a, b):
    while x := a.recv(65536): b.sendall(x)
threading.Thread(target=move, args=(c, d)).start(); move(d, c)' "$(cat port)" "$(cat port2)"
    wait_for has out '"data":"three"'
    [ "$(jq -c 'select(.event == "message").data' out | tr '\n' ' ')" = '"one" "two" "three" ' ]
    exec 7>&-
}

kill_server() {
    local pid
    pid=$(head -n 1 "$BATS_TEST_TMPDIR/.started")
    kill -KILL "$pid"
    wait_gone "$pid"
    wait_for has err 'next try in'
}

@test "--stdin: a server that takes nothing stops the reading, and memory stays small" {
    server_up
    mkfifo in
    start sh -c "exec pype-websocket --stdin --ping 0 '$URL/deaf' <in >out 2>err"
    local source=$PID writer
    start sh -c 'yes "$(head -c 1000 /dev/zero | tr "\0" x)" | head -c 200000000 >in'
    writer=$PID
    wait_for [ -s out ]
    stands_still "$source" rchar
    alive "$writer"
    [ "$(memory_of "$source")" -lt "$([ "$PYPE_SAN" ] && echo 400000 || echo 40000)" ]
}

# memory_of PID: in KiB
memory_of() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# stands_still PID COUNTER: what the process has read has not grown for half a second.
stands_still() {
    local now before=
    for _ in {1..60}; do
        now=$(sed -n "s/^$2: //p" "/proc/$1/io")
        [ -z "$before" ] || [ "$now" != "$before" ] || return 0
        before=$now
        sleep 0.5
    done
    return 1
}

# ---- the reader ----

@test "a reader that stands still: the source stops reading, memory stays small, the server still hears from it; then all comes" {
    server_up
    mkfifo out
    start sh -c "exec pype-websocket --count 100000 '$URL/numbers?n=100000&pad=200' >out 2>err"
    local source=$PID
    exec 8<out
    wait_for has log '"open":1'
    stands_still "$source" rchar
    [ "$(memory_of "$source")" -lt "$([ "$PYPE_SAN" ] && echo 400000 || echo 40000)" ]
    wait_for -20 has log '"pong":true'
    jq -c 'select(.event == "message").data.i' <&8 >got
    seq 0 99999 | cmp - got
    exec 8<&-
}

@test "the same under a runner, where rings are between them" {
    server_up
    printf '%s\n' '#!/bin/sh' 'while [ ! -e go ]; do sleep 0.05; done' 'exec cat' >late
    chmod +x late
    stages 'delivery: exact' <<END
source: pype-websocket --count 50000 "$URL/numbers?n=50000&pad=200"
late: {run: ./late, from: source}
END
    run_flow
    wait_for has log '"open":1'
    wait_for -20 has log '"pong":true'
    touch go
    flow_ends 30
    [ "$status" = 0 ]
    [ ! -s flow.err ]
    jq -c 'select(.event == "message").data.i' flow.out >got
    seq 0 49999 | cmp - got
}

@test "the reader has gone: it ends with 0, without a word" {
    server_up
    run_split timeout 20 bash -c "set -o pipefail; pype-websocket '$URL/numbers?ms=1' | head -n 3"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
    [ "$stderr" = "" ]
}

# ---- the end ----

@test "SIGTERM: it says goodbye, and ends with 0, whatever it is doing" {
    server_up
    start pype-websocket "$URL/numbers?ms=5" >out 2>err
    wait_for has out '"i":3'
    kill -TERM "$PID"
    wait "$PID"
    wait_for has log '"closed":1001'
    [ "$(tail -n 1 out | jq -c '[.event, .data.code, .data.ours]')" = '["disconnected",1001,true]' ]
    # The connection is not there yet; the pause; a command.
    start pype-websocket "$URL/stall" 2>err
    wait_for has log /stall
    kill -TERM "$PID"
    wait "$PID"
    start pype-websocket --retry-min 20s --retry-max 20s ws://127.0.0.1:1 2>err
    wait_for has err 'next try in'
    kill -TERM "$PID"
    wait "$PID"
    start pype-websocket --url-command 'touch running; sleep 20' 2>err
    wait_for [ -e running ]
    kill -TERM "$PID"
    wait "$PID"
    # A server that does not answer the close.
    start pype-websocket "$URL/deaf" >out 2>err
    wait_for has out connected
    kill -TERM "$PID"
    wait "$PID"
}

# ---- kill -9 ----

grown() {
    [ "$(wc -l <flow.out)" -gt "$1" ]
}

@test "kill -9: of each connection what was handed over is whole and once, and the gap is told" {
    server_up
    local kills=${WEBSOCKET_KILLS:-15} i before
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'delivery: exact' <<END
source: pype-websocket --retry-min 1ms "$URL/numbers?quiet&ms=1&burst=20"
jq: {run: pype-jq -c ., from: source}
END
    run_flow
    wait_for lines flow.out 100
    for ((i = 0; i < kills; i++)); do
        before=$(pid_of p.source)
        sleep 0.0$((RANDOM % 10))
        kill -KILL "$before"
        wait_for happened p.source started $((i + 2))
        grown_by_connection $((i + 2))
    done
    kill -TERM "$FLOW"
    flow_ends 20
    jq -c 'select(.event == "message").data | [.c, .i]' flow.out | tr -d '[]' >got
    # Whatever the connection, its messages are 0, 1, 2 … without a hole, one time each.
    awk -F, '{ if ($2 != n[$1] + 0) { print "connection", $1, "message", $2, "not", n[$1] + 0; exit 1 } n[$1]++ }' got
    [ "$(wc -l <got)" -gt 1000 ]
    [ "$(jq -c 'select(.event == "connected" and .data.resumed and .data.last)' flow.out | wc -l)" = "$kills" ]
    [ "$(jq -c 'select(.event == "message").data.c' flow.out | uniq | uniq -d | wc -l)" = 0 ]
}

# The N-th connection has brought something.
grown_by_connection() {
    wait_for -20 eval "[ \$(grep -c '\"event\":\"connected\"' flow.out) -ge $1 ]"
    local now
    now=$(wc -l <flow.out)
    wait_for -20 grown "$now"
}

# The ring is full then, and what is written goes out in parts as there is room.
@test "kill -9: a reader that is slower than the server changes nothing" {
    server_up
    write_slow
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'delivery: exact' 'buffer: 64k' <<END
source: pype-websocket --retry-min 1ms "$URL/numbers?quiet&ms=1&burst=200"
slow: {run: ./slow, ack: lines, from: source}
END
    run_flow
    wait_for lines flow.out 100
    for ((i = 0; i < 6; i++)); do
        sleep 0.$((RANDOM % 5 + 3))
        kill -KILL "$(pid_of p.source)"
        wait_for happened p.source started $((i + 2))
    done
    sleep 0.5
    touch go
    kill -TERM "$FLOW"
    flow_ends 20
    jq -c 'if .event == "message" then .data | [.c, .i] elif .event == "connected" then [-1, 0] else empty end' flow.out |
        tr -d '[]' >got
    # A connection begins with its event, and its messages are 0, 1, 2 … without a hole, one time each.
    awk -F, '
        $1 == -1 { opened = 1; next }
        $2 == 0 && !opened { print "connection", $1, "without its event"; exit 1 }
        $2 != n[$1] + 0 { print "connection", $1, "message", $2, "not", n[$1] + 0; exit 1 }
        { n[$1]++; opened = 0 }' got
    [ "$(grep -c '^-1' got)" = 7 ]
}

@test "kill -9: --count goes on counting" {
    server_up
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'delivery: exact' <<END
source: pype-websocket --count 50 "$URL/numbers?ms=10"
jq: {run: pype-jq -c ., from: source}
END
    run_flow
    wait_for lines flow.out 20
    kill -KILL "$(pid_of p.source)"
    flow_ends 20
    [ "$status" = 0 ]
    [ "$(grep -c '"event":"message"' flow.out)" = 50 ]
}

# ---- mistakes ----

@test "what can be known to be wrong is known before anything is opened" {
    local wrong
    while read -r wrong; do
        eval "ws $wrong"
        [ "$status" = 2 ] || { echo "$wrong: $status"; false; }
        [[ $stderr == "pype-websocket: fatal: "* ]]
        eval "PYPE_CHECK=1 ws $wrong"
        [ "$status" = 2 ] || { echo "PYPE_CHECK=1 $wrong: $status"; false; }
    done <<'END'

ftp://x
ws://
ws://x:99999
ws://x --url-command y
ws://x --send
ws://x --expect ''
ws://x --expect .a[=1
ws://x --fatal-codes 10
ws://x --fatal-codes 4001-
ws://x --fatal-codes 4005-4001
ws://x --once --max-failures 2
ws://x --max-message 0
ws://x --max-message 20M
ws://x --retry-max 1ms
ws://x --heartbeat-every 1s
ws://x --close-on-eof
ws://x --protocol 'a b'
ws://x --name 'a b'
ws://x --bearer-command x --bearer y
ws://x -H 'Sec-WebSocket-Protocol: x'
ws://x -H 'Upgrade: h2c'
ws://x --format xml
END
    PYPE_CHECK=1 ws --send @nowhere --bearer @nowhere --expect .a=1 ws://x
    [ "$status" = 0 ]
}
