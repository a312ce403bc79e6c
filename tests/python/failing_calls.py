"""Any single call to the system that fails leaves the ledger as it was or the work done whole, and is told as an error.

The built binary runs under strace, which makes the n-th call of one kind fail in the kernel's place: opening, reading, writing,
syncing, renaming, removing, locking, randomness, sockets. That reaches every such call there is, those of SQLite, of the TLS
and database clients and of the standard library too, and nothing is compiled into the program for it. A call counts per
thread: the n-th of each fails.

After every failure: the program ended by itself and did not panic; a command that says it is done has done it, one that says it failed
has left what was there, or could not say that it had done it; the ledger verifies; and the same command, given again, does what
it would have done, once.

HENGXIN_FAULTS failures are tried, drawn at random of all there are (default 200; `all` for each of them). HENGXIN_SEED repeats a draw.

Usage: failing_calls.py HENGXIN_BINARY [SCENARIO...]
"""

import collections
import dataclasses
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc

from privatepostgres import Postgres
from reflection import Client

# What fails, and how. Memory maps are left out: whether one is the database's or the allocator's cannot be told apart.
STORAGE = {
    "open": ["EMFILE"], "openat": ["EMFILE", "EACCES"], "read": ["EIO"], "pread64": ["EIO"], "write": ["ENOSPC"], "pwrite64": ["ENOSPC", "EIO"],
    "copy_file_range": ["EIO"], "ftruncate": ["EIO"], "fsync": ["EIO"], "fdatasync": ["EIO"], "fcntl": ["EIO"], "rename": ["EIO"],
    "unlink": ["EIO"], "mkdir": ["ENOSPC"], "statx": ["EIO"], "newfstatat": ["EIO"], "getdents64": ["EIO"], "fchmod": ["EPERM"],
    "getrandom": ["EIO"],
}
SOCKETS = {
    "socket": ["EMFILE"], "connect": ["ECONNREFUSED"], "sendto": ["ECONNRESET"], "recvfrom": ["ECONNRESET"], "writev": ["EPIPE"],
    "bind": ["EADDRINUSE"], "listen": ["EADDRINUSE"], "accept4": ["EMFILE"], "setsockopt": ["EINVAL"], "shutdown": ["ENOTCONN"],
}


# Not ours to survive: threads that wake each other, the seeds of hash tables in libraries, and locks that cannot be given back,
# for which the program then waits as for those of another one.
WITHIN = re.compile(r"anon_inode|pipe:|UNIX|F_UNLCK|GRND_NONBLOCK|GRND_INSECURE|getrandom\(\w+, 64,")


class Fault(Exception):
    """What a failure did that it must not."""


@dataclasses.dataclass
class Ended:
    code: int
    told: str
    # Calls that were made, or those of them that were made to fail.
    calls: list


def rows(ledger):
    """How many rows every table has: what a write adds shows, and moments and signatures, which differ each time, do not."""
    if not ledger.exists():
        return {}
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def files(folder):
    """The names and contents of all files of a folder; nothing when there is no folder."""
    if not folder.exists():
        return {}
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*")) if file.is_file()
    }


