# pype-window: windows of the clock, sessions and counts; aggregates; late events; the limits; and kills.

load lib
load flow

prepare() {
    write_slow
    sed -i 's/time.sleep(0.001)/time.sleep(0.0003)/' slow
}

# says EXPECTED ARGUMENT…: what pype-window makes of standard input.
says() {
    local expected=$1
    shift
    pype-window "$@" >said
    diff -u <(printf '%b' "$expected") said
}

# at TIME…: events with nothing but their time.
at() {
    printf '{"time":%s}\n' "$@"
}

# feed SEED COUNT KEYS [DISORDER]: random events; times are up to DISORDER seconds before the latest one.
feed() {
    "$PYTHON" - "$@" <<'PYTHON'
import random, sys
seed, count, keys = map(int, sys.argv[1:4])
disorder = float(sys.argv[4]) if len(sys.argv) > 4 else 0
rng = random.Random(seed)
time = 1795392000
for i in range(count):
    time += rng.choice((0, 0, 0.125, 0.25, 0.5, 1, 2)) if rng.random() < 0.98 else 30
    event = '{"time":%s,"key":"k%d"' % (time - rng.randrange(int(disorder * 8) + 1) / 8, int(rng.random() ** 2 * keys))
    kind = rng.random()
    if kind < 0.9:
        event += ',"price":%s' % (rng.randrange(-1000, 100000) / 100)
    elif kind < 0.95:
        event += ',"price":null'
    print(event + ',"tag":%s}' % rng.choice(('"a"', '"b"', '"\\u0061"', '1', '1.0', 'null', '[1, 2]')))
PYTHON
}

# --- windows ---

@test "windows of the clock: aligned, and over as soon as an event is behind them" {
    at 59.5 0 60 119 120 | says '{"event":"window","time":0,"end":60,"count":2}
{"event":"window","time":60,"end":120,"count":2}
{"event":"window","time":120,"end":180,"count":1}\n' --every 1m
    mkfifo in
    exec 5<>in
    start bash -c 'exec pype-window -e 10s <in >out 5>&-'
    at 1 2 >&5
    at 10 >&5
    wait_for lines out 1
    has out '{"event":"window","time":0,"end":10,"count":2}'
    exec 5>&-
    wait_gone "$PID"
    [ "$(wc -l <out)" = 2 ]
}

@test "windows that overlap" {
    at 0 15 25 | says '{"event":"window","time":-20,"end":10,"count":1}
{"event":"window","time":-10,"end":20,"count":2}
{"event":"window","time":0,"end":30,"count":3}
{"event":"window","time":10,"end":40,"count":2}
{"event":"window","time":20,"end":50,"count":1}\n' --every 10s --size 30s
}

@test "sessions end after a pause, and grow together while they are open" {
    at 0 5 20 29 40 | says '{"event":"window","time":0,"end":5,"count":2}
{"event":"window","time":20,"end":29,"count":2}
{"event":"window","time":40,"end":40,"count":1}\n' --session 10s
    at 0 15 8 100 | says '{"event":"window","time":0,"end":15,"count":3}
{"event":"window","time":100,"end":100,"count":1}\n' --session 10s --lateness 20s
}

@test "windows of so many events, of each key" {
    printf '{"k":%s}\n' 1 2 1 2 1 | says '{"event":"window","k":1,"count":2}
{"event":"window","k":2,"count":2}
{"event":"window","k":1,"count":1}\n' -n 2 --by .k
    at 5 3 9 | says '{"event":"window","time":3,"end":5,"count":2}
{"event":"window","time":9,"end":9,"count":1}\n' --count 2
    at 5 3 9 | says '{"event":"window","time":3,"end":5,"count":2}\n' --count 2 --no-partial
}

