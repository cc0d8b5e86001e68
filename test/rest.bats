# pype-rest against real servers (nginx, tinyproxy), and against one that does what they never would.

load lib
bats_require_minimum_version 1.5.0

# Keys and certificates, once for all tests: our CA, a server's for 127.0.0.1 and localhost, a client's, and one that is over.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    {
        local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
        openssl req -x509 "${key[@]}" -subj "/CN=our CA" -days 2 -keyout ca.key -out ca.pem
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >names
        for name in server client old; do
            openssl req "${key[@]}" -subj "/CN=$name" -keyout $name.key -out $name.csr
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out $name.pem \
                -days "$([ $name = old ] && echo 0 || echo 2)"
        done
    } >openssl.log 2>&1
}

prepare() {
    TLS=$BATS_FILE_TMPDIR
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
}

# An nginx with what most tests want; more servers come from stdin.
nginx_up() {
    PORT=$(free_port)
    URL=http://127.0.0.1:$PORT
    mkdir -p nginx/www
    printf 'me:%s\n' "$(openssl passwd -apr1 secret)" >nginx/users
    {
        cat <<'NGINX'
        log_format asked escape=none '$msec $request_method $request_uri';
        log_format whole escape=none '$request_method|$http_user_agent|$http_accept|$http_accept_encoding|$http_content_type|$http_x_a|$http_x_b|$request_body';
        access_log @DIR@/asked asked;
        server {
            listen 127.0.0.1:@PORT@;
            listen unix:@DIR@/socket;
            location / { return 404; }
            location = /ok { return 200 '{"a": [1,\n 2], "s": " x  y "}\n'; }
            location = /list { return 200 '{"data": {"list": [ {"id": 1}, {"id": 2}\n, {"id": 3} ]}, "n": 3}'; }
            location = /headers { add_header ETag '"v1"'; return 200 '1'; }
            location = /500 { return 500; }
            location = /204 { return 204; }
            location = /304 { return 304; }
            location = /html { default_type text/html; return 200 '<html>\n<p>hello</p>'; }
            location = /empty { return 200; }
            location = /429 { add_header Retry-After 1 always; return 429; }
            location = /429/long { add_header Retry-After 9999999999999999999999 always; return 429; }
            location = /redirect { return 302 /ok; }
            location = /there { return 301 http://127.0.0.1:1/; }
            location = /ftp { return 302 ftp://127.0.0.1/; }
            location = /loop { return 302 /loop; }
            location = /big.json { gzip on; gzip_types application/json; gzip_min_length 1; }
            location = /basic { auth_basic x; auth_basic_user_file @DIR@/users; try_files /ok.json =404; }
            location = /bearer { if ($http_authorization != "Bearer t0ken") { return 401; } return 200 '"in"'; }
            location = /echo { access_log @DIR@/whole whole; proxy_pass http://127.0.0.1:@PORT@/ok; }
            location = /key { if ($arg_key != "topsecret") { return 403 'no'; } return 200 '1'; }
        }
NGINX
        [ -t 0 ] || cat
    } | start_nginx "$PORT"
    echo '{"ok":true}' >nginx/www/ok.json
}

mock_up() {
    start "$PYTHON" "$FIXTURES/rest_server.py" port 2>server.err
    wait_for [ -s port ]
    MOCK=http://127.0.0.1:$(cat port)
}

# rest ARGUMENT…: pype-rest with a limit on its time; stdout in $output, stderr in $stderr, $status.
rest() {
    run_split timeout -s KILL 15 pype-rest "$@"
}

# The milliseconds between the requests in nginx's log, one a line.
gaps() {
    awk 'NR > 1 { printf "%d\n", ($1 - before) * 1000 + 0.5 } { before = $1 }' nginx/asked
}

# asked N [PATTERN]: nginx, which writes its log only after it has answered, has N requests in it (like that).
asked() {
    [ "$(grep -c -- "${2:-}" nginx/asked)" -ge "$1" ]
}

# ---- events ----

@test "an answer becomes an event in one line, its time is the Date of the answer" {
    nginx_up </dev/null
    rest --once "$URL/ok"
    [ "$status" = 0 ]
    [[ $output =~ ^'{"event":"data","time":'([0-9]+)',"data":{"a":[1,2],"s":" x  y "}}'$ ]]
    date=$(curl -sI "$URL/ok" | tr -d '\r' | sed -n 's/^Date: //p')
    between 0 3 $(($(date -d "$date" +%s) - BASH_REMATCH[1]))
    [ "$stderr" = "" ]
}

@test "the time is the server's, whatever it says; without a Date it is now" {
    mock_up
    rest --once "$MOCK/dated/Sun,_06_Nov_1994_08:49:37_GMT"
    [ "$output" = '{"event":"data","time":784111777,"data":1}' ]
    before=$(now_ms)
    rest --once "$MOCK/dated/nonsense"
    [[ $output =~ '"time":'([0-9]+)'.'([0-9]{3}) ]]
    between "$before" "$(now_ms)" "${BASH_REMATCH[1]}${BASH_REMATCH[2]}"
}

@test "--bare, --name, NAME=URL, \$PYPE_NAME" {
    nginx_up </dev/null
    rest --once --bare "$URL/ok"
    [ "$output" = '{"a":[1,2],"s":" x  y "}' ]
    rest --once --name price "$URL/ok"
    [[ $output == '{"event":"price",'* ]]
    PYPE_NAME=main.source rest --once --name price "quote=$URL/ok?a=b=c"
    [[ $output == '{"event":"quote","time":'*',"source":"main.source","data":{"a":[1,2]'* ]]
    rest --once --name 'a"b' "$URL/ok"
    [ "$status" = 2 ]
}

@test "--meta says where the data is from, without name and password" {
    nginx_up </dev/null
    rest --once --bare --meta "http://you:password@127.0.0.1:$PORT/headers?page=2"
    [[ $output == '{"url":"http://127.0.0.1:'"$PORT"'/headers?page=2","status":200,"type":"application/json","etag":"\"v1\"","attempt":1,"scheduled":'*',"duration":0.'*',"body":1}' ]]
    rest --once --bare --meta --items .data.list "$URL/list"
    [[ $(tail -n 1 <<<"$output") == '{"url":"'"$URL"'/list","status":200,"type":"application/json","attempt":1,'*',"body":{"id":3}}' ]]
}

@test "several URLs are asked at the same time, each at its own pace" {
    mock_up
    before=$(now_ms)
    rest --once --name x a="$MOCK/slow/0.4" "$MOCK/slow/0.4" c="$MOCK/slow/0.4"
    between 400 900 $(($(now_ms) - before))
    [ "$(grep -o '"event":"."' <<<"$output" | sort | tr -d '\n')" = '"event":"a""event":"c""event":"x"' ]
}

@test "204: no data, no event, no failure" {
    nginx_up </dev/null
    rest --once -v "$URL/204"
    [ "$status" = 0 ]
    [ "$output" = "" ]
    [[ $stderr == *"status 204, no data"* ]]
}

@test "a byte order mark before the body is no part of it" {
    mock_up
    rest --once --bare "$MOCK/answers/efbbbf7b7d"
    [ "$output" = '{}' ]
    rest --once --bare --items . "$MOCK/answers/efbbbf5b315d"
    [ "$output" = 1 ]
}

# ---- --items ----

@test "--items makes an event of each element" {
    nginx_up </dev/null
    for path in .data.list 'data.list[]' '.data["list"]'; do
        rest --once --bare --items "$path" "$URL/list"
        [ "$output" = $'{"id":1}\n{"id":2}\n{"id":3}' ]
    done
    rest --once --items .data.list "$URL/list"
    [ "$(cut -d, -f1 <<<"$output" | sort | uniq -c | xargs)" = '3 {event:data' ]
    [ "$(grep -o '"time":[0-9]*' <<<"$output" | sort -u | wc -l)" = 1 ]
}

@test "--items: a path that leads to no array is a failure; one that is none, status 2" {
    nginx_up </dev/null
    for path in .data .data.nope .n .; do
        rest --once --items "$path" "$URL/list"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [ "$stderr" = "pype-rest: error: '$URL/list': no array is at the path ('$path')" ]
    done
    rest --once --items '.a[' "$URL/list"
    [ "$status" = 2 ]
}

@test "--items: events come while the body does" {
    mock_up
    start pype-rest --bare --timeout 0 --items . "$MOCK/stall" >out
    wait_for lines out 2
    [ "$(cat out)" = $'{"a":1}\n{"a":2}' ]
    alive "$PID"
}

@test "--items: what came before the body broke are events, and it is a failure" {
    mock_up
    while IFS='|' read -r path events reason; do
        rest --once --bare --timeout 300ms --items "${path#* }" "$MOCK/${path% *}"
        [ "$status" = 1 ]
        [ "$(tr '\n' ' ' <<<"$output")" = "$events " ]
        [ "$stderr" = "pype-rest: error: '$MOCK/${path% *}': $reason" ]
    done <<'CASES'
half .a|1 2|the connection was closed in the middle of the body, after 2 elements
stall .|{"a":1} {"a":2}|timed out after 300ms while receiving the answer, 17 bytes of the body so far, after 2 elements
answers/5b312c325d78 .|1 2|the body is not JSON: something follows the value at byte 6, after 2 elements
answers/5b312c32 .|1|the body is not JSON: ends in the middle of a value at byte 5, after 1 elements
answers/5b31203c .|1|the body is not JSON: expected ',' or ']' at byte 4, after 1 elements
CASES
}

@test "--items: an element that is not JSON, or too long, is a bad event, and the others are events" {
    mock_up
    body='[1,{"a" 2},"'$(printf 'x%.0s' {1..200})'",{"b":3}]'
    hex=$(printf %s "$body" | od -An -v -tx1 | tr -d ' \n')
    rest --once --bare --items . --max-line 100 --dead-letter dead "$MOCK/answers/$hex"
    [ "$status" = 1 ]
    [ "$output" = $'1\n{"b":3}' ]
    [ "$(grep -c . <<<"$stderr")" = 2 ]
    [[ $stderr == *"element 2 is not JSON: expected ':' at byte 6"* ]]
    [[ $stderr == *"element 3 has 202 bytes, over the limit of 100 (--max-line)"* ]]
    [ "$(pype-jq -r .data.text dead 2>/dev/null || grep -o '"text":.*' dead)" != "" ]
    grep -qF '"text":"{\"a\" 2}"' dead
}

@test "--items: 200 MB in less than 16 MB, with a reader that is slow" {
    mock_up
    (
        /usr/bin/time -q -f %M -o peak pype-rest --once --bare --timeout 1s --items .data.list "$MOCK/array/1000000" 2>err
        echo $? >status
    ) | (
        sleep 1.5 # longer than --timeout: the pipe is full meanwhile, and that is not the server's fault
        cat
    ) >out
    [ "$(cat status)" = 0 ]
    [ ! -s err ]
    [ "$(wc -l <out)" = 1000000 ]
    [ "$(sort -u out | wc -l)" = 1 ]
    [ "$PYPE_SAN" ] || [ "$(cat peak)" -lt 16384 ]
}

# ---- requests ----

@test "method, headers, body: as asked for" {
    nginx_up </dev/null
    printf '{"q":\n"from a file"}\n' >query
    printf 'X-A: one\nX-B: two\n' >headers
    export BODY='{"q":"env"}'
    rest --once "$URL/echo"
    rest --once --data '{"q":1}' "$URL/echo"
    rest --once -d @query -H @headers "$URL/echo"
    rest --once -X PUT -d env:BODY -H 'x-a: 5' -H 'Content-Type: text/x' -H 'accept: */*' -A me "$URL/echo"
    rest --once -X GET -d x --no-compression "$URL/echo"
    rest --once -X POST "$URL/echo"
    [ "$status" = 0 ]
    accept='application/json, */*;q=0.5'
    agent=pype/$(pype-rest --version | cut -d ' ' -f 2)
    wait_for lines nginx/whole 7
    sed -i 's/|[a-z, ]*gzip[a-z, ]*|/|packed|/' nginx/whole
    diff nginx/whole - <<EXPECTED
GET|$agent|$accept|packed||||
POST|$agent|$accept|packed|application/json|||{"q":1}
POST|$agent|$accept|packed|application/json|one|two|{"q":
"from a file"}
PUT|me|*/*|packed|text/x|5||{"q":"env"}
GET|$agent|$accept||application/json|||x
POST|$agent|$accept|packed||||
EXPECTED
}

@test "a body of a megabyte is sent whole" {
    nginx_up <<<'client_body_buffer_size 2M;'
    head -c 1000000 /dev/zero | tr '\0' y >large
    rest --once -d @large "$URL/echo"
    [ "$status" = 0 ]
    wait_for lines nginx/whole 1
    grep -o 'y*$' nginx/whole | tr -d '\n' | cmp - large
}

@test "compressed answers are uncompressed, and the limit is for what comes out" {
    nginx_up </dev/null
    { printf '["'; head -c 300000 /dev/zero | tr '\0' x; printf '"]'; } >nginx/www/big.json
    rest --once --bare "$URL/big.json"
    [ "$output" = "$(cat nginx/www/big.json)" ]
    [ "$(curl -s -H 'Accept-Encoding: gzip' "$URL/big.json" | wc -c)" -lt 10000 ]
    rest --once --max-body 200k "$URL/big.json"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$stderr" = "pype-rest: error: '$URL/big.json': the body is over the limit of 200k (--max-body raises it, --items splits the body)" ]
    rest --once --max-body 200k --no-compression "$URL/big.json"
    [ "$status" = 1 ]
    [[ $stderr == *"over the limit of 200k"* ]]
    rest --once --max-body 0 "$URL/big.json"
    [ "$status" = 0 ]
}

@test "redirects are followed, up to a limit, and to HTTP only" {
    nginx_up </dev/null
    rest --once --bare "$URL/redirect"
    [ "$output" = '{"a":[1,2],"s":" x  y "}' ]
    while IFS='|' read -r arguments reason; do
        # shellcheck disable=SC2086 # words
        rest --once ${arguments#* } "$URL${arguments%% *}"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [ "$stderr" = "pype-rest: error: '$URL${arguments%% *}': ${reason//URL/$URL}" ]
    done <<'CASES'
/redirect --max-redirects 0|status 302 (--max-redirects follows redirects)
/loop --max-redirects 3|too many redirects (redirected to 'URL/loop') (--max-redirects raises the limit)
/there -v|cannot connect to 127.0.0.1 port 1: connection refused (redirected to 'http://127.0.0.1:1/')
/ftp -v|redirected to something other than HTTP
CASES
}

@test "basic authentication: --user, in the URL, --netrc; from a file or the environment" {
    nginx_up </dev/null
    rest --once --bare --user me:secret "$URL/basic"
    [ "$output" = '{"ok":true}' ]
    printf 'me:secret\n' >login
    rest --once --bare --user @login "$URL/basic"
    [ "$output" = '{"ok":true}' ]
    LOGIN=me:secret rest --once --bare --user env:LOGIN "$URL/basic"
    [ "$output" = '{"ok":true}' ]
    rest --once --bare "http://me:secret@127.0.0.1:$PORT/basic"
    [ "$output" = '{"ok":true}' ]
    printf 'machine 127.0.0.1 login me password secret\n' >.netrc
    rest --once --bare --netrc "$URL/basic"
    [ "$output" = '{"ok":true}' ]
    rest --once --user me:wrong "$URL/basic"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$stderr" = "pype-rest: error: '$URL/basic': status 401 (--user, --bearer or --header logs in)" ]
}

@test "--bearer sends a token" {
    nginx_up </dev/null
    printf 't0ken\n' >token
    rest --once --bare --bearer @token "$URL/bearer"
    [ "$output" = '"in"' ]
    rest --once --bare -H 'Authorization: Bearer t0ken' "$URL/bearer"
    [ "$output" = '"in"' ]
    rest --once --bearer t1ken "$URL/bearer"
    [ "$status" = 1 ]
}

@test "a URL may be in a file or the environment, and no message holds its secrets" {
    nginx_up </dev/null
    export KEYED="http://you:password@127.0.0.1:$PORT/key?key=topsecret"
    rest --once --bare env:KEYED
    [ "$output" = 1 ]
    echo "$KEYED" >url
    rest --once --bare @url
    [ "$output" = 1 ]
    rest --once -vv x="${KEYED}x"
    [ "$status" = 1 ]
    [[ $stderr == *"'$URL/key?...': status 403"* ]]
    [[ $stderr != *password* ]]
    [[ $stderr != *topsecret* ]]
    KEYED="gopher://password@x" rest --once env:KEYED
    [ "$status" = 2 ]
    [[ $stderr != *password* ]]
    rest --once env:NOT_SET
    [ "$status" = 2 ]
}

@test "--unix-socket and --resolve connect elsewhere" {
    nginx_up </dev/null
    rest --once --bare --unix-socket nginx/socket http://any.host/headers
    [ "$output" = 1 ]
    rest --once --unix-socket nginx/none http://any.host/headers
    [ "$status" = 1 ]
    [[ $stderr == *"cannot connect to "*": no such file or directory" ]]
    rest --once --bare --resolve "any.host:$PORT:127.0.0.1" "http://any.host:$PORT/headers"
    [ "$output" = 1 ]
}

@test "--proxy, \$http_proxy; a proxy that is gone, or refuses" {
    nginx_up </dev/null
    proxy=$(free_port)
    printf 'Port %s\nListen 127.0.0.1\nTimeout 5\nLogFile "%s"\nConnectPort 443\nBasicAuth you pass\n' "$proxy" "$PWD/proxy.log" >proxy.conf
    start tinyproxy -d -c proxy.conf
    wait_for listening "$proxy"
    rest --once --bare --proxy "http://you:pass@127.0.0.1:$proxy" "$URL/headers"
    [ "$output" = 1 ]
    has proxy.log "GET http://127.0.0.1:$PORT/headers"
    http_proxy=you:pass@127.0.0.1:$proxy rest --once --bare "$URL/ok?env"
    [ "$status" = 0 ]
    has proxy.log "/ok?env"
    http_proxy=you:pass@127.0.0.1:$proxy rest --once --bare --proxy '' "$URL/ok?direct"
    [ "$status" = 0 ]
    run ! has proxy.log "/ok?direct"
    rest --once --proxy "127.0.0.1:$proxy" "$URL/ok"
    [ "$status" = 1 ]
    [[ $stderr == *"status 407 (--proxy http://NAME:PASSWORD@HOST logs in at the proxy)" ]]
    rest --once --proxy "http://you:pass@127.0.0.1:$proxy" "https://127.0.0.1:$PORT/ok"
    [ "$status" = 1 ]
    [[ $stderr == *"the proxy refuses: response 403" ]]
    rest --once --proxy 127.0.0.1:1 "$URL/ok"
    [ "$status" = 1 ]
    [[ $stderr == *"cannot connect to 127.0.0.1 port 1: connection refused" ]]
    rest --once --proxy nosuch.invalid:1 "$URL/ok"
    [ "$status" = 1 ]
    [[ $stderr == *"cannot find the proxy nosuch.invalid" ]]
}

# ---- TLS ----

tls_up() {
    OTHER=$(free_port) MUTUAL=$(free_port)
    nginx_up <<NGINX
    ssl_certificate $TLS/server.pem;
    ssl_certificate_key $TLS/server.key;
    server { listen 127.0.0.1:$OTHER ssl; location / { return 200 '"tls"'; } }
    server { listen 127.0.0.1:$MUTUAL ssl; ssl_client_certificate $TLS/ca.pem; ssl_verify_client on; location / { return 200 '"\$ssl_client_s_dn"'; } }
NGINX
}

@test "a certificate is verified: --cacert, --insecure" {
    tls_up
    rest --once "https://127.0.0.1:$OTHER/x"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$stderr" = "pype-rest: error: 'https://127.0.0.1:$OTHER/x': certificate not accepted: unable to get local issuer certificate (--cacert FILE says whom to trust)" ]
    rest --once --bare --cacert "$TLS/ca.pem" "https://127.0.0.1:$OTHER/x"
    [ "$output" = '"tls"' ]
    rest --once --bare --insecure "https://127.0.0.1:$OTHER/x"
    [ "$output" = '"tls"' ]
    rest --once --cacert "$TLS/ca.pem" --resolve "other.name:$OTHER:127.0.0.1" "https://other.name:$OTHER/x"
    [ "$status" = 1 ]
    [[ $stderr == *"certificate not accepted: no alternative certificate subject name matches target host name 'other.name'" ]]
}

@test "a certificate that is over, and one that nobody signed" {
    old=$(free_port) own=$(free_port)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=own -days 2 -keyout own.key -out own.pem 2>/dev/null
    nginx_up <<NGINX
    server { listen 127.0.0.1:$old ssl; ssl_certificate $TLS/old.pem; ssl_certificate_key $TLS/old.key; }
    server { listen 127.0.0.1:$own ssl; ssl_certificate $PWD/own.pem; ssl_certificate_key $PWD/own.key; }
NGINX
    rest --once --cacert "$TLS/ca.pem" "https://127.0.0.1:$old/x"
    [ "$status" = 1 ]
    [[ $stderr == *"certificate not accepted: certificate has expired" ]]
    rest --once "https://127.0.0.1:$own/x"
    [ "$status" = 1 ]
    [[ $stderr == *"certificate not accepted: self-signed certificate"* ]]
}

@test "a client certificate: --cert, --key" {
    tls_up
    rest --once --bare --cacert "$TLS/ca.pem" --cert "$TLS/client.pem" --key "$TLS/client.key" "https://localhost:$MUTUAL/x"
    [ "$output" = '"CN=client"' ]
    cat "$TLS/client.pem" "$TLS/client.key" >both.pem
    rest --once --bare --cacert "$TLS/ca.pem" --cert both.pem "https://localhost:$MUTUAL/x"
    [ "$output" = '"CN=client"' ]
    rest --once --cacert "$TLS/ca.pem" "https://localhost:$MUTUAL/x"
    [ "$status" = 1 ]
    [[ $stderr == *"status 400"* ]]
}

@test "files of certificates that are missing or hold something else: status 2" {
    tls_up
    echo nonsense >bad.pem
    while read -r option file; do
        # shellcheck disable=SC2086 # words
        rest --every 20ms $option "$file" "https://127.0.0.1:$OTHER/x"
        [ "$status" = 2 ]
        [ "$output" = "" ]
        [[ $stderr == *"${file##* }"* ]]
    done <<CASES
--cacert $PWD/none.pem
--cacert $PWD/bad.pem
--cert $PWD/none.pem
CASES
    rest --every 20ms --insecure --cert bad.pem "https://127.0.0.1:$OTHER/x"
    [ "$status" = 2 ]
    [[ $stderr == *"cannot use the client certificate"* ]]
}

@test "no TLS where it is expected, and the other way round" {
    tls_up
    rest --once "https://127.0.0.1:$PORT/ok"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: 'https://127.0.0.1:$PORT/ok': no TLS connection: wrong version number" ]
    rest --once "http://127.0.0.1:$OTHER/ok"
    [ "$status" = 1 ]
    [[ $stderr == *"status 400"* ]]
}

# ---- failures ----

@test "each failure says what it is, is no event, and ends --once with 1" {
    mock_up
    nginx_up </dev/null
    while IFS='|' read -r url reason; do
        url=${url/MOCK/$MOCK} url=${url/URL/$URL}
        rest --once --timeout 250ms "$url"
        [ "$stderr" = "pype-rest: error: '$url': $reason" ]
        [ "$status" = 1 ]
        [ "$output" = "" ]
    done <<'CASES'
URL/500|status 500
URL/nothing|status 404
URL/304|status 304 (--max-redirects follows redirects)
URL/empty|the body is not JSON: empty at byte 1
URL/html|the body is not JSON: expected a value at byte 1, the server calls it 'text/html'
http://127.0.0.1:1/x|cannot connect to 127.0.0.1 port 1: connection refused
http://nosuch.invalid/x|cannot find the host nosuch.invalid
MOCK/silent|timed out after 250ms while waiting for the answer
MOCK/head-drip|timed out after 250ms while receiving the answer
MOCK/stall|timed out after 250ms while receiving the answer, 17 bytes of the body so far
MOCK/closed|the connection was closed without an answer
MOCK/reset|the connection broke: connection reset by peer
MOCK/half|the connection was closed in the middle of the body
MOCK/half-chunk|the connection was closed in the middle of the body
MOCK/bad-chunk|the answer is not HTTP: illegal or missing hexadecimal sequence in chunked-encoding
MOCK/bad-gzip|cannot uncompress the body: incorrect header check
MOCK/garbage|the answer is not HTTP
MOCK/binary|the answer is not HTTP
MOCK/headers|more than 256k of headers
MOCK/answers/7b2261223a317d7d|the body is not JSON: something follows the value at byte 8
CASES
}

@test "a body without end is cut off at the limit, in bounded memory" {
    mock_up
    for path in endless bomb; do
        rest --once --max-body 1M "$MOCK/$path"
        [ "$status" = 1 ]
        [ "$output" = "" ]
        [[ $stderr == *"the body is over the limit of 1M"* ]]
    done
    run -1 /usr/bin/time -q -f %M -o peak pype-rest --once "$MOCK/bomb"
    [[ $output == *"the body is over the limit of 16M"* ]]
    [ "$PYPE_SAN" ] || [ "$(cat peak)" -lt 65536 ]
}

@test "a connection that is not accepted: which limit, and while doing what" {
    "$PYTHON" - >full_port <<'PYTHON' &
import socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
clients = [socket.socket() for _ in range(3)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
time.sleep(5)
PYTHON
    echo $! >>"$BATS_TEST_TMPDIR/.started"
    wait_for [ -s full_port ]
    full=http://127.0.0.1:$(cat full_port)/
    rest --once --connect-timeout 200ms "$full"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: '$full': timed out after 200ms while connecting" ]
    mock_up
    rest --once --connect-timeout 200ms "https${MOCK#http}/silent"
    [ "$status" = 1 ]
    [[ $stderr == *": timed out after 200ms while starting TLS" ]]
    # A connection in time is not bound by it.
    rest --once --bare --connect-timeout 100ms "$MOCK/slow/0.3"
    [ "$status" = 0 ]
    [ "$output" = '{"slow":true}' ]
}

@test "a body that is not JSON is kept whole in the dead letters" {
    nginx_up </dev/null
    rest --once --dead-letter dead "$URL/html"
    [ "$status" = 1 ]
    grep -qF '"text":"<html>\n<p>hello</p>"' dead
    [ "$(wc -l <dead)" = 1 ]
    PYPE_DEAD_LETTER=other rest --every 10ms --max-failures 2 "$URL/html"
    [ "$(wc -l <other)" = 2 ]
}

@test "an event over --max-line is a bad event, and the polls go on" {
    nginx_up </dev/null
    rest --count 2 --every 10ms --max-line 20 --dead-letter dead "$URL/ok"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$(grep -c "'$URL/ok': event longer than 20 (--max-line)" <<<"$stderr")" = 2 ]
    [ "$(wc -l <dead)" = 2 ]
}

@test "-v shows the beginning of an error's body" {
    nginx_up </dev/null
    rest --once -v "$URL/key"
    [[ $stderr == *"info: '$URL/key': status 403: no"* ]]
}

# ---- time ----

@test "--max-failures: so many failures in a row, then 1 and the last reason" {
    mock_up
    rest --every 1s --retry-min 5ms --max-failures 3 "$MOCK/closed"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    [ "$(grep -c 'warning: .*; next try in [0-9]*ms$' <<<"$stderr")" = 2 ]
    [ "$(tail -n 1 <<<"$stderr")" = "pype-rest: error: '$MOCK/closed': the connection was closed without an answer; given up after 3 failures in a row" ]
    [ "$(grep -c . <<<"$stderr")" = 3 ]
}

@test "the default is ten failures; 0 is no limit; an answer begins the count anew" {
    mock_up
    rest --retry-min 1ms --retry-max 2ms "$MOCK/closed"
    [ "$status" = 1 ]
    [[ $stderr == *"after 10 failures in a row" ]]
    # Twice 500, once 200, and so on.
    rest --every 20ms --retry-min 1ms --max-failures 3 --count 4 --bare "$MOCK/flap"
    [ "$status" = 0 ]
    [ "$output" = $'3\n6\n9\n12' ]
    start pype-rest --retry-min 1ms --retry-max 2ms --max-failures 0 "$MOCK/closed" 2>err
    # The first ten are said, and the hundredth.
    wait_for lines err 11
    alive "$PID"
    kill "$PID"
    wait "$PID"
}

@test "a URL that is given up ends the program, but not the polls under way" {
    mock_up
    rest --once slow="$MOCK/slow/0.3" "$MOCK/closed"
    [ "$status" = 1 ]
    [[ $output == '{"event":"slow",'*'"slow":true}}' ]]
    rest --every 20ms --max-failures 3 "$MOCK/count" "$MOCK/closed"
    [ "$status" = 1 ]
    [[ $output == *'"data":1'* ]]
}

@test "pauses after failures double from --retry-min to --retry-max" {
    nginx_up </dev/null
    rest --retry-min 50ms --retry-max 200ms --max-failures 5 "$URL/500"
    [ "$status" = 1 ]
    wait_for asked 5
    mapfile -t gap < <(gaps)
    [ ${#gap[@]} = 4 ]
    between 49 250 "${gap[0]}"
    between 99 350 "${gap[@]:1}"
}

@test "the first try after a failure is not later than the next poll would be" {
    nginx_up </dev/null
    before=$(now_ms)
    rest --every 60ms --retry-min 10s --max-failures 2 "$URL/500"
    between 0 1000 $(($(now_ms) - before))
}

@test "Retry-After in seconds and as a date is obeyed, within --retry-after-max" {
    nginx_up <<NGINX
    server { listen 127.0.0.1:@PORT@; server_name dated; location / { add_header Retry-After "$(date -u -d '+2 seconds' '+%a, %d %b %Y %T GMT')" always; return 503; } }
NGINX
    timeout 10 pype-rest --every 10ms --max-failures 2 -H 'Host: dated' "$URL/dated" 2>dated 3>&- &
    dated=$!
    rest --every 10ms --max-failures 2 "$URL/429"
    [ "$status" = 1 ]
    [[ $stderr == *"status 429 (--every makes the pauses longer); next try in 1s"* ]]
    run ! wait $dated
    wait_for asked 2 /429
    grep /429 nginx/asked >asked
    between 1000 1800 "$(awk 'NR > 1 { print int(($1 - before) * 1000) } { before = $1 }' asked)"
    wait_for asked 2 /dated
    grep /dated nginx/asked >asked
    between 600 2500 "$(awk 'NR > 1 { print int(($1 - before) * 1000) } { before = $1 }' asked)"
    rest --every 10ms --max-failures 2 --retry-after-max 200ms "$URL/429/long"
    [[ $stderr == *"next try in 200ms"* ]]
}

@test "--every is a rate: no drift, however long an answer takes" {
    mock_up
    before=$(now_ms)
    rest --every 100ms --count 8 "$MOCK/slow/0.06"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    # The eighth begins after 700 ms. With pauses of 100 ms in between it would be 1120 ms.
    between 750 1050 $(($(now_ms) - before))
}

@test "after a failure that is over, the polls go on at their slots" {
    mock_up
    before=$(now_ms)
    # 500, 500, 200 at the first slot, and at the second again.
    rest --every 400ms --retry-min 5ms --count 2 --bare "$MOCK/flap"
    [ "$output" = $'3\n6' ]
    between 400 780 $(($(now_ms) - before))
}

@test "polls of a URL do not overlap, unless --overlap" {
    mock_up
    before=$(now_ms)
    rest --every 50ms --count 3 "$MOCK/slow/0.2"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 3 ]
    between 600 1100 $(($(now_ms) - before))
    [[ $stderr == *"warning: '$MOCK/slow/0.2': the poll before is not over, this one is left out"* ]]
    before=$(now_ms)
    rest --every 50ms --count 5 --overlap "$MOCK/slow/0.4"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 5 ]
    [ "$stderr" = "" ]
    between 600 1100 $(($(now_ms) - before))
}

@test "--cron polls at the slots of the clock" {
    nginx_up </dev/null
    rest --count 2 --cron '* * * * * *' "$URL/headers"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 2 ]
    wait_for asked 2
    while read -r time _; do
        between 0 250 $((10#${time#*.}))
    done <nginx/asked
    between 800 1200 "$(gaps)"
    rest --cron '* * *' "$URL/headers"
    [ "$status" = 2 ]
    rest --cron '@daily' --tz Nowhere/City "$URL/headers"
    [ "$status" = 2 ]
    [[ $stderr == *"Nowhere/City"* ]]
    start pype-rest --cron '0 0 1 1 *' --tz Europe/Berlin "$URL/far"
    wait_for test -d "/proc/$PID"
    sleep 0.1
    run ! has nginx/asked /far
    kill "$PID"
    wait "$PID"
}

@test "a connection is kept for the next poll, and its end is no failure" {
    nginx_up <<<'keepalive_timeout 0;'
    rest --every 20ms --count 3 "$URL/headers"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
    mock_up
    rest --every 50ms --count 3 "$MOCK/keep-alive"
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
}

# ---- ends ----

@test "SIGTERM and SIGINT end it with 0, at once, also in the middle of an answer or of a pause" {
    mock_up
    for path in silent stall closed count; do
        for signal in TERM INT; do
            # A shell starts what is in the background with SIGINT ignored.
            start env --default-signal=INT pype-rest --retry-min 20s --timeout 0 --bare --items . "$MOCK/$path" >out 2>err
            sleep 0.15
            alive "$PID"
            before=$(now_ms)
            kill -$signal "$PID"
            wait "$PID"
            between 0 500 $(($(now_ms) - before))
            case $path in stall) [ "$(wc -l <out)" = 2 ] ;; esac
        done
    done
}

@test "the reader of stdout is gone: 0, without a word, also while there is nothing to write" {
    mock_up
    before=$(now_ms)
    run_split bash -c 'timeout 5 pype-rest --every 1h "$1" | head -n 1; echo "${PIPESTATUS[0]}"' - "$MOCK/count"
    between 0 2000 $(($(now_ms) - before))
    [ "$(tail -n 1 <<<"$output")" = 0 ]
    [ "$stderr" = "" ]
    run_split bash -c 'timeout 5 pype-rest --once --items .data.list "$1" | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"' - "$MOCK/array/200000"
    [ "$output" = 0 ]
    [ "$stderr" = "" ]
}

@test "standard output that cannot be written ends it with 1" {
    mock_up
    run -1 bash -c 'timeout 5 pype-rest --once "$1" >/dev/full' - "$MOCK/count"
    [[ $output == *"cannot write to standard output: No space left on device" ]]
}

@test "an event is written when it comes, not when a block is full" {
    mock_up
    start pype-rest --every 20s "$MOCK/count" >out
    wait_for lines out 1
    alive "$PID"
}

# ---- options ----

@test "mistakes in the options: status 2, nothing is asked" {
    nginx_up </dev/null
    while read -r arguments; do
        eval "rest $arguments"
        [ "$status" = 2 ]
        [ "$output" = "" ]
        [ "$stderr" ]
        eval "PYPE_CHECK=1 rest $arguments"
        [ "$status" = 2 ]
        [ "$output" = "" ]
        [ "$stderr" ]
    done <<'CASES'
--once
--every 0 $URL/ok
--every often $URL/ok
--retry-min 0 $URL/ok
--retry-min 2s --retry-max 1s $URL/ok
--once --count 3 $URL/ok
--cron '61 * * * *' $URL/ok
--tz Europe/Berlin $URL/ok
--items 'a[' $URL/ok
--method 'GET /x' $URL/ok
--method HEAD $URL/ok
--header 'no header' $URL/ok
--header $'X: a\tb\rc' $URL/ok
--resolve nonsense $URL/ok
--proxy gopher://x $URL/ok
--user a:b --bearer c $URL/ok
--key k.pem $URL/ok
--insecure --cacert ca.pem $URL/ok
--timeout 1s --connect-timeout 2s $URL/ok
gopher://127.0.0.1/
http://
'http://a b/'
''
a=
$URL/ok ftp://127.0.0.1/
CASES
    [ ! -s nginx/asked ]
}

@test "PYPE_CHECK=1: a good command line is 0, and neither files nor servers are looked at" {
    export PYPE_CHECK=1
    rest --cron '*/5 * * * *' --tz Europe/Berlin --items '.a.b[]' -H @no-file -H 'X: y' --user env:NONE --bearer @none \
        --data @none --cacert none.pem --dead-letter no/such/dir --proxy @none x=http://127.0.0.1:1/ env:NONE
    [ "$status" = 2 ]
    [[ $stderr == *"exclude each other"* ]]
    rest --cron '*/5 * * * *' --tz Europe/Berlin --items '.a.b[]' -H @no-file -H 'X: y' --user env:NONE \
        --data @none --cacert none.pem --dead-letter no/such/dir --proxy @none x=http://127.0.0.1:1/ env:NONE
    [ "$status" = 0 ]
    [ "$output$stderr" = "" ]
    [ "$(ls -I 'separate-stderr-*')" = "" ] # those are bats'
}
