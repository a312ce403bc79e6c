"""Runs of `hengxin serve` carried out for real: the built binary, datasets on disk, a client over gRPC, SIGKILL.

Usage: runs.py HENGXIN_BINARY
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from pathlib import Path

import grpc

from reflection import Client

DAY, NEXT = "2026-10-31", "2026-11-20"
FIELD = "food-production"
RUNS, TIERS = "hengxin.v1.RescoringService", "hengxin.v1.SupervisionService"
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = 1, 2, 3, 4, 5
BASIS_RUN = 2


class Service:
    """`hengxin serve` over one data folder, as often as it is started again."""

    def __init__(self, binary, data):
        self.binary, self.data = binary, data
        self.start()

    def start(self):
        command = [self.binary, "serve", "--create", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = self.process.stdout.readline()
        address = re.search(r" on (\S+);", told)
        assert address, f"the service did not start: {told}"
        self.client = Client(address.group(1))

    def stop(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def order(self, dataset, as_of=NEXT, field=FIELD, **more):
        return self.client.call(
            RUNS, "StartRun", request_id=str(uuid.uuid4()), field=field, as_of=as_of, dataset=str(dataset), **more
        ).run

    def run(self, name):
        return self.client.call(RUNS, "GetRun", name=name).run

    def until(self, name, holds, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run = self.run(name)
            if holds(run):
                return run
            time.sleep(0.005)
        raise AssertionError(f"not within {seconds} s: {run}")

    def finished(self, name, seconds=120):
        return self.until(name, lambda run: run.state in (SUCCEEDED, FAILED, CANCELLED), seconds)

    def caught(self, dataset, moment):
        """A run, stopped at as soon as `moment` holds; one that was too quick is ordered again."""
        # On a quick machine most are over between two looks.
        for _ in range(40):
            run = self.until(self.order(dataset).name, lambda run: moment(run) or run.state not in (QUEUED, RUNNING))
            if moment(run):
                return run
        raise AssertionError(f"never seen: {moment.__name__}")

    def tier(self, enterprise, field=FIELD):
        return self.client.call(TIERS, "GetTier", enterprise=enterprise, field=field, basis=BASIS_RUN)


def refusal(call):
    """The code and the words of a call that is refused."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError(f"accepted: {answer}")


def tiers_of(run):
    return {str(count.tier or "none"): count.enterprises for count in run.counts}


def a_run_says_what_the_command_line_says(service, world):
    alone = subprocess.run(
        [service.binary, "rescore", "--dataset", world("small", DAY), "--field", FIELD, "--as-of", DAY,
         "--out", service.data / "alone", "--json"],
        check=True, capture_output=True, text=True,
    )
    expected = json.loads(alone.stdout)["run"]
    run = service.finished(service.order(world("small", DAY), DAY).name)
    assert run.state == SUCCEEDED, run
    assert tiers_of(run) == expected["counts"]["tiers"][FIELD], run.counts
    first = expected["shards"][0]["first"]
    answer = service.tier(first)
    assert answer.basis == BASIS_RUN and answer.run_result.run.name == run.name, answer
    assert answer.decision.as_of == DAY, answer


def every_change_is_told_once_however_often_the_watch_is_cut(service, world):
    before = service.finished(service.order(world("small", DAY), DAY).name)
    # The position before the next run: that of the last change there is.
    token = last_token(service)
    run = service.order(world("small", NEXT), incremental=True)
    run = service.finished(run.name)
    assert run.state == SUCCEEDED and run.previous_run == before.name, run
    watch = service.client.stream(RUNS, "WatchRun", 60, name=run.name)
    expected = [event.change for event in watch if event.WhichOneof("event") == "change"]
    expected = {(change.tier.enterprise, change.previous_tier, change.tier.tier) for change in expected}
    assert expected, "nobody moved, which shows nothing"
    told = []
    while len(told) < len(expected):
        # Cut off after three, and taken up again from the last one heard.
        watch = service.client.stream(TIERS, "WatchTiers", 20, field=FIELD, resume_token=token)
        for change in take(watch, 3):
            token = change.resume_token
            # Without a tier it tells only how far the watch has come.
            if change.HasField("tier"):
                told.append((change.tier.enterprise, change.previous_tier, change.tier.tier))
            if len(told) == len(expected):
                break
        watch.cancel()
    assert len(told) == len(set(told)) and set(told) == expected, (set(told) - expected, expected - set(told))
    more = service.client.stream(TIERS, "WatchTiers", 1, field=FIELD, resume_token=token)
    assert not any(change.HasField("tier") for change in heard(more)), "a change was told twice"


def a_field_has_one_run_at_a_time(service, world):
    run = service.order(world("large", NEXT))
    code, words = refusal(lambda: service.order(world("small", NEXT)))
    assert code == grpc.StatusCode.FAILED_PRECONDITION, (code, words)
    assert f"run {run.name.removeprefix('runs/')} of field `{FIELD}`" in words, words
    assert service.finished(run.name).state == SUCCEEDED, "the first is not disturbed"


def loads(run):
    """Evaluated, and not published yet."""
    return run.state == RUNNING and run.total and run.done == run.total


