"""A graph of stages made from a seed, as a manifest, and what must arrive at its ends.

Every filter that others can be beside puts a member of its own into each event it hands on, so that an event's way can
be read off it: what comes to an output on one way is a list, known beforehand, in order.
"""
import itertools
import os
import shlex

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PIPELINE = "p"
BUFFERS = ["4k", "5000", "12345", "33k", "64k", "256k"]
NAMES = ["a", "b", "c"]
# Thousands of kills, and no pause that makes it boring.
RESTART = {"limit": 1000, "within": "1s", "min": "1ms", "max": "5ms", "reset": "1s"}
MASK = (1 << 64) - 1


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Source:
    def __init__(self, name, to=0, every=None, names=("n",), pad=0, seed=0, log=None):
        self.name, self.to, self.every, self.names, self.pad, self.seed = name, to, every, list(names), pad, seed
        self.log = log

    def text(self):
        text = "numbers -v --to %d --names %s --pad %d --seed %d" % (self.to, ",".join(self.names), self.pad, self.seed)
        if self.every:
            text += " --every %dus" % self.every
        return text + (" --log " + self.log if self.log else "")

    def data(self, number):
        """The "data" member of an event, as numbers.c makes it."""
        length = splitmix((self.seed << 40 & MASK) ^ number) % (2 * self.pad + 1)
        word = "%d." % number
        return (word * (length // len(word) + 1))[:length]

    def event(self, number):
        return self.names[number % len(self.names)]


class Filter:
    """What becomes of an event: one in `drop` is dropped, `copies` are handed on with a member `tag` (None: as it is)."""

    def __init__(self, name, text, tag=None, copies=1, drop=0, **settings):
        self.name, self.text, self.tag, self.copies, self.drop, self.settings = name, text, tag, copies, drop, settings


class Output:
    def __init__(self, name, path, **settings):
        self.name, self.path, self.settings = name, path, settings


class Way:
    """From a source to an output: which numbers come, and in how many copies by which filters."""

    def __init__(self, source, steps, events):
        self.source, self.events = source, events
        self.drops = [step.drop for step in steps if step.drop]
        self.tags = [(step.tag, step.copies) for step in steps if step.tag]

    def has(self, number):
        return (self.events is None or self.source.event(number) in self.events) and \
            not any(number % drop == drop - 1 for drop in self.drops)

    def expected(self, to):
        """Each (number, copy, copy…) below number `to`, in order."""
        copies = list(itertools.product(*[range(count) for _, count in self.tags]))
        return [(number,) + copy for number in range(to) if self.has(number) for copy in copies]


class Graph:
    def __init__(self):
        self.stages = {}  # name: Source, Filter or Output
        self.edges = {}  # reader: [(writer, event or None)]

    def add(self, stage, *edges):
        self.stages[stage.name] = stage
        self.edges[stage.name] = [edge if isinstance(edge, tuple) else (edge, None) for edge in edges]
        return stage.name

    def of(self, kind):
        return [stage for stage in self.stages.values() if isinstance(stage, kind)]

    def role(self, name):
        """What a process is, by its PYPE_NAME."""
        stage = self.stages.get(name.split(".", 1)[-1])
        return type(stage).__name__.lower() if stage else "other"

    def ways(self, reader):
        ways = []

        def back(name, steps, events):
            for writer, event in self.edges[name]:
                wanted = events if event is None else {event} if events is None else events & {event}
                stage = self.stages[writer]
                if isinstance(stage, Source):
                    ways.append(Way(stage, steps, wanted))
                else:
                    back(writer, [stage] + steps, wanted)

        back(reader.name, [], None)
        return ways

    def tags(self, reader):
        return sorted({tag for way in self.ways(reader) for tag, _ in way.tags})

    def columns(self, output):
        return ["time", "event", "source"] + self.tags(output) + ["data"]

    def text(self, stage):
        if isinstance(stage, Source):
            return stage.text()
        if isinstance(stage, Filter):
            return stage.text
        return "pype-csv -o %s %s" % (stage.path, " ".join(self.columns(stage)))

    def stage(self, stage, delivery):
        """Its entry in the manifest."""
        sources = [writer + ("." + event if event else "") for writer, event in self.edges[stage.name]]
        entry = {"run": self.text(stage)}
        if sources:
            entry["from"] = sources[0] if len(sources) == 1 else sources
        if delivery != "fast" and not entry["run"].startswith("pype-"):
            entry["ack"] = "page"
        entry.update(getattr(stage, "settings", {}))
        return entry

    def manifest(self, delivery, protocol, **settings):
        pipeline = {"stages": {name: self.stage(stage, delivery) for name, stage in self.stages.items()}}
        manifest = {"flow": "torture", "delivery": delivery, "protocol": protocol, "restart": RESTART,
                    "pipelines": {PIPELINE: pipeline}}
        manifest.update(settings)
        return manifest


def chain(*stages):
    """A graph in which each stage reads the one before."""
    graph = Graph()
    for before, stage in zip((None,) + stages, stages):
        graph.add(stage, *([before.name] if before else []))
    return graph


# --- Graphs from a seed.


class Maker:
    """Makes graphs. Their sources last about `seconds`, or for ever; some keep a pace, some do not."""

    def __init__(self, rng, delivery, protocol, seconds, endless):
        self.rng, self.delivery, self.protocol, self.seconds, self.endless = rng, delivery, protocol, seconds, endless
        self.graph = Graph()
        self.pad = rng.choice([0, 20, 20, 100, 100, 1000, 6000])

    def source(self):
        rng, name = self.rng, "s%d" % (len(self.graph.of(Source)) + 1)
        rate = 2000 if self.protocol == "sync" else rng.choice([1000, 10000, 50000])
        rate = min(rate, 4000000 // (self.pad + 100))
        every = 1000000 // rate
        if self.protocol == "sync" or (not self.endless and rng.random() < 0.3):
            every, rate = None, 4 * rate
        names = rng.choice([["n"], NAMES[:2], NAMES]) if self.routes() else ["n"]
        return self.graph.add(Source(name, 0 if self.endless else int(rate * self.seconds), every, names, self.pad,
                                     rng.randrange(1000)))

    def routes(self):
        return self.delivery != "fast"

    def settings(self):
        return {"buffer": self.rng.choice(BUFFERS)} if self.rng.random() < 0.7 else {}

    def filter(self, *edges, tagged=True):
        rng, name, settings = self.rng, "f%d" % (len(self.graph.of(Filter)) + 1), self.settings()
        kinds = ["pass", "pass", "drop", "jq", "python"]
        if all(stage.copies == 1 for stage in self.graph.of(Filter)):
            kinds += ["copies"]
        if not tagged:
            kinds += ["plain", "plain"]
        if self.delivery != "fast" and self.protocol != "sync":
            kinds += ["lines"]
        kind = rng.choice(kinds)
        tag, copies, drop, text = name, 1, 0, "pass --multiply 1 --as " + name
        if kind == "copies":
            copies = rng.randrange(2, 4)
            text = "pass --multiply %d --as %s" % (copies, name)
        elif kind == "drop":
            drop = rng.randrange(2, 9)
            text += " --drop %d" % drop
        elif kind == "plain":
            tag, text = None, "pass"
        elif kind == "jq":
            text = "pype-jq '.%s = 0'" % name
        elif kind == "lines":
            settings["ack"], text = "lines", "sed -u 's/^{/{\"%s\":0,/'" % name
        elif kind == "python":
            text = "/usr/bin/python3 %s %s=0" % (shlex.quote(ROOT + "/examples/stage.py"), name)
        if text.startswith("pass") and rng.random() < 0.2:
            text += " --delay 20us --busy"
        return self.graph.add(Filter(name, text, tag, copies, drop, **settings), *edges)

    def output(self, *edges):
        name = "o%d" % (len(self.graph.of(Output)) + 1)
        return self.graph.add(Output(name, name + ".csv", **self.settings()), *edges)

    def route(self, name):
        """An edge that takes all of a stage's events, or those with one name."""
        source = next(way.source for way in self.graph.ways(self.graph.stages[name])) \
            if not isinstance(self.graph.stages[name], Source) else self.graph.stages[name]
        if len(source.names) > 1 and self.rng.random() < 0.4:
            return (name, self.rng.choice(source.names))
        return name

    def linear(self):
        last = self.source()
        for _ in range(self.rng.randrange(4)):
            last = self.filter(last, tagged=False)
        self.output(last)

    def fan(self):
        middle = self.filter(self.source(), tagged=False)
        for _ in range(self.rng.randrange(2, 4)):
            last = self.route(middle)
            for _ in range(self.rng.randrange(3)):
                last = self.filter(last, tagged=False)
            self.output(last)

    def diamond(self):
        top = self.source()
        sides = [self.filter(self.route(top)) for _ in range(self.rng.randrange(2, 4))]
        if self.rng.random() < 0.5:
            sides[0] = self.filter(sides[0])
        for _ in range(self.rng.randrange(1, 3)):
            self.output(self.filter(*sides))

    def random(self):
        rng = self.rng
        ends = [self.source() for _ in range(rng.randrange(1, 4))]
        inner, unread = list(ends), set(ends)
        for _ in range(rng.randrange(2, 6)):
            edges = rng.sample(inner, min(len(inner), rng.choice([1, 1, 2, 3])))
            inner.append(self.filter(*[self.route(edge) for edge in edges]))
            unread -= set(edges)
            unread.add(inner[-1])
        for _ in range(rng.randrange(2)):
            self.output(self.route(rng.choice(inner[len(ends):])))
        unread = sorted(unread)
        while unread:
            count = rng.randrange(1, min(3, len(unread)) + 1)
            self.output(*unread[:count])
            unread = unread[count:]


KINDS = ["linear", "fan", "diamond", "random"]


def make(kind, rng, delivery, protocol, seconds, endless):
    maker = Maker(rng, delivery, protocol, seconds, endless)
    getattr(maker, kind)()
    graph = maker.graph
    # Many ways make many rows; a few hundred thousand are enough.
    ways = [way for output in graph.of(Output) for way in graph.ways(output)]
    weight = max(1, sum(copies for way in ways for _, copies in way.tags or [("", 1)]) // 6)
    for source in graph.of(Source):
        source.to //= weight
        source.every = source.every and source.every * weight
    return graph
