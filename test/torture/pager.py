"""A small manager of one stage: it keeps that stage's page and pipes (common/page.h), kills it at random and starts it
again, and so tests a program that keeps the page over its pipes without the runner."""
import mmap
import os
import select
import signal
import struct
import subprocess

from flow import Failure
from graph import ROOT

LENGTH, MAGIC, NOWHERE = 32768, b"pypepag1", (1 << 64) - 1
MARKS, TAKEN, MARK, FIELDS = 2048, 14400, 3072, "<7Q"
RESUMED, ENDED, PIPES = 2, 4, 1


class Stage:
    def __init__(self, command, text):
        self.command, self.text = command, text
        self.memory = os.memfd_create("page")
        os.ftruncate(self.memory, LENGTH)
        self.page = mmap.mmap(self.memory, LENGTH)
        self.bell, self.manager = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        self.page[0:24] = MAGIC + struct.pack("<IIii", 0, 1, self.bell, self.manager)
        self.page[24:40] = struct.pack("<QQ", NOWHERE, 0)
        self.mark, self.out, self.starts = (0,) * 7, b"", 0

    def word(self, offset):
        return struct.unpack_from("<Q", self.page, offset)[0]

    def arrived(self):
        """The newest mark whose output has arrived, of the last three; what this process began at, if there is none."""
        newest = self.word(MARKS)
        for sequence in range(newest, max(newest - 3, 0), -1):
            mark = struct.unpack_from(FIELDS, self.page, MARKS + 64 + sequence % 4 * MARK)
            if mark[1] <= len(self.out):
                return mark
        return self.mark

    def start(self):
        """Where the one before it was."""
        self.starts += 1
        struct.pack_into("<I", self.page, 64, 0)
        struct.pack_into("<Q", self.page, MARKS, 0)
        if self.starts > 1:
            struct.pack_into(FIELDS, self.page, TAKEN + 64 + 1 * MARK, *self.mark)
            struct.pack_into("<Q", self.page, TAKEN, 1)
            struct.pack_into("<I", self.page, 8, RESUMED)
        self.fed = self.mark[0]
        (stdin, self.to), (self.from_, stdout) = os.pipe(), os.pipe()
        name = ":".join(["%d" % self.memory] + ["%d.%d" % (os.fstat(fd).st_dev, os.fstat(fd).st_ino)
                                               for fd in (stdin, stdout)])
        self.process = subprocess.Popen(self.command, stdin=stdin, stdout=stdout, env=dict(os.environ, PYPE_STAGE=name),
                                        pass_fds=[self.memory, self.bell, self.manager])
        os.close(stdin)
        os.close(stdout)
        os.set_blocking(self.to, False)

    def move(self, until):
        """Bytes both ways: until so much has come out of this process, or its end of output."""
        while len(self.out) < until:
            writing = [self.to] if self.to >= 0 and self.fed < len(self.text) else []
            readable, writable, _ = select.select([self.from_], writing, [], 20)
            if not readable and not writable:
                raise Failure("the stage neither reads nor writes")
            if writable:
                try:
                    self.fed += os.write(self.to, self.text[self.fed:self.fed + 30000])
                except BrokenPipeError:
                    self.fed = len(self.text)
            if self.fed == len(self.text) and self.to >= 0:
                flags = struct.unpack_from("<I", self.page, 8)[0]
                # One store of a whole word: struct's are of bytes, and zero them first.
                memoryview(self.page).cast("I")[2] = flags | ENDED
                self.close_input()
            if readable:
                piece = os.read(self.from_, 65536)
                if not piece:
                    return
                self.out += piece

    def close_input(self):
        os.close(self.to)
        self.to = -1

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        while piece := os.read(self.from_, 65536):
            self.out += piece
        self.end()
        if self.starts > 1 and self.mark[0] == 0:
            raise Failure("the stage stores no marks")
        self.mark = self.arrived()
        self.out = self.out[:self.mark[1]]

    def end(self):
        if self.to >= 0:
            self.close_input()
        os.close(self.from_)
        return self.process.wait()


def page(options, rng, directory):
    """A stage that keeps its page over its pipes is killed, and loses nothing; what it wrote twice is cut at a mark."""
    command, to = ["/usr/bin/python3", ROOT + "/examples/stage.py", "a=1"], 30000
    lines = ['{"n":%d,"data":"%s"}' % (i, "x" * rng.randrange(200)) for i in range(to)]
    text = "".join(line + "\n" for line in lines)[:-1].encode()
    right = "".join(line[:-1] + ',"a":"1"}\n' for line in lines).encode()
    stage = Stage(command, text)
    kills = options.kills or 25
    for number in range(kills):
        stage.start()
        stage.move(len(right) * (number + 1) // (kills + 1))
        stage.kill()
    stage.start()
    stage.move(len(right) + 1)
    status = stage.end()
    if status != 0:
        raise Failure("the stage's exit status is %d" % status)
    if stage.out != right:
        raise Failure("of %d bytes %d are right" % (len(right), len(os.path.commonprefix([stage.out, right]))))
    if stage.arrived()[0] != len(text) or list(stage.arrived()[3:]) != [to, to, to, 0]:
        raise Failure("its last mark is %s" % (stage.arrived(),))
    must_not_finish(command)
    return "%d kills, %d events" % (kills, to)


def must_not_finish(command):
    """An end of input that is none: the half line is no last one."""
    stage = Stage(command, b'{"n":1}\n{"n":2}')
    stage.start()
    os.write(stage.to, stage.text)
    stage.fed = len(stage.text) + 1
    stage.move(1)
    stage.close_input()
    stage.move(1000)
    if stage.end() == 0 or stage.out != b'{"n":1,"a":"1"}\n':
        raise Failure("it takes the end of a runner for the end of its input")
