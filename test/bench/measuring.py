"""What the rows of the bench have in common: where things are, how often, and the quickest of several runs."""
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


def try_measure(source, command, times=1):
    """The runs of a command: (wall seconds, peak KiB, exit status)."""
    result = subprocess.run([TOOLS + "/measure", source, str(times), *command], stdout=subprocess.PIPE, check=True)
    runs = [line.split() for line in result.stdout.decode().splitlines()]
    return [(float(run[0]), int(run[2]), int(run[3])) for run in runs]


def measure(source, command, times=1):
    """The same; None if it is not installed. It must end well."""
    if not (shutil.which(command[0]) and all(map(os.path.exists, [TOOLS + "/measure", source]))):
        return None
    runs = try_measure(source, command, times)
    for run in runs:
        if run[2] != 0:
            sys.exit("bench: %s ended with status %d" % (shlex.join(command), run[2]))
    return [(wall, peak) for wall, peak, _ in runs]


def rounds(commands):
    """ROUNDS runs of each (source, command), interleaved: a list of (wall, peak KiB) for each, or None."""
    done = [[measure(source, command) for source, command in commands] for _ in range(ROUNDS)]
    return [[run[0] for run in runs] if runs[0] else None for runs in zip(*done)]


def best(commands):
    """The quickest of those runs."""
    return [min(runs) if runs else None for runs in rounds(commands)]
