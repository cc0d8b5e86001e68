"""What the rows of the bench have in common: where things are, how often, and the quickest of several runs.

A command is a list of words; the word | makes a chain of it, as in the shell.
"""
import collections
import os
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PYPE_BIN") or ROOT + "/bin"
BUILD = os.environ.get("PYPE_BUILD") or ROOT + "/.build"
TOOLS = BUILD + "/bench"
MB = int(os.environ.get("BENCH_MB") or 64)
ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 3)

# Seconds, and the peaks in KiB: of the process that had the most, and the sum over those of a chain.
Run = collections.namedtuple("Run", "wall peak total")


def selected(name, words):
    """Whether one of the words, or none at all, asks for the row of that name."""
    return not words or any(word.lower() in name.lower() for word in words)


def stages(command):
    """The commands of a chain."""
    chain = [[]]
    for word in command:
        if word == "|":
            chain.append([])
        else:
            chain[-1].append(word)
    return chain


def shown(command):
    """As one would type it."""
    return " | ".join(shlex.join([os.path.basename(stage[0]), *stage[1:]]) for stage in stages(command))


def installed(command):
    return all(shutil.which(stage[0]) for stage in stages(command))


def try_measure(source, command, times=1):
    """The runs of a command: (wall seconds, peak KiB, exit status)."""
    return [(wall, peak, status) for wall, peak, status, _ in measured(source, command, times)]


def measured(source, command, times):
    result = subprocess.run([TOOLS + "/measure", source, str(times), *command], stdout=subprocess.PIPE, check=True)
    runs = [line.split() for line in result.stdout.decode().splitlines()]
    return [(float(run[0]), int(run[2]), int(run[3]), int(run[4])) for run in runs]


def measure(source, command, times=1):
    """A Run for each of times; None if it is not installed. It must end well."""
    if not (installed(command) and os.path.exists(source)):
        return None
    runs = measured(source, command, times)
    for _, _, status, _ in runs:
        if status != 0:
            sys.exit("bench: %s ended with status %d" % (shown(command), status))
    return [Run(wall, peak, total) for wall, peak, _, total in runs]


SHORT, AGAIN = 0.25, 4 # seconds; a run that is shorter is at the mercy of the machine: so often more in each round


def quickest(source, command):
    """The quickest run of one round; None if it is not installed."""
    runs = measure(source, command)
    if runs and runs[0].wall < SHORT:
        runs += measure(source, command, AGAIN)
    return min(runs) if runs else None


def rounds(commands):
    """ROUNDS runs of each (source, command), interleaved: a list of Run for each, or None."""
    done = [[quickest(source, command) for source, command in commands] for _ in range(ROUNDS)]
    return [list(runs) if runs[0] else None for runs in zip(*done)]


def best(commands):
    """The quickest of those runs."""
    return [min(runs) if runs else None for runs in rounds(commands)]