@test "windows of days are those of the calendar of the zone, whatever the clock does" {
    # 2027-03-28 has 23 hours in Berlin, 2026-10-25 has 25.
    at 1806188400 1806271199 1806271200 | says '{"event":"window","time":1806188400,"end":1806271200,"count":2}
{"event":"window","time":1806271200,"end":1806357600,"count":1}\n' -e 1d --tz Europe/Berlin
    at 1792879200 1792969199 | says '{"event":"window","time":1792879200,"end":1792969200,"count":2}\n' -e 1d --tz Europe/Berlin
    # Weeks begin on Mondays; 1970-01-01 was a Thursday.
    at 0 | says '{"event":"window","time":-259200,"end":345600,"count":1}\n' -e 1w
    at 1806188400 | says '{"event":"window","time":1806102000,"end":1806271200,"count":1}
{"event":"window","time":1806188400,"end":1806357600,"count":1}\n' -e 1d -s 2d --tz Europe/Berlin
}

# write_reference: ./reference.py computes the same windows in another way, and compares.
write_reference() {
    cat >reference.py <<'PYTHON'
import datetime, json, math, re, sys, zoneinfo
mode, size, every, lateness, zone = sys.argv[1], *map(float, sys.argv[2:5]), sys.argv[5]
events = [json.loads(line) for line in sys.stdin]
zone = zoneinfo.ZoneInfo(zone)
DAY = 86400

def midnight(day):
    return datetime.datetime.combine(day, datetime.time(), zone).timestamp()

def frames(t):
    if every % DAY == 0:
        day = datetime.datetime.fromtimestamp(t, zone).date()
        n = int(size / every)
        one = datetime.timedelta(days=1)
        return [(midnight(day - i * one), midnight(day + (n - i) * one)) for i in range(n)]
    start = t // every * every
    result = []
    while start + size > t:
        result.append((start, start + size))
        start -= every
    return result

windows, late, latest = {}, [], -1e18
if mode == 'clock':
    for i, e in enumerate(events):
        t = e['time']
        latest = max(latest, t)
        wanted = [w for w in frames(t) if w[1] > latest - lateness]
        if not wanted:
            late.append(i)
        for w in wanted:
            windows.setdefault((w, e['key']), []).append((i, e))
else:
    # An event that is late is left out; then all that is less than size apart belongs together.
    by_key = {}
    for i, e in enumerate(events):
        latest = max(latest, e['time'])
        if e['time'] + size <= latest - lateness:
            late.append(i)
        else:
            by_key.setdefault(e['key'], []).append((i, e))
    for key, list in by_key.items():
        list.sort(key=lambda x: x[1]['time'])
        group = []
        for x in list + [None]:
            if group and (x is None or x[1]['time'] - group[-1][1]['time'] >= size):
                windows[((group[0][1]['time'], group[-1][1]['time']), key)] = group
                group = []
            group.append(x)

rows = []
for ((start, end), key), list in windows.items():
    prices = [e['price'] for _, e in sorted(list, key=lambda x: x[0]) if e.get('price') is not None]
    order = sorted(prices)
    def percentile(p):
        if not order:
            return None
        rank = p / 100 * (len(order) - 1)
        low = int(rank)
        return order[low] + (order[min(low + 1, len(order) - 1)] - order[low]) * (rank - low)
    n = len(prices)
    mean = sum(prices) / n if n else None
    variance = sum((p - mean) ** 2 for p in prices) / (n - 1) if n > 1 else None
    timed = [(e['time'], i, e['price']) for i, e in list if e.get('price') is not None]
    tags = {}
    for _, e in sorted(list, key=lambda x: x[0]):
        if e['tag'] is not None:
            tags[json.dumps(e['tag']).replace('1.0', '1')] = 1
    rows.append((start, end, key, len(list), n, sum(prices), mean, min(prices, default=None), max(prices, default=None),
                 variance, percentile(90), min(timed, default=(0, 0, None))[2], max(timed, default=(0, 0, None))[2],
                 len(tags)))

# What pype-window wrote, and how many events it said were late.
ours = []
for line in open('got'):
    e = json.loads(line)
    ours.append((e['time'], e['end'], e['key'], e['count'], e['price_count'], *(e['price_' + f] for f in (
        'sum', 'mean', 'min', 'max', 'variance', 'p90', 'first', 'last')), e['tag_distinct']))
assert [o[1] for o in ours] == sorted(o[1] for o in ours) or mode != 'clock'
for o, t in zip(sorted(ours), sorted(rows)):
    for x, y in zip(o, t):
        assert x == y or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-9), (o, t)
