"""W1 to W7, what pype is for, and programs that only libjq can run: us against jq, gojq, Miller and a plain program in Python.

Before a row is measured, what we and jq write for the first lines is compared. Each row is a fact for the table at the end.
"""
import collections
import csv
import io
import json
import math
import os
import subprocess

import corpora
import measuring

# A workload: its commands by who they are of (who may have several), how many times as fast as them we want to be on lines of
# one shape (half of that on mixed), the corpora, what must be the same about our output and that of jq, and whether we read
# the shorter corpus, too.
Workload = collections.namedtuple("Workload", "name commands aims corpora same slow", defaults=[False])

# A row of the last table: ratios is {peer: how many times as fast we are}.
Fact = collections.namedtuple("Fact", "name corpus rate run ratios aims same")

PEERS = ("jq", "gojq", "Miller", "Python")


# --- What must be the same.


def same_bytes(ours, theirs):
    return ours == theirs


def cell(text):
    try:
        return float(text)
    except ValueError:
        return text


def rows_of(text):
    return [[cell(field) for field in fields] for fields in csv.reader(io.StringIO(text.decode()))]


def same_rows(ours, theirs):
    """jq quotes all strings, pype-csv those that need it; and pype-csv writes numbers as they came."""
    return rows_of(ours) == rows_of(theirs)


def same_means(ours, theirs):
    """jq sums as it goes, pype-window without what rounding loses."""
    ours = {event["symbol"]: event["price_mean"] for event in map(json.loads, ours.splitlines())}
    theirs = json.loads(theirs)
    return ours.keys() == theirs.keys() and all(math.isclose(ours[key], theirs[key], rel_tol=1e-9) for key in ours)


# --- The commands.


def chain(*commands):
    words = []
    for command in commands:
        words += ["|"] * bool(words) + command
    return words


def python(body, before="", after=""):
    lines = ["import csv, json, sys", before, "for line in sys.stdin:", "    event = json.loads(line)"]
    return ["/usr/bin/python3", "-c", "\n".join(lines + ["    " + line for line in body.splitlines()] + [after])]


def miller(*verbs, to="--ojsonl"):
    return ["mlr", "--ijsonl", to, *verbs]


EXTRACT = "{time, price: .data.list.resources[0].resource.fields.price}"
SELECT = "select(.price > 190)"
PICK = "{time, price, symbol}"
ROW = "[.time, .price, .symbol] | @csv"
MEAN = "reduce inputs as $e ({}; .[$e.symbol] |= [(.[0] // 0) + $e.price, (.[1] // 0) + 1]) | map_values(.[0] / .[1])"

OUR_CSV = ["pype-csv", "--no-header", "time", "price", "symbol"]
OUR_MEAN = ["pype-window", "--count", "1000000000", "--by", "symbol", "mean(price)"]
OUR_CHAIN = chain(["pype-jq", SELECT], ["pype-jq", PICK], OUR_CSV)

CUT = ("cut", "-o", "-f", "time,price,symbol")
FILTER = ("filter", "$price > 190")
MILLER_EXTRACT = ('$* = {"time": $time, "price": $data["list"]["resources"][1]["resource"]["fields"]["price"]}')

PYTHON_EXTRACT = python("""try:
    price = event["data"]["list"]["resources"][0]["resource"]["fields"]["price"]
except KeyError:
    price = None
print(json.dumps({"time": event["time"], "price": price}))""")
PYTHON_SELECT = python("if event['price'] > 190:\n    print(json.dumps(event))")
PYTHON_PICK = python("print(json.dumps({'time': event['time'], 'price': event['price'], 'symbol': event['symbol']}))")
PYTHON_CSV = python("writer.writerow([event['time'], event['price'], event['symbol']])", "writer = csv.writer(sys.stdout)")
PYTHON_MEAN = python("of = sums.setdefault(event['symbol'], [0, 0])\nof[0] += event['price']\nof[1] += 1", "sums = {}",
                     "print(json.dumps({key: of[0] / of[1] for key, of in sums.items()}))")


def jq_all(*options):
    """The same for both programs."""
    return {"jq": [["jq", *options]], "gojq": [["gojq", *options]]}


def jq_chain(name):
    return [chain([name, "-c", SELECT], [name, "-c", PICK], [name, "-r", ROW])]


def of_jq(name, program, aim, where, theirs, python_command):
    """A workload that a jq program describes."""
    return Workload(name, {"pype": [["pype-jq", program]], **jq_all("-c", program), "Miller": [theirs],
                           "Python": [python_command]}, {"jq": aim}, where, same_bytes)


