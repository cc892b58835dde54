"""PostgreSQL, by several connections: the rows are those of one, and all of them come to be seen at once, whatever ends
the load, or one of its connections, at whatever moment."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
import time
import unittest

import harness
from harness import CLEAN, FAULT, INTERRUPTED, SHEAF, SKIPPED, USAGE, fill_pipe, stop, wait_until
from postgres import PostgresTest, literal

KILLS = int(os.environ.get("SHEAF_KILLS") or harness.rounds(20))
SEED = int(os.environ.get("SHEAF_SEED", "0"))
COMMENT = 'sheaf: rows on their way into t'


class ConnectionsTest(PostgresTest):
    def load(self, *args, connections=3, **options):
        return super().load(*args, "--connections", str(connections), **options)

    def load_by_one(self, *args, table="one", **options):
        return super().load(*args, table=table, **options)

    def content(self, table="t"):
        """All rows, whatever their order."""
        return sorted(self.psql(f"SELECT * FROM {table}", "--csv", "-P", "null=\\N").splitlines())

    def stages(self):
        return self.psql("SELECT relname FROM pg_class WHERE relname LIKE '%sheaf_stage%' AND relkind = 'r' ORDER BY 1").split()

    def backends(self, condition="true"):
        return self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                         f"datname = {literal(self.database)} AND {condition} ORDER BY backend_start",
                         database="postgres").split()

    def copying(self):
        return self.backends("state = 'active' AND query LIKE 'COPY%'")

    def start_in_the_middle(self, connections=3):
        """A load that writes by all of its connections, and waits for more of its input."""
        process = self.start_fed("ingest", "-", "-o", self.uri, "--table", "t", "--text", "--connections", str(connections))
        wait_until(lambda: self.feed(process) and len(self.copying()) == connections, "all of them copy")
        return process

    def feed(self, process):
        fill_pipe(process.stdin.fileno(), harness.ROWS, 1 << 20)
        return True

    def end(self, process):
        """Feed a load that is about to fail, until it has."""
        while process.poll() is None:
            try:
                self.feed(process)
            except (BrokenPipeError, OSError):
                time.sleep(0.05)
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        return self.finish(process)

    def assert_nothing_is_left(self, *tables):
        wait_until(lambda: not self.backends(), "the server has noticed")
        self.assertEqual(list(tables), self.tables())


class Rows(ConnectionsTest):
    def test_rows_are_those_of_one_connection(self):
        self.write_big("big.csv", 4, header="n,text")
        for i in range(3):
            self.write_rows(f"in/{i}.csv", 5000, start=i * 10_000)
        self.write("in/1.csv", self.read("in/1.csv") + b"one field\n")
        for source, code, *more in (("big.csv", CLEAN), ("in", SKIPPED, "--on-error", "quarantine")):
            self.load_by_one(source, *more, code=code)
            for connections in (1, 2, 3, 7):
                with self.subTest(source=source, connections=connections):
                    self.load(source, *more, connections=connections, code=code)
                    self.assertTrue(self.content("one") == self.content())
                    self.assertEqual(self.columns("one"), self.columns())
                    self.assertEqual(self.psql("SELECT row_to_json(l)::jsonb - 'loaded_at' FROM one_ledger l"),
                                     self.psql("SELECT row_to_json(l)::jsonb - 'loaded_at' FROM t_ledger l"))
                    self.assertEqual([], self.stages())
                    self.assertEqual("p", self.psql("SELECT relpersistence FROM pg_class WHERE relname = 't'").strip())
                    self.drop()
            self.drop("one")

    def test_every_connection_writes(self):
        process = self.start_in_the_middle(4)
        self.assertEqual(4, len(set(self.copying())))
        process.stdin.close()
        process.stdin = None
        self.finish(process)
        self.assertEqual("1|1\n", self.psql("SELECT count(DISTINCT a), count(DISTINCT b) FROM t"))
        self.assertEqual([], self.stages())

    def test_a_small_load_needs_no_stage(self):
        self.write("a.csv", "a\n1\n")
        self.psql("CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
                  "$$ BEGIN IF current_query() LIKE '%stage%' THEN RAISE 'a stage'; END IF; END $$; "
                  "CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION refuse()")
        self.load("a.csv")
        self.assertEqual(["1"], self.psql("SELECT a FROM t").split())

    def test_replace_append_resume(self):
        self.write_big("big.csv", 2)
        self.write_big("more.csv", 1)
        self.load("big.csv")
        self.load("big.csv", "--if-exists", "replace")
        n = self.psql("SELECT count(*) FROM t")
        self.load("big.csv", "--resume")
        self.assertEqual(n, self.psql("SELECT count(*) FROM t"))
        self.load("big.csv", "more.csv", "--resume")
        self.assertEqual("2\n", self.psql("SELECT count(*) FROM t_ledger"))
        self.load_by_one("big.csv", "more.csv")
        self.assertTrue(self.content("one") == self.content())
        self.assertEqual(FAULT, self.load("big.csv", code=FAULT).code)

    def test_appended_rows_are_of_the_tables_types(self):
        self.psql("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n numeric(12,2) NOT NULL CHECK (n >= 0), text varchar(120), "
                  "c char(20) DEFAULT 'c', twice numeric GENERATED ALWAYS AS (n * 2) STORED, known uuid, UNIQUE (n))")
        self.write_big("big.csv", 3)
        self.load("big.csv", "--if-exists", "append")
        self.assertEqual("30000|30000|30000|c|t|t\n", self.psql(
            "SELECT count(*), count(DISTINCT n), max(id), max(trim(c)), bool_and(twice = n * 2), bool_and(known IS NULL) FROM t"))
        self.psql("CREATE TABLE u (id bigint GENERATED ALWAYS AS IDENTITY, text text)")
        self.load("big.csv", "--if-exists", "append", "--rename", "n=id", table="u")
        self.assertEqual(self.psql("SELECT sum(n) FROM t"), self.psql("SELECT sum(id) || '.00' FROM u"))

    def test_names_are_quoted(self):
        self.write_big("big.csv", 2, header="n,te\"x't")
        for table in ("we\\ird'\"; DROP TABLE x--", "x" * 63, "漢" * 21):
            with self.subTest(table=table):
                self.load("big.csv", table='"' + table.replace('"', '""') + '"')
                self.assertEqual("20000\n", self.psql("SELECT count(*) FROM \"" + table.replace('"', '""') + '"'))
        self.assertEqual([], self.stages())

    def test_files_that_are_taken_back(self):
        """Their first rows were sent, by whichever connection."""
        for i in range(4):
            self.write_big(f"in/{i}.csv", 2)
        self.write("in/1.csv", self.read("in/1.csv") + b"1\n" * 60_000)  # most of its records have faults
        self.write("in/2.csv", self.read("in/2.csv") + b"one field\n")
        self.load_by_one("in", "--text", "--on-error", "quarantine", code=SKIPPED)
        self.load("in", "--text", "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual("60000\n", self.psql("SELECT count(*) FROM t"))
        self.assertTrue(self.content("one") == self.content())
        self.assertEqual(self.psql("SELECT count(*) FROM one_quarantine"), self.psql("SELECT count(*) FROM t_quarantine"))


class Refused(ConnectionsTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a\n1\n")

    def test_what_has_no_connections(self):
        for dest in ("x.db", "x.csv", "null:"):
            run = self.expect(USAGE, "ingest", "a.csv", "-o", dest, "--connections", "2")
            self.assertIn("not a PostgreSQL database", run.error_text)
        self.expect(CLEAN, "ingest", "a.csv", "-o", "x.csv", "--connections", "1")
        for n in ("0", "65", "x", "-1"):
            self.assertIn("1 to 64", self.expect(USAGE, "ingest", "a.csv", "-o", self.uri, "--table", "t", "--connections",
                                                 n).error_text)

    def test_file_by_file(self):
        run = self.load("a.csv", "--commit", "per-file", code=USAGE)
        self.assertIn("not file by file", run.error_text)
        self.assertIn("--commit per-file goes with one connection", run.error_text)

    def test_a_table_with_a_rule(self):
        self.psql("CREATE TABLE t (a int); CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING")
        run = self.load("a.csv", "--if-exists", "append", code=FAULT)
        self.assertIn("a rule for INSERT", run.error_text)
        self.load("a.csv", "--if-exists", "append", connections=1)

    def test_a_server_that_takes_fewer(self):
        self.psql("CREATE ROLE few LOGIN CONNECTION LIMIT 2; GRANT ALL ON SCHEMA public TO few")
        uri = self.cluster.uri(self.database, user="few")
        run = self.expect(FAULT, "ingest", "a.csv", "-o", uri, "--table", "t", "--connections", "4")
        self.assertIn("too many connections", run.error_text)
        self.assertIn("2 of 4 connections: --connections 2 needs no more", run.error_text)
        self.assert_nothing_is_left()
        self.expect(CLEAN, "ingest", "a.csv", "-o", uri, "--table", "t", "--connections", "2")

    def test_a_trigger_that_leaves_rows_out(self):
        self.write_big("big.csv", 3)
        self.psql("CREATE TABLE t (n int, text text); "
                  "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
                  "CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW WHEN (current_query() LIKE 'INSERT%') EXECUTE FUNCTION skip()")
        run = self.load("big.csv", "--if-exists", "append", code=FAULT)
        self.assertRegex(run.error_text, "the table took 0 of [0-9]+ rows")
        self.assertEqual("0\n", self.psql("SELECT count(*) FROM t"))
        self.assert_nothing_is_left("t")


class Ended(ConnectionsTest):
    def test_any_backend_that_is_terminated_ends_all(self):
        for i in range(3):
            with self.subTest(i=i):
                process = self.start_in_the_middle()
                self.psql(f"SELECT pg_terminate_backend({self.backends()[i]})", database="postgres")
                run = self.end(process)
                self.assertEqual(FAULT, run.code, run)
                self.assertRegex(run.error_text, "terminating connection due to administrator command")
                self.assert_nothing_is_left()

    def test_an_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_in_the_middle()
            process.send_signal(number)
            run = self.finish(process)
            self.assertEqual((INTERRUPTED, b"interrupted: nothing was committed\n"), (run.code, run.err))
            self.assert_nothing_is_left()

    def test_a_connection_that_is_blocked_can_be_interrupted(self):
        """Rows of the first one wait for another transaction, which has the same key."""
        self.psql("CREATE TABLE t (n int PRIMARY KEY, text text)")
        self.write_big("big.csv", 3)
        holder = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-d", self.uri], stdin=subprocess.PIPE)
        self.addCleanup(stop, holder)
        holder.stdin.write(b"BEGIN; INSERT INTO t SELECT generate_series(0, 40000);\n")
        holder.stdin.flush()
        wait_until(lambda: self.psql("SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
                                     "application_name = 'psql'"), "it holds them")
        process = self.start("ingest", "big.csv", "-o", self.uri, "--table", "t", "--if-exists", "append", "--connections", "3")
        wait_until(lambda: self.backends("wait_event_type = 'Lock'"), "one waits")
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, self.finish(process).code)
        holder.stdin.close()
        self.assert_nothing_is_left("t")

    def test_what_is_left_over_is_dropped_and_nothing_else(self):
        self.write_big("big.csv", 3)
        self.psql(f"CREATE UNLOGGED TABLE t_sheaf_stage_1 (a int); COMMENT ON TABLE t_sheaf_stage_1 IS '{COMMENT}'; "
                  f"CREATE UNLOGGED TABLE t_sheaf_stage_9 (a int); COMMENT ON TABLE t_sheaf_stage_9 IS '{COMMENT}'; "
                  "CREATE UNLOGGED TABLE t_sheaf_stage_8 (a int); CREATE TABLE u_sheaf_stage_1 (a int); "
                  f"CREATE UNLOGGED TABLE u_sheaf_stage_2 (a int); COMMENT ON TABLE u_sheaf_stage_2 IS '{COMMENT}er'")
        self.load("big.csv", connections=2)
        self.assertEqual(["t_sheaf_stage_8", "u_sheaf_stage_1", "u_sheaf_stage_2"], self.stages())

    def test_leftovers_in_a_schema_that_was_renamed_meanwhile(self):
        self.write_big("big.csv", 3)
        self.psql("CREATE SCHEMA s1; CREATE UNLOGGED TABLE s1.t_sheaf_stage_1 (a int); "
                  f"COMMENT ON TABLE s1.t_sheaf_stage_1 IS '{COMMENT}'; ALTER SCHEMA s1 RENAME TO s2")
        self.load("big.csv", connections=3, table="s2.t")
        self.assertEqual([], [name for name in self.stages() if name.startswith("t_sheaf")])

    def test_a_table_of_that_name_is_somebody_s(self):
        self.write_big("big.csv", 3)
        self.psql("CREATE TABLE t_sheaf_stage_1 (a int)")
        run = self.load("big.csv", connections=2, code=FAULT)
        self.assertIn("--connections 1", run.error_text)
        self.assertEqual(["t_sheaf_stage_1"], self.stages())

    def test_another_load_waits_and_drops_nothing_of_a_live_one(self):
        process = self.start_in_the_middle()
        self.write("a.csv", "a,b\n3,4\n")
        other = self.start("ingest", "a.csv", "-o", self.uri, "--table", "t", "--if-exists", "append", "--connections", "2",
                           "--text")
        wait_until(lambda: self.backends("wait_event = 'advisory'"), "it waits")
        self.feed(process)
        process.stdin.close()
        process.stdin = None
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertEqual(CLEAN, self.finish(other).code)
        self.assertEqual("1\n", self.psql("SELECT count(*) FROM t WHERE a = '3'"))
        self.assertEqual([], self.stages())

    def test_a_commit_that_is_lost_is_in_doubt(self):
        for forwards in (True, False):
            with self.subTest(forwards=forwards):
                self.write_big("big.csv", 3)
                self.drop()
                folder = self.path(f"p{forwards}")
                os.mkdir(folder)
                proxy = ProxyOfMany(folder, self.cluster.dir, forwards)
                self.addCleanup(proxy.close)
                uri = self.uri.replace(self.uri.split("@")[1].split("/")[0], folder.replace("/", "%2F"))
                run = self.expect(FAULT, "ingest", "big.csv", "-o", uri, "--table", "t", "--resume", "--connections", "3")
                self.assertIn("it is not known whether they were", run.error_text)
                wait_until(lambda: not self.backends(), "the server has noticed")
                self.assertEqual(["t"] if forwards else [], self.tables()[:1])
                self.load("big.csv", "--resume")
                self.assertEqual("30000|30000\n", self.psql("SELECT count(*), count(DISTINCT n) FROM t"))
                self.assertEqual([], self.stages())


class ProxyOfMany:
    """Between a client's connections and the server: it cuts the one that publishes, at its COMMIT, which the server may
    hear."""

    def __init__(self, folder, server, forwards):
        self.server, self.forwards = server, forwards
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        self.listener.close()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(os.path.join(self.server, ".s.PGSQL.5432"))
            threading.Thread(target=self.ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self.answer, args=(client, server), daemon=True).start()

    def ask(self, client, server):
        publishes = False
        try:
            while data := client.recv(1 << 16):
                publishes |= b"txid_current()" in data
                if publishes and b"COMMIT\0" in data:
                    client.shutdown(socket.SHUT_RDWR)
                    if self.forwards:
                        server.sendall(data)
                        time.sleep(0.5)
                    break
                server.sendall(data)
        except OSError:
            pass
        for end in (server, client):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def answer(self, client, server):
        try:
            while data := server.recv(1 << 16):
                client.sendall(data)
        except OSError:
            pass


class Killed(ConnectionsTest):
    """Whatever ends a run at whatever moment, the same command again makes it whole."""

    def setUp(self):
        super().setUp()
        for i in range(4):
            self.write_rows(f"in/{i}.csv", 20_000, start=i * 100_000, filler="some text " * 5)
        self.write("in/3.csv", self.read("in/3.csv") + b"one field\n")

    def run_to_end(self, kind):
        ended = subprocess.run([SHEAF, *self.command(kind)], cwd=self.dir, capture_output=True)
        return ended.returncode, ended.stderr

    def command(self, kind):
        return ["ingest", "in", "-o", self.uri, "--table", "t", "-j", "2", "-q", "--connections", "3", *kind]

    def end_often(self, n, kind, end):
        rng = random.Random(f"{SEED}{kind}{end.__name__}")
        seconds = []
        for _ in range(3):
            self.drop()
            begun = time.monotonic()
            self.assertEqual(SKIPPED, self.run_to_end(kind)[0])
            seconds.append(time.monotonic() - begun)
        expected = self.content(), self.content("t_quarantine")
        ended = {"ended": 0, "was over": 0, "left stages": 0}
        for i in range(n):
            self.drop()
            process = subprocess.Popen([SHEAF, *self.command(kind)], cwd=self.dir, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE)
            time.sleep(rng.random() * min(seconds) * 1.1)
            end(process)
            process.communicate()
            ended["was over" if process.returncode in (CLEAN, SKIPPED) else "ended"] += 1
            ended["left stages"] += bool(self.stages())
            code, err = self.run_to_end(kind)
            if code == FAULT and not kind:
                self.assertIn(b"already", err)
            else:
                self.assertIn(code, (CLEAN, SKIPPED), err)
            self.assertTrue(expected == (self.content(), self.content("t_quarantine")), i)
            if code != FAULT:
                self.assertEqual([], self.stages(), i)
        if KILLS > 20:
            print(kind, end.__name__, ended, flush=True)

    def test_the_program_is_killed(self):
        def kill(process):
            process.kill()
        for kind in ([], ["--resume"]):
            with self.subTest(kind=kind):
                self.end_often(KILLS if KILLS > 20 else max(2, KILLS // 2), kind, kill)

    def test_a_backend_is_terminated(self):
        chance = random.Random(SEED)

        def terminate(process):
            pids = self.backends()
            if pids:
                self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                          f"pid = {chance.choice(pids)}", database="postgres")
        self.end_often(KILLS if KILLS > 20 else max(2, KILLS // 4), ["--resume"], terminate)


class StartsOver(ConnectionsTest):
    """Types were presumed from samples, wrongly: what was written under them is gone, and all of it comes again."""

    def test_whatever_was_written_by_then(self):
        rows = [f"{i},text {i},{i}.5\n" for i in range(150_000)]
        rows[100_000] = "n/a,x,1\n"
        self.write("a.csv", "n,text,x\n" + "".join(rows))
        self.load_by_one("a.csv", "--executor", "processes")
        for connections in (1, 3):
            run = self.load("a.csv", "--json", "--memory", "1M", connections=connections)
            self.assertEqual((1, 150_000), (run.json["starts_over"], run.json["loaded"]))
            self.assertEqual(self.columns("one"), self.columns("t"))
            self.assertEqual(self.content("one"), self.content("t"))
            self.assertEqual([], self.stages())
            self.assertEqual(["t|150000"], self.psql("SELECT 't', sum(loaded) FROM t_ledger").splitlines())
            self.drop()


if __name__ == "__main__":
    unittest.main()
