# How HTTP requests log in and behave (HTTP_OPTIONS and what goes with them), by way of pype-rest: against nginx, tinyproxy, and a
# server that gives out tokens and verifies signatures.

load lib
bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    {
        local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
        openssl req -x509 "${key[@]}" -subj "/CN=our CA" -days 2 -keyout ca.key -out ca.pem
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >names
        for name in server client; do
            openssl req "${key[@]}" -subj "/CN=$name" -keyout $name.key -out $name.csr
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out $name.pem -days 2
        done
        openssl pkey -in server.key -pubout -out server.pub
        printf 'sha256//' >server.pin
        openssl pkey -in server.key -pubout -outform der | openssl dgst -sha256 -binary | base64 >>server.pin
    } >openssl.log 2>&1
}

prepare() {
    TLS=$BATS_FILE_TMPDIR
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION
    export ID='my client' SECRET='p&s: ü' KEYS=AKIDEXAMPLE:wJalr/+EXAMPLE
}

auth_up() {
    start "$PYTHON" "$FIXTURES/auth_server.py" port log 2>server.err
    wait_for [ -s port ]
    PORT=$(cat port)
    URL=http://127.0.0.1:$PORT
}

# rest ARGUMENT…: pype-rest with a limit on its time; stdout in $output, stderr in $stderr, $status.
rest() {
    run_split timeout -s KILL 15 pype-rest --bare "$@"
}

# oauth TOKEN-PATH ARGUMENT…: rest with tokens from there.
oauth() {
    local path=$1
    shift
    rest --oauth2-token-url "$URL/token/$path" --oauth2-client env:ID --oauth2-secret env:SECRET "$@"
}

# count PATTERN: how many requests like that there were.
count() {
    grep -cE -- "$1" log || true
}

# ---- connections ----

@test "--digest" {
    auth_up
    printf 'me:pass:word\n' >login
    rest --once --digest --user @login "$URL/digest?a=b"
    [ "$output" = '"in"' ]
    rest --once --user @login "$URL/digest"
    [ "$status" = 1 ]
    rest --once --digest --user me:wrong "$URL/digest"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: '$URL/digest': status 401 (--user, --bearer or --header logs in)" ]
}

@test "--connect-to, --interface" {
    PORT=$(free_port)
    start_nginx "$PORT" <<<'server { listen 127.0.0.1:@PORT@; location / { return 200 "\"$host $remote_addr\""; } }'
    rest --once --connect-to "any.host:80:127.0.0.1:$PORT" http://any.host/
    [ "$output" = '"any.host 127.0.0.1"' ]
    rest --once --connect-to "::127.0.0.1:$PORT" http://other.host:99/
    [ "$output" = '"other.host 127.0.0.1"' ]
    rest --once --interface 127.0.0.9 "http://127.0.0.1:$PORT/"
    [ "$output" = '"127.0.0.1 127.0.0.9"' ]
    rest --once --interface if!nosuch "http://127.0.0.1:$PORT/"
    [ "$status" = 1 ]
    [[ $stderr == *"cannot connect from this interface"* ]]
}

tls_up() {
    SECURE=$(free_port) MUTUAL=$(free_port)
    start_nginx "$SECURE" <<NGINX
    ssl_certificate $TLS/server.pem;
    ssl_certificate_key $TLS/server.key;
    ssl_protocols TLSv1.2;
    server { listen 127.0.0.1:@PORT@ ssl http2; location / { return 200 '"\$server_protocol \$ssl_protocol"'; }
             location /token { proxy_pass $URL; } location /api { proxy_pass $URL; } }
    server { listen 127.0.0.1:$MUTUAL ssl; ssl_client_certificate $TLS/ca.pem; ssl_verify_client on; location / { proxy_pass $URL; } }
NGINX
}

@test "--pinned-key: the key that the server has, in a hash or a file, and none else" {
    URL=http://127.0.0.1:1
    tls_up
    pin=$(cat "$TLS/server.pin")
    other=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
    for keys in "$pin" "$other;$pin" "$TLS/server.pub"; do
        rest --once --cacert "$TLS/ca.pem" --pinned-key "$keys" "https://127.0.0.1:$SECURE/"
        [ "$output" = '"HTTP/2.0 TLSv1.2"' ]
    done
    for trust in "--cacert $TLS/ca.pem" --insecure; do
        # shellcheck disable=SC2086 # words
        rest --once $trust --pinned-key "$other" "https://127.0.0.1:$SECURE/"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [ "$stderr" = "pype-rest: error: 'https://127.0.0.1:$SECURE/': the server's key is not the one that is pinned" ]
    done
    rest --once --pinned-key "$PWD/none" "https://127.0.0.1:$SECURE/"
    [ "$status" = 2 ]
}