class Scenario:
    """One command over a prepared folder. `state` is what must be as before or as after.

    A repeatable one has no further effect when it is given again; others are given again only where nothing was done.
    """

    fails = STORAGE

    def __init__(self, world, arguments, state, ledger="data", repeatable=False):
        self.world, self.arguments, self.state, self.ledger, self.repeatable = world, arguments, state, ledger, repeatable

    def fresh(self):
        folder = self.world.folder / "try"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.world.base, folder)
        return folder

    def run(self, folder, call=None, error=None, n=None):
        trace = self.world.folder / "trace"
        fails = f"inject={call}:error={error}:when={n}" if call else None
        under = ["strace", "-f", "-yy", "-qq", "-o", trace, "-e", "trace=" + (call or ",".join(self.fails)), *(["-e", fails] if fails else [])]
        late = None
        try:
            code, told = self.started(folder, under, self.arguments)
        except Fault as fault:
            late = fault
        made = trace.read_text(errors="replace").splitlines()
        if late and not any("INJECTED" in line and WITHIN.search(line) for line in made):
            raise Fault("\n  ".join([str(late), *(line for line in made if "INJECTED" in line)]))
        if late:
            return Ended(1, "", [])
        return Ended(code, told, [line for line in made if "INJECTED" in line] if call else made)

    def started(self, folder, under, arguments):
        """Exit code and what was said of the program with these arguments."""
        try:
            done = subprocess.run([*under, self.world.binary, *arguments], cwd=folder, env=self.world.environment, capture_output=True, timeout=30)
        except subprocess.TimeoutExpired as late:
            raise Fault("does not end within 30 s") from late
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def calls(self):
        """Every call that can be made to fail: kind, error, and the how manieth."""
        folder = self.fresh()
        self.before = self.state(folder)
        ended = self.run(folder)
        if ended.code != 0:
            raise Fault(f"fails with nothing made to fail: {ended.told}")
        self.after = self.state(folder)
        made = collections.Counter()
        for line in ended.calls:
            if found := re.match(r"(\d+) +(\w+)\(", line):
                made[found.groups()] += 1
        most = collections.Counter()
        for (_, call), count in made.items():
            most[call] = max(most[call], count)
        return [(call, error, n) for call, count in most.items() for error in self.fails.get(call, []) for n in range(1, count + 1)]

    def check(self, call, error, n):
        """Raises what a failure did that it must not. Whether it was told as an error; None when nothing of the program's own failed."""
        folder = self.fresh()
        ended = self.run(folder, call, error, n)
        if not ended.calls or any(WITHIN.search(line) for line in ended.calls):
            return None
        try:
            return self.judge(folder, ended)
        except Fault as fault:
            raise Fault("\n  ".join([str(fault), *ended.told.splitlines(), *ended.calls])) from None

    def judge(self, folder, ended):
        if ended.code < 0 or ended.code >= 128 or "panicked" in ended.told:
            raise Fault(f"ends with {ended.code}")
        now = self.state(folder)
        if ended.code == 0 and now != self.after:
            raise Fault(f"says it is done: {difference(self.after, now)}")
        if ended.code != 0 and not ended.told.strip():
            raise Fault(f"fails with {ended.code} and says nothing")
        # What is done may still be told as failed, when the answer could not be printed or a folder not be synced.
        if ended.code != 0 and now not in (self.before, self.after):
            raise Fault(f"fails halfway: {difference(self.before, now)}")
        if now and self.ledger:
            code, told = self.started(folder, [], ["verify", "--data", self.ledger])
            if code != 0:
                raise Fault(f"leaves a ledger that does not verify: {told}")
        if self.repeatable or now == self.before != self.after:
            code, told = self.started(folder, [], self.arguments)
            if code != 0 or self.state(folder) != self.after:
                raise Fault(f"cannot be done afterwards: {told} {difference(self.after, self.state(folder))}")
        return ended.code != 0


def difference(expected, found):
    keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    return "; ".join(f"{key}: {found.get(key)} instead of {expected.get(key)}" for key in keys[:6])


