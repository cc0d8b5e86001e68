# pype-rest: variables, pages, the cursor, what is kept from one run to the next, recordings, many URLs.

load lib
load flow
bats_require_minimum_version 1.5.0

prepare() {
    export HOME=$PWD
    unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
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

# ids [FILE]: the ids of events, or of bare elements, in one line.
ids() {
    grep -o '"id":[0-9]*' "$@" | cut -d: -f2 | xargs
}

# asked N [PATTERN]: so many requests were logged (like that).
asked() {
    [ "$(grep -cE -- "${2:-}" port.log)" = "$1" ]
}

# ---- variables ----

@test "variables in the URL, headers and the body, each written as its place needs it" {
    pages_up
    rest --once --bare --cursor .n --cursor-start 'a "b"&c/é' -H 'X-Var: {cursor} {{cursor} {other}' \
        -d '{"q": "{cursor}", "j": {cursor:json}, "r": "{{now}", "page": {"now": {}}}' "$API/echo?since={cursor}&x=1"
    [ "$status" = 0 ]
    [ "$(pype-jq -r .url <<<"$output")" = '/echo?since=a%20%22b%22%26c%2F%C3%A9&x=1' ]
    [ "$(pype-jq -r '.var | explode | map(select(. < 128)) | implode' <<<"$output")" = 'a "b"&c/ {cursor} {other}' ]
    [ "$(pype-jq -r .body <<<"$output")" = '{"q": "a \"b\"&c/é", "j": "a \"b\"&c/é", "r": "{now}", "page": {"now": {}}}' ]
    # As forms send it.
    rest --once --bare --cursor .n --cursor-start 'a b' -H 'Content-Type: application/x-www-form-urlencoded' -d 'q={cursor}' "$API/echo"
    [ "$(pype-jq -r .body <<<"$output")" = 'q=a%20b' ]
    # raw: it is encoded already.
    rest --once --bare --cursor .n --cursor-start 'a%20b' "$API/echo?q={cursor:raw}"
    [ "$(pype-jq -r .url <<<"$output")" = '/echo?q=a%20b' ]
}

@test "a parameter or a header that is a variable without a value is left out" {
    pages_up
    rest --once --bare --cursor .none -H 'X-Var: {cursor}' "$API/echo?a={cursor}&b=1&c=x{cursor}"
    [ "$(pype-jq -r '.url, .var' <<<"$output")" = $'/echo?b=1&c=x\nnull' ]
    rest --once --bare --cursor .none -d '{"a": {cursor:json}, "b": "{cursor}"}' "$API/echo?a={cursor}"
    [ "$(pype-jq -r '.url, .body' <<<"$output")" = $'/echo\n{"a": null, "b": ""}' ]
}

@test "times: the slot, not the clock; the last success; formats" {
    pages_up
    rest --count 2 --bare --cron '* * * * * *' \
        "$API/echo?s={scheduled:ms}&u={scheduled:unix}&i={scheduled}&l={last_success:unix}&f={now:%Y-%m-%d}"
    [ "$status" = 0 ]
    mapfile -t urls < <(pype-jq -r .url <<<"$output")
    for url in "${urls[@]}"; do
        [[ $url =~ \?s=([0-9]+)000\&u=([0-9]+)\&i=([^&]*)\&l=([0-9]+)\&f=([0-9-]+)$ ]]
        [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
        [ "${BASH_REMATCH[3]}" = "$(date -u -d "@${BASH_REMATCH[1]}" +%Y-%m-%dT%H%%3A%M%%3A%SZ)" ]
        [[ ${BASH_REMATCH[5]} == 20??-??-?? ]]
    done
    # At first there was none; then it is when that poll was asked.
    [[ ${urls[0]} == *'&l=0&'* ]]
    slot=$(sed 's/.*u=//; s/&.*//' <<<"${urls[0]}")
    [[ ${urls[1]} == *"&l=$slot&"* ]]
    # A failed poll is for its slot, however late it is made.
    rest --count 1 --bare --retry-min 600ms --max-failures 5 "$API/page?page=1&fail=2&s={scheduled:ms}"
    [ "$status" = 0 ]
    [ "$(grep -o 's=[0-9]* ' port.log | sort -u | wc -l)" = 1 ]
}

@test "an unknown variable is a mistake in a URL, and said elsewhere" {
    PYPE_CHECK=1 rest 'http://127.0.0.1/{curser}'
    [ "$status" = 2 ]
    [ "$stderr" = "pype-rest: fatal: http://127.0.0.1/{curser}: '{curser}' is no variable, did you mean 'cursor'?" ]
    PYPE_CHECK=1 rest 'http://127.0.0.1/{now:soon}'
    [ "$status" = 2 ]
    [[ $stderr == *"'{now:soon}' is no variable"* ]]
    PYPE_CHECK=1 rest -d '{"a": "{curser}", "b": {"x": 1}}' http://127.0.0.1/
    [ "$status" = 0 ]
    [ "$stderr" = "pype-rest: warning: --data: '{curser}' stays as it is, did you mean 'cursor'?" ]
    PYPE_CHECK=1 rest -d 'query { pages(filter: {x: 1}) { {{page} } }' http://127.0.0.1/
    [ "$status" = 0 ]
    [ "$stderr" = "" ]
}

# ---- pages ----

# What each kind of pages needs, and how many requests it makes for ten elements in pages of three.
kinds() {
    cat <<'KINDS'
5|--items .items $API/page?page={page}
4|--items .items --until .last $API/page?page={page}
4|--until .last $API/page?page={page}
5|--items .items --page-start 1 --until '$count==0' $API/page?page={page}
5|--items .items $API/offset?offset={offset}
5|--items .items --page-size 3 $API/offset?offset={offset}
4|--items .items --next-token .meta.next $API/token?after={token}
4|--items .items --next-token '.meta|.next' $API/token?after={token}
4|--items .items --next-token '$headers["x-next"]' -H 'X-Token: {token}' $API/token
4|--items .items --next-token .meta.next -d '{"after":{token:json}}' $API/token
4|--items .items --next-url .next $API/next?how=relative
4|--items .items --next-url .next $API/next?how=absolute
4|--items . --next-link $API/link
KINDS
}

@test "pages of each kind, to the last one" {
    pages_up
    while IFS='|' read -r requests arguments; do
        : >port.log
        eval "rest --once --bare $(sed 's/\$API[^ ]*/"&"/' <<<"$arguments")"
        [ "$status" = 0 ]
        [ "$stderr" = "" ]
        [ "$(ids <<<"$output")" = "1 2 3 4 5 6 7 8 9 10" ]
        [ "$(grep -c . port.log)" = "$requests" ]
        echo "# $requests requests: $arguments" | tee -a table >&3
    done < <(kinds)
    [ "$(wc -l <table)" = 13 ]
}

@test "429 in between: each page is tried again, and none from the beginning" {
    pages_up
    # Four pages, twice 429 before each: twelve requests, and ten elements.
    rest --once --bare --max-failures 3 --retry-min 1ms --items .items --until .last "$API/page?page={page}&fail=2"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output")" = "1 2 3 4 5 6 7 8 9 10" ]
    asked 12
    asked 8 ' 429 '
    # One failure more is too much, and what came before is out.
    : >port.log
    rest --once --bare --max-failures 2 --retry-min 1ms --items .items --until .last "$API/page?page={page}&fail=2&x"
    [ "$status" = 1 ]
    [ "$output" = "" ]
    asked 2
}

@test "--count counts polls, not pages, and --every goes from poll to poll" {
    pages_up
    rest --count 3 --every 50ms --bare --items .items --next-token .meta.next "$API/token?after={token}"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output" | wc -w)" = 30 ]
    asked 12
}

