# pype-cron: slots, zones, and the clock.

load lib
load flow

prepare() {
    cron=pype-cron
}

# times: the "time" of each event on stdin.
times() {
    sed -n 's/.*"time":\(-\{0,1\}[0-9.]*\).*/\1/p'
}

# waits PID: it waits for a slot.
waits() {
    grep -qF timerfd <(ls -l "/proc/$1/fd" 2>/dev/null) && grep -q S "/proc/$1/stat"
}

# ends PID: it ends soon, with 0.
ends() {
    wait_gone "$1" && wait "$1"
}

# gaps STEP: the steps between the numbers on stdin that are not STEP.
gaps() {
    awk -v step="$1" 'NR > 1 && ($1 - last - step > 1e-4 || last + step - $1 > 1e-4) { print $1 - last } { last = $1 }'
}

# --- history ---

@test "history is T, T + D, … below U, wherever T lies" {
    run -0 $cron --every 1m --from 30 --to 150
    [ "$output" = '{"event":"cron","time":30}
{"event":"cron","time":90}' ]
    run -0 $cron --every 250ms --from -0.5 --to 0.5
    [ "$(times <<<"$output" | xargs)" = "-0.5 -0.25 0 0.25" ]
    run -0 $cron --every 1h --from 5 --to 5
    [ "$output" = "" ]
    run -0 $cron --every 1h --from 5 --to 4
    [ "$output" = "" ]
    run -0 $cron --every 1h --from 2200-01-01 --to 2200-01-01T02:00
    [ "${#lines[@]}" = 2 ]
}

@test "history of intervals is where they begin, and --offset is taken away" {
    run -0 $cron --interval 5m --from 1000 --to 1600
    [ "$(times <<<"$output" | xargs)" = "1000 1300" ]
    run -0 $cron --interval 5m --offset 1000s --from 1000 --to 1600
    [ "$(times <<<"$output" | xargs)" = "0 300" ]
    run -0 $cron --every 2m --interval 5m --from 1000 --to 1600
    [ "$(times <<<"$output" | xargs)" = "1000 1000 1300 1300 1300" ]
    run -0 $cron --interval 1d --tz Europe/Berlin --from 2026-10-24 --to 2026-10-27
    [ "$(times <<<"$output" | xargs)" = "1792792800 1792879200 1792969200" ]
}

@test "history of a schedule, with --count and --to" {
    run -0 $cron --from 2026-11-23T10:00:00Z --to 2026-11-23T11:00:00Z '*/20 * * * *'
    [ "$(times <<<"$output" | xargs)" = "1795428000 1795429200 1795430400" ]
    run -0 $cron -n 2 --from 2026-11-23T10:00:01Z --to 2027-01-01 '*/20 * * * *'
    [ "$(times <<<"$output" | xargs)" = "1795429200 1795430400" ]
    run -0 $cron -n 0 --every 1s
    [ "$output" = "" ]
}

@test "history goes on live where it ends" {
    run -0 timeout 10 $cron --every 10m --from 2026-11-23T09:35:00Z --now 2026-11-23T10:00:00Z --speed max -n 5
    [ "$(times <<<"$output" | gaps 600)" = "" ]
    [ "$(times <<<"$output" | head -n 1)" = 1795426500 ]
    # All of the past at once, though --missed is once; then with the clock.
    start $cron --every 10ms --from now-1s --to now+1h --count 50 >at_once
    wait_gone "$PID"
    lines at_once 50
    start $cron --every 300ms --from now-3s --missed all >both
    wait_for lines both 13
    kill "$PID"
    [ "$(times <both | gaps 0.3)" = "" ]
}

@test "a million slots are a matter of a second" {
    SECONDS=0
    [ "$(timeout 20 $cron --every 1s --from 0 --to 1000000 | tail -n 1)" = '{"event":"cron","time":999999}' ]
    [ "$(timeout 20 $cron --tz Europe/Berlin --from 0 --to 1000000 '* * * * * *' | wc -l)" = 1000000 ]
    [ $SECONDS -lt 10 ]
}

# --- the event ---

@test "--data, --name, --bare and the source's name" {
    from='--every 1s --from 7 --to 8'
    run -0 $cron $from --data ' {"a": [1, 2]} ' --name tick
    [ "$output" = '{"event":"tick","time":7,"data":{"a":[1,2]}}' ]
    run -0 $cron $from --data '"x"' --bare
    [ "$output" = '"x"' ]
    run -0 $cron $from --bare
    [ "$output" = '{"time":7}' ]
    PYPE_NAME=p.s run -0 $cron $from
    [ "$output" = '{"event":"cron","time":7,"source":"p.s"}' ]
    run -2 $cron $from --data '{"a":}'
    [[ $output == *--data:* ]]
    run -2 $cron $from --data ''
    for name in '' 'a"b' 'a\b' $'a\nb' $'\xff'; do
        run -2 $cron $from --name "$name"
        [[ $output == *--name:* ]]
    done
    run -1 $cron $from --max-line 10
    [[ $output == *--max-line* ]]
}

@test "--meta says when it was due and fired, a number, and how many slots were left out" {
    run -0 $cron --every 1m --interval 5m --meta --data '"x"' -n 2 --now 2026-11-23T10:04:00Z --speed max
    [ "$output" = '{"event":"cron","time":1795428000,"data":{"scheduled":1795428300,"fired":1795428300,"seq":1,"missed":0,"data":"x"}}
{"event":"cron","time":1795428000,"data":{"scheduled":1795428360,"fired":1795428360,"seq":2,"missed":0,"data":"x"}}' ]
    run -0 $cron --every 1s --from 7 --to 8 --now 20.5 --speed max --meta --bare
    [ "$output" = '{"scheduled":7,"fired":20.5,"seq":1,"missed":0}' ]
}

# --- mistakes ---

@test "mistakes are named, with status 2" {
    run -2 $cron '0 25 * * *'
    [ "$output" = "pype-cron: fatal: schedule '0 25 * * *': hour: 25 is not in 0-23" ]
    run -2 $cron '0 0 31 2 *'
    [[ $output == *'never due'* ]]
    run -2 $cron
    [[ $output == *'nothing to do'* ]]
    run -2 $cron --list 3 --once
    run -2 $cron --every 1s '* * * * *'
    run -2 $cron --every 0
    run -2 $cron --interval 0s
    run -2 $cron --every -1s
    run -2 $cron @daily @weekly
    run -2 $cron --tz Mars/Olympus @daily
    [ "$output" = "pype-cron: fatal: --tz: there is no time zone 'Mars/Olympus'" ]
    run -2 $cron 'TZ=Mars/Olympus @daily'
    [[ $output == *"no time zone 'Mars/Olympus'"* ]]
    run -2 $cron --every 1s --from yesterday
    [[ $output == *"--from: 'yesterday' is not a time"* ]]
    run -2 $cron --every 1s --to 2026-11
    run -2 $cron --every 1s --stable-jitter x
    run -2 $cron --every 1s --once --state s
    run -2 $cron '0 0 0 29 2 * 2027'
    [[ $output == *'never due'* ]]
    run -2 $cron '0 0 0 1 1 * 1969'
    [[ $output == *'year: 1969 is not in 1970-2261'* ]]
    run -2 $cron '0 0 0 1 1 * 2030-2028'
    run -2 $cron --explain --once
    [ ! -e s ]
    run -2 $cron --every 1s --from 0 --once
    run -2 $cron --every 1s --from 0 --start-now
    for speed in 0 -1 x nan 1e9 ''; do
        run -2 $cron --every 1s --speed "$speed"
        [[ $output == *--speed:* ]]
    done
}

@test "PYPE_CHECK: mistakes are found, nothing is emitted" {
    export PYPE_CHECK=1
    run -0 timeout 5 $cron '*/5 * * * *'
    [ "$output" = "" ]
    run -0 timeout 5 $cron --once --data '{"a":1}'
    [ "$output" = "" ]
    run -2 $cron '*/5 * * *'
    run -2 $cron --data '{' --once
}

# --- zones ---

@test "a year of slots in zones whose clocks jump is what an independent reading of the rules gives" {
    [ -e /usr/share/zoneinfo/Europe/Berlin ]
    run -0 timeout 200 "$PYTHON" "$FIXTURES/cron_slots.py"
    [[ $output == *', 0 wrong' ]]
}

@test "--list shows when, in the zone; --dst" {
    list="$cron --tz Europe/Berlin --list 3"
    run -0 $list --now 2026-03-28 '30 2 * * *'
    [ "$output" = '2026-03-28T02:30:00+01:00
2026-03-29T03:00:00+02:00
2026-03-30T02:30:00+02:00' ]
    run -0 $list --now 2026-03-28 --dst skip '30 2 * * *'
    [ "${lines[1]}" = 2026-03-30T02:30:00+02:00 ]
    run -0 $list --now 2026-10-24T12:00 '30 2 * * *'
    [ "${lines[0]} ${lines[1]}" = '2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00' ]
    run -0 $list --now 2026-10-24T12:00 --dst both '30 2 * * *'
    [ "${lines[0]} ${lines[1]}" = '2026-10-25T02:30:00+02:00 2026-10-25T02:30:00+01:00' ]
    run -0 $list --now 2026-10-25T02:20 '*/30 * * * *'
    [ "${lines[*]}" = '2026-10-25T02:30:00+02:00 2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00' ]
    run -0 $list --now 2026-10-25T01:00 --every 1h
    [ "${lines[*]}" = '2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00' ]
    run -0 $list --now 2026-10-24T01:00 --every 1d
    [ "${lines[*]}" = '2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00 2026-10-27T00:00:00+01:00' ]
    run -0 $list --now 2026-11-23T12:00 --every 2w
    [ "${lines[*]}" = '2026-11-30T00:00:00+01:00 2026-12-14T00:00:00+01:00 2026-12-28T00:00:00+01:00' ]
    run -0 $list --from 2026-11-23 --to 2026-11-25 @daily
    [ "${lines[*]}" = '2026-11-23T00:00:00+01:00 2026-11-24T00:00:00+01:00' ]
    run -0 $list --now 2026-11-23T12:00 --interval 1h --offset 3h
    [ "${lines[0]}" = 2026-11-23T13:00:00+01:00 ]
    TZ=Asia/Kathmandu run -0 $cron --list 1 --now 2026-11-23 @hourly
    [ "$output" = 2026-11-23T01:00:00+05:45 ]
    run -0 $cron --list 1 --now 2026-11-23T00:00Z 'CRON_TZ=Asia/Kathmandu @hourly'
    [ "$output" = 2026-11-23T06:00:00+05:45 ]
}

@test "seven fields name years" {
    run -0 $cron --list 9 --now 2026-11-23 '0 30 9 1 1 * 2028-2030,2033'
    [ "$(cut -c -4 <<<"$output" | xargs)" = "2028 2029 2030 2033" ]
    run -0 $cron --list 2 --now 2026-11-23 '0 0 0 29 2 ? 2032/8'
    [ "$(cut -c -10 <<<"$output" | xargs)" = "2032-02-29 2040-02-29" ]
    # It will not be due any more.
    run -0 timeout 10 $cron '0 0 0 1 1 * 2020'
    [ "$output" = "" ]
}

@test "--explain says it in words" {
    run -0 $cron --tz Europe/Berlin --now 2026-03-28T12:00 --explain '15,45 */30 2-4 L-2,15W,LW * FRI#2,7L 2026-2028'
    [ "$output" = 'second: 15, 45
minute: 0, 30
hour: 2-4
day of month: 2 before the last, the last working day, the working day nearest to 15
month: every
weekday: the last SUN, the second FRI
year: 2026-2028
days: those that match the day of month or the weekday
local time that the clock jumps over: due at the end of the jump
local time that the clock shows twice: due the first time
next: 2026-03-29T03:00:00+02:00 Sunday
next: 2026-03-29T03:00:15+02:00 Sunday
next: 2026-03-29T03:00:45+02:00 Sunday' ]
    run -0 $cron --now 2026-11-23T10:02 --explain --list 1 --interval 5m
    [ "$output" = 'every: 5m, counted from 1970-01-01T00:00:00+00:00
time of an event: the start of the last 5m that are over
next: 2026-11-23T10:05:00+00:00 Monday' ]
    run -0 $cron --tz Europe/Berlin --dst skip --now 2026-11-23 --explain --list 1 '@every 1d'
    [ "$output" = 'every: 1d of the local calendar, at midnight
local time that the clock jumps over: left out
local time that the clock shows twice: due the first time
next: 2026-11-24T00:00:00+01:00 Tuesday' ]
    run -0 $cron --explain '*/5 * 13 * FRI'
    [ "${lines[6]}" = 'days: those that match the day of month or the weekday' ]
    [[ ${lines[7]} == 'where the clock is changed: whenever it shows such a time' ]]
}

# --- the clock ---

@test "live slots are aligned to the clock and come in time" {
    run -0 timeout 10 bash -c "$cron --every 100ms --missed all -n 8 | '$PYTHON' -c '
import json, sys, time
for line in sys.stdin:
    slot, now = json.loads(line)[\"time\"], time.time()
    print(round(slot * 10) == slot * 10, -0.001 < now - slot < 0.09, slot)'"
    [ "${#lines[@]}" = 8 ]
    [ "$(grep -c '^True' <<<"$output")" = 8 ]
    [ "$(grep -c '^True True' <<<"$output")" -ge 5 ]
    [ "$(awk '{ print $3 }' <<<"$output" | gaps 0.1)" = "" ]
}

@test "an interval comes when it is over" {
    run -0 timeout 10 bash -c "date +%s.%N; $cron --interval 200ms -n 1; date +%s.%N"
    time=$(times <<<"${lines[1]}")
    # It may take long to start; a clock of our own, below, shows that none is left out.
    awk -v a="${lines[0]}" -v t="$time" -v b="${lines[2]}" 'BEGIN { exit !(t + 0.2 >= a && b >= t + 0.2) }'
    run -0 $cron --interval 5m -n 2 --now 2026-11-23T10:02:00Z --speed max
    [ "$(times <<<"$output" | xargs)" = "1795428000 1795428300" ]
    run -0 $cron --every 1m --interval 5m -n 6 --now 2026-11-23T10:04:00Z --speed max
    [ "$(times <<<"$output" | uniq -c | xargs)" = "5 1795428000 1 1795428300" ]
    run -0 $cron --interval 5m --offset 1h -n 1 --now 2026-11-23T10:02:00Z --speed max
    [ "$(times <<<"$output")" = 1795424400 ]
}

@test "--once: now, or the slot that has come last" {
    before=$(date +%s)
    run -0 $cron --once
    now=$(times <<<"$output")
    awk -v a="$before" -v t="$now" -v b="$(date +%s.%N)" 'BEGIN { exit !(a <= t && t <= b) }'
    run -0 $cron --once --every 1h --now 2026-11-23T10:20:00Z
    [ "$output" = '{"event":"cron","time":1795428000}' ]
    run -0 $cron --once --interval 1h --now 2026-11-23T10:20:00Z
    [ "$output" = '{"event":"cron","time":1795424400}' ]
    run -0 $cron --once --now 2026-11-23T10:20:00Z '0 9 * * *'
    [ "$output" = '{"event":"cron","time":1795424400}' ]
    run -0 $cron --start-now --now 2026-11-23T10:20:00Z --speed max -n 2 '0 9 * * *'
    [ "$(times <<<"$output" | xargs)" = "1795424400 1795510800" ]
}

@test "a made-up clock runs as fast as it is told to" {
    run -0 timeout 10 $cron --every 10m --now 2026-11-23T10:00:00Z --speed 6000 --missed all -n 3
    [ "$(times <<<"$output" | xargs)" = "1795428600 1795429200 1795429800" ]
    run -0 timeout 10 $cron --now 2026-11-23T10:00:00Z --speed max --to 2028-01-01 @yearly
    [ "$(times <<<"$output" | xargs)" = "1798761600" ]
    run -0 timeout 10 $cron --every 1s --now 2026-11-23T10:00:00.5Z --speed 2 --missed all --to 2026-11-23T10:00:03Z
    [ "$(times <<<"$output" | xargs)" = "1795428001 1795428002" ]
}

# stopped MISSED: a slot passes while the program is stopped; for 3 made-up seconds or more.
stopped() {
    start $cron --now 2026-11-23T09:59:50Z --speed 10 --missed "$1" "${@:2}" '0 10 * * *' >out 2>err
    wait_for waits "$PID"
    kill -STOP "$PID"
    sleep 1.4
    kill -CONT "$PID"
}

@test "a slot that passed while the program was stopped: --missed=once and all emit it" {
    for missed in once all; do
        stopped $missed
        wait_for lines out 1
        [ "$(cat out)" = '{"event":"cron","time":1795428000}' ]
        [ ! -s err ]
        kill "$PID"
        ends "$PID"
    done
}

@test "a slot that passed while the program was stopped: --missed=skip leaves it out and says so" {
    # The past that --from asks for is not missed, what comes after it may be.
    stopped skip --from 2026-11-21T12:00
    wait_for has err 'slots were missed: those from 2026-11-23T10:00:00+00:00 to before 2026-11-24T10:00:00+00:00'
    kill "$PID"
    ends "$PID"
    [ "$(cat out)" = '{"event":"cron","time":1795341600}' ]
}

@test "slots that pass while the pipe is full: --missed=all emits each, once the last of them" {
    data="\"$(head -c 99900 /dev/zero | tr '\0' x)\""
    for missed in all once; do
        timeout 10 $cron --every 10ms -n 40 --missed $missed --data "$data" 2>$missed.err |
            (sleep 0.7 && cut -c -60 | times) >$missed
        lines $missed 40
    done
    [ "$(gaps 0.01 <all)" = "" ]
    [ ! -s all.err ]
    [ "$(gaps 0.01 <once)" != "" ]
    has once.err 'pype-cron: warning: slots were missed: those from '
}

@test "--jitter puts off the event, not its time, and not up to the next slot" {
    run -0 timeout 10 bash -c "$cron --every 100ms --jitter 1h --missed all -n 8 | '$PYTHON' -c '
import json, sys, time
for line in sys.stdin:
    print(json.loads(line)[\"time\"], round(time.time() - json.loads(line)[\"time\"], 4))'"
    [ "${#lines[@]}" = 8 ]
    [ "$(awk '{ print $1 }' <<<"$output" | gaps 0.1)" = "" ]
    # By chance: not all of them within 15 ms.
    [ "$(awk '$2 > 0.015' <<<"$output" | wc -l)" -ge 2 ]
}

@test "--stable-jitter: the same for the same key" {
    local key
    for key in a a b c d; do
        $cron --every 200ms --jitter 190ms --stable-jitter $key --missed all --meta --bare -n 3 |
            pype-jq -r '(.fired - .scheduled) * 1000 | floor' >>delays
    done
    # The earliest of three is near to what it is to be, however busy the machine is.
    paste - - - <delays | awk '{ m = $1; for (i = 2; i <= 3; i++) if ($i < m) m = $i; print m }' >least
    awk 'NR == 1 { a = $1 } NR == 2 { exit !($1 - a < 40 && a - $1 < 40) }' least
    [ "$(awk '{ print int($1 / 20) }' least | sort -u | wc -l)" -ge 2 ]
}

# --- the place ---

@test "--state: the next run goes on where the one before ended, and --missed decides about the slots between" {
    local state="--state s --now 2026-11-23T09:30:00Z --speed max"
    run -0 $cron $state -n 2 @hourly
    [ "$(times <<<"$output" | xargs)" = "1795428000 1795431600" ]
    for missed in all once skip; do
        cp s s.$missed
        run_split -0 $cron --state s.$missed --now 2026-11-23T15:20:00Z --speed max --missed $missed --meta -n 1 @hourly
        echo "$output" >$missed.out
        echo "$stderr" >$missed.err
    done
    [ "$(times <all.out)" = 1795435200 ]
    [ "$(times <once.out)" = 1795446000 ]
    [ "$(times <skip.out)" = 1795449600 ]
    [ "$(sed 's/.*"seq":\([0-9]*\),"missed":\([0-9]*\).*/\1 \2/' all.out once.out skip.out | xargs)" = "3 0 3 3 3 4" ]
    has once.err 'slots were missed: those from 2026-11-23T12:00:00+00:00 to before 2026-11-23T15:00:00+00:00'
    # Nothing is due: the next run waits, and what passes before it is not forgotten.
    run -0 $cron --state new --now 2026-11-23T09:30:00Z --to now @hourly
    [ "$output" = "" ]
    run -0 $cron --state new --now 2026-11-23T10:30:00Z --to now @hourly
    [ "$(times <<<"$output")" = 1795428000 ]
    run -0 $cron --state new --now 2026-11-23T10:40:00Z --to now @hourly
    [ "$output" = "" ]
}

@test "--state: killed with -9, at most the slots of a second come again, and none is lost" {
    local i
    for i in 1 2 3 4 5; do
        start $cron --every 50ms --missed all --state s >out.$i
        wait_for lines out.$i 4
        kill -9 "$PID"
        wait_gone "$PID"
    done
    cat out.? | times | sort -n -u | gaps 0.05 >lost
    [ ! -s lost ]
    [ "$(cat out.? | times | sort -n | uniq -d | wc -l)" -le $((4 * 21)) ]
    run -2 $cron --state out.1 --every 1s
    [[ $output == *'does not hold a place'* ]]
}

@test "--state: one process at a time" {
    start $cron --state s @yearly
    wait_for [ -s s ]
    run -1 timeout 10 $cron --state s @yearly
    [[ $output == *'in use by another process'* ]]
}

@test "exact: killed with -9 again and again, with --missed all every slot comes once; before the first one, too" {
    local i
    stages 'restart: {limit: 1000, min: 1ms, max: 5ms}' 'buffer: 4k' <<END
source: pype-cron --every 10ms --missed all --meta
csv: {run: "pype-csv -o out.csv time seq=data.seq missed=data.missed", from: source}
END
    run_flow
    for ((i = 0; i < ${CRASHES:-50}; i++)); do
        kill_stage p.source
        sleep 0.0$((RANDOM % 3))
    done
    grows out.csv
    pype stop
    flow_ends
    [ "$status" -eq 0 ]
    sed 1d out.csv | cut -d, -f1 | gaps 0.01 >wrong
    [ ! -s wrong ]
    sed 1d out.csv | awk -F, '$2 != NR || $3 != 0 { exit 1 }'
    happened p.source failed "${CRASHES:-50}"
}

@test "exact: a slot that passes while no process is there, before any other, is missed, not forgotten" {
    stages 'restart: {limit: 1000, min: 3s, max: 3s}' <<END
source: pype-cron --missed all -n 2 '*/2 * * * * *'
csv: {run: pype-csv -o out.csv time, from: source}
END
    run_flow
    wait_for runs p.source
    wait_for waits "$(pid_of p.source)"
    # The first restart is at once, the second after 3 s.
    kill_stage p.source
    wait_for waits "$(pid_of p.source)"
    kill -9 "$(pid_of p.source)"
    flow_ends 20
    [ "$status" -eq 0 ]
    sed 1d out.csv | gaps 2 >wrong
    [ ! -s wrong ]
    begun=$(sed -n 's/.*"started","time":\([0-9.]*\),"source":"p.source".*/\1/p' .pype/events.ndjson | head -n 1)
    awk -v begun="$begun" 'NR == 2 { exit !($1 > begun && $1 < begun + 2.9) }' out.csv
}

@test "it ends with 0 when it is told to, also while waiting" {
    for signal in TERM INT HUP; do
        # bash starts what runs in the background with SIGINT ignored.
        start env --default-signal=INT,HUP $cron --start-now @yearly >out
        wait_for waits "$PID"
        lines out 1
        kill -$signal "$PID"
        ends "$PID"
    done
    start $cron --every 1us --from 2000-01-01 --to 2026-01-01 >/dev/null
    sleep 0.2
    kill "$PID"
    ends "$PID"
}

@test "it ends with 0 when its reader has gone, also while waiting" {
    run -0 timeout 10 bash -c "$cron @yearly | sleep 0.2; exit \${PIPESTATUS[0]}"
    [ "$output" = "" ]
    run -0 timeout 10 bash -c "$cron --every 1s --from 0 --to 100000000 | head -n 1; exit \${PIPESTATUS[0]}"
    [ "$output" = '{"event":"cron","time":0}' ]
    run -1 bash -c "$cron --every 1s --from 0 --to 10 >/dev/full"
    [[ $output == *'cannot write'* ]]
}

@test "it sleeps while it waits" {
    start $cron @yearly
    wait_for waits "$PID"
    switches() { sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$PID/status"; }
    before=$(switches)
    sleep 0.5
    [ "$(switches)" = "$before" ]
}