class World:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.base = binary, folder, folder / "base"
        self.environment = {"PATH": os.environ["PATH"], "HENGXIN_LOG": "error"}
        self.base.mkdir()
        self.hengxin("generate", "--enterprises", "12", "--out", "district")
        self.hengxin("ingest", "--data", "data", "district/registrations.csv", "district/penalties.csv")
        self.code = (self.base / "district/registrations.csv").read_text().splitlines()[1].split(",")[0]
        assert len(self.code) == 18, self.code
        self.mended()
        self.hengxin("backup", "--data", "data", "--out", "kept", "--with-keys")
        self.postgres = Postgres()
        self.postgres.copy("base", of="template1")
        self.hengxin("migrate", "--from", "data/ledger.sqlite", "--to", self.postgres.url("base"), "--data", "pg")

    def mended(self):
        """A row in quarantine, and the file that mends it."""
        registrations = (self.base / "district/registrations.csv").read_text().splitlines()
        code = registrations[2].split(",")[0]
        (self.base / "bad.csv").write_text("\n".join([registrations[0], registrations[2].replace(code, code[:-1] + "?")]) + "\n")
        self.hengxin("ingest", "--data", "data", "bad.csv")
        self.hengxin("quarantine", "export", "--data", "data", "--out", "mend")
        (waiting,) = (self.base / "mend").glob("*.csv")
        (self.base / "mended.csv").write_text(waiting.read_text().replace(code[:-1] + "?", code))

    def submit(self, address):
        """Hands in facts by one and the same id. Why it was refused; None when it was not."""
        client = Client(address)
        try:
            fields = {"subject_code": self.code, "grantee": "bank", "scope": "credit-granting", "from": "2026-01-01"}
            fact = {"code": "credit-consent", "fields": [{"id": name, "value": value} for name, value in fields.items()]}
            kind = lambda *given, **more: client.channel.stream_unary(*given, **more)
            stub, request = client.stub(kind, "hengxin.v1.LedgerService", "SubmitFacts", {"request_id": "only-once", "facts": [fact]})
            stub(iter([request]), timeout=20)
            return None
        except (grpc.RpcError, KeyError) as refused:
            return f"refused: {refused}"
        finally:
            client.channel.close()

    def hengxin(self, *arguments):
        subprocess.run([self.binary, *arguments], cwd=self.base, env=self.environment, check=True, capture_output=True)


class OnPostgres(Scenario):
    """The ledger is in a database; what fails is the way to it, and the keys beside it."""

    fails = STORAGE | SOCKETS

    def __init__(self, world, arguments):
        super().__init__(world, arguments, lambda folder: world.postgres.rows("credit"), ledger=None, repeatable=True)

    def fresh(self):
        self.world.postgres.copy("credit", of="base")
        return super().fresh()


class IntoPostgres(OnPostgres):
    """A ledger moved into an empty database: there whole, or not there."""

    def __init__(self, world, arguments):
        super().__init__(world, arguments)
        self.repeatable = False

    def fresh(self):
        self.world.postgres.copy("credit", of="template1")
        return Scenario.fresh(self)


class Service(Scenario):
    """Facts handed in over gRPC to a service whose calls fail, at its start or later. Sent again with the same id they are there once."""

    fails = STORAGE | SOCKETS

    def __init__(self, world):
        arguments = ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--no-console"]
        super().__init__(world, arguments, lambda folder: rows(folder / "data/ledger.sqlite"), repeatable=True)

    def started(self, folder, under, arguments):
        if arguments is not self.arguments:
            return super().started(folder, under, arguments)
        said = self.world.folder / "said"
        with open(said, "wb") as out:
            service = subprocess.Popen(
                [*under, self.world.binary, *arguments], cwd=folder, env=self.world.environment, stdout=out, stderr=out, start_new_session=True)
        try:
            begun = time.monotonic()
            while not (found := re.search(r"on (127\.0\.0\.1:\d+)", said.read_text(errors="replace"))):
                if service.poll() is not None:
                    return service.returncode, said.read_text(errors="replace")
                if time.monotonic() - begun > 30:
                    raise Fault(f"neither serves nor ends within 30 s: {said.read_text(errors='replace')}")
                time.sleep(0.01)
            refused = self.world.submit(found[1])
            os.killpg(service.pid, signal.SIGTERM)
            try:
                code = service.wait(timeout=40)
            except subprocess.TimeoutExpired as late:
                raise Fault(f"does not end within 40 s: {said.read_text(errors='replace')}") from late
            return code or (1 if refused else 0), said.read_text(errors="replace") + (refused or "")
        finally:
            if service.poll() is None:
                os.killpg(service.pid, signal.SIGKILL)
                service.wait()


