# pype-rest: killed at random, arrays larger than memory, many URLs, what is said about answers, recordings.
#
# PYPE_KILLS: how often a source is killed (15); PYPE_BYTES: how large the large array is (64M).

load lib
load flow
bats_require_minimum_version 1.5.0

prepare() {
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    KILLS=${PYPE_KILLS:-15}
}

# pages_up [RATE]: the API; what it was asked is in ./port.log.
pages_up() {
    start "$PYTHON" "$FIXTURES/pages_server.py" port "$@" 2>server.err
    wait_for [ -s port ]
    API=http://127.0.0.1:$(cat port)
}

rest() {
    run_split timeout -s KILL 20 pype-rest "$@"
}

asked() {
    [ "$(grep -cE -- "${2:-}" port.log)" = "$1" ]
}

# Figures, which bats shows.
table() {
    echo "# $*" >&3
}

# A flow of a source, killed KILLS times at random, until the file `out` has N lines or more.
kill_it() {
    local n=$1 i
    run_flow
    for ((i = 0; i < KILLS; i++)); do
        wait_for -20 runs p.source
        sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
        kill -9 "$(pid_of p.source)" 2>/dev/null || true
    done
    wait_for -60 lines out "$n"
    kill "$FLOW"
    flow_ends 20
}

# ---- kill -9 ----

@test "killed at random in the middle of pages: each element comes once, in order" {
    pages_up 2500
    n=$((KILLS * 400))
    stages 'delivery: exact' 'restart: {limit: 1000, within: 1h, min: 1ms, max: 5ms, reset: 1ms}' <<END
source: pype-rest --bare --every 1ms --retry-min 1ms --items .items --cursor .id '$API/since?after={cursor}&size=50&most=$n&break=7'
out: {run: "cat >>out", from: source}
END
    kill_it $n
    jq .id out | cmp - <(seq $n)
    table "$KILLS kills, $(grep -c . port.log) requests"
}

@test "killed at random with pages by token: each element of each poll comes once" {
    pages_up
    stages 'delivery: exact' 'restart: {limit: 1000, within: 1h, min: 1ms, max: 5ms, reset: 1ms}' <<END
source: pype-rest --bare --every 1ms --retry-min 1ms --items .items --next-token .meta.next '$API/token?after={token}'
out: {run: "cat >>out", from: source}
END
    kill_it $((KILLS * 200))
    # Whole polls, 1 to 10 each, and maybe a part of one.
    jq .id out | awk '$1 != (NR - 1) % 10 + 1 { print NR ": " $1; exit 1 }'
    table "$KILLS kills, $(wc -l <out) events"
}

@test "killed at random with --state and more URLs than a runner keeps: each element of each comes once" {
    pages_up 25
    n=$((KILLS * 3 + 20))
    for ((i = 0; i < 100; i++)); do
        echo "u$i=$API/since?after={cursor}&size=7&most=$n&url=$i"
    done >urls
    stages 'delivery: exact' 'restart: {limit: 1000, within: 1h, min: 1ms, max: 5ms, reset: 1ms}' <<END
source: pype-rest --every 1ms --parallel 8 --retry-min 1ms --items .items --cursor .id --state place --urls urls
out: {run: "pype-jq -r '.event + \" \" + (.data.id | tostring)' >>out", from: source}
END
    kill_it $((100 * n))
    # Of each URL all of it, in order, and nothing twice.
    awk '{ if ($2 != ++last[$1]) { print NR ": " $0; bad = 1; exit } } END { exit bad }' out
    [ "$(wc -l <out)" = $((100 * n)) ]
    run ! grep -q 'more than a runner keeps' flow.err
    table "$KILLS kills, 100 URLs, $(wc -l <out) events"
}

# An event that is more than a block is not to go out before the place that goes with it.
@test "killed at random with large events of several URLs: each comes once" {
    pages_up 40
    n=$((KILLS * 4))
    for i in 1 2 3 4; do
        echo "u$i=$API/since?after={cursor}&size=3&most=$n&big=90000&url=$i"
    done >urls
    stages 'delivery: exact' 'restart: {limit: 1000, within: 1h, min: 1ms, max: 5ms, reset: 1ms}' <<END
source: pype-rest --every 1ms --items .items --cursor .id --urls urls
out: {run: "pype-jq -r '.event + \" \" + (.data.id | tostring)' >>out", from: source}
END
    kill_it $((4 * n))
    awk '{ if ($2 != ++last[$1]) { print NR ": " $0; bad = 1; exit } } END { exit bad }' out
    [ "$(wc -l <out)" = $((4 * n)) ]
}

