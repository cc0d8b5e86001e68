"""Programs of ours in a row, joined by rings (common/ring.h), without the runner: killed at random and started again. What
is done here for a dead one is all that a manager has to do for it."""
import mmap
import os
import signal
import struct
import subprocess
import time

from checker import check
from flow import BIN, TOOLS, must
from graph import PIPELINE, Filter, Output, Source, chain

LENGTH, SHARED, AREA = 32768, 8192, 1 << 20
RING, NOWHERE = LENGTH, (1 << 64) - 1
MARKS, MARK = 2048, 3072
HEAD, ENDED, AREAS, SLOTS = 0, 16, 32, 64
PAGE_ENDED, PAGE_RESUMED = 4, 2


class Stage:
    """A program, its page, and the ring it writes, in one memory."""

    def __init__(self, name, command, above, size):
        self.name, self.command, self.above, self.below = name, command, above, None
        self.memory = os.memfd_create("stage")
        os.ftruncate(self.memory, 1 << 32)
        self.map = mmap.mmap(self.memory, RING + SHARED)
        # Stores through these are of whole words, as others see them; struct's are of bytes, and zero them first.
        self.words = {"Q": memoryview(self.map).cast("Q"), "I": memoryview(self.map).cast("I")}
        self.bell, self.manager = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        self.map[0:8] = b"pypepag1"
        self.put("<Q", 24, NOWHERE)
        self.put("<4Q", RING + AREAS, AREA, size, 2 * AREA, 0)
        self.process, self.done = None, False

    def put(self, form, offset, *values):
        struct.pack_into(form, self.map, offset, *values)

    def set(self, form, offset, value):
        """One word, while others may look."""
        self.words[form][offset // struct.calcsize(form)] = value

    def get(self, form, offset):
        return struct.unpack_from(form, self.map, offset)[0]

    def tie(self, below):
        """Descriptors in the page. What the last one writes goes into its ring, and nobody reads it."""
        above = self.above
        self.put("<ii", 16, self.bell, self.manager)
        self.put("<iiQQIi", 256, above.memory if above else -1, self.memory, RING, RING, 0,
                 above.bell if above else -1)
        self.put("<64i", 288, *([below.bell if below else -1] + [-1] * 63))
        if below:
            self.put("<QII", RING + SLOTS, 0, 0, 1)
        self.below = below

    def start(self, directory):
        self.put("<I", 64, 0)
        flags = (PAGE_RESUMED if self.get("<Q", MARKS) else 0)
        if self.above and self.above.get("<I", RING + ENDED):
            flags |= PAGE_ENDED
        self.put("<I", 8, flags)
        stdin, stdout = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
        name = ":".join(["%d" % self.memory] + ["%d.%d" % (os.fstat(fd).st_dev, os.fstat(fd).st_ino)
                                               for fd in (stdin, stdout)])
        fds = {self.memory, self.bell, self.manager}
        fds |= {self.above.memory, self.above.bell} if self.above else set()
        fds |= {self.below.bell} if self.below else set()
        environment = dict(os.environ, PYPE_STAGE=name, PYPE_NAME=self.name)
        environment["PATH"] = "%s:%s:%s" % (BIN, TOOLS, os.environ["PATH"])
        self.process = subprocess.Popen(self.command, shell=True, stdin=stdin, stdout=stdout, cwd=directory,
                                        pass_fds=fds, env=environment)
        os.close(stdin)
        os.close(stdout)

    def mark(self):
        """(in, out) of the newest."""
        sequence = self.get("<Q", MARKS)
        return struct.unpack_from("<QQ", self.map, MARKS + 64 + sequence % 4 * MARK) if sequence else (0, 0)

    def where(self):
        return self.name, self.mark(), self.get("<Q", RING + HEAD), self.get("<Q", RING + SLOTS)

    def mend(self):
        """What its last mark says is published and given back, and neighbours look again."""
        handled, out = self.mark()
        self.set("Q", RING + HEAD, out)
        if self.above:
            self.above.set("Q", RING + SLOTS, max(handled, self.above.get("<Q", RING + SLOTS)))
        for bell in [stage.bell for stage in (self.above, self.below) if stage]:
            os.eventfd_write(bell, 1)

    def end(self):
        """It has done its work."""
        self.done = True
        if self.below:
            self.set("I", RING + ENDED, 1)
            self.below.set("I", 8, self.below.get("<I", 8) | PAGE_ENDED)
            os.eventfd_write(self.below.bell, 1)


class Row:
    """The stages of a graph without branches, by what they are made of."""

    def __init__(self, graph, rng, directory):
        self.stages, self.rng, self.directory, self.kills = [], rng, directory, 0
        self.stopped = []  # (when it goes on, stage)
        for stage in graph.stages.values():
            above = self.stages[-1] if self.stages else None
            size = rng.choice([4096, 16384, 65536, 262144])
            self.stages.append(Stage("%s.%s" % (PIPELINE, stage.name), "exec " + graph.text(stage), above, size))
        for stage, below in zip(self.stages, self.stages[1:] + [None]):
            stage.tie(below)
            stage.start(directory)

    def running(self):
        return [stage for stage in self.stages if not stage.done]

    def look_after(self):
        """What has died is started again, what is through has its end."""
        for stage in self.running():
            status = stage.process.poll()
            if status is None:
                continue
            stage.mend()
            must(status in (0, -signal.SIGKILL), "%s ended with status %d" % (stage.name, status))
            if status == 0:
                stage.end()
            else:
                stage.start(self.directory)

    def go_on(self):
        for when, stage in list(self.stopped):
            if when < time.monotonic():
                stage.process.send_signal(signal.SIGCONT)
                self.stopped.remove((when, stage))

    def strike(self):
        """Kills one, or stops it for a while, so that the rings before it fill."""
        victim = self.rng.choice(self.running())
        if victim.process.poll() is not None:
            return
        if self.rng.random() < 0.2:
            victim.process.send_signal(signal.SIGSTOP)
            self.stopped.append((time.monotonic() + self.rng.uniform(0, 0.1), victim))
        else:
            victim.process.kill()
            self.kills += victim.process.wait() == -signal.SIGKILL

    def kill_all(self):
        for stage in self.stages:
            if stage.process.poll() is None:
                stage.process.kill()
                stage.process.wait()


def rings(options, rng, directory):
    """Sources, filters and outputs that keep rings are killed; nothing is lost or there twice."""
    os.makedirs(directory)
    source = Source("s1", 60000, names=["a", "b"], pad=rng.choice([20, 100, 3000]), seed=4)
    source.to = min(source.to, 6000000 // (source.pad + 100))
    if rng.random() < 0.5:
        # A pace, so that blocks end in the middle of what was out when the one before was killed.
        source.every = 2000000 // source.to
    graph = chain(source, Filter("f1", "pass --multiply 2 --as f1", "f1", 2), Filter("f2", "pype-jq '.f2 = 0'", "f2"),
                  Output("o1", "o1.csv"))
    row, end = Row(graph, rng, directory), time.monotonic() + 60
    try:
        while row.running():
            must(time.monotonic() < end, "no end: %s" % [stage.where() for stage in row.stages])
            time.sleep(rng.expovariate(1 / 0.01))
            if row.kills < (options.kills or 60):
                row.strike()
            row.go_on()
            row.look_after()
    finally:
        row.kill_all()
    verdict = check(graph, PIPELINE, directory, {})
    must(verdict.good(), "%s; %s" % (verdict, "; ".join(verdict.words)))
    return "%d kills, %s" % (row.kills, verdict)
