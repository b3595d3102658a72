"""Runs package overlap and anonlink side by side on the same filters and one core.

    python3 -m venv /tmp/anonlink && /tmp/anonlink/bin/pip install anonlink
    /tmp/anonlink/bin/python testdata/beside_anonlink.py [OTHER_DIR]

from linkage/overlap. It builds the package's test binary, has it write two sets of
filters, and then takes turns: anonlink, package, anonlink, package. CPU time is counted
and the best of each taken, so that other work on the machine weighs little on either.
Prints a table.

With OTHER_DIR, filters from there are used instead: a.filters and b.filters, 128 bytes
each, one after the other.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from anonlink.similarities import dice_coefficient_accelerated
from bitarray import bitarray

BYTES = 128
THRESHOLDS = ["0.75", "0.80", "0.85", "0.90"]
TURNS = 3


def read(path):
    raw = open(path, "rb").read()
    filters = []
    for i in range(0, len(raw), BYTES):
        f = bitarray(endian="little")
        f.frombytes(raw[i:i + BYTES])
        filters.append(f)
    return filters


def main():
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    theirs, ours, clock = {}, {}, [0.0]
    with tempfile.TemporaryDirectory() as work:
        binary = os.path.join(work, "overlap.test")
        subprocess.run(["go", "test", "-c", "-o", binary, "."], check=True)
        if len(sys.argv) > 1:
            for name in ("a.filters", "b.filters"):
                shutil.copy(os.path.join(sys.argv[1], name), work)

        def package():
            run = subprocess.run([binary, "-test.run=^TestBeside$", "-test.v"], capture_output=True, text=True,
                                 env={**os.environ, "COHORTLINK_BESIDE": work})
            if run.returncode:
                sys.exit(run.stdout + run.stderr)
            for line in run.stdout.splitlines():
                if "beside " in line:
                    kernel, what, hits, check, rate, fill = line.split("beside ")[1].split()
                    result = (float(rate), int(hits), int(check), float(fill))
                    ours[what, kernel] = max(result, ours.get((what, kernel), result))
                if "clock " in line:
                    clock[0] = max(clock[0], float(line.split("clock ")[1].split()[0]))

        package()  # writes the filters where they are not there
        a, b = read(os.path.join(work, "a.filters")), read(os.path.join(work, "b.filters"))
        for _ in range(TURNS):
            for t in THRESHOLDS:
                began = time.process_time()
                similarities, _ = dice_coefficient_accelerated((a, b), float(t))
                rate = len(a) * len(b) / (time.process_time() - began) / 1e6
                theirs[t] = (max(rate, theirs.get(t, (0,))[0]), len(similarities))
            package()

    fill = next(iter(ours.values()))[3]
    print(f"{len(a)} x {len(b)} filters of {BYTES * 8} bits, fill {fill:.2f}, clock {clock[0]:.2f} GHz")
    print("| t | kernel | Mpairs/s | cycles a pair | anonlink, Mpairs/s | times anonlink | checkpoint | hits, anonlink's |")
    print("|---|---|---|---|---|---|---|---|")
    for t in ["full"] + THRESHOLDS:
        for (what, kernel), (rate, hits, check, _) in ours.items():
            if what != t:
                continue
            row = [t, kernel, f"{rate:.0f}", f"{clock[0] * 1e3 / rate:.2f}"]
            if t in theirs:
                row += [f"{theirs[t][0]:.0f}", f"{rate / theirs[t][0]:.1f}", str(check), f"{hits}, {theirs[t][1]}"]
            else:
                row += ["", "", "", ""]
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
