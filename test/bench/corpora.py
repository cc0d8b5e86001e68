"""The corpora: seeded, the same everywhere. Each is a file of events, and a shorter one beside it for what is slow.

quotes, small and documents have lines of one shape each; mixed has four shapes of line at random. All lines of small and mixed
have the members time, price and symbol.
"""
import json
import os
import random

from measuring import MB

SLOW = 4 # the shorter file is a fourth
POOL = 20000 # different lines
SYMBOLS = ["AAPL", "MSFT", "GOOG", "AMZN"]


def quote(rng, i):
    """About 235 bytes, nested: the answer of a quote service, as pype-rest hands it on."""
    fields = {"name": "Apple Inc.", "price": "%.6f" % rng.uniform(150, 200), "symbol": "AAPL", "type": "equity",
              "volume": str(rng.randrange(10**8))}
    return {"event": "data", "time": 1700000000 + i * 30,
            "data": {"list": {"resources": [{"resource": {"classname": "Quote", "fields": fields}}]}}}


def small(rng, i):
    """About 55 bytes, flat."""
    return {"time": 1700000000 + i / 8 + 0.0625, "price": rng.randrange(18001, 20000) / 100, "symbol": rng.choice(SYMBOLS)}


def document(rng, i):
    """1 to 2 KB, many members, long texts with escapes."""
    words = "fix the parser when a line ends in Zürich naïve “quoted” 日本語 and\n tabs\t \\ \"here\" 🙂 it".split(" ")

    def text(count):
        return " ".join(rng.choices(words, k=count))

    user = {"login": "user%d" % rng.randrange(10**5), "id": rng.randrange(10**7), "site_admin": False, "gravatar_id": ""}
    label = {"name": text(1), "color": "%06x" % rng.randrange(1 << 24), "default": True}
    issue = {"number": rng.randrange(9999), "title": text(8), "user": user, "labels": [label, label], "state": "open",
             "locked": False, "assignee": None, "comments": rng.randrange(99), "body": text(rng.randrange(40, 180))}
    return {"id": str(i), "type": "IssuesEvent", "actor": user, "repo": {"id": rng.randrange(10**8), "name": text(1)},
            "payload": {"action": "opened", "issue": issue}, "public": True, "created_at": "2026-11-23T10:00:00Z"}


def order(rng, i):
    """About 130 bytes: the members of small, and others between them."""
    event = small(rng, i)
    return {"event": "order", "symbol": event["symbol"], "side": rng.choice(["buy", "sell"]), "price": event["price"],
            "size": rng.randrange(1, 500), "id": "o-%08x" % rng.randrange(1 << 32), "time": int(event["time"])}


def book(rng, i):
    """About 190 bytes: arrays, of different lengths."""
    def levels():
        return [[rng.randrange(18001, 20000) / 100, rng.randrange(1, 900)] for _ in range(rng.randrange(1, 6))]

    return {"event": "book", **small(rng, i), "bids": levels(), "asks": levels(), "open": rng.random() < 0.9}


def nested(rng, i):
    """About 290 bytes: a quote, and what small has."""
    event = quote(rng, i)
    return {"event": event["event"], **small(rng, i), "data": event["data"]}


def mixed(rng, i):
    return rng.choice([small, order, book, nested])(rng, i)


# The name of each, what makes an event, and in which share of the lines all that is not ASCII is escaped.
CORPORA = {"quotes": (quote, 1), "small": (small, 1), "documents": (document, 0.5), "mixed": (mixed, 1)}


def lines_of(name):
    event, ascii_share = CORPORA[name]
    rng = random.Random(name)
    return [json.dumps(event(rng, i), separators=(",", ":"), ensure_ascii=rng.random() < ascii_share).encode() + b"\n"
            for i in range(POOL)]


def slow(path):
    return path + ".slow"


def first(path):
    """A file of some hundred kilobytes, to compare outputs with."""
    return path + ".first"


class Corpora(dict):
    """Paths by name, in a directory; each is made when it is first asked for."""

    def __init__(self, directory):
        super().__init__()
        self.directory = directory

    def __missing__(self, name):
        path = os.path.join(self.directory, name)
        pool = lines_of(name)
        for file, size in (path, MB * 10**6), (slow(path), MB * 10**6 // SLOW), (first(path), 5 * 10**5):
            with open(file, "wb") as out:
                shuffle = random.Random(1)
                while out.tell() < size:
                    out.write(b"".join(shuffle.choices(pool, k=2000)))
        self[name] = path
        return path
