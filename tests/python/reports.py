"""Credit reports as their holders have them: issued over gRPC, set by the real typesetter behind the service, read from the PDF and
the page, and checked by the link in their QR code, which an independent program decodes. A code with a slip is refused, and a
report is told to have expired when its days are over.

Usage: reports.py HENGXIN_BINARY TYPESETTER
"""

import html
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
import uuid
from pathlib import Path

from reflection import AS_OF, Client

SAMPLE = "91330199MAY0005780"
REPORTS = "hengxin.v1.ReportService"
PUBLIC, EVALUATION, SPECIAL = 1, 2, 3
VALID_DAYS = 30


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Service:
    """The built binary over a folder of data, `days` ahead of today."""

    def __init__(self, binary, typesetter, data, ports, days=0):
        grpc_port, web_port = ports
        self.console = f"http://127.0.0.1:{web_port}"
        environment = {**os.environ, "HENGXIN_LOG": "warn"}
        if days:
            library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
            # Timers go on as they do. The command of the package would stand between us and the service.
            environment |= {"LD_PRELOAD": str(library), "FAKETIME": f"+{days}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.process = subprocess.Popen(
            [binary, "serve", "--data", data, "--listen", f"127.0.0.1:{grpc_port}", "--console", f"127.0.0.1:{web_port}"]
            + ["--console-url", self.console, "--typesetter", typesetter],
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        for line in self.process.stdout:
            if line.startswith("console on "):
                break
        else:
            raise AssertionError("the service ended before it served")
        self.client = Client(f"127.0.0.1:{grpc_port}")

    def issue(self, kind):
        period = {"from": "2022-11-01"} if kind == SPECIAL else {}
        fields = {"fields": ["market-regulation"]} if kind == EVALUATION else {}
        return self.client.call(
            REPORTS, "IssueReport", enterprise=SAMPLE, kind=kind, as_of=AS_OF, request_id=str(uuid.uuid4()), **period, **fields
        ).report

    def pdf(self, report):
        return self.client.call(REPORTS, "RenderReport", number=report.number, verify_url=f"{self.console}/verify").pdf

    def page(self, path):
        with urllib.request.urlopen(path if path.startswith("http") else self.console + path, timeout=60) as answer:
            return answer.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def squeezed(text):
    """A text without blanks and places to break a line: a page breaks lines where it likes."""
    return re.sub(r"[\s\u200b\u00ad]+", "", text)


def text_of(pdf, folder):
    path = folder / "report.pdf"
    path.write_bytes(pdf)
    return squeezed(subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True).stdout)


def decoded(picture):
    """What the QR code of a picture says, by a decoder that knows nothing of us."""
    told = subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True)
    assert told.returncode == 0, f"no code in {picture}: {told.stderr}"
    return told.stdout.strip()


def qr_of_pdf(pdf, folder):
    (folder / "qr.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", "200", "-png", "-f", "1", "-l", "1", "-singlefile", folder / "qr.pdf", folder / "paper"]
    subprocess.run(command, check=True)
    return decoded(folder / "paper.png")


def qr_of_page(address, folder):
    picture = folder / "screen.png"
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1000,1200", "--force-device-scale-factor=3"]
    subprocess.run(command + [f"--screenshot={picture}", address], check=True, capture_output=True, timeout=120)
    return decoded(picture)


def values(report):
    """What the report says and its reader must find."""
    yield from [report.number, report.verification_code, report.display_name, SAMPLE, report.as_of, report.valid_until]
    yield from report.statements
    for section in report.sections:
        yield section.title
        for record in section.records:
            yield from [record.title, record.occurred_on, *(field.value for field in record.fields if not field.masked)]
    for tier in report.tiers:
        yield from [tier.policy.title, tier.title, *(measure.title for measure in tier.measures)]
        for result in [tier.public_result, tier.industry_result]:
            yield from [result.standard.title, result.score.decimal, result.grade.grade]
            yield from (finding.title for finding in result.findings)
            for line in result.explanation.lines:
                yield from [line.title, line.points.decimal]


class Papers:
    """The three reports, each with its PDF."""

    def __init__(self, service, folder):
        self.service, self.folder = service, folder
        self.all = {kind: service.issue(kind) for kind in [PUBLIC, EVALUATION, SPECIAL]}
        self.pdfs = {kind: service.pdf(report) for kind, report in self.all.items()}


