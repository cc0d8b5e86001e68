#!/usr/bin/python3
"""stage.py NAME=VALUE...: a stage in Python that puts members into each event.

It keeps the stage page (pype-stage(7), common/page.h): killed at any moment, it is started again where it was, and no
event is lost or there twice. What is done to an event must depend on nothing but the event. In a manifest:

    label: {run: "python3 stage.py desk=paris", from: prices, ack: page}

Without a runner it is a filter like any other.
"""
import json
import mmap
import os
import signal
import sys

FLAGS, ASK, MANAGER, KEEPS = 8 // 4, 12 // 4, 20 // 4, 64 // 4  # words of 4 bytes
POISON, HANDLING, MARKS, TAKEN = 24 // 8, 72 // 8, 2048 // 8, 14400 // 8  # words of 8 bytes
MARK, LENGTH, MAGIC, NOWHERE = 3072 // 8, 32768, b"pypepag1", (1 << 64) - 1
RESUMED, ENDED = 2, 4


class Page:
    """in_, out: bytes handled and written since the stage first began; counts: lines, events, results, bad."""

    def __init__(self):
        self.in_, self.out, self.counts, self.long, self.int = 0, 0, [0, 0, 0, 0], None, None
        fd, *pipes = os.environ.get("PYPE_STAGE", "-1:").split(":")
        if pipes != ["%d.%d" % (status.st_dev, status.st_ino) for status in (os.fstat(0), os.fstat(1))]:
            return
        page = mmap.mmap(int(fd), LENGTH)
        if page[:8] != MAGIC:
            return
        # Stores through these are of whole words.
        self.long, self.int = memoryview(page).cast("Q"), memoryview(page).cast("I")
        if self.int[FLAGS] & RESUMED and self.long[TAKEN]:
            mark = TAKEN + 8 + self.long[TAKEN] % 4 * MARK
            self.in_, self.out, _, *self.counts = self.long[mark:mark + 7]
        self.int[KEEPS] = 1
        self.ring()

    def ring(self):
        os.write(self.int[MANAGER], (1).to_bytes(8, sys.byteorder))

    def handling(self, position):
        """An event begins at this position of the input. False: it has killed this stage before, pass over it."""
        if not self.long:
            return True
        self.long[HANDLING] = position
        return self.long[POISON] != position

    def waiting(self):
        """Who is killed now was not killed by an event."""
        if self.long:
            self.long[HANDLING] = NOWHERE

    def write(self, data):
        """First the mark that will be true once the data is written, and then the data."""
        self.out += len(data)
        if self.long:
            sequence = self.long[MARKS] + 1
            mark = MARKS + 8 + sequence % 4 * MARK
            for i, value in enumerate([self.in_, self.out, 0, *self.counts, 0]):
                self.long[mark + i] = value
            self.long[MARKS] = sequence
        while data:
            data = data[os.write(1, data):]
        if self.long and self.int[ASK]:
            self.ring()

    def ended(self):
        """The end of the input is one. If not, the runner has gone: there is nothing to finish."""
        return not self.long or self.int[FLAGS] & ENDED


def handle(page, line, members):
    """What an event becomes."""
    if not line.strip():
        return b""
    page.counts[1] += 1
    try:
        event = json.loads(line)
        event.update(members)
    except (ValueError, AttributeError) as error:
        page.counts[3] += 1
        print("stage.py: error: line %d: %s" % (page.counts[0], error), file=sys.stderr)
        return b""
    page.counts[2] += 1
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    members, page, rest = dict(operand.split("=", 1) for operand in sys.argv[1:]), Page(), b""
    while True:
        page.waiting()
        data = os.read(0, 65536)
        if not data and not page.ended():
            sys.exit(1)
        # A last line may lack its newline.
        *lines, rest = (rest + data).split(b"\n") if data or not rest else (rest, b"")
        out = []
        for line in lines:
            page.counts[0] += 1
            if page.handling(page.in_):
                out.append(handle(page, line, members))
            page.in_ += len(line) + (1 if data else 0)
        page.write(b"".join(out))
        if not data:
            sys.exit(1 if page.counts[3] else 0)


if __name__ == "__main__":
    main()
