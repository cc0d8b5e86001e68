"""The rows of the runner. Each says what it is to reach in brackets.

What sh can do as well runs in both, interleaved, with the same text and the same programs. A ratio is the wall time of
sh by that of `pype run`: of the quickest run of each; and, since the machine is not the same all the time, the median
of those of two runs one after the other.

BENCH_KILLS (50) and BENCH_PIPELINES (1000) make the slow rows shorter.
"""
import json
import os
import signal
import statistics
import subprocess
import time

import measuring
from measuring import MB, TOOLS

KILLS = int(os.environ.get("BENCH_KILLS") or 50)
PIPELINES = int(os.environ.get("BENCH_PIPELINES") or 1000)
MOVED = 16 * MB # millions of bytes, of the pipelines that only move them
MOVERS = "emit -m %d | pass | sink" % MOVED


def say(title, measured, target):
    print("  %-60s %s  [%s]" % (title, measured, target))


def write_manifest(path, text, **settings):
    """A flow of one pipeline. Its state is kept beside it, anew for each manifest."""
    with open(path, "w") as out:
        json.dump({"flow": "bench", **settings, "pipelines": {"bench": {"run": text}}}, out)
    return ["pype", "run", "--state", path + ".state", path]


def compare(directory, title, text, target, **settings):
    command = write_manifest(directory + "/compare.yaml", text, **settings)
    ours, shell = measuring.rounds([("/dev/null", command), ("/dev/null", ["sh", "-c", text])])
    pairs = [theirs[0] / our[0] for our, theirs in zip(ours, shell)]
    quickest = min(ours)[0], min(shell)[0]
    say(title, "pype %7.3f s, sh %7.3f s, ratio %5.2f, in pairs %5.2f" % (
        *quickest, quickest[1] / quickest[0], statistics.median(pairs)), target)


