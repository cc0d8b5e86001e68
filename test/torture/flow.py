"""A flow that runs, and the killer among its processes.

The killer knows processes by their descriptor (pidfd), and looks whether one is in the tree of the runner that was
started here after it has the descriptor: so it can hit no other, not even when a process id is used again.
"""
import collections
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import time

import graph as graphs

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)
BIN = os.environ.get("PYPE_BIN") or graphs.ROOT + "/bin"
TOOLS = (os.environ.get("PYPE_BUILD") or graphs.ROOT + "/.build") + "/torture"


class Failure(Exception):
    """Something that must not be."""


class Undecided(Exception):
    """The kills have made of an event what kills its stage: it must be put away then."""


class Unavailable(Exception):
    """This machine, or this version, cannot do it."""


def must(condition, text):
    if not condition:
        raise Failure(text)


def become_subreaper():
    """What a killed runner leaves behind becomes ours, and so is found."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def stat_of(pid):
    """(state, parent) or None."""
    fields = read("/proc/%d/stat" % pid).rpartition(b") ")[2].split()
    return (fields[0].decode(), int(fields[1])) if fields else None


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def children(pid):
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            found += map(int, read("/proc/%d/task/%s/children" % (pid, task)).split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def descendants(pid):
    found, new = [], [pid]
    while new:
        new = [child for parent in new for child in children(parent)]
        found += new
    return found


def name_of(pid):
    """PYPE_NAME of a process: "pipeline.stage"; "" if it has none."""
    match = re.search(rb"(?:^|\0)PYPE_NAME=([^\0]*)", read("/proc/%d/environ" % pid))
    return match.group(1).decode() if match else ""


def wait_until(condition, seconds, pause=0.01):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


class Flow:
    """pype run on a manifest in a directory of its own."""

    def __init__(self, directory, manifest, state=None):
        self.directory, self.manifest = directory, manifest
        self.state = state or directory + "/.pype"
        self.process = None
        os.makedirs(directory, exist_ok=True)
        with open(directory + "/flow.yaml", "w") as file:
            json.dump(manifest, file, indent=1)

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYPE_")}
        environment["PATH"] = "%s:%s:%s" % (BIN, TOOLS, environment["PATH"])
        with open(self.directory + "/said", "ab") as said:
            self.process = subprocess.Popen([BIN + "/pype", "run", "-d", self.state, "flow.yaml"], cwd=self.directory,
                                            stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
                                            preexec_fn=die_with_us)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is left, whatever happened."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        wait_until(lambda: not self.orphans(), 2)
        for pid in self.orphans():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.orphans(), 5)

    def said(self):
        return read(self.directory + "/said").decode("utf-8", "replace")

    def happened(self):
        """The events the runner has written about itself."""
        lines = (read(self.state + "/events.1.ndjson") + read(self.state + "/events.ndjson")).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def dead_letters(self):
        """{stage: [event]}."""
        folder, found = self.state + "/dead-letters", {}
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            lines = read(folder + "/" + name).split(b"\n")
            events = [json.loads(line) for line in lines if line]
            if events:
                found[name.rsplit(".ndjson", 1)[0]] = events
        return found

    def stopped_before(self):
        """{source: number}: how far sources said they came, the last time each."""
        found = re.findall(r"\b%s\.(\w+): info: stopped before (\d+)$" % graphs.PIPELINE, self.said(), re.M)
        return {name: int(number) for name, number in found}

    # -- its processes

    def pids(self):
        return [pid for pid in descendants(self.process.pid) if is_alive(pid)]

    def stages(self, name):
        """Processes of a stage."""
        return [pid for pid in self.pids() if name_of(pid) == "%s.%s" % (graphs.PIPELINE, name)]

    def managers(self):
        return [pid for pid in children(self.process.pid) if is_alive(pid) and not name_of(pid)
                and any(name_of(child) for child in children(pid))]

    def running(self):
        return self.process.poll() is None

    def owns(self, pid):
        while pid > 1:
            if pid == self.process.pid:
                return True
            stat = stat_of(pid)
            pid = stat[1] if stat and stat[0] not in "ZX" else 0
        return False

    def signal(self, pid, number):
        """To a process of the tree. False: it is gone already."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if not self.owns(pid):
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def orphans(self):
        """What is left of a killed runner's tree, alive; the dead are reaped."""
        alive = []
        for pid in children(os.getpid()):
            if self.process and pid == self.process.pid:
                continue
            if is_alive(pid):
                alive += [pid] + [below for below in descendants(pid) if is_alive(below)]
            else:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
        return alive

    # -- its end

    def kill_runner(self):
        """kill -9; within a second nothing may be alive. False: it has ended by itself."""
        before = self.pids()
        self.process.kill()
        if self.process.wait() != -signal.SIGKILL:
            return False
        if not wait_until(lambda: not self.orphans() and not any(map(is_alive, before)), 1):
            left = ["%d %s %s" % (pid, name_of(pid), read("/proc/%d/cmdline" % pid)[:80])
                    for pid in {*self.orphans(), *filter(is_alive, before)}]
            raise Failure("a second after kill -9 of the runner %d of %d processes live: %s" % (
                len(left), len(before), "; ".join(left)))
        return True

    def wait(self, seconds):
        """Its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("the flow has not ended after %d s; %s" % (seconds, self.picture())) from None

    def stop(self, seconds=30):
        """SIGTERM. One that has just begun, and dies of it, is started again."""
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(seconds)
        if status != -signal.SIGTERM:
            return status
        self.start()
        wait_until(lambda: self.managers() or not self.running(), 10)
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def picture(self):
        """Its processes and what they wait for."""
        lines = []
        for pid in self.pids():
            lines.append("%d %s %s %s" % (pid, name_of(pid) or read("/proc/%d/comm" % pid).decode().strip(),
                                          stat_of(pid), read("/proc/%d/wchan" % pid).decode()))
        return "its processes: " + "; ".join(lines)

    def must_be_available(self):
        found = re.search(r".*is not available in this version.*", self.said())
        if found:
            raise Unavailable(found.group(0))


class Killer:
    """Sends signals to processes of a flow, at random times."""

    def __init__(self, flow, graph, rng, roles, pause, limit=None):
        self.flow, self.graph, self.rng, self.roles, self.pause, self.limit = flow, graph, rng, roles, pause, limit
        self.kills, self.stops = collections.Counter(), 0
        self.stopped = []  # (when to go on, pid)
        self.next = time.monotonic() + self.gap()

    def gap(self):
        return self.rng.expovariate(1 / self.pause)

    def total(self):
        return sum(self.kills.values())

    def candidates(self):
        """{role: [pid]}."""
        found = collections.defaultdict(list)
        managers = self.flow.managers()
        for pid in self.flow.pids():
            name = name_of(pid)
            if name:
                found[self.graph.role(name)].append(pid)
            elif pid in managers:
                found["manager"].append(pid)
        found["runner"].append(self.flow.process.pid)
        return {role: sorted(pids) for role, pids in found.items() if role in self.roles}

    def strike(self):
        candidates = self.candidates()
        if not candidates:
            return
        role = self.rng.choice(sorted(candidates))
        pid, what = self.rng.choice(candidates[role]), self.rng.random()
        if role == "runner":
            if self.flow.kill_runner():
                self.stopped = []
                self.kills[role] += 1
                self.flow.start()
        elif what < 0.15:
            if self.flow.signal(pid, signal.SIGSTOP):
                self.stops += 1
                self.stopped.append((time.monotonic() + self.rng.uniform(0.005, 0.2), pid))
        elif self.flow.signal(pid, signal.SIGABRT if what < 0.25 else signal.SIGKILL):
            self.kills[role] += 1

    def go_on(self, now=None):
        """Lets those run on whose time has come; all, without a time."""
        for when, pid in list(self.stopped):
            if now is None or when <= now:
                self.flow.signal(pid, signal.SIGCONT)
                self.stopped.remove((when, pid))

    def work(self, until):
        """Until that time, the end of the flow, or enough kills."""
        while self.flow.running() and time.monotonic() < until:
            now = time.monotonic()
            self.go_on(now)
            if self.limit is not None and self.total() >= self.limit:
                break
            if now >= self.next:
                self.strike()
                self.next = time.monotonic() + self.gap()
            time.sleep(max(0, min(self.next - time.monotonic(), 0.01)))
        self.go_on()
