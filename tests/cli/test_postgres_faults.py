"""PostgreSQL as a destination when something ends too early: the load, the server, or what is between them."""

import contextlib
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import FAULT, INTERRUPTED, ROWS, TIMEOUT, fill_pipe, stop, wait_until
from postgres import PostgresTest, literal

COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
LAST_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
LAST_WORDS = b"E" + struct.pack("!I", len(LAST_WORDS) + 4) + LAST_WORDS


class Proxy:
    """A socket beside the server's own, until the client commits (for the n-th time): then it cuts the connection."""

    def __init__(self, folder, server, forwards_commit, last_words=b"", n_before=0, late=None):
        self.last_words = last_words
        self.forwards_commit = forwards_commit
        self.n_before = n_before
        self.late = late  # an event: the client is gone, but the server hears its COMMIT when that has come
        self.server = server
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, ".s.PGSQL.5432"))
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, _ = self.listener.accept()
        self.listener.close()
        server = socket.socket(socket.AF_UNIX)
        server.connect(os.path.join(self.server, ".s.PGSQL.5432"))
        threading.Thread(target=self.answer, args=(server, client), daemon=True).start()
        while data := client.recv(1 << 16):
            if COMMIT in data and self.n_before > 0:
                self.n_before -= 1
            elif COMMIT in data:
                if self.late:
                    self.cut = True
                    client.shutdown(socket.SHUT_RDWR)
                    self.late.wait(TIMEOUT)
                if self.forwards_commit:
                    self.cut = True
                    server.sendall(data)
                    server.recv(1)  # it is done
                break
            server.sendall(data)
        if self.last_words:
            client.sendall(self.last_words)
        for end in (client, server):
            with contextlib.suppress(OSError):  # it was done before
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    cut = False

    def answer(self, server, client):
        while True:
            try:
                select.select([server], [], [], 1)
                if self.cut:
                    return
                data = server.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except (OSError, ValueError):  # it was closed
                return
            if not data:
                return
            client.sendall(data)