WORKLOADS = (
    of_jq("W1 identity", ".", 40, ("quotes", "documents", "small", "mixed"), miller("cat"), python("print(json.dumps(event))")),
    of_jq("W2 extract", EXTRACT, 40, ("quotes", "mixed"), miller("put", MILLER_EXTRACT), PYTHON_EXTRACT),
    of_jq("W3 select", SELECT, 40, ("small", "mixed"), miller(*FILTER), PYTHON_SELECT),
    Workload("W4 csv", {"pype": [OUR_CSV], **jq_all("-r", ROW), "Miller": [miller(*CUT, to="--ocsv")], "Python": [PYTHON_CSV]},
             {"jq": 80, "Miller": 60}, ("small", "mixed"), same_rows),
    Workload("W5 mean window", {"pype": [OUR_MEAN], **jq_all("-cn", MEAN), "Python": [PYTHON_MEAN],
                                "Miller": [miller("stats1", "-a", "mean", "-f", "price", "-g", "symbol")]},
             {"jq": 80, "Miller": 60}, ("small", "mixed"), same_means),
    Workload("W6 chain", {"pype": [OUR_CHAIN], "jq": jq_chain("jq"), "gojq": jq_chain("gojq"),
                          "Miller": [chain(miller(*FILTER), miller(*CUT), miller("cat", to="--ocsv")),
                                     miller(*FILTER, "then", *CUT, to="--ocsv")],
                          "Python": [chain(PYTHON_SELECT, PYTHON_PICK, PYTHON_CSV)]}, {"jq": 50}, ("small", "mixed"), same_rows),
    Workload("W7 sort keys", {"pype": [["pype-jq", "-S", "."]], "jq": [["jq", "-cS", "."]], "gojq": [["gojq", "-c", "."]]},
             {"jq": 15}, ("small", "quotes", "mixed"), same_bytes),
    # Programs that are left to libjq, whatever the line: there we are as fast as it is, but for reading and writing.
    Workload("fallback line number", {"pype": [["pype-jq", "{time, price, n: input_line_number}"]],
                                      "jq": [["jq", "-c", "{time, price, n: input_line_number}"]]},
             {"jq": 1.2}, ("small", "quotes", "mixed"), same_bytes, True),
    Workload("fallback whole event", {"pype": [["pype-jq", ". + {n: input_line_number}"]],
                                      "jq": [["jq", "-c", ". + {n: input_line_number}"]]},
             {"jq": 1.2}, ("small", "quotes", "mixed"), same_bytes, True),
)


# --- Measuring.


def output(command, path):
    """What a command writes for the first lines."""
    text = open(corpora.first(path), "rb").read()
    for stage in measuring.stages(command):
        text = subprocess.run(stage, input=text, stdout=subprocess.PIPE, check=True).stdout
    return text


def compare(workload, path):
    """yes, no, or that there is no jq."""
    jq = workload.commands["jq"][0]
    if not measuring.installed(jq):
        return "no jq"
    return "yes" if workload.same(output(workload.commands["pype"][0], path), output(jq, path)) else "no"


def left_to_libjq(command, path):
    """Whether all of the first lines were."""
    with open(corpora.first(path), "rb") as lines:
        run = subprocess.run([command[0], "--stats", *command[1:]], stdin=lines, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             check=True)
    return b"all events went to libjq" in run.stderr


def words_of(command):
    """The command in a line; a program of several lines is not shown."""
    text = " | ".join(" ".join("…" if "\n" in word else word for word in [os.path.basename(stage[0]), *stage[1:]])
                      for stage in measuring.stages(command))
    return text if len(text) <= 78 else text[:77] + "…"


def row(workload, corpus, path):
    print("\n%s, %s (the same as jq: %s)\n" % (workload.name, corpus, same := compare(workload, path)))
    if workload.name.startswith("fallback") and not left_to_libjq(workload.commands["pype"][0], path):
        print("  This program has become one that does not need libjq: take another.")
    contenders = [(who, command, path if who == "pype" and not workload.slow else corpora.slow(path))
                  for who, commands in workload.commands.items() for command in commands]
    our_rate, our_run, ratios = None, None, {}
    runs = measuring.best([(source, command) for _, command, source in contenders])
    for (who, command, source), run in zip(contenders, runs):
        if not run:
            print("  %-78s not installed" % words_of(command))
            continue
        rate = os.path.getsize(source) / run.wall / 1e6
        if who == "pype":
            our_rate, our_run = rate, run
        else:
            ratios[who] = min(our_rate / rate, ratios.get(who, math.inf))
        print("  %-78s %6.0f MB/s %7.1f MB %8.2f x" % (words_of(command), rate, run.total * 1024 / 1e6, our_rate / rate))
    aims = {peer: aim / 2 if corpus == "mixed" and not workload.slow else aim for peer, aim in workload.aims.items()}
    return Fact(workload.name, corpus, our_rate, our_run, ratios, aims, same)


def workloads(paths, words):
    """The facts of the rows that are asked for."""
    return [row(workload, corpus, paths[corpus]) for workload in WORKLOADS for corpus in workload.corpora
            if measuring.selected(workload.name + ", " + corpus, words)]


# --- The table at the end.

PEAK = 8 # MB that no process of ours shall need


def missed(fact):
    """What of the aim is not reached."""
    peak = fact.run.peak * 1024 / 1e6
    return ([peer for peer, aim in fact.aims.items() if fact.ratios.get(peer, 0) < aim] +
            ["memory"] * (peak >= PEAK) + ["output"] * (fact.same == "no"))


def table(facts):
    if not facts:
        return
    print("\nHow many times as fast as each; peak memory in MB, of the largest process and of all; the aim, reached or not\n")
    print("  %-19s %-10s %6s %7s %7s %7s %7s %6s %6s  %-22s %s" % (
        "workload", "corpus", "MB/s", *PEERS, "peak", "sum", "aim", "reached"))
    for fact in facts:
        ratios = ["%7.2f" % fact.ratios[peer] if peer in fact.ratios else "%7s" % "-" for peer in PEERS]
        aim = ", ".join("%s %g" % item for item in fact.aims.items()) + ", %d MB" % PEAK
        print("  %-19s %-10s %6.0f %s %6.1f %6.1f  %-22s %s" % (
            fact.name, fact.corpus, fact.rate, " ".join(ratios), fact.run.peak * 1024 / 1e6, fact.run.total * 1024 / 1e6,
            aim, "no: " + ", ".join(missed(fact)) if missed(fact) else "yes"))