@test "--max-pages: the rest is left out, and that is said" {
    pages_up
    rest --once --bare --max-pages 2 --items .items --next-token .meta.next "$API/token?after={token}"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output")" = "1 2 3 4 5 6" ]
    [ "$stderr" = "pype-rest: warning: '$API/token?...': there are pages after 2, which are left out (--max-pages)" ]
    rest --once --bare --max-pages 4 --items .items --next-token .meta.next "$API/token?after={token}"
    [ "$stderr" = "" ]
}

@test "pages that go in a circle are a failure, found by an end" {
    pages_up
    rest --once --bare --items .items --next-token .next "$API/circle?after={token}"
    [ "$status" = 1 ]
    [ "$stderr" = "pype-rest: error: '$API/circle?...': --next-token gave a token for the second time, the pages go in a circle" ]
    [ "$(wc -l < port.log)" -le 9 ]
    # A page that leads to itself.
    rest --once --bare --items .items --next-url '"?to=x"' "$API/elsewhere?to=x"
    [ "$status" = 1 ]
    [[ $stderr == *"the next page is one that was there before"* ]]
    # Tried again, its elements do not come again.
    rest --bare --max-failures 3 --retry-min 1ms --items .items --next-url '"?to=x"' "$API/elsewhere?to=x"
    [ "$status" = 1 ]
    [ "$(wc -l <<<"$output")" = 2 ]
    rest --bare --max-failures 3 --retry-min 1ms --next-url '"?to=x"' "$API/elsewhere?to=x"
    [ "$(wc -l <<<"$output")" = 2 ]
}