assert len(ours) == len(rows) > 20, (len(ours), len(rows))
said = open('err').read()
assert int((re.findall('([0-9]+) late events in all', said) or [said.count('is late')])[0]) == len(late), (said, len(late))
PYTHON
}

# agrees FEED MODE SIZE EVERY LATENESS ZONE: with the reference; times in seconds.
agrees() {
    local options=()
    [ "$2" = clock ] && options=(--every "$4" --size "$3") || options=(--session "$3")
    pype-window "${options[@]}" --lateness "$5" --tz "$6" --late drop --by key count 'count(price)' 'sum(.price)' 'mean(price)' \
        'min(price)' 'max(price)' 'variance(price)' 'p90(price)' 'first(price)' 'last(price)' 'distinct(tag)' <"$1" >got 2>err
    "$PYTHON" reference.py "$2" "$3" "$4" "$5" "$6" <"$1"
}

@test "random events give the windows of a reference that works in another way" {
    write_reference
    local seed
    for seed in ${PYPE_SEEDS:-1 2}; do
        feed "$seed" 3000 7 20 >feed
        agrees feed clock 60 60 0 UTC
        agrees feed clock 60 60 20 UTC
        agrees feed clock 300 60 5 UTC
        agrees feed clock 21 7 3.5 UTC
        agrees feed session 5 0 0 UTC
        agrees feed session 5 0 20 UTC
        agrees feed session 2.5 0 3 UTC
    done
    # Half a year, with an hour that comes twice.
    feed 3 3000 3 20 | awk -F'[:,]' '{ sub(/"time":[0-9.]+/, sprintf("\"time\":%.3f", 1789000000 + ($2 - 1795392000) * 2000)); print }' >feed
    agrees feed clock 86400 86400 50000 Europe/Berlin
    agrees feed clock 259200 86400 10000 America/New_York
}

# --- kills ---

# crash KEYS OPTION…: window is killed over and over in the middle of a feed; the windows and the dead letters are those
# of an undisturbed run, to the byte.
crash() {
    local keys=$1 kills=${PYPE_KILLS:-12} i
    shift
    rm -rf go .pype flow.out flow.err dead-*
    feed 7 20000 "$keys" 10 >feed
    sed -i '500~700s/"price":[^,]*/"price":"none"/; 900~1100s/.*/not an event/' feed
    sh -c "pype-window --dead-letter dead-whole $*" <feed >whole 2>/dev/null || [ $? = 1 ]
    [ -s whole ]
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' "buffer: ${BUFFER:-256k}" <<END
source: cat feed
slow: {run: ./slow, ack: lines, from: source}
window: {run: "pype-window --dead-letter dead-killed $*", from: slow}
END
    run_flow
    wait_for lines flow.out 5
    for ((i = 0; i < kills; i++)); do
        kill_stage p.window
        sleep 0.0$((RANDOM % 10))
    done
    touch go
    flow_ends 20
    cmp whole flow.out
    cmp <(jq -c '.data | [.error, .line, .text]' dead-whole) <(jq -c '.data | [.error, .line, .text]' dead-killed)
}

@test "killed: windows of the clock that fit into a mark" {
    crash 5 --every 10s --lateness 5s --by key count "'mean(price)'" "'first(price)'" "'last(tag)'"
    run ! grep -q 'is lost if' flow.err
}

@test "killed: windows that overlap, many keys, too many for a mark, and a buffer that holds their events" {
    BUFFER=16M crash 300 --every 10s --size 60s --lateness 10s --by key count "'stddev(price)'" "'p90(price)'"
    run ! grep -q 'is lost if' flow.err
}

@test "killed: sessions of many keys, with late events passed on" {
    BUFFER=16M crash 100 --session 20s --lateness 5s --late pass --by key count "'last(price)'" "'top3(tag)'"
    run ! grep -q 'is lost if' flow.err
}

@test "killed: windows of so many events of many keys" {
    BUFFER=16M crash 100 --count 20 --by key "'sum(price)'" "'distinct(tag)'"
    run ! grep -q 'is lost if' flow.err
}

@test "killed: at the limit of open windows" {
    BUFFER=16M crash 300 --every 60s --max-keys 150 --late drop --by key count "'sum(price)'"
    run ! grep -q 'is lost if' flow.err
}
