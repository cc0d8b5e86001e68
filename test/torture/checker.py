"""What arrived at the outputs, held against what must have: lost, twice, torn, out of order.

Of a flow that ran to its end each output has, on each way to it, exactly the numbers of its source, in order. Of one that
was stopped it has those below a number that is the same for all outputs of the source: as far as the source came. What
the source says of how far it came ("stopped before N") must be that number.
"""
import collections


class Verdict:
    def __init__(self):
        self.rows = self.lost = self.twice = self.torn = self.strange = self.disorder = 0
        self.words = []

    def good(self, lost=False):
        """lost: some may be."""
        return not ((self.lost and not lost) or self.twice or self.torn or self.strange or self.disorder)

    def add(self, other):
        for member in "rows", "lost", "twice", "torn", "strange", "disorder":
            setattr(self, member, getattr(self, member) + getattr(other, member))
        self.words += other.words

    def say(self, text):
        if len(self.words) < 20:
            self.words.append(text)

    def __str__(self):
        text = "%d events, %d lost, %d twice, %d torn, %d out of order" % (self.rows, self.lost, self.twice, self.torn,
                                                                        self.disorder)
        return text + (", %d strange" % self.strange if self.strange else "")


class Received:
    """One output: of each way, the (number, copy…) that came by it."""

    def __init__(self, graph, output, pipeline):
        self.output, self.verdict = output, Verdict()
        self.columns = graph.columns(output)
        self.tags = self.columns[3:-1]
        self.ways = {}
        for way in graph.ways(output):
            key = ("%s.%s" % (pipeline, way.source.name), tuple(tag in dict(way.tags) for tag in self.tags))
            if key in self.ways:
                raise ValueError("two ways to '%s' look the same" % output.name)
            # Copies stand in a row in the order of the tags, in an expectation in the order of the way.
            order = [self.tags.index(tag) for tag, _ in way.tags]
            self.ways[key] = (way, order, [])

    def read(self, path):
        try:
            with open(path, "rb") as file:
                text = file.read()
        except FileNotFoundError:
            text = b""
        lines = text.split(b"\n")
        if lines.pop():
            self.torn("no newline at the end")
        if lines and lines[0] != ",".join(self.columns).encode():
            self.torn("the header is %r" % lines[0][:200])
        for number, line in enumerate(lines[1:], 2):
            self.row(number, line)
        self.verdict.rows = max(len(lines) - 1, 0)

    def torn(self, why):
        self.verdict.torn += 1
        self.verdict.say("%s: torn: %s" % (self.output.name, why))

    def row(self, number, line):
        fields = line.decode("latin-1").split(",")
        if len(fields) != len(self.columns):
            return self.torn("line %d: %r" % (number, line[:200]))
        tags = fields[3:-1]
        way, order, came = self.ways.get((fields[2], tuple(tag != "" for tag in tags)), (None, None, None))
        try:
            place = (int(fields[0]),) + tuple(int(tags[i]) for i in order or [])
        except ValueError:
            return self.torn("line %d: %r" % (number, line[:200]))
        if way is None or fields[1] != way.source.event(place[0]) or fields[-1] != way.source.data(place[0]):
            return self.torn("line %d is of no event: %r" % (number, line[:200]))
        came.append(place)

    def last(self, source):
        """One more than the highest number that came from a source."""
        return max([max(came)[0] + 1 for way, _, came in self.ways.values() if way.source is source and came] or [0])

    def compare(self, to):
        """to: how far each source came."""
        for (source, _), (way, _, came) in self.ways.items():
            compare(self.verdict, "%s: from %s" % (self.output.name, source), came, way.expected(to[way.source.name]))


def compare(verdict, subject, came, expected):
    """Adds to the verdict what is wrong with a list."""
    if came == expected:
        return
    missing = collections.Counter(expected)
    known = set(missing)
    missing.subtract(came)
    lost = sorted(place for place, count in missing.items() if count > 0)
    more = sorted(place for place, count in missing.items() if count < 0)
    strange = [place for place in more if place not in known]
    descents = [after for before, after in zip(came, came[1:]) if after < before]
    verdict.lost += len(lost)
    verdict.twice += sum(-missing[place] for place in more if place in known)
    verdict.strange += len(strange)
    verdict.disorder += len(descents)
    for what, places in ("lost", lost), ("twice", [p for p in more if p in known]), ("strange", strange), \
            ("out of order", descents):
        if places:
            verdict.say("%s: %d %s, the first %s" % (subject, len(places), what, places[0]))


def check(graph, pipeline, directory, said):
    """The verdict on a flow. said: {source: how far it says it came}, for those that said it."""
    received = [Received(graph, output, pipeline) for output in graph.stages.values() if hasattr(output, "path")]
    for one in received:
        one.read("%s/%s" % (directory, one.output.path))
    to = {}
    for source in graph.stages.values():
        if hasattr(source, "to"):
            seen = max(one.last(source) for one in received)
            to[source.name] = source.to or max(seen, said.get(source.name, 0))
    verdict = Verdict()
    for one in received:
        one.compare(to)
        verdict.add(one.verdict)
    for source, last in said.items():
        if last < to[source]:
            verdict.say("%s said it stopped before %d, but %d has come" % (source, last, to[source] - 1))
            verdict.strange += 1
    return verdict
