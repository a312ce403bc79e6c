"""Datasets and runs in an object store: the built binary against an S3-compatible server on loopback.

The server is moto's, in this process, so that a test can look at a request before the server does: hold it, refuse it,
or do something else first. What lies in the bucket is read by another client, boto3.

Usage: objects.py HENGXIN_BINARY
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from pathlib import Path

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

DAY, NEXT = "2026-10-31", "2026-11-01"
FIELD = ["--field", "food-production"]


def refusal(status, code):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Not now.</Message></Error>"
    return Response(body, status=status, content_type="application/xml")


class Store:
    """The server. `before(method, path)` may answer in its place; None lets the request through."""

    def __init__(self):
        self.app = DomainDispatcherApplication(create_backend_app)
        self.before = None
        # Port 0: the system gives a free one, and connections wait in its queue from then on.
        self.server = make_server("127.0.0.1", 0, self.answer, True, request_handler=QuietHandler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "NO_PROXY": "127.0.0.1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        self.s3 = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="key", aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        self.s3.create_bucket(Bucket="credit")

    def answer(self, environ, start_response):
        before = self.before
        ours = "hengxin" in environ.get("HTTP_USER_AGENT", "") or "object_store" in environ.get("HTTP_USER_AGENT", "")
        answer = before(environ["REQUEST_METHOD"], environ["PATH_INFO"]) if before and ours else None
        return (answer or self.app)(environ, start_response)

    def objects(self, prefix):
        """The bytes of all objects below a prefix, by the rest of their names."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="credit", Prefix=f"{prefix}/")
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key[len(prefix) + 1:]: self.get(key) for key in keys}

    def get(self, key):
        return self.s3.get_object(Bucket="credit", Key=key)["Body"].read()

    def put(self, key, body):
        self.s3.put_object(Bucket="credit", Key=key, Body=body)


class QuietHandler(MotoRequestHandler):
    def log_request(self, *_):
        pass


