"""W7: how long programs take to start, handle one event and end."""
import os

import measuring
import workloads

STARTS = 100
AIM = 1.3 # times /bin/true, of those that stand in the data path
EVENT = '{"time":1,"price":2,"symbol":"AAPL"}\n'
AIMED = (["pype-jq", "."], ["pype-jq", workloads.EXTRACT], workloads.OUR_CSV, ["pype-window", "--count", "1", "mean(price)"])
OTHERS = (["pype-jq", "label $out | ., break $out"], ["pype-serve", "--listen", "127.0.0.1:0"],
          ["pype-cron", "--from", "0", "--to", "1", "--every", "1s"], ["pype-rest", "--version"], ["jq", "."], ["gojq", "."],
          ["mlr", "--ijsonl", "--ocsv", "cat"], ["/usr/bin/python3", "-c", "pass"],
          ["sh", "-c", "echo '{}' | cat | cat >/dev/null"])


def starts(directory):
    """Prints the rows, and returns those that have an aim: (command, milliseconds, times /bin/true)."""
    event, manifest = os.path.join(directory, "event"), os.path.join(directory, "start.yaml")
    with open(event, "w") as out:
        out.write(EVENT)
    with open(manifest, "w") as out:
        out.write("pipelines:\n  start:\n    run: echo '{}' | cat | cat >/dev/null\n")
    commands = [["/bin/true"], *AIMED, *OTHERS, ["pype", "run", manifest]]
    runs = [[] for _ in commands]
    for _ in range(10):
        for command, done in zip(commands, runs):
            done += measuring.measure(event, command, STARTS // 10) or []
    print("\nW7 start: one event and exit, mean of %d runs\n" % STARTS)
    facts, base = [], None
    for command, done in zip(commands, runs):
        shown = measuring.shown(command).replace(manifest, "FLOW")
        if not done:
            print("  %-78s not installed" % shown)
            continue
        mean = sum(run.wall for run in done) / len(done)
        base = base or mean
        print("  %-78s %6.2f ms %9.1f MB %8.2f x" % (shown, mean * 1000, max(run.peak for run in done) * 1024 / 1e6, mean / base))
        if command in AIMED:
            facts.append((shown, mean * 1000, mean / base))
    return facts


def table(facts):
    if facts:
        print("\nW7, times as long as /bin/true: the aim is %g\n" % AIM)
    for shown, milliseconds, ratio in facts:
        print("  %-78s %6.2f ms %8.2f x  %s" % (shown, milliseconds, ratio, "yes" if ratio <= AIM else "no"))