@test "--tls-min" {
    URL=http://127.0.0.1:1
    tls_up
    rest --once --cacert "$TLS/ca.pem" --tls-min 1.2 "https://127.0.0.1:$SECURE/"
    [ "$output" = '"HTTP/2.0 TLSv1.2"' ]
    rest --once --cacert "$TLS/ca.pem" --tls-min 1.3 "https://127.0.0.1:$SECURE/"
    [ "$status" = 1 ]
    [[ $stderr == *"TLS"* ]]
}

# ---- cookies ----

@test "--keep-cookies sends back what came, until the end; without it nothing is" {
    auth_up
    rest --every 10ms --count 3 --keep-cookies "$URL/cookie"
    [ "$output" = $'""\n"id=c00kie"\n"id=c00kie"' ]
    rest --every 10ms --count 2 "$URL/cookie"
    [ "$output" = $'""\n""' ]
}

@test "--cookies keeps them in a file of curl's format, which only its owner can read" {
    auth_up
    rest --once --cookies jar "$URL/cookie"
    [ "$output" = '""' ]
    [ "$(stat -c %a jar)" = 600 ]
    rest --once --cookies jar "$URL/cookie"
    [ "$output" = '"id=c00kie"' ]
    [ "$(curl -s -b jar "$URL/cookie")" = '"id=c00kie"' ]
    curl -s -c theirs "$URL/cookie" >/dev/null
    rest --once --cookies theirs "$URL/cookie"
    [ "$output" = '"id=c00kie"' ]
    # Not to another host.
    rest --once --cookies jar --resolve "other.host:$PORT:127.0.0.1" "http://other.host:$PORT/cookie"
    [ "$output" = '""' ]
    mkdir folder
    rest --once --cookies folder "$URL/cookie"
    [ "$status" = 1 ]
    start pype-rest --cookies jar "$URL/cookie" >/dev/null
    wait_for has log '/cookie 200 "id=c00kie"'
    rest --once --cookies jar "$URL/cookie"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: fatal: --cookies 'jar': another process has it" ]
}

