"""Ctrl-C and its kin: the destination as before, exit 130, at once.

The program is fed through pipes, so a test knows how far it is: what was written beyond a pipe's capacity
has been read.
"""

import os
import pathlib
import signal
import subprocess

import harness
from harness import AT_WORK, CLEAN, INTERRUPTED, ROWS, SheafTest, wait_until

SOON = 20  # seconds: "within a moment", on a busy machine with a sanitizer

# Where the kernel (in this version or that) keeps a thread that waits for a byte, or for room: sleeps_in().
POLL = ("poll_schedule_timeout", "do_poll", "do_sys_poll", "do_select", "ep_poll")
FIFO_OPEN = ("wait_for_partner", "fifo_open", *POLL)
READ = ("pipe_read", "anon_pipe_read", "pipe_wait", "n_tty_read", "wait_woken", *POLL)
WRITE = ("pipe_write", "anon_pipe_write", "pipe_wait", *POLL)


class InterruptTest(SheafTest):
    def assert_interrupted(self, process, number=signal.SIGINT):
        process.send_signal(number)
        # The pipe stays open and nothing more comes: who waits for the next byte, waits for ever.
        code = process.wait(SOON)
        run = harness.Run(process.args[1:], code, b"", process.stderr.read() if process.stderr else b"")
        self.assert_sound(run)
        self.assertEqual(INTERRUPTED, code, run)
        return run


class Interrupt(InterruptTest):
    def test_leaves_no_file_behind(self):
        for name in ("x.csv", "x.tsv", "x.jsonl", "x.db"):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(name=name, number=number), self.assert_directory_unchanged():
                    self.assert_interrupted(self.start_fed("ingest", "-", "-o", name), number)

    def test_leaves_what_should_be_replaced(self):
        self.write("a.csv", "a,b\n1,2\n")
        for name in ("x.csv", "x.jsonl", "x.db"):
            self.succeed("ingest", "a.csv", "-o", name)
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.assert_interrupted(self.start_fed("ingest", "-", "-o", name, "--if-exists", "replace"))

    def test_leaves_other_tables(self):
        self.sql("x.db", "CREATE TABLE keep(a); INSERT INTO keep VALUES(1);")
        self.assert_interrupted(self.start_fed("ingest", "-", "-o", "x.db"))
        self.assertEqual(b"keep", self.sql("x.db", "SELECT group_concat(name) FROM sqlite_schema;").strip())
        self.assert_database_is_sound("x.db")

    def test_works_on_all_commands(self):
        for args in (["cat", "-"], ["count", "-"], ["ingest", "-", "-o", "null:"]):
            with self.subTest(args=args):
                self.assert_interrupted(self.start_fed(*args, stdout=subprocess.DEVNULL))

    def test_works_at_any_worker_count(self):
        for j in harness.WORKERS:
            self.assert_interrupted(self.start_fed("ingest", "-", "-o", "x.csv", "-j", j))
        self.assertEqual([], self.names())

    def test_works_while_a_source_says_nothing_at_all(self):
        fifo = self.make_fifo("fifo")
        process = self.start("ingest", fifo, "-o", "x.csv")
        with open(self.path(fifo), "wb"):  # returns when the program has opened the other end
            self.assert_interrupted(process)
        self.assertEqual(["fifo"], self.names())

    def test_works_while_nobody_opens_the_other_end(self):
        fifo = self.make_fifo("fifo")
        process = self.start("ingest", fifo, "-o", "x.csv")
        wait_until(lambda: sleeps_in(process.pid, FIFO_OPEN), "the program waits for a writer")
        self.assert_interrupted(process)
        self.assertEqual(["fifo"], self.names())

    def test_works_while_the_reader_of_stdout_rests(self):
        """Nobody reads: the output pipe is full, and so is the input in the end."""
        process = self.start("cat", "-", stdin=subprocess.PIPE)
        process.stdin.write(b"a,b\n")
        process.stdin.flush()
        os.set_blocking(process.stdin.fileno(), False)
        wait_until(lambda: is_full(process.stdin.fileno()) and sleeps_in(process.pid, WRITE),
                   "the pipes are full")
        self.assert_interrupted(process)

    def test_works_on_a_list_that_does_not_come(self):
        process = self.start("count", "@-", stdin=subprocess.PIPE)
        wait_until(lambda: sleeps_in(process.pid, READ), "the program waits for its list")
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(SOON), (INTERRUPTED, -signal.SIGINT))

    def test_works_on_stdin_that_never_ends(self):
        source = subprocess.Popen(["yes", "1,2"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(harness.stop, source)
        process = self.start("ingest", "-", "-o", "x.db", stdin=source.stdout)
        source.stdout.close()
        source.stdout = None
        wait_until(lambda: bytes_read_by(process.pid) > AT_WORK, "the program has read some")
        self.assert_interrupted(process)
        self.assertEqual([], self.names())

    def test_says_that_it_was_interrupted_and_shows_no_summary(self):
        process = self.start_fed("ingest", "-", "-o", "x.csv")
        run = self.assert_interrupted(process)
        self.assertRegex(run.error_text, r"(?i)interrupt|cancel")
        self.assertNotIn(b"loaded", process.stdout.read())

    def test_goes_through_a_terminal(self):
        """The key itself: the terminal sends the signal to the program in its foreground."""
        pid, master = os.forkpty()
        if pid == 0:
            os.chdir(self.dir)
            os.execv(harness.SHEAF, [harness.SHEAF, "ingest", "-", "-o", "x.csv", "--progress", "off"])
        self.addCleanup(os.close, master)
        os.write(master, b"a,b\n1,2\n")
        wait_until(lambda: sleeps_in(pid, READ), "the program waits for the next line")
        os.write(master, b"\x03")
        self.assertEqual(INTERRUPTED, self.wait_for(pid))
        self.assertEqual([], self.names())

    def wait_for(self, pid):
        codes = []

        def ended():
            done, status = os.waitpid(pid, os.WNOHANG)
            codes.extend([os.waitstatus_to_exitcode(status)] if done else [])
            return codes
        wait_until(ended, "the program ends", SOON)
        return codes[0]

    def test_after_the_end_of_input_is_too_late_or_in_time_but_never_half(self):
        """The signal races with the commit: whoever wins, the result is whole."""
        for _ in range(10):
            process = self.start_fed("ingest", "-", "-o", "x.csv")
            process.stdin.close()
            process.stdin = None
            process.send_signal(signal.SIGINT)
            code = process.wait(SOON)
            self.assertIn(code, (CLEAN, INTERRUPTED))
            self.assertEqual(["x.csv"] if code == CLEAN else [], self.names())
            if code == CLEAN:
                self.assertGreaterEqual(len(self.read("x.csv")), AT_WORK)
                os.unlink(self.path("x.csv"))


def sleeps_in(pid, functions):
    """Whether a thread of the process waits in one of these functions of the kernel (/proc/PID/wchan)."""
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (task / "wchan").read_text().startswith(functions):
                return True
    except OSError:
        pass
    return False


def bytes_read_by(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/io").read_text().split()[1])
    except OSError:
        return 0


def is_full(descriptor):
    """Put rows into a pipe that does not block; whether it takes no more."""
    try:
        while True:
            os.write(descriptor, ROWS)
    except BlockingIOError:
        return True


if __name__ == "__main__":
    harness.main()
