# pype-tail: files that grow, are rotated, cut, removed; places that are kept.

load lib
load flow

prepare() {
    tail=pype-tail
    # writer FILE LINES KIND: the numbers up to LINES, each a line; now and then FILE is rotated. Then there is ./done.
    cat >writer <<'END'
#!/usr/bin/python3
import gzip, os, random, shutil, sys, time

path, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
seed = int(os.environ.get("SEED", time.time_ns() % 100000))
print("seed", seed, file=sys.stderr)
random.seed(seed)

def shift():
    numbers = [int(n.split(".")[2]) for n in os.listdir(".") if n.startswith(path + ".")]
    for n in sorted(set(numbers), reverse=True):
        for end in ("", ".gz"):
            if os.path.exists(f"{path}.{n}{end}"):
                os.rename(f"{path}.{n}{end}", f"{path}.{n + 1}{end}")

def compress(old):
    if not os.path.exists(old):
        return
    with open(old, "rb") as source, gzip.open(old + ".gz", "wb") as target:
        shutil.copyfileobj(source, target)
    times = os.stat(old)
    os.utime(old + ".gz", ns=(times.st_atime_ns, times.st_mtime_ns))
    os.unlink(old)

file = open(path, "a", buffering=1)
number = 0

def write(lines):
    global number
    for _ in range(min(lines, count - number)):
        number += 1
        file.write(f"{number}\n")

while number < count:
    write(random.randint(1, 40))
    time.sleep(random.random() * 0.004)
    if random.random() > 0.04:
        continue
    shift()
    if kind == "copy":
        shutil.copyfile(path, path + ".1")
        os.truncate(path, 0)
        continue
    os.rename(path, path + ".1")
    if kind == "late":
        write(7)
    file.close()
    file = open(path, "a", buffering=1)
    if kind == "gzip":
        compress(path + ".2")
open("done", "w").close()
END
    chmod +x writer
}

# data: the data of the events on stdin, one a line.
data() {
    sed 's/.*"data"://; s/}$//; s/^"\(.*\)"$/\1/'
}

# counted FILE N: the numbers up to N, each once, in order.
counted() {
    data <"$1" | cmp - <(seq "$2")
}

# follows [OPTION…] OPERAND…: runs it, output to ./out; it has made its first scan.
follows() {
    # bash starts what runs in the background with SIGINT ignored.
    start env --default-signal=INT,HUP $tail -v "$@" >out 2>err
    TAIL=$PID
    wait_for waits "$TAIL"
}

# waits PID: it has opened what tells it of changes, and waits.
waits() {
    grep -q inotify <(ls -l "/proc/$1/fd" 2>/dev/null) && grep -q ') S ' "/proc/$1/stat"
}

# ends: it ends now, with status 0.
ends() {
    kill "$TAIL"
    wait_gone "$TAIL"
    wait "$TAIL"
}

# --- the event ---

@test "a line is an event: name, time, file, data" {
    printf 'one\ntw"o\n\nlast' >a.log
    run -0 $tail --once a.log
    [[ ${lines[0]} =~ ^'{"event":"line","time":'1[0-9]{9}(\.[0-9]{1,6})?',"file":"a.log","data":"one"}'$ ]]
    [ "$(data <<<"$output")" = $'one\ntw\\"o\n\nlast' ]
    PYPE_NAME=p.s run -0 $tail --once --offset --name entry a.log
    [[ ${lines[1]} == '{"event":"entry","time":'*',"source":"p.s","file":"a.log","offset":4,"data":"tw\"o"}' ]]
    run -0 $tail --once --bare a.log
    [ "$output" = $'"one"\n"tw\\"o"\n""\n"last"' ]
}

@test "a carriage return before the newline and a byte order mark are no part of the line" {
    printf '\xef\xbb\xbfa\r\n\xef\xbb\xbfb\rc\n' >a.log
    run -0 $tail --once --bare a.log
    [ "$output" = $'"a"\n"\xef\xbb\xbfb\\rc"' ]
}