@test "more URLs than a runner keeps, without --state: that is said, and they are polled anew" {
    pages_up
    for ((i = 0; i < 100; i++)); do echo "$API/echo?url=$i"; done >urls
    stages 'delivery: exact' <<END
source: pype-rest --every 1h --urls urls
out: {run: "cat >>out", from: source}
END
    run_flow
    wait_for -20 lines out 100
    has flow.err '(--state FILE has room for them)'
    kill_stage p.source
    wait_for -20 lines out 200
    kill "$FLOW"
    flow_ends
}

@test "a cursor that is longer than a runner keeps" {
    pages_up
    stages 'delivery: exact' 'restart: {limit: 1, within: 1h, min: 1ms, max: 2ms}' <<END
source: pype-rest --every 1h --cursor '.url * 80' '$API/echo?this=is-a-long-url-that-becomes-a-longer-cursor'
out: {run: "cat >>out", from: source}
END
    run_flow
    wait_for has flow.err 'the cursor or the next page'
    kill "$FLOW" || true
    flow_ends || true
}

# ---- size ----

# PYPE_BYTES=2G is the whole of it.
@test "an array larger than memory, with the token of the next page behind it, in less than 16 MB" {
    pages_up
    bytes=$(numfmt --from=iec "${PYPE_BYTES:-64M}")
    [ -z "$PYPE_SAN" ] || bytes=$((bytes / 8))
    count=$((bytes / 994999 * 5000)) # a block of the server's
    timeout 600 /usr/bin/time -q -f '%M %e %U' -o figures pype-rest --once --bare --timeout 0 --items .items --cursor .id \
        --state place --next-token .next "$API/large?bytes=$bytes&after={token}" | awk 'END { print NR }' >out
    [ "$(cat out)" = $count ]
    table "$bytes bytes, $(cat out) elements: $(awk '{ print $1 " KB, " $2 " s" }' figures)"
    [ "$PYPE_SAN" ] || [ "$(awk '{ print $1 }' figures)" -lt 16384 ]
    [ "$(grep -c '"cursor":1234567' place)" = 1 ]
}

# ---- many URLs ----

# PYPE_URLS=1000 is what the manual speaks of.
@test "many URLs in one process: each is asked at its times, connections are kept" {
    n=${PYPE_URLS:-200}
    PORT=$(free_port)
    start_nginx "$PORT" <<'NGINX'
        log_format connection '$connection $msec $request_uri';
        access_log @DIR@/asked connection;
        keepalive_requests 1000000;
        server { listen 127.0.0.1:@PORT@ backlog=2048; location / { return 200 '{"a":1}'; } }
NGINX
    for ((i = 0; i < n; i++)); do
        echo "  u$i=http://127.0.0.1:$PORT/$i  "
        echo '# another'
        echo
    done >urls
    timeout 60 /usr/bin/time -q -f '%M %U %S' -o figures pype-rest --every 1s --count 5 --parallel 32 --urls urls >out 2>err
    [ ! -s err ]
    [ "$(wc -l <out)" = $((5 * n)) ]
    [ "$(grep -o '"event":"u[0-9]*"' out | sort | uniq -c | awk '{ print $1 }' | sort -u)" = 5 ]
    wait_for lines nginx/asked $((5 * n))
    # A second apart, and over few connections.
    [ "$(cut -d' ' -f1 nginx/asked | sort -u | wc -l)" -le 40 ]
    awk '{ if ($3 in last && ($2 - last[$3] < 0.5 || $2 - last[$3] > 1.5)) { print; bad = 1 } last[$3] = $2 } END { exit bad }' nginx/asked
    table "$n URLs, 5 times: $(awk '{ print $1 " KB, " $2 " s user, " $3 " s system" }' figures)"
}

@test "--urls: from standard input, with operands; without any" {
    pages_up
    rest --once --urls - a="$API/echo?a" <<<"b=$API/echo?b"
    [ "$status" = 0 ]
    [ "$(grep -o '"event":"[ab]"' <<<"$output" | sort | xargs)" = 'event:a event:b' ]
    echo '# none' >urls
    rest --once --urls urls
    [ "$status" = 2 ]
    [[ $stderr == *"--urls 'urls' holds no URL" ]]
    rest --once --urls nothing
    [ "$status" = 2 ]
    PYPE_CHECK=1 rest --urls nothing
    [ "$status" = 0 ]
}

# ---- what is said ----