@test "--cookies: killed with -9 at any moment, the file is whole" {
    auth_up
    for _ in $(seq "${PYPE_KILLS:-20}"); do
        pype-rest --every 1ms --cookies jar "$URL/cookie/new" >/dev/null 2>&1 3>&- &
        sleep "0.0$((RANDOM % 90 + 10))"
        kill -KILL $!
        wait $! || true
        [ ! -e jar ] || [[ $(cat jar) =~ ^'# Netscape HTTP Cookie File'$'\n'[^$'\n']+$'\t'id$'\t'[0-9.]+$ ]]
    done
    [ "$(count '/cookie/new 200 "id=')" -gt 0 ]
}

# ---- bearer tokens ----

@test "--bearer-file: read once, and again after a 401, when the request is repeated at once" {
    auth_up
    printf '  \n t0ken-1\r\n' >token
    curl -s "$URL/token/-/body" -d grant_type=client_credentials --data-urlencode "client_id=$ID" --data-urlencode "client_secret=$SECRET"
    start pype-rest --every 100ms --bare -v --bearer-file token "$URL/api" >out 2>err
    wait_for lines out 2
    # Nobody looks at it while it is good.
    echo other >token
    lines=$(wc -l <out)
    wait_for lines out $((lines + 2))
    [ "$(count '/api 401')" = 0 ]
    curl -s "$URL/revoke"
    echo t0ken-2 >token
    curl -s "$URL/token/-/body" -d grant_type=client_credentials --data-urlencode "client_id=$ID" --data-urlencode "client_secret=$SECRET"
    wait_for has out t0ken-2
    kill "$PID"
    wait "$PID"
    # A poll between the two commands may have failed.
    [ "$(count '/api 401')" -ge 1 ]
    has err "info: '$URL/api': status 401, asking again with another token"
}

@test "a second 401 is a failure, after two requests" {
    auth_up
    echo wrong >token
    rest --once --bearer-file token "$URL/api"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$stderr" = "pype-rest: error: '$URL/api': status 401 (--user, --bearer or --header logs in)" ]
    [ "$(count '/api 401')" = 2 ]
    # A token that is given for good is not tried twice.
    rest --once --bearer wrong "$URL/api"
    [ "$(count '/api 401')" = 3 ]
}

@test "--bearer-file: what is no token is a failure of the poll, and nothing is sent" {
    auth_up
    rest --once --bearer-file none "$URL/api/any"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: '$URL/api/any': no token from --bearer-file 'none': No such file or directory" ]
    printf ' \n' >empty
    printf 'to ken\nX: y' >words
    head -c 100000 /dev/zero | tr '\0' x >large
    printf 'tok\xc3\xa9n' >letters
    for file in empty words large letters; do
        rest --once --bearer-file $file "$URL/api/any"
        [ "$status" = 1 ]
        [[ $stderr == *"'$URL/api/any': no token from --bearer-file"* ]]
        [[ $stderr != *"to ken"* ]]
    done
    [ ! -s log ]
    # It may come yet.
    start pype-rest --every 20ms --retry-min 10ms --max-failures 0 --bare --bearer-file late "$URL/api/any" >out 2>err
    wait_for has err "no token from"
    echo now >late.new
    mv late.new late
    wait_for has out '{"token":"now"}'
}

@test "--bearer-command: run once for all URLs, again after a 401 and after --bearer-lifetime" {
    auth_up
    cat >command <<'COMMAND'
echo x >>runs
echo "run $(wc -l <runs)" >&2
echo "  token-$(wc -l <runs) "
COMMAND
    rest --every 20ms --count 3 -v --bearer-command 'sh command' "$URL/api/any" "$URL/api/any" "$URL/api/any"
    [ "$status" = 0 ]
    [ "$(sort -u <<<"$output")" = '{"token":"token-1"}' ]
    [ "$(wc -l <runs)" = 1 ]
    [[ $stderr == *"info: --bearer-command: run 1"* ]]
    rm runs
    rest --every 50ms --count 10 --bearer-lifetime 100ms --bearer-command 'sh command' "$URL/api/any"
    [ "$status" = 0 ]
    between 2 10 "$(wc -l <runs)"
    rm runs
    rest --once --bearer-command 'sh command' "$URL/api"
    [ "$status" = 1 ]
    [ "$(wc -l <runs)" = 2 ]
}

@test "--bearer-command: its failures are the poll's, with what it said; nothing of it is left" {
    auth_up
    while IFS='|' read -r command reason; do
        rest --once --bearer-timeout 300ms --bearer-command "$command" "$URL/api/any"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [ "$stderr" = "pype-rest: error: '$URL/api/any': no token from --bearer-command: $reason" ]
    done <<'CASES'
echo out; echo a >&2; echo why not >&2; exit 3|exit status 3: why not
exit 127|exit status 127
kill -9 $$|killed by signal 9
sleep 60|not over after 300ms
sleep 60 & echo $! >left; wait|not over after 300ms
true|it is empty
yes|more than 64k of output
CASES
    wait_gone "$(cat left)" 3
    # A process that it leaves in the background is no reason to wait, and does not stay.
    rest --once --bearer-command 'sleep 60 & echo $! >left; echo token' "$URL/api/any"
    [ "$output" = '{"token":"token"}' ]
    wait_gone "$(cat left)" 3
}

@test "SIGTERM while the command runs: 0, at once, and the command is gone" {
    auth_up
    start pype-rest --bearer-timeout 60s --bearer-command 'echo $$ >running; sleep 60; echo x' "$URL/api/any" >out 2>err
    wait_for [ -s running ]
    before=$(now_ms)
    kill "$PID"
    wait "$PID"
    between 0 2000 $(($(now_ms) - before))
    wait_gone "$(cat running)" 3
    [ ! -s err ]
}

# ---- OAuth 2 ----

@test "OAuth 2: a token by the client's credentials, in the header or in the body, with scope and the like" {
    auth_up
    oauth 100 --once "$URL/api"
    [ "$output" = '{"token":"t0ken-1"}' ]
    oauth 100/string --once "$URL/api"
    [ "$output" = '{"token":"t0ken-2"}' ]
    oauth -/body --once --oauth2-auth body "$URL/api"
    [ "$output" = '{"token":"t0ken-3"}' ]
    printf 'a=b&c' >value
    oauth '100/scope=read%20write/audience=u:1/x=a=b%26c/y=@z' --once --oauth2-scope 'read write' --oauth2-audience u:1 \
        --oauth2-param x=@value --oauth2-param y=@@z "$URL/api"
    [ "$output" = '{"token":"t0ken-4"}' ]
    [ "$(count ' /token/.* 200 client_credentials ')" = 4 ]
    oauth 100/scope=read --once "$URL/api"
    [ "$status" = 1 ]
    [[ $stderr == *"no token from '$URL/token/100/scope=read': status 400: invalid_scope" ]]
}

@test "OAuth 2: one token for all URLs, and one request for it at a time" {
    auth_up
    oauth 100/slow --every 50ms --count 3 "$URL/api?1" "$URL/api?2" "$URL/api?3" "$URL/api?4"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 12 ]
    [ "$(count ' /token/')" = 1 ]
    [ "$(count ' /api.* 401')" = 0 ]
}