def scenarios(world):
    ledger = lambda folder: rows(folder / "data/ledger.sqlite")
    data = ["--data", "data"]

    def whole_run(folder):
        # A run that did not end goes on when it is given again; it is one once it has its report.
        return {name: digest for name, digest in files(folder / "run").items() if "results" in name} if (folder / "run/report.json").exists() else {}

    def whole_backup(folder):
        if not (folder / "copy").exists():
            return {}
        shutil.rmtree(folder / "checked", ignore_errors=True)
        checked = subprocess.run([world.binary, "restore", "copy", "--data", "checked"], cwd=folder, env=world.environment, capture_output=True)
        return {**rows(folder / "checked/ledger.sqlite"), "restored": checked.returncode == 0, "files": sorted(files(folder / "copy"))}

    return {
        "ingest": Scenario(world, ["ingest", *data, "district/reports.csv"], ledger, repeatable=True),
        "first-ingest": Scenario(
            world, ["ingest", "--data", "new", "district/registrations.csv"],
            # Before there are keys and tables there is nothing; tables without a row are nothing, too.
            lambda folder: {k: v for k, v in rows(folder / "new/ledger.sqlite").items() if v and k != "settings"}, ledger="new", repeatable=True),
        "resubmit": Scenario(world, ["quarantine", "resubmit", *data, "mended.csv"], ledger, repeatable=True),
        "tier": Scenario(world, ["tier", *data, world.code, "--field", "food-production"], ledger),
        "receipt": Scenario(
            world, ["receipt", "tier", *data, world.code, "--field", "food-production", "--out", "receipt.json"], ledger),
        "report": Scenario(world, ["report", "issue", *data, world.code, "--kind", "public", "--json"], ledger),
        "backup": Scenario(world, ["backup", *data, "--out", "copy"], whole_backup),
        "restore": Scenario(world, ["restore", "kept", "--data", "back"], lambda folder: rows(folder / "back/ledger.sqlite"), ledger="back"),
        "rescore": Scenario(world, ["rescore", *data, "--field", "market-regulation", "--as-of", "2026-10-31", "--out", "run"], whole_run, repeatable=True),
        "export": Scenario(
            world, ["dataset", "export", *data, "--out", "dataset"],
            lambda folder: files(folder / "dataset") if (folder / "dataset/dataset.json").exists() else {}),
        "service": Service(world),
        "postgres": OnPostgres(world, ["ingest", "--data", "pg", "--ledger", world.postgres.url("credit"), "district/reports.csv"]),
        "migrate": IntoPostgres(world, ["migrate", "--from", "data/ledger.sqlite", "--to", world.postgres.url("credit"), "--data", "moved"]),
    }


def main():
    binary, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    seed = int(os.environ.get("HENGXIN_SEED") or random.randrange(1 << 32))
    many = os.environ.get("HENGXIN_FAULTS") or "200"
    print(f"HENGXIN_SEED={seed}, {many} failures", flush=True)
    if subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True).returncode:
        # Aloud: nothing was shown.
        print("failing_calls.py: SKIPPED, this machine lets no program trace another")
        return
    faults = []
    with tempfile.TemporaryDirectory() as home:
        world = World(binary, Path(home))
        try:
            known = scenarios(world)
            chosen = {name: known[name] for name in names or known}
            listed = [(name, *call) for name, scenario in chosen.items() for call in scenario.calls()]
            drawn = listed if many == "all" else random.Random(seed).sample(listed, min(int(many), len(listed)))
            tried, told, begun = collections.Counter(), collections.Counter(), time.monotonic()
            for name, call, error, n in sorted(drawn):
                try:
                    refused = chosen[name].check(call, error, n)
                except Fault as fault:
                    faults.append(f"{name}: {call} number {n} fails with {error}: {fault}")
                    print("FAULT", faults[-1], flush=True)
                    refused = True
                tried[name] += refused is not None
                told[name] += bool(refused)
            for name in tried:
                print(f"{name}: {tried[name]} calls failed, {told[name]} of them told as an error, the others overcome")
            print(f"{sum(tried.values())} failures of {len(listed)} in {time.monotonic() - begun:.0f} s, {len(faults)} faults")
        finally:
            world.postgres.stop()
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
