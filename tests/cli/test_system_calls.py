"""A system call fails, once: a load is complete all the same, or it ends with an error that says what failed and why.

strace(1) makes them fail. All that the program makes after its first line count; what the loader does before does
not. SHEAF_FAULTS says how many fail, of each kind of load (a sample; negative: every single one, in every way).
A call that wrote nothing at all (0 bytes) stands among the failures; half of what was to be written is
test_allocations' matter.
"""

import collections
import errno
import os
import re
import unittest

from faulted import ASKED, FAULTS, LOADS, ONE_THREAD, FaultedTest, sample
from harness import FEW_ROUNDS, is_sanitized

EACH = FAULTS if FAULTS > 0 else 12
RARE = {"flock", "fcntl", "copy_file_range", "rename", "renameat2", "link", "unlink", "unlinkat", "ftruncate", "fsync"}

TRANSFERS = ["EIO", "EINTR"]
WRITES = ["ENOSPC", "EIO", "EINTR", "0"]
WAYS = {
    "openat": ["EMFILE", "EIO", "EACCES", "EINTR", "ENOSPC"], "read": TRANSFERS, "pread64": TRANSFERS, "write": WRITES,
    "pwrite64": WRITES, "copy_file_range": WRITES, "writev": WRITES, "fsync": ["EIO", "ENOSPC", "EINTR"],
    "fdatasync": ["EIO", "ENOSPC", "EINTR"], "rename": ["EIO", "ENOSPC"], "renameat2": ["EIO", "ENOSPC", "EINVAL"],
    "link": ["EIO", "ENOSPC"], "unlink": ["EIO"], "unlinkat": ["EIO"], "newfstatat": ["EIO", "EACCES"],
    "fstat": ["EIO"], "statx": ["EIO"], "lseek": ["EIO"], "mmap": ["ENOMEM"], "munmap": ["ENOMEM"],
    "mprotect": ["ENOMEM"], "close": ["EIO", "EINTR"], "ftruncate": ["EIO", "ENOSPC", "EINTR"],
    "fallocate": ["ENOSPC"], "getdents64": ["EIO"], "flock": ["ENOLCK", "EINTR"], "fcntl": ["EIO"],
    "fchmod": ["EPERM"], "chmod": ["EPERM"], "fchown": ["EPERM"], "readlink": ["EIO"], "getcwd": ["EIO"],
    "clone3": ["EAGAIN"], "clone": ["EAGAIN"], "poll": ["EINTR", "ENOMEM"], "access": ["EACCES"],
    "pipe2": ["EMFILE"], "socketpair": ["EMFILE"], "dup": ["EMFILE"], "ioctl": ["EIO"], "sendmsg": ["EPIPE"],
    "sched_getaffinity": ["EINVAL"], "sysinfo": ["EFAULT"], "getrandom": ["EINTR"], "madvise": ["ENOMEM"],
    "memfd_create": ["EMFILE"], "brk": ["ENOMEM"], "mkdir": ["ENOSPC"], "prlimit64": ["EPERM"],
    "fadvise64": ["EIO"], "sync_file_range": ["EIO"], "rt_sigaction": ["EINVAL"], "lstat": ["EIO"], "stat": ["EIO"],
}
REASONS = {name: [os.strerror(number)] for number, name in errno.errorcode.items()}
REASONS["ENOMEM"] += ["no worker could be started"]
WORKER = ["a worker process ended"]
REASONS["0"] = REASONS["ENOSPC"] + ["nothing could be written"]
FIRST_LINE = re.compile(r"fcntl\(0, F_GETFD\)")


def of_sqlite(name, reason):
    """SQLite tells its own reasons."""
    if "sqlite" not in name and name != "retry":
        return reason
    return reason + ["disk I/O error", "database or disk is full", "unable to open database", "out of memory",
                     "database is locked", "not a database", "locking protocol", "attempt to write a readonly database",
                     "database disk image is malformed", "was moved, removed or replaced"]


@unittest.skipIf(is_sanitized(), "a leak checker cannot work under strace")
class SystemCalls(FaultedTest):
    def setUp(self):
        super().setUp()
        self.skip_without_strace()

    def calls(self):
        """Of an undisturbed run: each call's name, and the numbers of those that the program itself made."""
        folder = self.folder("traced", of=self.path("before"))
        trace = self.path("trace")
        code, _, err = self.run_in(folder, self.command, ["strace", "-f", "-qq", "-o", trace])
        self.assertEqual(self.whole.code, code, err)
        numbers, begun, made = collections.Counter(), False, collections.defaultdict(list)
        first = None
        for line in self.read("trace").decode(errors="replace").splitlines():
            thread, call = line.split(maxsplit=1)
            name = re.match(r"\w+(?=\()", call)
            first = first or thread
            if not name or (thread != first and name[0] not in ("clone3",)):
                continue
            numbers[name[0]] += 1
            begun = begun or bool(FIRST_LINE.match(call))
            if begun:
                made[name[0]].append(numbers[name[0]])
        self.assertTrue(begun)
        return made

    def faults(self, how_many):
        every = [(call, way, n) for call, numbers in sorted(self.calls().items()) for way in WAYS.get(call, [])
                 for n in numbers]
        rare = [] if FAULTS else [one for one in every if one[0] in RARE and one[1] == WAYS[one[0]][0]]
        for call, way, n in [*rare, *(every[i] for i in sample(len(every), how_many))]:
            how = "retval=0" if way == "0" else f"error={way}"
            yield (f"{call} {n} {way}", ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                         f"inject={call}:{how}:when={n}"], {}, of_sqlite(self.name, REASONS[way] + WORKER))

    def test_of_loads(self):
        for name, load in LOADS.items():
            self.begin(name, load, ONE_THREAD)
            self.disturb(self.faults(EACH))

    def test_of_questions(self):
        for name, load in ASKED.items():
            self.begin(name, load, ONE_THREAD)
            self.disturb(self.faults(EACH))

    def test_of_threads(self):
        for name in ("sqlite", "csv.gz", "parquet", "stdout, set aside"):
            self.begin(name, LOADS[name], ["-j", "2", "--executor", "threads"])
            self.disturb(self.faults(EACH))

    def test_of_processes(self):
        for name in ("csv", "parquet, set aside"):
            self.begin(name, LOADS[name], ["-j", "2", "--executor", "processes"])
            self.disturb(self.faults(EACH))


if __name__ == "__main__":
    unittest.main()
