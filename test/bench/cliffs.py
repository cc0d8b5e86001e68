"""Rows of the bench: what it costs pype-jq if not all lines are of the usual kind.

Variants of a uniform corpus: in one line of a hundred there is an escape, a number with an exponent, a space, or the line has
other members; and four kinds of line mixed at random. The rate of each is compared with that of the uniform one; a cliff
would be a ratio below two thirds, or, of the mixed ones, below a half.
"""
import json
import os
import random

from measuring import best

PROGRAMS = [".", "select(.price > 190)", "{symbol, price}"]


def escape(line):
    return line.replace(b'"symbol":"', b'"symbol":"\\u00e9')


def exponent(line):
    return line.replace(b',"symbol"', b'e0,"symbol"')


def space(line):
    return line.replace(b",", b", ", 1)


def odd(line):
    event = json.loads(line)
    return json.dumps({"kind": "odd", "price": event["price"], "of": [event["symbol"], event["time"]]},
                      separators=(",", ":")).encode() + b"\n"


def libjq(line):
    """A key twice: this line is for libjq, and the program has to be compiled there, which takes 15 ms (jq 1.6)."""
    return line.replace(b'{"time"', b'{"time":0,"time"')


def nested(line):
    event = json.loads(line)
    return json.dumps({"symbol": event["symbol"], "quote": {"time": event["time"], "bid": None}, "price": event["price"]},
                      separators=(",", ":")).encode() + b"\n"


def short(line):
    return json.dumps({"price": json.loads(line)["price"]}, separators=(",", ":")).encode() + b"\n"


def variants(lines):
    rng = random.Random(7)
    yield "uniform", lines
    for change in (escape, exponent, space, odd, libjq):
        yield "1 of 100: " + change.__name__, [change(line) if rng.random() < 0.01 else line for line in lines]
    yield "four shapes", [rng.choice((lambda same: same, odd, nested, short))(line) for line in lines]


def cliffs(corpus):
    """A table for each program: the rate of each variant, and how it compares with the uniform one."""
    with open(corpus, "rb") as source:
        lines = source.readlines()
    names = []
    for name, changed in variants(lines):
        path = "%s.cliff%d" % (corpus, len(names))
        names.append((name, path))
        with open(path, "wb") as out:
            out.writelines(changed)
    for program in PROGRAMS:
        print("\ncliffs: pype-jq '%s'\n" % program)
        uniform = None
        for (name, path), result in zip(names, best([(path, ["pype-jq", program]) for _, path in names])):
            if not result:
                continue
            rate = os.path.getsize(path) / result.wall / 1e6
            uniform = uniform or rate
            print("  %-40s %8.0f MB/s %8.2f x" % (name, rate, rate / uniform))
    for _, path in names:
        os.remove(path)