def throughput(directory, corpora):
    small = " ".join([corpora["small"]] * max(1, MOVED // MB))
    quotes = corpora["quotes"]
    print("\nflow, throughput of three stages against sh\n")
    for title, text, target in (
            ("fast, emit | pass | sink", MOVERS, ">= 0.97"),
            ("fast, emit | cat | cat", "emit -m %d | cat | cat >/dev/null" % MOVED, ">= 0.97"),
            ("fast, cat | cat | cat", "cat %s | cat | cat >/dev/null" % small, ">= 0.97"),
            ("fast, cat | pype-csv", "cat %s | pype-csv time price symbol >/dev/null" % small, ">= 0.97")):
        compare(directory, title, text, target, delivery="fast")
    jq = "pype-jq '{time, price: .data.list.resources[0].resource.fields.price}'"
    for title, text, target in (
            ("exact, emit | pass | sink", MOVERS, ">= 0.85"),
            ("exact, cat | pype-jq | sink", "cat %s | %s | sink" % (quotes, jq), ">= 0.97"),
            ("exact, emit | pype-jq . | sink", "emit -m %d | pype-jq . | sink" % MB, ">= 0.97")):
        compare(directory, title, text, target, delivery="exact")


def durable(directory, _):
    print("\nflow, durable: emit | pass | sink, in %s\n" % directory)
    text = "emit -m %d | pass | sink" % MB
    commands = {policy: write_manifest("%s/%s.yaml" % (directory, policy), text, delivery="durable", fsync=policy)
                for policy in ("always", "interval", "never")}
    walls = {policy: [] for policy in commands}
    for _ in range(measuring.ROUNDS):
        for policy, command in commands.items():
            wall, _, status = measuring.try_measure("/dev/null", command)[0]
            if status != 0:
                print("  left out: pype run with 'fsync: %s' ended with status %d" % (policy, status))
                return
            walls[policy].append(wall)
    for policy, runs in walls.items():
        say("fsync: " + policy, "%8.1f MB/s" % (MB / min(runs)), "as it comes")


def lock_step(directory, _):
    count = 20000
    print("\nflow, sync: events a second through three stages\n")
    cron = "pype-cron --from 0 --to %d --every 1s | pass | pype-csv -o %s/sync.csv time" % (count, directory)
    for title, text in (("numbers | pass | sink", "numbers --to %d | pass | sink" % count),
                        ("pype-cron | pass | pype-csv", cron)):
        command = write_manifest(directory + "/sync.yaml", text, protocol="sync", ack="page")
        quickest = measuring.best([("/dev/null", command)])[0][0]
        say(title, "%8.0f events/s" % (count / quickest), ">= 20000")


def first_events(commands, times=50):
    """The median time until something comes out of each; they take turns."""
    seconds = [[] for _ in commands]
    for _ in range(10):
        for command, came in zip(commands, seconds):
            result = subprocess.run([TOOLS + "/first", str(times // 10), *command], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, check=True)
            for line in result.stdout.decode().splitlines():
                wall, status = line.split()
                if status != "0":
                    raise SystemExit("bench: %s ended with status %s" % (" ".join(command), status))
                came.append(float(wall))
    return [statistics.median(came) for came in seconds]


def first(directory, _):
    print("\nflow, start: until the first event came out of three stages, median of 50\n")
    for delivery, text in (("exact", "numbers --to 1 | pass | pass"), ("fast", "numbers --to 1 | pass | pass"),
                           ("exact", "echo '{}' | cat | cat"), ("fast", "echo '{}' | cat | cat")):
        command = write_manifest(directory + "/first.yaml", text, delivery=delivery)
        ours, shell = first_events([command, ["sh", "-c", text]])
        say(delivery + ", " + text, "pype %6.2f ms, sh %6.2f ms, %5.2f times" % (ours * 1e3, shell * 1e3, ours / shell),
            "<= 3")


# --- Flows that are looked at while they run.


class Flow:
    def __init__(self, path, command):
        self.events = path + ".state/events.ndjson"
        self.began = time.time()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def happened(self, name):
        """Its happenings of that name so far."""
        try:
            with open(self.events) as lines:
                return [event for event in map(json.loads, lines) if event["event"] == name]
        except FileNotFoundError:
            return []

    def wait_for(self, name, count, seconds):
        end = time.time() + seconds
        while len(found := self.happened(name)) < count:
            if time.time() > end or self.process.poll() is not None:
                raise SystemExit("bench: %d of %d '%s' after %.0f s" % (len(found), count, name, seconds))
            time.sleep(0.002 if count < 1000 else 0.1)
        return found

    def managers(self):
        return children(self.process.pid)

    def stages(self):
        return [stage for manager in self.managers() for stage in children(manager)]


def read(pid, name):
    try:
        with open("/proc/%d/%s" % (pid, name)) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    return [int(child) for child in read(pid, "task/%d/children" % pid).split()]


def numbers_of(text):
    """{name: KiB} of lines "name: KiB kB"."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0][:-1]: int(row[1]) for row in rows if len(row) == 3 and row[2] == "kB"}


def successor(directory, _):
    """By the runner's own clock: from just before the kill to when it had started the next process."""
    path = directory + "/kill.yaml"
    command = write_manifest(path, "numbers --every 1ms | pass | sink",
                             restart={"limit": 1000, "min": "1ms", "max": "1ms", "reset": "1ms"})
    took = []
    print("\nflow, from kill -9 of the middle stage to its successor, median of %d\n" % KILLS)
    with Flow(path, command) as flow:
        flow.wait_for("started", 3, 10)
        for i in range(KILLS):
            started = [event for event in flow.wait_for("started", 3 + i, 10) if event["source"] == "bench.pass"]
            time.sleep(0.02)
            killed = time.time()
            os.kill(started[-1]["data"]["pid"], signal.SIGKILL)
            took.append(flow.wait_for("started", 4 + i, 10)[-1]["time"] - killed)
    took.sort()
    say("numbers | pass | sink", "%6.2f ms, best %.2f, 9 in 10 below %.2f" % (
        statistics.median(took) * 1e3, took[0] * 1e3, took[len(took) * 9 // 10] * 1e3), "<= 5 ms")


def cpu_seconds(pids):
    return sum(int(read(pid, "schedstat").split()[0]) for pid in pids if read(pid, "schedstat")) / 1e9


def memory_of(pids):
    """Of the process with the most: "Private …, Pss …, Rss … KiB"."""
    most = max((numbers_of(read(pid, "smaps_rollup")) for pid in pids), key=lambda rollup: rollup["Pss"])
    return "Private %d KiB, Pss %d KiB, Rss %d KiB" % (
        most["Private_Clean"] + most["Private_Dirty"], most["Pss"], most["Rss"])


def many(directory, _):
    path, idle = directory + "/many.yaml", 5
    pipelines = {"p%d" % i: {"run": "numbers --every 1h | sink"} for i in range(PIPELINES)}
    with open(path, "w") as out:
        json.dump({"pipelines": pipelines}, out)
    print("\nflow, %d pipelines of two stages\n" % PIPELINES)
    with Flow(path, ["pype", "run", "--state", path + ".state", path]) as flow:
        started = flow.wait_for("started", 2 * PIPELINES, 120)
        say("until all have started", "%6.2f s" % (max(event["time"] for event in started) - flow.began), "<= 10 s")
        time.sleep(2)
        managers, stages = flow.managers(), flow.stages()
        ours = [flow.process.pid] + managers
        before = cpu_seconds(ours), cpu_seconds(stages)
        time.sleep(idle)
        after = cpu_seconds(ours), cpu_seconds(stages)
        say("CPU of the runner and its managers, idle", "%7.4f %%" % ((after[0] - before[0]) / idle * 100),
            "< 1 % of a core")
        say("CPU of the stages, idle", "%7.4f %%" % ((after[1] - before[1]) / idle * 100), "as it comes")
        say("memory of the runner", memory_of(ours[:1]), "< 4 MB")
        say("memory of a manager, the largest", memory_of(managers), "< 1 MB")
        ended = time.time()
    say("until all have ended", "%6.2f s" % (time.time() - ended), "as it comes")


def memory(directory, _):
    """Peaks as the kernel keeps them, read until the processes end."""
    path, peaks = directory + "/memory.yaml", {}
    with Flow(path, write_manifest(path, MOVERS)) as flow:
        while flow.process.poll() is None:
            for kind, pids in (("manager", flow.managers()), ("stage", flow.stages())):
                for pid in pids:
                    status = read(pid, "status")
                    sizes = numbers_of(status)
                    if "VmHWM" in sizes:
                        name = status.split("\n", 1)[0].split("\t")[1]
                        peaks[kind, pid] = (name, sizes["VmHWM"], sizes["RssShmem"])
            time.sleep(0.01)
    print("\nflow, peak memory: %s\n" % MOVERS)
    for (kind, _), (name, peak, shared) in peaks.items():
        say("%s (%s)" % (kind, name), "peak Rss %6d KiB, of that shared rings %6d KiB" % (peak, shared), "bounded")


ROWS = (throughput, durable, lock_step, first, successor, many, memory)


def flow(corpora, words):
    """All rows, or those with one of the words in their name, or that of this module."""
    os.environ["PATH"] = "%s/torture:%s:%s" % (measuring.BUILD, TOOLS, os.environ["PATH"])
    directory = corpora.directory
    for row in ROWS:
        if not words or any(word in ("flow", row.__name__) for word in words):
            row(directory, corpora)