@test "a next page elsewhere gets nothing, unless --next-origin says so; and then without what the server named" {
    pages_up
    mkdir other
    (cd other && pages_up && echo "$API" >api)
    wait_for [ -s other/api ]
    OTHER=$(cat other/api)
    for url in "$OTHER/next?how=relative&from=10" "//${OTHER#http://}/x" "https://${API#http://}/x" "ftp://127.0.0.1/"; do
        rest --once --bare -u me:secret --items .items --next-url .next "$API/elsewhere?to=$url"
        [ "$status" = 1 ]
        [[ $stderr == *"the next page is elsewhere (--next-origin "* ]]
        [[ $stderr != *secret* ]]
    done
    [ ! -s other/port.log ]
    rest --once --bare -u me:secret --items .items --next-origin "$OTHER" --next-url .next \
        "$API/elsewhere?to=$OTHER/next?how=relative%26from=10"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output")" = "1 10" ]
    grep -q ' Basic ' other/port.log
    # At the same origin the login of the URL is sent on, and one that the server names is not.
    : >port.log
    rest --once --bare --items .items --next-url .next \
        "http://me:secret@${API#http://}/elsewhere?to=http://you:x@${API#http://}/next?how=relative%26from=10"
    [ "$status" = 0 ]
    [ "$(grep -o 'Basic .*' port.log | sort -u)" = "Basic $(printf me:secret | base64) " ]
    rm -rf other
}

@test "expressions that fail are failures; mistakes in them are status 2" {
    pages_up
    rest --once --bare --items .items --next-token '.items + 1' "$API/token?after={token}"
    [ "$status" = 1 ]
    [[ $stderr == *"--next-token: array ([]) and number (1) cannot be added"* ]]
    rest --once --bare --items .items --next-token '{a: 1}' "$API/token?after={token}"
    [ "$status" = 1 ]
    [[ $stderr == *"--next-token gave neither a string nor a number"* ]]
    rest --once --bare --items .items --next-token '"a\nb"' -H 'X-Token: {token}' "$API/token"
    [[ $stderr == *"--next-token gave a text with a control character"* ]]
    rest --once --bare --items .items --next-url '5' "$API/token"
    [[ $stderr == *"--next-url gave no string"* ]]
    rest --once --bare --items .items --next-url '"http://x y:z/"' "$API/token"
    [[ $stderr == *"the next page has a malformed URL"* ]]
    while read -r arguments; do
        eval "rest $arguments"
        [ "$status" = 2 ]
        [ "$output" = "" ]
        [ "$stderr" ]
        eval "PYPE_CHECK=1 rest $arguments"
        [ "$status" = 2 ]
    done <<'CASES'
--next-token '.a |' "$API/token?after={token}"
--next-token .a "$API/token"
--next-token .a --next-link "$API/token?after={token}"
"$API/token?after={token}"
"$API/x?after={cursor}"
--cursor-start 1 "$API/x"
"$API/page?page={page}"
"$API/page?page={offset}" --until .x
--until .x "$API/page"
--max-pages 1 "$API/page"
--overlap --cursor .x "$API/page"
--conditional --next-link "$API/page"
--next-link --next-origin gopher://x "$API/page"
--cursor 'foo' "$API/page"
--record a --replay b "$API/page"
--parallel 0 "$API/page"
CASES
    asked 5
}

