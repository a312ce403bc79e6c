"""Runs a command and writes its seconds by the clock, processor seconds and peak MiB to a file, as JSON.

    clock.py FILE COMMAND …

A program of its own, without imports that weigh: the peak of a process is never less than what held the one that started it.
"""

import json
import os
import subprocess
import sys
import time

file, *command = sys.argv[1:]
begun = time.perf_counter()
process = subprocess.Popen(command)
_, status, used = os.wait4(process.pid, 0)
seconds = time.perf_counter() - begun
process.returncode = os.waitstatus_to_exitcode(status)
with open(file, "w", encoding="utf-8") as out:
    json.dump({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}, out)
sys.exit(process.returncode if process.returncode >= 0 else 128 - process.returncode)