@test "OAuth 2: a token is renewed before its time is over, by the refresh token if there is one" {
    auth_up
    # It is good for longer than it says: whoever waits for the 401 never asks again.
    oauth 0.2/long --every 50ms --count 12 "$URL/api"
    [ "$status" = 0 ]
    [ "$(count ' /api 401')" = 0 ]
    [ "$(count ' /token/.* 200 client_credentials ')" -ge 2 ]
    oauth 0.2/long/refresh --every 50ms --count 12 "$URL/api?refresh"
    [ "$status" = 0 ]
    [ "$(count '/refresh 200 client_credentials ')" = 1 ]
    [ "$(count '/refresh 200 refresh_token ')" -ge 1 ]
}

@test "OAuth 2: a refresh token that is used up leads back to the credentials" {
    auth_up
    oauth 0.1/long/refresh/once --every 50ms --count 12 -v "$URL/api"
    [ "$status" = 0 ]
    [ "$(count ' 200 refresh_token ')" -ge 1 ]
    [ "$(count ' 400 refresh_token ')" -ge 1 ]
    [ "$(count ' 200 client_credentials ')" -ge 2 ]
    [[ $stderr == *"info: '$URL/token/0.1/long/refresh/once': status 400 for the refresh token, asking with the client's credentials"* ]]
    run ! grep -v -e ' info: ' -e 'the poll before is not over' <<<"$stderr"
}

# all_have N: each of three URLs has been answered with the token of this number.
all_have() {
    local name
    for name in a b c; do
        grep -q "\"event\":\"$name\".*\"t0ken-$1\"" out || return 1
    done
}

@test "OAuth 2: after a 401 there is one new token, however many URLs were refused, and no failure" {
    auth_up
    start pype-rest --every 100ms --oauth2-token-url "$URL/token/100" --oauth2-client env:ID --oauth2-secret env:SECRET \
        "a=$URL/api?1" "b=$URL/api?2" "c=$URL/api?3" >out 2>err
    for number in 1 2 3; do
        wait_for all_have $number
        curl -s "$URL/revoke" >/dev/null
    done
    wait_for all_have 4
    kill "$PID"
    wait "$PID"
    run ! grep -v 'the poll before is not over' err
    [ "$(count ' /token/')" = 4 ]
    between 3 9 "$(count ' /api.* 401')"
}

@test "OAuth 2: a second 401 is a failure" {
    auth_up
    oauth 100 --once "$URL/status/401"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: '$URL/status/401': status 401 (--user, --bearer or --header logs in)" ]
    [ "$(count ' /status/401 ')" = 2 ]
    [ "$(count ' /token/')" = 2 ]
}

@test "OAuth 2: when no token can be had the poll fails, and says why" {
    auth_up
    while IFS='|' read -r path reason; do
        oauth "$path" --once "$URL/api"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [ "$stderr" = "pype-rest: error: '$URL/api': no token from '$URL/token/$path': $reason" ]
    done <<'CASES'
100/invalid|status 401: invalid_client: no such\x0aclient
100/echo|status 400: invalid_request
100/down|status 503: temporarily_unavailable
100/html|the answer is no JSON object
100/none|the answer has no access_token
100/mac|it is a token of type 'MAC', not a bearer token
CASES
    rest --once --oauth2-token-url http://127.0.0.1:1/ --oauth2-client x --oauth2-secret y "$URL/api"
    [ "$stderr" = "pype-rest: error: '$URL/api': no token from 'http://127.0.0.1:1/': cannot connect to 127.0.0.1 port 1: connection refused" ]
    oauth 100/slow --once --timeout 100ms "$URL/api"
    [[ $stderr == *"no token from '$URL/token/100/slow': timed out after 100ms while waiting for the answer" ]]
    rest --once --oauth2-token-url "$URL/to/$PORT" --oauth2-client x --oauth2-secret y "$URL/api"
    [[ $stderr == *"no token from '$URL/to/$PORT': status 302" ]]
    [ "$(count ' /api')" = 0 ]
    # The token's server says when to come back.
    run_split timeout 5 pype-rest --retry-min 10ms --retry-max 20ms --max-failures 2 --oauth2-token-url "$URL/token/1/down" \
        --oauth2-client x --oauth2-secret y "$URL/api"
    [[ $stderr == *"; next try in 2s"* ]]
}

