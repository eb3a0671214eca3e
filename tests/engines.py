"""The two databases that the store stands on, for tests that run on both. PostgreSQL is Debian's own server.

A server is started once a test process, with a socket in a folder of its own and no port, and stopped by its id. Each
test gets a database of its own, copied from one that the migrations made.
"""

import contextlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing

from hashwright.store.folder import DATABASE_NAME
from hashwright.store.sqlite import SqliteStore

PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=pathlib.Path("/usr/lib/postgresql/15/bin"))
PATTERN = "pattern"
START_S = 60


class SqliteEngine:
    """A file a test."""

    name = "sqlite"
    integrity_error = sqlite3.IntegrityError

    def open(self, folder, *, readonly=False):
        """Open the store of a folder."""
        return SqliteStore.open(folder, readonly=readonly)

    def sql(self, statement):
        """Return a statement in this dialect; tests are written in SQLite's."""
        return statement

    def drop_trigger(self, connection, name):
        """Take a trigger away, as an attacker would."""
        connection.execute(f"DROP TRIGGER {name}")

    def tamper(self, store, *statements):
        """Change the closed database without triggers."""
        with closing(sqlite3.connect(store.folder / DATABASE_NAME)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            connection.commit()


class PostgresEngine:
    """A database a test, on a server of the tests' own."""

    name = "postgresql"

    def __init__(self, server):
        import psycopg

        self.server = server
        self.integrity_error = (psycopg.errors.IntegrityError, psycopg.errors.DataError)
        self._names = {}

    def url(self, folder):
        """Return the address of a folder's database; it is made where it is asked for first."""
        if folder not in self._names:
            self._names[folder] = self.server.create()
        return self.server.url(self._names[folder])

    def open(self, folder, *, readonly=False):
        """Open the store of a folder."""
        from hashwright.store.postgres import PostgresStore

        return PostgresStore.open(folder, self.url(folder), readonly=readonly)

    def sql(self, statement):
        """Return a statement in this dialect."""
        text = re.sub(r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')", statement)
        text = re.sub(r"\bx'([0-9a-f]*)'", r"decode('\1', 'hex')", text)
        return re.sub(r"printf\('%0(\d+)d', (\d+)\)", r"lpad('\2', \1, '0')", text)

    def drop_trigger(self, connection, name):
        """Take a trigger away, as an attacker would."""
        row = connection.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = ?", (name,)).fetchone()
        connection.execute(f"DROP TRIGGER {name} ON {row[0]}")

    def tamper(self, store, *statements):
        """Change the closed database without triggers."""
        import psycopg

        with psycopg.connect(self.url(store.folder), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(self.sql(statement))


class Server:
    """Debian's PostgreSQL on a folder of its own; as root it runs as the user `postgres`, as the server demands."""

    def __init__(self, *settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hw-pg-"))
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        self._count = 0
        data = self.folder / "data"
        self._call(PROGRAMS / "initdb", "-D", data, "-U", "hw", "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync")
        flags = ["listen_addresses=", f"unix_socket_directories={self.folder}", "shared_buffers=16MB", *settings]
        command = [*self._as, PROGRAMS / "postgres", "-D", data, *(it for flag in flags for it in ("-c", flag))]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen([str(it) for it in command], stdout=self.log, stderr=self.log)
        self._wait()
        self._pattern_made = False

    def url(self, name):
        """Return the address of a database."""
        return f"postgresql://hw@/{name}?host={self.folder}"

    def create(self):
        """Make a database with today's tables and return its name."""
        import psycopg

        from hashwright.store.postgres import PostgresStore

        if not self._pattern_made:
            self._pattern_made = True
            self.empty(PATTERN)
            PostgresStore.open(self.folder / "pattern", self.url(PATTERN)).close()
        self._count += 1
        name = f"test{self._count}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {PATTERN} STRATEGY file_copy")
        return name

    def empty(self, name, *, encoding="UTF8"):
        """Make a database with nothing in it, and return its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
        return self.url(name)

    def stop(self):
        """End the server by its id, and remove its folder."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 3)  # SIGQUIT: at once; nothing of it is needed any more
        self.process.wait(30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, *command):
        done = subprocess.run([*self._as, *map(str, command)], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _wait(self):
        import psycopg

        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres")):
                return
            said = (self.folder / "log").read_text(errors="replace")
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
