"""Rows per second of processor time, clkhash and this package side by side on the same rows and schema, with the same CLKs:

    python3 speed.py SCHEMA.json ROWS.csv [SECRET]

Each has one process and one core; clkhash runs as its command line does (validation on). Processor time, not the clock, so that a
busy machine is unfair to neither; the best of three. Ours is from CSV to CLKs with a cache that begins empty at every pass, and the
benchmark compares every CLK with clkhash's before it measures. Linux and macOS only.
"""
import os
import sys
import tempfile
import subprocess
import time

from clkhash import clk, schema, serialization

if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
schema_path, csv_path = map(os.path.abspath, sys.argv[1:3])
secret = sys.argv[3] if len(sys.argv) > 3 else "secret"
here = os.path.dirname(os.path.abspath(__file__))
folder = tempfile.mkdtemp()
answers, binary = os.path.join(folder, "clks.txt"), os.path.join(folder, "clkhash.test")


def peer():
    """One run in a process of its own, so that clkhash's caches are as empty as a user's."""
    if os.fork() == 0:
        with open(schema_path) as f:
            s = schema.from_json_file(f)
        with open(csv_path) as f:
            start = time.process_time()
            clks = clk.generate_clk_from_csv(f, secret, s, progress_bar=False, max_workers=1)
            seconds = time.process_time() - start
        with open(answers, "w") as f:
            f.write("%d %f\n" % (len(clks), seconds))
            for c in clks:
                f.write(serialization.serialize_bitarray(c) + "\n")
        os._exit(0)
    _, status = os.wait()
    if status:
        sys.exit("clkhash failed")
    with open(answers) as f:
        rows, seconds = f.readline().split()
        return int(rows), float(seconds)


def passes(n):
    """Processor time of n passes over the file and whatever comes before them."""
    child = subprocess.Popen([binary, "-test.run", "^$", "-test.bench", "^BenchmarkFile$", "-test.benchtime", "%dx" % n, "-test.cpu", "1"],
                             cwd=os.path.dirname(here), env={**os.environ, "CLKHASH_SPEED": "\n".join([schema_path, csv_path, secret, answers])},
                             stdout=subprocess.PIPE, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status or "rows/s" not in out:
        sys.exit("the benchmark failed:\n" + out)
    return usage.ru_utime + usage.ru_stime


subprocess.run(["go", "test", "-c", "-o", binary, "."], cwd=os.path.dirname(here), check=True)
rows, theirs = min(peer() for _ in range(3))
few, many = 3, 23
ours = min((passes(many) - passes(few)) / (many - few) for _ in range(3))
print("%d rows\nclkhash  %10.0f rows/s\nhere     %10.0f rows/s\nratio    %10.1f" % (rows, rows / theirs, rows / ours, theirs / ours))