@test "a token that cannot be renewed is used on until it is over" {
    auth_up
    cat >command <<'COMMAND'
[ ! -e done ] || { echo broken >&2; exit 1; }
echo once; touch done
COMMAND
    rest --every 200ms --count 8 --bearer-lifetime 10s --bearer-command 'sh command' "$URL/api/any"
    [ "$status" = 0 ]
    rm done
    start pype-rest --every 20ms --bare --max-failures 1 --bearer-lifetime 2s --bearer-command 'sh command' "$URL/api/any" >out 2>err
    wait_for has err "warning: no token from --bearer-command: exit status 1: broken; the token before is used on"
    wait "$PID" || [ $? = 1 ]
    has err "error: '$URL/api/any': no token from --bearer-command: exit status 1: broken"
    [ "$(sort -u out)" = '{"token":"once"}' ]
}

@test "tokens over TLS and HTTP/2, with a client certificate, through a proxy, and in front of nginx's auth_request" {
    auth_up
    tls_up
    common=(--once --cacert "$TLS/ca.pem" --oauth2-client env:ID --oauth2-secret env:SECRET)
    rest "${common[@]}" --oauth2-token-url "https://127.0.0.1:$SECURE/token/100" "https://127.0.0.1:$SECURE/api"
    [ "$output" = '{"token":"t0ken-1"}' ]
    rest "${common[@]}" --cert "$TLS/client.pem" --key "$TLS/client.key" --oauth2-token-url "https://127.0.0.1:$MUTUAL/token/100" \
        "https://127.0.0.1:$MUTUAL/api"
    [ "$output" = '{"token":"t0ken-2"}' ]
    rest "${common[@]}" --oauth2-token-url "https://127.0.0.1:$MUTUAL/token/100" "https://127.0.0.1:$SECURE/api"
    [[ $stderr == *"no token from 'https://127.0.0.1:$MUTUAL/token/100': status 400" ]]
    proxy=$(free_port)
    printf 'Port %s\nListen 127.0.0.1\nTimeout 5\nLogFile "%s"\n' "$proxy" "$PWD/proxy.log" >proxy.conf
    start tinyproxy -d -c proxy.conf
    wait_for listening "$proxy"
    oauth 100 --once --proxy "http://127.0.0.1:$proxy" "$URL/api"
    [ "$output" = '{"token":"t0ken-3"}' ]
    wait_for has proxy.log "POST $URL/token/100"
    wait_for has proxy.log "GET $URL/api"
    guarded=$(free_port)
    mkdir -p guarded && cd guarded
    start_nginx "$guarded" <<NGINX
    server { listen 127.0.0.1:@PORT@;
             location / { auth_request /check; return 200 '"behind"'; }
             location = /page { auth_request /check; try_files /page.json =404; }
             location = /check { internal; proxy_pass $URL/api; } }
NGINX
    echo '"behind"' >nginx/www/page.json
    oauth 100 --once "http://127.0.0.1:$guarded/page"
    [ "$output" = '"behind"' ]
    rest --once --bearer wrong "http://127.0.0.1:$guarded/page"
    [ "$status" = 1 ]
}

@test "a token is not sent on to another host" {
    auth_up
    first=$PORT
    mkdir second && cd second
    start "$PYTHON" "$FIXTURES/auth_server.py" port log
    wait_for [ -s port ]
    second=$(cat port)
    echo t0ken >token
    rest --once --bearer-file token "http://127.0.0.1:$first/to/$first"
    [ "$output" = '"Bearer t0ken"' ]
    rest --once --bearer-file token "http://127.0.0.1:$first/to/$second"
    [ "$output" = '""' ]
}

# ---- signatures ----

