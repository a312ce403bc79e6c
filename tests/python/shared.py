"""`deploy/trial` for real: one PostgreSQL, two servers of the built binary, mutual TLS, access rules, and a client that knows
nothing but reflection. A bank is shown less than a regulator, and a value changed in the database is named by the log.

Usage: shared.py HENGXIN_BINARY
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIAL = Path(__file__).parents[2] / "deploy" / "trial"


def main():
    binary = os.path.abspath(sys.argv[1])
    environment = {**os.environ, "HENGXIN": binary, "PYTHON": sys.executable}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "trial"
        up = subprocess.Popen([TRIAL, "up", folder], env=environment, cwd=home, start_new_session=True)
        try:
            begun = time.monotonic()
            while not (folder / "database").exists():
                assert up.poll() is None, f"the trial ended with {up.returncode}"
                assert time.monotonic() - begun < 180, "the trial is not ready after three minutes"
                time.sleep(0.2)
            asked = subprocess.run([TRIAL, "ask", folder], env=environment, cwd=home, capture_output=True, text=True, timeout=180)
            told = asked.stdout + asked.stderr
            assert asked.returncode == 0, told
            for expected in [
                "nothing masked",
                "kinds are masked",
                "bank: PERMISSION_DENIED: no rule permits LedgerService.ListFacts for `bank`",
                "row 7 of `tiers` no longer says what was logged",
                "signed heads are what was recorded",
            ]:
                assert expected in told, f"`{expected}` is not in:\n{told}"
            print(told)
        finally:
            os.killpg(up.pid, signal.SIGINT)
            up.wait(timeout=30)
    print("shared.py: 1 test passed")


if __name__ == "__main__":
    main()
