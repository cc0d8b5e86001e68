# pype-serve, asked by curl; by Python where a client has to behave as none should, and for WebSockets, which this curl
# cannot read.

load lib

bats_require_minimum_version 1.5.0

prepare() {
    mkfifo in
    cat >clients.py <<'END'
import base64, hashlib, json, os, socket, struct, sys, time

def connect(receive_buffer=0):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.connect(('127.0.0.1', int(open('port').read())))
    s.settimeout(15)
    return s

def stream(receive_buffer=0, headers='', version='1.1'):
    s = connect(receive_buffer)
    s.sendall(('GET /events HTTP/%s\r\nHost: localhost\r\n%s\r\n' % (version, headers)).encode())
    return s

class WebSocket:
    def __init__(self, receive_buffer=0, headers='', version='13'):
        key = base64.b64encode(os.urandom(16)).decode()
        self.s = connect(receive_buffer)
        self.s.sendall(('GET / HTTP/1.1\r\nHost: localhost:99\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                        'Sec-WebSocket-Version: %s\r\nSec-WebSocket-Key: %s\r\n%s\r\n' % (version, key, headers)).encode())
        self.f = self.s.makefile('rb')
        self.status = int(self.f.readline().split()[1])
        self.headers = {}
        for line in iter(lambda: self.f.readline().decode().strip(), ''):
            name, value = line.split(': ', 1)
            self.headers[name.lower()] = value
        if self.status == 101:
            want = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
            assert self.headers['sec-websocket-accept'] == base64.b64encode(want).decode()

    def send(self, opcode, payload=b'', final=0x80, masked=0x80):
        n, mask = len(payload), os.urandom(4)
        head = bytes([final | opcode])
        if n < 126: head += bytes([masked | n])
        elif n < 65536: head += bytes([masked | 126]) + struct.pack('>H', n)
        else: head += bytes([masked | 127]) + struct.pack('>Q', n)
        if masked:
            payload = mask + bytes(c ^ mask[i % 4] for i, c in enumerate(payload))
        self.s.sendall(head + payload)

    def receive(self):
        "The opcode and the payload of the next frame; None at the end."
        head = self.f.read(2)
        if len(head) < 2: return None, b''
        assert head[0] & 0x80 and not head[1] & 0x80
        n = head[1]
        if n == 126: n, = struct.unpack('>H', self.f.read(2))
        elif n == 127: n, = struct.unpack('>Q', self.f.read(8))
        payload = self.f.read(n)
        return (head[0] & 15, payload) if len(payload) == n else (None, payload)
END
}

# serve_in OPTION…: it runs with its input from `event`, until `end`. (bash gives what it starts in the background no
# other standard input than what stands right there.)
serve_in() {
    exec 7<>in
    start sh -c 'exec pype-serve "$@" <in >out 2>err 7>&-' serve "$@"
    SERVE=$PID
}

# serve OPTION…: the same, at $URL.
serve() {
    rm -f port
    serve_in --listen 0 --port-file port "$@"
    wait_for test -s port
    URL=http://127.0.0.1:$(cat port)
}

event() {
    printf '%s\n' "$@" >&7
}

end() {
    exec 7>&-
}

# ended [STATUS]: it has, with this status, after saying nothing on standard output.
ended() {
    local status=0
    wait_gone "$SERVE" 8
    wait "$SERVE" || status=$?
    [ "$status" -eq "${1:-0}" ]
    [ ! -s out ]
}

get() {
    curl -s --max-time 10 "$@" 7>&-
}

# follow FILE [CURL OPTION…]: reads the stream into FILE; its id is in $CURL.
follow() {
    local file=$1
    shift
    start curl -sN --max-time 20 "$@" "$URL/events" >"$file" 7>&-
    CURL=$PID
    wait_for has "$file" retry:
}

served() {
    [ "$(get "$URL/")" = "$1" ]
}

header() {
    get -o /dev/null -D - "${@:2}" | tr -d '\r' | sed -n "s/^$1: //Ip"
}

status() {
    get -o /dev/null -w '%{http_code}' "$@"
}

# What ids of this run end with.
run_of() {
    sed -n 's/^id: [0-9]*-//p' "$1" | head -n 1
}

# peak_below KB: the program never had more memory than this. (Not a question to ask one built for finding errors.)
peak_below() {
    local peak
    peak=$(sed -n 's/VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$SERVE/status")
    echo "$peak kB"
    [ "$peak" -lt "$1" ] || grep -q libasan "/proc/$SERVE/maps"
}

python() {
    timeout 30 "$PYTHON" -c "from clients import *"$'\n'"$1" 7>&-
}

@test "the latest event is at any path, as it came" {
    serve
    event '{"event":"price","time":1700000000.25,"n":1.50}'
    wait_for served '{"event":"price","time":1700000000.25,"n":1.50}'
    event '' '  {"a": [1, 2],  "b":"\u00e9"}  '
    wait_for served '{"a": [1, 2],  "b":"\u00e9"}'
    for path in / /x /a/b.json '/events/' '/Events' '/?x=1'; do
        [ "$(get "$URL$path")" = '{"a": [1, 2],  "b":"\u00e9"}' ]
    done
    [ "$(header Content-Type "$URL/")" = application/json ]
    [ "$(header Cache-Control "$URL/")" = no-cache ]
    [ "$(header Content-Length -I "$URL/")" -eq 29 ]
    [ "$(get -I "$URL/" | tr -d '\r' | tail -n 1)" = "" ]
    end
    ended
}

@test "before the first event it is 503, which a poller tries again" {
    serve
    [ "$(status "$URL/")" = 503 ]
    [ "$(header Retry-After "$URL/")" = 1 ]
    [ "$(get "$URL/")" = '{"error":"no event yet"}' ]
    (sleep 0.3 && event '{"a":1}') 3>&- 4>&- &
    [ "$(get -f --retry 5 "$URL/")" = '{"a":1}' ]
}

@test "Date and Last-Modified are the event's time, or else when it came" {
    local event now date
    serve
    event '{"time":1700000000.75}'
    wait_for served '{"time":1700000000.75}'
    [ "$(header Date "$URL/")" = 'Tue, 14 Nov 2023 22:13:20 GMT' ]
    [ "$(header Last-Modified "$URL/")" = 'Tue, 14 Nov 2023 22:13:20 GMT' ]
    [ "$(get -o /dev/null -D - "$URL/" | grep -c '^Date')" -eq 1 ]
    event '{"time":4102444800}'
    wait_for served '{"time":4102444800}'
    [ "$(header Date "$URL/")" = 'Fri, 01 Jan 2100 00:00:00 GMT' ]
    for event in '{"a":1}' '{"time":"1700000000"}' '{"time":-1}' '{"time":1e300}' '{"time":null}' \
        '{"time":0.0000000000000000000000000000000000000000000001}'; do
        now=$(date +%s)
        event "$event"
        wait_for served "$event"
        date=$(date -d "$(header Date "$URL/")" +%s)
        [ "$date" -ge "$now" ]
        [ "$date" -le "$(date +%s)" ]
    done
}

@test "an ETag is answered with 304 as long as nothing is new, and holds across a restart" {
    local tag
    serve
    event '{"a":1}'
    wait_for served '{"a":1}'
    tag=$(header ETag "$URL/")
    [[ $tag =~ ^\"[0-9a-f]{16}\"$ ]]
    for match in "$tag" "W/$tag" "\"x\", $tag" '*'; do
        [ "$(status -H "If-None-Match: $match" "$URL/other")" = 304 ]
    done
    [ "$(get -H "If-None-Match: $tag" -w '%{size_download}' "$URL/")" = 0 ]
    [ "$(header ETag -H "If-None-Match: $tag" "$URL/")" = "$tag" ]
    [ "$(status -I -H "If-None-Match: $tag" "$URL/")" = 304 ]
    for match in '"x"' "${tag%\"}" "${tag//\"/}"; do
        [ "$(status -H "If-None-Match: $match" "$URL/")" = 200 ]
    done
    event '{"a":2}'
    wait_for served '{"a":2}'
    [ "$(status -H "If-None-Match: $tag" "$URL/")" = 200 ]
    [ "$(header ETag "$URL/")" != "$tag" ]
    event '{"a":1}'
    wait_for served '{"a":1}'
    [ "$(header ETag "$URL/")" = "$tag" ]
    end
    ended
    serve
    event '{"b":0}' '{"a":1}'
    wait_for served '{"a":1}'
    [ "$(status -H "If-None-Match: $tag" "$URL/")" = 304 ]
}

@test "If-Modified-Since never hides an event" {
    local first='Tue, 14 Nov 2023 22:13:20 GMT'
    serve
    event '{"n":1,"time":1700000000}'
    wait_for served '{"n":1,"time":1700000000}'
    [ "$(status -H "If-Modified-Since: $first" "$URL/")" = 304 ]
    [ "$(status -H 'If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT' "$URL/")" = 200 ]
    [ "$(status -H 'If-Modified-Since: yesterday' "$URL/")" = 200 ]
    [ "$(status -H "If-Modified-Since: $first" -H 'If-None-Match: "x"' "$URL/")" = 200 ]
    event '{"n":2,"time":1700000000.9}' # the same second
    wait_for served '{"n":2,"time":1700000000.9}'
    [ "$(status -H "If-Modified-Since: $first" "$URL/")" = 200 ]
    event '{"n":3,"time":1600000000}' # an earlier one
    wait_for served '{"n":3,"time":1600000000}'
    [ "$(status -H "If-Modified-Since: $first" "$URL/")" = 200 ]
    event '{"n":4,"time":1700000005}'
    wait_for served '{"n":4,"time":1700000005}'
    [ "$(status -H "If-Modified-Since: $first" "$URL/")" = 200 ]
    [ "$(status -H 'If-Modified-Since: Tue, 14 Nov 2023 22:13:25 GMT' "$URL/")" = 304 ]
}

@test "other methods are refused, with a body or without" {
    local method
    serve
    event '{"a":1}'
    head -c 300000 /dev/zero >body
    for method in POST PUT DELETE PATCH OPTIONS; do
        for path in / /events; do
            [ "$(status -X "$method" "$URL$path")" = 405 ]
            [ "$(header Allow -X "$method" "$URL$path")" = 'GET, HEAD' ]
        done
    done
    [ "$(status --data-binary @body -H Expect: "$URL/")" = 405 ]
    # a body that nobody asked for
    [ "$(status -X GET --data-binary @body -H Expect: "$URL/")" = 200 ]
    [ "$(get "$URL/")" = '{"a":1}' ]
}

@test "--field serves a value; events without it are bad" {
    serve --field .data.price --dead-letter bad --history 9
    event '{"event":"p","time":1700000000,"data":{"price": 1.50}}'
    wait_for served 1.50
    [ "$(header Date "$URL/")" = 'Tue, 14 Nov 2023 22:13:20 GMT' ]
    event '{"data":{}}' '{"data":{"price":null}}' '{"data":{"price":{"a": "x"}}}'
    wait_for served '{"a": "x"}'
    follow stream
    end
    ended 1
    [ "$(grep data: stream)" = $'data: 1.50\ndata: null\ndata: {"a": "x"}\ndata: {"event":"end"}' ]
    [ "$(grep -c '^event: p$' stream)" -eq 1 ]
    has err "pype-serve: error: line 2: nothing at '.data.price'"
    [ "$(jq -r .data.text bad)" = '{"data":{}}' ]
}

@test "bad events are said, kept and skipped; --on-error=fail stops at the first" {
    serve --dead-letter bad
    event '{"a":1}' 'nonsense' '[1]' '{"a":2}'
    wait_for served '{"a":2}'
    end
    ended 1
    has err 'line 2: not JSON'
    has err 'line 3: not a JSON object'
    [ "$(jq -r .data.text bad)" = $'nonsense\n[1]' ]
    serve --on-error=fail --max-line 10
    event '{"a":"1234567890"}'
    ended 1
    has err 'line 1: longer than 10'
}

@test "the stream has each event with its id, its name and its line" {
    local run
    serve
    follow stream
    event '{"event":"price","n":1}' '{"n":2}'
    wait_for has stream '"n":2'
    run=$(run_of stream)
    [[ $run =~ ^[0-9a-f]+$ ]]
    diff stream - <<END
retry: 2000

id: 1-$run
event: price
data: {"event":"price","n":1}

id: 2-$run
data: {"n":2}

END
    [ "$(header Content-Type -I "$URL/events")" = text/event-stream ]
    [ "$(header Content-Type --max-time 1 "$URL/events?a=b")" = text/event-stream ]
}

@test "an event comes at once, and not only when there are more of them" {
    serve
    follow stream
    for n in 1 2 3 4 5 6 7 8 9 10; do
        event "{\"n\":$n}"
        wait_for -1 has stream "{\"n\":$n}"
    done
}

@test "no name and no white space can break the stream's lines" {
    serve --history 99
    event '{"event":"a\nb","n":1}' '{"event":"a\rid: 7","n":2}' '{"event":"\u0000","n":3}' '{"event":"","n":4}' \
        '{"event":5,"n":5}' $'{"n":\r6,"s":"\\r"}\r' '{"event":"\u00e9 \"q\"","n":7}'
    wait_for served '{"event":"\u00e9 \"q\"","n":7}'
    follow stream
    end
    ended
    diff <(grep -v -e '^id: ' -e '^$' stream) - <<'END'
retry: 2000
data: {"event":"a\nb","n":1}
data: {"event":"a\rid: 7","n":2}
data: {"event":"\u0000","n":3}
data: {"event":"","n":4}
data: {"event":5,"n":5}
data: {"n": 6,"s":"\r"}
event: é "q"
data: {"event":"\u00e9 \"q\"","n":7}
event: end
data: {"event":"end"}
END
    run -1 grep -c $'\r' stream
}

@test "--unnamed, --reconnect and --history shape the stream" {
    serve --unnamed --reconnect 1500ms --history 2
    event '{"event":"a"}' '{"event":"b"}' '{"event":"c"}'
    wait_for served '{"event":"c"}'
    follow stream
    end
    ended
    [ "$(grep -v -e '^id: ' -e '^$' stream)" = 'retry: 1500
data: {"event":"b"}
data: {"event":"c"}
data: {"event":"end"}' ]
    # The default is one, 0 is none, more than there are is all of them.
    for n in 0 1 5; do
        serve --history $n
        event '{"n":1}' '{"n":2}' '{"n":3}'
        wait_for served '{"n":3}'
        follow stream
        event '{"n":4}'
        wait_for has stream '"n":4'
        [ "$(grep -c data: stream)" -eq $((1 + (n < 3 ? n : 3))) ]
        end
        ended
    done
}

@test "a silent stream has heartbeats, another has none" {
    serve --heartbeat 100ms --history 0
    follow stream
    wait_for eval '[ "$(grep -c "^:$" stream)" -ge 3 ]'
    event '{"n":1}'
    wait_for has stream '"n":1'
    [ "$(grep -v -e ^: -e ^id -e '^$' stream)" = $'retry: 2000\ndata: {"n":1}' ]
    # no id of their own, and each with its empty line
    [ "$(tr '\n' '|' <stream | grep -o ':||' | wc -l)" -ge 3 ]
    end
    ended
    serve --heartbeat 0
    follow stream
    sleep 0.3
    [ "$(cat stream)" = 'retry: 2000' ]
}

@test "a client that comes back gets what it has missed" {
    local run
    serve
    event '{"n":1}' '{"n":2}' '{"n":3}' '{"n":4}'
    wait_for served '{"n":4}'
    follow all -H 'Last-Event-ID: 0'
    wait_for has all '"n":4'
    [ "$(grep data: all)" = $'data: {"n":1}\ndata: {"n":2}\ndata: {"n":3}\ndata: {"n":4}' ]
    run=$(run_of all)
    follow some -H "Last-Event-ID: 2-$run"
    follow none -H "Last-Event-ID: 4-$run"
    event '{"n":5}'
    for file in all some none; do wait_for has $file '"n":5'; done
    [ "$(grep data: some)" = $'data: {"n":3}\ndata: {"n":4}\ndata: {"n":5}' ]
    [ "$(grep data: none)" = 'data: {"n":5}' ]
    # Of another run, or nonsense: nobody knows what is missing.
    for id in 2-1234 "9-$run" x '' "-1-$run" "2-$run-"; do
        follow lost -H "Last-Event-ID:${id:+ }${id:-;}"
        wait_for has lost '"n":5'
        [ "$(sed -n '3,4p' lost)" = $'event: lost\ndata: {"event":"lost","data":{"events":null}}' ]
        [ "$(grep -c data: lost)" -eq 6 ]
    done
}

@test "a client that was away too long is told how much it has missed" {
    local lost
    serve --buffer 4k
    follow first
    event '{"n":0}'
    wait_for has first '"n":0'
    seq 1 500 | sed 's/.*/{"n":&,"fill":"xxxxxxxxxxxxxxxxxxxxxxx"}/' >&7
    wait_for served '{"n":500,"fill":"xxxxxxxxxxxxxxxxxxxxxxx"}'
    follow back -H "Last-Event-ID: 1-$(run_of first)"
    wait_for has back '{"n":500'
    lost=$(sed -n 's/^data: {"event":"lost","data":{"events":\([0-9]*\)}}$/\1/p' back)
    [ "$lost" -gt 400 ]
    # The next one is the one after those, and from there on all are there.
    [ "$(sed -n 's/^data: {"n":\([0-9]*\),.*/\1/p' back)" = "$(seq $((lost + 1)) 500)" ]
    # At least half of the buffer is kept.
    [ "$(sed 1,5d back | wc -c)" -ge 2000 ]
    has err "lost $lost events"
}

@test "the end of input ends streams and program; a signal does so without an end of the stream" {
    local status
    serve
    follow stream
    event '{"n":1}'
    end
    ended
    status=0
    wait "$CURL" || status=$?
    [ $status -eq 0 ]
    [ "$(tail -n 6 stream)" = "id: 1-$(run_of stream)"$'\ndata: {"n":1}\n\nevent: end\ndata: {"event":"end"}' ]
    for signal in TERM HUP; do
        serve
        follow stream
        event '{"n":1}'
        wait_for has stream '"n":1'
        kill -$signal "$SERVE"
        ended
        status=0
        wait "$CURL" || status=$?
        [ $status -eq 0 ]
        run -1 grep end stream
    done
}

@test "an event without a newline at the end of input counts" {
    serve
    follow stream
    printf '{"n":1}\n{"n":2}' >&7
    end
    ended
    has stream 'data: {"n":2}'
}

@test "--linger serves on after the end of input, until a signal" {
    serve --linger --heartbeat 100ms
    follow stream
    event '{"n":1}'
    end
    wait_for served '{"n":1}'
    sleep 0.3
    alive "$SERVE"
    alive "$CURL"
    [ "$(get "$URL/")" = '{"n":1}' ]
    follow later
    wait_for has later '"n":1'
    kill "$SERVE"
    ended
    has stream 'event: end'
}

@test "a fast reader gets every event of a flood" {
    serve --buffer 16M
    follow stream
    follow second
    seq 1 50000 | sed 's/.*/{"event":"tick","n":&,"fill":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/' >&7
    end
    ended
    for file in stream second; do
        cmp <(sed -n 's/^data: {"event":"tick","n":\([0-9]*\),.*/\1/p' $file) <(seq 1 50000)
        cmp <(sed -n 's/^id: \([0-9]*\)-.*/\1/p' $file) <(seq 1 50000)
        run -1 grep -q lost $file
    done
}

@test "a read that brings more than the buffer holds loses nothing to those who keep up" {
    serve --buffer 8k --history 0
    follow stream
    seq 1 2000 | sed 's/.*/{"n":&,"fill":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/' >events
    cat events >&7
    end
    ended
    cmp <(sed -n 's/^data: {"n":\([0-9]*\),.*/\1/p' stream) <(seq 1 2000)
}

@test "clients that do not read neither slow the stream nor fill the memory" {
    serve --buffer 1M
    cat >stalled.py <<'END'
import threading
from clients import *
stalled = [stream(65536, version='1.0') for _ in range(5)] + [WebSocket(65536) for _ in range(5)]
open('stalled', 'w').close()
while not os.path.exists('go'): time.sleep(0.02)
# Now they read all they are given, before the end of the five seconds that they have at the end of the stream.
def take(s, given):
    if isinstance(s, socket.socket):
        given.extend(line[6:] for line in s.makefile('rb').read().split(b'\n') if line.startswith(b'data: {'))
    else:
        while (message := s.receive())[0] == 1: given.append(message[1])
given = [[] for _ in stalled]
takers = [threading.Thread(target=take, args=pair) for pair in zip(stalled, given)]
for taker in takers: taker.start()
for taker in takers: taker.join()
# What was lost and what came has to add up.
for messages in given:
    got = lost = 0
    for message in map(json.loads, messages):
        if message.get('event') == 'lost': lost += message['data']['events']
        elif 'n' in message: got += 1
    print(got + lost, lost > 0)
END
    start "$PYTHON" stalled.py >sums 7>&-
    wait_for test -e stalled
    seq 1 200000 | sed 's/.*/{"n":&,"fill":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}/' >events
    last=$(tail -n 1 events)
    (timeout 8 cat events >&7) 3>&- 4>&-
    wait_for served "$last"
    peak_below 20000 # 24 MB were streamed, ten times
    touch go
    end
    ended
    wait_for lines sums 10
    [ "$(sort sums | uniq -c | tr -s ' ')" = ' 10 200000 True' ]
    has err ' events: it reads too slowly, or came back too late'
    [ "$(wc -l <err)" -lt 30 ]
}

@test "a client that takes nothing is cut off after --timeout" {
    serve --timeout 1s
    cat >stalled.py <<'END'
from clients import *
stalled = [stream(4096), WebSocket(4096)]
open('stalled', 'w').close()
time.sleep(20)
END
    start "$PYTHON" stalled.py 7>&-
    wait_for test -e stalled
    for n in 1 2 3 4 5 6 7 8 9; do printf '{"n":"%0500000d"}\n' 0 >&7; done
    wait_for eval '[ "$(grep -c "takes nothing any more and is cut off" err)" -eq 2 ]'
    end
    ended
}

@test "at the end nobody waits for a client longer than five seconds" {
    serve
    cat >stalled.py <<'END'
from clients import *
stalled = [stream(4096), WebSocket(4096)]
open('stalled', 'w').close()
time.sleep(20)
END
    start "$PYTHON" stalled.py 7>&-
    wait_for test -e stalled
    for n in 1 2 3 4 5 6 7 8 9; do printf '{"n":"%0500000d"}\n' 0 >&7; done
    kill "$SERVE"
    ended
    has err 'warning: clients that have not taken the rest in time: 2'
}

@test "a client that loses the rest of an event is cut off, never given half of it" {
    serve --buffer 64k --heartbeat 0
    cat >stalled.py <<'END'
from clients import *
clients = [stream(65536), WebSocket(65536)]
open('stalled', 'w').close()
while not os.path.exists('go'): time.sleep(0.02)
data = b''
while part := clients[0].recv(1 << 20): data += part
assert b'"x":"zzz' in data and b'z"}' not in data and not data.endswith(b'0\r\n\r\n'), data[-20:]
opcode, payload = clients[1].receive()
assert opcode is None and payload.startswith(b'{"x":"z'), payload[-20:]
END
    start "$PYTHON" stalled.py 7>&-
    client=$PID
    wait_for test -e stalled
    head -c 12000000 /dev/zero | tr '\0' z | sed 's/.*/{"x":"&"}\n/' >large
    cat large large large >&7
    event '{"last":1}'
    wait_for served '{"last":1}'
    touch go
    wait "$client"
    [ "$(grep -c 'and is cut off: it reads too slowly' err)" -eq 2 ]
    end
    ended
}

@test "the largest event can be read, and slow pollers of such do not fill the memory" {
    serve --max-line 4M --buffer 64k
    head -c 4000000 /dev/zero | tr '\0' z | sed 's/.*/{"x":"&"}\n/' >large
    cat large >&7
    wait_for eval '[ "$(get "$URL/" | wc -c)" -eq 4000009 ]'
    get "$URL/" | cmp - large
    follow stream
    wait_for eval '[ "$(tail -c 2 stream | od -An -tx1)" = " 0a 0a" ]'
    sed -n 's/^data: //p' stream | cmp - large
    cat >slow.py <<'END'
from clients import *
slow = []
for n in range(20): # 20 bodies of 4 MB, each another
    feed = open('in', 'w')
    feed.write('{"n":%d,"x":"%s"}\n' % (n, 'z' * 3900000))
    feed.flush()
    while True:
        s = connect(4096)
        s.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        head = s.recv(4096)
        if head.startswith(b'HTTP/1.1 503'): break
        if b'{"n":%d,' % n in head: slow.append(s); break
        time.sleep(0.01)
print(len(slow))
END
    run -0 timeout 20 "$PYTHON" slow.py 7>&-
    [ "$output" -ge 1 ]
    [ "$output" -lt 20 ]
    peak_below 30000
    # They have gone, and all is well again.
    wait_for eval '[ "$(status "$URL/")" = 200 ]'
}

@test "--max-clients: one more is refused, and let in when another has gone" {
    serve --max-clients 3
    event '{"n":1}'
    follow a
    follow b
    first=$CURL
    follow c
    [ "$(status "$URL/")" = 503 ]
    [ "$(get "$URL/events")" = '{"error":"too many clients (--max-clients)"}' ]
    [ "$(header Retry-After "$URL/")" = 1 ]
    kill "$first"
    wait_for eval '[ "$(status "$URL/")" = 200 ]'
    event '{"n":2}'
    wait_for has a '"n":2'
    wait_for has c '"n":2'
}

@test "many come and go; no descriptor and no memory stays behind" {
    serve --max-clients 300
    event '{"n":1}'
    wait_for served '{"n":1}'
    before=$(ls "/proc/$SERVE/fd" | wc -l)
    python '
for round in range(3):
    clients = [stream() for _ in range(100)] + [WebSocket() for _ in range(100)]
    for s in clients[:100]:
        data = b""
        while b"data: " not in data: data += s.recv(4096)
    for s in clients[100:]: assert s.receive() == (1, b"{\"n\":1}")
    if round == 1:
        for s in clients[100:]: s.send(8)
    if round == 2: os._exit(0)
    clients = []
'
    wait_for eval '[ "$(ls /proc/$SERVE/fd | wc -l)" -le '"$before"' ]'
    peak_below 40000
    [ "$(get "$URL/")" = '{"n":1}' ]
    end
    ended
}

@test "a connection that sends nothing, or half a request, is closed after --timeout" {
    serve --timeout 1s
    python '
clients = [connect(), connect(), connect()]
clients[1].sendall(b"GET / HT")
clients[2].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
for s in clients:
    data = b""
    while part := s.recv(4096): data += part
    assert b"200" not in data[:15], data
'
}

@test "what is no request is refused, and does no harm" {
    serve --timeout 1s
    event '{"n":1}'
    wait_for served '{"n":1}'
    [[ $(status -H "X-Large: $(head -c 60000 /dev/zero | tr '\0' x)" "$URL/") =~ ^4[13] ]]
    [[ $(status "$URL/$(head -c 60000 /dev/zero | tr '\0' x)") =~ ^4[13] ]]
    python '
for request in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50, b"\r\n" * 9, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 5000:
    s = connect()
    s.sendall(request)
    s.shutdown(socket.SHUT_WR)
    try:
        assert b"200 OK" not in s.recv(4096)
    except ConnectionResetError:
        pass
# two at once, on one connection
s = connect()
s.sendall(b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
data = b""
while part := s.recv(4096): data += part
assert data.count(b"200 OK") == 2, data
# HTTP/1.0, where a stream has no chunks
s = stream(version="1.0")
data = b""
while b"\"n\":1" not in data: data += s.recv(4096)
assert b"chunked" not in data and b"\nretry: 2000\n\nid: 1-" in data, data
'
    [ "$(get "$URL/")" = '{"n":1}' ]
}

@test "WebSocket: each event is a message" {
    serve --heartbeat 200ms
    event '{"n":0}'
    wait_for served '{"n":0}'
    cat >follow.py <<'END'
from clients import *
w = WebSocket()
pings = 0
while True:
    opcode, payload = w.receive()
    if opcode == 9: pings += 1; w.send(10); continue
    print(opcode, len(payload), payload.decode() if opcode == 1 and len(payload) < 100 else payload[:2], flush=True)
    if opcode == 8: w.send(8, payload)
    if opcode is None: break
print(pings > 0)
END
    start "$PYTHON" follow.py >messages 7>&-
    wait_for has messages '{"n":0}'
    sleep 0.5
    event '{"event":"a","n":1}'
    for size in 114 115 65523 65524 3000000; do printf '{"n":"%0'$size'd"}\n' 0 >&7; done
    end
    wait_for has messages True
    ended
    [ "$(cat messages)" = '1 7 {"n":0}
1 19 {"event":"a","n":1}
1 122 b'\''{"'\''
1 123 b'\''{"'\''
1 65531 b'\''{"'\''
1 65532 b'\''{"'\''
1 3000008 b'\''{"'\''
1 15 {"event":"end"}
8 2 b'\''\x03\xe8'\''
None 0 b'\'\''
True' ]
}

@test "WebSocket: control frames are answered, and what clients say is ignored" {
    serve
    event '{"n":0}'
    wait_for served '{"n":0}'
    python '
w = WebSocket()
assert w.receive() == (1, b"{\"n\":0}")
w.send(9, b"hello")
assert w.receive() == (10, b"hello")
w.send(9, b"x" * 125)
assert w.receive() == (10, b"x" * 125)
w.send(1, b"y" * 70000)
w.send(2, b"y" * 300, final=0)
w.send(9)
assert w.receive() == (10, b"")
w.send(0, b"y" * 30)
w.send(10, b"unasked")
w.send(8, b"\x03\xe9bye")
assert w.receive() == (8, b"\x03\xe8")
assert w.receive() == (None, b"")

# in one piece with the request, and byte by byte
w = WebSocket()
for byte in b"\x89\x82abcd" + bytes([ord("h") ^ ord("a"), ord("i") ^ ord("b")]):
    w.s.sendall(bytes([byte])); time.sleep(0.01)
assert w.receive() == (1, b"{\"n\":0}") and w.receive() == (10, b"hi")

# what RFC 6455 forbids
for options in dict(opcode=1, masked=0), dict(opcode=9, payload=b"x" * 126), dict(opcode=9, final=0), dict(opcode=0x41), dict(opcode=3), dict(opcode=11):
    w = WebSocket()
    w.receive()
    w.send(**options)
    assert w.receive() == (8, b"\x03\xea"), options
    assert w.receive() == (None, b"")
'
    kill "$SERVE"
    ended
}

@test "WebSocket: a signal closes with 1001, even if the other side does not answer" {
    serve
    cat >closing.py <<'END'
from clients import *
w = WebSocket()
print('open', flush=True)
print(w.receive(), w.receive(), flush=True)
time.sleep(20)
END
    start "$PYTHON" closing.py >closing 7>&-
    wait_for has closing open
    kill "$SERVE"
    wait_for has closing "(8, b'\x03\xe9') (None, b'')"
    ended
}

@test "WebSocket: requests that are none, or from pages elsewhere, are refused" {
    serve --cors https://good.example
    python '
assert WebSocket(version="12").status == 400
assert WebSocket(version="12").headers["sec-websocket-version"] == "13"
assert WebSocket(headers="Origin: https://evil.example\r\n").status == 403
assert WebSocket(headers="Origin: null\r\n").status == 403
assert WebSocket(headers="Origin: http://localhost:98\r\n").status == 403
assert WebSocket(headers="Origin: http://localhost:99\r\n").status == 101
assert WebSocket(headers="Origin: https://good.example\r\n").status == 101
'
}

@test "a port in use is a failure that may pass; one just left is free" {
    serve
    event '{"n":1}'
    wait_for served '{"n":1}' # leaves a connection in TIME_WAIT
    port=$(cat port)
    run -1 --separate-stderr pype-serve --listen "$port" </dev/null
    [ "$stderr" = "pype-serve: fatal: cannot listen at '127.0.0.1:$port': Address already in use" ]
    start "$PYTHON" -c 'from clients import *; s = stream(); print("open", flush=True); time.sleep(9)' >client 7>&-
    wait_for has client open
    kill -KILL "$SERVE"
    wait_gone "$SERVE"
    rm port
    serve_in --listen "$port" --port-file port
    wait_for test -s port
    [ "$(cat port)" -eq "$port" ]
}

@test "the port file is there when clients can connect, and goes at the end" {
    serve --verbose
    [[ $(cat port) =~ ^[0-9]+$ ]]
    has err "pype-serve: info: listening at 127.0.0.1:$(cat port)"
    [ "$(status "$URL/")" = 503 ]
    [ "$(ls port*)" = port ]
    end
    ended
    [ ! -e port ]
    run -1 --separate-stderr pype-serve --listen 0 --port-file nowhere/port </dev/null
    [ "$stderr" = "pype-serve: fatal: cannot write 'nowhere/port': No such file or directory" ]
}

@test "addresses: what is none is a mistake, what is not here a failure" {
    for address in '' x 65536 -1 1x :8080 '*:x' 127.0.0.1 127.0.0.1: ::1:80 '[::1' '[::1]' '[::1]80' '[]:80' 1:2:3 unix: \
        "unix:$(head -c 108 /dev/zero | tr '\0' x)"; do
        echo "'$address'"
        run -2 --separate-stderr pype-serve --listen="$address" </dev/null
        [[ $stderr == "pype-serve: fatal: --listen '$address': "* ]]
    done
    run -1 --separate-stderr pype-serve --listen 192.0.2.1:8080 </dev/null
    [ "$stderr" = "pype-serve: fatal: cannot listen at '192.0.2.1:8080': Cannot assign requested address" ]
    name=$(head -c 64 /dev/zero | tr '\0' x) # longer than a name may be: no name server is asked
    run -1 --separate-stderr pype-serve --listen "$name:8080" </dev/null
    [[ $stderr == "pype-serve: fatal: cannot find the address '$name': "* ]]
}

@test "other mistakes" {
    check() {
        run -2 --separate-stderr pype-serve "${@:2}" </dev/null
        [ "$stderr" = "pype-serve: fatal: $1" ]
        PYPE_CHECK=1 run -2 --separate-stderr pype-serve "${@:2}" </dev/null
        [ "$stderr" = "pype-serve: fatal: $1" ]
    }
    check '--max-clients: from 1 to 1000000' --max-clients 0
    check '--buffer: at least 4k' --buffer 100
    check '--timeout: from 1s to 1d' --timeout 500ms
    check '--timeout: from 1s to 1d' --timeout 2d
    check '--bearer and --user exclude each other' --bearer a --user b:c
    check '--port-file: a unix socket has no port' --listen unix:s --port-file port
    check '--cors: not an origin' --cors ''
    run -2 --separate-stderr pype-serve --field '.a..b' </dev/null
    [[ $stderr == "pype-serve: fatal: --field '.a..b': "* ]]
    run -2 --separate-stderr pype-serve --user nobody </dev/null
    [ "$stderr" = 'pype-serve: fatal: --user: not NAME:PASSWORD' ]
    run -2 bash -c 'ulimit -n 100; pype-serve --max-clients 90 </dev/null 2>&1'
    [[ $output == *"--max-clients 90 needs 138 file descriptors, 100 are allowed (ulimit -n)" ]]
    run -2 pype-serve operand </dev/null
}

@test "PYPE_CHECK opens nothing" {
    serve
    PYPE_CHECK=1 run -0 pype-serve --listen "$(cat port)" --port-file other --bearer @missing --field .a <<<nonsense
    [ -z "$output" ]
    [ ! -e other ]
}

@test "IPv6 and unix sockets" {
    serve_in --listen unix:here -v
    wait_for test -S here
    event '{"n":1}'
    wait_for eval '[ "$(get --unix-socket here http://any.name/)" = "{\"n\":1}" ]'
    start curl -sN --unix-socket here http://x/events >stream 7>&-
    wait_for has stream '"n":1'
    has err 'unix reads the stream'
    # Somebody listens there: hands off.
    run -1 --separate-stderr pype-serve --listen unix:here </dev/null
    [ "$stderr" = "pype-serve: fatal: cannot listen at 'unix:here': Address already in use" ]
    [ -S here ]
    kill -KILL "$SERVE"
    wait_gone "$SERVE"
    [ -S here ]
    # Nobody does any more.
    serve_in --listen unix:here
    wait_for eval '[ "$(status --unix-socket here http://x/)" = 503 ]'
    kill "$SERVE"
    ended
    [ ! -e here ]
    # A file that is no socket stays.
    echo precious >here
    run -1 pype-serve --listen unix:here </dev/null
    [ "$(cat here)" = precious ]
    if [ -e /proc/sys/net/ipv6/conf/lo/disable_ipv6 ] && [ "$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6)" = 0 ]; then
        serve --listen '[::1]:0' -v
        event '{"n":6}'
        URL="http://[::1]:$(cat port)"
        wait_for served '{"n":6}'
        has err "listening at [::1]:$(cat port)"
        [ "$(status -H 'Host: evil.example' "$URL/")" = 421 ]
    fi
}

@test "--bearer and --user ask for credentials, everywhere" {
    local path
    printf 'secret\n' >token
    serve --bearer @token
    event '{"n":1}'
    for path in / /events; do
        [ "$(status "$URL$path")" = 401 ]
        [ "$(header WWW-Authenticate "$URL$path")" = 'Bearer realm="pype-serve"' ]
        for value in 'Bearer secre' 'Bearer secret2' 'Bearer Secret' 'Basic secret' secret 'Bearer'; do
            [ "$(status -H "Authorization: $value" "$URL$path")" = 401 ]
        done
    done
    python 'assert WebSocket().status == 401
assert WebSocket(headers="Authorization: Bearer secret\r\n").status == 101'
    wait_for eval '[ "$(status -H "Authorization: Bearer secret" "$URL/")" = 200 ]'
    [ "$(status -H 'authorization: bearer secret' "$URL/")" = 200 ]
    end
    ended
    PASSWORD=me:p:w serve --user env:PASSWORD
    event '{"n":1}'
    wait_for eval '[ "$(status -u me:p:w "$URL/")" = 200 ]'
    [ "$(status -u me:p "$URL/")" = 401 ]
    [ "$(header WWW-Authenticate "$URL/")" = 'Basic realm="pype-serve"' ]
    run -1 grep -e secret -e p:w "/proc/$SERVE/cmdline"
}

@test "at the loopback only local names are answered, and those of --host" {
    serve --host proxy.example --host other
    event '{"n":1}'
    wait_for served '{"n":1}'
    for host in localhost LOCALHOST:1 a.localhost 127.0.0.1:80 '[::1]:80' 10.1.2.3 proxy.example Proxy.Example:443 other; do
        [ "$(status -H "Host: $host" "$URL/")" = 200 ]
    done
    for host in evil.example localhost.evil.example notlocalhost 127.0.0.1.evil.example "$(head -c 300 /dev/zero | tr '\0' x)"; do
        [ "$(status -H "Host: $host" "$URL/")" = 421 ]
        [ "$(status -H "Host: $host" "$URL/events")" = 421 ]
    done
    end
    ended
    serve --host '*'
    event '{"n":1}'
    wait_for served '{"n":1}'
    [ "$(status -H 'Host: any.example' "$URL/")" = 200 ]
    end
    ended
    serve --listen 0.0.0.0:0 # whoever opens it to the network knows by which names it can be reached
    event '{"n":1}'
    wait_for served '{"n":1}'
    [ "$(status -H 'Host: any.example' "$URL/")" = 200 ]
}

@test "--cors lets pages of another origin read" {
    serve
    event '{"n":1}'
    wait_for served '{"n":1}'
    [ -z "$(header Access-Control-Allow-Origin "$URL/")" ]
    end
    ended
    serve --cors https://page.example
    event '{"n":1}'
    wait_for served '{"n":1}'
    for path in / /events; do
        [ "$(header Access-Control-Allow-Origin -I "$URL$path")" = https://page.example ]
        [ "$(status -X OPTIONS "$URL$path")" = 204 ]
    done
    [ "$(header Access-Control-Allow-Origin -H 'If-None-Match: *' "$URL/")" = https://page.example ]
    [ "$(header Access-Control-Allow-Origin -X POST "$URL/")" = https://page.example ]
    [[ $(header Access-Control-Allow-Headers -X OPTIONS "$URL/") == *Last-Event-ID* ]]
    [[ $(header Access-Control-Expose-Headers "$URL/") == *ETag* ]]
    [ "$(header Allow -X PUT "$URL/")" = 'GET, HEAD, OPTIONS' ]
}

@test "input may be a file" {
    printf '{"n":1}\n{"n":2}\n' >events
    start sh -c 'exec pype-serve --listen 0 --port-file port --linger <events 2>err'
    SERVE=$PID
    wait_for test -s port
    URL=http://127.0.0.1:$(cat port)
    wait_for served '{"n":2}'
    run -0 pype-serve --listen 0 <events
    [ -z "$output" ]
}