@test "AWS: requests that an independent implementation accepts" {
    auth_up
    export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=wJalr/+EXAMPLE
    # Path, then arguments.
    while IFS='|' read -r path arguments; do
        for service in s3 execute-api; do
            eval "rest --once --aws-sigv4 here/$service $arguments '$URL/aws/$service$path'"
            echo "$service $path $arguments: $stderr"
            [ "$output" = '{"token":null}' ]
            [ "$status" = 0 ]
        done
    done <<'CASES'
|
/|
/a/b.json|
?acl|
/?acl&b=2&a=1&c|
/?b=2&a=1&a=0&A=3|
/?t=12:00/13:00&e=a%3Db&p=a+b|
/?x=%C3%A9&y=%20%7e%2F|
/a%20b/%C3%A9/x:y@z=1,2;3!$&()*|
/./a/../b//c/|
/x?q=100%25&r=[1]|
/x#part|
/post|-d '{"a": 1}'
/put|-X PUT -d @/etc/hostname -H 'Content-Type: text/x;  charset=utf-8'
/post|-X POST
/head|-H 'X-Amz-Target:  a   b ' -H 'x-amz-acl: c' -H 'X-Other: d'
/host|-H 'Host: example.com'
/slow|--timeout 5s --no-compression
CASES
    run ! grep -E ' (403|500) ' log
}

