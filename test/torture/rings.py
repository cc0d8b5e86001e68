"""Programs of ours in a row, joined by rings (common/ring.h), without the runner: killed at random and started again. What is
done here for a dead one is all that a manager has to do for it."""
import mmap
import os
import signal
import struct
import subprocess
import time

from checker import check
from flow import BIN, TOOLS, Failure
from graph import PIPELINE, Filter, Output, Source

LENGTH, SHARED, AREA = 32768, 8192, 1 << 20
RING, NOWHERE = LENGTH, (1 << 64) - 1
MARKS, MARK = 2048, 3072
HEAD, ENDED, AREAS, SLOTS = 0, 16, 32, 64
PAGE_ENDED, PAGE_RESUMED = 4, 2


class Stage:
    """A program, its page, and the ring it writes, in one memory."""

    def __init__(self, command, above, size):
        self.command, self.above, self.size = command, above, size
        self.memory = os.memfd_create("stage")
        os.ftruncate(self.memory, 1 << 32)
        self.map = mmap.mmap(self.memory, RING + SHARED)
        self.bell, self.manager = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        self.map[0:8] = b"pypepag1"
        self.put("<Q", 24, NOWHERE)
        self.put("<4Q", RING + AREAS, AREA, size, 2 * AREA, 0)
        self.process, self.done = None, False

    def put(self, form, offset, *values):
        struct.pack_into(form, self.map, offset, *values)

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
        if self.above and self.get_above(ENDED):
            flags |= PAGE_ENDED
        self.put("<I", 8, flags)
        stdin, stdout = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
        name = "%d:" % self.memory + ":".join("%d.%d" % (os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (stdin, stdout))
        fds = {self.memory, self.bell, self.manager}
        fds |= {self.above.memory, self.above.bell} if self.above else set()
        fds |= {self.below.bell} if self.below else set()
        self.process = subprocess.Popen(self.command, shell=True, stdin=stdin, stdout=stdout, cwd=directory, pass_fds=fds,
                                        env=dict(os.environ, PYPE_STAGE=name, PYPE_NAME=self.name,
                                                 PATH="%s:%s:%s" % (BIN, TOOLS, os.environ["PATH"])))
        os.close(stdin)
        os.close(stdout)

    def get_above(self, offset):
        return self.above.get("<I", RING + offset)

    def mark(self):
        """(in, out) of the newest."""
        sequence = self.get("<Q", MARKS)
        return struct.unpack_from("<QQ", self.map, MARKS + 64 + sequence % 4 * MARK) if sequence else (0, 0)

    def mend(self):
        """What its last mark says is published and given back, and neighbours look again."""
        handled, out = self.mark()
        self.put("<Q", RING + HEAD, out)
        if self.above:
            self.above.put("<Q", RING + SLOTS, max(handled, self.above.get("<Q", RING + SLOTS)))
        for bell in [stage.bell for stage in (self.above, self.below) if stage]:
            os.eventfd_write(bell, 1)

    def end(self):
        """It has done its work."""
        self.done = True
        if self.below:
            self.put("<I", RING + ENDED, 1)
            self.below.put("<I", 8, self.below.get("<I", 8) | PAGE_ENDED)
            os.eventfd_write(self.below.bell, 1)


def rings(options, rng, directory):
    """Sources, filters and outputs that keep rings are killed; nothing is lost or there twice."""
    from cases import chain, must
    os.makedirs(directory)
    source = Source("s1", 60000, names=["a", "b"], pad=rng.choice([20, 100, 3000]), seed=4)
    graph = chain(source, Filter("f1", "exec pass --multiply 2 --as f1", "f1", 2), Filter("f2", "exec pype-jq '.f2 = 0'", "f2"),
                  Output("o1", "o1.csv"))
    source.to = min(source.to, 6000000 // (source.pad + 100))
    stages = []
    for stage in graph.stages.values():
        text = graph.text(stage)
        stages.append(Stage(text if text.startswith("exec") else "exec " + text, stages[-1] if stages else None,
                            rng.choice([4096, 16384, 65536, 262144])))
        stages[-1].name = "%s.%s" % (PIPELINE, stage.name)
    for stage, below in zip(stages, stages[1:] + [None]):
        stage.tie(below)
    kills, limit, end = 0, options.kills or 60, time.monotonic() + 60
    try:
        for stage in stages:
            stage.start(directory)
        while not all(stage.done for stage in stages):
            must(time.monotonic() < end, "no end: %s" % [(stage.name, stage.mark(), stage.get("<Q", RING + HEAD),
                                                          stage.get("<Q", RING + SLOTS)) for stage in stages])
            time.sleep(rng.expovariate(1 / 0.01))
            running = [stage for stage in stages if not stage.done]
            victim = rng.choice(running)
            if kills < limit and victim.process.poll() is None:
                victim.process.kill()
                kills += victim.process.wait() == -signal.SIGKILL
            for stage in running:
                status = stage.process.poll()
                if status is None:
                    continue
                stage.mend()
                must(status in (0, -signal.SIGKILL), "%s ended with status %d" % (stage.name, status))
                if status == 0:
                    stage.end()
                else:
                    stage.start(directory)
    finally:
        for stage in stages:
            if stage.process and stage.process.poll() is None:
                stage.process.kill()
                stage.process.wait()
    verdict = check(graph, PIPELINE, directory, {})
    if not verdict.good():
        raise Failure("%s; %s" % (verdict, "; ".join(verdict.words)))
    return "%d kills, %s" % (kills, verdict)
