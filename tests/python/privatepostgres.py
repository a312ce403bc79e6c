"""A PostgreSQL of the test's own: Debian's programs, a cluster in a temporary folder, on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class Postgres:
    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert found, "found no PostgreSQL below /usr/lib/postgresql; expected Debian's package `postgresql`"
        self.bin = found[-1]
        self.folder = Path(tempfile.mkdtemp(prefix="hengxin-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # The server refuses to run as root.
        self.user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "nobody", "nogroup")
        data = self.folder / "data"
        initdb = [self.bin / "initdb", "-D", data, "-U", "hengxin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
        subprocess.run([*self.user, *initdb], cwd="/", check=True, capture_output=True)
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        server = [self.bin / "postgres", "-D", data, "-p", str(self.port), *(part for one in settings for part in ("-c", one))]
        self.log = open(self.folder / "log", "wb")
        self.server = subprocess.Popen([*self.user, *server], cwd="/", stdout=self.log, stderr=self.log)
        begun = time.monotonic()
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            assert self.server.poll() is None and time.monotonic() - begun < 30, (self.folder / "log").read_text()
            time.sleep(0.1)

    def url(self, database):
        return f"postgres://hengxin@127.0.0.1:{self.port}/{database}"

    def ask(self, database, *statements):
        given = [part for one in statements for part in ("-c", one)]
        psql = ["psql", "-qAtX", "-h", "127.0.0.1", "-p", str(self.port), "-U", "hengxin", "-d", database, "-v", "ON_ERROR_STOP=1"]
        return subprocess.run([*psql, *given], check=True, capture_output=True, text=True).stdout

    def copy(self, database, of):
        """A database anew, as another one is; whoever is connected to it is cut off."""
        self.ask("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", f"CREATE DATABASE {database} TEMPLATE {of}")

    def rows(self, database):
        """How many rows every table of the ledger has."""
        told = self.ask(database, """
            SELECT table_name || '=' || (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM hengxin.%I', table_name), false, true, '')))[1]::text
            FROM information_schema.tables WHERE table_schema = 'hengxin' AND table_type = 'BASE TABLE'""")
        return {name: int(count) for name, count in (line.split("=") for line in told.split())}

    def stop(self):
        self.server.terminate()
        self.server.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
