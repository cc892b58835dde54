"""--executor processes, looked at from outside: processes that are killed, that crash, and that must all be gone.

Nothing waits for a time: a run is brought to a standstill, by a pipe that nobody reads or by workers that are
stopped, and /proc tells that it has come to one. Whoever asks a worker process sleeps in poll until it answers.
"""

import contextlib
import gzip
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import unittest

import harness
from harness import CLEAN, FAULT, INTERRUPTED, SKIPPED, SheafTest, wait_until

CRASHING = os.environ.get("SHEAF_CRASHING")  # the program, built with a way to crash its workers
SOON = 20  # seconds: "at once", on a busy machine with a sanitizer
POLL = ("poll_schedule_timeout", "do_poll", "do_sys_poll")
FUTEX = ("futex",)
WRITE = ("pipe_write", "anon_pipe_write", "pipe_wait", *POLL)
PROCESSES = ("--executor", "processes")


# ---------------------------------------------------------------- what /proc tells

def text_of(path):
    with contextlib.suppress(OSError):
        return pathlib.Path(path).read_text()
    return ""


def threads_of(pid):
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    return []


def children_of(pid):
    return [int(child) for task in threads_of(pid)
            for child in text_of(f"/proc/{pid}/task/{task}/children").split()]


def workers_of(pid):
    return [child for child in children_of(pid) if "--sheaf-worker" in text_of(f"/proc/{child}/cmdline")]


def state_of(pid):
    """R, S, T (stopped), Z (a zombie) and so on; "" when there is no such process."""
    return text_of(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1]


def is_running(pid):
    return state_of(pid) not in ("", "Z", "X")


def sleeps_in(pid, task, functions):
    return text_of(f"/proc/{pid}/task/{task}/wchan").startswith(functions)


def proxies_of(pid):
    """The threads that have a worker process each: they sleep in poll while it is at work, else in a futex."""
    return [task for task in threads_of(pid) if text_of(f"/proc/{pid}/task/{task}/children").split()]


def asked_of(pid):
    """How many of its workers a program has asked, and waits for."""
    return sum(sleeps_in(pid, task, POLL) for task in proxies_of(pid))


def is_in_write(pid):
    return sleeps_in(pid, pid, WRITE)


def is_in_stream(pid):
    """A thread that has no worker process waits for a stream to say something."""
    others = set(threads_of(pid)) - {pid, *proxies_of(pid)}
    return any(sleeps_in(pid, task, POLL) for task in others)


def bytes_read_by(pid):
    return int((text_of(f"/proc/{pid}/io").split() or [0, 0])[1])


# ---------------------------------------------------------------- runs at a standstill

class ProcessesTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.seen = set()  # every worker process that was met
        self.addCleanup(self.kill_what_is_left)

    def kill_what_is_left(self):
        for pid in filter(is_running, self.seen):
            os.kill(pid, signal.SIGKILL)

    def workers(self, process):
        workers = workers_of(process.pid)
        self.seen.update(workers)
        return workers

    def assert_nobody_is_left(self, waits=False):
        """The program has reaped its workers; they end by themselves (waits) when it could not."""
        self.assertTrue(self.seen, "no worker process was seen")
        if waits:
            wait_until(lambda: not any(map(is_running, self.seen)), "the worker processes are gone", SOON)
        self.assertEqual([], [(pid, state_of(pid)) for pid in self.seen if is_running(pid)])

    def start_processes(self, *args, **options):
        return self.start(*args, *PROCESSES, "--progress", "off", **options)

    def start_at_full_pipe(self, *args, **options):
        """Nobody reads the output: the program stands in its write, and its workers have nothing to do."""
        process = self.start_processes(*args, **options)
        wait_until(lambda: self.rests(process, is_in_write), "the pipe is full and nothing is read ahead any more")
        return process

    def rests(self, process, is_in):
        """The program is in there, and its workers are ready and have nothing to do."""
        for _ in range(2):  # twice: a look at all the threads takes a while
            proxies = proxies_of(process.pid)
            if not is_in(process.pid) or not all(sleeps_in(process.pid, task, FUTEX) for task in proxies):
                return False
        return len(self.workers(process)) == len(proxies) > 0

    def stop_workers(self, process):
        workers = self.workers(process)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: all(state_of(pid) == "T" for pid in workers), "the workers are stopped")
        return workers

    def kill_workers(self, workers, number=signal.SIGKILL):
        for pid in workers:
            os.kill(pid, number)

    def wait_for_stopped(self, process, count, drain=None):
        """The program waits, for so many workers, that were stopped. What it writes meanwhile is taken."""
        def stands():
            if drain is not None:
                with contextlib.suppress(BlockingIOError):
                    while data := os.read(process.stdout.fileno(), 1 << 20):
                        drain.append(data)
            return asked_of(process.pid) == count and sleeps_in(process.pid, process.pid, FUTEX)
        if drain is not None:
            os.set_blocking(process.stdout.fileno(), False)
        wait_until(stands, f"it waits for {count} workers that are stopped")
        if drain is not None:
            os.set_blocking(process.stdout.fileno(), True)

    def write_many(self, count=50, rows=2000):
        return [self.write_rows(f"many/{i:03}.csv", rows, i * rows) for i in range(count)]

    def start_in_the_middle(self, *args, j="3", **options):
        """
        Each worker is in the middle of a file, and stopped there. A FIFO, the first source, holds the run when the
        window is full; workers are stopped; then it goes on, and gives each of them a file.
        """
        if "fifo" not in self.names():
            self.make_fifo("fifo")
        command, *others = args
        process = self.start_processes(command, "fifo", *others, "-j", j, **options)
        with open(self.path("fifo"), "wb") as fifo:
            wait_until(lambda: self.rests(process, is_in_stream) and len(self.workers(process)) == int(j),
                       "only the stream is waited for")
            self.stop_workers(process)
            fifo.write(b"n,text\n")
        self.wait_for_stopped(process, int(j))
        return process

    def go_on(self, process):
        for pid in self.workers(process):
            if state_of(pid) == "T":
                os.kill(pid, signal.SIGCONT)