def each_is_a_pdf_that_says_what_the_report_says(papers):
    for kind, report in papers.all.items():
        text = text_of(papers.pdfs[kind], papers.folder)
        told = [value for value in values(report) if value]
        assert len(told) > 20, (kind, told)
        # Minus signs of print are others than those of programs.
        text = text.replace("−", "-")
        missing = [value for value in told if squeezed(value) not in text]
        assert not missing, f"report {kind} does not say {missing[:10]} in:\n{text[:3000]}"
    evaluated = papers.all[EVALUATION]
    assert evaluated.tiers and not papers.all[PUBLIC].tiers, "tiers stand in one kind only"
    assert not re.search(r"\d(yuan|days|months|years)", text_of(papers.pdfs[EVALUATION], papers.folder)), "units are Chinese"


def the_page_says_what_the_document_says(papers):
    for kind, report in papers.all.items():
        page = html.unescape(re.sub(r"<[^>]*>", "", papers.service.page(f"/reports/{report.number}").decode()))
        missing = [value for value in values(report) if value and squeezed(value) not in squeezed(page).replace("−", "-")]
        # Results by title and lines stand on both; what has no place on the page is none.
        assert not missing, f"page {kind} does not say {missing[:10]}"


def twice_fetched_from_either_side_it_is_the_same_bytes(papers):
    for kind, report in papers.all.items():
        first = papers.pdfs[kind]
        assert first.startswith(b"%PDF-"), first[:20]
        assert first == papers.service.pdf(report), f"report {kind} is set differently"
        assert first == papers.service.page(f"/reports/{report.number}/pdf"), f"the console sends another {kind}"


def the_code_on_paper_and_on_screen_opens_the_check(papers):
    for kind, report in papers.all.items():
        expected = f"{papers.service.console}/verify?number={report.number}&code={report.verification_code}"
        assert qr_of_pdf(papers.pdfs[kind], papers.folder) == expected, f"the paper of {kind}"
        if kind == EVALUATION:
            address = f"{papers.service.console}/reports/{report.number}"
            assert qr_of_page(address, papers.folder) == expected, "the screen"
        checked = papers.service.page(expected).decode()
        assert "报告真实有效" in checked and report.display_name in checked and report.valid_until in checked, checked


def a_slip_in_number_or_code_is_told(papers):
    report = papers.all[PUBLIC]
    slip = lambda text: text[:-1] + ("A" if text[-1] != "A" else "B")
    for number, code in [(report.number, slip(report.verification_code)), (report.number[:-1] + "9", report.verification_code)]:
        checked = papers.service.page(f"/verify?number={number}&code={code}").decode()
        assert "没有与此编号和校验码相符的报告" in checked and "报告真实" not in checked, checked


def when_its_days_are_over_it_is_told_to_have_expired(papers, last):
    for ahead, expected in [(VALID_DAYS, "报告真实有效"), (VALID_DAYS + 1, "报告真实，但已过有效期")]:
        service = last(ahead)
        try:
            report = papers.all[PUBLIC]
            checked = service.page(f"/verify?number={report.number}&code={report.verification_code}").decode()
            assert expected in checked, f"{ahead} days later: {checked}"
        finally:
            service.stop()


TESTS = [
    each_is_a_pdf_that_says_what_the_report_says,
    the_page_says_what_the_document_says,
    twice_fetched_from_either_side_it_is_the_same_bytes,
    the_code_on_paper_and_on_screen_opens_the_check,
    a_slip_in_number_or_code_is_told,
]


def attempted(test, *arguments):
    try:
        test(*arguments)
        print(f"{test.__name__} ... ok")
        return True
    except Exception:
        print(f"{test.__name__} ... FAILED")
        traceback.print_exc()
        return False


def main():
    binary, typesetter = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        data = folder / "data"
        demo = [binary, "demo", "--data", data, "--enterprises", "100", "--no-serve"]
        subprocess.run(demo, check=True, capture_output=True, cwd=home)
        ports = free_port(), free_port()
        service = Service(binary, typesetter, data, ports)
        begun = time.monotonic()
        try:
            papers = Papers(service, folder)
            print(f"three reports issued and set in {time.monotonic() - begun:.1f} s")
            passed = [attempted(test, papers) for test in TESTS]
        finally:
            service.stop()
        later = lambda days: Service(binary, typesetter, data, ports, days)
        passed.append(attempted(when_its_days_are_over_it_is_told_to_have_expired, papers, later))
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
