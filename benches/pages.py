#!/usr/bin/env python3
"""How soon the console answers: one visitor on loopback, one page after another, standard library only.

    benches/pages.py HENGXIN DATA [TURNS]

HENGXIN is the built program, DATA a data folder that holds enterprises (`hengxin demo --no-serve` makes one; so does the
benchmark `search`, with a million). The service is started on free ports over it, and the pages are asked for TURNS times
(default 50) each, of other enterprises every time. Printed: median, slowest but one in a hundred, slowest, in milliseconds, and
bytes of the page. What is timed is the answer of the server to the last byte, not what a browser makes of it.
"""

import json
import re
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request


def main() -> None:
    hengxin, data = sys.argv[1:3]
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    service = subprocess.Popen(
        [hengxin, "serve", "--data", data, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        console = next(line.split()[-1] for line in service.stdout if line.startswith("console on")).rstrip("/")
        measure(console, turns)
    finally:
        service.terminate()
        service.wait()


def get(address: str) -> tuple[float, str]:
    begun = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        page = answer.read().decode()
    return (time.perf_counter() - begun) * 1000, page


def measure(console: str, turns: int) -> None:
    # Names and codes to ask for: whoever is found under a common word.
    codes, names, page = [], [], get(f"{console}/find?q={urllib.parse.quote('公司')}")[1]
    while len(codes) < turns:
        codes += re.findall(r'class="code">(9[0-9A-Z]{17})<', page)
        names += re.findall(r"<bdi>([^<]{4,})</bdi></a>", page)
        following = re.search(r'<a class="button" href="(/find[^"]+)"', page)
        if not following:
            break
        page = get(console + following.group(1).replace("&#38;", "&").replace("&amp;", "&"))[1]
    word = lambda n: urllib.parse.quote(names[n % len(names)][2:6])
    code = lambda n: codes[n % len(codes)]
    field = "field=market-regulation"
    pages = {
        "overview": lambda n: f"/?{field}",
        "find by a part of a name": lambda n: f"/find?q={word(n)}",
        "find by name, tier and region": lambda n: f"/find?q={urllib.parse.quote('公司')}&{field}&tier=1&region=330000",
        "enterprise": lambda n: f"/enterprises/{code(n)}?{field}",
        "what would change it": lambda n: f"/enterprises/{code(n)}/change?{field}",
        "standard": lambda n: "/standards/public-comprehensive/2026.1",
        "form of a report": lambda n: f"/reports/new?enterprise={code(n)}",
    }
    for title, path in pages.items():
        first, page = get(console + path(0))
        times = sorted(get(console + path(n))[0] for n in range(1, turns + 1))
        print(f"{title:32} p50 {statistics.median(times):7.1f}  p99 {times[-(len(times) // 100) - 1]:7.1f}  "
              f"slowest {times[-1]:7.1f}  first {first:7.1f}  {len(page.encode()) // 1024} KiB")
    print(json.dumps({"enterprises": len(codes)}))


if __name__ == "__main__":
    main()