class Interrupts(ProcessesTest):
    """Ctrl-C and its kin: exit 130 at once, the destination as before, and every process gone."""

    def assert_interrupted(self, process, send=None):
        self.workers(process)
        send() if send else process.send_signal(signal.SIGINT)
        code = process.wait(SOON)
        self.assert_nobody_is_left()
        run = harness.Run(process.args[1:], code, b"", process.stderr.read() if process.stderr else b"")
        self.assert_sound(run)
        self.assertEqual(INTERRUPTED, code, run)
        return run

    def start_reading(self, *args, **options):
        """Its workers are at work: there is a hundred times more to be read than they have read."""
        self.write_big("big.csv", 20)
        process = self.start_processes(*args, *["big.csv"] * 1000, **options)
        wait_until(lambda: any(bytes_read_by(pid) > 4 << 20 for pid in self.workers(process)), "a worker reads")
        return process

    def test_while_reading(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for args in (["count"], ["count", "-j", "1"], ["count", "-j", "8", "--on-error", "skip-file"]):
                with self.subTest(args=args, number=number):
                    process = self.start_reading(*args)
                    run = self.assert_interrupted(process, lambda: process.send_signal(number))
                    self.assertEqual("interrupted: nothing was committed\n", run.error_text)

    def test_while_reading_leaves_the_destination_as_it_was(self):
        self.write("a.csv", "a,b\n1,2\n")
        self.write_big("big.csv", 20)
        for name in ("x.csv", "x.jsonl", "x.db"):
            self.succeed("ingest", "a.csv", "-o", name)
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.assert_interrupted(self.start_reading("ingest", "-o", name, "--if-exists", "replace"))
            os.unlink(self.path(name))
            with self.subTest(name=name, new=True), self.assert_directory_unchanged():
                self.assert_interrupted(self.start_reading("ingest", "-o", name))

    def test_while_the_reader_of_stdout_rests(self):
        self.write_big("big.csv", 8)
        for number in (signal.SIGINT, signal.SIGTERM):
            for j in ("1", "3"):
                process = self.start_at_full_pipe("cat", "big.csv", "big.csv", "-j", j)
                self.assert_interrupted(process, lambda: process.send_signal(number))

    def test_while_a_stream_says_nothing(self):
        self.write_big("big.csv", 1)
        process = self.start_processes("count", "big.csv", "-", "big.csv", stdin=subprocess.PIPE)
        wait_until(lambda: self.rests(process, is_in_stream), "only the stream is waited for")
        self.assert_interrupted(process)

    def test_to_the_whole_group(self):
        """As a terminal sends it, or `kill -TERM -GROUP`: that the workers get it too is no loss of a worker."""
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            with self.subTest(number=number):
                process = self.start_reading("count", "-j", "3", start_new_session=True)
                self.assert_interrupted(process, lambda: os.killpg(process.pid, number))

    def test_to_the_whole_group_while_workers_start(self):
        """A process that does not know yet that it is a worker gets it too: the run is interrupted, not broken."""
        self.write_big("big.csv", 20)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            for _ in range(15):
                process = self.start_processes("count", *["big.csv"] * 1000, "-j", "4", start_new_session=True)
                started = set()
                wait_until(lambda: started.update(children_of(process.pid)) or started, "a process is started")
                self.seen.update(started)
                self.assert_interrupted(process, lambda: os.killpg(process.pid, number))

    def test_that_the_program_ignores_are_ignored_by_its_workers(self):
        """As nohup, or `trap '' INT` in a script, has it."""
        def ignore():
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        names = self.write_many()
        self.make_fifo("fifo")
        for number in (signal.SIGINT, signal.SIGHUP):
            with self.subTest(number=number):
                process = self.start_in_the_middle("count", *names, start_new_session=True, preexec_fn=ignore)
                os.killpg(process.pid, number)
                self.go_on(process)
                run = self.finish(process)
                self.assertEqual((CLEAN, b""), (run.code, run.err), run)
                self.assertEqual(50 * 2000, run.counts()[1])

    def test_through_a_terminal(self):
        self.write_big("big.csv", 20)
        pid, master = os.forkpty()
        if pid == 0:
            os.chdir(self.dir)
            os.execv(harness.SHEAF, [harness.SHEAF, "count", *["big.csv"] * 1000, *PROCESSES, "--progress", "off"])
        self.addCleanup(os.close, master)
        wait_until(lambda: workers_of(pid) and bytes_read_by(workers_of(pid)[0]) > 4 << 20, "a worker reads")
        self.seen.update(workers_of(pid))
        os.write(master, b"\x03")
        codes = []

        def ended():
            done, status = os.waitpid(pid, os.WNOHANG)
            codes.extend([os.waitstatus_to_exitcode(status)] if done else [])
            return codes
        wait_until(ended, "the program ends", SOON)
        self.assertEqual([INTERRUPTED], codes)
        self.assert_nobody_is_left()

    def test_nobody_is_left_when_the_reader_goes_away(self):
        self.write_big("big.csv", 8)
        for j in ("1", "3"):
            process = self.start_at_full_pipe("cat", *["big.csv"] * 3, "-j", j)
            self.assertTrue(process.stdout.read(100))
            process.stdout.close()
            process.stdout = None
            run = self.finish(process)
            self.assertEqual((CLEAN, b""), (run.code, run.err), run)
            self.assert_nobody_is_left()

    def test_nobody_is_left_when_the_program_is_killed(self):
        self.write_big("big.csv", 8)
        for start in (lambda: self.start_reading("count", "-j", "3"),
                      lambda: self.start_at_full_pipe("cat", *["big.csv"] * 3, "-j", "3"),
                      lambda: self.start_in_the_middle("count", *self.write_many())):
            process = start()
            self.workers(process)
            process.kill()
            self.assertEqual(-signal.SIGKILL, process.wait(SOON))
            self.assert_nobody_is_left(waits=True)


class Losses(ProcessesTest):
    """A worker process that is killed costs the file that it was reading, and nothing else."""

    def assert_names_signal(self, run, number, *files):
        self.assertIn(f"signal {number}", run.error.message, run)
        self.assertIn(run.error.source, files, run)

    def test_that_had_nothing_to_do_are_no_loss(self):
        self.write_big("big.csv", 6)
        for j in ("1", "3"):
            process = self.start_at_full_pipe("cat", "big.csv", "big.csv", "-j", j)
            workers = self.workers(process)
            self.kill_workers(workers)
            wait_until(lambda: not any(map(is_running, workers)), "they are dead")
            run = self.finish(process)
            self.assertEqual((CLEAN, b""), (run.code, run.err), run)
            expected = self.read("big.csv")
            self.assertTrue(run.out == expected + expected.partition(b"\n")[2], "other rows")
            self.assert_nobody_is_left()

    def test_in_the_middle_of_a_file_end_the_run(self):
        """The rows before are there, once, and none that nobody has read."""
        self.write_big("big.csv", 12)
        expected = self.read("big.csv")
        for j in ("1", "3"):
            for on_error in ("stop", "skip-file"):  # some of its rows are written: it cannot be left out any more
                with self.subTest(j=j, on_error=on_error):
                    process = self.start_at_full_pipe("cat", "big.csv", "-j", j, "--on-error", on_error)
                    workers, taken = self.stop_workers(process), []
                    # A file that may be left out is not split: one worker reads it.
                    self.wait_for_stopped(process, int(j) if on_error == "stop" else 1, taken)
                    self.kill_workers(workers)
                    taken.append(process.stdout.read(len(expected)))
                    process.stdout.close()
                    process.stdout = None
                    run = self.finish(process)
                    self.assertTrue(expected.startswith(b"".join(taken)), "other rows than there are")
                    self.assertEqual(FAULT, run.code, run)
                    self.assert_names_signal(run, 9, "big.csv")
                    self.assert_nobody_is_left()

    def test_of_many_at_once_end_the_run(self):
        names = self.write_many()
        self.make_fifo("fifo")
        for number in (signal.SIGKILL, signal.SIGABRT):
            with self.assert_directory_unchanged():
                process = self.start_in_the_middle("ingest", *names, "-o", "x.csv")
                self.kill_workers(self.workers(process), number)
                self.go_on(process)
                run = self.finish(process)
                self.assertEqual(FAULT, run.code, run)
                self.assert_names_signal(run, number, *names)
                self.assert_nobody_is_left()

    def kill_one(self, *args, j="3"):
        """Lose one worker in the middle of its file. Returns the run, and the files that are not the one it names."""
        names = self.write_many()
        process = self.start_in_the_middle(*args, *names, "--on-error", "skip-file", j=j)
        os.kill(self.workers(process)[0], signal.SIGKILL)
        self.go_on(process)
        run = self.finish(process)
        self.assertEqual(SKIPPED, run.code, run)
        self.assert_names_signal(run, 9, *names)
        self.assertEqual(1, run.err.count(b"skipped: "), run)
        self.assert_nobody_is_left()
        return run, [name for name in names if name != run.error.source]

    def test_cost_one_file_with_skip_file(self):
        for j in ("1", "3", "8"):
            run, good = self.kill_one("count", j=j)
            counts, total = run.counts()
            self.assertEqual(49 * 2000, total)
            self.assertEqual([("fifo", 0)] + [(name, 2000) for name in good],
                             [(name, count) for name, count in counts if count is not None])

    def test_cost_no_row_of_another_file(self):
        run, good = self.kill_one("cat")
        self.assertTrue(run.out == self.succeed("cat", *good).out, "other rows")
        run, good = self.kill_one("ingest", "-o", "x.db")
        self.succeed("ingest", *good, "-o", "good.db", "--table", "x")
        self.assertEqual(self.sql_rows_hex("good.db", "x"), self.sql_rows_hex("x.db", "x"))

    def test_at_any_moment_neither_lose_nor_double_a_row(self):
        """Killed at random: all rows, or an error and some from the beginning."""
        names = [self.write_big(f"{i}.csv", 3, header=f"n,text{i % 2}") for i in range(4)]
        expected = self.succeed("cat", *names).out
        rng = random.Random(9)
        codes = set()
        for i in range(20):
            process = self.start_processes("cat", *names, "-j", str(1 + i % 3))
            out = process.stdout.read(1 + rng.randrange(len(expected)))
            for pid in rng.sample(self.workers(process), 1):
                os.kill(pid, signal.SIGKILL)
            out += process.stdout.read()
            run = self.finish(process)
            codes.add(run.code)
            self.assertIn(run.code, (CLEAN, FAULT), run)
            if run.code == CLEAN:
                self.assertTrue(out == expected, "other rows")
                self.assertEqual(b"", run.err, run)
            else:
                self.assertTrue(expected.startswith(out), "other rows")
                self.assertIn(b"signal 9", run.err, run)
            self.assert_nobody_is_left()

    def test_leave_no_zombies_while_the_run_goes_on(self):
        names = self.write_many()
        process = self.start_in_the_middle("count", *names, "--on-error", "skip-file", j="2")
        lost = self.workers(process)
        self.kill_workers(lost[:1])
        wait_until(lambda: not state_of(lost[0]), "it is reaped, while the other one is still waited for")
        self.go_on(process)
        self.assertEqual(SKIPPED, self.finish(process).code)
        self.assert_nobody_is_left()


@unittest.skipUnless(CRASHING, "NOT TESTED: $SHEAF_CRASHING names no program whose workers crash")
class Crashes(ProcessesTest):
    """Files whose reading crashes: this program's workers do, on every path that has "crash" in it."""

    def crash(self, *args, code, **options):
        environment = dict(os.environ, SHEAF_TEST_CRASH="crash")
        run = self.sheaf(*args, *PROCESSES, executable=CRASHING, env=environment, **options)
        self.assertEqual(code, run.code, run)
        return run

    def write_set(self, count, bad):
        """Files, and those of them that are good. A bad one has a column of its own, which must go with it."""
        names = []
        for i in range(count):
            name = f"d/{i:03}-{'crash' if i in bad else 'good'}.csv"
            header = "n,crash" if i in bad else f"n,text{i % 3}"
            if i % 5 == 4:
                names.append(self.write_gzip(name + ".gz", f"{header}\n{i},x\n{i},y\n"))
            else:
                names.append(self.write(name, f"{header}\n{i},x\n{i},y\n"))
        return names, [name for name in names if "good" in name]

    def test_are_left_out_and_nothing_else_changes(self):
        for count, bad in ((1, {0}), (9, {0}), (9, {8}), (9, {4}), (40, set(range(0, 40, 2))), (30, set(range(30)))):
            names, good = self.write_set(count, bad)
            for j in ("1", "8"):
                with self.subTest(count=count, bad=bad, j=j):
                    run = self.crash("cat", *names, "-j", j, "-v", "--on-error", "skip-file", code=SKIPPED)
                    expected = self.succeed("cat", *good).out if good else self.succeed("cat", "/dev/null").out
                    self.assertEqual(expected, run.out)
                    for name in set(names) - set(good):
                        self.assertIn(f"--> {name}\n".encode(), run.err)
                    self.assertEqual(len(bad), run.err.count(b"its worker process was killed by signal 11"))
                    run = self.crash("count", *names, "-j", j, "--on-error", "skip-file", code=SKIPPED)
                    self.assertEqual(([(name, 2 if name in good else None) for name in names], 2 * len(good)),
                                     run.counts())
                    for kind in ("csv", "db"):
                        self.crash("ingest", *names, "-j", j, "-o", f"x.{kind}", "--on-error", "skip-file",
                                   code=SKIPPED)
                        table = ["--table", "x"] if kind == "db" else []
                        self.succeed("ingest", *good or ["/dev/null"], "-o", f"y.{kind}", *table)
                        x, y = (self.sql_dump(name, "x", ledger=False) if kind == "db" else self.read(name)
                                for name in (f"x.{kind}", f"y.{kind}"))
                        self.assertTrue(x == y, kind)
                        os.unlink(self.path(f"x.{kind}"))
                        os.unlink(self.path(f"y.{kind}"))

    def test_end_the_run_when_they_are_not_to_be_left_out(self):
        for bad in ({5}, {5, 6, 7, 8}, {0}):
            names, _ = self.write_set(9, bad)
            first = names[min(bad)]
            for j in ("1", "8"):
                for args in (["ingest", "-o", "x.db"], ["ingest", "-o", "x.csv"], ["count"], ["cat"]):
                    with self.subTest(bad=bad, j=j, args=args), self.assert_directory_unchanged():
                        run = self.crash(*args, *names, "-j", j, code=FAULT)
                        self.assert_shows_error(run, source=first, says="killed by signal 11")
                        self.assertIn("--on-error skip-file", run.error.help or "")
                        rows = run.out.splitlines()[1:]
                        self.assertEqual(2 * min(bad) if args == ["cat"] else 0, len(rows))

    def test_leave_a_destination_that_is_there_as_it_was(self):
        names, _ = self.write_set(9, {7})
        for name in ("x.csv", "x.db"):
            self.succeed("ingest", names[0], "-o", name)
            with self.assert_directory_unchanged():
                self.crash("ingest", *names, "-o", name, "--if-exists", "replace", code=FAULT)

    def test_stand_beside_faults_of_other_kinds(self):
        names, good = self.write_set(9, {3, 6})
        self.write(names[4], "n,text\n1\n")
        run = self.crash("cat", *names, "-v", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual(self.succeed("cat", *[name for name in good if name != names[4]]).out, run.out)
        self.assertEqual(3, run.err.count(b"skipped: "))

    def test_are_no_matter_to_who_reads_them_by_itself(self):
        names, _ = self.write_set(9, {3, 6})
        self.assertEqual(self.succeed("cat", *names).out, self.sheaf("cat", *names, executable=CRASHING).out)


class Workers(ProcessesTest):
    """`sheaf --sheaf-worker` is what the program starts. A user who types it gets an end, and no crash."""

    def start_worker(self, third):
        """A worker whose descriptor 3 is this one; None: it has none."""
        if third is None:
            return self.start("--sheaf-worker")
        process = subprocess.Popen(["sh", "-c", 'exec "$0" --sheaf-worker 3<&0 <&-', harness.SHEAF], stdin=third,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.dir)
        self.addCleanup(harness.stop, process)
        return process

    def assert_gives_up(self, process):
        run = self.finish(process, timeout=SOON)
        self.assertGreater(run.code, 0, run)
        self.assertEqual(b"", run.out)

    def test_without_a_descriptor(self):
        self.assert_gives_up(self.start_worker(None))

    def test_with_what_is_no_socket(self):
        self.write("a.csv", "n\n1\n")
        for name in ("a.csv", "/dev/null", "/dev/zero"):
            with open(self.path(name), "rb") as file:
                self.assert_gives_up(self.start_worker(file))
        reading, writing = os.pipe()
        os.write(writing, b"garbage" * 1000)
        self.assert_gives_up(self.start_worker(reading))
        os.close(reading)
        os.close(writing)

    def assert_gives_up_on(self, data, closes=True):
        ours, theirs = socket.socketpair()
        process = self.start_worker(theirs)
        theirs.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            ours.sendall(data)
            if closes:
                ours.shutdown(socket.SHUT_WR)
        self.assert_gives_up(process)
        ours.close()

    def test_with_a_socket_that_says_nothing_or_garbage(self):
        self.assert_gives_up_on(b"")
        self.assert_gives_up_on(b"GET / HTTP/1.1\r\n\r\n" * 100, closes=False)
        self.assert_gives_up_on(bytes(100_000), closes=False)

    def test_with_messages_that_are_nearly_right(self):
        """See engine/executor/process/wire.c: 'SHFA', type, number, items, status, flags, bytes."""
        rng = random.Random(1)
        sizes = [0, 1, 8, 400, 65536, 65537, 1 << (30 if harness.is_sanitized() else 40)]
        for _ in range(60):
            header = [0x53484641, rng.randrange(7), rng.randrange(3), rng.randrange(3), -rng.randrange(3),
                      rng.randrange(2), rng.randrange(2), 0, rng.choice(sizes)]
            payload = bytes(rng.randrange(256) for _ in range(rng.choice([0, 8, 400, 2000])))
            self.assert_gives_up_on(struct.pack("<4Ii3IQ", *header) + payload)


class Resources(ProcessesTest):
    """What the machine lacks is no file's fault; a shortage costs the run, or nothing."""

    def setUp(self):
        super().setUp()
        for i in range(10):
            self.write_rows(f"d/{i}.csv", 60_000, i * 60_000)
        self.expected = b"n,text\n" + b"".join(b"%d,some text %d\n" % (n, n) for n in range(600_000))

    def test_few_descriptors_are_enough(self):
        for j in ("1", "8"):
            run = self.succeed("cat", "d", "-j", j, *PROCESSES, preexec_fn=harness.limit_open_files(64))
            self.assertTrue(run.out == self.expected)

    def test_a_shortage_of_descriptors_leaves_no_file_out(self):
        for free in (*range(1, 20), 24, 30):
            with self.subTest(free=free):
                run = self.sheaf("cat", "d", "-q", "-j", "8", *PROCESSES, "--on-error", "skip-file", close_fds=False,
                                 preexec_fn=harness.leave_descriptors(free))
                self.assert_whole_or_nothing(run)

    def assert_whole_or_nothing(self, run):
        self.assertIn(run.code, (CLEAN, FAULT), run)
        self.assertNotIn(b"skipped", run.err, run)
        if run.code == CLEAN:
            self.assertTrue(run.out == self.expected, run)
        else:
            self.assertTrue(run.err.startswith(b"error: "), run)
            self.assertTrue(self.expected.startswith(run.out), run)

    def test_a_limit_of_the_size_of_files_is_not_one_of_what_is_read(self):
        for limit in (100, 5000, 100_000, 300_000):
            for on_error in ("stop", "skip-file"):
                with self.subTest(limit=limit, on_error=on_error):
                    run = self.sheaf("cat", "d", "-q", *PROCESSES, "--on-error", on_error,
                                     preexec_fn=harness.limit_file_size(limit))
                    self.assert_whole_or_nothing(run)

    def test_a_limit_of_the_size_of_files_that_may_be_raised_costs_nothing(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        run = self.succeed("cat", "d", *PROCESSES, preexec_fn=limit)
        self.assertTrue(run.out == self.expected)

    def test_a_shortage_of_processes_leaves_no_file_out(self):
        options = self.unprivileged()
        if not options or harness.is_sanitized():
            self.skipTest("a user who has no other process is needed, and a program that starts no thread itself")
        for count in (1, 2, 4):
            run = self.sheaf("cat", "d", "-q", "-j", "4", *PROCESSES, "--on-error", "skip-file", **options,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (count, count)))
            self.assert_whole_or_nothing(run)

    def test_a_user_who_is_not_root_may_read_by_processes(self):
        run = self.succeed("cat", "d", *PROCESSES, **self.unprivileged())
        self.assertTrue(run.out == self.expected)

    def test_standard_descriptors_that_are_closed(self):
        for closed in ([0], [2], [0, 2]):
            run = self.succeed("cat", "d", *PROCESSES, preexec_fn=harness.close_descriptors(*closed))
            self.assertTrue(run.out == self.expected, closed)
        for closed in ([1], [0, 1], [0, 1, 2]):
            self.expect(FAULT, "cat", "d", *PROCESSES, preexec_fn=harness.close_descriptors(*closed))

    def test_memory_is_bounded(self):
        """Of each process. A chunk of a gzip file may have 32 MiB, and there are some copies of it on its way."""
        if harness.is_sanitized():
            self.skipTest("memory is not measured in a sanitized build")
        self.write_big("big.csv", 100)
        member = gzip.compress(b"".join(b"%09d,%s\n" % (n, b"x" * 90) for n in range(20_000)), 1)
        self.write("big.csv.gz", gzip.compress(b"n,text\n") + member * 80)
        for sources, limit in (["big.csv"] * 3, 64 << 20), (["big.csv.gz"] * 2, 300 << 20):
            run = self.measure("ingest", *sources, "-o", "x.csv", "-j", "4", *PROCESSES)
            self.assertEqual(CLEAN, run.code, run)
            self.assertLess(run.peak_bytes, limit)
            os.unlink(self.path("x.csv"))


if __name__ == "__main__":
    harness.main()
