"""A PostgreSQL server of one's own, for the tests that write into one.

It lives in a temporary directory, listens on a socket in it and on no port, and ends with the tests: also when
they are killed. Nothing of it is brought to the disk, which makes it fast; that it survives its own crashes needs
no disk.
"""

import contextlib
import csv
import functools
import glob
import io
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from harness import TIMEOUT, SheafTest

INITDB = ["-A", "trust", "-U", "sheaf", "--no-sync", "--no-instructions", "--locale=C.UTF-8", "-E", "UTF8"]
SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "20", "shared_buffers": "32MB",
            "log_min_messages": "fatal", "max_wal_size": "128MB", "autovacuum": "off", "max_wal_senders": "0", "wal_level": "minimal"}


def programs():
    """The folder of the newest server that is installed, or None."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: int(path.split("/")[4]))
    if found:
        return pathlib.Path(found[-1]).parent
    path = shutil.which("postgres")
    return path and pathlib.Path(path).parent


class Cluster:
    def __init__(self):
        self.programs = programs()
        if not self.programs:
            raise unittest.SkipTest("NO POSTGRESQL SERVER IS INSTALLED (.ci/setup installs one): its tests do not run")
        parent = tempfile.gettempdir()
        self.dir = tempfile.mkdtemp(prefix="sheaf-pg-", dir=parent if len(parent) < 50 else "/tmp")  # a socket's path is short
        self.settings = {**SETTINGS, "unix_socket_directories": self.dir}
        self.process = None
        self.as_user = []
        if os.geteuid() == 0:  # the server refuses to be root
            user = next(name for name in ("postgres", "nobody") if name in [each.pw_name for each in pwd.getpwall()])
            shutil.chown(self.dir, user)
            self.as_user = ["setpriv", f"--reuid={user}", "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"]
        os.chmod(self.dir, 0o755)
        subprocess.run([*self.as_user, self.programs / "initdb", "-D", self.data, *INITDB], check=True,
                       stdout=subprocess.DEVNULL, cwd="/", timeout=2 * TIMEOUT)
        self.start()

    @property
    def data(self):
        return os.path.join(self.dir, "data")

    def start(self):
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        end_with_us = ["setpriv", "--pdeathsig", "QUIT"]
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.process = subprocess.Popen([*(self.as_user or ["setpriv"]), *end_with_us[1:], self.programs / "postgres",
                                             "-D", self.data, *settings],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        give_up = time.monotonic() + TIMEOUT
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", self.dir]).returncode != 0:
            if time.monotonic() > give_up or self.process.poll() is not None:
                raise AssertionError(pathlib.Path(self.dir, "log").read_text())
            time.sleep(0.05)

    def stop(self, how=signal.SIGQUIT):
        """SIGQUIT: at once, as if it had crashed; SIGINT: in order."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(TIMEOUT)
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def uri(self, database="postgres", user="sheaf", **options):
        more = "?" + urllib.parse.urlencode(options) if options else ""
        return f"postgresql://{user}@{urllib.parse.quote(self.dir, safe='')}/{urllib.parse.quote(database)}{more}"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@functools.cache
def shared_cluster():
    """One for all classes of a module."""
    cluster = Cluster()
    unittest.addModuleCleanup(cluster.remove)
    return cluster


class PostgresTest(SheafTest):
    """Tests that share a server; each has a database of its own."""

    n_databases = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = shared_cluster()

    def setUp(self):
        super().setUp()
        PostgresTest.n_databases += 1
        self.database = f"d{PostgresTest.n_databases}"
        self.psql(f"CREATE DATABASE {self.database} TEMPLATE template0", database="postgres")

    @property
    def uri(self):
        return self.cluster.uri(self.database)

    def psql(self, sql, *options, database=None):
        """What psql prints, as text. `sql` is one statement, or several."""
        run = subprocess.run([self.cluster.programs / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *options,
                              "-d", self.cluster.uri(database or self.database)], input=sql.encode(),
                             capture_output=True, timeout=TIMEOUT,
                             env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"})
        self.assertEqual((0, b""), (run.returncode, run.stderr))
        return run.stdout.decode()

    def rows(self, table="t", order="ctid"):
        """All rows of a table, as texts, None for null: psql's CSV, read by Python."""
        text = self.psql(f"SELECT * FROM {quoted(table) if table[0] != chr(34) else table} ORDER BY {order}", "--csv",
                         "-t", "-P", "null=\\N")
        return [[None if field == "\\N" else field for field in row]
                for row in csv.reader(io.StringIO(text, newline=""))]

    def columns(self, table="t"):
        """Names and types, in order."""
        text = self.psql("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                         f"WHERE attrelid = {literal(quoted(table))}::regclass AND attnum > 0 ORDER BY attnum", "--csv", "-t")
        return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))]

    def tables(self):
        """Their names; a table that has its ledger counts as one."""
        names = self.psql("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                          "WHERE nspname = 'public' AND relkind = 'r' ORDER BY 1").split("\n")[:-1]
        return [name for name in names if not (name.endswith("_ledger") and name[:-len("_ledger")] in names)]

    def drop(self, table="t"):
        """It, and what is kept beside it."""
        self.psql("DROP TABLE IF EXISTS " + ", ".join(quoted(table + kind) for kind in ("", "_ledger", "_quarantine",
                                                                                       "_quarantine_files")))

    def load(self, *args, code=0, table="t", **options):
        """An ingest into the table; its facts."""
        return self.expect(code, "ingest", *args, "-o", self.uri, "--table", table, **options)

    @contextlib.contextmanager
    def assert_database_unchanged(self):
        before = self.dump()
        yield
        self.assertEqual(before, self.dump())

    def dump(self):
        dump = subprocess.run([self.cluster.programs / "pg_dump", "-d", self.uri], check=True, capture_output=True,
                              timeout=TIMEOUT).stdout
        return [line for line in dump.splitlines() if b"restrict " not in line]  # a number that is made up


def literal(text):
    return "'" + text.replace("'", "''") + "'"
