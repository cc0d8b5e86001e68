"""The rows of pype-jq --jobs: several processes against one, through libjq and the native way."""
import os

from measuring import best, BIN

# What libjq runs, and what it need not.
LIBJQ = ".data.list.resources[0].resource.fields | {symbol, volume, year: (1700000000 | gmtime | strflocaltime(\"%Y\"))}"
NATIVE = "{time, price: .data.list.resources[0].resource.fields.price}"


def workers(corpora):
    for title, source, program in (("through libjq", corpora["quotes"] + ".slow", LIBJQ), ("the native way", corpora["quotes"], NATIVE)):
        print("\njq --jobs, %s, quotes\n" % title)
        commands = [[os.path.join(BIN, "pype-jq"), "--jobs", jobs, program] for jobs in ("1", "2", "4")]
        one = None
        for command, result in zip(commands, best([(source, command) for command in commands])):
            one = one or result[0]
            print("  %-74s %8.0f MB/s %8.1f MiB %8.2f x" % ("pype-jq --jobs " + command[2] + " …", os.path.getsize(source) / result[0] / 1e6,
                                                       result[1] / 1024, one / result[0]))