@test "AWS: keys, session token and region, from options, files and the environment" {
    auth_up
    printf '%s\n' "$KEYS" >keys
    printf 'session//token==\n' >token
    rest --once --aws-sigv4 here/x --user @keys "$URL/aws/x/"
    [ "$output" = '{"token":null}' ]
    rest --once --aws-sigv4 here/x --user env:KEYS --aws-token @token "$URL/aws/x/"
    [ "$output" = '{"token":"session//token=="}' ]
    AWS_ACCESS_KEY_ID=${KEYS%:*} AWS_SECRET_ACCESS_KEY=${KEYS#*:} AWS_SESSION_TOKEN=session//token== AWS_REGION=here AWS_DEFAULT_REGION=no \
        rest --once --aws-sigv4 x "$URL/aws/x/"
    [ "$output" = '{"token":"session//token=="}' ]
    AWS_DEFAULT_REGION=here rest --once --aws-sigv4 x --user "$KEYS" "$URL/aws/x/"
    [ "$status" = 0 ]
    rest --once --aws-sigv4 there/x --user "$KEYS" "$URL/aws/x/"
    [ "$status" = 1 ]
    rest --once -v --aws-sigv4 here/x --user "${KEYS}x" "$URL/aws/x/"
    [ "$status" = 1 ]
    [[ $stderr == *"status 403: \"wrong signature for"* ]]
    [ "$(count ' 403 ')" = 2 ]
    rest --once --aws-sigv4 x --user "$KEYS" "$URL/aws/x/"
    [ "$status" = 2 ]
    [[ $stderr == *"no region"* ]]
    rest --once --aws-sigv4 here/x "$URL/aws/x/"
    [ "$status" = 2 ]
    [[ $stderr == *"has no keys"* ]]
    rest --once --aws-sigv4 here/x --user "$KEYS" "$URL/to/$PORT"
    [ "$status" = 1 ]
    [[ $stderr == *"status 302 (a signed request follows no redirect)" ]]
}

# ---- statuses ----

@test "--success, --retry-status, --fatal-status: which status is what" {
    auth_up
    while IFS='|' read -r code wanted arguments; do
        # shellcheck disable=SC2086 # words
        rest --count 1 --max-failures 2 --retry-min 1ms $arguments "$URL/status/$code"
        echo "$code $arguments: $status"
        [ "$status" = "$wanted" ]
        [ "$output" = "$([ "$wanted" != 0 ] || echo "{\"status\":$code}")" ]
        [ "$(count " /status/$code ")" = $((wanted == 1 ? 2 : 1)) ]
        if [ "$wanted" = 2 ]; then [[ $stderr == *"error: '$URL/status/$code': status $code"* ]]; fi
        : >log
    done <<'CASES'
200|0|
404|1|
500|1|
404|0|--success 200-299,404
404|0|--success 4xx
200|1|--success 201
404|2|--fatal-status 404
403|1|--fatal-status 404
503|2|--fatal-status 4xx,500-503
404|2|--retry-status 408,429,5xx
429|1|--retry-status 408,429,5xx
599|1|--retry-status 408,429,5xx
404|1|--retry-status 4xx --fatal-status 500
302|2|--retry-status 5xx
301|1|--success 200
CASES
}

@test "a fatal status ends it with 2, but polls under way come to their end" {
    auth_up
    rest --fatal-status 410 "$URL/status/200" "$URL/status/410"
    [ "$status" = 2 ]
    [ "$output" = '{"status":200}' ]
}

# ---- rates ----

# times PATH: the milliseconds of the requests for it, one a line.
times() {
    awk -v path="$1" '$3 == path { print $1 }' log
}

# most SPAN PATH…: how many requests for these came within any span of so many milliseconds.
most() {
    local span=$1
    shift
    for path; do times "$path"; done | sort -n | awk -v span="$span" '
        { t[NR] = $1; while (t[first + 1] <= $1 - span) first++; if (NR - first > most) most = NR - first }
        END { print most + 0 }'
}

@test "--rate: an even pace, also for several URLs of a host; --rate-burst, --rate-per" {
    auth_up
    before=$(now_ms)
    rest --every 1ms --count 5 --rate 20/s "$URL/status/200" "$URL/status/201"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 10 ]
    # Ten at a pace of 50 ms: nine pauses.
    between 440 10000 $(($(now_ms) - before))
    : >log
    before=$(now_ms)
    rest --every 1ms --count 8 --rate 10/s --rate-burst 5 "$URL/status/202"
    between 290 10000 $(($(now_ms) - before))
    mkdir second && cd second
    start "$PYTHON" "$FIXTURES/auth_server.py" port log
    wait_for [ -s port ]
    other=http://127.0.0.1:$(cat port)
    before=$(now_ms)
    rest --once --rate 1/s "$URL/status/203" "$other/status/203"
    between 0 900 $(($(now_ms) - before))
    before=$(now_ms)
    rest --once --rate 1/s --rate-per all "$URL/status/203" "$other/status/203"
    between 990 10000 $(($(now_ms) - before))
}

@test "--rate: SIGTERM ends it at once while requests wait for their turn" {
    auth_up
    start pype-rest --bare --rate 1/h "$URL/status/200" "$URL/status/201" >out
    wait_for lines out 1
    before=$(now_ms)
    kill "$PID"
    wait "$PID"
    between 0 2000 $(($(now_ms) - before))
    [ "$(count ' /status/')" = 1 ]
}

@test "a server's limit is heeded before it is exceeded" {
    auth_up
    for form in unix delta draft; do
        sleep 0.3 # the window before is over
        : >log
        rest --every 5ms --count 7 "$URL/limit/3/300/$form"
        [ "$status" = 0 ]
        [ "$(wc -l <<<"$output")" = 7 ]
        [ "$(count ' 429 ')" = 0 ]
        [[ $stderr == *"warning: '$URL/limit/3/300/$form': the server's limit is reached, waiting "* ]]
    done
    sleep 0.3
    rest --every 5ms --count 7 --retry-min 5ms --max-failures 0 --ignore-rate-limit "$URL/limit/3/300/delta"
    [ "$(count ' 429 ')" -gt 0 ]
}

@test "a limit that is said with a 429 is the pause after it, within --retry-after-max" {
    auth_up
    run_split timeout 10 pype-rest --every 5ms --max-failures 2 --retry-after-max 100ms "$URL/limit/0/60000/delta"
    [ "$status" = 1 ]
    [[ $stderr == *"status 429 (--every makes the pauses longer); next try in 100ms"* ]]
}

@test "a storm of 429 is weathered: ever longer pauses, and all answers in the end" {
    auth_up
    rest --every 1ms --count 3 --retry-min 5ms --retry-max 200ms --max-failures 30 "$URL/storm/12"
    [ "$status" = 0 ]
    [ "$output" = $'13\n14\n15' ]
    # 5, 10, 20, 40, 80, 160 ms and so on: no storm of ours.
    [ "$(most 100 /storm/12)" -le 9 ]
    [ "$(count ' /storm/12 429')" = 12 ]
}

# ---- secrets ----

@test "no secret is in a message, in --help, or in the arguments of a child" {
    auth_up
    printf 'v3rysecret\n' >secret
    export TOKEN=v3rysecret
    complaints=
    look() {
        if grep -q v3rysecret <<<"$output$stderr"; then complaints+="$*: $stderr"$'\n'; fi
    }
    for path in api status/500 to/1 "api?key=v3rysecret"; do
        for arguments in '--oauth2-client x --oauth2-secret @secret' '--oauth2-client @secret --oauth2-secret env:TOKEN --oauth2-auth body' \
            '--oauth2-client x --oauth2-secret y --oauth2-param z=@secret --oauth2-scope s'; do
            # shellcheck disable=SC2086 # words
            rest --once -vv $arguments --oauth2-token-url "http://v3rysecret:v3rysecret@127.0.0.1:$PORT/token/1?x=v3rysecret" "$URL/$path"
            look "$arguments"
        done
        for arguments in '--bearer-file secret' '--bearer @secret' '--aws-sigv4 here/x --user env:LOGIN --aws-token @secret' \
            '--digest --user env:LOGIN' '--keep-cookies -H @header'; do
            # shellcheck disable=SC2086 # words
            LOGIN=v3rysecret:v3rysecret rest --once -vv $arguments "$URL/$path"
            look "$arguments"
        done
        rest --once -vv --bearer-command 'tr "\0" " " </proc/$$/cmdline >>arguments; cat secret' "$URL/$path"
        look command
        rest --once -vv --bearer-command 'cat secret; echo; cat secret' "$URL/$path"
        look command
    done
    TOKEN=v3rysecret rest --oauth2-secret env:TOKEN --help
    look --help
    for arguments in '--aws-sigv4 here/x --user env:TOKEN' '--oauth2-token-url http://x --oauth2-client @secret --oauth2-param @secret' \
        '--header env:TOKEN' '--proxy @secret://x'; do
        # shellcheck disable=SC2086 # words
        rest $arguments "$URL/api"
        look "$arguments"
    done
    echo "$complaints"
    [ "$complaints" = "" ]
    [ -s arguments ]
    run ! has arguments v3rysecret
}

# ---- options ----

@test "mistakes in the options: status 2, nothing is asked or opened" {
    auth_up
    while read -r arguments; do
        for check in "" 1; do
            eval "PYPE_CHECK=$check rest $arguments $URL/api"
            [ "$status" = 2 ] || { echo "$check $arguments: $status $stderr"; false; }
            [ "$output" = "" ]
            [ "$stderr" ]
        done
    done <<'CASES'
--digest
--connect-to a:1:b
--connect-to a:1:b:2:3
--interface ''
--pinned-key sha256//short
--pinned-key sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,
--tls-min 1.1
--bearer x --bearer-file y
--bearer-file x --bearer-command y
--bearer-command x --oauth2-token-url http://x --oauth2-client y
--user a:b --bearer-file y
--aws-sigv4 a/b --bearer-file y
--bearer-lifetime 5m
--bearer-timeout 0 --bearer-command x
--bearer-command ''
--oauth2-token-url http://x
--oauth2-client x
--oauth2-scope x
--oauth2-token-url ftp://x --oauth2-client y
--oauth2-token-url http://x --oauth2-client y --oauth2-param z
--oauth2-token-url http://x --oauth2-client y --oauth2-auth form
--aws-sigv4 /x
--aws-sigv4 a/
--aws-sigv4 a/b/c
--aws-sigv4 ''
--aws-sigv4 'eu west/s3'
--aws-sigv4 a/b --user nocolon
--aws-sigv4 a/b --user a:b --digest
--aws-token x
--bearer-file x -H 'authorization: y'
--aws-sigv4 a/b --user a:b -H 'X-Amz-Date: y'
--rate 10
--rate 0/s
--rate 10/sec
--rate-burst 0
--rate-burst 5
--rate-per all
--success 2
--success 200-
--success 299-200
--success 600
--success 200,,201
--retry-status 200
--fatal-status 2xx
--retry-status 4xx --fatal-status 404
CASES
    [ ! -s log ]
}

@test "PYPE_CHECK=1: a good command line is 0; no file, server, command or key is looked for" {
    export PYPE_CHECK=1
    common=(--cookies no/such/jar --rate 10/s --rate-burst 5 --rate-per all --success 200,404 --retry-status 5xx --fatal-status 410
        --connect-to a:1:b:2 --interface eth9 --tls-min 1.3 http://127.0.0.1:1/)
    rest --bearer-file none --bearer-lifetime 5m --pinned-key none "${common[@]}"
    [ "$status$output$stderr" = 0 ]
    rest --bearer-command 'touch ran' --bearer-timeout 5s "${common[@]}"
    [ "$status$output$stderr" = 0 ]
    rest --oauth2-token-url http://127.0.0.1:1/ --oauth2-client @none --oauth2-secret env:NONE --oauth2-param a=@none --keep-cookies "${common[@]}"
    [ "$status$output$stderr" = 0 ]
    rest --aws-sigv4 s3 "${common[@]}"
    [ "$status$output$stderr" = 0 ]
    rest --aws-sigv4 here/s3 --user @none --aws-token @none "${common[@]}"
    [ "$status$output$stderr" = 0 ]
    [ "$(ls -I 'separate-stderr-*')" = "" ] # those are bats'
}