@test "--json: the line is the data" {
    printf '{"a":1}\n  [1, 2] \r\n\n7\n{"a":}\nx y\n' >a.log
    run_split -1 $tail --once --json --bare --dead-letter dead a.log
    [ "$output" = $'{"a":1}\n[1, 2]\n7' ]
    [ "$stderr" = "pype-tail: error: 'a.log' at 22: not JSON: expected a value at column 6
pype-tail: error: 'a.log' at 29: not JSON: expected a value at column 1" ]
    [ "$(pype-jq -r .data.text dead)" = $'{"a":}\nx y' ]
    run -0 $tail --once --json --bare --no-match pass a.log
    [ "${lines[3]}" = '"{\"a\":}"' ]
    run -0 $tail --once --json --bare --no-match drop a.log
    [ "${#lines[@]}" = 3 ]
}

@test "--regex: the named groups are the data" {
    printf 'GET /x 200\nPOST /y\nnothing\n' >a.log
    run_split -1 $tail --once --bare --dead-letter dead --regex '^(?<method>[A-Z]+) (?<path>\S+)( (?<status>\d+))?' a.log
    [ "$output" = '{"method":"GET","path":"/x","status":"200"}
{"method":"POST","path":"/y"}' ]
    [ "$stderr" = "pype-tail: error: 'a.log' at 19: does not match --regex" ]
    [ "$(pype-jq -r .data.text dead)" = nothing ]
    run -0 $tail --once --bare --no-match pass --regex '^(?<method>[A-Z]+) ' a.log
    [ "${lines[2]}" = '"nothing"' ]
    # What would take for ever is given up.
    printf '%s\n' "$(printf 'a%.0s' {1..60})" >b.log
    run_split -1 timeout 10 $tail --once --regex '^(?<x>(a+)+)$(?<!a)b' b.log
    [[ $stderr == *"gave up"* || $stderr == *"does not match"* ]]
}

@test "--invalid: what is not UTF-8" {
    printf 'a\n\xe9t\xe9\nb\n' >a.log
    run_split -1 $tail --once --bare --dead-letter dead a.log
    [ "$output" = $'"a"\n"b"' ]
    [ "$stderr" = "pype-tail: error: 'a.log' at 2: not UTF-8 at column 1" ]
    [ "$(pype-jq -r .data.base64 dead | base64 -d)" = $'\xe9t\xe9' ]
    run -0 $tail --once --bare --invalid replace a.log
    [ "${lines[1]}" = $'"\xef\xbf\xbdt\xef\xbf\xbd"' ]
    run -0 $tail --once --invalid base64 a.log
    [[ ${lines[1]} == *'"file":"a.log","encoding":"base64","data":"6XTp"}' ]]
}

@test "records of several lines" {
    printf ' x\nA\n b\n c\nB\nC\n d' >a.log
    for option in '--multiline-start ^\S' '--multiline-continue ^\s'; do
        # shellcheck disable=SC2086 # words
        run -0 $tail --once --bare $option a.log
        [ "$output" = '" x"
"A\n b\n c"
"B"
"C\n d"' ]
    done
    run -0 $tail --once --bare --multiline-continue '^\s' --multiline-lines 2 a.log
    [ "$output" = $'" x"\n"A\\n b"\n" c"\n"B"\n"C\\n d"' ]
    run -0 $tail --once --bare --multiline-continue '^\s' --multiline-size 5 a.log
    [ "$output" = $'" x"\n"A\\n b"\n" c"\n"B"\n"C\\n d"' ]
    printf '{"a":\n 1}\n{"a":\n\n2}\n' >j.log
    run -0 $tail --once --bare --json --multiline-start '^\{' j.log
    [ "$output" = $'{"a":1}\n{"a":2}' ]
}

@test "a record that has no end yet ends after --multiline-timeout" {
    : >a.log
    follows --bare --multiline-start '^\S' --multiline-timeout 300ms a.log
    printf 'A\n b\n' >>a.log
    wait_for lines out 1
    printf ' c\nB\n d\n e' >>a.log
    wait_for lines out 3
    echo >>a.log
    wait_for lines out 4
    [ "$(cat out)" = $'"A\\n b"\n" c"\n"B\\n d"\n" e"' ]
    ends
}

# --- where it begins, what is a line ---

@test "--from: at the end, which is no half line, or at the start" {
    printf 'old\nha' >a.log
    follows --bare a.log
    echo lf >>a.log
    wait_for lines out 1
    [ "$(cat out)" = '"half"' ]
    ends
    follows --bare --from start a.log
    wait_for lines out 2
    [ "$(cat out)" = $'"old"\n"half"' ]
    ends
    run -0 $tail --once --from end --bare a.log
    [ "$output" = "" ]
}

@test "a line without newline waits for it, or for --line-timeout" {
    : >a.log
    follows --bare a.log
    printf one >>a.log
    sleep 0.3
    [ ! -s out ]
    printf 'two\nthree' >>a.log
    wait_for lines out 1
    [ "$(cat out)" = '"onetwo"' ]
    ends
    follows --bare --from start --line-timeout 200ms a.log
    wait_for lines out 2
    [ "$(cat out)" = $'"onetwo"\n"three"' ]
    ends
}

@test "a file that is not there yet, its folder neither" {
    follows --bare sub/dir/a.log
    has err "cannot read 'sub/dir/a.log': No such file or directory; trying again"
    mkdir -p sub/dir
    echo one >sub/dir/a.log
    wait_for lines out 1
    # Removed with its folder, and made again.
    rm -r sub
    mkdir -p sub/dir
    echo two >sub/dir/a.log
    wait_for lines out 2
    echo three >>sub/dir/a.log
    wait_for lines out 3
    [ "$(cat out)" = $'"one"\n"two"\n"three"' ]
    ends
}

@test "globs find files that come later, in folders that come later" {
    mkdir -p d/a
    echo old >d/a/x.log
    follows --bare --exclude '*.tmp.log' 'd/*/x*.log' 'e/**/y.log'
    echo 1 >>d/a/x.log
    wait_for lines out 1
    echo 2 >d/a/x2.log
    wait_for lines out 2
    mkdir d/b
    echo 3 >d/b/x3.log
    wait_for lines out 3
    echo 0 >d/b/x.tmp.log
    mkdir -p e/f/g
    echo 4 >e/f/g/y.log
    wait_for lines out 4
    echo 5 >e/y.log
    wait_for lines out 5
    echo 6 >>d/b/x3.log
    wait_for lines out 6
    [ "$(cat out)" = "$(seq -f '"%g"' 6)" ]
    ends
}

@test "--once reads what a glob matches by age, operands in their order" {
    for n in 3 1 2; do echo $n >a.$n; touch -d "2026-01-0$n" a.$n; done
    echo 0 >first
    run -0 $tail --once --bare first 'a.*' first
    [ "$output" = $'"0"\n"1"\n"2"\n"3"' ]
    run_split -1 $tail --once --bare nothing first 'none*'
    [ "$output" = '"0"' ]
    [ "$stderr" = "pype-tail: error: cannot read 'nothing': No such file or directory" ]
    run_split -1 $tail --once --bare .
    [ "$stderr" = "pype-tail: error: cannot read '.': Is a directory" ]
}

@test "--poll sees all of it, too" {
    : >a.log
    start $tail --poll 20ms --from start a.log >out 2>err
    TAIL=$PID
    ./writer a.log 2000 rename 2>seed
    wait_for counted out 2000
    ends
}

# --- rotation, cutting, removing ---

@test "rotated in the middle of writing: every line once" {
    local kind
    for kind in rename late gzip copy; do
        rm -f a.log* done
        : >a.log
        follows a.log
        ./writer a.log 4000 $kind 2>seed
        wait_for lines out 4000
        counted out 4000 || {
            cat seed
            false
        }
        ls a.log.[1-9]* >/dev/null
        ends
    done
}

@test "rotated again while the folder is looked through: every line once, in order" {
    : >a.log
    follows a.log
    # Each burst comes upon a scan that the one before has not set off.
    "$PYTHON" - <<'END'
import os, random, time
number = 0
for burst in range(40):
    for _ in range(3):
        with open("a.log", "a") as file:
            for _ in range(20):
                number += 1
                file.write(f"{number}\n")
            file.flush()
            time.sleep(random.uniform(0.001, 0.008))
        for old in range(130, 0, -1):
            if os.path.exists(f"a.log.{old}"):
                os.rename(f"a.log.{old}", f"a.log.{old + 1}")
        os.rename("a.log", "a.log.1")
        open("a.log", "a").close()
    time.sleep(0.05)
END
    wait_for lines out 2400
    counted out 2400
    ends
}

@test "with a glob that the rotated ones match as well" {
    local kind
    for kind in rename gzip; do
        rm -f a.log* done
        : >a.log
        follows 'a.log*'
        ./writer a.log 4000 $kind 2>seed
        wait_for lines out 4000
        sleep 1.3 # what has just been compressed is looked at after a second
        data <out | sort -n | cmp - <(seq 4000) || {
            cat seed
            false
        }
        ends
    done
}

@test "a file that is cut is read from its start, and that is said" {
    seq 5 >a.log
    follows --bare --from start a.log
    wait_for lines out 5
    echo x >a.log
    wait_for lines out 6
    has err "warning: 'a.log' has been truncated or written anew: reading it from its start"
    # Written anew and longer than before, between two looks.
    kill -STOP "$TAIL"
    seq 100 120 >a.log
    kill -CONT "$TAIL"
    wait_for lines out 27
    [ "$(tail -n 22 out)" = "$(printf '"%s"\n' x $(seq 100 120))" ]
    ends
}

@test "removed and made again, with what was not read yet" {
    : >a.log
    follows --bare --rotate-wait 100ms a.log
    kill -STOP "$TAIL"
    seq 3 >>a.log
    rm a.log
    seq 4 6 >a.log
    kill -CONT "$TAIL"
    wait_for lines out 6
    [ "$(cat out)" = "$(seq -f '"%g"' 6)" ]
    wait_for has err 'is let go'
    [ "$(ls -l /proc/"$TAIL"/fd | grep -c 'a.log')" = 1 ]
    ends
}

@test "a file that is replaced by a longer copy of itself is gone on with" {
    seq 1000 >a.log
    follows --bare --state state a.log
    { cat a.log; echo more; } >copy
    mv copy a.log
    wait_for lines out 1
    ends
    { cat a.log; echo again; } >copy
    mv copy a.log
    run -0 $tail --once --bare --state state a.log
    [ "$(cat out)" = '"more"' ]
    [ "$output" = '"again"' ]
}

@test "a glob does not lead to what it writes itself" {
    mkdir d
    cd d
    echo '{}' >a.log
    echo bad >>a.log
    start $tail --from start --json --state state --dead-letter dead '*' >out 2>/dev/null
    wait_for lines out 1
    wait_for lines dead 1
    sleep 1.5
    [ "$(wc -l <out)" = 1 ]
    [ "$(wc -l <dead)" = 1 ]
}

@test "a symbolic link that leads elsewhere" {
    mkdir far
    echo old >far/1
    ln -s far/1 a.log
    follows --bare a.log
    echo one >>far/1
    wait_for lines out 1
    echo two >far/2
    ln -sfn far/2 a.log
    wait_for lines out 2
    # Its target is replaced in a folder that nobody named.
    mv far/2 far/3
    echo three >>far/3
    echo four >far/2
    wait_for lines out 4
    [ "$(sort out)" = $'"four"\n"one"\n"three"\n"two"' ]
    ends
}

@test "what cannot be read is said, and tried again, and the others go on" {
    ln -s loop loop
    : >a.log
    follows --bare loop a.log
    has err "cannot read 'loop': Too many levels of symbolic links; trying again"
    echo one >>a.log
    wait_for lines out 1
    rm loop
    echo two >loop
    wait_for lines out 2
    [ "$(cat out)" = $'"one"\n"two"' ]
    [ "$(grep -c 'cannot read' err)" = 1 ]
    ends
    rm loop
    ln -s loop loop
    run_split -1 $tail --once --bare loop a.log
    [ "$output" = '"one"' ]
}

@test "a file without permission is said, and read when it may be" {
    [ "$(id -u)" != 0 ] || skip "root may read everything"
    echo one >a.log
    chmod 0 a.log
    follows --bare a.log
    has err "Permission denied"
    chmod 600 a.log
    wait_for lines out 1
    ends
}

# --- compressed files ---

@test "gzip files: members one after another, cut, damaged" {
    seq 5000 >n
    gzip -k n
    run -0 $tail --once --bare n.gz
    [ "$output" = "$(seq -f '"%g"' 5000)" ]
    cat n.gz n.gz >two.gz
    [ "$($tail --once --bare two.gz | wc -l)" = 10000 ]
    head -c 6000 n.gz >cut.gz
    run_split -1 $tail --once --bare cut.gz
    [ "$stderr" = "pype-tail: error: cannot decompress 'cut.gz' behind $(zcat cut.gz 2>/dev/null | wc -c) bytes: the end is missing" ]
    [ "${lines[100]}" = '"101"' ]
    { head -c 3000 n.gz; printf 'xxxxxxxx'; tail -c +3009 n.gz; } >bad.gz
    run_split -1 $tail --once --bare bad.gz
    [[ $stderr == *"cannot decompress 'bad.gz'"* ]]
    { cat n.gz; head -c 100 /dev/zero; } >padded.gz
    run_split -0 $tail --once --bare padded.gz
    [ "$stderr" = "" ]
    { cat n.gz; echo something; } >more.gz
    run_split -0 $tail --once --bare more.gz
    [[ $stderr == *"behind the compressed data is something else: ignored"* ]]
}

@test "a gzip file that comes is read as a whole, once it is whole; what was there is passed over" {
    seq 10 | gzip >old.gz
    touch -d '1 hour ago' old.gz
    follows --bare '*.gz'
    seq 20000 | gzip >new
    head -c 5000 new >new.gz
    tail -c +5001 new >>new.gz
    wait_for lines out 20000
    [ "$(cat out)" = "$(seq -f '"%.0f"' 20000)" ]
    seq 5 | gzip >>new.gz
    wait_for lines out 20005
    ends
}

# --- long lines ---

@test "a line over --max-line goes to the dead letters whole, and the others go on" {
    { echo a; head -c 3000000 /dev/zero | tr '\0' x; echo; echo b; } >a.log
    gzip -k a.log
    for file in a.log a.log.gz; do
        rm -f dead
        run_split -1 $tail --once --bare --max-line 1M --dead-letter dead $file
        [ "$output" = $'"a"\n"b"' ]
        [[ $stderr == "pype-tail: error: '$file' at 2: a line "*"is longer than 1M (--max-line)" ]]
        [ "$(pype-jq -r .data.base64 dead | base64 -d | md5sum)" = "$(sed -n 2p a.log | tr -d '\n' | md5sum)" ]
    done
}

@test "a line without end does not grow the memory" {
    printf 'a\n' >a.log
    follows --bare --from start --max-line 1M --dead-letter dead a.log
    wait_for lines out 1
    head -c 100000000 /dev/zero | tr '\0' x >>a.log
    wait_for has err 'has no end yet'
    [ "$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$TAIL/status")" -lt $([ -z "$PYPE_SAN" ] && echo 20000 || echo 400000) ]
    printf '\nb\n' >>a.log
    wait_for lines out 2
    [ "$(cat out)" = $'"a"\n"b"' ]
    [ "$(wc -c <dead)" -gt 130000000 ]
    kill "$TAIL"
    wait_gone "$TAIL"
}

# --- places ---

@test "--state: the next run goes on where the last one ended, whatever was rotated meanwhile" {
    local kind order
    for kind in rename late gzip copy; do
        rm -f a.log* done state*
        echo 0 >a.log
        $tail --once --state state a.log >all
        ./writer a.log 4000 $kind 2>seed &
        # For a moment there may be no such file.
        while [ ! -e done ]; do $tail --once --state state --from start a.log >>all 2>>err || true; done
        wait $!
        $tail --once --state state a.log >>all
        # Of several copies that were cut one after the other in an instant the order is not promised.
        case $kind in copy) order='sort -n' ;; *) order=cat ;; esac
        diff <(seq 0 4000) <(data <all | $order) >difference || {
            echo "$kind, $(cat seed)"
            grep -E '^[0-9]' difference
            cat err
            false
        }
    done
}

@test "--state: kill -9 repeats events of a second at most, and loses none" {
    : >a.log
    ./writer a.log 15000 rename 2>seed &
    while [ ! -e done ]; do
        start $tail --state state --from start a.log >>all 2>>err
        TAIL=$PID
        sleep 0.$((RANDOM % 9 + 1))
        kill -9 "$TAIL"
        wait_gone "$TAIL"
    done
    follows --state state a.log
    sleep 0.5
    cat out >>all
    ends
    # A line may be cut by the kill: only what is whole counts.
    grep '}$' all | data | sort -n -u | cmp - <(seq 15000)
}

@test "--state: written within a second, and at the end" {
    : >a.log
    follows --state state a.log
    [ "$(pype-jq 'select(.key) | .offset' state)" = 0 ]
    echo 1 >>a.log
    wait_for lines out 1
    wait_for has state '"offset":2,'
    seq 1000 >>a.log
    wait_for lines out 1001
    ends
    [ "$(pype-jq 'select(.key) | .offset' state)" = "$(wc -c <a.log)" ]
    run_split -0 $tail --once --state state --from start --bare a.log
    [ "$output" = "" ]
}

@test "--state: one process has it" {
    : >a.log
    follows --state state a.log
    run -1 $tail --once --state state a.log
    [ "$output" = "pype-tail: fatal: the state file 'state' is another process's" ]
    ends
    echo nonsense >state
    run -2 $tail --once --state state a.log
    [ "$output" = "pype-tail: fatal: 'state' is not a state file of pype-tail" ]
    run -1 $tail --once --state no/state a.log
}

@test "--state: when it cannot be written that is said, the events go on, and the status is 1" {
    seq 3 >a.log
    mkdir state.new
    run_split -1 $tail --once --bare --state state a.log
    [ "$output" = $'"1"\n"2"\n"3"' ]
    [[ $stderr == "pype-tail: error: cannot write the state file 'state': Is a directory; trying again"* ]]
    rmdir state.new
    # As on a full disk: nothing can be written but to the pipe.
    run bash -c "(ulimit -f 0; exec $tail --once --bare --state state a.log) 2>&1 | cat; exit \${PIPESTATUS[0]}"
    [ "$status" = 1 ]
    [[ $output == *"cannot write the state file 'state': File too large"* ]]
    [ ! -s state ]
}

@test "another file of the same inode is read from its start" {
    printf 'aaaa\nbbbb\n' >a.log
    $tail --once --state state a.log >/dev/null
    # As if it had been removed and its inode taken again: the same inode, other bytes, longer.
    printf 'cccc\ndddd\neeee\n' >a.log
    run_split -0 $tail --once --bare --state state a.log
    [ "$output" = $'"cccc"\n"dddd"\n"eeee"' ]
    [[ $stderr == *"'a.log' is not the file that it was, or was truncated: reading it from its start" ]]
}

@test "what is not asked for any more is not read" {
    echo 1 | tee a.log >b.log
    $tail --once --state state a.log b.log >/dev/null
    echo 2 | tee -a a.log >>b.log
    run -0 $tail --once --bare --state state a.log
    [ "$output" = '"2"' ]
}

# --- the ends ---

@test "SIGTERM, SIGINT and SIGHUP end it with 0" {
    : >a.log
    for signal in TERM INT HUP; do
        follows a.log
        kill -$signal "$TAIL"
        wait_gone "$TAIL"
        wait "$TAIL"
    done
}

@test "the reader of its output has gone: it ends with 0, also while it waits" {
    seq 100000 >a.log
    run bash -c "$tail --from start a.log | head -n 1 >/dev/null; exit \${PIPESTATUS[0]}"
    [ "$status" = 0 ]
    : >b.log
    mkfifo pipe
    exec 9<>pipe
    start $tail b.log >pipe 2>err 9<&-
    wait_for waits "$PID"
    exec 9<&-
    wait_gone "$PID"
    wait "$PID"
}

@test "output that cannot be written is status 1" {
    seq 3 >a.log
    run bash -c "$tail --once a.log 2>&1 >/dev/full"
    [ "$status" = 1 ]
    [[ $output == *"cannot write to standard output: No space left on device" ]]
}

@test "mistakes are named, with status 2" {
    run -2 $tail
    for options in '--json --regex (?<a>.)' '--regex (' '--regex x' '--multiline-start (' '--no-match pass' '--once --poll 1s' \
        '--poll 0' '--from middle' '--name a"b' '--bare --invalid base64' '--multiline-start x --multiline-lines 0' \
        '--multiline-start x --multiline-size 0' '--multiline-continue x --multiline-timeout 0'; do
        # shellcheck disable=SC2086 # words
        PYPE_CHECK=1 run -2 $tail $options a.log
        [ "${#lines[@]}" = 1 ]
    done
    for operand in '' a/ '**' 'a/**'; do PYPE_CHECK=1 run -2 $tail "$operand"; done
    PYPE_CHECK=1 run -0 $tail --once --state none --regex '(?<a>.)' a.log
    [ "$output" = "" ]
    [ ! -e none ]
}

# --- many files ---

@test "a hundred files, and more descriptors than there are" {
    mkdir d
    for n in $(seq 100); do : >d/$n.log; done
    follows --bare 'd/*.log'
    for n in $(seq 100); do echo $n >>d/$n.log; done
    wait_for lines out 100
    [ "$(sort -n <(tr -d '"' <out))" = "$(seq 100)" ]
    ends
    run -2 bash -c "ulimit -n 120; exec $tail 'd/*.log'"
    [[ $output == *"more than 40 files at once: ulimit -n may be the limit" ]]
    [ "$(bash -c "ulimit -n 120; exec $tail --once --from start 'd/*.log'" | wc -l)" = 100 ]
}

# --- under a runner ---

RESTART='{limit: 1000, within: 1s, min: 1ms, max: 30ms, reset: 1ms}'

# kills N SOURCE: kill -9 of the source at random while the writer goes on, and N times at least.
kills() {
    local pid killed=0 end=$((SECONDS + 30))
    while [ ! -e done ] || [ $killed -lt "$1" ]; do
        [ $SECONDS -lt $end ]
        pid=$(pid_of "$2")
        # It may have gone by itself since.
        if [ -n "$pid" ] && alive "$pid" && kill -9 "$pid" 2>/dev/null; then
            killed=$((killed + 1))
        fi
        sleep 0.0$((RANDOM % 9 + 1))
    done
}

# killed_exactly KIND OPTION…
killed_exactly() {
    local kind=$1
    shift
    rm -rf a.log* done out.csv .pype flow.err
    : >a.log
    stages <<END
source: {run: "pype-tail $* a.log", restart: $RESTART}
csv: {run: "pype-csv --no-header -o out.csv data", from: source}
END
    run_flow
    wait_for runs p.source
    wait_for test -e out.csv
    echo 0 >>a.log
    wait_for -20 lines out.csv 1
    ./writer a.log 6000 "$kind" 2>seed &
    kills "${PYPE_TAIL_KILLS:-15}" p.source
    wait $!
    wait_for -20 lines out.csv 6001
    kill "$FLOW"
    flow_ends
    [ "$status" = 0 ]
    cmp out.csv <(seq 0 6000) || {
        cat seed
        false
    }
}

@test "killed again and again while the file is renamed: every line once, in order" {
    killed_exactly rename --from start
}

@test "killed again and again while the file is renamed and written on: every line once, in order" {
    killed_exactly late --from start
}

@test "killed again and again while old ones are compressed: every line once, in order" {
    killed_exactly gzip --from start
}

@test "killed again and again while the file is copied and cut: every line once, in order" {
    killed_exactly copy --from start
}

@test "in lock step, killed now and then" {
    for n in $(seq 300); do echo $n; done >a.log
    stages 'protocol: sync' <<END
source: {run: "pype-tail --from start a.log", restart: $RESTART}
csv: {run: "pype-csv --no-header -o out.csv data", from: source}
END
    run_flow
    wait_for runs p.source
    : >done
    kills 5 p.source
    wait_for -20 lines out.csv 300
    kill "$FLOW"
    flow_ends
    counts out.csv 1 300
}

@test "killed with --json: what is bad is in the dead letters, and no event is lost or there twice" {
    for n in $(seq 3000); do echo "{\"n\":$n}"; [ $((n % 100)) != 0 ] || echo "bad $n"; done >a.log
    stages <<END
source: {run: "pype-tail --from start --json --bare a.log", restart: $RESTART}
slow: {run: pass, from: source}
csv: {run: "pype-csv --no-header -o out.csv n", from: slow}
END
    run_flow
    wait_for runs p.source
    : >done
    kills 10 p.source
    wait_for -20 lines out.csv 3000
    kill "$FLOW"
    flow_ends
    counts out.csv 1 3000
}

@test "more files than the page has room for: --state keeps the rest, and a kill loses and repeats nothing" {
    mkdir d
    for n in $(seq 300); do : >d/$n.log; done
    stages <<END
source: {run: "pype-tail 'd/*.log'", restart: $RESTART}
END
    run pype run
    [[ $output == *"more than 133 files at once: with --state FILE there may be more"* ]]
    rm -r .pype
    stages <<END
source: {run: "pype-tail --state state 'd/*.log'", restart: $RESTART}
csv: {run: "pype-csv --no-header -o out.csv data", from: source}
END
    run_flow
    wait_for runs p.source
    wait_for test -e out.csv
    for n in $(seq 300); do echo $n >>d/$n.log; done
    wait_for -20 lines out.csv 300
    (
        for round in $(seq 1 4); do
            for n in $(seq 300); do echo $((round * 300 + n)) >>d/$n.log; done
            mv d/$round.log d/$round.log.1
            : >d/$round.log
        done
        : >done
    ) &
    kills 8 p.source
    wait $!
    wait_for -20 lines out.csv 1500
    kill "$FLOW"
    flow_ends
    sort -n out.csv | cmp - <(seq 1500)
}