# ---- what was out before a failure ----

@test "a body that broke off: the next try gives the elements that were not out yet" {
    pages_up
    rest --once --bare --max-failures 2 --retry-min 1ms --items . "$API/broken?then=same"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output")" = "1 2 3 4 5 6" ]
}

@test "a body that broke off and comes otherwise: all of it comes, and that is said" {
    pages_up
    rest --once --bare --max-failures 2 --retry-min 1ms --items . "$API/broken?then=other"
    [ "$status" = 0 ]
    before=$(ids <<<"$output" | grep -o '^[1-6 ]* 100')
    [[ $before == "1 2 3"*" 100" ]]
    [[ $(ids <<<"$output") == *" 100 2 3 4 5 6" ]]
    [[ $stderr == *"what came before the failure is not the same any more: all of it comes again"* ]]
    rest --once --bare --max-failures 2 --retry-min 1ms --items . "$API/broken?then=less"
    [ "$status" = 0 ]
    [[ $(ids <<<"$output") == "1 2 3"*" 1 2" ]]
}

# ---- the cursor ----

@test "--cursor: each poll begins where the last one ended, also in the next run" {
    pages_up 100000
    ask=(--bare --state place --items .items --cursor .id --every 1ms)
    rest "${ask[@]}" --count 3 "$API/since?after={cursor}&size=4&most=30"
    [ "$status" = 0 ]
    [ "$(ids <<<"$output")" = "$(seq 12 | xargs)" ]
    rest "${ask[@]}" --count 2 "$API/since?after={cursor}&size=4&most=30"
    [ "$(ids <<<"$output")" = "$(seq 13 20 | xargs)" ]
    # It is text that can be read, and nobody else's business.
    [ "$(jq -c '.urls[] | .cursor' <place)" = 20 ]
    [ "$(jq -r '.urls[] | .url' <place)" = "$API/since?..." ]
    [ "$(stat -c %a place)" = 600 ]
    # With pages the cursor of a poll stays the same up to its end.
    : >port.log
    rest --once --bare --items .items --cursor .id --cursor-start 20 --max-pages 3 --next-token '$page' \
        "$API/since?after={cursor}&size=4&most=30&x={token}"
    [ "$status" = 0 ]
    asked 3 'after=20&'
}

@test "--cursor-take: the greatest, in whatever order, or the last" {
    pages_up
    list() { printf '%s' "$1" >list.json; }
    PORT=$(free_port)
    start_nginx "$PORT" <<<'server { listen 127.0.0.1:@PORT@; }'
    while IFS='|' read -r list greatest last; do
        printf '%s' "$list" >nginx/www/list.json
        for take in greatest last; do
            rm -f place
            rest --once --state place --items . --cursor . --cursor-take $take "http://127.0.0.1:$PORT/list.json"
            [ "$status" = 0 ]
            [ "$(grep -o '"cursor":[^,}]*' place)" = "\"cursor\":${!take}" ]
        done
    done <<'CASES'
[3,10,9]|10|9
["9","10","010"]|"10"|"010"
["2026-11-25T10:00:00Z","2026-11-25T09:00:00Z",null]|"2026-11-25T10:00:00Z"|"2026-11-25T09:00:00Z"
["a","ab",5]|"ab"|5
[1.5,-2,1e0]|1.5|1e0
[12345678901234567890,12345678901234567891]|12345678901234567891|12345678901234567891
CASES
    # What is no cursor is said, and the event is there all the same.
    printf '[{"a":1},true]' >nginx/www/list.json
    rest --once --bare --items . --cursor . "http://127.0.0.1:$PORT/list.json"
    [ "$status" = 0 ]
    [ "$output" = $'{"a":1}\ntrue' ]
    [[ $stderr == *"--cursor gave neither a string nor a number"* ]]
}

