"""Asks the two servers of `deploy/trial` as a regulator and as a bank, over mutual TLS, and prints what each is shown."""

import pathlib
import sys
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

LEDGER = "hengxin.v1.LedgerService"


class Caller:
    """One certificate at one server."""

    def __init__(self, folder, server, name, purpose, basis):
        papers = folder / "papers"
        credentials = grpc.ssl_channel_credentials(
            (papers / "authority.pem").read_bytes(), (papers / f"{name}.key").read_bytes(), (papers / f"{name}.pem").read_bytes())
        port = (folder / server / "port").read_text().strip()
        self.channel = grpc.secure_channel(f"localhost:{port}", credentials)
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.headers = (("hengxin-purpose", purpose), ("hengxin-legal-basis", basis))

    def call(self, method, stream=False, **fields):
        declared = self.pool.FindServiceByName(LEDGER).FindMethodByName(method)
        request, response = GetMessageClass(declared.input_type), GetMessageClass(declared.output_type)
        kind = self.channel.stream_unary if stream else self.channel.unary_unary
        call = kind(f"/{LEDGER}/{method}", request.SerializeToString, response.FromString)
        message = request(**fields)
        return call(iter([message]) if stream else message, metadata=self.headers, timeout=30)


def main():
    folder = pathlib.Path(sys.argv[1])
    regulator = Caller(folder, "one", "regulator", "supervision", "statutory-duty")
    bank = Caller(folder, "two", "bank", "credit-granting", "consent")
    supplier = Caller(folder, "one", "supplier", "record-keeping", "statutory-duty")
    found = regulator.call("SearchEnterprises", page_size=40).enterprises
    whole = lambda one: regulator.call("ListFacts", parent=one.name, page_size=1000)
    # One with records of both kinds, so that there is something to mask.
    level = lambda answer: {fact.disclosure for fact in answer.facts}
    chosen = next(one for one in found if len(level(whole(one))) > 1)
    other = next(one for one in found if one.code != chosen.code)
    consent = {"subject_code": chosen.code, "grantee": "sample bank", "scope": "credit-granting", "from": "2026-01-01"}
    fields = [{"id": name, "value": value} for name, value in consent.items()]
    supplier.call("SubmitFacts", stream=True, request_id=str(uuid.uuid4()), facts=[{"code": "credit-consent", "fields": fields}])
    print(f"--- {chosen.display_name} ({chosen.code}), which consents to the bank")
    shown = whole(chosen)
    print(f"regulator, at server one: {len(shown.facts)} facts of {len({fact.code for fact in shown.facts})} kinds, nothing masked")
    masked = bank.call("ListFacts", parent=chosen.name, page_size=1000)
    print(f"bank, at server two: {len(masked.facts)} facts; {len(masked.masked_codes)} kinds are masked")
    for fact in masked.facts:
        hidden = [field.title for field in fact.fields if field.masked]
        print(f"  {fact.occurred_on} {fact.title}" + (f" (masked: {', '.join(hidden)})" if hidden else ""))
    assert len(masked.facts) < len(shown.facts), "nothing was masked"
    print(f"--- {other.display_name} ({other.code}), which does not")
    try:
        bank.call("ListFacts", parent=other.name)
        raise SystemExit("the bank was answered without consent")
    except grpc.RpcError as refused:
        print(f"bank: {refused.code().name}: {refused.details()}")


if __name__ == "__main__":
    main()
