"""Cases of their own: one thing goes wrong, and it is known what must come of it."""
import ctypes
import os
import re
import signal
import time

from checker import check
from flow import LIBC, Failure, Flow, Killer, Unavailable, Undecided, must, read, wait_until
from graph import PIPELINE, Filter, Graph, Output, Source, chain
from pager import page
from rings import rings

CLONE_NEWNS, MS_REC_PRIVATE = 0x20000, 0x4000 | 0x40000


def small_disk(directory, size):
    """A disk of that size, which only this process and those it starts can see."""
    os.makedirs(directory, exist_ok=True)
    if LIBC.unshare(CLONE_NEWNS) or LIBC.mount(None, b"/", None, MS_REC_PRIVATE, None) or \
            LIBC.mount(b"tmpfs", directory.encode(), b"tmpfs", 0, b"size=" + size.encode()):
        raise Unavailable("cannot mount a small disk: %s" % os.strerror(ctypes.get_errno()))


def size_of(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def rows_of(path):
    return max(read(path).count(b"\n") - 1, 0)


def started(options, directory, graph, state=None, **settings):
    flow = Flow(directory, graph.manifest(options.delivery, options.protocol, **settings), state).start()
    # A manifest that is refused ends it at once.
    if not wait_until(lambda: flow.said() or flow.happened() or not flow.running(), 10):
        raise Failure("the flow does not start; " + flow.picture())
    flow.must_be_available()
    return flow


def must_be_exact(flow, graph, status):
    """It ended well, and everything is there; but for losses of `delivery: fast`. Returns the verdict."""
    verdict, fast = check(graph, PIPELINE, flow.directory, flow.stopped_before()), flow.manifest["delivery"] == "fast"
    letters = [letter["data"]["error"] for events in flow.dead_letters().values() for letter in events]
    # On a machine that is slow enough a stage is killed three times on one event.
    if letters and verdict.good(lost=True) and all(letter.startswith("killed the stage 3 times") for letter in letters):
        raise Undecided("%d events are in the dead letters, since a stage was killed three times on each" % len(letters))
    must(verdict.good(lost=fast), "%s; %s" % (verdict, "; ".join(verdict.words)))
    must(fast or status == 0, "all has arrived, but the flow's exit status is %d" % status)
    must(fast or not flow.dead_letters(), "there are dead letters: %.500s" % flow.dead_letters())
    return verdict


# --- One of three outputs stands still.


def dropped(flow, stage):
    """How many events the runner says it has dropped on the way into a stage."""
    said = [event["data"]["dropped"] for event in flow.happened()
            if event["event"] == "dropped" and event["source"] == "%s.%s" % (PIPELINE, stage)]
    return max(said, default=0)


def three_outputs(when_full):
    graph = Graph()
    graph.add(Source("s1", 100000, pad=60, seed=5))
    for name in "o1", "o2", "o3":
        settings = {"buffer": "64k", "when_full": when_full} if name == "o2" else {}
        graph.add(Output(name, name + ".csv", **settings), "s1")
    return graph


def stall(options, rng, directory, when_full="block"):
    graph, to = three_outputs(when_full), 100000
    with started(options, directory, graph) as flow:
        def rows(name):
            return rows_of("%s/%s.csv" % (directory, name))

        must(wait_until(lambda: flow.stages("o2") and size_of(directory + "/o2.csv") > 0, 10), "o2 does not start")
        for pid in flow.stages("o2"):
            flow.signal(pid, signal.SIGSTOP)
        if when_full == "block":
            # What fits into the buffers goes on; then the others wait.
            time.sleep(0.5)
            before = rows("o1"), rows("o3")
            time.sleep(0.5)
            must((rows("o1"), rows("o3")) == before, "with block, the others did not wait")
            must(max(before) < to, "with block, the others got through")
        else:
            must(wait_until(lambda: rows("o1") == to and rows("o3") == to, 20),
                 "with %s, the others do not go on: they have %d and %d rows" % (when_full, rows("o1"), rows("o3")))
            must(rows("o2") < to, "the stopped output has all rows")
        for pid in flow.stages("o2"):
            flow.signal(pid, signal.SIGCONT)
        status = flow.wait(30)
        if when_full in ("block", "spill"):
            return must_be_exact(flow, graph, status)
        return must_have_dropped(flow, graph, status, when_full, to)


def must_have_dropped(flow, graph, status, when_full, to):
    verdict, came = check(graph, PIPELINE, flow.directory, {}), rows_of(flow.directory + "/o2.csv")
    must(status == 0, "the flow's exit status is %d" % status)
    must(not (verdict.twice or verdict.torn or verdict.strange or verdict.disorder), str(verdict))
    must(0 < came < to, "o2 has %d of %d events: nothing was dropped" % (came, to))
    must(verdict.lost == to - came, "o1 or o3 has lost some: %s" % verdict)
    must(dropped(flow, "o2") == to - came, "%d were dropped, %d reported" % (to - came, dropped(flow, "o2")))
    if when_full == "drop-oldest":
        last = read(flow.directory + "/o2.csv").rstrip().rpartition(b"\n")[2].split(b",")[0]
        must(int(last) == to - 1, "the newest was dropped: the last is %s" % last.decode())
    return "%d of %d dropped, and said" % (to - came, to)


# --- Disks.


def full(options, rng, directory):
    """An output's disk is full, and later is not."""
    disk, to = directory + "/disk", 20000
    small_disk(disk, "1m")
    with open(disk + "/ballast", "wb") as file:
        file.write(bytes(700 << 10))
    graph = chain(Source("s1", to, pad=20), Output("o1", "disk/o1.csv"))
    with started(options, directory, graph) as flow:
        must(wait_until(lambda: "No space left on device" in flow.said(), 20), "nobody says that the disk is full")
        time.sleep(0.3)
        must(flow.running(), "the flow has ended: " + flow.said()[-500:])
        must(rows_of(disk + "/o1.csv") < to, "the disk was not full")
        os.unlink(disk + "/ballast")
        return must_be_exact(flow, graph, flow.wait(60))


def journal(options, rng, directory):
    """The disk of the flow's state is full while an output stands still, and later is not."""
    options.delivery = "durable"
    disk, to = directory + "/disk", 60000
    small_disk(disk, "4m")
    graph = chain(Source("s1", to, pad=200), Filter("f1", "pass"), Output("o1", "o1.csv"))
    with started(options, directory, graph, state=disk + "/state", buffer="64M") as flow:
        must(wait_until(lambda: size_of(directory + "/o1.csv") > 0, 10), "nothing arrives")
        for pid in flow.stages("o1"):
            flow.signal(pid, signal.SIGSTOP)
        must(wait_until(lambda: "disk is full" in flow.said(), 20), "nobody says that the disk is full")
        time.sleep(0.3)
        must(flow.running(), "the flow has ended: " + flow.said()[-500:])
        for pid in flow.stages("o1"):
            flow.signal(pid, signal.SIGCONT)
        return must_be_exact(flow, graph, flow.wait(60))


def resident(pid):
    """Memory of a process in KiB, without what it shares: rings fill, and then are full."""
    found = re.search(rb"RssAnon:\s+(\d+)", read("/proc/%d/status" % pid))
    return int(found.group(1)) if found else 0


def slow(options, rng, directory):
    """An output's disk is slow: here, a pipe that is read slowly. All waits for it, and memory does not grow."""
    graph = chain(Source("s1", 20000, pad=100), Filter("f1", "pass"), Output("o1", "pipe"))
    os.makedirs(directory)
    os.mkfifo(directory + "/pipe")
    with started(options, directory, graph) as flow:
        came, most, first = b"", 0, None
        with open(directory + "/pipe", "rb", buffering=0) as pipe:
            while piece := pipe.read(32768):
                came += piece
                time.sleep(0.01)
                memory = sum(map(resident, flow.managers() + [flow.process.pid]))
                first, most = first or memory, max(most, memory)
        status = flow.wait(20)
        os.unlink(directory + "/pipe")
        with open(directory + "/pipe", "wb") as file:
            file.write(came)
        must(most < first + 4096, "manager and flow process grew from %d to %d KiB" % (first, most))
        return must_be_exact(flow, graph, status)


# --- Poison.


def poison(options, rng, directory, kills=0):
    """An event that kills its stage three times is in the dead letters, all others arrive."""
    to, number = 20000, rng.randrange(2000, 18000)
    source = Source("s1", to, every=100, pad=40, seed=3)
    graph = chain(source, Filter("f1", "pass"), Filter("f2", "pass --die-at %d,ABRT" % number), Output("o1", "o1.csv"))
    with started(options, directory, graph) as flow:
        killer = Killer(flow, graph, rng, {"source", "output"}, 0.05, kills)
        killer.work(time.monotonic() + 10)
        status = flow.wait(30)
        verdict = check(graph, PIPELINE, directory, {})
        must((verdict.lost, verdict.good()) == (1, False) and not (verdict.twice or verdict.torn or verdict.disorder),
             "but for the poison: %s; %s" % (verdict, "; ".join(verdict.words)))
        letters = flow.dead_letters()
        must(list(letters) == ["p.f2"] and len(letters["p.f2"]) == 1, "the dead letters are %.500s" % letters)
        data = letters["p.f2"][0]["data"]
        line = '{"event":"n","time":%d,"source":"p.s1","data":"%s"}' % (number, source.data(number))
        must(data.get("text") == line, "the dead letter is %.300s, not %s" % (data, line))
        must("SIGABRT" in data.get("error", "") or data.get("signal") == signal.SIGABRT, "no signal in %.300s" % data)
        must(letters["p.f2"][0]["source"] == "p.f2", "no stage in %.300s" % letters)
        deaths = [event for event in flow.happened() if event["event"] == "failed" and event["source"] == "p.f2"]
        must(len(deaths) == 3, "the stage died %d times" % len(deaths))
        must(status in (0, 1), "the flow's exit status is %d" % status)
        return "event %d of %d in the dead letters, %d kills beside it" % (number, to, killer.total())


# --- Lock step.


def overlaps(paths):
    """How many events began, in any stage, before the one before them had ended in all. Also, how many there were."""
    spans = {}
    for path in paths:
        for line in read(path).splitlines():
            number, begin, end = map(int, line.split())
            first, last = spans.get(number, (begin, end))
            spans[number] = min(first, begin), max(last, end)
    found, latest = 0, 0
    for begin, end in sorted(spans.values()):
        found += begin < latest
        latest = max(latest, end)
    return found, len(spans)


def sync(options, rng, directory):
    """At no moment two events are in the flow; when it is not in lock step they are."""
    options.protocol = "sync"
    verdict, found, events = in_the_flow(options, rng, directory)
    must(found == 0, "%d of %d events began before the one before them was through" % (found, events))
    options.protocol = "async"
    found = in_the_flow(options, rng, directory + "-not")[1]
    must(found > events / 2, "without lock step only %d of %d events met another one: nothing measured" % (found, events))
    return "%s, none began before the one before it was through; else %d do" % (verdict, found)


def in_the_flow(options, rng, directory):
    """(verdict, how many events met another one, of how many)."""
    to, graph = 400, Graph()
    graph.add(Source("s1", to, pad=30, log="s1.log"))
    for name, above in ("f1", "s1"), ("f2", "s1"), ("f3", "f1"):
        text = "pass --multiply 1 --as %s --delay %dus --log %s.log" % (name, rng.randrange(50, 500), name)
        graph.add(Filter(name, text, name), above)
    graph.add(Filter("f4", "pass --log f4.log"), "f3", "f2")
    graph.add(Output("o1", "o1.csv"), "f4")
    graph.add(Output("o2", "o2.csv"), "f2")
    with started(options, directory, graph) as flow:
        verdict = must_be_exact(flow, graph, flow.wait(60))
    found, events = overlaps([directory + "/%s.log" % name for name in graph.stages if name[0] != "o"])
    must(events == to, "%d events were written down" % events)
    return verdict, found, events


# --- Leaks, orphans.


def measured(flow):
    pids = [flow.process.pid] + flow.managers()
    must(len(pids) == 2, "there are %d managers" % (len(pids) - 1))
    return [(len(os.listdir("/proc/%d/fd" % pid)), resident(pid)) for pid in pids]


def leak(options, rng, directory):
    """Restarts cost neither descriptors nor memory, in the flow process and in the manager."""
    restarts = options.kills or 300
    graph = chain(Source("s1", 0, 500, pad=20), Filter("f1", "pass"), Filter("f2", "pass"), Output("o1", "o1.csv"))
    with started(options, directory, graph) as flow:
        killer = Killer(flow, graph, rng, {"filter", "output"}, 0.002, restarts // 4)
        killer.work(time.monotonic() + options.seconds)
        wait_until(lambda: len({pid for name in graph.stages for pid in flow.stages(name)}) >= 4, 5)
        before, warm = measured(flow), killer.total()
        killer.limit = restarts
        killer.work(time.monotonic() + options.seconds)
        wait_until(lambda: len({pid for name in graph.stages for pid in flow.stages(name)}) >= 4, 5)
        after = measured(flow)
        counts = must_be_exact(flow, graph, flow.stop())
        must(killer.total() >= restarts, "only %d of %d restarts" % (killer.total(), restarts))
        for who, (fds, memory), (fds_then, memory_then) in zip(("flow process", "manager"), before, after):
            must(fds_then <= fds + 1, "the %s had %d descriptors after %d restarts, and %d after %d" % (
                who, fds, warm, fds_then, killer.total()))
            must(memory_then <= memory + 512, "the %s had %d KiB after %d restarts, and %d after %d" % (
                who, memory, warm, memory_then, killer.total()))
        return "%d restarts: descriptors and KiB %s, then %s; %s" % (killer.total(), before, after, counts)


def orphans(options, rng, directory):
    """kill -9 of the runner: no process of its tree is alive a second later, however it tried to get away."""
    away = "{ sleep 1000 & setsid sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & exec pass; }"
    graph = chain(Source("s1", 0, every=200), Filter("f1", away), Output("o1", "o1.csv"))
    with started(options, directory, graph) as flow:
        must(wait_until(lambda: size_of(directory + "/o1.csv") > 0 and len(flow.pids()) >= 9, 10), "it does not start")
        before = flow.pids()
        flow.kill_runner()
        return "%d processes, all gone" % (len(before) + 1)


# --- The checker itself.


def checker(options, rng, directory):
    """It finds what is broken on purpose, and nothing else."""
    os.makedirs(directory)
    graph = Graph()
    graph.add(Source("s1", 24, names=["a", "b"], pad=9, seed=1))
    graph.add(Source("s2", 16, pad=9, seed=2))
    graph.add(Filter("f1", "", "f1", copies=2), ("s1", "a"))
    graph.add(Filter("f2", "", "f2", drop=3), "f1", "s2")
    graph.add(Output("o1", "o1.csv"), "f2", "s2")
    graph.add(Output("o2", "o2.csv"), ("s1", "b"))
    rows = {output.path: made_up_rows(graph, output, rng) for output in graph.of(Output)}

    def judged(path, broken, said=None, to=(24, 16)):
        graph.stages["s1"].to, graph.stages["s2"].to = to
        for name, lines in dict(rows, **{path: broken}).items():
            with open(directory + "/" + name, "w") as file:
                file.write("".join(lines))
        verdict = check(graph, PIPELINE, directory, said or {})
        return [verdict.lost, verdict.twice, verdict.torn, verdict.disorder, verdict.strange], verdict.good()

    made = 0
    for path, right in rows.items():
        must(judged(path, right) == ([0] * 5, True), "right, and found wrong")
        must(judged(path, right, to=(0, 0), said={"s1": 24})[1], "right up to an end that was said, and found wrong")
        for at in range(1, len(right)):
            line, before, behind = right[at], right[:at], right[at + 1:]
            wrong = ":".join(line.rsplit(".", 1))
            for what, broken, counts in (
                    ("a lost one", before + behind, (1, 0, 0, 0, 0)),
                    ("a doubled one", before + [line, line] + behind, (0, 1, 0, 0, 0)),
                    ("a changed one", before + [wrong] + behind, (1, 0, 1, 0, 0)),
                    ("a torn one", before + [line[:-2] + "\n"] + behind, (1, 0, 1, 0, 0)),
                    ("two in a line", before + [line[:-1]] + behind, None)):
                counted, good = judged(path, broken)
                must(not good and (counts is None or counted == list(counts)), "%s at %d of %s: counted %s" % (
                    what, at, path, counted))
                made += 1
            for other in range(at + 1, len(right)):
                swapped = before + [right[other]] + right[at + 1:other] + [line] + right[other + 1:]
                if same_way(line, right[other]):
                    counted, good = judged(path, swapped)
                    must(not good and counted[3] > 0, "%d and %d of %s swapped, not found" % (at, other, path))
                    made += 1
    must_know_the_end(judged, rows)
    return "%d mistakes made, all found" % made


def must_know_the_end(judged, rows):
    """Of a flow that was stopped, all outputs agree on how far it came."""
    def below(path, number):
        return rows[path][:1] + [row for row in rows[path][1:] if ".s2" in row or int(row.split(",")[0]) < number]

    rows["o2.csv"] = below("o2.csv", 20)
    counted, good = judged("o1.csv", rows["o1.csv"], to=(0, 0))
    must(not good and counted[0] > 0, "outputs that came to different ends, not found")
    must(judged("o1.csv", below("o1.csv", 20), to=(0, 0))[1], "stopped at 20, and found wrong")
    must(not judged("o1.csv", below("o1.csv", 20), to=(0, 0), said={"s1": 23})[1], "less than was said, not found")
    must(not judged("o1.csv", below("o1.csv", 20), to=(0, 0), said={"s1": 16})[1], "more than was said, not found")


def same_way(line, other):
    """Two rows came by the same way: swapped, they are out of order."""
    def way(row):
        fields = row.split(",")
        return fields[2], [field != "" for field in fields[3:-1]]
    return way(line) == way(other)


def made_up_rows(graph, output, rng):
    """The file of an output as it must be: its ways in any mixture, each in order."""
    columns = graph.columns(output)
    ways = []
    for way in graph.ways(output):
        rows = []
        for place in way.expected(way.source.to):
            tags = dict(zip([tag for tag, _ in way.tags], place[1:]))
            fields = [place[0], way.source.event(place[0]), PIPELINE + "." + way.source.name]
            fields += [tags.get(tag, "") for tag in columns[3:-1]] + [way.source.data(place[0])]
            rows.append(",".join(map(str, fields)) + "\n")
        ways.append(rows)
    mixed = [",".join(columns) + "\n"]
    while any(ways):
        mixed.append(rng.choice([way for way in ways if way]).pop(0))
    return mixed


CASES = {
    "checker": checker,
    "page": page,
    "rings": rings,
    "stall": stall,
    "spill": lambda *given: stall(*given, when_full="spill"),
    "drop-oldest": lambda *given: stall(*given, when_full="drop-oldest"),
    "drop-newest": lambda *given: stall(*given, when_full="drop-newest"),
    "full": full,
    "journal": journal,
    "slow": slow,
    "poison": poison,
    "poison-and-kills": lambda *given: poison(*given, kills=40),
    "sync": sync,
    "leak": leak,
    "orphans": orphans,
}