class Faults(PostgresTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a,b\n" + "".join(f"{i},{i}\n" for i in range(1000)))

    def start_in_the_middle(self, *more):
        """A load that has written rows, and waits for more of its input."""
        process = self.start_fed("ingest", "-", "-o", self.uri, "--table", "t", "--text", *more)
        wait_until(lambda: self.backends("state = 'active' AND query LIKE '%COPY%'"), "rows are copied")
        return process

    def backends(self, condition="true"):
        return self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                         f"datname = {literal(self.database)} AND {condition}", database="postgres").split()

    def assert_nothing_is_left(self):
        wait_until(lambda: not self.backends(), "the server has noticed")
        self.assertEqual([], self.tables())

    def feed_to_the_end(self, process):
        """Feed a load that is about to fail, until it has."""
        give_up = time.monotonic() + TIMEOUT
        while process.poll() is None and time.monotonic() < give_up:
            try:
                fill_pipe(process.stdin.fileno(), ROWS, 1 << 20)
            except BrokenPipeError:
                time.sleep(0.05)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None
        return self.finish(process)

    def test_a_load_that_is_killed_can_be_run_again(self):
        process = self.start_in_the_middle()
        process.kill()
        process.wait()
        self.load("a.csv")
        self.assertEqual("1000|499500\n", self.psql("SELECT count(*), sum(a) FROM t"))

    def test_a_load_that_is_killed_at_any_time_can_be_run_again(self):
        chance = random.Random(7)
        self.write_big("big.csv", 2)
        self.load("a.csv", table="before")
        for i in range(15):
            with self.subTest(i=i):
                self.drop()
                process = self.start("ingest", "big.csv", "-o", self.uri, "--table", "t")
                time.sleep(chance.random() * 0.25)
                process.kill()
                process.wait()
                wait_until(lambda: not self.backends(), "the server has noticed")
                there = "t" in self.tables()
                if not there:
                    self.load("big.csv")
                self.assertEqual("20000|199990000\n", self.psql("SELECT count(*), sum(n::int) FROM t"))
        self.assertEqual(["before", "t"], self.tables())

    def test_an_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_in_the_middle()
            process.send_signal(number)
            run = self.finish(process)
            self.assertEqual((INTERRUPTED, b"interrupted: nothing was committed\n"), (run.code, run.err))
            self.assertEqual([], self.backends())
            self.assert_nothing_is_left()

    def test_an_interrupt_ends_a_wait_for_a_lock(self):
        self.load("a.csv")
        holder = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-d", self.uri], stdin=subprocess.PIPE)
        self.addCleanup(stop, holder)
        holder.stdin.write(b"BEGIN; LOCK TABLE t;\n")
        holder.stdin.flush()
        wait_until(lambda: self.psql("SELECT 1 FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock'"),
                   "the table is locked")
        process = self.start("ingest", "a.csv", "-o", self.uri, "--table", "t", "--if-exists", "replace")
        wait_until(lambda: self.backends("wait_event_type = 'Lock'"), "the load waits")
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, self.finish(process).code)
        self.assertEqual([], self.backends(), "nobody waits any more")
        holder.stdin.close()

    def test_an_interrupt_ends_a_wait_for_a_server(self):
        server = socket.socket()
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        server.listen()
        uri = f"postgresql://127.0.0.1:{server.getsockname()[1]}/x?sslmode=disable&gssencmode=disable"
        process = self.start("ingest", "a.csv", "-o", uri, "--table", "t")
        accepted = server.accept()
        self.addCleanup(accepted[0].close)
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, self.finish(process).code)
        run = self.expect(FAULT, "ingest", "a.csv", "-o", uri + "&connect_timeout=1", "--table", "t")
        self.assertIn("does not answer", run.error_text)

    def test_a_backend_that_is_terminated_is_told(self):
        process = self.start_in_the_middle()
        self.psql(f"SELECT pg_terminate_backend({self.backends()[0]})", database="postgres")
        run = self.feed_to_the_end(process)
        self.assertEqual(FAULT, run.code, run)
        self.assertRegex(run.error_text, "terminating connection due to administrator command")
        self.assertRegex(run.error_text, "help: nothing was committed")
        self.assert_nothing_is_left()
        self.load("a.csv")

    def test_a_server_that_stops_at_once_is_told(self):
        self.load("a.csv", table="before")
        process = self.start_in_the_middle()
        self.cluster.stop()
        try:
            run = self.feed_to_the_end(process)
        finally:
            self.cluster.start()
        self.assertEqual(FAULT, run.code, run)
        self.assertRegex(run.error_text, "help: nothing was committed")
        self.assertEqual(["before"], self.tables())
        self.assertEqual("1000\n", self.psql("SELECT count(*) FROM before"))
        self.load("a.csv")
        self.assertEqual("1000|499500\n", self.psql("SELECT count(*), sum(a) FROM t"))

    def test_a_row_that_the_server_refuses_ends_the_load_soon(self):
        self.psql("CREATE TABLE t (a text CHECK (a <> '1'), b text)")
        process = self.start("ingest", "-", "-o", self.uri, "--table", "t", "--if-exists", "append", stdin=subprocess.PIPE)
        process.stdin.write(b"a,b\n" + b"1,2\n" * 1000)
        process.stdin.close()
        process.stdin = None
        run = self.finish(process)
        self.assertRegex(run.error_text, "violates check constraint")
        self.write_big("big.csv", 1)
        self.psql("CREATE TABLE u (n int CHECK (n > 5), text text)")
        run = self.expect(FAULT, "ingest", "big.csv", "-o", self.uri, "--table", "u", "--if-exists", "append")
        self.assertRegex(run.error_text, "violates check constraint")
        self.assertEqual("0\n", self.psql("SELECT count(*) FROM u"))

    def test_a_connection_that_is_lost_while_it_commits_is_in_doubt(self):
        for forwards, outcome, last_words in ((True, "committed", b""), (False, "aborted", b""),
                                              (True, "committed", LAST_WORDS), (False, "aborted", LAST_WORDS)):
            with self.subTest(outcome=outcome, last_words=last_words):
                table = outcome + str(len(last_words))
                folder = self.path(table)
                os.mkdir(folder)
                proxy = Proxy(folder, self.cluster.dir, forwards, last_words)
                uri = self.uri.replace(self.uri.split("@")[1].split("/")[0], folder.replace("/", "%2F"))
                run = self.expect(FAULT, "ingest", "a.csv", "-o", uri, "--table", table)
                proxy.thread.join(TIMEOUT)
                self.assertIn("it is not known whether they were", run.error_text)
                self.assertNotIn("nothing was committed", run.error_text)
                asked, = re.findall(r"SELECT txid_status\(\d+\)", run.error_text)
                wait_until(lambda: not self.backends(), "the server has noticed")
                self.assertEqual(outcome + "\n", self.psql(asked))
                self.assertEqual(outcome == "committed", table in self.tables())
    def proxy(self, name, *args, **options):
        """One, and the URI that leads to it."""
        folder = self.path(name)
        os.mkdir(folder)
        proxy = Proxy(folder, self.cluster.dir, *args, **options)
        self.addCleanup(proxy.thread.join, TIMEOUT)
        return proxy, self.uri.replace(self.uri.split("@")[1].split("/")[0], folder.replace("/", "%2F"))

    def test_a_load_in_doubt_is_made_whole_by_the_next(self):
        """Whatever has become of it, and whether or not the server has noticed yet."""
        for i in range(4):
            self.write_rows(f"in/{i}.csv", 5, start=i * 10)
        rows = sorted(i * 10 + k for i in range(4) for k in range(5))
        for more, n_before in (([], 0), *((["--commit", "per-file"], n) for n in range(4))):
            for forwards in (True, False):
                with self.subTest(more=more, n_before=n_before, forwards=forwards):
                    self.drop()
                    _, uri = self.proxy(f"p{len(more)}{n_before}{forwards}", forwards, n_before=n_before)
                    run = self.expect(FAULT, "ingest", "in", "-o", uri, "--table", "t", "--resume", *more)
                    self.assertIn("it is not known whether they were", run.error_text)
                    self.assertIn("--resume", run.error_text)
                    self.load("in", "--resume", *more)
                    self.assertEqual(rows, [int(n) for n in self.psql("SELECT n FROM t ORDER BY n").split()])
                    self.assertEqual("4|4|4\n", self.psql("SELECT count(*), count(DISTINCT path), max(entry) FROM t_ledger"))

    def test_a_commit_that_comes_late_is_waited_for(self):
        """The client is gone, and runs again, while its COMMIT is still on its way."""
        for forwards in (True, False):
            with self.subTest(forwards=forwards):
                self.drop()
                late = threading.Event()
                _, uri = self.proxy(f"late{forwards}", forwards, late=late)
                self.expect(FAULT, "ingest", "a.csv", "-o", uri, "--table", "t", "--resume")
                again = self.start("ingest", "a.csv", "-o", self.uri, "--table", "t", "--resume", "--json")
                wait_until(lambda: self.backends("wait_event = 'advisory'"), "it waits for its other self")
                late.set()
                self.assertEqual(int(not forwards), self.finish(again).json["files"])
                self.assertEqual("1000|499500\n", self.psql("SELECT count(*), sum(a) FROM t"))


if __name__ == "__main__":
    unittest.main()