def evaluates(run):
    return run.state == RUNNING and 0 < run.done < run.total


def answering(service):
    return service.client.call(TIERS, "ListTiers", field=FIELD, basis=BASIS_RUN, page_size=1).run.name


def last_that_succeeded(service):
    return service.client.call(RUNS, "ListRuns", field=FIELD, state=SUCCEEDED, page_size=1).runs[0].name


def a_run_cancelled_while_it_loads_leaves_the_one_before(service, world):
    run = service.caught(world("large", NEXT), loads)
    service.client.call(RUNS, "CancelRun", name=run.name)
    run = service.finished(run.name)
    # Asked too late it is published whole; there is nothing between.
    assert run.state in (CANCELLED, SUCCEEDED), run
    assert answering(service) == last_that_succeeded(service), run


def a_killed_service_goes_on_with_its_run(service, world):
    for moment in (evaluates, loads):
        run = service.caught(world("large", NEXT), moment)
        service.stop(signal.SIGKILL)
        service.start()
        before = last_that_succeeded(service)
        assert answering(service) == before, f"{moment.__name__}: half of a run answers"
        run = service.finished(run.name, 180)
        assert run.state == SUCCEEDED and run.attempts == 2, (moment.__name__, run)
        subjects = json.loads((world("large", NEXT) / "dataset.json").read_text())["subjects"]
        assert sum(tiers_of(run).values()) == subjects, (moment.__name__, run)
        assert answering(service) == run.name, moment.__name__
        runs = service.client.call(RUNS, "ListRuns", field=FIELD, state=SUCCEEDED, page_size=50).runs
        assert {run.name, before} <= {one.name for one in runs}, "the history is still there"


def what_cannot_be_evaluated_is_said_and_harms_nothing(service, world):
    before = service.finished(service.order(world("small", NEXT)).name)
    code, words = refusal(lambda: service.order(world("small", NEXT), "1999-01-01"))
    assert "1999-01-01" in words and "begins on" in words, (code, words)
    run = service.finished(service.order(service.data / "nowhere").name)
    assert run.state == FAILED and "nowhere/dataset.json" in run.detail, run.detail
    spoilt = world("spoilt", NEXT)
    shard = sorted((spoilt / "shards").iterdir())[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    run = service.finished(service.order(spoilt).name)
    assert run.state == FAILED and shard.name in run.detail, run.detail
    assert answering(service) == before.name


def a_schedule_fires_and_is_still_there_after_a_restart(service, world):
    # Begun by main, so that its minute passes while others run.
    def fired():
        runs = service.client.call(RUNS, "ListRuns", field="environment", page_size=50).runs
        return [run for run in runs if run.schedule == "schedules/every-minute"]

    end = time.monotonic() + 90
    while not (found := fired()) and time.monotonic() < end:
        time.sleep(0.5)
    assert found, "it did not fire"
    run = service.finished(found[-1].name)
    assert run.state == SUCCEEDED and sum(tiers_of(run).values()) == 2_000, run
    assert service.stop(signal.SIGTERM) == 0
    service.start()
    schedules = service.client.call(RUNS, "ListSchedules").schedules
    assert [schedule.name for schedule in schedules] == ["schedules/every-minute"], schedules
    assert run.name in [one.name for one in service.client.call(RUNS, "ListRuns", page_size=50).runs]


def take(stream, count):
    return (message for _, message in zip(range(count), stream))


def heard(stream):
    """What a stream says before its deadline."""
    try:
        yield from stream
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def last_token(service):
    """The position after everything that was told so far."""
    token = None
    for change in heard(service.client.stream(TIERS, "WatchTiers", 2, field=FIELD)):
        token = change.resume_token
    return token


TESTS = [
    a_run_says_what_the_command_line_says,
    every_change_is_told_once_however_often_the_watch_is_cut,
    a_field_has_one_run_at_a_time,
    what_cannot_be_evaluated_is_said_and_harms_nothing,
    a_run_cancelled_while_it_loads_leaves_the_one_before,
    a_killed_service_goes_on_with_its_run,
    a_schedule_fires_and_is_still_there_after_a_restart,
]


def main():
    passed = failed = 0
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sizes = {"small": 2_000, "large": 150_000, "spoilt": 500}

        def world(name, day):
            out = folder / f"{name}-{day}"
            if not out.exists():
                subprocess.run(
                    [binary, "generate", "--as", "dataset", "--enterprises", str(sizes[name]), "--seed", "7",
                     "--through", day, "--out", out],
                    check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            return out

        service = Service(binary, folder / "data")
        try:
            service.client.call(RUNS, "CreateSchedule", schedule={
                "name": "every-minute", "fields": ["environment"], "cron": "* * * * *", "time_zone": "Asia/Shanghai",
                "cut_off": 2, "missed": 1, "dataset": str(world("small", DAY)),
            })
            for test in TESTS:
                begun = time.monotonic()
                try:
                    test(service, world)
                    passed += 1
                    print(f"{test.__name__} ... ok ({time.monotonic() - begun:.1f} s)", flush=True)
                except Exception:
                    failed += 1
                    print(f"{test.__name__} ... FAILED", flush=True)
                    traceback.print_exc()
        finally:
            service.process.kill()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