class World:
    """The binary, the store, and a folder in which the same things lie as files."""

    def __init__(self, binary, store, folder):
        self.binary, self.store, self.folder = binary, store, Path(folder)

    def start(self, *arguments, **environment):
        known = {key: value for key, value in (self.store.environment | environment).items() if value is not None}
        return subprocess.Popen(
            [self.binary, *arguments], env=known, cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def done(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, f"{arguments}: {process.returncode}: {err}"
        return out

    def refused(self, arguments, code, *said, seconds=20, **environment):
        begun = time.monotonic()
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=100)
        took = time.monotonic() - begun
        assert process.returncode == code, f"{arguments}: {process.returncode}: {out} {err}"
        for text in said:
            assert text in out + err, f"{text!r} is not in: {out} {err}"
        assert "panicked" not in err, err
        assert took < seconds, f"{took:.1f} s for: {err}"
        return err

    def files(self, name):
        """The bytes of all files of a folder, by name."""
        at = self.folder / name
        found = {str(path.relative_to(at)): path.read_bytes() for path in at.rglob("*") if path.is_file()}
        return {name: content for name, content in found.items() if not name.endswith(".lock")}

    def rescore(self, dataset, out, day=DAY, more=()):
        return ["rescore", "--dataset", dataset, *FIELD, "--as-of", day, "--out", out, *more]


def same(files, objects):
    """Equal byte for byte; only the manifest of a run says where its facts lie, and the report how long it took."""
    assert files.keys() == objects.keys(), f"{sorted(files)} {sorted(objects)}"
    for name, content in files.items():
        other = objects[name]
        if name == "report.json":
            continue
        if name == "run.json":
            (run, places), (other_run, other_places) = source_apart(content), source_apart(other)
            assert run == other_run, name
            assert other_places.startswith("s3://credit/") and not places.startswith("s3://"), (places, other_places)
            continue
        assert content == other, f"{name}: {len(content)} and {len(other)} bytes"


def source_apart(manifest):
    manifest = json.loads(manifest)
    return manifest, manifest["source"].pop("place")


def shard_hashes(run):
    """The shards of a run are those its manifest names, by SHA-256."""
    shards = json.loads(run["run.json"])["shards"]
    assert len(shards) > 1, shards
    for shard in shards:
        assert hashlib.sha256(run[shard["file"]]).hexdigest() == shard["sha256"], shard
    return [shard["sha256"] for shard in shards]


def a_world_passes_a_day_in_a_bucket_as_in_folders(world):
    for day, name in ((DAY, "w"), (NEXT, "w2")):
        made = ["generate", "--as", "dataset", "--enterprises", "31000", "--seed", "7", "--through", day, "--out"]
        world.done(*made, name)
        world.done(*made, f"s3://credit/{name}/")
        same(world.files(name), world.store.objects(name))
    for at in ("", "s3://credit/"):
        world.done(*world.rescore(f"{at}w", f"{at}r"))
        told = world.done(*world.rescore(f"{at}w2", f"{at}r2", NEXT, ["--since", f"{at}r"]))
        assert "incremental run" in told and "carried" in told, told
    for run in ("r", "r2"):
        files, objects = world.files(run), world.store.objects(run)
        same(files, objects)
        assert shard_hashes(files) == shard_hashes(objects)
    compared = [world.done("compare", f"{at}r", f"{at}r2", "--json") for at in ("", "s3://credit/")]
    plain = compared[1].replace("s3://credit/", "")
    assert plain == compared[0] and '"indicator"' in plain, "the comparisons differ"
    # Given again, the finished run is told, and nothing is written.
    before = {o["Key"]: o["LastModified"] for o in world.store.s3.list_objects_v2(Bucket="credit")["Contents"]}
    world.done(*world.rescore("s3://credit/w", "s3://credit/r"))
    after = {o["Key"]: o["LastModified"] for o in world.store.s3.list_objects_v2(Bucket="credit")["Contents"]}
    assert before == after
    taken = world.rescore("s3://credit/w", "s3://credit/r", "2026-10-30")
    world.refused(taken, 2, "s3://credit/r/run.json", "a folder of its own for every run")
    again = ["generate", "--as", "dataset", "--enterprises", "10", "--out", "s3://credit/w"]
    world.refused(again, 2, "s3://credit/w/dataset.json: found a dataset")


def rows_are_sorted_and_a_ledger_exported_into_a_bucket(world):
    shard = min((world.folder / "w" / "shards").iterdir(), key=lambda path: path.stat().st_size)
    (world.folder / "spill").mkdir()
    # Three times the same rows: more than the memory holds, and none of them twice in the dataset.
    sort = ["dataset", "sort", *[str(shard)] * 3, "--memory", "16MiB", "--out"]
    world.done(*sort, "sorted")
    told = world.done(*sort, "s3://credit/sorted", TMPDIR=str(world.folder / "spill"))
    assert " 0 runs spilled" not in told, told
    same(world.files("sorted"), world.store.objects("sorted"))
    assert not list((world.folder / "spill").iterdir()), "spilled runs are left behind"
    world.done("generate", "--enterprises", "100", "--out", "sheets")
    sheets = [str(path) for path in (world.folder / "sheets").glob("*.csv")]
    world.done("ingest", "--data", "ledger", *sheets)
    for out in ("exported", "s3://credit/省/exported"):
        world.done("dataset", "export", "--data", "ledger", "--known-at", "2100-01-01T00:00:00Z", "--out", out)
    same(world.files("exported"), world.store.objects("省/exported"))
    assert world.done("dataset", "check", "s3://credit/省/exported").startswith("0 faults")


def a_killed_run_goes_on_and_gives_the_same_objects(world):
    held, go = threading.Event(), threading.Event()
    puts = []

    def before(method, path):
        if method == "PUT" and "/killed/results/" in path:
            puts.append(path)
            if len(puts) == 2:
                held.set()
                go.wait(60)

    world.store.before = before
    process = world.start(*world.rescore("s3://credit/w", "s3://credit/killed", more=["--threads", "1"]))
    assert held.wait(60), "no second shard"
    process.kill()
    process.communicate()
    world.store.before = None
    left = world.store.objects("killed")
    assert "run.json" not in left and len(left) == 1, sorted(left)
    go.set()
    told = json.loads(world.done(*world.rescore("s3://credit/w", "s3://credit/killed", more=["--json"])))
    assert told["report"]["shards_resumed"] >= 1, told["report"]
    same(world.files("r"), world.store.objects("killed"))


def spoilt_and_missing_objects_are_named(world):
    shard = "w/shards/000001.parquet"
    whole = world.store.get(shard)
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 1
    world.store.put(shard, bytes(spoilt))
    verify = world.rescore("s3://credit/w", "s3://credit/spoilt")
    world.refused(verify, 2, f"s3://credit/{shard}: found", "as its manifest says")
    assert "run.json" not in world.store.objects("spoilt")
    world.refused(["dataset", "check", "s3://credit/w"], 2, f"s3://credit/{shard}", "as its manifest says")
    world.store.s3.delete_object(Bucket="credit", Key=shard)
    missing = world.rescore("s3://credit/w", "s3://credit/spoilt")
    world.refused(missing, 2, f"s3://credit/{shard}: found no such file")
    world.store.put(shard, whole)
    result = json.loads(world.store.get("r2/run.json"))["shards"][0]["file"]
    lines = world.store.get(f"r2/{result}")
    world.store.put(f"r2/{result}", lines[:-1])
    world.refused(["compare", "s3://credit/r", "s3://credit/r2"], 2, f"s3://credit/r2/{result}: found SHA-256")
    world.store.put(f"r2/{result}", lines)
    world.refused(world.rescore("s3://credit/nothing", "s3://credit/n"), 2, "s3://credit/nothing/dataset.json")


def what_cannot_be_asked_is_said_at_once(world):
    run = world.rescore("s3://credit/w", "s3://credit/never")
    absent = world.rescore("s3://discredit/w", "s3://credit/never")
    world.refused(absent, 1, "s3://discredit/w/dataset.json: found no bucket `discredit`")
    into = world.rescore("s3://credit/w", "s3://discredit/never")
    world.refused(into, 1, "s3://discredit/never/", "found no bucket `discredit`")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        world.refused(run, 1, "s3://credit/w/dataset.json: no connection to", closed, AWS_ENDPOINT_URL=closed)
        keyless = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_METADATA_ENDPOINT": closed}
        world.refused(run, 1, "found no credentials", "AWS_ACCESS_KEY_ID", **keyless)
    world.refused(run, 1, "AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY", AWS_SECRET_ACCESS_KEY=None)
    world.refused(run, 1, "which is not encrypted", "AWS_ALLOW_HTTP", AWS_ALLOW_HTTP=None)
    world.refused(world.rescore("gs://credit/w", "x"), 2, "found `gs://credit/w`, expected a folder or s3://")
    world.refused(world.rescore("s3://credit//w", "x"), 2, "s3://credit//w")
    world.refused(["generate", "--out", "s3://credit/sheets"], 2, "--out: found `s3://credit/sheets`")
    assert not (world.folder / "s3:").exists()

    # Real signatures: the server is told to check who asks.
    def only_known(count):
        text = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{world.store.url}/moto-api/reset-auth", str(count).encode(), text)
        urllib.request.urlopen(request).read()

    only_known(0)
    try:
        world.refused(run, 1, "s3://credit/w/dataset.json:", "denies access", "InvalidAccessKeyId")
    finally:
        only_known(10**9)

    # A server that takes a request and never answers.
    gone = threading.Event()
    world.store.before = lambda *_: gone.wait(60) and None
    try:
        silent = {"AWS_TIMEOUT": "100ms"}
        world.refused(run, 1, "s3://credit/w/dataset.json: no answer from", **silent)
    finally:
        gone.set()
        world.store.before = None
    assert not world.store.objects("never")


def a_busy_store_is_asked_again(world):
    asked = {}

    def busy(method, path):
        asked[path] = asked.get(path, 0) + 1
        return refusal(503, "SlowDown") if asked[path] == 1 else None

    world.store.before = busy
    world.done(*world.rescore("s3://credit/w", "s3://credit/busy"))
    world.store.before = lambda *_: refusal(503, "SlowDown")
    run = world.rescore("s3://credit/w", "s3://credit/never")
    world.refused(run, 1, "s3://credit/w/dataset.json", "SlowDown: Not now.", seconds=30)
    world.store.before = None
    same(world.files("r"), world.store.objects("busy"))


def a_manifest_is_published_once(world):
    publishing = []

    def other_first(method, path):
        if method == "PUT" and path.endswith("/raced/run.json"):
            publishing.append(path)
            world.store.put("raced/run.json", b"another run's")

    world.store.before = other_first
    run = world.rescore("s3://credit/w", "s3://credit/raced")
    world.refused(run, 2, "s3://credit/raced/run.json: found another manifest")
    assert publishing and world.store.get("raced/run.json") == b"another run's"

    # The manifest is written, and the answer lost on its way.
    lost = []

    def answer_lost(method, path):
        if method == "PUT" and path.endswith("/lost/run.json") and not lost:
            lost.append(path)
            run = json.loads(world.store.get("r/run.json"))
            world.store.put("lost/run.json", (json.dumps(run, indent=2, ensure_ascii=False) + "\n").encode())
            return refusal(500, "InternalError")

    world.store.before = answer_lost
    world.done(*world.rescore("s3://credit/w", "s3://credit/lost"))
    world.store.before = None
    assert lost
    same(world.files("r"), world.store.objects("lost"))

    # A store that knows no conditions is looked at first.
    world.store.before = lambda method, path: (
        refusal(501, "NotImplemented") if method == "PUT" and path.endswith("/plain/run.json") else None
    )
    world.refused(world.rescore("s3://credit/w", "s3://credit/plain"), 1, "NotImplemented")
    world.store.before = None
    world.done(*world.rescore("s3://credit/w", "s3://credit/plain"), AWS_CONDITIONAL_PUT="disabled")
    same(world.files("r"), world.store.objects("plain"))


TESTS = [
    a_world_passes_a_day_in_a_bucket_as_in_folders,
    rows_are_sorted_and_a_ledger_exported_into_a_bucket,
    a_killed_run_goes_on_and_gives_the_same_objects,
    spoilt_and_missing_objects_are_named,
    what_cannot_be_asked_is_said_at_once,
    a_busy_store_is_asked_again,
    a_manifest_is_published_once,
]


def main():
    passed = failed = 0
    store = Store()
    with tempfile.TemporaryDirectory() as folder:
        world = World(str(Path(sys.argv[1]).absolute()), store, folder)
        for test in TESTS:
            begun = time.monotonic()
            try:
                test(world)
                passed += 1
                print(f"{test.__name__} ... ok, {time.monotonic() - begun:.1f} s")
            except Exception:
                failed += 1
                print(f"{test.__name__} ... FAILED")
                traceback.print_exc()
            finally:
                store.before = None
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
