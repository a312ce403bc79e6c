"""A Python client that knows nothing of hengxin but an address: reflection tells it the rest.

Usage: reflection.py HENGXIN_BINARY
"""

import re
import subprocess
import sys
import tempfile
import traceback
from decimal import Decimal

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

AS_OF = "2026-10-31"


class Client:
    """Calls methods by name; messages are made from the descriptors that reflection serves."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)

    def services(self):
        return set(self.database.get_services())

    def call(self, service, method, **fields):
        stub, request = self.stub(self.channel.unary_unary, service, method, fields)
        return stub(request, timeout=20)

    def stream(self, service, method, seconds, **fields):
        stub, request = self.stub(self.channel.unary_stream, service, method, fields)
        return stub(request, timeout=seconds)

    def stub(self, kind, service, method, fields):
        descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        answer = GetMessageClass(descriptor.output_type)
        stub = kind(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return stub, GetMessageClass(descriptor.input_type)(**fields)


def points(message):
    return Decimal(message.ten_thousandths) / 10_000


def services_are_listed(client, code):
    expected = {f"hengxin.v1.{name}Service" for name in ("Ledger", "Log", "Model", "Report", "Rescoring", "Scoring", "Standard", "Supervision")}
    missing = (expected | {"grpc.health.v1.Health"}) - client.services()
    assert not missing, f"not listed: {missing}"


def health_says_serving(client, code):
    assert client.call("grpc.health.v1.Health", "Check").status == 1


def runs_and_schedules_are_listed(client, code):
    runs = client.call("hengxin.v1.RescoringService", "ListRuns", page_size=5)
    # The demo evaluated every field twice.
    assert len(runs.runs) == 5 and runs.next_page_token, runs
    assert all(run.done == run.total > 0 and run.digest for run in runs.runs), runs
    schedules = client.call("hengxin.v1.RescoringService", "ListSchedules")
    assert not schedules.schedules, schedules


def an_enterprise_is_evaluated_and_its_reasons_add_up(client, code):
    answer = client.call(
        "hengxin.v1.ScoringService", "Evaluate", enterprise=code, standard="public-comprehensive", as_of=AS_OF, view=2
    )
    evaluation = answer.evaluation
    assert evaluation.grade.grade in "ABCD", evaluation.grade
    assert re.fullmatch("[0-9a-f]{64}", evaluation.standard.digest), evaluation.standard
    assert evaluation.reasons, "no reasons"
    kinds = evaluation.explanation.lines[0].DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_number
    sums = {number for number, kind in kinds.items() if kind.name.endswith(("_DIMENSION", "_SCORE"))}
    parts = [line for line in evaluation.explanation.lines if line.kind not in sums and line.HasField("points")]
    assert sum(points(line.points) for line in parts) == points(evaluation.score), "the lines do not add up"


def a_tier_comes_with_measures_and_their_legal_basis(client, code):
    answer = client.call(
        "hengxin.v1.SupervisionService", "GetTier", enterprise=code, field="market-regulation", as_of=AS_OF
    )
    decision = answer.decision
    assert 1 <= decision.tier <= 4, decision.tier
    assert decision.measures, "no measures"
    for measure in decision.measures:
        assert measure.source.document or measure.source.project_reason, measure


def the_same_question_gives_the_same_bytes(client, code):
    def ask(**fields):
        return client.call(
            "hengxin.v1.ScoringService", "Evaluate", enterprise=code, standard="public-comprehensive", as_of=AS_OF,
            view=2, **fields
        )

    first = ask()
    again = ask(known_at=first.evaluation.known_at)
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def a_wrong_check_character_is_named(client, code):
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    try:
        client.call("hengxin.v1.ScoringService", "Evaluate", enterprise=wrong, standard="public-comprehensive")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        assert "character 18" in error.details(), error.details()
        return
    raise AssertionError("accepted")


TESTS = [
    services_are_listed,
    health_says_serving,
    an_enterprise_is_evaluated_and_its_reasons_add_up,
    a_tier_comes_with_measures_and_their_legal_basis,
    the_same_question_gives_the_same_bytes,
    a_wrong_check_character_is_named,
    runs_and_schedules_are_listed,
]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.argv[1], "demo", "--enterprises", "200", "--data", folder, "--listen", "127.0.0.1:0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = code = None
            for line in server.stdout:
                code = code or next(iter(re.findall(r"hengxin tier ([0-9A-Z]{18})", line)), None)
                address = next(iter(re.findall(r"Serving on (\S+) until", line)), None)
                if address:
                    break
            assert address and code, "the demo ended before it served"
            client = Client(address)
            for test in TESTS:
                try:
                    test(client, code)
                    passed += 1
                    print(f"{test.__name__} ... ok")
                except Exception:
                    failed += 1
                    print(f"{test.__name__} ... FAILED")
                    traceback.print_exc()
            server.terminate()
            if server.wait(timeout=30) != 0:
                failed += 1
                print(f"SIGTERM ended the service with code {server.returncode}, expected 0")
        finally:
            server.kill()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