@test "--meta: request and answer; --meta-header" {
    pages_up
    rest --once --bare --meta --max-failures 3 --retry-min 1ms --items .items --until .last "${API/\/\//\/\/me:secret@}/page?page={page}&fail=1"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 10 ]
    jq -c '[.url, .status, .type, .attempt, .page, .body.id, (.duration < 10), (now - .scheduled < 10)]' <<<"$output" >meta
    [ "$(sed -n 4p meta)" = '["'"$API"'/page?page=2&fail=1",200,"application/json",2,2,4,true,true]' ]
    [ "$(jq -c 'keys_unsorted' <<<"$output" | sort -u)" = '["url","status","type","attempt","page","scheduled","duration","body"]' ]
    rest --once --bare --meta-header x-NEXT --meta-header content-type "$API/token"
    [ "$(jq -c .headers <<<"$output")" = '{"x-next":"&=3","content-type":"application/json"}' ]
    rest --once --bare --meta-header '*' "$API/cached?by=etag"
    [ "$(jq -c '[.etag, .headers.etag, .headers["content-length"], (.headers | has("date"))]' <<<"$output")" = '["W/\"0\"","W/\"0\"","1000026",true]' ]
}

@test "--emit-errors: an event for each failure" {
    pages_up
    rest --once --emit-errors --max-failures 3 --retry-min 1ms --items .items --until .last "$API/page?page={page}&fail=1"
    [ "$status" = 0 ]
    [ "$(jq -r .event <<<"$output" | sort | uniq -c | xargs)" = '10 data 4 error' ]
    [ "$(jq -c 'select(.event == "error") | .data | [.status, .error, .attempt, .page, (.retry_in > 0)]' <<<"$output" | sed -n 2p)" = \
        '[429,"status 429 (--every makes the pauses longer)",1,2,true]' ]
    rest --once --emit-errors --max-failures 2 --retry-min 1ms http://me:secret@127.0.0.1:1/
    [ "$status" = 1 ]
    [ "$(jq -c '.data | [.url, .status, .attempt, has("retry_in")]' <<<"$output")" = \
        $'["http://127.0.0.1:1/",null,1,true]\n["http://127.0.0.1:1/",null,2,false]' ]
}

@test "--dry-run: what would be asked, without secrets; nothing is asked" {
    pages_up
    rest --dry-run --cursor .id --cursor-start 7 -u me:secret -H 'X-Api-Key: secret' -H 'Prefer: after={cursor}' \
        -d '{"q": "{cursor}", "password": "secret", "a": ["x"]}' "http://you:secret@127.0.0.1:1/x?since={cursor}&api_key=secret&a=b"
    [ "$status" = 0 ]
    [ "$output" = 'POST http://***@127.0.0.1:1/x?since=7&api_key=***&a=b
Authorization: Basic ***
X-Api-Key: ***
Prefer: after=7
Content-Type: application/json
Accept: application/json, */*;q=0.5

{"q": "7", "password": "***", "a": ["x"]}' ]
    # What comes next, by the state; which stays as it is.
    rest --bare --state place --items .items --cursor .id --count 1 "$API/since?after={cursor}&size=3&most=3"
    cp place before
    rest --dry-run --state place --cursor .id -d 'token=secret&x=1' "$API/since?after={cursor}&size=3&most=3"
    cmp place before
    [[ $output == *$'\n\ntoken=***&x=1' ]]
}

@test "--record and --replay: the same events without a network, out of files that can be edited" {
    pages_up
    ask=(--once --max-failures 3 --retry-min 1ms --items .items --next-token .meta.next)
    url="$API/token?after={token}&api_key=secret&fail=1"
    rest "${ask[@]}" --record tape -H 'X-Secret: secret' "$url"
    [ "$status" = 0 ]
    recorded=$output
    [ "$(ls tape | wc -l)" = 16 ]
    run ! grep -r secret tape
    [ "$(head -n 1 tape/000004.request)" = "GET $API/token?after=%26%3D3&api_key=***&fail=1" ]
    stop_all
    rest "${ask[@]}" --replay tape "$url"
    [ "$status" = 0 ]
    [ "$output" = "$recorded" ]
    [[ $stderr == *"status 429"* ]]
    # By hand: another element, another status, no answer at all.
    sed -i 's/"id": 1,/"id": 100,/' tape/000002.response
    printf 'failed: the cat did it\n' >tape/000003.response
    rest "${ask[@]}" --replay tape "$url"
    [[ $output == *'"id":100,'* ]]
    [[ $stderr == *": the cat did it; next try"* ]]
    # What was not recorded fails.
    rest "${ask[@]}" --replay tape "$API/other?{token:raw}"
    [ "$status" = 1 ]
    [[ $stderr == *"the recording has no answer to this request any more"* ]]
    rest --replay no-such-folder "$url"
    [ "$status" = 2 ]
}