@test "--state: told to stop in the middle of the pages, the next run goes on with the next element" {
    pages_up
    start pype-rest --once --bare --state place --retry-min 20s --max-failures 9 --items .items --until .last "$API/page?page={page}&fail=1" >out 2>err
    wait_for has err 'next try'
    kill "$PID"
    wait "$PID"
    [ ! -s out ]
    # Its first page was refused once; now the second is.
    start pype-rest --once --bare --state place --retry-min 20s --max-failures 9 --items .items --until .last "$API/page?page={page}&fail=1" >out
    wait_for lines out 3
    wait_for asked 1 'page=2'
    kill "$PID"
    wait "$PID"
    : >port.log
    rest --once --bare --state place --max-failures 9 --retry-min 1ms --items .items --until .last "$API/page?page={page}&fail=1"
    [ "$status" = 0 ]
    [ "$(cat out - <<<"$output" | ids)" = "1 2 3 4 5 6 7 8 9 10" ]
    run ! grep -q 'page=1&' port.log
}

@test "--state: in use by another, something else, not to be written" {
    pages_up
    start pype-rest --state place --every 20s "$API/echo"
    wait_for [ -s place ]
    rest --once --state place "$API/echo"
    [ "$status" = 1 ]
    [[ $stderr == *"--state 'place' is in use by another process" ]]
    echo '{"a":1}' >other
    rest --once --state other "$API/echo"
    [ "$status" = 2 ]
    [[ $stderr == *"--state 'other' holds something else" ]]
    rest --once --state no/such/folder "$API/echo"
    [ "$status" = 1 ]
}

@test "a token that the server has forgotten: given up, and the next start begins with the first page" {
    pages_up
    rest --bare --state place --max-failures 2 --retry-min 1ms --items .items --next-token .next "$API/gone?after={token}"
    [ "$status" = 1 ]
    [[ $stderr == *"this was page 2 of a poll, the next start begins with the first one"* ]]
    : >port.log
    rest --bare --state place --max-failures 2 --retry-min 1ms --items .items --next-token .next "$API/gone?after={token}"
    head -n 1 port.log | grep -q 'GET /gone 200'
}

# ---- conditional requests ----

@test "--conditional: what has not changed is not sent again, and is an answer without an event" {
    pages_up
    for by in etag date; do
        : >port.log
        rest --every 20ms --count 8 --bare --conditional --state place-$by "$API/cached?by=$by"
        [ "$status" = 0 ]
        [ "$(pype-jq .version <<<"$output" | xargs)" = "0 1" ]
        asked 2 ' 200 1'
        asked 6 ' 304 0 '
        # Without: eight times the body.
        rest --every 1ms --count 8 --bare "$API/cached?by=$by&again"
        [ "$(wc -l <<<"$output")" = 8 ]
        sent=$(awk '$3 == 304 || $3 == 200 { sum[$2 ~ /again/] += $4 } END { print sum[0], sum[1] }' port.log)
        between 3 5 $((${sent#* } / ${sent% *}))
        echo "# by $by: ${sent% *} bytes instead of ${sent#* }" >&3
        # The next run knows it, too; but not for another URL.
        : >port.log
        rest --once --bare --conditional --state place-$by "$API/cached?by=$by&new=1"
        asked 1 ' 200 1'
    done
}

